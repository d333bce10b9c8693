"""What connecting finds out about key and model."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from flask.testing import FlaskClient

from testing.llm import FakeLLM, Reply, error
from tests.server.bodies import ONLY_CHOICES, press, sentence_of, setup, typed
from tests.server.conftest import MakeApp


def listed(**model: Any) -> Reply:
    return Reply(body=json.dumps({"object": "list", "data": [{"object": "model", **model}]}).encode())


REFUSALS = {
    "OpenAI": error(401, "Incorrect API key provided", code="invalid_api_key"),
    "Gemini": error(400, "API key not valid. Please pass a valid API key."),
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_key_is_told_on_connecting(client: FlaskClient, llm: FakeLLM, answer: Reply) -> None:
    llm.models = answer
    response = setup(client)
    assert response.status_code == 502
    assert "rejected the API key" in sentence_of(response)
    assert "Set OPENAI_API_KEY" in sentence_of(response)


OTHERS = {
    "no such path": error(404, "Not found"),
    "a key that may not list models": error(403, "You have insufficient permissions for this operation."),
    "the same with 401": error(401, "You have insufficient permissions. Missing scopes: api.model.read"),
    "a server error": error(500, "oops"),
    "too many": error(429, "slow down"),
    "no JSON": Reply(body=b"<html>"),
    "another shape": Reply(body=b'{"data": [1, null]}'),
    "nothing": Reply(body=b"null"),
    "a reset": Reply(reset="before"),
}


@pytest.mark.parametrize("answer", OTHERS.values(), ids=OTHERS.keys())
def test_everything_else_connects(client: FlaskClient, llm: FakeLLM, answer: Reply) -> None:
    llm.models = answer
    assert setup(client).status_code == 200


def test_a_provider_that_does_not_answer_holds_up_no_connecting(client: FlaskClient, llm: FakeLLM) -> None:
    llm.models = Reply(body=b"{}", hang=True)
    assert setup(client).status_code == 200
    llm.release()


def test_a_provider_that_is_away_holds_up_no_connecting(make_app: MakeApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    assert setup(make_app(openai_base_url=f"http://127.0.0.1:{port}/v1").test_client()).status_code == 200


def test_the_key_is_checked_once_for_all_projects(client: FlaskClient, llm: FakeLLM) -> None:
    for number in range(5):
        setup(client, project=f"{number}.1")
    assert llm.lists == 1


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"shutdown_date": "2026-10-23"}, "has shut down the model gpt-3.5-turbo on 2026-10-23"),
        ({"shutdown_date": "2999-01-01"}, "shuts down the model gpt-3.5-turbo on 2999-01-01"),
        ({"deprecation": "2999-01-01T12:00:00Z"}, "2999-01-01"),
        ({"expiration_date": "2999-01-01"}, "2999-01-01"),
        ({"id": "gpt-4o"}, "does not list the model gpt-3.5-turbo"),
        ({"shutdown_date": None}, ""),
        ({"deprecation": {"inference": 1709284527}}, ""),
    ],
    ids=str,
)
def test_what_the_list_says_of_the_model_is_logged_once(
    client: FlaskClient, llm: FakeLLM, caplog: pytest.LogCaptureFixture, model: dict[str, Any], told: str
) -> None:
    llm.models = listed(**{"id": "gpt-3.5-turbo", **model})
    for _ in range(3):
        assert setup(client).status_code == 200
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == bool(told)
    assert not told or told in warnings[0]


def test_a_model_that_is_gone_is_said_to_be_the_default_where_nobody_chose_it(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(404, "The model `gpt-3.5-turbo` does not exist", code="model_not_found")
    sentence = sentence_of(_asked(make_app().test_client()))
    assert "gpt-3.5-turbo is only the default: set OPENAI_MODEL" in sentence
    assert "only the default" not in sentence_of(_asked(make_app(openai_model="gpt-9").test_client()))
    client = make_app().test_client()
    setup(client, ONLY_CHOICES, extra_params={"model": "gpt-9"})
    assert "only the default" not in sentence_of(_asked(client))


def _asked(client: FlaskClient) -> Any:
    return client.post("/predict", json=typed("Judge.", config=ONLY_CHOICES))


def test_what_is_filled_is_logged_when_it_changes(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "llm_interactive")
    for _ in range(3):
        setup(client)
    press(client, typed("Judge."))
    assert len([message for message in caplog.messages if " fills " in message]) == 1
    setup(client, ONLY_CHOICES)
    assert len([message for message in caplog.messages if " fills " in message]) == 2
