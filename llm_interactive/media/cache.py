"""Results of slow work, kept for a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import DeadlineError
from llm_interactive.media.waiting import LATE, seconds

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Values by key, each made once however many threads want it at the same time. Safe for threads.

    Values are kept for `keep_for` seconds, and as long as all of them take up at most `max_bytes` by `size`; then those
    go that were not wanted for longest. A failure is told to all who wait for it and is not kept.
    """

    def __init__(
        self,
        max_bytes: int,
        keep_for: float,
        size: Callable[[Value], int],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._keep_for = keep_for
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()  # guards what follows; nothing is made under it
        self._kept: OrderedDict[Key, tuple[Value, int, float]] = OrderedDict()
        self._making: dict[tuple[Key, bool], Future[Value]] = {}
        self.bytes = 0

    def get(self, key: Key, make: Callable[[], Value], deadline: Deadline = NEVER, *, urgent: bool = False) -> Value:
        """The value of `key`: the one that is kept or being made, else what `make` returns.

        Whose wish is `urgent` waits for nobody to make it whose wish is not: those may have to wait themselves.

        Raises:
            DeadlineError: another thread is still making it at `deadline`.
            Exception: what `make` raised, here or in the thread that was first.
        """
        while True:
            with self._lock:
                self._drop_old()
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][0]
                making = self._making.get((key, urgent))
                if making is None:
                    mine = self._making[key, urgent] = Future()
            if making is None:
                return self._made(key, make, mine, urgent=urgent)
            wait([making], seconds(deadline))
            if not making.done():
                raise DeadlineError(LATE)
            if deadline.left <= 0 or not isinstance(making.exception(), DeadlineError):
                return making.result()
            # The other thread's time ran out, and there is time left here.

    def _made(self, key: Key, make: Callable[[], Value], future: Future[Value], *, urgent: bool) -> Value:
        try:
            future.set_result(make())
        except BaseException as error:
            future.set_exception(error)
        with self._lock:
            del self._making[key, urgent]
            if not future.exception() and key not in self._kept:
                self._keep(key, future.result())
        return future.result()

    def _keep(self, key: Key, value: Value) -> None:
        size = self._size(value)
        if size > self._max_bytes:
            return
        self._kept[key] = (value, size, self._clock() + self._keep_for)
        self.bytes += size
        while self.bytes > self._max_bytes:
            _, (_, size, _) = self._kept.popitem(last=False)
            self.bytes -= size

    def _drop_old(self) -> None:
        now = self._clock()
        for key in [key for key, (_, _, end) in self._kept.items() if end <= now]:
            self.bytes -= self._kept.pop(key)[1]
