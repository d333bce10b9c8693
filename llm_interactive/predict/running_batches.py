"""What is going on in this process: batches under way, and the last errors in words."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Protocol

ERRORS_KEPT = 20
"""The last errors that are shown."""


class UnderWay(Protocol):
    """Something that lasts and can be counted."""

    @property
    def left(self) -> int:
        """What is not finished yet."""

    def as_dict(self) -> dict[str, Any]:
        """The counts."""

    def answer_now(self) -> None:
        """End with what is there."""


class RunningBatches:
    """Safe for threads; holds what /status shows besides the counters."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: list[UnderWay] = []
        self._errors: deque[dict[str, Any]] = deque(maxlen=ERRORS_KEPT)

    def begin(self, batch: UnderWay) -> None:
        """Show `batch` as long as something of it is left."""
        with self._lock:
            self._batches = [other for other in self._batches if other.left > 0] + [batch]

    def answer_now(self) -> None:
        """Let all batches end with what is there."""
        with self._lock:
            batches = list(self._batches)
        for batch in batches:
            batch.answer_now()

    def error(self, project: str, message: str, tasks: int = 1) -> None:
        """Note a failure in words."""
        with self._lock:
            self._errors.appendleft({"at": time.time(), "project": project, "tasks": tasks, "error": message})

    def snapshot(self) -> dict[str, Any]:
        """`batches` under way and the last `errors`, newest first."""
        with self._lock:
            self._batches = [batch for batch in self._batches if batch.left > 0]
            return {
                "batches": [batch.as_dict() for batch in self._batches],
                "errors": [dict(error) for error in self._errors],
            }
