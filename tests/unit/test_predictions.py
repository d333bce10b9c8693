"""Predictions as Label Studio takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from llm_interactive.errors import AccountError
from llm_interactive.labeling.config import PromptSpec
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.form import Form
from llm_interactive.predict.predictions import error_region, prediction, with_prompt
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
    shown = "⚠ The key is wrong. Sarcastic Change or retype the prompt to ask again."
    assert (region["from_name"], region["value"]) == ("response", {"text": [shown]})


def test_a_failure_has_no_place_without_a_response(form: Make) -> None:
    assert error_region(AccountError("No."), form(PROMPT + CHOICES)) is None


def test_label_studio_shows_and_keeps_a_failure(example: Parse, config: Callable[[str], str]) -> None:
    region = error_region(AccountError("No."), Form.of(example("chat")))
    assert region is not None
    assert faults(config("chat"), {"dialogue": [{"role": "user", "content": "Hi"}]}, [dict(region)]) == []


def with_prompt_of(form: Form, reply: str, data: dict[str, Any]) -> list[Region]:
    return with_prompt(form.filled([reply], data).regions, form.prompt_region("P"), form)


def names(result: Sequence[Region], id: str | None = None) -> list[str]:
    """Controls in a result's order, or those of the regions with an id."""
    return [entry["from_name"] for entry in result if id in (None, entry["id"])]


@pytest.mark.parametrize("tag", ["List", "Table", "Pdf"])
def test_what_the_page_stops_at_follows_the_prompt_under_its_id(form: Make, tag: str) -> None:
    inside = f'<{tag} name="x" value="$x"/><Rating name="a" toName="x"/><Rating name="b" toName="x"/>' + AREAS
    result = with_prompt_of(form(inside), '{"response": "R", "a": 1, "b": 2}', {"text": "x"})
    assert names(result) == ["response", "prompt", "a", "b"]
    assert names(result, result[1]["id"]) == ["prompt", "a", "b"]


def test_a_pairwise_follows_the_prompt_under_its_id(form: Make) -> None:
    inside = AREAS + '<Text name="l" value="$l"/><Text name="r" value="$r"/><Pairwise name="p" toName="l,r"/>'
    result = with_prompt_of(form(inside), '{"response": "R", "p": "left"}', {"text": "x", "l": "x", "r": "x"})
    assert names(result, result[1]["id"]) == ["prompt", "p"]


def test_regions_on_texts_keep_their_ids(form: Make) -> None:
    found = form(AREAS + CHOICES)
    reply, data = '{"response": "R", "c": "Yes"}', {"text": "x"}
    assert with_prompt_of(found, reply, data) == [*found.filled([reply], data).regions, found.prompt_region("P")]
