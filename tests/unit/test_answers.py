"""Replies → regions of a prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from llm_interactive.errors import AccountError
from llm_interactive.labeling.config import Labeling
from llm_interactive.predict.answers import build_prediction, model_version, shown_failure, unchanged
from llm_interactive.settings import Settings

Parse = Callable[[str], Labeling]

AREAS = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)


def choices(*names: str, attributes: str = "") -> str:
    inside = "".join(f'<Choice value="{name}"/>' for name in names)
    return f'<Choices name="c" toName="text" {attributes}>{inside}</Choices>'


def predicted(labeling: Labeling, replies: Sequence[str], data: dict[str, Any] | None = None) -> dict[str, Any]:
    """The prediction by control: name → the region's choices or texts."""
    prediction = build_prediction(replies, "The prompt", labeling.labels(data or {}), labeling, "m/1")
    return {
        region["from_name"]: region["value"].get("choices") or region["value"].get("text")
        for region in prediction["result"]
    }


def test_the_reply_goes_into_the_response_and_the_prompt_comes_back(labeling: Parse) -> None:
    assert predicted(labeling(AREAS), ["The reply."]) == {"response": ["The reply."], "prompt": ["The prompt"]}


def test_all_replies_stand_in_the_response(labeling: Parse) -> None:
    assert predicted(labeling(AREAS), ["first", "second", "third"])["response"] == ["first", "second", "third"]


def test_a_choice_that_the_reply_names_is_ticked(labeling: Parse) -> None:
    assert predicted(labeling(AREAS + choices("Yes", "No")), ["Yes"])["c"] == ["Yes"]


def test_without_a_response_field_choices_are_filled_alone(labeling: Parse) -> None:
    inside = AREAS.replace('<TextArea name="response" toName="text"/>', "") + choices("Yes", "No")
    assert predicted(labeling(inside), ["No"]) == {"c": ["No"], "prompt": ["The prompt"]}


def test_a_reply_that_names_no_choice_ticks_none(labeling: Parse) -> None:
    assert "c" not in predicted(labeling(AREAS + choices("Yes", "No")), ["It depends."])


def test_a_reply_that_names_two_choices_ticks_none_of_a_single_choice(labeling: Parse) -> None:
    assert "c" not in predicted(labeling(AREAS + choices("Red", "Blue")), ["Red and Blue"])


def test_a_reply_that_names_two_choices_ticks_both_of_a_multiple_choice(labeling: Parse) -> None:
    inside = AREAS + choices("Red", "Green", "Blue", attributes='choice="multiple"')
    assert predicted(labeling(inside), ["Blue and Red"])["c"] == ["Red", "Blue"]


def test_not_sarcastic_is_never_sarcastic(example: Parse) -> None:
    assert predicted(example("text-classification"), ["Not Sarcastic"])["sentiment"] == ["Not Sarcastic"]


ALIASES = (
    '<Choices name="c" toName="text"><Choice value="Negative" alias="neg"/><Choice value="Positive" alias="pos"/>'
    "</Choices>"
)


@pytest.mark.parametrize("reply", ["Negative", "negative.", "It is clearly Negative", "neg", " neg\n"])
def test_the_alias_is_stored_whichever_name_the_reply_uses(labeling: Parse, reply: str) -> None:
    assert predicted(labeling(AREAS + ALIASES), [reply])["c"] == ["neg"]


def test_an_alias_inside_prose_is_no_label(labeling: Parse) -> None:
    inside = '<Choices name="c" toName="text"><Choice value="Bad" alias="1"/><Choice value="Good" alias="2"/></Choices>'
    assert "c" not in predicted(labeling(AREAS + inside), ["I read it 2 times and cannot tell."])


def test_dynamic_choices_are_ticked_from_the_tasks_data(labeling: Parse) -> None:
    found = labeling(AREAS + '<Choices name="c" toName="text" value="$options"/>')
    data = {"options": [{"value": "Apples", "alias": "a"}, {"value": "Pears"}]}
    assert predicted(found, ["Apples"], data)["c"] == ["a"]


def test_dynamic_choices_come_beside_those_of_the_config(labeling: Parse) -> None:
    found = labeling(AREAS + choices("Other", attributes='value="$options"'))
    assert predicted(found, ["Apples"], {"options": ["Apples"]})["c"] == ["Apples"]


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("text-classification", "Sarcastic"),
        ("text-classification", "I cannot say."),
        ("chat", "Why did the chicken cross the road?"),
        ("image-receipts", "Groceries"),
    ],
)
def test_a_prediction_passes_the_sdks_own_validation(example: Parse, name: str, reply: str) -> None:
    found = example(name)
    prediction = build_prediction([reply, "another"], "P", found.labels({}), found, "m/1")
    assert found.interface.validate_prediction(prediction, return_errors=True) == []


def test_no_score_is_invented(labeling: Parse) -> None:
    found = labeling(AREAS)
    assert build_prediction(["R"], "P", [], found, "m/1")["score"] is None


