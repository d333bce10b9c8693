"""Tasks → files of requests at the provider's Batch API, each noted before it can be paid for."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from tempfile import TemporaryFile
from typing import IO

from llm_interactive.deadline import Deadline
from llm_interactive.errors import (
    AccountError,
    BackendError,
    BudgetError,
    LeasedError,
    LLMError,
    RejectedError,
    SetupError,
)
from llm_interactive.llm.batch_api import MOST_BYTES, MOST_LINES, BatchAPI
from llm_interactive.llm.prices import BATCH_API_SHARE
from llm_interactive.llm.turns import Queue
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.examples import Example
from llm_interactive.predict.prepare import PreparedTask, Task, id_of
from llm_interactive.predict.project import Project
from llm_interactive.predict.trial import try_an_image
from llm_interactive.services import Services
from llm_interactive.store.batches import DONE, NEW, RUNNING, Batch, Request
from llm_interactive.store.store import fingerprint
from llm_interactive.store.tables import LEASE_SECONDS

log = logging.getLogger(__name__)

_GROUP = 200
_PREPARED_AT_ONCE = 8
_GROUP_SECONDS = 3600.0
_PAUSE = 0.5
_TELLING_CALLS, _MARGIN = 50, 1.5


class Submission:
    """Sends what is neither paid for nor under way, and says how many `requests` in how many `batches` that was.

    `stopped` says why it came to an end before the last task.
    """

    def __init__(self, services: Services, api: BatchAPI, project: Project, budget: Budget | None = None) -> None:
        self._services = services
        self._api = api
        self._project = project
        self._budget = budget
        self._longest = self._longest_so_far() if budget else None
        self._is_tried = services.settings.openai_provider == "azure"  # whose deployments for batches take no calls
        self.stopped: BackendError | None = None
        self.requests = self.batches = 0

    def send(self, tasks: Iterable[Task]) -> Iterator[int]:
        """Send the requests about `tasks`; gives how many tasks are through.

        Raises:
            LeasedError: another process is at this project's batches.
            AccountError: the provider refuses key, model or account, as the first request shows.
            LLMError: as in `BatchAPI`.
        """
        left = iter(tasks)
        with alone(self._services, self._project), TemporaryFile() as file:
            self._outbox = _Outbox(self._services, self._api, self._project, file)
            settle_unknown(self._services, self._api, self._project)
            try:
                while group := list(islice(left, _GROUP)):
                    self._send(group)
                    yield len(group)
                self._flush()
            except BudgetError as error:
                self.stopped = error
                self._flush()
            except LLMError as error:
                if not self.batches:
                    raise
                self.stopped = error  # what was sent before goes on all the same

    def _send(self, tasks: Sequence[Task]) -> None:
        services, project = self._services, self._project
        images, model = services.images, project.options.model
        if not self._is_tried and project.shows_images and not images.knows(model):
            try_an_image(services, project, tasks, Deadline.after(_GROUP_SECONDS), self._budget)
            # An image that was taken was the first request.
            self._is_tried = images.knows(model) and images.sends_images(model)
        self._outbox.tasks += [int(id_of(task)) for task in tasks]
        asked = {services.replies.key(one): one for one in self._prepared(tasks)}
        known = {*services.store.replies(asked), *services.store.batches.waiting([*asked])}
        for key, one in asked.items():
            if key in known or key in self._outbox:
                continue
            if self._is_tried:
                self._add(key, one)
            else:
                self._try(key, one)

    def _prepared(self, tasks: Sequence[Task]) -> Iterator[PreparedTask]:
        """What is asked about `tasks`; those that cannot be asked about are told of when their predictions are made."""
        deadline = Deadline.after(_GROUP_SECONDS)

        def prepared(task: Task, examples: Sequence[Example]) -> list[PreparedTask]:
            try:
                return list(self._project.prepare(task, self._services.images, deadline, examples).values())
            except BackendError:
                return []

        with ThreadPoolExecutor(_PREPARED_AT_ONCE, thread_name_prefix="prepare") as pool:
            for found in pool.map(prepared, tasks, self._services.examples.nearest(self._project, tasks, deadline)):
                yield from found

    def _try(self, key: str, prepared: PreparedTask) -> None:
        """Ask for the first reply in the ordinary way, which shows what the model refuses.

        Otherwise every line of the file would be refused for it, hours later.
        """
        project = self._project
        self._is_tried = True
        try:
            self._services.replies.ask_for(
                {key: prepared},
                Queue(project.options.model),
                Deadline.after(_GROUP_SECONDS),
                project.origin(project.version),
                self._budget,
            )[key].future.result()
        except AccountError:
            raise
        except LLMError as error:
            log.info("The first request failed: %s", error.message)
            self._add(key, prepared)
        except BackendError as error:
            # Another process is asking for it, or it is still awaited: in a file it would be paid for twice.
            log.info("The first request is left out: %s", error.message)

    def _add(self, key: str, prepared: PreparedTask) -> None:
        if self._budget:
            try:
                self._budget.reserve(prepared.request, BATCH_API_SHARE, self._longest)
            except RejectedError as error:
                self.stopped = error
                return
        line = self._api.line(key, prepared.request)
        if self._outbox.is_full(line):
            self._flush()
        self._outbox.add(key, prepared.task, line)

    def _longest_so_far(self) -> int | None:
        """Tokens that no reply is likely to pass, once some dozens have shown how long replies are."""
        calls = self._services.store.usage.calls(self._project.id, [self._project.version])
        longest = max((call.completion_tokens for call in calls), default=0)
        return round(_MARGIN * longest) if len(calls) >= _TELLING_CALLS else None

    def _flush(self) -> None:
        if sent := self._outbox.send():
            self.requests += sent
            self.batches += 1


class _Outbox:
    """The requests of the next file, and the tasks they are about."""

    def __init__(self, services: Services, api: BatchAPI, project: Project, file: IO[bytes]) -> None:
        self._services = services
        self._api = api
        self._project = project
        self._file = file
        self.requests: dict[str, str] = {}
        self.tasks: list[int] = []

    def __contains__(self, key: str) -> bool:
        return key in self.requests

    def is_full(self, line: bytes) -> bool:
        """Whether the file has no room for another line."""
        return len(self.requests) >= MOST_LINES or self._file.tell() + len(line) > MOST_BYTES

    def add(self, key: str, task: str, line: bytes) -> None:
        """Put a request into the file."""
        self._file.write(line)
        self.requests[key] = task

    def send(self) -> int:
        """Send the file, if anything is in it, and begin a new one; says how many requests it holds."""
        requests, tasks = self.requests, self.tasks
        self.requests, self.tasks = {}, []
        if not requests:
            return 0
        project = self._project
        prompts = {form.name: prompt for form in project.forms if (prompt := project.stored.prompt(form.name))}
        batch = Batch(
            uuid.uuid4().hex,
            project.id,
            project.version,
            project.options.model,
            endpoint=fingerprint(self._services.client.endpoint),
            prompts=prompts,
            tasks=tasks,
            requests=len(requests),
        )
        # First of all: whatever ends this process now, its requests are known to be on their way.
        keep(self._services, batch, [Request(key, batch.key, task) for key, task in requests.items()])
        self._file.seek(0)
        self._submit(batch)
        self._file.seek(0)
        self._file.truncate()
        return len(requests)

    def _submit(self, batch: Batch) -> None:
        over = replace(batch, state=DONE)
        try:
            file = self._api.upload(self._file, f"{batch.key}.jsonl")
        except LLMError:
            keep(self._services, over)
            raise
        # A batch is found again by its file, so that is noted before there is one.
        batch = replace(batch, file=file)
        keep(self._services, batch)
        try:
            progress = self._api.create(file)
        except (AccountError, RejectedError):
            keep(self._services, over)
            raise
        # After other failures it may be at the provider all the same: `settle_unknown` looks.
        keep(self._services, replace(batch, state=RUNNING, id=progress.id))


def open_batches(services: Services, project: Project) -> list[Batch]:
    """A project's batches at this provider that are not done with, oldest first."""
    here = fingerprint(services.client.endpoint)
    return [batch for batch in services.store.batches.open(project.id) if batch.endpoint == here]


