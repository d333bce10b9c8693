"""`llm-interactive rank report`: which model people prefer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer

from llm_interactive.cli.annotated import NOTHING, HtmlFile, JsonFile, ProjectId, opened, stopped, write_whole

if TYPE_CHECKING:
    from llm_interactive.ranking.report import RankingReport


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
        from llm_interactive.ranking.ballots import ballots_in, known_replies
        from llm_interactive.ranking.documents import ranking_json, ranking_page
        from llm_interactive.ranking.form import comparison_of
        from llm_interactive.ranking.report import ranking_report

        ranking = found.studio.project(project)
        rankings = found.store.rankings if found.store else None
        known, comparison = known_replies(rankings, ranking), comparison_of(ranking.labeling_config)
        ballots = ballots_in(found.tasks(project), comparison, known)
        judges = ballots.judged(rankings.verdicts(ranking.key) if rankings else {})
        # All its tasks are replies to those of one project.
        made = ranking_report(ballots, found.spent(next(iter(known.values())).source), judges)
        if made is None:
            raise stopped(f"Nobody has ranked replies of two models in project {project} yet.", NOTHING)
        _print(made, to_stderr=str(json) == "-")
        heading = Heading(ranking, "", partial(found.link, project), {})
        write_whole(json, ranking_json(heading, made))
        write_whole(html, ranking_page(heading, made, as_pairs=comparison.control.tag == "Pairwise"))


def _print(made: RankingReport, *, to_stderr: bool) -> None:
    from llm_interactive.evaluation.documents import number, percent

    say = partial(typer.echo, err=to_stderr)
    say(made.sentence)
    for duel in made.duels:
        counts = (len(duel.rate.won), len(duel.rate.tied), len(duel.rate.lost))
        say(f"  {duel.first} against {duel.second}: {counts[0]:,} won, {counts[1]:,} tied, {counts[2]:,} lost")
    for row in made.agreement:
        who = f"{row.version} agrees with people" if row.version else "people agree with each other"
        say(f"  {who} on {percent(row.likeness)} of {row.pairs:,} pairs, kappa {number(row.kappa)}")
    for caution in made.cautions:
        say(f"  {caution}")
