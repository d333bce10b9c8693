"""Values out of task data."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.fields import MissingField, as_text, field, fields_of, object_value
from llm_interactive.text import storable, whole_number

DATA: dict[str, Any] = {
    "text": "plain",
    "a": {"b": {"c": "deep"}},
    "rows": [{"name": "first"}, {"name": "second"}],
    "dotted.name": "by its own name",
    "dotted": {"name": "by its parts"},
    "null": None,
    "zero": 0,
    "no": False,
    "blank": "",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "plain"),
        ("a.b.c", "deep"),
        ("rows.1.name", "second"),
        ("rows[0].name", "first"),
        ("dotted.name", "by its own name"),
        ("null", None),
        ("zero", 0),
        ("no", False),
        ("blank", ""),
    ],
)
def test_a_field_is_found_by_its_name_or_by_the_dots_in_it(name: str, value: object) -> None:
    assert field(DATA, name) == value


@pytest.mark.parametrize(
    "name",
    [
        "other",
        "text.upper",
        "text.__class__",
        "text.0",
        "a.b.x",
        "a.b.c.d",
        "rows.2",
        "rows.-1",
        "rows.name",
        "rows[2].name",
        f"rows[{'9' * 5000}].name",
        "null.x",
        "__class__",
        "",
        ".",
    ],
)
def test_a_name_that_leads_nowhere_is_a_missing_field(name: str) -> None:
    with pytest.raises(MissingField):
        field(DATA, name)


def test_no_attribute_of_a_python_object_is_reachable() -> None:
    with pytest.raises(MissingField):
        field({"text": object()}, "text.__class__")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("$text", "plain"),
        ("$a.b.c", "deep"),
        ("$a.b", {"c": "deep"}),
        ("$rows", DATA["rows"]),
        ("$rows[1].name", "second"),
        ("$zero", 0),
        ("A text for all tasks", "A text for all tasks"),
        ("Title: $text", "Title: plain"),
        ("$text and $a.b.c", "plain and deep"),
        ("See $text.", "See plain."),
        ("", ""),
    ],
)
def test_an_objects_value_is_the_field_or_the_text_with_fields_put_in(template: str, value: object) -> None:
    assert object_value(template, DATA) == value


def test_a_missing_field_is_named_with_the_fields_there_are() -> None:
    with pytest.raises(TaskDataError, match=r'no field "body".*author, text'):
        object_value("$body", {"text": "x", "author": "y"})


@pytest.mark.parametrize("template", ["$null", "Title: $null"])
def test_a_null_field_is_an_error_and_never_the_word_none(template: str) -> None:
    with pytest.raises(TaskDataError, match='"null" is null'):
        object_value(template, DATA)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (5, "5"),
        (0.5, "0.5"),
        (True, "true"),
        (["é", None], '["é", null]'),
        ({"a": {"b": 1}}, '{"a": {"b": 1}}'),
    ],
)
def test_text_is_put_in_as_it_is_and_everything_else_as_json(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("text", ["plain", "Grüße, 世界 👋", "line\nbreak\ttab", ""])
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assert storable(text) == text


@pytest.mark.parametrize("text", ["half a pair \ud83d", "\udc00 the other half", "a \x00 in it"])
def test_what_databases_cannot_hold_is_taken_out(text: str) -> None:
    stored = storable(text)
    assert "\x00" not in stored
    assert stored.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9" * 15, 10**15 - 1),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
    ],
)
def test_a_whole_number_is_one_of_ordinary_length(text: str, number: int | None) -> None:
    assert whole_number(text) == number


def test_the_names_of_fields_are_listed_in_order() -> None:
    assert fields_of({"b": 1, "a": 2}) == "a, b"


def test_no_fields_are_called_none() -> None:
    assert fields_of({}) == "none"


def test_the_list_of_fields_stays_short_however_many_there_are() -> None:
    assert len(fields_of({f"{'x' * 500}{number}": 1 for number in range(500)})) < 1500


def test_an_objects_value_that_would_grow_beyond_all_measure_is_given_up() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TaskDataError, match="more than 10,000,000 characters"):
            object_value("$rows " * 3_000, {"rows": ["x" * 100_000]})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
