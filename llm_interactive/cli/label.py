"""`llm-interactive label`: predictions for a project's tasks, with a plan before and a summary after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from llm_interactive.cli.chosen_tasks import Choice, chosen
from llm_interactive.cli.consent import ask
from llm_interactive.cli.paid import paid_run
from llm_interactive.errors import PromptError, SetupError
from llm_interactive.label_studio.records import Project as StudioProject
from llm_interactive.llm.batch_api import BatchAPI
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.label_run import LabelRun, Summary, as_dict, as_sent
from llm_interactive.predict.plan import Plan, plan
from llm_interactive.predict.project import Project
from llm_interactive.services import Services

_console = Console(stderr=True)


def label(
    project: Annotated[int, typer.Option(help="Number of the project in Label Studio.")],
    prompt_file: Annotated[
        list[str] | None,
        typer.Option(help="File that holds the prompt; FIELD=FILE where the form has several prompt fields."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model to ask instead of OPENAI_MODEL.")] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Label this many tasks, chosen at random from the project, or from the tab."),
    ] = None,
    filter: Annotated[int | None, typer.Option(help="Label the tasks of this Data Manager tab (its number).")] = None,
    task: Annotated[
        str | None, typer.Option(help="Label these tasks: numbers with commas between. Not with --sample or --filter.")
    ] = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Leave out tasks that have a prediction by the same version.")
    ] = False,
    new_examples: Annotated[
        bool,
        typer.Option("--new-examples", help="With FEW_SHOT: choose the tasks that examples come from anew."),
    ] = False,
    accept_above: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Make annotations of predictions with at least this score, where nobody annotated."
        ),
    ] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Stop before this many US dollars are spent.")] = None,
    batch_api: Annotated[
        bool, typer.Option("--batch-api", help="Ask by OpenAI's or Azure's Batch API: half the price, within a day.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Come back to what --batch-api sent: wait for it and store it.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End what --batch-api sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the start.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON; with --resume a list, one for each version.")
    ] = False,
) -> None:
    """Label tasks of a Label Studio project and store the predictions there.

    The project needs no connected model. Replies that were paid for already cost nothing, so that a run that was
    stopped goes on where it was. LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where Label Studio is.

    Exit status: 0 all tasks are labelled, 1 some are not, 2 it did not start, 130 Ctrl-C.

    \b
    Example:
      llm-interactive label --project 7 --sample 200 --max-cost 2
      llm-interactive label --project 7 --batch-api
    """
    from llm_interactive.cli import label_batch  # which imports this module

    choice = Choice.of(sample, filter, task, only_missing=only_missing)
    chooses = choice != Choice() or prompt_file or model or new_examples or max_cost is not None
    if (resume or cancel) and (chooses or (resume and cancel)):
        raise typer.BadParameter(
            "--resume and --cancel are about what was sent: they go neither together nor with tasks, prompts, models "
            "or limits."
        )
    with paid_run() as (services, studio):
        found = studio.project(project)
        if cancel:
            label_batch.cancel(services, found, as_json=as_json)
            return
        if resume:
            raise typer.Exit(label_batch.resume(services, studio, found, accept_above, as_json=as_json))
        asked = services.examples.renewed(
            _project(services, found, prompt_file or [], model), studio, anew=new_examples
        )
        wanted = chosen(studio, project, asked.version, choice)
        ahead = plan(services, asked, list(map(as_sent, wanted.some)), wanted.count, batched=batch_api)
        typer.echo(plan_text(found, asked, ahead), err=True)
        if wanted.unknown:
            typer.echo(f"No task of the project: {', '.join(map(str, wanted.unknown))}.", err=True)
        if not yes:
            ask("Label them?")
        budget = _budget(services, asked, max_cost)
        if batch_api:
            if len(asked.models) > 1:
                raise SetupError("A batch of the Batch API is of one model. Label without --batch-api.")
            with BatchAPI(services.client, services.settings) as api:
                labeling = label_batch.BatchLabeling(services, studio, project, asked, api)
                count = labeling.label(wanted.tasks, wanted.count, budget)
            run = labeling.run
        else:
            run = LabelRun(services, studio, project, asked, budget)
            with_progress("Labeling", run.label(wanted.tasks), count := wanted.count)
        accept(run, accept_above)
    typer.echo(json.dumps(as_dict(run.summary, count)) if as_json else summary_text(run.summary, count))
    if run.summary.done < count or wanted.unknown:
        raise typer.Exit(1)


def _project(services: Services, found: StudioProject, prompt_files: Sequence[str], model: str | None) -> Project:
    """The project with the prompts of these files in the place of its own."""
    services.settings.require_access()
    project = Project.of(found.key, found.labeling_config, services.settings, services.store.project(found.key))
    given = dict(prompt_of(file, project) for file in prompt_files)
    prompts = {**project.stored.prompts, **given}
    pinned = {name: prompt for name, prompt in project.stored.pinned.items() if name not in given}
    options = project.options if model is None else replace(project.options, model=model)
    project = replace(project, options=options, stored=replace(project.stored, prompts=prompts, pinned=pinned))
    if not any(map(project.prompt_of, project.forms)):
        raise PromptError("The project has no prompt yet. Give one by --prompt-file, or use one in Label Studio.")
    return project


def prompt_of(given: str, project: Project) -> tuple[str, str]:
    """The prompt field's name and the prompt of a --prompt-file."""
    names = [form.name for form in project.forms]
    field, _, file = given.rpartition("=")
    if not field and len(names) > 1:
        raise typer.BadParameter(
            f"The form has several prompt fields: --prompt-file FIELD=FILE, of {', '.join(names)}."
        )
    if field and field not in names:
        raise typer.BadParameter(f"{field} is no prompt field of the form; there is {', '.join(names)}.")
    return field or names[0], prompt_in_file(file)


