"""Scores of predictions: asked for with the reply, kept with it, and never made up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from testing.llm import Call, FakeLLM, FixedAnswer, Reply, error
from tests.server.bodies import ONLY_CHOICES, TEXT, Json, batch, press, results, task, tasks, typed
from tests.server.conftest import MakeApp

PROMPTED: dict[str, Any] = {"default_prompt": "Judge."}
ONLY_TEXT = TEXT.partition("<Choices")[0] + "</View>"
TWO = (
    TEXT.replace('name="prompt"', 'name="tone-prompt"')
    .replace('name="response"', 'name="tone-response"')
    .replace(
        "</View>",
        """<TextArea name="topic-prompt" toName="text"/>
  <Choices name="topic" toName="text"><Choice value="Rain"/><Choice value="Sun"/></Choices></View>""",
    )
)


def answer(label: str | list[str], **sure: float) -> Reply:
    fields = {"response": "R", "sentiment": label}
    return Reply([json.dumps(fields)], sure=sure)


def scores(entry: Json) -> dict[str, Any]:
    """The score of each region, by the control's name."""
    return {region["from_name"]: region.get("score") for region in entry["result"]}


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(**PROMPTED).test_client()


def test_a_prediction_is_as_sure_as_the_model_is_of_its_label(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue(answer(["Sarcastic"], Sarcastic=0.9))
    [entry] = results(client, batch(tasks(1)))
    assert entry["score"] == 0.9
    assert scores(entry) == {"prompt": None, "response": None, "sentiment": 0.9}


def test_a_second_run_gives_the_same_score_without_a_call(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue(answer(["Sarcastic"], Sarcastic=0.9))
    first = results(client, batch(tasks(1)))
    assert results(client, batch(tasks(1))) == first
    assert len(llm.calls) == 1


def test_a_reply_that_an_annotator_asked_for_serves_the_batch_with_its_score(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue(answer(["Sarcastic"], Sarcastic=0.9))
    shown = press(client, typed("Judge.", about=task(1)))
    assert scores(shown)["sentiment"] == 0.9
    [entry] = results(client, batch(tasks(1)))
    assert (entry["score"], len(llm.calls)) == (0.9, 1)


def test_a_prediction_is_as_sure_as_its_least_sure_part(make_app: MakeApp, llm: FakeLLM) -> None:
    def by_prompt(call: Call) -> FixedAnswer:
        field, label, sure = ("topic", "Sun", 0.6) if "Topic?" in call.prompt else ("sentiment", ["Sarcastic"], 0.8)
        return Reply([json.dumps({"tone-response": "R", field: label})], sure={"Sun": sure, "Sarcastic": sure})

    llm.answer = by_prompt
    client = make_app().test_client()
    regions = [
        {"id": name, "from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [text]}}
        for name, text in (("tone-prompt", "Tone?"), ("topic-prompt", "Topic?"))
    ]
    annotated = task(1, annotations=[{"id": 1, "result": regions}])
    [entry] = results(client, batch([annotated], config=TWO))
    assert entry["score"] == 0.6
    assert (scores(entry)["sentiment"], scores(entry)["topic"]) == (0.8, 0.6)


@pytest.mark.parametrize(
    "reply",
    [Reply(['{"response": "R", "sentiment": ["Sarcastic"]}']), answer(["Ironic"]), Reply(["It depends."], sure={})],
    ids=["no logprobs", "no label", "prose"],
)
def test_a_score_that_is_not_known_is_null(client: FlaskClient, llm: FakeLLM, reply: Reply) -> None:
    llm.answer = reply
    [entry] = results(client, batch(tasks(1)))
    assert entry["score"] is None
    assert set(scores(entry).values()) == {None}


def test_of_a_reply_that_was_asked_for_again_the_second_one_counts(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue(answer("Ironic", Ironic=0.9), answer(["Sarcastic"], Sarcastic=0.7))
    [entry] = results(client, batch(tasks(1)))
    assert (entry["score"], len(llm.calls)) == (0.7, 2)


def test_without_logprobs_several_responses_are_as_sure_as_they_agree(make_app: MakeApp, llm: FakeLLM) -> None:
    labels = ["Sarcastic", "Not Sarcastic", "Sarcastic", "Sarcastic"]
    llm.answer = [json.dumps({"response": "R", "sentiment": [label]}) for label in labels]
    client = make_app(**PROMPTED, num_responses=4).test_client()
    [entry] = results(client, batch(tasks(1)))
    assert (entry["score"], scores(entry)["sentiment"]) == (0.75, 0.75)


def test_a_plain_reply_has_a_score_too(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(["Sarcastic"], sure={"Sarcastic": 0.8})
    client = make_app(**PROMPTED, structured_output="off").test_client()
    [entry] = results(client, batch(tasks(1), config=ONLY_CHOICES))
    assert entry["score"] == 0.8


def test_logprobs_are_asked_for_where_there_are_labels_alone(client: FlaskClient, llm: FakeLLM) -> None:
    results(client, batch(tasks(1), config=ONLY_TEXT))
    assert not {"logprobs", "top_logprobs"} & llm.calls[0].json.keys()
    llm.forget()
    results(client, batch(tasks(1)))
    asked = llm.calls[0].json
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 1)


@pytest.mark.parametrize("named", ["logprobs", "top_logprobs"])
def test_a_server_that_refuses_them_is_asked_without_from_then_on(
    client: FlaskClient, llm: FakeLLM, named: str
) -> None:
    def refusing(call: Call) -> FixedAnswer:
        return (
            error(400, f"'{named}' is not supported with this model.") if named in call.json else answer(["Sarcastic"])
        )

    llm.answer = refusing
    assert [entry["score"] for entry in results(client, batch(tasks(1)))] == [None]
    assert len(llm.calls) == 2
    results(client, batch(tasks(4)))
    assert len(llm.calls) == 5
    assert "response_format" in llm.calls[-1].json
