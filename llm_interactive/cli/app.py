"""The command and its list of subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from llm_interactive import __version__
from llm_interactive.cli.compare import compare
from llm_interactive.cli.evaluate import evaluate
from llm_interactive.cli.export import export
from llm_interactive.cli.prompts import prompts
from llm_interactive.cli.serve import serve

app = typer.Typer(
    help="A Label Studio ML backend that labels with chat LLMs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# A module that the server does not need is imported by the subcommand that does, so that the server starts sooner.
app.command()(serve)
app.command()(evaluate)
app.command()(compare)
app.command()(export)
app.add_typer(prompts, name="prompts")


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
