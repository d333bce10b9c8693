"""Money that a run may spend: calls are held back before the limit would be passed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from llm_interactive.errors import BudgetError, LeasedError, RejectedError
from llm_interactive.llm.client import ChatRequest, Reply
from llm_interactive.predict.size import size_of

_LONG_REPLY = 4000
_BYTES_PER_TOKEN = 2
_IMAGE_TOKENS = 25_000
"""What gpt-4o-mini counts for an image of 1024 × 1024 points; no other model is known to count more."""

Price = Callable[[Reply], float]
"""What a reply costs, in US dollars; 0 where its tokens are not known."""


class Budget:
    """At most `most` US dollars. Safe for threads.

    A call that is under way, or in a file for the Batch API, counts with an upper estimate of its own.
    """

    def __init__(self, most: float, price: Price) -> None:
        self._most = most
        self._price = price
        self._estimates = Estimates()
        # Guards what follows, and the estimates.
        self._lock = threading.Lock()
        self._spent = 0.0
        self._under_way: list[float] = []

    @contextmanager
    def call(self, request: ChatRequest) -> Iterator[None]:
        """Money set aside for one call, as long as it lasts.

        Raises:
            BudgetError: the call might pass the limit.
            RejectedError: so it might if nothing were spent yet.
            LeasedError: it may be made once the calls under way have cost less than was set aside for them.
        """
        estimate = self._set_aside(request)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.remove(estimate)

    def pay(self, request: ChatRequest, reply: Reply) -> None:
        """Count what the reply to a request cost; the estimate where the server does not tell its tokens."""
        with self._lock:
            self._spent += self._price(reply) or self._estimate(request)
            self._estimates.learn(request, reply)

    def reserve(self, request: ChatRequest, share: float, longest: int | None) -> None:
        """Count a call whose reply is still to come as paid, at a `share` of its price.

        Its reply has at most `longest` tokens, if that is known.

        Raises:
            BudgetError, RejectedError: as in `call`.
        """
        with self._lock:
            most = self._estimates.most(request)
            cost = share * self._price(replace(most, completion_tokens=longest or most.completion_tokens))
            self._check(cost)
            self._spent += cost

    def _set_aside(self, request: ChatRequest) -> float:
        with self._lock:
            estimate = self._estimate(request)
            self._check(estimate)
            if self._spent + sum(self._under_way) + estimate > self._most:
                raise LeasedError("The rest of the money is set aside for calls under way.")
            self._under_way.append(estimate)
            return estimate

    def _estimate(self, request: ChatRequest) -> float:
        most = self._estimates.most(request)
        # A server that gives one text at a time takes the prompt for each.
        return self._price(replace(most, prompt_tokens=most.prompt_tokens * request.num_responses))

    def _check(self, estimate: float) -> None:
        if estimate > self._most:
            raise RejectedError(
                f"This task alone might cost more than the limit of ${self._most:g}. Raise it, or set MAX_TOKENS, "
                "which bounds the reply."
            )
        if self._spent + estimate > self._most:
            raise BudgetError(
                f"The limit of ${self._most:g} is reached: one more call might pass it. Raise it to go on; nothing is "
                "paid twice."
            )


class Estimates:
    """Upper estimates of what requests take, which learn from the replies."""

    def __init__(self) -> None:
        self._factor = 1.0
        self._longest = self._image = 0

    def most(self, request: ChatRequest) -> Reply:
        """What a request might take, in tokens.

        Its text counts as a token for each two bytes, or more if a text before did; an image as 25,000, or as twice
        the most that an image before took. Without MAX_TOKENS a reply has at most 4,000 tokens, or twice as many as the
        longest one before.
        """
        longest = (request.max_tokens or _LONG_REPLY) * request.num_responses
        seen = self._longest if request.max_tokens else 2 * self._longest
        return Reply((), round(self._factor * self._prompt(request)), max(longest, seen))

    def learn(self, request: ChatRequest, reply: Reply) -> None:
        """Learn from the `reply` to a request."""
        if images := size_of(request).images:
            self._image = max(self._image, 2 * reply.prompt_tokens // images)
        self._factor = max(self._factor, reply.prompt_tokens / self._prompt(request) / request.num_responses)
        self._longest = max(self._longest, reply.completion_tokens)

    def _prompt(self, request: ChatRequest) -> float:
        size = size_of(request)
        return size.text_bytes / _BYTES_PER_TOKEN + size.images * (self._image or _IMAGE_TOKENS)
