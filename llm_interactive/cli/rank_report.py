"""`llm-interactive rank report`: which model people prefer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer

from llm_interactive.cli.annotated import NOTHING, HtmlFile, JsonFile, Opened, ProjectId, opened, stopped, write_whole
from llm_interactive.errors import LabelingConfigError, SetupError

if TYPE_CHECKING:
    from llm_interactive.export.comparisons import Comparison
    from llm_interactive.label_studio.records import Project
    from llm_interactive.ranking.report import RankingReport
    from llm_interactive.store.rankings import Ranked


def report(project: ProjectId, html: HtmlFile = None, json: JsonFile = None) -> None:
    """Say which model people prefer, by what they ranked in a project that `rank create` made.

    LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where the project is; whose replies it shows stands in the backend's
    database. Skipped tasks and drafts do not count. Exits with 0, with 1 if there is nothing to compare, with 2 after
    an error.

    \b
    Example:
      llm-interactive rank report --project 31 --html report.html
    """
    with opened() as found:
        from llm_interactive.evaluation.documents import Heading
        from llm_interactive.ranking.ballots import ballots_in
        from llm_interactive.ranking.documents import ranking_json, ranking_page
        from llm_interactive.ranking.report import ranking_report

        ranking = found.studio.project(project)
        known, comparison = _known(found, ranking), _comparison(ranking)
        ballots = ballots_in(found.tasks(project), comparison, known)
        # All its tasks are replies to those of one project.
        made = ranking_report(ballots, found.spent(next(iter(known.values())).source))
        if made is None:
            raise stopped(f"Nobody has ranked replies of two models in project {project} yet.", NOTHING)
        _print(made, to_stderr=str(json) == "-")
        heading = Heading(ranking, "", partial(found.link, project), {})
        write_whole(json, ranking_json(heading, made))
        write_whole(html, ranking_page(heading, made, as_pairs=comparison.control.tag == "Pairwise"))


def _known(found: Opened, project: Project) -> dict[str, Ranked]:
    known = found.store.rankings.of(project.key) if found.store else {}
    if not known:
        raise SetupError(
            f"The database does not know whose replies project {project.id} shows. `rank report` needs the one with "
            "which `rank create` made the project (DATABASE_URL or MODEL_DIR)."
        )
    return known


def _comparison(project: Project) -> Comparison:
    from llm_interactive.export.comparisons import Comparison

    found = Comparison.of(project.labeling_config, "Pairwise") or Comparison.of(project.labeling_config, "Ranker")
    if found is None:
        raise LabelingConfigError("The project's labeling config has no Pairwise and no Ranker any more.")
    return found


def _print(made: RankingReport, *, to_stderr: bool) -> None:
    say = partial(typer.echo, err=to_stderr)
    say(made.sentence)
    for duel in made.duels:
        counts = (len(duel.rate.won), len(duel.rate.tied), len(duel.rate.lost))
        say(f"  {duel.first} against {duel.second}: {counts[0]:,} won, {counts[1]:,} tied, {counts[2]:,} lost")
    for caution in made.cautions:
        say(f"  {caution}")
