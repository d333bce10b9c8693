"""Templates: what is a placeholder, and what fills it."""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import Any

import pytest

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.prompts import template as templates
from llm_interactive.prompts.template import placeholders

fill = partial(templates.fill, most=1_000)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("no placeholder", set()),
        ("{text}", {"text"}),
        ("{text} and {prompt} and {text}", {"text", "prompt"}),
        ("{a.b.c}", {"a.b.c"}),
        ("{rows.0.name}", {"rows.0.name"}),
        ("{with-dash} {with_underscore} {größe}", {"with-dash", "with_underscore", "größe"}),
        ("{{text}}", set()),
        ("{{{text}}}", {"text"}),
        ('{"label": "x"}', set()),
        ("{ text }", set()),
        ("{}", set()),
        ("{0}", set()),
        ("{text!r}", set()),
        ("{text:>10}", set()),
        ("{text[0]}", {"text[0]"}),
        ("{source[0].inputText}", {"source[0].inputText"}),
        ("{Product Name} {Q1 (2024)} {e-mail}", {"Product Name", "Q1 (2024)", "e-mail"}),
        ("{Other Name} {as you like}", set()),
        ("{a..b}", set()),
        ("{.a}", set()),
        ("function() { return 1; }", set()),
    ],
)
def test_only_a_name_in_braces_is_a_placeholder(template: str, names: set[str]) -> None:
    fields = {"Product Name": "Lamp", "Q1 (2024)": 5, "e-mail": "a@b.c"}
    assert placeholders(template, fields) == names


FIELDS: dict[str, Any] = {
    "text": "T",
    "Product Name": "Lamp",
    "prompt": "P",
    "a": {"b": "nested"},
    "rows": [{"n": 1}],
    "n": 5,
    "null": None,
}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Source Text: {text}\n\nTask Directive: {prompt}", "Source Text: T\n\nTask Directive: P"),
        ("{text}{text}", "TT"),
        ("{a.b}", "nested"),
        ("{a}", '{"b": "nested"}'),
        ("{rows.0.n}", "1"),
        ("{n}", "5"),
        ("{{text}}", "{text}"),
        ("{{{text}}}", "{T}"),
        ("{{", "{"),
        ("}}", "}}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ('{{"a": {{"b": {n}}}}}', '{"a": {"b": 5}}'),
        ("{ and }", "{ and }"),
        ('Answer as {"label": "…", "text": {text}}', 'Answer as {"label": "…", "text": T}'),
        ("{text!r} {text:>10}", "{text!r} {text:>10}"),
        ("{rows[0].n}", "1"),
        ("{Product Name}: {Other Name}", "Lamp: {Other Name}"),
        ("", ""),
    ],
)
def test_a_template_is_filled_and_other_braces_stay(template: str, filled: str) -> None:
    assert fill(template, FIELDS) == filled


def test_a_value_is_never_taken_for_a_template() -> None:
    assert fill("{text} {prompt}", {"text": "{prompt}", "prompt": "{{x}} {text}"}) == "{prompt} {{x}} {text}"


def test_an_unknown_placeholder_is_named_with_the_fields_there_are() -> None:
    with pytest.raises(PromptError) as caught:
        fill("{text} {question}", {"text": "T", "author": "A"})
    assert "{question}" in caught.value.message
    assert "author, text" in caught.value.message


@pytest.mark.parametrize("template", ["{text.__class__}", "{text.upper}", "{rows.5}", "{a.x}"])
def test_a_placeholder_that_leads_nowhere_is_unknown(template: str) -> None:
    with pytest.raises(PromptError):
        fill(template, FIELDS)


def test_a_null_field_is_an_error_and_never_the_word_none() -> None:
    with pytest.raises(TaskDataError, match='"null" is null'):
        fill("{null}", FIELDS)


def test_an_error_says_nothing_of_the_values() -> None:
    with pytest.raises(PromptError) as caught:
        fill("{other}", {"text": "a private matter"})
    assert "private" not in caught.value.message


def test_a_text_that_would_grow_beyond_its_bound_is_not_made() -> None:
    assert len(fill("{text}" * 10, {"text": "x" * 100})) == 1_000
    with pytest.raises(TaskDataError, match=r"more than 1,000 characters\. .* raise MAX_PROMPT_CHARACTERS"):
        fill("{text}" * 10 + "!", {"text": "x" * 100})


def test_filling_a_template_is_given_up_before_memory_is_spent_on_it() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TaskDataError):
            fill("{rows}" * 3_000, {"rows": ["x" * 100_000]})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{ Product Name }", "Lamp"),
        ("{meta.Product Name}", "Desk"),
        ("{rows[1].unit price (€)}", "9"),
        ("{ as you like } {label: text}", "{ as you like } {label: text}"),
    ],
)
def test_a_brace_pair_that_names_a_field_is_filled_whatever_the_field_is_called(template: str, filled: str) -> None:
    rows = [{"unit price (€)": 5}, {"unit price (€)": 9}]
    assert fill(template, {"Product Name": "Lamp", "meta": {"Product Name": "Desk"}, "rows": rows}) == filled


@pytest.mark.parametrize("template", ["{Prodct Name}", "{product name}", "{Q2 (2024)}", "{$text}", "{Product  Name}"])
def test_a_brace_pair_that_nearly_names_a_field_is_an_error_and_no_text(template: str) -> None:
    with pytest.raises(PromptError, match=r"Nothing fills .*Product Name"):
        fill(template, {"Product Name": "Lamp", "Q1 (2024)": 5, "text": "T"})
