"""Where replies come from: the store if they are paid for, else the model, through the dispatcher."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError, DeadlineError, LeasedError, LLMError
from llm_interactive.llm.client import ChatClient, ChatRequest, Reply, UnusableReply
from llm_interactive.llm.completion import TOKENS
from llm_interactive.llm.dispatcher import Dispatcher
from llm_interactive.llm.turns import Queue
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.prepare import PreparedTask
from llm_interactive.store.leases import Leases, LeasesAhead
from llm_interactive.store.store import Store
from llm_interactive.store.usage import Call, Origin

log = logging.getLogger(__name__)

_GRACE = 1.0
_LEASED_AT_ONCE = 16
_BATCHED = (
    "It is in a batch at half the price already: `llm-interactive label --project N --resume` brings the reply, and "
    "`--cancel` takes it back."
)


@dataclass(frozen=True)
class Asked:
    """A reply to come; `paid`: it came from the store."""

    future: Future[Reply]
    paid: bool


class Replies:
    """Replies to prepared tasks: nothing paid twice, nothing paid for lost.

    `leases` keep other processes over the same database from buying the same reply.
    """

    def __init__(
        self,
        client: ChatClient,
        store: Store,
        leases: Leases,
        dispatcher: Dispatcher,
        call_timeout: float,
    ) -> None:
        self._client = client
        self._store = store
        self._leases = leases
        self._dispatcher = dispatcher
        self._call_timeout = call_timeout

    def ask_now(self, prepared: PreparedTask, deadline: Deadline, origin: Origin) -> Reply:
        """A new reply for somebody who waits for it; batches find it in the store from then on.

        Raises:
            DeadlineError: it did not come in time.
            BackendError: the model failed; the cause.
        """
        ask = partial(self._buy_now, prepared, origin)
        [future] = self._dispatcher.submit([(None, ask)], Queue(prepared.request.model, urgent=True), deadline=deadline)
        try:
            # The dispatcher itself ends the call in time and knows what kept it; this is for when it is too busy to.
            return future.result(timeout=max(0.0, deadline.left) + _GRACE)
        except TimeoutError:
            raise DeadlineError("The model did not reply in time. Try again.") from None

    def ask_for_one(
        self, prepared: PreparedTask, deadline: Deadline, origin: Origin, budget: Budget | None = None
    ) -> Reply:
        """The reply to one task of a batch.

        Raises:
            BackendError: there is none; the cause.
        """
        queue = Queue(prepared.request.model)
        [asked] = self.ask_for({self.key(prepared): prepared}, queue, deadline, origin, budget).values()
        return asked.future.result()

    def ask_for(
        self,
        prepared: Mapping[str, PreparedTask],
        queue: Queue,
        deadline: Deadline,
        origin: Origin,
        budget: Budget | None = None,
    ) -> dict[str, Asked]:
        """The replies to tasks of a batch, by their keys; those that the provider's Batch API has are not asked for."""
        asked = {key: Asked(settled(reply), paid=True) for key, reply in self._store.replies(prepared).items()}
        waiting = self._store.batches.waiting([key for key in prepared if key not in asked])
        asked |= {key: Asked(failed(DeadlineError(_BATCHED)), paid=False) for key in waiting}
        missing = [key for key in prepared if key not in asked]
        for start in range(0, len(missing), _LEASED_AT_ONCE):
            some = {key: prepared[key] for key in missing[start : start + _LEASED_AT_ONCE]}
            leases = LeasesAhead(self._leases, some)
            buy = partial(self._buy_once, leases, origin, budget)
            calls = [(key, partial(buy, key, one)) for key, one in some.items()]
            for key, future in zip(some, self._dispatcher.submit(calls, queue, deadline=deadline), strict=True):
                future.add_done_callback(partial(leases.over, key))
                asked[key] = Asked(future, paid=False)
        return {key: asked[key] for key in prepared}

    def key(self, prepared: PreparedTask) -> str:
        """What the reply is kept under."""
        return prepared.request.key(self._client.endpoint)

    def _buy_now(self, prepared: PreparedTask, origin: Origin, deadline: Deadline) -> Reply:
        try:
            # Not waiting here for the commit: the caller's own note of the answer is committed with it.
            return self._buy(prepared, origin, self.key(prepared), deadline, wait=False)
        finally:
            self._leases.bought_without()

    def _buy_once(
        self,
        leases: LeasesAhead,
        origin: Origin,
        budget: Budget | None,
        key: str,
        prepared: PreparedTask,
        deadline: Deadline,
    ) -> Reply:
        """The reply under `key`, from the store if it has been bought since the batch looked.

        Raises:
            LeasedError: another process is buying it.
        """
        lease = leases.take(key)
        if lease.is_bought and (paid := self._bought(key, origin)):
            return paid
        if not lease.is_mine:
            raise LeasedError("Another process of the ML backend is asking for this reply. Try again in a moment.")
        return self._buy(prepared, origin, key, deadline, budget=budget)

    def _bought(self, key: str, origin: Origin) -> Reply | None:
        reply = self._store.replies([key]).get(key)
        if reply:
            self._store.usage.count(origin, from_store=1)
        return reply

    def _buy(
        self,
        prepared: PreparedTask,
        origin: Origin,
        key: str,
        deadline: Deadline,
        *,
        wait: bool = True,
        budget: Budget | None = None,
    ) -> Reply:
        bill = _Bill(origin, prepared.task, budget)
        reply = self._billed(prepared.request, bill, deadline)
        try:
            # A reply that was cut off would be cut off again.
            if not reply.cut and (faults := prepared.faults(reply.texts[0])):
                reply = self._repaired(prepared, reply, faults, bill, deadline)
        finally:
            self._store.save_reply(key, reply, bill.calls, wait=wait)
        return reply

    def _repaired(
        self, prepared: PreparedTask, reply: Reply, faults: Sequence[str], bill: _Bill, deadline: Deadline
    ) -> Reply:
        """`reply` with its first text asked for once more, if that one fits better."""
        try:
            again = self._billed(_repair_request(prepared.request, reply.texts[0], faults), bill, deadline)
        except BackendError as error:
            log.info("A reply that does not fit could not be asked for again: %s", error.message)
            return reply
        reply = reply.with_cost_of(again)
        if len(prepared.faults(again.texts[0])) < len(faults):
            texts = (again.texts[0], *reply.texts[1:])
            reply = replace(reply, texts=texts, tokens=again.tokens, cut=again.cut)
        return reply

    def _billed(self, request: ChatRequest, bill: _Bill, deadline: Deadline) -> Reply:
        """The reply to `request`, put on the `bill`; what is paid for and cannot be used is kept at once."""
        with bill.room_for(request):
            return self._called(request, bill, deadline)

    def _called(self, request: ChatRequest, bill: _Bill, deadline: Deadline) -> Reply:
        started = time.perf_counter()
        try:
            reply = self._client.complete(request, min(deadline, Deadline.after(self._call_timeout)))
        except UnusableReply as error:
            bill.add(request, error.reply, time.perf_counter() - started, "unusable")
            self._store.usage.keep([bill.calls.pop()])
            raise
        except LLMError:
            self._store.usage.count(bill.origin.by(request.model), calls_failed=1)
            raise
        bill.add(request, reply, time.perf_counter() - started, "cut" if reply.cut else "ok")
        return reply


