"""What the annotator sees of a failure, and that it is kept as nobody's prompt or reply."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from label_studio_sdk.label_interface import LabelInterface

from testing.llm import FakeLLM, error
from tests.server.bodies import (
    ONLY_CHOICES,
    TEXT,
    Json,
    batch,
    interactive,
    press,
    results,
    sentence_of,
    setup,
    submitted,
    task,
    texts,
    texts_region,
    typed,
    version,
)
from tests.server.conftest import MakeApp

BAD_KEY = error(401, "Incorrect API key provided: sk-the-o****cret.", code="invalid_api_key")


def test_a_failure_stands_in_the_response_field_and_nowhere_else(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = BAD_KEY
    entry = press(client, typed("Judge."))
    assert [region["from_name"] for region in entry["result"]] == ["response"]
    [shown] = texts(entry)
    assert shown.startswith("⚠ ")
    assert shown.endswith("rejected the API key (401). Set OPENAI_API_KEY. Change or retype the prompt to ask again.")
    assert LabelInterface(TEXT).validate_prediction(entry, return_errors=True) == []


def test_without_a_response_field_the_reason_phrase_is_the_sentence(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = BAD_KEY
    response = client.post("/predict", json=typed("Judge.", config=ONLY_CHOICES))
    assert response.status_code == 502
    assert sentence_of(response).endswith("rejected the API key (401). Set OPENAI_API_KEY.")
    assert response.status == f"502 {sentence_of(response)}"


def test_the_operator_can_have_http_errors_instead(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = BAD_KEY
    response = make_app(show_errors_in_response=False).test_client().post("/predict", json=typed("Judge."))
    assert response.status_code == 502
    assert "API key" in sentence_of(response)


def test_a_missing_key_is_said_without_asking_anybody(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(openai_api_key=None).test_client()
    [shown] = texts(press(client, typed("Judge.")))
    assert shown.startswith("⚠ OPENAI_API_KEY is not set")
    assert llm.calls == []


def test_a_config_without_a_prompt_field_is_an_error_that_says_what_to_add(client: FlaskClient) -> None:
    config = '<View><Text name="text" value="$text"/><TextArea name="response" toName="text"/></View>'
    response = client.post("/predict", json=interactive(config=config))
    assert response.status_code == 400
    assert "TextArea" in sentence_of(response)


@pytest.mark.parametrize(
    ("data", "fragment"),
    [
        ({"other": "x"}, '"text"'),
        ({"text": None}, '"text"'),
        ({"text": ""}, "empty"),
        ({"text": "  \n"}, "empty"),
        ({"text": {"a": 1}}, "not a text"),
        ({"text": [1]}, "not a text"),
        ({}, '"text"'),
        (None, '"text"'),
        ("text", '"text"'),
        ([], '"text"'),
    ],
    ids=repr,
)
def test_task_data_that_cannot_be_sent_is_said_without_asking_anybody(
    client: FlaskClient, llm: FakeLLM, data: object, fragment: str
) -> None:
    [shown] = texts(press(client, typed("Judge.", about=task(data=data))))
    assert shown.startswith("⚠ ")
    assert fragment in shown
    assert llm.calls == []


def test_a_url_in_an_address_typed_text_tag_is_not_fetched(client: FlaskClient, llm: FakeLLM) -> None:
    config = TEXT.replace('value="$text"', 'value="$text" valueType="url"')
    [shown] = texts(press(client, typed("Judge.", about=task(text=llm.base_url + "/models"), config=config)))
    assert shown.startswith("⚠ ")
    assert llm.calls == []


def test_no_prompt_at_all_is_said(client: FlaskClient, llm: FakeLLM) -> None:
    [shown] = texts(press(client, interactive()))
    assert shown.startswith("⚠ ")
    assert "prompt" in shown
    assert llm.calls == []


@pytest.mark.parametrize("blank", ["", "  \n", "\t"], ids=repr)
def test_a_blank_prompt_is_none(client: FlaskClient, llm: FakeLLM, blank: str) -> None:
    [shown] = texts(press(client, typed(blank)))
    assert shown.startswith("⚠ ")
    assert llm.calls == []


def _failed(client: FlaskClient, llm: FakeLLM) -> str:
    """What an annotator was shown after one failure."""
    llm.queue(error(400, "no"))
    [shown] = texts(press(client, typed("Judge.")))
    assert shown.startswith("⚠ ")
    return shown


def test_a_submitted_failure_is_nobodys_prompt(client: FlaskClient, llm: FakeLLM) -> None:
    client.post("/webhook", json=submitted("Judge."))
    before = version(client)
    client.post("/webhook", json=submitted("⚠ The model refused."))
    assert version(client) == before


def test_a_failure_in_the_prompt_field_is_nobodys_prompt(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge."))
    press(client, typed("⚠ The model refused."))
    results(client, batch([task(11)]))
    assert all(call.prompt.endswith("Judge.") for call in llm.calls)


def test_a_failure_in_a_draft_is_no_tasks_prompt(client: FlaskClient, llm: FakeLLM) -> None:
    draft = {"result": [texts_region("prompt", "⚠ The model refused.")], "updated_at": "2026-11-22T18:34:02Z"}
    [shown] = texts(press(client, interactive(about=task(drafts=[draft]))))
    assert "no prompt" in shown
    assert llm.calls == []


def test_a_failed_reply_is_not_kept_for_a_batch(client: FlaskClient, llm: FakeLLM) -> None:
    client.post("/webhook", json=submitted("Judge."))
    _failed(client, llm)
    [entry] = results(client, batch([task()]))
    assert texts(entry) == ["OK"]


def test_a_failed_batch_entry_is_asked_again_and_never_shown_as_a_reply(client: FlaskClient, llm: FakeLLM) -> None:
    client.post("/webhook", json=submitted("Judge."))
    llm.queue(error(400, "no"))
    [failed] = results(client, batch([task()]))
    assert "result" not in failed
    assert texts(results(client, batch([task()]))[0]) == ["OK"]


def test_a_sentence_never_holds_the_key_that_a_provider_repeats(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = error(400, "API key sk-the-operators-secret is not valid for this model.")
    [shown] = texts(press(client, typed("Judge.")))
    assert "sk-the-operators-secret" not in shown


def test_a_sentence_in_any_script_fits_into_a_reason_phrase(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(400, "模型拒绝了 – “no”\r\nX-Injected: 1")
    client = make_app(show_errors_in_response=False).test_client()
    response = client.post("/predict", json=typed("Judge."))
    assert response.status_code == 502
    assert "X-Injected" not in response.headers
    assert "模型拒绝了" in sentence_of(response)


def test_connecting_says_the_missing_key_too(make_app: MakeApp) -> None:
    response = setup(make_app(openai_api_key=None).test_client())
    assert response.status_code == 503
    assert sentence_of(response).startswith("OPENAI_API_KEY is not set")


@pytest.mark.parametrize(
    ("path", "body", "fragment"),
    [
        ("/predict", batch([task()], "<View/>"), "no prompt field"),
        ("/setup", {"project": "4.1", "schema": "<View/>"}, "no prompt field"),
        ("/predict", {"tasks": 5}, "cannot be used"),
    ],
    ids=["prediction", "connecting", "shape"],
)
def test_the_operator_finds_what_was_refused_in_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str, body: Json, fragment: str
) -> None:
    client.post(path, json=body)
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert path in message
    assert fragment in message


def test_a_stranger_on_the_port_fills_no_log_of_warnings(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    client = make_app(basic_auth_user="ann", basic_auth_pass="x").test_client()
    client.get("/status")
    client.get("/health/nope\nforged")
    client.delete("/health")
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
