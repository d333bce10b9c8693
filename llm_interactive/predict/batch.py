"""Replies to many requests at once: nothing paid twice, nothing paid for lost, an answer in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from llm_interactive.errors import BackendError, DeadlineError, LeasedError
from llm_interactive.llm.client import ChatClient, ChatRequest, Reply
from llm_interactive.llm.dispatcher import Dispatcher, Queue
from llm_interactive.predict.activity import Activity
from llm_interactive.predict.metrics import Metrics, Origin
from llm_interactive.store.leases import Leases
from llm_interactive.store.store import Store

BACKGROUND_SECONDS = 3600.0
"""How long a batch's calls may go on after its answer; their replies wait in the store."""


_GRACE = 1.0


class Batch:
    """The tasks of one request on their way, by their number in it. Safe for threads.

    Requests are added as soon as they are ready. Their outcomes are counted (for /status) even after `outcomes` has
    given up on them.
    """

    def __init__(self, origin: Origin, total: int, ask: Callable[[Batch, Mapping[int, ChatRequest]], None]) -> None:
        self.origin = origin
        self.total = total
        self.queue = Queue()
        self.from_store = self.done = self.failed = 0
        self._ask = ask
        self._started = time.monotonic()
        self._outcomes: list[Reply | BackendError | None] = [None] * total
        self._changed = threading.Condition()

    @property
    def left(self) -> int:
        """Tasks without an outcome yet."""
        return self.total - self.from_store - self.done - self.failed

    def add(self, requests: Mapping[int, ChatRequest]) -> None:
        """Ask for the replies to `requests`, which belong to the tasks of these numbers."""
        self._ask(self, requests)

    def settle(self, number: int, outcome: Reply | BackendError, *, from_store: bool = False) -> None:
        """Note the outcome of a task."""
        with self._changed:
            self._outcomes[number] = outcome
            if from_store:
                self.from_store += 1
            elif isinstance(outcome, Reply):
                self.done += 1
            else:
                self.failed += 1
            if self.left <= 0:
                self._changed.notify_all()

    def outcomes(self, seconds: float) -> list[Reply | BackendError]:
        """For each task its reply, or why there is none; waits for `seconds` at most.

        What is not there by then goes on in the background, and the next batch finds it in the store.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.left <= 0, timeout=max(0.0, seconds))
            return [outcome or self._late() for outcome in self._outcomes]

    def _late(self) -> DeadlineError:
        trouble = f" The last attempt failed: {self.queue.trouble}" if self.queue.trouble else ""
        return DeadlineError(f"No reply in time; it is still awaited. Retrieve predictions again in a moment.{trouble}")

    def as_dict(self) -> dict[str, Any]:
        """The counts, with `seconds_left` estimated from the pace so far (None before the first outcome)."""
        elapsed = time.monotonic() - self._started
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


class Replies:
    """Where replies come from: the store if they are paid for, else the model, through the dispatcher.

    `claims` keep other processes over the same database from buying the same reply; None if there are none.
    """

    def __init__(
        self,
        client: ChatClient,
        store: Store,
        claims: Leases | None,
        dispatcher: Dispatcher,
        metrics: Metrics,
        activity: Activity,
        call_timeout: float,
    ) -> None:
        self._client = client
        self._store = store
        self._claims = claims
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._activity = activity
        self._call_timeout = call_timeout

    def ask_now(self, request: ChatRequest, seconds: float, origin: Origin) -> Reply:
        """A new reply for somebody who waits for it; batches find it in the store from then on.

        Raises:
            DeadlineError: it did not come within `seconds`.
            BackendError: the model failed; the cause.
        """
        # Not waiting here: the caller's own note of the answer is committed with it.
        ask = partial(self._buy, request, origin, request.key(self._client.endpoint), wait=False)
        [future] = self._dispatcher.submit([(None, ask)], Queue(urgent=True), seconds=seconds)
        try:
            # The dispatcher itself ends the call in time and knows what kept it; this is for when it is too busy to.
            return future.result(timeout=seconds + _GRACE)
        except TimeoutError:
            raise DeadlineError(f"The model did not reply within {seconds:g} seconds. Try again.") from None

    def begin(self, origin: Origin, total: int, seconds: float) -> Batch:
        """A batch of `total` tasks whose answer is due in `seconds`."""
        batch = Batch(origin, total, partial(self._ask_for, max(seconds, BACKGROUND_SECONDS)))
        self._activity.begin(batch)
        return batch

    def _ask_for(self, seconds: float, batch: Batch, requests: Mapping[int, ChatRequest]) -> None:
        numbers: dict[str, list[int]] = {}
        for number, request in requests.items():
            numbers.setdefault(request.key(self._client.endpoint), []).append(number)
        paid: dict[str, Reply] = {}

        def known(keys: list[str]) -> Mapping[str, Reply]:
            paid.update(self._store.replies(keys))
            return paid

        buy = self._buy if self._claims is None else partial(self._buy_once, self._claims)
        calls = [(key, partial(buy, requests[first], batch.origin, key)) for key, (first, *_) in numbers.items()]
        futures = self._dispatcher.submit(calls, batch.queue, seconds=seconds, known=known)
        self._metrics.from_store(batch.origin, sum(len(numbers[key]) for key in paid))
        for (key, of_tasks), future in zip(numbers.items(), futures, strict=True):
            future.add_done_callback(partial(_settle, batch, of_tasks, key in paid))

    def _buy_once(self, claims: Leases, request: ChatRequest, origin: Origin, key: str, seconds: float) -> Reply:
        """The reply under `key`, from the store if another process has bought it.

        Raises:
            LeasedError: another process is buying it.
        """
        if not claims.take(key):
            if paid := self._bought(key, origin):
                return paid
            raise LeasedError("Another process of the ML backend is asking for this reply. Try again in a moment.")
        try:
            # Only now, as it may have been bought, and the claim given up, since the batch looked.
            return self._bought(key, origin) or self._buy(request, origin, key, seconds)
        finally:
            claims.free(key)

    def _bought(self, key: str, origin: Origin) -> Reply | None:
        reply = self._store.replies([key]).get(key)
        self._metrics.from_store(origin, 1 if reply else 0)
        return reply

    def _buy(self, request: ChatRequest, origin: Origin, key: str, seconds: float, *, wait: bool = True) -> Reply:
        reply = self._timed(request, origin, min(seconds, self._call_timeout))
        self._store.save_reply(key, reply, wait=wait)
        return reply

    def _timed(self, request: ChatRequest, origin: Origin, seconds: float) -> Reply:
        outcome = "failed"
        started = time.perf_counter()
        try:
            reply = self._client.complete(request, seconds)
            outcome = "ok"
        finally:
            self._metrics.call(origin, outcome, time.perf_counter() - started)
        self._metrics.tokens(origin, reply.prompt_tokens, reply.completion_tokens)
        return reply


def _settle(batch: Batch, numbers: list[int], from_store: bool, future: Future[Reply]) -> None:
    error = future.exception()
    for number in numbers:
        outcome = error if isinstance(error, BackendError) else future.result()
        batch.settle(number, outcome, from_store=from_store)
