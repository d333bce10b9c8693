"""Which replies are one to whoever ranks them."""

from __future__ import annotations

import pytest

from llm_interactive.ranking.candidates import Candidate, different


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Yes, it is.", "Yes it is"),
        ("Not  Sarcastic", "Not Sarcastic"),
        ("Paris, France", "paris france"),
        ("One:\n\n- two", "One\n- two"),
        ("It costs 5.", "It costs 5"),
    ],
)
def test_replies_in_the_same_words_are_one(one: str, other: str) -> None:
    assert different([("a/1", one), ("b/1", other), ("b/1", one)]) == [Candidate(one, ["a/1", "b/1"])]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It is safe to take it with alcohol.", "It is not safe to take it with alcohol."),
        ("The dose for adults is 50 mg a day.", "The dose for adults is 500 mg a day."),
        ("The battle took place on 14 October 1066.", "The battle took place on 15 October 1066."),
        ("1,280.00 EUR", "1,290.00 EUR"),
        ("-5", "5"),
        (".5", "5"),
        ("x < y", "x > y"),
        ("a = b + c", "a = b - c"),
        ("!=", "=="),
        ("n!", "n"),
        ("Really?", "Really."),
        ("👍", "👎"),
        ("नहीं है", "नही है"),
    ],
)
def test_replies_that_may_say_the_opposite_are_two(one: str, other: str) -> None:
    assert different([("a/1", one), ("b/1", other)]) == [Candidate(one, ["a/1"]), Candidate(other, ["b/1"])]
