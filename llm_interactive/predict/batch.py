"""Many tasks in one request: prepared, asked side by side, answered in time and in order."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import (
    UNEXPECTED,
    BackendError,
    CancelledError,
    DeadlineError,
    NoPromptYet,
    PromptError,
    RejectedError,
)
from llm_interactive.llm.client import Reply
from llm_interactive.llm.turns import Queue
from llm_interactive.outputs.scores import least
from llm_interactive.outputs.visibility import saved
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.examples import Example
from llm_interactive.predict.late_predictions import store_late
from llm_interactive.predict.predictions import prediction
from llm_interactive.predict.prepare import PreparedTask, Task, id_of
from llm_interactive.predict.project import Project
from llm_interactive.predict.settled import Settled, late, log_failures
from llm_interactive.predict.sides import keep_whose
from llm_interactive.predict.trial import try_an_image
from llm_interactive.prompts.current import written_in
from llm_interactive.services import Services
from llm_interactive.store.runs import Run

log = logging.getLogger(__name__)

BACKGROUND_SECONDS = 3600.0
"""How long a batch's calls may go on after its answer; their replies wait in the store."""

CANCELLED = "The batch was cancelled on the ML backend's page. Retrieve predictions again for the rest."
"""What is said of the tasks of a batch that were not asked about any more."""

_GROUP = 200

Outcome = Reply | BackendError
Slot = tuple[int, str]
"""A task's place in the batch, and the name of the side that is asked for."""


