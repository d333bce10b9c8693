"""A limit of money holds whatever comes: each call counts with an upper estimate of its own."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.errors import BudgetError, LeasedError, RejectedError
from llm_interactive.llm.client import ChatRequest, Reply
from llm_interactive.predict.budget import Budget, Estimates

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}


def request(content: Any = "x", max_tokens: int | None = 10, num_responses: int = 1) -> ChatRequest:
    return ChatRequest("one", [{"role": "user", "content": content}], None, num_responses, max_tokens)


def budget(most: float) -> Budget:
    """A token costs a dollar."""
    return Budget(most, lambda reply: reply.prompt_tokens + reply.completion_tokens)


def pay(budget: Budget, request: ChatRequest, reply: Reply) -> None:
    with budget.call(request):
        budget.pay(request, reply)


def test_a_call_counts_with_its_own_length_whatever_those_before_cost() -> None:
    found = budget(1000)
    pay(found, request("short"), Reply((), 5, 5))
    with pytest.raises(RejectedError, match="This task alone"), found.call(request("long " * 1000)):
        pass
    pay(found, request("short"), Reply((), 5, 5))


def test_what_is_left_may_not_do_for_one_more_call() -> None:
    found = budget(100)
    pay(found, request("x" * 100), Reply((), 30, 10))
    with pytest.raises(BudgetError, match=r"limit of \$100 is reached"), found.call(request("x" * 100)):
        pass


def test_a_call_waits_for_what_is_set_aside_for_others() -> None:
    found = budget(100)
    with found.call(request("x" * 100)), pytest.raises(LeasedError), found.call(request("x" * 100)):
        pass
    with found.call(request("x" * 100)):
        pass


@pytest.mark.parametrize(
    ("max_tokens", "seen", "assumed"), [(None, 0, 0), (None, 3000, 6000), (50, 20, 50), (50, 70, 70)]
)
def test_a_reply_is_as_long_as_it_may_be_or_as_one_before_was(max_tokens: int | None, seen: int, assumed: int) -> None:
    found = Estimates()
    found.learn(request(), Reply((), 1, seen))
    assert found.most(request(max_tokens=max_tokens)).completion_tokens == assumed
    assert found.most(request(max_tokens=max_tokens, num_responses=3)).completion_tokens >= assumed


def test_a_longer_text_counts_as_twice_the_most_before_and_a_token_for_each_two_bytes_more() -> None:
    found = Estimates()
    unknown = found.most(request("x" * 800)).prompt_tokens
    assert 100 <= unknown < 110
    found.learn(request("x" * 100), Reply((), 30))
    assert found.most(request("x" * 50)).prompt_tokens == 60
    assert found.most(request("x" * 500)).prompt_tokens == 60 + 200


def test_an_image_counts_as_many_tokens_until_one_has_shown_how_many_and_never_by_its_bytes() -> None:
    found = Estimates()
    seen = request([{"type": "text", "text": "x"}, IMAGE])
    assert 25_000 < found.most(seen).prompt_tokens < 25_100
    found.learn(seen, Reply((), 1000))
    assert found.most(seen).prompt_tokens == 2000


def test_where_a_server_does_not_tell_tokens_a_call_counts_as_estimated() -> None:
    found = budget(130)
    pay(found, request("x" * 100), Reply(()))
    with pytest.raises(BudgetError), found.call(request("x" * 100)):
        pass


def test_no_more_calls_are_made_at_once_than_there_are_replies() -> None:
    found = budget(10_000)
    with found.call(request()):
        with pytest.raises(LeasedError), found.call(request()):
            pass
        found.pay(request(), Reply((), 5, 5))
    with found.call(request()), found.call(request()), pytest.raises(LeasedError), found.call(request()):
        pass
