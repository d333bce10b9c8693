"""Which prompt holds for a task."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.errors import WARNING
from llm_interactive.labeling.tags import ControlTag
from llm_interactive.prompts.current import prompt_in, prompt_of_task, work_on, written_in

PROMPT, OTHER, RESPONSE = (ControlTag("TextArea", name) for name in ("prompt", "other-prompt", "response"))


def region(name: str, *texts: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": list(texts)}}


@pytest.mark.parametrize(
    ("result", "prompt"),
    [
        ([region("prompt", "Classify this.\n")], "Classify this."),
        ([region("response", "R"), region("prompt", "P")], "P"),
        ([region("prompt", "one", "two\nlines", " ")], "two\nlines"),
        ([region("response", "R")], None),
        ([region("prompt", "  \n")], None),
        ([region("prompt")], None),
        ([], None),
        ([region("prompt", WARNING + "The model did not reply in time.")], None),
        ([region("prompt", "a\x00b")], "ab"),
    ],
)
def test_the_prompt_is_the_newest_text_in_its_field(result: list[Any], prompt: str | None) -> None:
    assert prompt_in(result, PROMPT) == prompt


def test_a_prompt_from_the_page_can_always_be_stored() -> None:
    prompt = prompt_in([region("prompt", "half a pair \ud83d")], PROMPT)
    assert prompt is not None
    assert prompt.encode("utf-8")


def test_a_failure_shown_in_the_response_is_nobodys_reply() -> None:
    result = [region("response", WARNING + "The key is wrong.", "mine")]
    assert written_in(result, [RESPONSE]) == ["mine"]


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
    task: dict[str, Any], prompt: str | None
) -> None:
    assert prompt_of_task(task, PROMPT) == prompt


def test_each_prompt_field_has_its_own_prompt() -> None:
    result = [region("prompt", "P"), region("other-prompt", "Q")]
    assert (prompt_in(result, PROMPT), prompt_in(result, OTHER)) == ("P", "Q")


def test_a_tasks_own_prompt_of_a_field_may_stand_in_an_older_record_than_another_fields() -> None:
    old = {"result": [region("other-prompt", "Q")], "created_at": OLD}
    task = {"annotations": [record("P", created_at=NEW), old]}
    assert (prompt_of_task(task, PROMPT), prompt_of_task(task, OTHER)) == ("P", "Q")


def test_the_texts_of_several_fields_are_gathered_in_the_fields_order() -> None:
    result = [region("response", "R"), region("prompt", "P"), region("response", "S")]
    assert written_in(result, [PROMPT, RESPONSE]) == ["P", "R", "S"]


def test_a_tasks_work_is_given_newest_first() -> None:
    task = {"annotations": [record("A", created_at=OLD)], "drafts": [record("D", created_at=NEW)], "predictions": [{}]}
    assert [prompt_in(done["result"], PROMPT) for done in work_on(task)] == ["D", "A"]
