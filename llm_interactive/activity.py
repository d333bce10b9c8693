"""What is going on in this process: batches under way, and the last errors in words."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from llm_interactive.llm import Reply
from llm_interactive.metrics import Origin

_ERRORS_KEPT = 20


@dataclass
class Batch:
    """One request for many tasks. Counts requests to the model: `left` of them may still go on after the answer."""

    origin: Origin
    total: int
    from_store: int
    started: float
    on_end: Callable[[Batch], None]
    done: int = 0
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> int:
        """Tasks without an outcome yet."""
        return self.total - self.from_store - self.done - self.failed

    def note(self, future: Future[Reply]) -> None:
        """Count the outcome of one request."""
        with self._lock:
            if future.exception() is None:
                self.done += 1
            else:
                self.failed += 1
            ended = self.left <= 0
        if ended:
            self.on_end(self)

    def as_dict(self) -> dict[str, Any]:
        """The counts, with `seconds_left` estimated from the pace so far (None before the first outcome)."""
        elapsed = time.monotonic() - self.started
        finished = self.done + self.failed
        return {
            "project": self.origin.project,
            "model_version": self.origin.model_version,
            "tasks": self.total,
            "from_store": self.from_store,
            "done": self.done,
            "failed": self.failed,
            "left": self.left,
            "seconds": round(elapsed, 1),
            "seconds_left": round(elapsed / finished * self.left, 1) if finished else None,
        }


class Activity:
    """Safe for threads; holds what /status shows besides the counters."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: list[Batch] = []
        self._errors: deque[dict[str, Any]] = deque(maxlen=_ERRORS_KEPT)

    def begin(self, origin: Origin, total: int, from_store: int) -> Batch:
        """A batch that starts now; it leaves the list by itself with its last outcome."""
        batch = Batch(origin, total, from_store, time.monotonic(), self._end)
        if batch.left > 0:
            with self._lock:
                self._batches.append(batch)
        return batch

    def error(self, project: str, sentence: str, tasks: int = 1) -> None:
        """Note a failure in words."""
        with self._lock:
            self._errors.appendleft({"at": time.time(), "project": project, "tasks": tasks, "error": sentence})

    def snapshot(self) -> dict[str, Any]:
        """`batches` under way and the last `errors`, newest first."""
        with self._lock:
            return {
                "batches": [batch.as_dict() for batch in self._batches],
                "errors": [dict(error) for error in self._errors],
            }

    def _end(self, batch: Batch) -> None:
        with self._lock:
            if batch in self._batches:
                self._batches.remove(batch)
