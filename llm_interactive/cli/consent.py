"""The question before something is paid for or changed."""

from __future__ import annotations

import typer

DECLINED, STOPPED = 2, 130
"""Exit status where the answer is not yes, and after Ctrl-C."""


def ask(question: str) -> None:
    """Go on only after a yes.

    Raises:
        Exit: the answer is another one, there is none, or Ctrl-C is.
    """
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise typer.Exit(STOPPED) from None
        typer.echo("\nThere is nobody to answer. --yes starts without the question.", err=True)
        agreed = False
    if not agreed:
        raise typer.Exit(DECLINED)
