"""What is going on and what went on: batches under way in all processes, those before, and the last errors."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from typing import Any, Protocol

from llm_interactive.store.runs import Run, Runs
from llm_interactive.store.usage import Origin

ERRORS_KEPT = 20
"""The last errors that are shown."""

_TELL_EVERY = 2.0
_SILENT_AFTER = 10.0


class UnderWay(Protocol):
    """A batch of this process."""

    @property
    def run(self) -> Run:
        """How far it has come."""

    def cancel(self) -> None:
        """Make no further calls for it."""

    def answer_now(self) -> None:
        """End with what is there."""


class RunningBatches:
    """The batches of this process, and through `runs` those of the others. Safe for threads."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._lock = threading.Lock()  # guards the batches
        self._batches: dict[str, UnderWay] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._tell, name="batches", daemon=True).start()

    def begin(self, batch: UnderWay) -> None:
        """Show `batch` as long as something of it is left, and keep what it came to."""
        with self._lock:
            self._batches[batch.run.key] = batch

    def answered(self, batch: UnderWay) -> None:
        """Keep how far a batch came until it was answered."""
        self._runs.tell([batch.run])

    def answer_now(self) -> None:
        """Let all batches of this process end with what is there."""
        with self._lock:
            batches = list(self._batches.values())
        for batch in batches:
            batch.answer_now()

    def error(self, origin: Origin, message: str) -> None:
        """Note why an annotator got no reply."""
        run = Run(uuid.uuid4().hex, origin.project, origin.version, time.time(), 1, "interactive", failed=1)
        run.errors[message] = 1
        self._runs.tell([run])

    def cancel(self, key: str) -> None:
        """Make no further calls for a batch, of whichever process it is."""
        with self._lock:
            batch = self._batches.get(key)
        if batch:
            batch.cancel()
        else:
            self._runs.cancel(key)

    def newest(self, project: str | None = None) -> list[Run]:
        """The newest runs of all processes, newest first; those of this process as they are now."""
        with self._lock:
            batches = list(self._batches.values())
        own = {run.key: run for run in (batch.run for batch in batches) if project in (None, run.project)}
        runs = {run.key: run for run in self._runs.newest(project)} | own
        return sorted(runs.values(), key=lambda run: run.started_at, reverse=True)

    def close(self) -> None:
        """Tell no more."""
        self._closed.set()
        self._tell_once()

    def _tell(self) -> None:
        while not self._closed.wait(_TELL_EVERY):
            self._tell_once()

    def _tell_once(self) -> None:
        with self._lock:
            batches = dict(self._batches)
        if not batches:
            return
        for key in self._runs.cancelled(batches):
            batches[key].cancel()
        told = [batch.run for batch in batches.values()]
        self._runs.tell(told)
        with self._lock:
            for run in told:
                if run.left <= 0:
                    self._batches.pop(run.key, None)


def is_running(run: Run) -> bool:
    """Whether somebody works at it; a process that was killed says nothing any more."""
    return run.left > 0 and run.told_at > time.time() - _SILENT_AFTER


def last_errors(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """The errors of `runs` (newest first), equal ones of a project as one: `at`, `project`, `tasks`, `error`."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for run in runs:
        for message, tasks in run.errors.items():
            new = {"at": run.told_at, "project": run.project, "tasks": 0, "error": message}
            found.setdefault((run.project, message), new)["tasks"] += tasks
    return list(found.values())[:ERRORS_KEPT]
