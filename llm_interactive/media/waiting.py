"""Waiting for what others hold, until a deadline."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from llm_interactive.deadline import Deadline
from llm_interactive.errors import DeadlineError

LATE = "The task's file was not ready in time. Try again in a moment."


def seconds(deadline: Deadline) -> float:
    """The time until `deadline`, as the standard library's waiting functions take it."""
    return min(max(deadline.left, 0.0), threading.TIMEOUT_MAX)


@contextmanager
def held(lock: threading.Lock | threading.Semaphore, deadline: Deadline) -> Iterator[None]:
    """Hold `lock` meanwhile.

    Raises:
        DeadlineError: others hold it until `deadline`.
    """
    if not lock.acquire(timeout=seconds(deadline)):
        raise DeadlineError(LATE)
    try:
        yield
    finally:
        lock.release()


class Room:
    """Room for a few at work: batches never take what is there `for_annotators`, who may take all."""

    def __init__(self, for_batches: int, for_annotators: int) -> None:
        self._of_batches = threading.Semaphore(for_batches)
        self._all = threading.Semaphore(for_batches + for_annotators)

    @contextmanager
    def taken(self, deadline: Deadline, *, urgent: bool) -> Iterator[None]:
        """Take a place meanwhile, for an annotator if it is `urgent`.

        Raises:
            DeadlineError: there is none until `deadline`.
        """
        with nullcontext() if urgent else held(self._of_batches, deadline), held(self._all, deadline):
            yield
