"""Runs that pay for replies: whatever ends one, the replies under way are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import typer

from llm_interactive.cli.consent import STOPPED
from llm_interactive.errors import BackendError
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.services import Services
from llm_interactive.settings import Settings, SettingsError

_MOST_CALLS = 2  # for one reply: one that does not fit is asked for again


@contextmanager
def paid_run() -> Iterator[tuple[Services, LabelStudio]]:
    """The parts that a run needs, by the environment's settings; what ends it is one line and an exit status."""
    try:
        with closing(Services.build(Settings.from_environment())) as services, LabelStudio(services.settings) as studio:
            try:
                yield services, studio
            finally:
                _collect(services)
    except KeyboardInterrupt:
        typer.echo("Stopped. What was paid for is kept: the same command goes on from here.", err=True)
        raise typer.Exit(STOPPED) from None
    except (BackendError, SettingsError) as error:
        typer.echo(f"llm-interactive: {error}", err=True)
        raise typer.Exit(2) from None


def _collect(services: Services) -> None:
    """Make no further calls, and keep the replies to those under way."""
    services.stop()
    seconds = _MOST_CALLS * services.settings.llm_timeout
    try:
        if calls := services.dispatcher.under_way:
            typer.echo(
                f"Waiting for the replies under way ({calls}), {seconds:g} seconds at most: they are paid for. Ctrl-C "
                "again gives them up.",
                err=True,
            )
        services.wind_down(seconds)
    except KeyboardInterrupt:
        services.running.answer_now()
        typer.echo("Stopped. The replies under way are given up; all others are kept.", err=True)
        raise typer.Exit(STOPPED) from None
