"""Who is next: annotators in their order, then batches, a call of each in turn. The dispatcher's lock guards it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError
from llm_interactive.llm.client import Reply

Ask = Callable[[Deadline], Reply]
"""A call: takes the deadline by which it must end, gives the reply or raises a BackendError."""


class Queue:
    """The calls of one request, which come one after the other; queues take turns.

    The calls of an `urgent` one go before those of all others. A rate limit holds for all queues of the same `model`.
    `trouble` is why the last attempt failed for a moment, `broken` why no further one is made.
    """

    def __init__(self, model: str = "", *, urgent: bool = False) -> None:
        self.model = model
        self.urgent = urgent
        self.trouble: BackendError | None = None
        self.broken: BackendError | None = None
        self.waiting: deque[Call] = deque()


@dataclass
class Call:
    """A call that waits for its turn, and what came of it so far."""

    key: str | None
    ask: Ask
    deadline: Deadline
    queue: Queue
    future: Future[Reply] = field(default_factory=Future)
    tries: int = 0
    last_error: BackendError | None = None


class Turns:
    """The calls that wait."""

    def __init__(self) -> None:
        self._urgent: deque[Call] = deque()
        self._batches: deque[Queue] = deque()

    def __len__(self) -> int:
        return len(self._urgent) + sum(len(queue.waiting) for queue in self._batches)

    @property
    def of_batches(self) -> bool:
        """Whether a batch waits."""
        return bool(self._batches)

    def add(self, calls: Iterable[Call], queue: Queue) -> None:
        """Let `calls` wait at the end of `queue`."""
        if queue.urgent:
            self._urgent.extend(calls)
            return
        stood_in_line = bool(queue.waiting)
        queue.waiting.extend(calls)
        if queue.waiting and not stood_in_line:
            self._batches.append(queue)

    def put_back(self, call: Call) -> None:
        """Let a call wait that had its turn: it is the next of its queue, and its queue the next one."""
        if call.queue.urgent:
            self._urgent.appendleft(call)
            return
        if not call.queue.waiting:
            self._batches.appendleft(call.queue)
        call.queue.waiting.appendleft(call)

    def next_urgent(self, wait: Callable[[Call], float], waits: list[float]) -> Call | None:
        """The first call of an annotator for which there is nothing to `wait`; seconds of the others go to `waits`."""
        for call in self._urgent:
            seconds = wait(call)
            if seconds <= 0:
                self._urgent.remove(call)
                return call
            waits.append(seconds)
        return None

    def next_of_a_batch(self, wait: Callable[[Queue], float], waits: list[float]) -> Call | None:
        """As `next_urgent`, of the batch whose turn it is."""
        for queue in self._batches:
            seconds = wait(queue)
            if seconds <= 0:
                self._batches.remove(queue)
                call = queue.waiting.popleft()
                if queue.waiting:
                    self._batches.append(queue)
                return call
            waits.append(seconds)
        return None

    def drop(self, queue: Queue) -> list[Call]:
        """Forget the calls of a batch's `queue`, and give them."""
        dropped = list(queue.waiting)
        queue.waiting.clear()
        if queue in self._batches:
            self._batches.remove(queue)
        return dropped

    def drop_all(self) -> list[Call]:
        """Forget all calls, and give them."""
        dropped = [*self._urgent, *(call for queue in self._batches for call in queue.waiting)]
        self._urgent.clear()
        self._batches.clear()
        return dropped
