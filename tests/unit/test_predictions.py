"""Predictions as Label Studio takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from llm_interactive.errors import AccountError
from llm_interactive.labeling.config import PromptSpec
from llm_interactive.outputs.form import Form
from llm_interactive.predict.predictions import error_region, prediction, suggestions
from testing.region_rules import faults

Make = Callable[[str], Form]
Parse = Callable[[str], PromptSpec]

PROMPT = '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/>'
AREAS = PROMPT + '<TextArea name="response" toName="text"/>'
CHOICES = '<Choices name="c" toName="text"><Choice value="Yes"/></Choices>'


def test_a_prediction_names_its_version_and_invents_no_score() -> None:
    assert prediction([], "m/1") == {"result": [], "score": None, "model_version": "m/1"}


def test_a_failure_is_a_message_in_the_response(example: Parse) -> None:
    region = error_region(AccountError("The key is wrong. Sarcastic"), Form.of(example("text-classification")))
    assert region is not None
    assert (region["from_name"], region["value"]) == ("response", {"text": ["⚠ The key is wrong. Sarcastic"]})


def test_a_failure_has_no_place_without_a_response(form: Make) -> None:
    assert error_region(AccountError("No."), form(PROMPT + CHOICES)) is None


def test_label_studio_shows_and_keeps_a_failure(example: Parse, config: Callable[[str], str]) -> None:
    region = error_region(AccountError("No."), Form.of(example("chat")))
    assert region is not None
    assert faults(config("chat"), {"dialogue": [{"role": "user", "content": "Hi"}]}, [dict(region)]) == []


def ids(result: Sequence[Any]) -> list[tuple[str, str]]:
    return [(region["from_name"], region["id"]) for region in result]


@pytest.mark.parametrize("tag", ["List", "Table", "Pdf"])
def test_what_the_page_stops_at_comes_last_and_under_one_id(form: Make, tag: str) -> None:
    fragile = f'<{tag} name="x" value="$x"/><Rating name="a" toName="x"/><Rating name="b" toName="x"/>'
    found = form(fragile + AREAS)
    result = found.regions(['{"response": "R", "a": 1, "b": 2}'], {"text": "x"})
    after = suggestions(result, found)
    assert [region["from_name"] for region in after] == ["response", "a", "b"]
    assert len({region["id"] for region in after if region["to_name"] == "x"}) == 1


def test_regions_of_texts_and_images_stay_as_they_are(form: Make) -> None:
    found = form(AREAS + CHOICES)
    result = found.regions(['{"response": "R", "c": "Yes"}'], {"text": "x"})
    assert ids(suggestions(result, found)) == ids(result)
