"""`llm-interactive evaluate`: how good predictions are, measured against annotations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from llm_interactive.cli.annotated import (
    NOTHING,
    AnnotatedProject,
    HeldOut,
    HtmlFile,
    JsonFile,
    ProjectId,
    Reference,
    annotated,
    stopped,
    write_whole,
)
from llm_interactive.cli.suggestion import SuggestionFile, suggest_into

if TYPE_CHECKING:
    from llm_interactive.evaluation.report import OutputReport

Bound = tuple[str, float]


def _bounds(given: list[str] | None) -> list[str] | None:
    for bound in given or []:
        _bound(bound)
    return given


def evaluate(
    project: ProjectId,
    version: Annotated[
        list[str] | None, typer.Option(help="Only this model version; may be given several times.")
    ] = None,
    output: Annotated[
        list[str] | None, typer.Option(help="Only this control of the form; may be given several times.")
    ] = None,
    reference: Reference = None,
    held_out: HeldOut = False,
    wanted: Annotated[
        float, typer.Option("--accept-at", min=0, max=1, help="Accuracy for which the score's threshold is sought.")
    ] = 0.95,
    tab: Annotated[
        bool,
        typer.Option("--tab", help="Make a tab in the Data Manager of the tasks that the first version has wrong."),
    ] = False,
    suggest: SuggestionFile = None,
    html: HtmlFile = None,
    json: JsonFile = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE=VALUE",
            help="Exit with 1 if a figure is less, as accuracy=0.9 or, for the share of answered tasks, answered=0.95.",
            callback=_bounds,
        ),
    ] = None,
) -> None:
    """Measure a project's predictions against its annotations.

    LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where the project is. Skipped tasks, drafts and error texts do not
    count. With the backend's database, its page of the project shows the newest report, without texts. Exits with 0,
    with 1 if there is nothing to measure or a figure is too low, with 2 after an error.

    \b
    Example:
      llm-interactive evaluate --project 12 --html report.html --tab --fail-under accuracy=0.9
    """
    with annotated(project, reference, version or [], held_out=held_out) as found:
        from llm_interactive.evaluation.documents import evaluation_json, evaluation_page
        from llm_interactive.evaluation.report import evaluate as measured
        from llm_interactive.evaluation.report import why_nothing_is_right

        versions = found.versions
        reports = measured(
            found.material, found.reference, versions, outputs=output or [], wanted=wanted, spent=found.spent
        )
        if not any(figures.n for report in reports for figures in report.versions):
            why = why_nothing_is_right(found.material, found.reference, output or [])
            why = why or "no task has both an annotation and a prediction"
            raise stopped(f"Project {project} has nothing to measure: {why}.", NOTHING)
        _print(reports, to_stderr=str(json) == "-")
        address = _tab(found, reports, versions[0]) if tab else None
        write_whole(json, evaluation_json(found.heading, reports))
        page = partial(evaluation_page, found.heading, reports, tab=address, tab_version=versions[0])
        write_whole(html, page())
        if found.opened.store:
            found.opened.store.evaluations.keep(found.project.key, page(is_kept=True))
        if suggest:
            suggest_into(suggest, found, versions[0], output or [], to_stderr=str(json) == "-")
    missed = [text for bound in fail_under or [] for text in _missed(reports, _bound(bound))]
    if missed:
        raise stopped("; ".join(missed), NOTHING)


def _bound(given: str) -> Bound:
    name, _, value = given.partition("=")
    try:
        least = float(value)
    except ValueError:
        least = math.nan
    if not math.isfinite(least):
        raise typer.BadParameter(f"{given!r} is no figure with a value, as accuracy=0.9.")
    return name.strip(), least


def _missed(reports: Sequence[OutputReport], bound: Bound) -> list[str]:
    """What is below a bound, in words; a figure that nothing has is missed, too."""
    name, least = bound
    values = [
        (report.output, version.version, version.figures()[name])
        for report in reports
        for version in report.versions
        if name in version.figures()
    ]
    if not values:
        return [f"there is no figure {name}"]
    return [
        f"{name} of {output} by {version} is {'unknown' if value is None else f'{value:.3f}'}, less than {least:g}"
        for output, version, value in values
        if value is None or value < least
    ]


def _tab(found: AnnotatedProject, reports: Sequence[OutputReport], version: str) -> str | None:
    """The address of a tab with the tasks that are wrong in any output; None where all are right.

    Free texts, which are hardly ever the same, count only if nothing else is measured.
    """
    judged = [report for report in reports if report.kind != "text"] or reports
    wrong = {case.task for report in judged for one in report.versions if one.version == version for case in one.wrong}
    if not wrong:
        return None
    annotations = [found.material.subjects[task].annotation for task in sorted(wrong)]
    address = found.opened.studio.make_tab(found.project.id, f"Wrong: {version}", annotations)
    typer.echo(f"{len(wrong):,} wrong tasks of {version}: {address}", err=True)
    return address


def _print(reports: Sequence[OutputReport], *, to_stderr: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from llm_interactive.evaluation.documents import number, title_of
    from llm_interactive.evaluation.report import share_name

    # Wider than most windows: a long row that the window wraps can be read, cells that are wrapped cannot.
    console = Console(stderr=to_stderr, width=200)
    for report in reports:
        names = list(report.versions[0].measures.figures)
        title = f"{escape(report.output)} ({report.references:,} tasks with a right value)"
        table = Table(title=title, title_justify="left", box=box.SIMPLE)
        table.add_column("Version", overflow="fold")
        for name in (
            "Tasks",
            f"{title_of(share_name(report.kind))}, %",
            *map(title_of, names),
            "Unanswered",
            "Failed",
            "Missing",
        ):
            table.add_column(name, justify="right")
        for one in report.versions:
            share = one.accuracy
            accuracy = f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]" if share else "–"
            figures = [number(one.measures.figures.get(name)) for name in names]
            counts = map(str, (one.unanswered, one.failed, one.missing))
            table.add_row(escape(one.version), str(one.n), escape(accuracy), *figures, *counts)
        console.print(table)