@dataclass
class _Bill:
    """The calls paid for one reply to a task, which are kept together with it."""

    origin: Origin
    task: str
    budget: Budget | None = None
    calls: list[Call] = field(default_factory=list)

    def room_for(self, request: ChatRequest) -> AbstractContextManager[None]:
        """Lasts as long as the call; raises what `Budget.call` does."""
        return self.budget.call(request) if self.budget else nullcontext()

    def add(self, request: ChatRequest, reply: Reply, seconds: float, outcome: str) -> None:
        """Note a call that took `seconds`."""
        if self.budget:
            self.budget.pay(request, reply)
        tokens = {name: getattr(reply, name) for name in TOKENS}
        origin = self.origin.by(request.model)
        self.calls.append(Call(origin.project, origin.version, self.task, request.model, outcome, seconds, **tokens))


def failed(error: BackendError) -> Future[Reply]:
    """A reply that is not to come."""
    future: Future[Reply] = Future()
    future.set_exception(error)
    return future


def settled(reply: Reply) -> Future[Reply]:
    """A reply that is there."""
    future: Future[Reply] = Future()
    future.set_result(reply)
    return future


def _repair_request(request: ChatRequest, text: str, faults: Sequence[str]) -> ChatRequest:
    wish = f"That does not fit: {'; '.join(faults)}. Reply again, with nothing but one JSON object."
    turns: Any = [{"role": "assistant", "content": text}, {"role": "user", "content": wish}]
    return replace(request, messages=[*request.messages, *turns], num_responses=1)
