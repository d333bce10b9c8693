"""`llm-interactive rank report`: which model people prefer."""

from __future__ import annotations

from functools import partial
from textwrap import shorten
from typing import TYPE_CHECKING

import typer

from llm_interactive.cli.annotated import NOTHING, HtmlFile, JsonFile, Opened, ProjectId, opened, stopped, write_whole

if TYPE_CHECKING:
    from llm_interactive.evaluation.agreement import Agreement
    from llm_interactive.label_studio.records import Project
    from llm_interactive.ranking.ballots import Ballots
    from llm_interactive.ranking.report import RankingReport


def report(project: ProjectId, html: HtmlFile = None, json: JsonFile = None) -> None:
    """Say which model people prefer, by what they ranked in a project that `rank create` made, or by which of two
    responses in one form they chose.

    LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where the project is; whose replies it shows stands in the backend's
    database. Skipped tasks and drafts do not count. Exits with 0, with 1 if there is nothing to compare, with 2 after
    an error.

    \b
    Example:
      llm-interactive rank report --project 31 --html report.html
    """
    with opened() as found:
        from llm_interactive.evaluation.documents import Heading
        from llm_interactive.ranking.documents import ranking_json, ranking_page

        ranking = found.studio.project(project)
        made, as_pairs = _report(found, ranking)
        _print(made, to_stderr=str(json) == "-")
        heading = Heading(ranking, "", partial(found.link, project), {})
        write_whole(json, ranking_json(heading, made))
        write_whole(html, ranking_page(heading, made, as_pairs=as_pairs))


def _report(found: Opened, project: Project) -> tuple[RankingReport, bool]:
    """The report, and whether replies stand side by side."""
    from llm_interactive.ranking.ballots import ballots_in, known_replies
    from llm_interactive.ranking.form import comparison_of
    from llm_interactive.ranking.preferences import by_model, forms_with_rivals, preferences_in
    from llm_interactive.ranking.report import ranking_report

    rankings = found.store.rankings if found.store else None
    known, forms = known_replies(rankings, project), forms_with_rivals(project.labeling_config, found.settings)
    if forms:
        known, as_pairs = by_model(known), True
        ballots = preferences_in(found.tasks(project.id), forms, known)
        made = ranking_report(ballots, found.spent(project.key, by_model=True))
    else:
        comparison = comparison_of(project.labeling_config)
        as_pairs = comparison.control.tag == "Pairwise"
        ballots = ballots_in(found.tasks(project.id), comparison, known)
        judges = ballots.judged(rankings.verdicts(project.key) if rankings else {})
        # All its tasks are replies to those of one project.
        spent, prompts = (
            found.spent(next(iter(known.values())).source),
            rankings.prompts(project.key) if rankings else {},
        )
        made = ranking_report(ballots, spent, judges, prompts)
    if made is None:
        whose = {name for one in known.values() for names in one.versions.values() for name in names}
        why = f"All replies in project {project.id} are by {min(whose)}, so there is nothing to compare."
        raise stopped(why if len(whose) == 1 else _nobody_said(project, ballots), NOTHING)
    return made, as_pairs


def _nobody_said(project: Project, ballots: Ballots) -> str:
    reasons = []
    if ballots.untouched:
        reasons.append(f"{ballots.untouched:,} of {len(ballots.cast):,} rankings are just the order shown")
    if ballots.unknown:
        reasons.append(f"the database does not know whose replies {ballots.unknown:,} tasks show")
    why = f": {' and '.join(reasons)}." if reasons else "."
    return f"Nobody has said yet which reply of two models is better in project {project.id}{why}"


def _print(made: RankingReport, *, to_stderr: bool) -> None:
    say = partial(typer.echo, err=to_stderr)
    say(made.sentence)
    for duel in made.duels:
        counts = (len(duel.rate.won), len(duel.rate.tied), len(duel.rate.lost))
        say(f"  {duel.first} against {duel.second}: {counts[0]:,} won, {counts[1]:,} tied, {counts[2]:,} lost")
    if made.shows_prompts:
        for one in made.contestants:
            say(f"  {one.version}: {begin(one.prompt)}")
    for row in made.agreement:
        say(f"  {agreement_text(row)}")
    for caution in made.cautions:
        say(f"  {caution}")


def begin(prompt: str) -> str:
    """The first words of a prompt, by which it is known again."""
    return shorten(prompt, 80, placeholder=" …")


def agreement_text(row: Agreement) -> str:
    """How far people agree with each other, or a judge with them."""
    from llm_interactive.evaluation.documents import number, percent

    who = f"{row.version} agrees with people" if row.version else "people agree with each other"
    return f"{who} on {percent(row.likeness)} of {row.pairs:,} pairs, kappa {number(row.kappa)}"
