"""Money that a run may spend: calls are held back before the limit would be passed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llm_interactive.errors import BudgetError, LeasedError
from llm_interactive.llm.client import ChatRequest, Reply

_LONG_REPLY = 1000
_BYTES_PER_TOKEN = 3

Price = Callable[[Reply], float]
"""What a reply costs, in US dollars."""


class Budget:
    """At most `most` US dollars. Safe for threads.

    A call that is under way counts with what the dearest one so far cost; before the first reply, with an upper
    estimate of its own.
    """

    def __init__(self, most: float, price: Price) -> None:
        self._most = most
        self._price = price
        # Guards what follows.
        self._lock = threading.Lock()
        self._spent = 0.0
        self._dearest = 0.0
        self._under_way: list[float] = []

    @contextmanager
    def call(self, request: ChatRequest) -> Iterator[None]:
        """Money set aside for one call, as long as it lasts.

        Raises:
            BudgetError: the call would pass the limit.
            LeasedError: it may be made once the calls under way have cost less than was set aside for them.
        """
        estimate = self._set_aside(request)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.remove(estimate)

    def pay(self, reply: Reply) -> None:
        """Count what a reply cost."""
        cost = self._price(reply)
        with self._lock:
            self._spent += cost
            self._dearest = max(self._dearest, cost)

    def reserve(self, reply: Reply, share: float) -> None:
        """Count a reply that is still to come as paid, at a `share` of its price.

        Raises:
            BudgetError: it would pass the limit.
        """
        cost = share * self._price(reply)
        with self._lock:
            if self._spent + cost > self._most:
                raise self._reached()
            self._spent += cost

    def _reached(self) -> BudgetError:
        return BudgetError(f"The limit of ${self._most:g} is reached. Raise it to go on; nothing is paid twice.")

    def _set_aside(self, request: ChatRequest) -> float:
        with self._lock:
            estimate = self._dearest or self._price(largest(request))
            if self._spent + estimate > self._most:
                raise self._reached()
            if self._spent + sum(self._under_way) + estimate > self._most:
                raise LeasedError("The rest of the money is set aside for calls under way.")
            self._under_way.append(estimate)
            return estimate


def largest(request: ChatRequest) -> Reply:
    """An upper estimate of what a request takes, in tokens."""
    asked = len(json.dumps([request.messages, request.schema], ensure_ascii=False).encode()) // _BYTES_PER_TOKEN
    return Reply((), asked, (request.max_tokens or _LONG_REPLY) * request.num_responses)
