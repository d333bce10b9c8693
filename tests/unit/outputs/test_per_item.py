"""Controls with perItem."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_interactive.labeling.tags import ControlTag, Label, ObjectTag
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.per_item import PerItem
from llm_interactive.outputs.textarea import TextArea

PAGES = ObjectTag("Image", "pages", "", {"valuelist": "$images"})
DATA = {"images": ["a.png", "b.png", "c.png"]}
KIND = PerItem(
    Choices(ControlTag("Choices", "kind", (PAGES,), {"peritem": "true"}, (Label("Map", "m"), Label("Text", "t"))))
)
NOTE = PerItem(TextArea(ControlTag("TextArea", "note", (PAGES,), {"peritem": "true"})))


def test_the_value_is_a_list_of_pages() -> None:
    schema = KIND.schema(DATA)["items"]
    assert schema["properties"]["page"] == {"type": "integer"}
    assert schema["properties"]["value"] == {"type": ["string", "null"], "enum": ["Map", "Text", None]}
    assert KIND.guide(DATA).endswith('where value is: one of "Map", "Text", or null')


def test_each_page_has_a_region_of_its_own() -> None:
    value = [{"page": 1, "value": "Text"}, {"page": 3, "value": "Map"}]
    regions = KIND.regions(value, DATA)
    assert [(region["item_index"], region["value"]) for region in regions] == [
        (0, {"choices": ["t"]}),
        (2, {"choices": ["m"]}),
    ]
    assert len({region["id"] for region in regions}) == 2
    assert regions == KIND.regions(value, DATA)
    assert KIND.value_of(regions[::-1]) == value


def test_a_text_of_each_page_is_read_back_as_a_list() -> None:
    assert NOTE.value_of(NOTE.regions([{"page": 2, "value": "a"}], DATA)) == [{"page": 2, "value": ["a"]}]


@pytest.mark.parametrize(
    ("answer", "expected", "whole"),
    [
        ([{"page": 2, "value": "map"}, {"page": 1, "value": None}], [{"page": 2, "value": "Map"}], True),
        ([{"page": 1, "value": "Map"}, {"page": 1, "value": "Text"}], [{"page": 1, "value": "Map"}], True),
        ([{"page": 0, "value": "Map"}, {"page": 4, "value": "Map"}], [], False),
        ([{"page": 1, "value": "Poem"}], [], False),
        (["Map", None, {"page": True}], [], False),
        ({"page": 1, "value": "Map"}, [{"page": 1, "value": "Map"}], True),
        (
            [{"page": "2", "value": "map"}, {"page": 1.0, "value": "Text"}],
            [{"page": 1, "value": "Text"}, {"page": 2, "value": "Map"}],
            True,
        ),
        ({"1": "Map"}, [], False),
        ("Map", [], False),
        (None, [], True),
        ([], [], True),
    ],
)
def test_entries_that_do_not_fit_are_left_out_and_said(answer: Any, expected: list[Any], *, whole: bool) -> None:
    checked = KIND.check(answer, DATA)
    assert checked.value == expected
    assert (checked.fault is None) == whole


@given(
    value=st.lists(
        st.fixed_dictionaries({"page": st.integers(-1, 5), "value": st.sampled_from(["Map", "text", "x", None])}),
        max_size=6,
    )
)
def test_any_entries_are_checked_and_what_is_kept_is_read_back(value: Any) -> None:
    checked = KIND.check(value, DATA).value
    assert KIND.value_of(KIND.regions(checked, DATA)) == checked
