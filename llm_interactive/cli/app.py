"""The command and its subcommands, each a module of this package that is loaded when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from llm_interactive import __version__

_COMMANDS = ("serve", "label", "evaluate", "compare", "export", "rank", "queue", "clean", "prompts")
_LOOKS: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}


class _Commands(TyperGroup):
    """The server starts sooner without what only the other subcommands need."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"{__package__}.{cmd_name}"), cmd_name)
        if not isinstance(command, typer.Typer):
            alone = typer.Typer(**_LOOKS)
            alone.command(cmd_name)(command)
            command = alone
        return get_command(command)


app = typer.Typer(
    cls=_Commands, help="A Label Studio ML backend that labels with chat LLMs.", no_args_is_help=True, **_LOOKS
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"llm-interactive {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of the command itself."""
