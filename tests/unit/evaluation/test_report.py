"""A report of a small project, worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llm_interactive.errors import InvalidRequest
from llm_interactive.evaluation.answers import GROUND_TRUTH, MAJORITY, Answers, Given, Material, Subject
from llm_interactive.evaluation.report import OutputReport, evaluate, known_versions, why_nothing_is_right
from llm_interactive.evaluation.spending import Spent
from llm_interactive.evaluation.values import Kind

RIGHT = {1: "A", 2: "A", 3: "B", 4: "B", 5: "A", 6: None}
GIVEN = {
    1: Given("A", 0.9),
    2: Given("B", 0.8),
    3: Given("B", 0.7),
    4: Given(None, 0.2),
    6: Given(None, 0.1),
    9: Given("A"),
}


def material(people: Mapping[int, Mapping[int, Any]], **versions: Mapping[int, Given]) -> Material:
    tone = Answers("tone", Kind.LABEL, people, {}, versions, {"m": frozenset({5, 8})})
    empty = Answers("topic", Kind.LABEL, {}, {}, {})
    return Material([tone, empty], {task: Subject("") for task in range(10)}, list(versions))


def report(**options: Any) -> OutputReport:
    [found] = evaluate(material({1: RIGHT}, m=GIVEN), MAJORITY, ["m"], **options)
    return found


def test_tasks_count_that_have_a_right_value_and_an_answer_or_none_given() -> None:
    [version] = report().versions
    assert version.n == 5
    assert version.accuracy is not None
    assert version.accuracy.value == 3 / 5


def test_what_is_unanswered_failed_or_missing_is_told_apart() -> None:
    [found] = evaluate(material({1: RIGHT | {7: "A"}}, m=GIVEN), MAJORITY, ["m"])
    [version] = found.versions
    assert (version.unanswered, version.failed, version.missing) == (1, 1, 1)


def test_the_answered_ones_are_a_share_of_all_tasks_with_a_right_value() -> None:
    [found] = evaluate(material({1: RIGHT | {7: "A"}}, m=GIVEN), MAJORITY, ["m"])
    # Of 1 to 7 the model leaves 4 open, fails at 5 and has none of 7.
    assert found.versions[0].figures()["answered"] == 4 / 7


def test_wrong_tasks_come_with_both_values_the_surest_first() -> None:
    [version] = report().versions
    assert [(case.task, case.human, case.model, case.score) for case in version.wrong] == [
        (2, "A", "B", 0.8),
        (4, "B", None, 0.2),
    ]


def test_scores_say_how_many_tasks_can_be_accepted() -> None:
    [version] = report(wanted=0.6).versions
    assert version.confidence is not None
    assert version.confidence.accepted is not None
    assert version.confidence.accepted.coverage == 1.0


def test_scores_that_are_not_from_0_to_1_are_left_out_and_counted() -> None:
    odd = {1: Given("A", 7.5), 2: Given("B", 0.8), 3: Given("B", 0.7), 4: Given(None, -1.0)}
    [found] = evaluate(material({1: RIGHT}, m=odd), MAJORITY, ["m"])
    [version] = found.versions
    assert version.odd_scores == 2
    assert version.confidence is not None
    assert version.confidence.n == 2


def test_money_and_time_stand_beside_the_figures() -> None:
    [version] = report(spent={"m": Spent(0.2, 1.0, 2.0)}).versions
    assert version.spent == Spent(0.2, 1.0, 2.0)


def test_tasks_on_which_people_are_divided_are_counted() -> None:
    [found] = evaluate(material({1: RIGHT, 2: {1: "B"}}, m=GIVEN), MAJORITY, ["m"])
    assert (found.references, found.undecided) == (5, 1)


def test_a_version_without_any_common_task_has_no_figures() -> None:
    [found] = evaluate(material({1: {8: "A"}}, m=GIVEN), MAJORITY, ["m"])
    [version] = found.versions
    assert (version.n, version.accuracy, version.figures()) == (0, None, {"accuracy": None, "answered": 0.0})


def test_nothing_to_measure_has_the_cause_told() -> None:
    divided = material({1: {1: "A", 2: "A"}, 2: {1: "B", 2: "B"}}, m=GIVEN)
    assert why_nothing_is_right(divided, GROUND_TRUTH) == "no annotation is marked as ground truth"
    assert why_nothing_is_right(divided, MAJORITY) == "annotators disagree on 2 tasks, and agree on none"
    assert why_nothing_is_right(divided, MAJORITY, ["topic"]) is None
    assert why_nothing_is_right(material({1: RIGHT}, m={}), MAJORITY) is None


def test_an_unknown_output_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r'fills no "mood"\. It fills: tone, topic'):
        report(outputs=["mood"])


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="Known versions: m"):
        known_versions(material({}, m={}), ["n"])


def test_without_a_wish_all_versions_are_measured() -> None:
    assert known_versions(material({}, m={}, n={}), []) == ["m", "n"]


def test_the_share_of_same_texts_is_no_accuracy() -> None:
    texts = Answers("response", Kind.TEXT, {1: {1: "Yes."}}, {}, {"m": {1: Given("Yes!")}})
    [found] = evaluate(Material([texts], {}, ["m"]), MAJORITY, ["m"])
    assert found.versions[0].figures() == {"exact_match": 0.0, "similarity": 0.75, "answered": 1.0}
