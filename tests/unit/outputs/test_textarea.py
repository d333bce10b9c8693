"""TextArea."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_interactive.labeling.tags import ControlTag, ObjectTag
from llm_interactive.outputs.textarea import TextArea

TEXT = ObjectTag("Text", "text", "$text")


def area(**attributes: str) -> TextArea:
    return TextArea(ControlTag("TextArea", "summary", (TEXT,), attributes))


def test_a_text_makes_one_region_and_is_read_back_as_a_list() -> None:
    regions = area().regions("Two\nlines", {})
    assert [(region["type"], region["value"]) for region in regions] == [("textarea", {"text": ["Two\nlines"]})]
    assert area().value_of(regions) == ["Two\nlines"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (" a\n", " a\n"), (12, "12"), (["a", " ", "b"], ["a", "b"]), ("a\x00\ud800", "a?")],
)
def test_texts_are_taken_as_they_are(value: Any, expected: Any) -> None:
    checked = area().check(value, {})
    assert (checked.value, checked.fault) == (expected, None)


@pytest.mark.parametrize("value", ["", " \n", None, [], [" "], "null", " NULL", ["null"]])
def test_a_blank_text_is_none(value: Any) -> None:
    checked = area().check(value, {})
    assert (checked.value, checked.fault) == (None, None)
    assert area().regions(checked.value, {}) == []


@pytest.mark.parametrize("value", [{"text": "a"}, True, [1], [["a"]]])
def test_what_is_no_text_is_refused(value: Any) -> None:
    assert area().check(value, {}).fault == "must be a text or null"


def test_several_texts_are_entries_of_one_region_and_none_that_is_paid_for_is_lost() -> None:
    assert area().regions(["a", "b", "c"], {})[0]["value"] == {"text": ["a", "b", "c"]}
    assert area(maxsubmissions="1").regions(["a", "b", "c"], {})[0]["value"] == {"text": ["a", "b", "c"]}


def test_the_response_is_always_asked_for_and_other_texts_may_be_none() -> None:
    control = area().control
    assert TextArea(control, is_response=True).schema({}) == {"type": "string"}
    assert TextArea(control).schema({}) == {"type": ["string", "null"]}


@given(texts=st.lists(st.text(), max_size=4))
def test_any_texts_are_read_back(texts: list[str]) -> None:
    checked = area().check(texts, {}).value
    assert area().value_of(area().regions(checked, {})) == (checked or [])
