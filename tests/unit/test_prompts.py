"""Which prompt holds, and what a template makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.labeling.config import Labeling
from llm_interactive.prompts.current import WARNING, prompt_in, prompt_of_task, responses_in
from llm_interactive.prompts.template import fill, placeholders

Parse = Callable[[str], Labeling]

INSIDE = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)


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
        ("{text[0]}", set()),
        ("{a..b}", set()),
        ("{.a}", set()),
        ("function() { return 1; }", set()),
    ],
)
def test_only_a_name_in_braces_is_a_placeholder(template: str, names: set[str]) -> None:
    assert placeholders(template) == names


FIELDS: dict[str, Any] = {"text": "T", "prompt": "P", "a": {"b": "nested"}, "rows": [{"n": 1}], "n": 5, "null": None}


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


def region(name: str, *texts: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": list(texts)}}


@pytest.mark.parametrize(
    ("result", "prompt"),
    [
        ([region("prompt", "Classify this.\n")], "Classify this."),
        ([region("response", "R"), region("prompt", "P")], "P"),
        ([region("prompt", "one", "two")], "one\ntwo"),
        ([region("response", "R")], None),
        ([region("prompt", "  \n")], None),
        ([region("prompt")], None),
        ([], None),
        ([region("prompt", WARNING + "The model did not reply in time.")], None),
        ([region("prompt", "a\x00b")], "ab"),
    ],
)
def test_the_prompt_is_the_text_of_its_regions(labeling: Parse, result: list[Any], prompt: str | None) -> None:
    assert prompt_in(result, labeling(INSIDE)) == prompt


def test_a_prompt_from_the_page_can_always_be_stored(labeling: Parse) -> None:
    prompt = prompt_in([region("prompt", "half a pair \ud83d")], labeling(INSIDE))
    assert prompt is not None
    assert prompt.encode("utf-8")


def test_a_failure_shown_in_the_response_is_nobodys_reply(labeling: Parse) -> None:
    result = [region("response", WARNING + "The key is wrong.", "mine")]
    assert responses_in(result, labeling(INSIDE)) == ["mine"]


def record(prompt: str | None, **times: str) -> dict[str, Any]:
    return {"result": [region("prompt", prompt)] if prompt else [region("response", "R")], **times}


OLD, MIDDLE, NEW = "2026-11-22T18:00:00.000001Z", "2026-11-22T19:00:00.000001Z", "2026-11-23T01:00:00.000001Z"


@pytest.mark.parametrize(
    ("task", "prompt"),
    [
        ({"annotations": [record("A", created_at=OLD)]}, "A"),
        ({"drafts": [record("D", created_at=OLD)]}, "D"),
        ({"predictions": [record("P", created_at=OLD)]}, "P"),
        ({"annotations": [record("A", created_at=OLD), record("B", created_at=NEW)]}, "B"),
        ({"annotations": [record("B", created_at=NEW), record("A", created_at=OLD)]}, "B"),
        ({"annotations": [record("A", created_at=OLD, updated_at=NEW), record("B", created_at=MIDDLE)]}, "A"),
        ({"drafts": [record("D", created_at=OLD)], "predictions": [record("P", created_at=NEW)]}, "P"),
        ({"drafts": [record("D", created_at=NEW)], "annotations": [record("A", created_at=OLD)]}, "D"),
        ({"drafts": [record(None, created_at=NEW)], "annotations": [record("A", created_at=OLD)]}, "A"),
        ({"annotations": [record(None, created_at=NEW)]}, None),
        ({"annotations": [], "drafts": [], "predictions": []}, None),
        ({"annotations": None}, None),
        ({"annotations": [None, {"result": None}, {}]}, None),
        ({}, None),
    ],
)
def test_a_tasks_own_prompt_is_that_of_its_newest_record_that_holds_one(
    labeling: Parse, task: dict[str, Any], prompt: str | None
) -> None:
    assert prompt_of_task(task, labeling(INSIDE)) == prompt