def prompt_in_file(file: str) -> str:
    """The prompt that a file holds."""
    try:
        prompt = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}.") from None
    if not prompt:
        raise typer.BadParameter(f"{file} is empty.")
    return prompt


def _budget(services: Services, project: Project, most: float | None) -> Budget | None:
    if most is None:
        return None
    models, prices = project.models, services.prices
    for model in models:
        if prices.cost(model, {"prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 1}) is None:
            raise SetupError(
                f"The price of {model} is not known, so --max-cost cannot hold. Set PRICE_INPUT and PRICE_OUTPUT."
            )
    return Budget(most, lambda reply: max(prices.cost(model, asdict(reply)) or 0.0 for model in models))


def with_progress(doing: str, through: Iterable[int], count: int) -> None:
    """Go through a run that tells how many of `count` tasks are `through`, with a bar."""
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console) as progress:
        bar = progress.add_task("", total=count)
        for some in through:
            progress.advance(bar, some)


def plan_text(found: StudioProject, project: Project, ahead: Plan) -> str:
    """A plan for tasks of a project to read."""
    lines = [
        f"{found.title}: {ahead.tasks} tasks by {project.version}",
        f"  already paid for  about {ahead.paid}",
        f"  tokens            about {ahead.prompt_tokens:,} in, {ahead.completion_tokens:,} out",
        f"  cost              {money(ahead.cost)}",
        f"  time              {_time(ahead)}",
    ]
    if ahead.failing:
        lines.append(f"  cannot be asked   about {ahead.failing}: {ahead.failure}")
    return "\n".join(lines)


def _time(ahead: Plan) -> str:
    if ahead.batched:
        return "within a day, by the Batch API"
    return "unknown" if ahead.seconds is None else f"about {ahead.seconds:.0f} s"


def accept(run: LabelRun, above: float | None) -> None:
    """Make annotations of what a run is sure of, if that is wanted."""
    if above is not None:
        sure = run.sure(above)
        with_progress("Accepting", run.accept(sure), len(sure))


def summary_text(summary: Summary, count: int) -> str:
    """What became of `count` tasks to read."""
    left = summary.left_of(count)
    lines = [f"{summary.done} of {count} tasks labelled by {summary.model_version}, for {money(summary.cost)}"]
    lines += [f"  {name} is filled in {filled} of {summary.done}" for name, filled in summary.filled.items()]
    lines += [f"  {number} failed: {cause}" for cause, number in summary.failed.most_common()]
    lines += [f"  {left} are left"] if left else []
    lines += [] if summary.accepted is None else [f"  {summary.accepted} became annotations by their score"]
    return "\n".join(lines)


def money(cost: float | None) -> str:
    """US dollars to read; "unknown" where the price is."""
    return "an unknown amount" if cost is None else f"${cost:.4f}"
