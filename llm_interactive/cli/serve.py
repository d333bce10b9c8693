"""`llm-interactive serve`: check the settings, then become gunicorn."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile

import typer

from llm_interactive.settings import Settings, SettingsError

_NO_LABEL_STUDIO_ML = "label-studio-ml is not installed: pip install --no-deps label-studio-ml==1.0.9"


def serve() -> None:
    """Serve the backend on HOST and PORT (127.0.0.1:9090).

    Settings are environment variables; the README lists them. A wrong one stops the start with one line.

    \b
    Example:
      OPENAI_API_KEY=sk-... OPENAI_MODEL=gpt-4o-mini llm-interactive serve
    """
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        raise _refuse(str(error)) from None
    if importlib.util.find_spec("label_studio_ml") is None:
        raise _refuse(_NO_LABEL_STUDIO_ML)
    if settings.workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        # Where the workers' counters meet, so that /metrics is of all of them; gunicorn's configuration removes it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="llm-interactive-")
    command = [sys.executable, "-m", "gunicorn", *_arguments(settings)]
    os.execv(sys.executable, command)  # noqa: S606


def _arguments(settings: Settings) -> list[str]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return [
        *("--config", "python:llm_interactive.web.gunicorn_conf"),
        *("--bind", f"{host}:{settings.port}"),
        *("--workers", str(settings.workers)),
        *("--threads", str(settings.threads)),
        "llm_interactive.web.wsgi:app",
    ]


def _refuse(message: str) -> typer.Exit:
    typer.echo(f"llm-interactive: {message}", err=True)
    return typer.Exit(2)
