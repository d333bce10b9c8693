"""`llm-interactive compare`: which of two model versions is better on the same tasks."""

from __future__ import annotations

from typing import Annotated

import typer

from llm_interactive.cli.annotated import (
    NOTHING,
    HeldOut,
    HtmlFile,
    JsonFile,
    ProjectId,
    Reference,
    annotated,
    stopped,
    write_whole,
)


def compare(
    project: ProjectId,
    first: Annotated[str, typer.Argument(metavar="A", help="A model version.", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="B", help="The one to compare with it.", show_default=False)],
    reference: Reference = None,
    held_out: HeldOut = False,
    html: HtmlFile = None,
    json: JsonFile = None,
) -> None:
    """Say which of two model versions is better, on the tasks that both answered and people annotated.

    LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where the project is. Exits with 0, with 1 if there is nothing to
    compare, with 2 after an error.

    \b
    Example:
      llm-interactive compare --project 12 gpt-4o-mini/1f0c6a2e gpt-4o-mini/9b31d770 --html comparison.html
    """
    with annotated(project, reference, [first, second], held_out=held_out) as found:
        from llm_interactive.evaluation.comparison import compare as compared
        from llm_interactive.evaluation.documents import comparison_json, comparison_page
        from llm_interactive.evaluation.report import why_nothing_is_right

        comparisons = compared(found.material, found.reference, first, second, found.spent)
        if not comparisons:
            why = why_nothing_is_right(found.material, found.reference)
            why = why or "no annotated task has predictions of both versions"
            raise stopped(f"Project {project} has nothing to compare: {why}.", NOTHING)
        for one in comparisons:
            typer.echo(f"{one.output}: {one.sentence}", err=str(json) == "-")
        write_whole(json, comparison_json(found.heading, comparisons))
        write_whole(html, comparison_page(found.heading, comparisons, first, second))
