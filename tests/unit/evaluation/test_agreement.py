"""Agreement of people with each other and of versions with people."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.evaluation.agreement import Agreement, agreements
from llm_interactive.evaluation.answers import Answers, Given
from llm_interactive.evaluation.values import Kind, Span

approx: Any = pytest.approx


def answers(kind: Kind, people: dict[int, dict[int, Any]], **versions: dict[int, Any]) -> Answers:
    given = {version: {task: Given(value) for task, value in found.items()} for version, found in versions.items()}
    return Answers("x", kind, people, {}, given)


PEOPLE = {1: {1: "A", 2: "A", 3: "B", 4: "B"}, 2: {1: "A", 2: "B", 3: "B", 4: "B"}, 3: {5: "A"}}


def test_people_are_compared_where_two_answered_the_same_task() -> None:
    [people] = agreements(answers(Kind.LABEL, PEOPLE), [])
    # Three of four are the same; kappa: by chance (2·1 + 2·3) / 16 = 1/2.
    assert (people.version, people.pairs, people.likeness) == ("", 4, 0.75)
    assert people.kappa == approx(0.5)
    # 3 A and 5 B: disagreement seen 2/8, expected 2·3·5 / (8·7)
    assert people.alpha == approx(1 - (2 / 8) / (30 / 56))


def test_a_version_is_compared_with_everybody() -> None:
    [_, version] = agreements(answers(Kind.LABEL, PEOPLE, m={1: "A", 2: "A", 5: "A"}), ["m"])
    assert (version.version, version.pairs, version.likeness, version.alpha) == ("m", 5, 0.8, None)


def test_a_single_annotator_has_nobody_to_agree_with() -> None:
    [version] = agreements(answers(Kind.LABEL, {1: {1: "A"}}, m={1: "A"}), ["m"])
    assert version == Agreement("m", 1, 1.0, None)


def test_spans_are_alike_by_their_f1() -> None:
    first, second = Span(0, 3, "A"), Span(5, 9, "B")
    people = {1: {1: frozenset({first, second})}, 2: {1: frozenset({first})}}
    assert agreements(answers(Kind.SPANS, people), []) == [Agreement("", 1, approx(2 / 3), None)]


def test_numbers_are_unlike_by_their_distance() -> None:
    [people] = agreements(answers(Kind.NUMBER, {1: {1: 1.0, 2: 5.0}, 2: {1: 2.0, 2: 5.0}}), [])
    assert people.likeness == -0.5
    # Squared distances, in both orders: 1 within the tasks, over 4 answers; 51 among 1, 2, 5, 5, over 4·3 pairs.
    assert people.alpha == approx(1 - (2 / 4) / (51 * 2 / 12))


def test_a_number_that_nobody_else_gave_agrees_with_nothing() -> None:
    people: dict[int, dict[int, Any]] = {1: {1: 1.0, 2: 2.0, 3: 3.0}, 2: {1: None}}
    assert [one.alpha for one in agreements(answers(Kind.NUMBER, people), [])] == [None]
    everybody = {1: {1: 1.0, 2: 5.0, 3: 9.0}, 2: {1: 2.0, 2: 5.0}}
    [found] = agreements(answers(Kind.NUMBER, everybody), [])
    assert found.alpha == approx(1 - (2 / 4) / (51 * 2 / 12))
