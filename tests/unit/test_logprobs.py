"""The probabilities of a reply's tokens: aligned with its text, or not there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from llm_interactive.llm.logprobs import probability, tokens_of

TEXT = '{"c": "Été"}'
TOKENS = [('{"', 1.0), ('c":', 1.0), (' "', 0.5), ("É", 0.8), ('té"', 0.5), ("}", 0.1)]


def content(tokens: Sequence[tuple[str, float]]) -> dict[str, Any]:
    return {"content": [{"token": token, "logprob": math.log(share)} for token, share in tokens]}


def sure_of(word: str, text: str, logprobs: Any) -> float | None:
    start = text.index(word)
    return probability(tokens_of(text, logprobs), text, start, start + len(word))


def test_the_probability_of_a_place_is_that_of_all_tokens_that_it_is_in() -> None:
    assert sure_of("Été", TEXT, content(TOKENS)) == 0.4
    assert sure_of("É", TEXT, content(TOKENS)) == 0.8
    assert sure_of("c", TEXT, content(TOKENS)) == 1


def test_the_older_shape_is_read() -> None:
    tokens, shares = zip(*TOKENS, strict=True)
    older = {"tokens": list(tokens), "token_logprobs": [math.log(share) for share in shares]}
    assert sure_of("Été", TEXT, older) == 0.4


def test_a_character_may_be_in_two_tokens() -> None:
    halves = [{"token": "\ufffd", "bytes": [byte], "logprob": math.log(0.5)} for byte in "é".encode()]
    assert sure_of("é", "é", {"content": halves}) == 0.25


def test_reasoning_and_signs_around_the_text_are_left_out() -> None:
    around = [("<think>Yes?</think>", 0.1), *TOKENS, ("<|end|>", 0.1)]
    assert tokens_of(TEXT, content(around)) == tokens_of(TEXT, content(TOKENS))


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        [],
        {"content": None},
        {"content": [1]},
        {"content": [{"token": "Yes"}]},
        {"content": [{"token": "Yes", "logprob": "-0.1"}]},
        {"content": [{"token": "Yes", "logprob": math.nan}]},
        {"content": [{"token": "Yes", "logprob": -(10**400)}]},
        {"content": [{"token": "No", "logprob": -0.1}]},
        {"content": [{"token": "Yes", "bytes": [300], "logprob": -0.1}]},
        {"content": [{"token": ["Yes"], "bytes": ["Y"], "logprob": -0.1}]},
        {"tokens": ["Yes"], "token_logprobs": []},
    ],
    ids=repr,
)
def test_what_is_not_of_the_text_is_not_known(logprobs: Any) -> None:
    assert tokens_of("Yes", logprobs) == ""


def test_what_is_impossible_is_bounded() -> None:
    assert sure_of("Yes", "Yes", {"content": [{"token": "Yes", "logprob": 0.5}]}) == 1
    assert sure_of("Yes", "Yes", {"content": [{"token": "Yes", "logprob": -9999.0}]}) == 0


def test_without_tokens_nothing_is_known() -> None:
    assert probability("", "Yes", 0, 3) is None
