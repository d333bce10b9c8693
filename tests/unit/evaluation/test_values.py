"""Values as people read them."""

from __future__ import annotations

import pytest

from llm_interactive.evaluation.measures import measure
from llm_interactive.evaluation.values import Kind, shown


@pytest.mark.parametrize(
    ("value", "words"), [(3.0, "3"), (0.1, "0.1"), (12345.67, "12345.67"), (1234561.11, "1234561.11")]
)
def test_amounts_have_all_their_digits(value: float, words: str) -> None:
    assert shown(value) == words


def test_large_ratings_are_classes_of_their_own() -> None:
    confusion = measure(Kind.NUMBER, {1: (1234567.0, 1234568.0), 2: (1234568.0, 1234568.0)}).confusion
    assert confusion is not None
    assert confusion.names == ["1234567", "1234568"]
