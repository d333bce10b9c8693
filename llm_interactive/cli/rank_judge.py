"""`llm-interactive rank judge`: an LLM ranks what people rank."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from llm_interactive.cli.annotated import INSTALL, is_installed
from llm_interactive.cli.consent import ask
from llm_interactive.cli.label import plan_text, prompt_in_file, with_progress
from llm_interactive.cli.paid import paid_run
from llm_interactive.cli.rank_report import agreement_text
from llm_interactive.errors import LLMError
from llm_interactive.export.comparisons import SOURCE
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import Project, Task
from llm_interactive.predict.label_run import DROPPED
from llm_interactive.predict.plan import plan
from llm_interactive.ranking.ballots import Ballots, ballots_in, known_replies
from llm_interactive.ranking.form import comparison_of
from llm_interactive.ranking.judge import PROMPT, Judge, relatives
from llm_interactive.services import Services
from llm_interactive.store.rankings import Ranked
from llm_interactive.store.usage import Origin

if TYPE_CHECKING:
    from llm_interactive.evaluation.agreement import Agreement

_PLANNED_FROM = 50


def judge(
    project: Annotated[int, typer.Option("--project", help="Number of the project that `rank create` made.")],
    model: Annotated[str, typer.Option(help="Model that judges.")],
    prompt_file: Annotated[str | None, typer.Option(help="File that says what makes a reply better.")] = None,
    prefill: Annotated[bool, typer.Option("--prefill", help="Show people what the judge says.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the start.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Let an LLM rank the replies that people rank, and give people first what it cannot decide.

    It is asked twice, in both orders: where the answers contradict each other, the replies are as good as each other.
    People do not see what it says, unless --prefill. How far it agrees with what they ranked already is told at once,
    and later by `rank report`.

    \b
    Example:
      llm-interactive rank judge --project 31 --model gpt-4o
    """
    with paid_run() as (services, studio):
        services.settings.require_access()
        found = studio.project(project)
        known = known_replies(services.store.rankings, found)
        criteria = prompt_in_file(prompt_file) if prompt_file else PROMPT
        # All its tasks are of one project.
        source = next(iter(known.values())).source
        judging = Judge(services, found, source, model, criteria)
        _warn_of_relatives(model, known.values())
        tasks = [task for task in studio.tasks(project) if str(task.data.get(SOURCE)) in known]
        some = [judging.asked(task) for task in tasks[:_PLANNED_FROM]]
        ahead = plan(services, judging.project, some, 2 * len(tasks))
        typer.echo(plan_text(found, judging.project, ahead), err=True)
        if not yes:
            ask("Ask the judge?")
        with_progress("Judging", judging.ask(tasks), 2 * len(tasks))
        if not judging.verdicts:
            causes = [cause for cause, _ in judging.failed.most_common(1)]
            raise LLMError(" ".join(["No task is judged.", *causes]))
        dropped = _keep(services, studio, found, judging, tasks, shown=prefill)
        ballots = ballots_in(tasks, comparison_of(found.labeling_config), known)
    _say(judging, dropped, len(tasks), _agreement(judging, ballots), as_json=as_json)


def _warn_of_relatives(judge: str, known: Iterable[Ranked]) -> None:
    versions = {version for one in known for versions in one.versions.values() for version in versions}
    if found := relatives(judge, {Origin("", version).model for version in versions}):
        typer.echo(f"{judge} may like the replies of {', '.join(found)} more: they are related.", err=True)


def _keep(
    services: Services, studio: LabelStudio, ranking: Project, judging: Judge, tasks: Iterable[Task], *, shown: bool
) -> set[int]:
    """Keep the verdicts for the report, and let Label Studio ask by them; gives the tasks whose verdicts it drops.

    What people began their rankings with stays: it tells whether they changed anything.
    """
    version, orders = judging.project.version, judging.orders
    services.store.rankings.save_verdicts(ranking.key, version, orders)
    newest = {task.id: one for task in tasks for one in task.predictions if one.model_version == version}
    predictions = judging.predictions(shown=shown)
    new = (one for one in predictions if not one.is_stored_as(newest.get(one.task)))
    dropped = {task for pushed in studio.push(ranking.id, new) for task in pushed.dropped}
    studio.delete_older(ranking.id, {task.id for task in tasks if not task.annotations} & orders.keys(), version)
    studio.ask_uncertain_first(ranking.id, version, shown=shown)
    return dropped


def _agreement(judging: Judge, ballots: Ballots) -> Agreement | None:
    """How far the judge agrees with people; None where they have not ranked yet, or it cannot be measured."""
    if not ballots.cast:
        return None
    if not is_installed():
        typer.echo(f"People have ranked here already. {INSTALL}", err=True)
        return None
    from llm_interactive.ranking.report import agreement

    judged = ballots.judged({judging.project.version: judging.orders})
    counted = (ballot for ballot in ballots.cast if not ballot.is_untouched)
    return next((row for row in agreement(counted, judged) if row.version), None)


def _say(judging: Judge, dropped: set[int], tasks: int, agreement: Agreement | None, *, as_json: bool) -> None:
    version, failed = judging.project.version, judging.failed + Counter({DROPPED: len(dropped)})
    stored = [verdict for verdict in judging.verdicts if verdict.task.id not in dropped]
    judged, undecided = len(stored), sum(verdict.decided < 1 for verdict in stored)
    if as_json:
        summary = {"model_version": version, "judged": judged, "undecided": undecided, "failed": dict(failed)}
        typer.echo(json.dumps({**summary, "agreement": vars(agreement) if agreement else None}))
        return
    typer.echo(f"{judged} of {tasks} tasks judged by {version}")
    typer.echo(f"  {undecided} undecided, which come first now where the project has one member")
    if agreement:
        typer.echo(f"  {agreement_text(agreement)}")
    for cause, count in failed.most_common():
        typer.echo(f"  {count} failed: {cause}")
