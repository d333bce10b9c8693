"""What `label` does with --batch-api, --resume and --cancel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from llm_interactive.cli.consent import STOPPED
from llm_interactive.cli.label import accept, summary_text, with_progress
from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError, SetupError
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import Project as StudioProject
from llm_interactive.label_studio.records import Task
from llm_interactive.llm.batch_api import BatchAPI, UnknownBatch
from llm_interactive.predict.batch_collection import Collection, KeptReplies
from llm_interactive.predict.batch_submission import Submission, alone, keep, open_batches, settle_unknown
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.label_run import LabelRun, as_dict, as_sent
from llm_interactive.predict.project import Project
from llm_interactive.predict.trial import try_an_image
from llm_interactive.services import Services
from llm_interactive.store.batches import DONE, RUNNING, Batch
from llm_interactive.store.store import StoredProject

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0
_TRIED_SECONDS = 600.0
_console = Console(stderr=True)


class BatchLabeling:
    """Labels tasks of the project `number` of a Label Studio by the provider's Batch API."""

    def __init__(self, services: Services, studio: LabelStudio, number: int, project: Project, api: BatchAPI) -> None:
        self._services = services
        self._studio = studio
        self._number = number
        self._project = project
        self._api = api
        self._kept = KeptReplies(services)
        self._collection = Collection(services, api, project)
        self.run = LabelRun(replace(services, replies=self._kept), studio, number, project)

    def label(self, tasks: Iterable[Task], count: int, budget: Budget | None) -> int:
        """Send what of `tasks` is not paid for, wait, and store the predictions; says of how many tasks."""
        submission = Submission(self._services, self._api, self._project, budget)
        ids: list[int] = []
        with self._coming_back():
            with_progress("Sending", submission.send(map(as_sent, _noted(tasks, ids))), count)
            sent = f"{submission.requests} requests in {_batches_text(submission.batches)}"
            typer.echo(f"Sent to {self._api.name}: {sent}", err=True)
            if submission.stopped:
                self._kept.rest = submission.stopped
            return max(count, self._bring(ids))

    def resume(self) -> int:
        """Wait for what was sent, and store the predictions; says of how many tasks."""
        with self._coming_back():
            return self._bring([])

    def _bring(self, ids: Iterable[int]) -> int:
        self._wait()
        read = self._collection.batches
        found = list(dict.fromkeys([*ids, *(task for batch in read for task in batch.tasks)]))
        if self._project.shows_images:
            # A process that did not send them does not know yet how the model took its images.
            some = [as_sent(task) for task in self._studio.tasks(self._number, ids=found[:5])]
            try_an_image(self._services, self._project, some, Deadline.after(_TRIED_SECONDS))
        with_progress("Labeling", self.run.label(self._studio.tasks(self._number, ids=found)), len(found))
        self._collection.finish(read)
        return len(found)

    def _wait(self) -> None:
        columns = (TextColumn("Answered"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        pause = _FIRST_PAUSE
        with Progress(*columns, console=_console) as progress:
            bar = progress.add_task("", total=None)
            while True:
                done, total, is_read = self._collection.look()
                progress.update(bar, completed=done, total=total)
                if is_read:
                    return
                time.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)

    @contextmanager
    def _coming_back(self) -> Iterator[None]:
        """Says how to come back, whatever ends the block before its end."""
        command = f"llm-interactive label --project {self._number}"
        try:
            yield
        except (KeyboardInterrupt, BackendError) as error:
            if self._collection.batches:
                typer.echo(
                    f"What was sent goes on at {self._api.name}. To bring it: {command} --resume. To end it: {command} "
                    "--cancel.",
                    err=True,
                )
            if isinstance(error, BackendError):
                raise
            raise typer.Exit(STOPPED) from None


def resume(
    services: Services, studio: LabelStudio, found: StudioProject, accept_above: float | None, *, as_json: bool
) -> int:
    """Bring what was sent before, version by version, and print a summary of each; gives the exit status.

    As JSON they are one list.
    """
    now = _project_now(services, found)
    batches = _batches(services, now)
    summaries: list[dict[str, Any]] = []
    try:
        with BatchAPI(services.client, services.settings) as api:
            for batch in {batch.version: batch for batch in batches}.values():
                labeling = BatchLabeling(services, studio, found.id, _project_of(services, now, batch), api)
                count = labeling.resume()
                accept(labeling.run, accept_above)
                summary = labeling.run.summary
                summaries.append(as_dict(summary, count))
                if not as_json:
                    typer.echo(summary_text(summary, count))
    finally:
        if as_json:
            typer.echo(json.dumps(summaries))
    return int(any(one["done"] < one["tasks"] for one in summaries))


def cancel(services: Services, found: StudioProject, *, as_json: bool) -> None:
    """End what was sent before; what is answered by then is paid, and brought by --resume."""
    project = _project_now(services, found)
    ended = 0
    with BatchAPI(services.client, services.settings) as api, alone(services, project):
        settle_unknown(services, api, project)
        for batch in _batches(services, project):
            if batch.state == RUNNING:
                try:
                    if not api.progress(str(batch.id)).ended:
                        api.cancel(str(batch.id))
                    ended += 1
                except UnknownBatch:
                    keep(services, replace(batch, state=DONE))
    if as_json:
        typer.echo(json.dumps({"provider": api.name, "cancelled": ended}))
        return
    typer.echo(
        f"Cancelled at {api.name}: {_batches_text(ended)}. What is answered by now is paid for: --resume brings it."
    )


def _project_now(services: Services, found: StudioProject) -> Project:
    services.settings.require_access()
    project = Project.of(found.key, found.labeling_config, services.settings, services.store.project(found.key))
    return services.examples.added_to(project)


def _batches(services: Services, project: Project) -> Sequence[Batch]:
    """The batches of a project that are not done with.

    Raises:
        SetupError: there are none here.
    """
    if batches := open_batches(services, project):
        return batches
    if services.store.batches.open(project.id):
        raise SetupError(
            "The project's batches are at another address: set provider, address and API version as they were when "
            "the batches were sent."
        )
    raise SetupError("The project has no batches under way.")


def _project_of(services: Services, now: Project, batch: Batch) -> Project:
    """The project as it was when a batch was sent.

    Raises:
        SetupError: it can no longer be had.
    """
    stored = StoredProject(batch.prompts, now.stored.params)
    project = replace(now, options=replace(now.options, model=batch.model), stored=stored)
    project = services.examples.as_it_was(project, batch.version)
    if project.version != batch.version:
        raise SetupError(
            f"The batch was sent by {batch.version}, and labeling config or settings (such as TEMPERATURE, MAX_TOKENS, "
            f"DEFAULT_PROMPT) are others now, which make {project.version}. Set them as they were, and come back."
        )
    return project


def _batches_text(count: int) -> str:
    return "1 batch" if count == 1 else f"{count} batches"


def _noted(tasks: Iterable[Task], ids: list[int]) -> Iterator[Task]:
    for task in tasks:
        ids.append(task.id)
        yield task
