"""What a task's objects hold, as text."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.contents import Turn, addresses_of, pictures_in, text_of, turns_of
from llm_interactive.labeling.pages import PICTURE
from llm_interactive.labeling.tags import ObjectTag


def text(tag: str, value: Any, **attributes: str) -> str:
    """The text of an object `tag` whose field holds `value`."""
    return text_of(ObjectTag(tag, "x", "$field", attributes), {"field": value})


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"id": "a", "title": "First", "body": "One."}], "[a] First\nOne."),
        ([{"id": "a", "title": "First"}, {"id": 2, "body": "Two."}], "[a] First\n\n[2] Two."),
        ([{"id": "a", "html": "<p>A <b>bold</b> word</p>"}], "[a] A bold word"),
        ([{"id": "a", "html": "<img src='a.png'> a cat"}], f"[a] {PICTURE} a cat"),
        ([{"title": "Without an id"}], "[] Without an id"),
        ([{"id": "a"}], "[a] "),
        ([], ""),
    ],
)
def test_a_lists_items_stand_under_their_ids(items: list[dict[str, Any]], expected: str) -> None:
    assert text("List", items) == expected


@pytest.mark.parametrize("value", ["a text", 5, {"id": "a"}, ["a"], [None]])
def test_what_is_no_list_of_items_is_the_tasks_error(value: object) -> None:
    with pytest.raises(TaskDataError, match="not a list of items"):
        text("List", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"total": 5, "shop": "Café"}, "total: 5\nshop: Café"),
        ('{"total": 5}', "total: 5"),
        ({"rows": [1, 2]}, "rows: [1, 2]"),
        ([{"a": 1}, {"a": 2}], '{"a": 1}\n{"a": 2}'),
        (["one", "two"], "one\ntwo"),
        ("no JSON at all", "no JSON at all"),
        ({}, ""),
    ],
)
def test_a_tables_rows_are_lines(value: object, expected: str) -> None:
    assert text("Table", value) == expected


@pytest.mark.parametrize("tag", ["Text", "HyperText", "Paragraphs", "List", "Table"])
def test_an_address_in_the_place_of_a_content_is_not_fetched(tag: str) -> None:
    with pytest.raises(TaskDataError, match="does not fetch"):
        text(tag, "http://127.0.0.1/", valuetype="url")


@pytest.mark.parametrize("encoding", ["base64", "base64unicode"])
def test_coded_text_is_refused(encoding: str) -> None:
    with pytest.raises(TaskDataError, match="coded text"):
        text("Text", "QQ==", encoding=encoding)


@pytest.mark.parametrize("tag", ["Text", "HyperText", "Paragraphs", "List", "Table"])
@pytest.mark.parametrize("data", [{}, {"field": None}])
def test_a_field_that_is_missing_or_null_is_the_tasks_error(tag: str, data: dict[str, Any]) -> None:
    with pytest.raises(TaskDataError, match="field"):
        text_of(ObjectTag(tag, "x", "$field"), data)


def test_no_message_holds_an_angle_bracket_which_label_studio_would_render() -> None:
    with pytest.raises(TaskDataError) as caught:
        text("HyperText", "http://127.0.0.1/", valuetype="url")
    assert not set("<>") & set(caught.value.message)


DIALOGUE = ObjectTag("Paragraphs", "x", "$field", {"namekey": "role", "textkey": "content"})


def test_a_turn_is_who_speaks_and_what_is_said() -> None:
    data = {"field": [{"role": "user", "content": "Hi"}, {"content": "Ho"}]}
    assert turns_of(DIALOGUE, data) == [Turn("user", "Hi"), Turn("", "Ho")]


def test_a_turn_with_null_is_left_out_and_one_without_a_text_is_the_tasks_error() -> None:
    assert turns_of(DIALOGUE, {"field": [{"role": "assistant", "content": None}]}) == []
    with pytest.raises(TaskDataError, match=r'Paragraph 2 of .* has no "content"'):
        turns_of(DIALOGUE, {"field": [{"content": "Hi"}, {"role": "assistant"}]})


@pytest.mark.parametrize(
    ("value", "addresses"),
    [("/data/a.pdf", ["/data/a.pdf"]), (["b.png", "a.png"], ["b.png", "a.png"])],
)
@pytest.mark.parametrize("tag", ["Image", "Pdf"])
def test_the_addresses_of_files_keep_their_order(tag: str, value: object, addresses: list[str]) -> None:
    assert addresses_of(ObjectTag(tag, "x", "$field"), {"field": value}) == addresses


@pytest.mark.parametrize(("tag", "named"), [("Image", "an image"), ("Pdf", "a PDF")])
@pytest.mark.parametrize("value", [5, "", "  ", [], ["a", 5], ["a", ""], {"a": 1}])
def test_what_is_no_address_is_the_tasks_error(tag: str, named: str, value: object) -> None:
    with pytest.raises(TaskDataError, match=named):
        addresses_of(ObjectTag(tag, "x", "$field"), {"field": value})


def test_the_addresses_of_a_list_are_those_of_the_pictures_in_it() -> None:
    items = [
        {"id": 1, "html": "<p>Two</p><img class=x src='a.png'><IMG SRC=b.png>"},
        {"id": 2, "title": "none", "html": None},
        {"id": 3, "html": '<img src="https://e.com/c?x=1&amp;y=2" alt="">'},
    ]
    assert pictures_in(items) == ["a.png", "b.png", "https://e.com/c?x=1&y=2"]
