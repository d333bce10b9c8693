"""Pairwise and Ranker."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.tags import ControlTag, Label, ObjectTag
from llm_interactive.outputs.ranking import Pairwise, Ranker

LEFT = ObjectTag("Text", "answer-1", "$one", title="Answer 1")
RIGHT = ObjectTag("Text", "answer-2", "$two")
PAIR = Pairwise(ControlTag("Pairwise", "better", (LEFT, RIGHT)))

LIST = ObjectTag("List", "answers", "$items")
RANKER = Ranker(ControlTag("Ranker", "rank", (LIST,)))
BUCKETS = Ranker(
    ControlTag("Ranker", "rank", (LIST,), labels=(Label("good", "good", hint="Good ones"), Label("bad", "bad")))
)
DATA = {"items": [{"id": "blog", "title": "Ten tips"}, {"id": "mdn"}, {"id": 3}]}
ANSWERS = st.recursive(
    st.none() | st.integers() | st.sampled_from(["blog", "mdn", "3", "good", "left", "x"]),
    lambda below: st.lists(below, max_size=5) | st.dictionaries(st.sampled_from(["good", "bad", "x"]), below),
    max_leaves=10,
)


def test_a_pair_is_left_or_right_or_null() -> None:
    assert PAIR.schema({}) == {"type": ["string", "null"], "enum": ["left", "right", None]}
    assert PAIR.guide({}) == '"left" (Answer 1) or "right" (answer-2), or null if neither'


def test_the_region_of_a_pair_belongs_to_the_left_object() -> None:
    (region,) = PAIR.regions("right", {})
    assert (region["to_name"], region["type"], region["value"]) == ("answer-1", "pairwise", {"selected": "right"})
    assert PAIR.value_of([region]) == "right"


@pytest.mark.parametrize(
    ("answer", "side"),
    [("left", "left"), ("Right", "right"), ("answer-2", "right"), ("Answer 1", "left"), (None, None)],
)
def test_a_side_is_named_also_by_its_object(answer: Any, side: str | None) -> None:
    checked = PAIR.check(answer, {})
    assert (checked.value, checked.fault) == (side, None)


@pytest.mark.parametrize("answer", ["both", 1, ["left"], "answer"])
def test_another_side_is_refused(answer: Any) -> None:
    checked = PAIR.check(answer, {})
    assert (checked.value, bool(checked.fault)) == (None, True)


def test_a_rank_is_an_order_of_the_tasks_ids() -> None:
    assert RANKER.schema(DATA) == {"type": "array", "items": {"type": "string", "enum": ["blog", "mdn", "3"]}}
    assert RANKER.guide(DATA) == 'list of all these ids, the best first: "blog", "mdn", "3"; or []'
    (region,) = RANKER.regions(["3", "blog", "mdn"], DATA)
    assert (region["to_name"], region["value"]) == ("answers", {"ranker": {"rank": ["3", "blog", "mdn"]}})
    assert RANKER.value_of([region]) == ["3", "blog", "mdn"]


@pytest.mark.parametrize(
    ("answer", "expected", "whole"),
    [
        (["mdn", 3, "blog"], ["mdn", "3", "blog"], True),
        (["mdn", "mdn", "3", "blog", "nobody"], ["mdn", "3", "blog"], False),
        (["mdn", "3"], [], False),
        (["mdn", "nobody", "mdn"], [], False),
        ([3, 2, 1], [], False),
        (["nobody"], [], False),
        ([], [], True),
        (None, [], True),
        ("mdn", [], False),
    ],
)
def test_unknown_and_repeated_ids_go_and_no_place_is_made_up(answer: Any, expected: list[str], *, whole: bool) -> None:
    checked = RANKER.check(answer, DATA)
    assert checked.value == expected
    assert (checked.fault is None) == whole


def test_buckets_are_lists_of_ids() -> None:
    schema = BUCKETS.schema(DATA)
    assert (schema["required"], schema["additionalProperties"]) == (["good", "bad"], False)
    assert BUCKETS.guide(DATA).startswith('object with a list of ids for each of "good" (Good ones), "bad";')
    (region,) = BUCKETS.regions({"good": ["mdn"], "bad": []}, DATA)
    assert region["value"] == {"ranker": {"good": ["mdn"], "bad": []}}
    assert BUCKETS.value_of([region]) == {"good": ["mdn"], "bad": []}


@pytest.mark.parametrize(
    ("answer", "expected", "whole"),
    [
        ({"good": ["mdn"], "bad": [3]}, {"good": ["mdn"], "bad": ["3"]}, True),
        ({"Good ones": ["mdn"]}, {"good": ["mdn"], "bad": []}, True),
        ({"GOOD": "mdn", "bad": None}, {"good": ["mdn"], "bad": []}, True),
        ({"mdn": "good"}, {}, False),
        ({"good": ["mdn", "x"], "bad": ["mdn"], "_": ["3"]}, {"good": ["mdn"], "bad": []}, False),
        ({"good": [], "bad": []}, {}, True),
        (None, {}, True),
        (["mdn"], {}, False),
    ],
)
def test_an_id_stands_in_one_bucket_at_most(answer: Any, expected: dict[str, Any], *, whole: bool) -> None:
    checked = BUCKETS.check(answer, DATA)
    assert checked.value == expected
    assert (checked.fault is None) == whole
    assert BUCKETS.value_of(BUCKETS.regions(checked.value, DATA)) == expected


@pytest.mark.parametrize("data", [{}, {"items": "a"}, {"items": [{"title": "no id"}]}])
def test_a_task_without_items_is_at_fault(data: dict[str, Any]) -> None:
    with pytest.raises(TaskDataError):
        RANKER.schema(data)


@given(value=ANSWERS, output=st.sampled_from([PAIR, RANKER, BUCKETS]))
def test_any_value_is_checked_and_what_is_kept_is_read_back(value: Any, output: Pairwise | Ranker) -> None:
    checked = output.check(value, DATA).value
    assert output.value_of(output.regions(checked, DATA)) == checked
