"""Many calls at once: bounded, interactive ones first, batches in turn, each within its time, none made twice.

Callers hand in calls and get futures. `max_concurrency` threads take them: an interactive call before any batch's,
batches in turn. A call that failed for a moment goes back to the head of its queue with a pause, so no thread waits
for it; a rate limit that most calls meet pauses all of the same model. Nothing here knows what a call does.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial

from llm_interactive.deadline import Deadline
from llm_interactive.errors import (
    STOPPING,
    UNEXPECTED,
    AccountError,
    BackendError,
    DeadlineError,
    LeasedError,
    RateLimitError,
    TransientLLMError,
)
from llm_interactive.llm.client import Reply
from llm_interactive.llm.rate_limit import RateLimiter
from llm_interactive.llm.turns import Ask, Call, Queue, Turns

log = logging.getLogger(__name__)

MAX_TRIES = 6
"""Attempts at a call that fails for a moment. Rate limits do not count: they end with the call's time."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 20.0
_LOOK_AGAIN = 0.25
_TOO_SHORT = 0.3  # for another try: it would only hide why the last one failed
_SHARE, _AT_WORK = 32, 30.0


class Dispatcher:
    """Runs calls on at most `max_concurrency` threads, started as they are needed."""

    def __init__(self, max_concurrency: int) -> None:
        self._max_threads = max_concurrency
        self._threads: list[threading.Thread] = []
        # Guards what follows.
        self._changed = threading.Condition()
        self._idle = 0
        self._batch_calls = 0
        self._annotated = float("-inf")
        self._turns = Turns()
        self._paused: list[tuple[float, int, Call]] = []
        self._order = itertools.count()
        self._running: dict[str, Future[Reply]] = {}
        self._limiters: defaultdict[str, RateLimiter] = defaultdict(RateLimiter)
        self._closed = False

    def submit(
        self, asks: Iterable[tuple[str | None, Ask]], queue: Queue, *, deadline: Deadline
    ) -> list[Future[Reply]]:
        """Futures of the calls `asks`, in order, which go to the end of `queue`.

        A call not made by `deadline` fails with DeadlineError.
        Calls with a key that is already under way, in this batch or another one, share its future.
        """
        futures: list[Future[Reply]] = []
        calls: list[Call] = []
        with self._changed:
            for key, ask in asks:
                if key is not None and key in self._running:
                    futures.append(self._running[key])
                    continue
                call = Call(key, ask, deadline, queue)
                calls.append(call)
                futures.append(call.future)
                if key is not None:
                    self._running[key] = call.future
            refused = DeadlineError(STOPPING) if self._closed else queue.broken
            if refused is None:
                self._turns.add(calls, queue)
                if queue.urgent:
                    self._annotated = time.monotonic()
                self._start_threads()
                self._changed.notify(len(calls))
        if refused:
            for call in calls:
                self._finish(call, refused)
        return futures

    def close(self) -> None:
        """Drop the calls that wait; those being made end by themselves."""
        with self._changed:
            self._closed = True
            waiting = [*self._turns.drop_all(), *(call for _, _, call in self._paused)]
            self._paused.clear()
            self._changed.notify_all()
        for call in waiting:
            self._finish(call, DeadlineError(STOPPING))

    @property
    def under_way(self) -> int:
        """How many calls of batches are being made."""
        with self._changed:
            return self._batch_calls

    def join(self, seconds: float) -> None:
        """After `close`, wait for the calls that are being made, at most `seconds`."""
        deadline = Deadline.after(seconds)
        for thread in list(self._threads):
            thread.join(max(0.0, deadline.left))

    def _start_threads(self) -> None:
        for _ in range(min(len(self._turns) - self._idle, self._max_threads - len(self._threads))):
            thread = threading.Thread(target=self._work, name=f"llm-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (call := self._take()) is not None:
            self._make(call)
            if not call.queue.urgent:
                with self._changed:
                    self._batch_calls -= 1

    def _take(self) -> Call | None:
        """The next call to make; waits for it. None when closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                self._wake_paused(now)
                waits: list[float] = []
                call = self._next(now, waits)
                if call is not None:
                    self._limiters[call.queue.model].started(now)
                    return call
                self._rest(min([*waits, *self._changes(now)], default=None))
        return None

    def _next(self, now: float, waits: list[float]) -> Call | None:
        call = self._turns.next_urgent(partial(self._wait_of_an_annotator, now), waits)
        if call is None and self._batch_may_call(now):
            call = self._turns.next_of_a_batch(lambda queue: self._limiters[queue.model].wait(now), waits)
            self._batch_calls += 1 if call else 0
        return call

    def _wait_of_an_annotator(self, now: float, call: Call) -> float:
        # Nobody who waits is kept longer than agreed, not even by a rate limit.
        return min(self._limiters[call.queue.model].wait(now), call.deadline.left)

    def _batch_may_call(self, now: float) -> bool:
        # While people are at work, one of 32 threads is theirs: a call need not wait for a batch's to end.
        kept = self._max_threads // _SHARE if now < self._annotated + _AT_WORK else 0
        return self._turns.of_batches and self._batch_calls < self._max_threads - kept

    def _changes(self, now: float) -> list[float]:
        """Seconds until calls come back from a pause, and until a batch may take the threads kept for annotators."""
        moments = [self._paused[0][0]] if self._paused else []
        moments += [self._annotated + _AT_WORK] if self._turns.of_batches and self._annotated + _AT_WORK > now else []
        return [max(0.0, moment - now) for moment in moments]

    def _rest(self, seconds: float | None) -> None:
        self._idle += 1
        self._changed.wait(seconds)
        self._idle -= 1

    def _wake_paused(self, now: float) -> None:
        while self._paused and self._paused[0][0] <= now:
            self._turns.put_back(heapq.heappop(self._paused)[2])

    def _make(self, call: Call) -> None:
        if call.queue.broken or call.deadline.left <= (_TOO_SHORT if call.last_error else 0):
            self._finish(
                call, call.queue.broken or call.last_error or DeadlineError("The model did not reply in time.")
            )
            return
        call.tries += 1
        started = time.monotonic()
        limiter = self._limiters[call.queue.model]
        try:
            reply = call.ask(call.deadline)
        except LeasedError as error:
            call.tries -= 1
            self._again(call, error, _LOOK_AGAIN)
        except RateLimitError as error:
            call.tries -= 1
            # One among many that go through says nothing of the others.
            if limiter.is_stray():
                self._again(call, error, error.retry_after or _FIRST_PAUSE)
            else:
                self._again(call, error, limiter.limited(started, time.monotonic(), error.retry_after), paced=True)
        except TransientLLMError as error:
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (call.tries - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
            self._again(call, error, max(pause, error.retry_after or 0))
        except BackendError as error:
            if isinstance(error, AccountError):
                self.give_up(call.queue, error)
            self._finish(call, error)
        except Exception:
            log.exception("A call failed in a way that nobody thought of")
            self._finish(call, BackendError(UNEXPECTED))
        else:
            limiter.succeeded(time.monotonic())
            call.queue.trouble = None
            self._finish(call, reply)

    def _again(self, call: Call, error: BackendError, pause: float, *, paced: bool = False) -> None:
        now = time.monotonic()
        call.last_error = call.queue.trouble = error
        if call.queue.broken or call.tries >= MAX_TRIES or pause >= call.deadline.left:
            self._finish(call, call.queue.broken or error)
            return
        with self._changed:
            if self._closed:
                self._finish(call, DeadlineError(STOPPING))
                return
            if paced:
                self._turns.put_back(call)
            else:
                heapq.heappush(self._paused, (now + pause, next(self._order), call))
            self._changed.notify()

    def give_up(self, queue: Queue, error: BackendError) -> None:
        """Fail all calls of `queue` that are not under way, and those that are still to come."""
        with self._changed:
            queue.broken = error
            dropped = [*self._turns.drop(queue), *(call for _, _, call in self._paused if call.queue is queue)]
            self._paused = [item for item in self._paused if item[2].queue is not queue]
            heapq.heapify(self._paused)
        for call in dropped:
            self._finish(call, error)

    def _finish(self, call: Call, outcome: Reply | BackendError) -> None:
        with self._changed:
            if call.key is not None and self._running.get(call.key) is call.future:
                del self._running[call.key]
        if isinstance(outcome, BackendError):
            call.future.set_exception(outcome)
        else:
            call.future.set_result(outcome)
