"""Replies to many requests at once: nothing paid twice, nothing paid for lost, an answer in time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait

from llm_interactive.activity import Activity
from llm_interactive.dispatcher import Ask, Dispatcher
from llm_interactive.errors import BackendError, DeadlineError
from llm_interactive.llm import ChatClient, ChatRequest, Reply
from llm_interactive.metrics import Metrics, Origin
from llm_interactive.store import Store

BACKGROUND_SECONDS = 3600.0
"""How long a batch's calls may go on after its answer; their replies wait in the store."""


class Replies:
    """Where replies come from: the store if they are paid for, else the model, through the dispatcher."""

    def __init__(
        self,
        client: ChatClient,
        store: Store,
        dispatcher: Dispatcher,
        metrics: Metrics,
        activity: Activity,
        call_timeout: float,
    ) -> None:
        self._client = client
        self._store = store
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._activity = activity
        self._call_timeout = call_timeout

    def ask_now(self, request: ChatRequest, seconds: float, origin: Origin) -> Reply:
        """A new reply for somebody who waits for it.

        Raises:
            DeadlineError: it did not come within `seconds`.
            BackendError: the model failed; the cause.
        """
        [future] = self._dispatcher.submit([(None, self._call(request, origin, None))], seconds=seconds, urgent=True)
        try:
            return future.result(timeout=seconds)
        except TimeoutError:
            raise DeadlineError(f"The model did not reply within {seconds:g} seconds. Try again.") from None

    def ask_all(self, requests: Sequence[ChatRequest], seconds: float, origin: Origin) -> list[Reply | BackendError]:
        """For each request its reply, or why there is none; takes at most `seconds`.

        What is not there by then goes on in the background, and the next `ask_all` finds it in the store.
        """
        ends = time.monotonic() + seconds
        keys = [request.key(self._client.endpoint) for request in requests]
        paid = self._store.replies(keys)
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in paid}
        calls = [(key, self._call(request, origin, key)) for key, request in missing.items()]
        spared = len(requests) - len(missing)
        self._metrics.from_store(origin, spared)
        batch = self._activity.begin(origin, len(requests), spared)
        futures = self._dispatcher.submit(calls, seconds=max(seconds, BACKGROUND_SECONDS))
        for future in futures:
            future.add_done_callback(batch.note)
        wait(futures, timeout=max(0.0, ends - time.monotonic()))
        late = DeadlineError(f"No reply within {seconds:g} seconds; it is still awaited. Retrieve predictions again.")
        outcomes = {key: _outcome(future, late) for key, future in zip(missing, futures, strict=True)}
        return [paid.get(key) or outcomes[key] for key in keys]

    def _call(self, request: ChatRequest, origin: Origin, key: str | None) -> Ask:
        def ask(seconds: float) -> Reply:
            reply = self._timed(request, origin, min(seconds, self._call_timeout))
            if key is not None:
                self._store.save_reply(key, reply)
            return reply

        return ask

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


def _outcome(future: Future[Reply], late: DeadlineError) -> Reply | BackendError:
    if not future.done():
        return late
    error = future.exception()
    return error if isinstance(error, BackendError) else future.result()
