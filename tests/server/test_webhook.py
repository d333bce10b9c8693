"""Annotation events keep the project's prompt; every other event changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from testing.llm import FakeLLM
from tests.server.bodies import (
    CHAT,
    CREATED,
    PROJECT,
    TEXT,
    Json,
    batch,
    press,
    results,
    sample,
    submitted,
    task,
    texts,
    texts_region,
    typed,
    version,
)


def _prompt_now(client: FlaskClient, llm: FakeLLM, project: str = PROJECT) -> str | None:
    """The prompt that a batch of the project asks now."""
    before = len(llm.calls)
    response = client.post("/predict", json=batch([task(1000 + before)], project=project))
    return llm.calls[-1].prompt.split("Task Directive: ")[1] if response.status_code == 200 else None


def test_the_recorded_submit_makes_its_prompt_the_projects(client: FlaskClient, llm: FakeLLM) -> None:
    assert client.post("/webhook", json=sample("ui_webhook_body")).status_code < 300
    assert _prompt_now(client, llm, sample("ui_interactive_predict_request")["project"]) == (
        "Is this text sarcastic? Answer with one of: Sarcastic, Not Sarcastic."
    )


def test_the_recorded_update_makes_its_prompt_the_projects(client: FlaskClient, llm: FakeLLM) -> None:
    assert client.post("/webhook", json=sample("webhook_annotation_updated_text")).status_code < 300
    project = sample("batch_predict_request_text")["project"]
    assert _prompt_now(client, llm, project) == "Decide this. NONCE-ytnxgufy"


@pytest.mark.parametrize("action", ["ANNOTATION_CREATED", "ANNOTATION_UPDATED"])
def test_a_submitted_prompt_changes_the_version(client: FlaskClient, action: str) -> None:
    before = version(client)
    client.post("/webhook", json=submitted("Judge.", action))
    assert version(client) != before


def test_the_prompt_submitted_last_holds(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("typed"))
    client.post("/webhook", json=submitted("submitted"))
    assert _prompt_now(client, llm) == "submitted"
    press(client, typed("typed again"))
    assert _prompt_now(client, llm) == "typed again"


def test_an_event_asks_no_model(client: FlaskClient, llm: FakeLLM) -> None:
    client.post("/webhook", json=submitted("Judge."))
    assert llm.calls == []


@pytest.mark.parametrize(
    "created",
    [
        CREATED,
        "2026-11-22T18:34:02.769170+00:00",
        "2026-11-22T20:34:02.769170+02:00",
        "2026-11-22T18:34:02Z",
        "2026-11-22T13:34:02.999999-05:00",
    ],
)
def test_event_and_prediction_agree_on_the_project_in_every_time_zone(
    client: FlaskClient, llm: FakeLLM, created: str
) -> None:
    body = submitted("Judge.")
    body["project"]["created_at"] = created
    client.post("/webhook", json=body)
    assert _prompt_now(client, llm, "4.1795372442") == "Judge."


def test_a_project_with_the_number_of_a_deleted_one_starts_anew(client: FlaskClient, llm: FakeLLM) -> None:
    client.post("/webhook", json=submitted("Judge."))
    assert _prompt_now(client, llm, "4.1895372442") is None
    assert llm.calls == []


OTHER_ACTIONS = ["ANNOTATIONS_DELETED", "PROJECT_UPDATED", "TASKS_CREATED", "START_TRAINING", "WHATEVER", "", "\x00"]


@pytest.mark.parametrize("action", OTHER_ACTIONS, ids=repr)
def test_another_event_changes_nothing(shared_client: FlaskClient, shared_llm: FakeLLM, action: str) -> None:
    shared_client.post("/webhook", json=submitted("Judge."))
    response = shared_client.post("/webhook", json=submitted("Other.", action))
    assert response.status_code < 500
    assert _prompt_now(shared_client, shared_llm) == "Judge."


def _without(*path: str) -> Json:
    body = submitted("Other.")
    place = body
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return body


def _with(value: Any, *path: str) -> Json:
    body = submitted("Other.")
    place = body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return body


INCOMPLETE: dict[str, Json] = {
    "no action": _without("action"),
    "no annotation": _without("annotation"),
    "no result": _without("annotation", "result"),
    "no project": _without("project"),
    "no project id": _without("project", "id"),
    "no creation": _without("project", "created_at"),
    "no config": _without("project", "label_config"),
    "action null": _with(None, "action"),
    "annotation null": _with(None, "annotation"),
    "annotation a list": _with([], "annotation"),
    "result null": _with(None, "annotation", "result"),
    "result empty": _with([], "annotation", "result"),
    "result a text": _with("prompt", "annotation", "result"),
    "result of garbage": _with([None, 1, "x", [], {}, {"value": None}], "annotation", "result"),
    "no prompt in it": _with([texts_region("response", "an answer")], "annotation", "result"),
    "blank prompt": _with([texts_region("prompt", " \n")], "annotation", "result"),
    "prompt text null": _with([{**texts_region("prompt"), "value": {"text": None}}], "annotation", "result"),
    "prompt text a number": _with([{**texts_region("prompt"), "value": {"text": 5}}], "annotation", "result"),
    "prompt texts of garbage": _with(
        [{**texts_region("prompt"), "value": {"text": [5, None]}}], "annotation", "result"
    ),
    "project null": _with(None, "project"),
    "project a number": _with(4, "project"),
    "project id an object": _with({}, "project", "id"),
    "creation null": _with(None, "project", "created_at"),
    "creation no time": _with("yesterday", "project", "created_at"),
    "creation before time": _with("0001-01-01T00:00:00+14:00", "project", "created_at"),
    "config null": _with(None, "project", "label_config"),
    "config no xml": _with("<View", "project", "label_config"),
    "config a number": _with(5, "project", "label_config"),
    "skipped": _with(True, "annotation", "was_cancelled"),
}


@pytest.mark.parametrize("body", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_an_event_that_lacks_something_changes_nothing(
    shared_client: FlaskClient, shared_llm: FakeLLM, body: Json
) -> None:
    shared_client.post("/webhook", json=submitted("Judge."))
    response = shared_client.post("/webhook", json=body)
    assert response.status_code < 500
    assert "Traceback" not in response.get_data(as_text=True)
    assert _prompt_now(shared_client, shared_llm) == "Judge."


def test_two_projects_and_configs_in_turn_keep_their_own(client: FlaskClient, llm: FakeLLM) -> None:
    dialogue = sample("batch_predict_request_chat")["tasks"][1:]
    for turn in range(3):
        llm.answer = f"text reply {turn}"
        entry = press(client, typed(f"text prompt {turn}"))
        assert texts(entry) == [f"text reply {turn}"]
        llm.answer = f"chat reply {turn}"
        body = typed(f"chat prompt {turn}", about=dialogue[0], config=CHAT, project="2.1795372436")
        entry = press(client, body)
        assert texts(entry) == [f"chat reply {turn}"]
        assert {region["to_name"] for region in entry["result"]} == {"chat"}
        results(client, batch([task(turn)]))
        assert llm.calls[-1].prompt.endswith(f"text prompt {turn}")
        results(client, batch(dialogue[1:], CHAT, "2.1795372436"))
        assert llm.calls[-1].prompt == f"chat prompt {turn}"


def test_an_edited_config_is_used_at_once_and_changes_the_version(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "Angry"
    edited = TEXT.replace('"Sarcastic"', '"Angry"')
    before, after = press(client, typed("Judge.")), press(client, typed("Judge.", config=edited))
    assert [region["from_name"] for region in before["result"]] == ["response", "prompt"]
    assert [region["from_name"] for region in after["result"]] == ["response", "sentiment", "prompt"]
    assert before["model_version"] != after["model_version"]
