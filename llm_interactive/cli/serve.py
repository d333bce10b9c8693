"""`llm-interactive serve`: check the settings, then become gunicorn."""

from __future__ import annotations

import difflib
import errno
import importlib.util
import os
import socket
import sys

import typer

from llm_interactive import __version__
from llm_interactive.settings import Settings, SettingsError, without_user_info

_NO_LABEL_STUDIO_ML = "label-studio-ml is not installed: pip install --no-deps label-studio-ml==1.0.9"

_UPGRADE_SECONDS = 3600.0


def serve() -> None:
    """Serve the backend on HOST and PORT (127.0.0.1:9090).

    Settings are environment variables; docs/settings.md lists them. A wrong one stops the start with one line.

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
    if _is_taken(settings):
        raise _refuse(f"PORT={settings.port} is taken on {settings.host}. Set another PORT.")
    _upgrade_database(settings)
    for line in _announcement(settings):
        typer.echo(f"llm-interactive: {line}", err=True)
    command = [sys.executable, "-m", "gunicorn", *_arguments(settings)]
    os.execv(sys.executable, command)  # noqa: S606


def _upgrade_database(settings: Settings) -> None:
    """Bring the database's schema up to date before workers with a time-out wait for it."""
    import sqlalchemy as sa

    from llm_interactive.store.engines import engine_of
    from llm_interactive.store.schema import SchemaError, upgrade
    from llm_interactive.store.tables import MIGRATIONS

    engine = engine_of(settings.sqlalchemy_url, patience=_UPGRADE_SECONDS)
    try:
        upgrade(engine, MIGRATIONS)
    except SchemaError as error:
        raise _refuse(str(error)) from None
    except (sa.exc.SQLAlchemyError, OSError):
        pass  # it is away: the workers go on without it, and say so
    finally:
        engine.dispose()


def _is_taken(settings: Settings) -> bool:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _announcement(settings: Settings) -> list[str]:
    """What an operator wants to know at the start: whom it asks, where it listens, and what may be wrong."""
    address = {
        "openai": settings.openai_base_url or "OpenAI",
        "azure": settings.azure_resource_endpoint or "Azure, whose AZURE_RESOURCE_ENDPOINT is not set",
        "ollama": settings.ollama_endpoint,
    }[settings.openai_provider]
    key = "set" if settings.openai_api_key else "not set"
    port = f"{settings.host}:{settings.port}"
    lines = [
        f"version {__version__} asks {settings.model} at {without_user_info(address)}, OPENAI_API_KEY is {key}; "
        f"it listens on {port}, and http://{port}/ shows what goes on"
    ]
    if settings.host not in ("127.0.0.1", "::1", "localhost") and settings.basic_auth_user is None:
        lines.append("whoever reaches the port can use your key: set BASIC_AUTH_USER and BASIC_AUTH_PASS")
    ours = [name.upper() for name in Settings.model_fields]
    others = sorted(set(os.environ) - set(ours))
    meant = {name: difflib.get_close_matches(name, ours, n=1, cutoff=0.85) for name in others}
    return [*lines, *(f"{name} is no setting: is {close[0]} meant?" for name, close in meant.items() if close)]


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
