"""What the annotator wrote stays: an edit of the response is no question."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from testing.llm import FakeLLM, error
from tests.server.bodies import (
    Json,
    batch,
    choices_region,
    interactive,
    press,
    results,
    sample,
    submitted,
    task,
    texts,
    texts_region,
    typed,
)
from tests.server.conftest import MakeApp


def _page(prompt: str, *responses: str, **more: object) -> Json:
    """The request that the page sends with a prompt and responses on it."""
    return interactive(texts_region("prompt", prompt), texts_region("response", *responses), **more)  # type: ignore[arg-type]


def _recorded_edit() -> Json:
    body = sample("ui_interactive_predict_request")
    body["params"]["context"] = sample("ui_interactive_call_response_edited")["request"]["context"]
    return body


def test_a_recorded_edit_of_the_response_calls_no_llm_and_changes_nothing(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "Not Sarcastic"
    press(client, sample("ui_interactive_predict_request"))
    entry = press(client, _recorded_edit())
    assert entry["result"] == []
    assert len(llm.calls) == 1


def test_an_edit_is_known_as_one_after_a_restart(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = "Not Sarcastic"
    press(make_app().test_client(), sample("ui_interactive_predict_request"))
    assert press(make_app().test_client(), _recorded_edit())["result"] == []
    assert len(llm.calls) == 1


def test_a_replaced_response_stays(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge."))
    assert press(client, _page("Judge.", "my own answer"))["result"] == []
    assert len(llm.calls) == 1


def test_ticked_choices_stay_with_an_edited_response(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge."))
    body = interactive(
        texts_region("prompt", "Judge."), choices_region("Sarcastic"), texts_region("response", "OK", "mine")
    )
    assert press(client, body)["result"] == []


def test_an_edit_does_not_change_the_prompt_or_the_version(client: FlaskClient, llm: FakeLLM) -> None:
    asked = press(client, typed("Judge."))
    edited = press(client, _page("Judge.", "my own answer"))
    assert edited["model_version"] == asked["model_version"]


def test_a_response_written_where_there_is_no_prompt_is_left_alone(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge.", about=task(11)))
    assert press(client, interactive(texts_region("response", "my own answer")))["result"] == []
    assert len(llm.calls) == 1


def test_an_edit_of_what_a_batch_answered_is_known_as_one(client: FlaskClient, llm: FakeLLM) -> None:
    client.post("/webhook", json=submitted("Judge."))
    results(client, batch([task(11)]))
    assert press(client, _page("Judge.", "my own answer", about=task(11)))["result"] == []
    assert len(llm.calls) == 1


def test_an_edit_of_a_stored_prediction_is_known_as_one(client: FlaskClient, llm: FakeLLM) -> None:
    prediction = {"result": [texts_region("prompt", "Judge."), texts_region("response", "OK")]}
    assert press(client, _page("Judge.", "mine", about=task(11, predictions=[prediction])))["result"] == []
    assert llm.calls == []


def test_a_new_prompt_is_asked_though_a_handwritten_response_stands_there(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue("OK", "better")
    press(client, typed("Judge."))
    assert texts(press(client, _page("Judge better.", "my own answer"))) == ["better"]


def test_a_first_prompt_is_asked_though_a_handwritten_response_stands_there(client: FlaskClient, llm: FakeLLM) -> None:
    assert texts(press(client, _page("Judge.", "my own answer"))) == ["OK"]


def test_a_prompt_answered_for_another_task_is_asked_for_this_one(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge.", about=task(10)))
    assert texts(press(client, _page("Judge.", "my own answer", about=task(11)))) == ["OK"]


def test_the_same_task_number_in_another_project_is_another_task(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge.", project="4.1"))
    assert texts(press(client, _page("Judge.", "my own answer", project="4.2"))) == ["OK"]


def test_any_of_the_replies_given_may_stand_there_when_asking_again(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue("first", "second", "third")
    press(client, typed("Judge."))
    press(client, _page("Judge.", "first"))
    assert texts(press(client, _page("Judge.", "first"))) == ["third"]


def test_a_reply_that_was_deleted_does_not_hinder_asking_again(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(num_responses=2).test_client()
    llm.queue(["a", "b"], ["c", "d"])
    press(client, typed("Judge."))
    assert texts(press(client, _page("Judge.", "b"))) == ["c", "d"]


def test_a_reply_with_blanks_around_it_is_known_again(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue(" first \n", "second")
    [shown] = texts(press(client, typed("Judge.")))
    assert texts(press(client, _page("Judge.", shown))) == ["second"]


@pytest.mark.parametrize("other_response", [[], ["my own answer"]], ids=["alone", "beside-a-response"])
def test_a_failure_on_the_page_does_not_hinder_asking_again(
    client: FlaskClient, llm: FakeLLM, other_response: list[str]
) -> None:
    llm.queue(error(400, "no"))
    shown = texts(press(client, typed("Judge.")))
    assert texts(press(client, _page("Judge.", *shown, *other_response))) == ["OK"]