def test_a_prediction_names_its_version(labeling: Parse) -> None:
    assert build_prediction(["R"], "P", [], labeling(AREAS), "m/1")["model_version"] == "m/1"


def test_every_region_has_its_own_id(example: Parse) -> None:
    found = example("text-classification")
    result = build_prediction(["Sarcastic"], "P", found.labels({}), found, "m/1")["result"]
    assert len({region["id"] for region in result}) == len(result) == 3


def test_regions_belong_to_the_prompts_object(labeling: Parse) -> None:
    to_both = choices("Yes").replace('toName="text"', 'toName="other,text"')
    found = labeling('<Text name="other" value="$other"/>' + AREAS + to_both)
    result = build_prediction(["Yes"], "P", found.labels({}), found, "m/1")["result"]
    assert {region["to_name"] for region in result} == {"text"}


def test_a_response_of_another_object_keeps_its_object(labeling: Parse) -> None:
    inside = AREAS.replace('name="response" toName="text"', 'name="response" toName="other"')
    found = labeling('<Text name="other" value="$other"/>' + inside)
    result = build_prediction(["R"], "P", [], found, "m/1")["result"]
    assert {region["from_name"]: region["to_name"] for region in result} == {"response": "other", "prompt": "text"}


def test_leaving_the_page_as_it_is_has_no_regions() -> None:
    assert unchanged("m/1") == {"result": [], "score": None, "model_version": "m/1"}


def test_a_failure_is_a_sentence_in_the_response_and_ticks_nothing(example: Parse) -> None:
    found = example("text-classification")
    failure = shown_failure(AccountError("OpenAI rejected the API key (401). Sarcastic"), found, "m/1")
    [region] = failure["result"]
    assert region["from_name"] == "response"
    assert region["value"]["text"] == ["⚠ OpenAI rejected the API key (401). Sarcastic"]


def test_a_shown_failure_passes_the_sdks_own_validation(example: Parse) -> None:
    found = example("chat")
    failure = shown_failure(AccountError("It failed."), found, "m/1")
    assert found.interface.validate_prediction(failure, return_errors=True) == []


def test_a_version_is_the_model_and_eight_hex_digits(labeling: Parse) -> None:
    name, digest = model_version("P", labeling(AREAS), Settings(openai_model="gpt-4o")).split("/")
    assert name == "gpt-4o"
    assert len(digest) == 8
    assert set(digest) <= set("0123456789abcdef")


def test_a_version_is_the_same_for_the_same_things(labeling: Parse) -> None:
    first, second = (model_version("P", labeling(AREAS + choices("Yes", "No")), Settings()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "changed",
    [
        Settings(openai_model="gpt-4o"),
        Settings(temperature=0.1),
        Settings(num_responses=2),
        Settings(prompt_template="{prompt}"),
        Settings(use_internal_prompt_template=False),
        Settings(system_prompt="You label texts."),
        Settings(max_tokens=5),
        Settings(openai_provider="azure", azure_deployment_name="mine"),
    ],
)
def test_another_setting_that_changes_replies_is_another_version(labeling: Parse, changed: Settings) -> None:
    found = labeling(AREAS)
    assert model_version("P", found, changed) != model_version("P", found, Settings())


@pytest.mark.parametrize(
    "changed",
    [
        Settings(port=1234),
        Settings(max_concurrency=1),
        Settings(log_level="DEBUG"),
        Settings(openai_api_key="sk-other"),
        Settings(reply_ttl=1),
    ],
)
def test_a_setting_that_changes_no_reply_keeps_the_version(labeling: Parse, changed: Settings) -> None:
    found = labeling(AREAS)
    assert model_version("P", found, changed) == model_version("P", found, Settings())


@pytest.mark.parametrize("prompt", ["Q", "p", "P.", None])
def test_another_prompt_is_another_version(labeling: Parse, prompt: str | None) -> None:
    found = labeling(AREAS)
    assert model_version(prompt, found, Settings()) != model_version("P", found, Settings())


@pytest.mark.parametrize(
    "inside",
    [
        AREAS,
        AREAS + choices("Yes", "No", "Maybe"),
        AREAS + choices("Yes", "No", attributes='choice="multiple"'),
        AREAS + choices("Yes", "No").replace('name="c"', 'name="d"'),
        AREAS.replace('name="response"', 'name="response-2"') + choices("Yes", "No"),
        AREAS.replace("$text", "$body") + choices("Yes", "No"),
    ],
)
def test_another_config_with_another_outcome_is_another_version(labeling: Parse, inside: str) -> None:
    before = labeling(AREAS + choices("Yes", "No"))
    assert model_version("P", labeling(inside), Settings()) != model_version("P", before, Settings())


def test_another_layout_keeps_the_version(labeling: Parse) -> None:
    before, after = labeling(AREAS), labeling(f'<Header value="Hello"/><View style="margin: 0">{AREAS}</View>')
    assert model_version("P", after, Settings()) == model_version("P", before, Settings())