class BatchRun:
    """The tasks of one request on their way to predictions. Safe for threads.

    Outcomes are counted even after `entries` has given up on them.
    """

    def __init__(
        self,
        services: Services,
        project: Project,
        tasks: Sequence[Task],
        *,
        deadline: Deadline | None = None,
        queue: Queue | None = None,
        budget: Budget | None = None,
    ) -> None:
        """A run with a queue of its own that is over after PREDICT_DEADLINE, unless told otherwise."""
        self._services = services
        self._project = project
        self._tasks = tasks
        self._origin = project.origin(project.version)
        self._deadline = deadline or Deadline.after(services.settings.predict_deadline)
        self._queue = queue or Queue(project.options.model)
        self._budget = budget
        self._key, self._started_at = uuid.uuid4().hex, time.time()
        self._prepared: dict[Slot, PreparedTask] = {}
        # Guards what follows.
        self._changed = threading.Condition()
        self._outcomes: list[dict[str, Outcome]] = [{} for _ in tasks]
        self._open: list[int | None] = [None] * len(tasks)
        self._bought: set[int] = set()
        self._settled: dict[int, Settled] = {}
        self._from_store = self._done = self._failed = self._late = 0
        self._is_late = False
        self._answered_late: list[int] = []
        self._ended_at: float | None = None
        self._errors: Counter[str] = Counter()

    @property
    def left(self) -> int:
        """Tasks without an outcome yet."""
        return len(self._tasks) - self._from_store - self._done - self._failed - self._late

    @property
    def lacks_prompts(self) -> PromptError | None:
        """The first task's error, if every task failed for want of a prompt that fits it."""
        found = [outcome for outcomes in self._outcomes for outcome in outcomes.values()]
        errors = [outcome for outcome in found if isinstance(outcome, PromptError)]
        return errors[0] if errors and len(errors) == len(found) else None

    def entries(self) -> list[dict[str, Any]]:
        """For each task a prediction, or `{"error": message}`; there by the deadline, or at `answer_now`.

        What is not done by then goes on in the background, and the next batch finds it in the store.
        """
        self._ask_all()
        with self._changed:
            self._changed.wait_for(lambda: self.left <= 0 or self._is_late, timeout=max(0.0, self._deadline.left))
            self._answered_late = [number for number in range(len(self._tasks)) if number not in self._settled]
            is_late = Settled(None, late(self._queue.trouble))
            settled = [self._settled.get(number, is_late) for number in range(len(self._tasks))]
        entries = [one.entry for one in settled]
        self._remember(entries)
        self._report(settled)
        return entries

    def answer_now(self) -> None:
        """Let `entries` end with what is there."""
        with self._changed:
            self._is_late = True
            self._changed.notify_all()

    def cancel(self) -> None:
        """Make no further calls; those under way end, and their replies are kept."""
        self._services.dispatcher.give_up(self._queue, CancelledError(CANCELLED))

    @property
    def run(self) -> Run:
        """How far it has come."""
        trouble = self._queue.broken or self._queue.trouble
        with self._changed:
            return Run(
                self._key,
                self._origin.project,
                self._origin.version,
                self._started_at,
                len(self._tasks),
                from_store=self._from_store,
                done=self._done,
                failed=self._failed,
                late=self._late,
                left=self.left,
                errors=dict(self._errors),
                told_at=self._ended_at or time.time(),
                note=trouble.message if trouble and (self._late or self.left) else "",
            )

    def _ask_all(self) -> None:
        images = self._services.images
        if self._project.shows_images:
            try_an_image(self._services, self._project, self._tasks, self._deadline, self._budget)
            # In any order: of a batch that is not ready by its deadline, the next retrieval comes to other tasks.
            numbers = random.sample(range(len(self._tasks)), len(self._tasks))
            images.in_background(partial(self._ask, [number]) for number in numbers)
            return
        # Group by group, so that the model works while the rest is made ready.
        for start in range(0, len(self._tasks), _GROUP):
            self._ask(range(start, min(start + _GROUP, len(self._tasks))))

    def _ask(self, numbers: Sequence[int]) -> None:
        """Ask about the tasks of these numbers; those that cannot be asked about are settled."""
        slots: dict[str, list[Slot]] = {}
        tasks = [self._tasks[number] for number in numbers]
        examples = self._services.examples.nearest(self._project, tasks, self._deadline)
        for number, shown in zip(numbers, examples, strict=True):
            for name, prepared in self._prepared_or_settled(number, shown).items():
                self._prepared[number, name] = prepared
                slots.setdefault(self._services.replies.key(prepared), []).append((number, name))
        first = {key: self._prepared[of_key[0]] for key, of_key in slots.items()}
        patience = max(self._deadline, Deadline.after(BACKGROUND_SECONDS))
        replies = self._services.replies.ask_for(first, self._queue, patience, self._origin, self._budget)
        for key, asked in replies.items():
            if asked.paid:
                self._services.usage.count(self._origin, from_store=len(slots[key]))
            asked.future.add_done_callback(partial(self._settle, slots[key], asked.paid))

    def _prepared_or_settled(self, number: int, examples: Sequence[Example]) -> dict[str, PreparedTask]:
        try:
            images, deadline = self._services.images, self._deadline
            prepared = self._project.prepare(self._tasks[number], images, deadline, examples)
        except BackendError as error:
            failure = error
        except Exception:
            # One task must not take the others along, whatever is in it.
            log.exception("A task could not be asked about")
            failure = BackendError(UNEXPECTED)
        else:
            self._open[number] = len(prepared)
            return prepared
        self._open[number] = 1
        self._note((number, self._project.forms[0].name), failure, paid=False)
        return {}

    def _settle(self, slots: Sequence[Slot], paid: bool, future: Future[Reply]) -> None:
        error = future.exception()
        for slot in slots:
            self._note(slot, error if isinstance(error, BackendError) else future.result(), paid=paid)

    def _note(self, slot: Slot, outcome: Outcome, *, paid: bool) -> None:
        number, name = slot
        with self._changed:
            self._outcomes[number][name] = outcome
            self._open[number] = (self._open[number] or 0) - 1
            if not paid:
                self._bought.add(number)
            if self._open[number]:
                return
        # Now, while others are asked about, and not when the answer is due.
        settled = self._settled_by(number, self._outcomes[number])
        with self._changed:
            self._settled[number] = settled
            self._count(number, settled)
            if self.left > 0:
                return
            self._ended_at = time.time()
            self._changed.notify_all()
        self._store_late()

    def _count(self, number: int, settled: Settled) -> None:
        if isinstance(settled.failure, DeadlineError):
            self._late += 1
        elif settled.failure:
            self._failed += 1
        elif number in self._bought:
            self._done += 1
        else:
            self._from_store += 1
        failures = [settled.failure, *self._outcomes[number].values()]
        errors = [one for one in failures if isinstance(one, BackendError)]
        causes = {error.message for error in errors if not isinstance(error, DeadlineError | NoPromptYet)}
        self._errors.update(causes)

    def _store_late(self) -> None:
        """Bring to Label Studio what came after the answer."""
        late_ones = {number: self._settled[number].prediction for number in self._answered_late}
        self._keep_whose(late_ones)
        predictions = {id_of(self._tasks[number]): found for number, found in late_ones.items() if found}
        store_late(self._services.settings, self._project.id, predictions)

    def _settled_by(self, number: int, outcomes: Mapping[str, Outcome]) -> Settled:
        errors = [outcome for outcome in outcomes.values() if isinstance(outcome, BackendError)]
        # What was refused for good does not hold back what the other prompts gave; the rest is asked for again.
        if len(errors) == len(outcomes) or not all(isinstance(error, RejectedError) for error in errors):
            awaited = [error for error in errors if isinstance(error, DeadlineError)]
            return Settled(None, (awaited or errors)[0])
        replies = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Reply)}
        try:
            prediction = self._prediction(number, replies)
        except Exception:
            log.exception("A reply could not be read")
            return Settled(None, BackendError(UNEXPECTED))
        return Settled(prediction, None, is_cut=any(reply.cut for reply in replies.values()))

    def _prediction(self, number: int, replies: Mapping[str, Reply]) -> dict[str, Any]:
        asked = [self._prepared[number, name] for name in replies]
        filled = [one.filled(reply) for one, reply in zip(asked, replies.values(), strict=True)]
        controls = [control for one in asked for control in one.form.filled_controls]
        regions = saved([region for one in filled for region in one.regions], controls)
        scores = [score for one in filled for score in one.scores.values()]
        return prediction(regions, self._origin.version, least(scores))

    def _report(self, settled: Sequence[Settled]) -> None:
        """Count what the caller is answered; late tasks have not failed."""
        failures = [one.failure for one in settled if one.failure]
        late_ones = sum(isinstance(failure, DeadlineError) for failure in failures)
        done, failed = len(settled) - len(failures), len(failures) - late_ones
        self._services.usage.count(self._origin, batch_done=done, batch_failed=failed, batch_late=late_ones)
        self._services.running.answered(self)
        log_failures(self._origin.project, list(map(id_of, self._tasks)), settled)

    def _remember(self, entries: Sequence[dict[str, Any]]) -> None:
        """Note what tasks were given, so that an annotator's own words are told from it."""
        given: dict[str, tuple[str, list[str]]] = {}
        for (number, _), prepared in self._prepared.items():
            if result := entries[number].get("result"):
                key = self._project.answered_key(prepared.task, prepared.form)
                _, texts = given.get(key, ("", []))
                given[key] = (prepared.prompt, [*texts, *written_in(result, prepared.form.texts)])
        self._keep_whose(dict(enumerate(entries)))
        self._services.store.save_answered(self._project.id, given)

    def _keep_whose(self, entries: Mapping[int, Mapping[str, Any] | None]) -> None:
        answered = [
            (prepared, entry["result"])
            for (number, _), prepared in self._prepared.items()
            if (entry := entries.get(number)) and "result" in entry
        ]
        keep_whose(self._services.store.rankings, self._project.forms, answered, self._origin)
