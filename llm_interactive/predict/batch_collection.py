"""What the provider's Batch API brought → the store, where the replies are found as if they had been asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError, LeasedError, LLMError, RejectedError, TransientLLMError
from llm_interactive.llm.batch_api import BatchAPI, Progress
from llm_interactive.llm.client import Reply, UnusableReply
from llm_interactive.llm.completion import TOKENS
from llm_interactive.llm.turns import Queue
from llm_interactive.predict.batch_submission import alone, keep, open_batches, settle_unknown
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.prepare import PreparedTask
from llm_interactive.predict.project import Project
from llm_interactive.predict.replies import Asked, Replies, failed, settled
from llm_interactive.services import Services
from llm_interactive.store.batches import DONE, NEW, READ, RUNNING, Batch, Request
from llm_interactive.store.usage import Call, Origin

log = logging.getLogger(__name__)

_LINES = 500


class Collection:
    """The batches of a project's version, from the provider into the store."""

    def __init__(self, services: Services, api: BatchAPI, project: Project) -> None:
        self._services = services
        self._api = api
        self._project = project

    @property
    def batches(self) -> list[Batch]:
        """Those that are not done with."""
        found = open_batches(self._services, self._project)
        return [batch for batch in found if batch.version == self._project.version]

    def look(self) -> tuple[int, int, bool]:
        """Read what has ended; gives how many requests of how many are answered, and whether all batches are read.

        Raises:
            LLMError: as in `BatchAPI`; but what passes is left to the next look.
        """
        if any(batch.state == NEW for batch in self.batches):
            with self._later(), alone(self._services, self._project):
                settle_unknown(self._services, self._api, self._project)
        done = total = 0
        for batch in self.batches:
            total += batch.requests
            done += self._answered(batch)
        return done, total, all(batch.state == READ for batch in self.batches)

    def finish(self, read: Iterable[Batch]) -> None:
        """Be done with batches whose predictions are in Label Studio."""
        for batch in read:
            keep(self._services, replace(batch, state=DONE))

    def _answered(self, batch: Batch) -> int:
        """How many requests of a batch are answered; once all are, they are read."""
        if batch.state == READ:
            return batch.requests
        with self._later():
            progress = self._api.progress(str(batch.id))
            if not progress.ended:
                return min(progress.done, batch.requests)
            with alone(self._services, self._project):
                # Another process may have read it meanwhile.
                current = {one.key: one for one in self.batches}.get(batch.key)
                if current and current.state == RUNNING:
                    self._read(current, progress)
            return batch.requests
        return 0

    @contextmanager
    def _later(self) -> Iterator[None]:
        try:
            yield
        except (TransientLLMError, LeasedError) as error:
            log.info("A batch could not be looked at, it will be later: %s", error.message)

    def _read(self, batch: Batch, progress: Progress) -> None:
        """Bring a batch's replies, failures and costs into the store.

        A part of the lines and how far they were read are one commit, so that none is counted twice.
        """
        requests = self._services.store.batches.requests_of(batch)
        lines = islice(self._api.lines(progress), batch.lines_read, None)
        while some := list(islice(lines, _LINES)):
            batch = replace(batch, lines_read=batch.lines_read + len(some))
            self._keep(batch, some, requests)
        keep(self._services, replace(batch, state=READ, error=progress.error))

    def _keep(self, batch: Batch, lines: Iterable[bytes], requests: Mapping[str, Request]) -> None:
        found: dict[str, Reply] = {}
        paid: list[Call] = []
        unanswered: list[Request] = []
        for answer in filter(None, map(self._api.answer, lines)):
            if not (request := requests.get(answer.key)):
                continue
            try:
                reply = found[answer.key] = self._api.reply(answer, batch.model)
                paid.append(_call(batch, request, reply, "cut" if reply.cut else "ok"))
            except LLMError as error:
                if isinstance(error, UnusableReply):
                    paid.append(_call(batch, request, error.reply, "unusable"))
                unanswered.append(replace(request, error=error.message, refused=isinstance(error, RejectedError)))
        if not self._services.store.save_batch(batch, found, paid, unanswered):
            raise LLMError("The database fails, and what the batch brought cannot be kept. Come back by --resume.")


class KeptReplies(Replies):
    """Replies that are paid for; in the place of all others there is why the batch brought none. Nothing is asked."""

    def __init__(self, services: Services) -> None:
        timeout = services.settings.llm_timeout
        super().__init__(services.client, services.store, services.leases, services.dispatcher, timeout)
        self._kept = services.store
        self.rest: BackendError = LLMError("It was in no batch. Label again for it.")
        """What is said of what was in no batch."""

    def ask_for(
        self,
        prepared: Mapping[str, PreparedTask],
        queue: Queue,
        deadline: Deadline,
        origin: Origin,
        budget: Budget | None = None,
    ) -> dict[str, Asked]:
        """The replies that are kept, by their keys, and failures."""
        paid = self._kept.replies(prepared)
        told = self._kept.batches.failures([key for key in prepared if key not in paid])
        errors = {
            key: RejectedError(message) if refused else LLMError(message) for key, (message, refused) in told.items()
        }
        return {
            key: Asked(settled(paid[key]), paid=True)
            if key in paid
            else Asked(failed(errors.get(key, self.rest)), paid=False)
            for key in prepared
        }


def _call(batch: Batch, request: Request, reply: Reply, outcome: str) -> Call:
    tokens: dict[str, Any] = {name: getattr(reply, name) for name in TOKENS}
    return Call(batch.project, batch.version, request.task, batch.model, outcome, 0.0, **tokens, batched=True)
