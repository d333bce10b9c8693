"""An annotator's own words are told from a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.labeling.config import Labeling
from llm_interactive.predict.manual_edits import answered_by_prediction, has_outcome, is_only_an_edit
from llm_interactive.store.store import Answered, fingerprint

Parse = Callable[[str], Labeling]

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
        (None, ["my own"], None, True),
        (None, ["my own"], LAST, True),
        (None, [], LAST, False),
    ],
)
def test_it_is_an_edit_if_the_prompt_is_the_last_one_and_a_response_was_not_given(
    prompt: str | None, responses: list[str], last: Answered | None, only_an_edit: bool
) -> None:
    assert is_only_an_edit(prompt, responses, last) is only_an_edit


def test_a_stored_prediction_tells_what_was_answered(labeling: Parse) -> None:
    task = {"predictions": [{"result": [region("prompt", "P"), region("response", "given")]}]}
    found = answered_by_prediction(task, labeling(CONFIG))
    assert found == Answered(fingerprint("P"), (fingerprint("given"),))


@pytest.mark.parametrize("predictions", [None, [], [None], [{}], [{"result": None}], [{"result": [region("r", "x")]}]])
def test_predictions_without_a_prompt_tell_nothing(labeling: Parse, predictions: object) -> None:
    assert answered_by_prediction({"predictions": predictions}, labeling(CONFIG)) is None


@pytest.mark.parametrize(
    ("task", "outcome"),
    [
        ({}, False),
        ({"annotations": [{"result": []}], "drafts": None}, False),
        ({"annotations": [{"result": [region("prompt", "P")]}]}, False),
        ({"annotations": [{"result": [region("prompt", "P"), region("response", "R")]}]}, True),
        ({"drafts": [{"result": [region("response", "R")]}]}, True),
        ({"predictions": [{"result": [region("response", "R")]}]}, True),
    ],
)
def test_work_that_holds_more_than_a_prompt_could_be_lost(labeling: Parse, task: dict[str, Any], outcome: bool) -> None:
    assert has_outcome(task, labeling(CONFIG)) is outcome