def settle_unknown(services: Services, api: BatchAPI, project: Project) -> None:
    """Find out what became of batches whose process ended while it sent them; only for who is `alone`."""
    for batch in open_batches(services, project):
        if batch.state == NEW:
            found = api.find(batch.file) if batch.file else None
            known = replace(batch, state=RUNNING, id=found.id) if found else replace(batch, state=DONE)
            keep(services, known)


def keep(services: Services, batch: Batch, requests: Iterable[Request] = ()) -> None:
    """Note how a batch stands.

    Raises:
        SetupError: the database does not take it.
    """
    if not services.store.batches.save(batch, requests):
        raise SetupError(f"The database fails, and batches cannot be noted: {services.store.failure}")


@contextmanager
def alone(services: Services, project: Project) -> Iterator[None]:
    """While this lasts, no other process sends or reads batches of the project.

    Raises:
        SetupError: replies are not kept.
        LeasedError: another process does.
    """
    if not services.settings.reply_ttl:
        raise SetupError("REPLY_TTL is 0, so the replies of a batch could not be kept. Set it to some days.")
    name = f"batches of {project.id}"
    # That of a process that was killed lapses by then.
    patience = Deadline.after(1.5 * LEASE_SECONDS)
    while not services.leases.take([name])[name].is_mine:
        if patience.left <= 0:
            raise LeasedError("Another process sends or reads the project's batches. Try again in a moment.")
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        services.leases.free(name)
