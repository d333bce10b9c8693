"""Money that a run may spend: calls are held back before the limit would be passed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from llm_interactive.errors import BudgetError, LeasedError, RejectedError
from llm_interactive.llm.client import ChatRequest, Reply
from llm_interactive.predict.size import Size, size_of

_LONG_REPLY = 4000
_BYTES_PER_TOKEN = 2
_IMAGE_TOKENS = 25_000
"""What gpt-4o-mini counts for an image of 1024 × 1024 points; no other model is known to count more."""

Price = Callable[[Reply], float]
"""What a reply costs, in US dollars; 0 where its tokens are not known."""


class Budget:
    """At most `most` US dollars. Safe for threads.

    A call that is under way, or in a file for the Batch API, counts with an upper estimate of its own. The first
    replies show what one costs: no more calls are made at once than there are replies.
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
        """Count what the reply to a request cost; an upper estimate where the server does not tell its tokens."""
        told = _as_told(request, reply)
        with self._lock:
            self._spent += self._price(told)
            self._estimates.learn(request, told)

    def reserve(self, request: ChatRequest, share: float, longest: int | None) -> None:
        """Count a call whose reply is still to come as paid, at a `share` of its price.

        Its reply has at most `longest` tokens, if that is known.

        Raises:
            BudgetError, RejectedError: as in `call`.
        """
        with self._lock:
            most = self._estimates.most(request)
            bound = most.completion_tokens if request.max_tokens else max(_LONG_REPLY, most.completion_tokens)
            cost = share * self._price(replace(most, completion_tokens=longest or bound))
            self._check(cost)
            self._spent += cost

    def _set_aside(self, request: ChatRequest) -> float:
        with self._lock:
            estimate = self._estimate(request)
            self._check(estimate)
            if self._spent + sum(self._under_way) + estimate > self._most:
                raise LeasedError("The rest of the money is set aside for calls under way.")
            if len(self._under_way) > self._estimates.replies:
                raise LeasedError("The first replies show what one costs.")
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
        self.replies = 0
        """How many it has learnt from."""
        self._most = Reply(())
        self._largest = Size(0, 0)

    def most(self, request: ChatRequest) -> Reply:
        """What a request might take, in tokens: twice the most that one before took.

        Of a longer request, each two bytes more count as a token (eight, as long as nothing is known), each image more
        as 25,000. MAX_TOKENS bounds the reply.
        """
        size = size_of(request)
        more = max(0, size.text_bytes - self._largest.text_bytes) // (_BYTES_PER_TOKEN if self.replies else 8)
        images = max(0, size.images - self._largest.images) * _IMAGE_TOKENS
        seen, bound = self._most.completion_tokens, (request.max_tokens or 0) * request.num_responses
        return Reply((), 2 * self._most.prompt_tokens + more + images, max(bound, seen) if bound else 2 * seen)

    def learn(self, request: ChatRequest, reply: Reply) -> None:
        """Learn from the `reply` to a request."""
        size = size_of(request)
        self.replies += 1
        self._largest = Size(*map(max, self._largest, size))
        prompt = max(self._most.prompt_tokens, -(-reply.prompt_tokens // request.num_responses))
        self._most = Reply((), prompt, max(self._most.completion_tokens, reply.completion_tokens))


def _as_told(request: ChatRequest, reply: Reply) -> Reply:
    """A reply with the tokens that its server tells, else with as many as it has at most."""
    if reply.prompt_tokens:
        return reply
    size, said = size_of(request), sum(len(text.encode("utf-8", "replace")) for text in reply.texts)
    prompt_tokens = size.text_bytes // _BYTES_PER_TOKEN + size.images * _IMAGE_TOKENS
    return replace(reply, prompt_tokens=prompt_tokens, completion_tokens=said // _BYTES_PER_TOKEN)
