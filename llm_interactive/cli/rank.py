"""`llm-interactive rank`: people rank replies of several models, and a report says which model is better."""

from __future__ import annotations

import json
import random
from typing import Annotated

import typer

from llm_interactive.cli.consent import ask
from llm_interactive.cli.export import export
from llm_interactive.cli.label import money, plan_text, prompt_of, with_progress
from llm_interactive.cli.paid import paid_run
from llm_interactive.cli.rank_judge import judge
from llm_interactive.cli.rank_report import begin, report
from llm_interactive.errors import PromptError, SetupError
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import Project as StudioProject
from llm_interactive.label_studio.records import Task
from llm_interactive.labeling.split import Split
from llm_interactive.llm.prices import total
from llm_interactive.predict.label_run import as_sent
from llm_interactive.predict.plan import plan
from llm_interactive.predict.project import Project
from llm_interactive.ranking.candidates import Candidates, maker
from llm_interactive.ranking.project import make_project
from llm_interactive.services import Services

_PLANNED_FROM = 50

rank = typer.Typer(
    add_completion=False,
    help="Let people rank replies of several models, and learn which model is better.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@rank.command()
def create(
    source: Annotated[int, typer.Option("--from", help="Number of the project whose tasks are replied to.")],
    models: Annotated[str, typer.Option(help="Models that reply, with commas between; one may be enough with --n.")],
    prompt_file: Annotated[
        list[str] | None,
        typer.Option(
            "--prompt-file",
            "--prompts",
            help="File that holds a prompt; with several, each model replies to each of them. FIELD=FILE where the "
            "form has several prompt fields.",
        ),
    ] = None,
    replies: Annotated[int, typer.Option("--n", min=1, max=16, help="Replies of a model to a prompt.")] = 1,
    overlap: Annotated[int, typer.Option(min=1, max=3, help="People who rank each task.")] = 1,
    held_out: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.9,
            help="Only the tasks that --holdout keeps out of training with the same number. Default: all tasks.",
            show_default=False,
        ),
    ] = 0,
    sample: Annotated[int | None, typer.Option(min=1, help="Take this many tasks, chosen at random.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the new project.", show_default=False)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the start.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Make a project in Label Studio in which people rank replies of several models to the tasks of another one.

    Two replies stand side by side, more in a list. Their order is by chance, and whose they are stands only in the
    backend's database. Replies that were paid for already cost nothing.

    \b
    Example:
      llm-interactive rank create --from 7 --models gpt-4o-mini,my-tuned-model --sample 200 --overlap 2
    """
    with paid_run() as (services, studio):
        found = studio.project(source)
        makers = _makers(services, found, models, prompt_file or [], replies)
        split = Split(found.labeling_config, held_out)
        tasks = _chosen(studio, source, split, sample)
        asked = Candidates(services, makers)
        _show_plan(services, found, asked, tasks)
        if not yes:
            ask("Ask for the replies?")
        with_progress("Asking", asked.ask(tasks), len(makers) * len(tasks))
        made = make_project(services, studio, asked, tasks, split, title or f"Ranking: {found.title}", overlap)
        address = f"{studio.url}/projects/{made.project.id}"
    if as_json:
        summary = {"project": made.project.id, "address": address, "tasks": made.tasks, "left_out": made.left_out}
        typer.echo(json.dumps({**summary, "failed": dict(asked.failed), "prompts": asked.prompts}))
        return
    typer.echo(f"{made.tasks} tasks to rank: {address}")
    if made.left_out:
        typer.echo(f"  {made.left_out} left out: without two different replies")
    for cause, count in asked.failed.most_common():
        typer.echo(f"  {count} replies failed: {cause}")


def _makers(
    services: Services, found: StudioProject, models: str, prompt_files: list[str], replies: int
) -> list[Project]:
    """The project as it is asked by each model with each prompt."""
    services.settings.require_access()
    project = Project.of(found.key, found.labeling_config, services.settings, services.store.project(found.key))
    project = services.examples.added_to(project)
    names = dict.fromkeys(name.strip() for name in models.split(",") if name.strip())
    given = dict.fromkeys(prompt_of(file, project) for file in prompt_files)
    prompts: list[tuple[str | None, str | None]] = [*given] or [(None, None)]
    fields = {field for field, _ in prompts if field} or {form.name for form in project.forms if form.texts}
    if len(fields) > 1:
        raise typer.BadParameter(
            f"Replies to one prompt field are ranked: --prompt-file FIELD=FILE, of {', '.join(sorted(fields))}."
        )
    makers = [maker(project, field, name, prompt, replies) for name in names for field, prompt in prompts]
    if len(makers) * replies < 2:
        raise typer.BadParameter("At least two replies are needed to rank: name several models, prompts, or --n 2.")
    if not all(one.prompt_of(one.forms[0]) for one in makers):
        raise PromptError("The project has no prompt yet. Give one by --prompt-file, or use one in Label Studio.")
    return makers


def _chosen(studio: LabelStudio, project: int, split: Split, sample: int | None) -> list[Task]:
    tasks = list(studio.tasks(project))
    if split.part:
        held_out = [task for task in tasks if split.holds_out(task.data)]
        if not held_out:
            raise SetupError(f"None of the {len(tasks)} tasks is held out. A larger part holds out more.")
        typer.echo(f"{len(held_out)} of {len(tasks)} tasks are held out.", err=True)
        tasks = held_out
    # The same tasks in the next run, whose replies are then paid for.
    return tasks if sample is None else random.Random(project).sample(tasks, min(sample, len(tasks)))  # noqa: S311


def _show_plan(services: Services, found: StudioProject, asked: Candidates, tasks: list[Task]) -> None:
    makers = asked.makers
    some = list(map(as_sent, random.sample(tasks, min(_PLANNED_FROM, len(tasks)))))
    plans = [plan(services, one, some, len(tasks)) for one in makers]
    for one, ahead in zip(makers, plans, strict=True):
        typer.echo(plan_text(found, one, ahead), err=True)
        if len(set(asked.prompts.values())) > 1:
            typer.echo(f"  prompt            {begin(asked.prompts[one.version])}", err=True)
    typer.echo(f"All together: {money(total(ahead.cost for ahead in plans))}", err=True)


rank.command()(export)
rank.command()(judge)
rank.command()(report)
