"""Deadlines, bounded concurrency, who goes first, and the white space that keeps long batches alive."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore

import pytest
from flask.testing import FlaskClient

from testing.label_studio import FakeLabelStudio
from testing.llm import Call, FakeLLM, Reply, error
from tests.server.bodies import TEXT, batch, press, results, sentence_of, setup, task, tasks, texts, typed
from tests.server.conftest import MakeApp
from tests.server.test_batch import PROMPTED, bad_text, until

LABEL_STUDIO_KEY = "0123456789abcdef0123456789abcdef01234567"
HANGS = Reply(texts=["OK"], hang=True)


def _left(client: FlaskClient) -> int:
    """Requests to the model that batches of this process still wait for."""
    return sum(under_way["left"] for under_way in client.get("/status").get_json()["batches"])


def test_at_the_deadline_a_batch_is_answered_with_what_is_there(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED, predict_deadline=1).test_client()
    llm.answer = bad_text(3, HANGS)
    entries = results(client, batch(tasks(5)))
    assert ["result" in entry for entry in entries] == [True, True, False, True, True]
    assert "again" in entries[2]["error"]


def test_a_late_task_says_what_keeps_it(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(503, "Busy.")
    [entry] = results(make_app(**PROMPTED, predict_deadline=1).test_client(), batch(tasks(1)))
    assert "again in a moment" in entry["error"]
    assert "503" in entry["error"]


def test_what_was_late_is_finished_in_the_background_and_given_to_the_next_retrieval(
    make_app: MakeApp, llm: FakeLLM
) -> None:
    client = make_app(**PROMPTED, predict_deadline=1, max_concurrency=2).test_client()
    llm.answer = HANGS
    assert all("result" not in entry for entry in results(client, batch(tasks(6))))
    llm.release()
    until(lambda: _left(client) == 0)
    assert all("result" in entry for entry in results(client, batch(tasks(6))))
    assert len(llm.calls) == 6


def test_with_a_token_what_was_late_comes_to_label_studio_by_itself(make_app: MakeApp, llm: FakeLLM) -> None:
    with FakeLabelStudio(TEXT, [asked["data"] for asked in tasks(3)]) as studio:
        app = make_app(
            **PROMPTED, predict_deadline=1, label_studio_url=studio.url, label_studio_api_key=LABEL_STUDIO_KEY
        )
        llm.answer = bad_text(2, HANGS)
        assert ["result" in entry for entry in results(app.test_client(), batch(tasks(3), project="1.17"))] == [
            True,
            False,
            True,
        ]
        llm.release()
        until(lambda: bool(studio.predictions))
        [stored] = studio.predictions.values()
        assert stored["task"] == 2
        assert {region["from_name"] for region in stored["result"]} >= {"prompt", "response"}


def test_a_retrieval_joins_the_calls_that_are_still_under_way(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app(**PROMPTED, predict_deadline=1)
    llm.answer = HANGS
    results(app.test_client(), batch(tasks(3)))
    again = threads.submit(results, app.test_client(), batch(tasks(4)))
    llm.wait_for_calls(4)
    llm.release()
    assert all("result" in entry for entry in again.result())
    assert len(llm.calls) == 4


def test_an_annotator_is_told_at_the_deadline(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = HANGS
    [shown] = texts(press(make_app(predict_deadline=1).test_client(), typed("Judge.")))
    assert shown.startswith("⚠ ")


def test_a_call_that_hangs_is_given_up_and_made_again(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.queue(HANGS)
    assert texts(press(make_app(llm_timeout=1).test_client(), typed("Judge."))) == ["OK"]
    assert len(llm.calls) == 2


def test_a_rate_limit_longer_than_the_deadline_is_said_at_once(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(status=429, headers={"Retry-After": "3600"}, body=b"{}")
    [shown] = texts(press(make_app().test_client(), typed("Judge.")))
    assert "(429)" in shown
    assert len(llm.calls) == 1


def test_more_calls_than_allowed_are_never_made_at_once(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app(**PROMPTED, max_concurrency=3)
    llm.answer = HANGS
    waiting = [threads.submit(results, app.test_client(), batch([task(n), task(n + 10)])) for n in range(4)]
    waiting.append(threads.submit(results, app.test_client(), typed("Judge well.")))
    llm.wait_for_calls(3)
    until(lambda: _left(app.test_client()) == 8)
    llm.release()
    for request in waiting:
        request.result()
    assert len(llm.calls) == 9
    assert llm.max_in_flight == 3


def _one_at_a_time(llm: FakeLLM, turns: Semaphore) -> None:
    def answer(call: Call) -> str:
        turns.acquire(timeout=20)
        return "OK"

    llm.answer = answer


def _calls_until(llm: FakeLLM, turns: Semaphore, wanted: str) -> int:
    """How many calls are let through, one after another, until `wanted` is asked."""
    for number in range(1, 1000):
        calls = llm.wait_for_calls(number)
        if wanted in calls[-1].prompt:
            return number
        turns.release()
    raise AssertionError("never asked")


def test_an_annotator_goes_before_a_batch(make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor) -> None:
    app, turns = make_app(**PROMPTED, max_concurrency=1), Semaphore(0)
    _one_at_a_time(llm, turns)
    waiting = threads.submit(results, app.test_client(), batch(tasks(300)))
    llm.wait_for_calls(1)
    pressed = threads.submit(results, app.test_client(), typed("Judge well.", about=task(9999)))
    assert _calls_until(llm, turns, "Judge well.") < 200
    turns.release(400)
    assert texts(pressed.result()[0]) == ["OK"]
    assert len(waiting.result()) == 300


def test_what_an_annotator_bought_while_a_batch_waited_is_not_bought_for_the_batch(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app, turns = make_app(**PROMPTED, max_concurrency=1, structured_output="off"), Semaphore(0)
    _one_at_a_time(llm, turns)
    waiting = threads.submit(results, app.test_client(), batch(tasks(3)))
    llm.wait_for_calls(1)
    pressed = threads.submit(results, app.test_client(), typed("Judge.", about=task(3)))
    until(lambda: len(app.extensions["llm_interactive"].dispatcher._turns) == 3)
    turns.release(10)
    assert texts(pressed.result()[0]) == ["OK"]
    assert all("result" in entry for entry in waiting.result())
    assert len(llm.calls) == 3


def test_a_small_batch_does_not_wait_for_a_large_one(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app, turns = make_app(**PROMPTED, max_concurrency=1), Semaphore(0)
    _one_at_a_time(llm, turns)
    large = threads.submit(results, app.test_client(), batch(tasks(300)))
    llm.wait_for_calls(1)
    small = threads.submit(results, app.test_client(), batch([task(9998), task(9999)]))
    assert _calls_until(llm, turns, "text 9999") < 200
    turns.release(400)
    assert len(small.result()) == 2
    assert len(large.result()) == 300


def test_a_long_batch_sends_blanks_before_its_json(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED, predict_deadline=3600).test_client()
    llm.answer = HANGS
    response = client.post("/predict", json=batch(tasks(2)), buffered=False)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    chunks = response.iter_encoded()
    assert next(chunks).strip() == b""
    llm.release()
    answer = json.loads(b"".join(chunks))
    assert [texts(entry) for entry in answer["results"]] == [["OK"], ["OK"]]


def test_a_client_that_hangs_up_loses_no_reply(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED, predict_deadline=3600).test_client()
    llm.answer = HANGS
    response = client.post("/predict", json=batch(tasks(3)), buffered=False)
    assert next(response.iter_encoded()).strip() == b""
    llm.wait_for_calls(3)
    response.close()
    llm.release()
    again = client.post("/predict", json=batch(tasks(3)))
    assert all("result" in entry for entry in json.loads(again.get_data())["results"])
    assert len(llm.calls) == 3


@pytest.mark.parametrize("config", ["<View/>", "", "<View"], ids=repr)
def test_a_long_batch_with_an_unusable_config_is_an_error_with_its_status(make_app: MakeApp, config: str) -> None:
    client = make_app(**PROMPTED, predict_deadline=3600).test_client()
    response = client.post("/predict", json=batch(tasks(2), config))
    assert response.status_code == 400
    assert sentence_of(response)


def test_when_all_threads_are_busy_a_prediction_is_refused_and_the_rest_answers(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app(**PROMPTED, threads=9)
    llm.answer = HANGS
    waiting = threads.submit(results, app.test_client(), batch([task(1)]))
    llm.wait_for_calls(1)
    client = app.test_client()
    refused = client.post("/predict", json=batch([task(2)]))
    assert refused.status_code == 503
    assert "busy" in sentence_of(refused)
    assert client.get("/health").status_code == 200
    assert setup(client).status_code == 200
    llm.release()
    waiting.result()
    assert results(client, batch([task(2)]))


def test_a_batch_that_failed_gives_its_thread_back(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(threads=9, predict_deadline=3600).test_client()
    for _ in range(3):
        response = client.post("/predict", json=batch(tasks(2), "<View/>"))
        assert response.status_code in (200, 400)
        response.get_data()
    assert results(client, typed("Judge."))
