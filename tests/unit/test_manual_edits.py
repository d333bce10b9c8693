"""An annotator's own words are told from a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.outputs.form import Form
from llm_interactive.predict.manual_edits import answered_by_prediction, has_outcome, holds_error, is_only_an_edit
from llm_interactive.store.store import Answered, fingerprint

Make = Callable[[str], Form]

CONFIG = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)
LAST = Answered(fingerprint("P"), (fingerprint("given"), fingerprint("given before")))


def region(name: str, text: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [text]}}


@pytest.mark.parametrize(
    ("prompt", "responses", "last", "only_an_edit"),
    [
        ("P", ["my own"], LAST, True),
        ("P", ["given", "my own"], LAST, True),
        ("P", ["given"], LAST, False),
        ("P", ["given before"], LAST, False),
        ("P", [" given\n"], LAST, False),
        ("P", [], LAST, False),
        ("Q", ["my own"], LAST, False),
        ("P", ["my own"], None, False),
    ],
)
def test_it_is_an_edit_if_the_prompt_is_the_last_one_and_a_response_was_not_given(
    prompt: str, responses: list[str], last: Answered | None, only_an_edit: bool
) -> None:
    assert is_only_an_edit(prompt, responses, last) is only_an_edit


def test_a_stored_prediction_tells_what_was_answered(form: Make) -> None:
    task = {"predictions": [{"result": [region("prompt", "P"), region("response", "given")]}]}
    found = answered_by_prediction(task, form(CONFIG))
    assert found == Answered(fingerprint("P"), (fingerprint("given"),))


@pytest.mark.parametrize("predictions", [None, [], [None], [{}], [{"result": None}], [{"result": [region("r", "x")]}]])
def test_predictions_without_a_prompt_tell_nothing(form: Make, predictions: object) -> None:
    assert answered_by_prediction({"predictions": predictions}, form(CONFIG)) is None


def test_of_several_predictions_the_newest_with_a_prompt_tells_it(form: Make) -> None:
    task = {
        "predictions": [
            {"result": [region("prompt", "P"), region("response", "old")], "created_at": "2026-11-01"},
            {"result": [region("prompt", "Q"), region("response", "new")], "created_at": "2026-11-03"},
            {"result": [region("response", "without")], "created_at": "2026-11-04"},
        ]
    }
    assert answered_by_prediction(task, form(CONFIG)) == Answered(fingerprint("Q"), (fingerprint("new"),))


def test_every_text_that_the_form_fills_tells_what_was_given(form: Make) -> None:
    result = [region("prompt", "P"), region("notes", "N"), region("response", "R")]
    found = answered_by_prediction(
        {"predictions": [{"result": result}]}, form(CONFIG + '<TextArea name="notes" toName="text"/>')
    )
    assert found == Answered(fingerprint("P"), (fingerprint("R"), fingerprint("N")))


@pytest.mark.parametrize(
    ("task", "outcome"),
    [
        ({}, False),
        ({"annotations": [{"result": []}], "drafts": None}, False),
        ({"annotations": [{"result": [region("prompt", "P")]}]}, False),
        ({"annotations": [{"result": [region("prompt", "P"), region("other-prompt", "Q")]}]}, False),
        ({"annotations": [{"result": [{"type": "relation", "from_id": "a", "to_id": "b"}]}]}, True),
        ({"annotations": [{"result": [None, "x"]}]}, False),
        ({"annotations": [{"result": [region("prompt", "P"), region("response", "R")]}]}, True),
        ({"drafts": [{"result": [region("response", "R")]}]}, True),
        ({"predictions": [{"result": [region("response", "R")]}]}, True),
        ({"drafts": [{"result": [region("prompt", "P"), region("response", "⚠ No reply.")]}]}, False),
        ({"drafts": [{"result": [region("response", "⚠ No reply."), region("notes", "N")]}]}, True),
        ({"drafts": [{"result": [{**region("entity", "⚠ Danger"), "type": "labels"}]}]}, True),
    ],
)
def test_work_that_holds_more_than_prompts_could_be_lost(task: dict[str, Any], outcome: bool) -> None:
    assert has_outcome(task, ["prompt", "other-prompt"]) is outcome


def test_a_prediction_that_holds_an_error_answered_nothing(form: Make) -> None:
    result = [region("prompt", "P"), region("response", "⚠ No reply.")]
    assert answered_by_prediction({"predictions": [{"result": result}]}, form(CONFIG)) is None


def test_an_error_among_other_texts_is_found() -> None:
    both = {"type": "textarea", "from_name": "response", "value": {"text": ["mine", " ⚠ No reply."]}}
    assert holds_error([None, both])
    assert not holds_error([region("response", "R"), {"type": "textarea", "value": {"text": []}}])
