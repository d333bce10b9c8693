"""`python -m llm_interactive`: check the settings, then become gunicorn."""

from __future__ import annotations

import os
import sys
import tempfile

from llm_interactive.settings import Settings, SettingsError


def main() -> None:
    """Replace this process by gunicorn on HOST, PORT with WORKERS and THREADS; exit 2 on a wrong setting."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"llm-interactive: {error}", file=sys.stderr)
        sys.exit(2)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    arguments = [
        *("--bind", f"{host}:{settings.port}"),
        *("--workers", str(settings.workers)),
        *("--threads", str(settings.threads)),
        "_wsgi:app",
    ]
    if settings.workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        # Where the workers' counters meet, so that /metrics is of all of them; gunicorn.conf.py removes it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="llm-interactive-")
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
