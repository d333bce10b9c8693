"""Broken and hostile requests: a right answer or one sentence with 4xx, never a 5xx, a traceback or a changed state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from llm_interactive.web.bodies import MOST_TASKS
from testing.llm import FakeLLM, Reply
from tests.server.bodies import (
    PROJECT,
    TEXT,
    Json,
    batch,
    choices_region,
    interactive,
    press,
    results,
    sentence_of,
    setup,
    submitted,
    task,
    tasks,
    texts,
    texts_region,
    typed,
    version,
)
from tests.server.conftest import MakeApp
from tests.server.test_batch import PROMPTED

ENDPOINTS = ["/predict", "/setup", "/webhook"]


@pytest.fixture
def client(shared_client: FlaskClient) -> Iterator[FlaskClient]:
    """A client of an app whose project has a prompt, which must still be the same after the test."""
    shared_client.post("/webhook", json=submitted("Judge."))
    yield shared_client
    [entry] = results(shared_client, batch([task(1)]))
    assert texts(entry, "prompt") == ["Judge."]


NOT_JSON: dict[str, dict[str, Any]] = {
    "no body": {},
    "empty JSON": {"data": b"", "content_type": "application/json"},
    "text": {"data": b"hello", "content_type": "text/plain"},
    "JSON called text": {"data": b"{}", "content_type": "text/plain"},
    "form": {"data": {"tasks": "[]"}},
    "cut": {"data": b'{"tasks": [', "content_type": "application/json"},
    "two values": {"data": b"{} {}", "content_type": "application/json"},
    "not UTF-8": {"data": b'{"tasks": "\xff"}', "content_type": "application/json"},
    "UTF-16": {"data": '{"a'.encode("utf-16"), "content_type": "application/json"},
    "deep list": {"data": b"[" * 200_000, "content_type": "application/json"},
    "deep object": {"data": b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "content_type": "application/json"},
    "long number": {"data": b'{"tasks": ' + b"9" * 100_000 + b"}", "content_type": "application/json"},
}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("sent", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_no_json_is_refused(client: FlaskClient, path: str, sent: dict[str, Any]) -> None:
    response = client.post(path, **sent)
    assert 400 <= response.status_code < 500
    assert sentence_of(response)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("value", [None, True, 0, 1.5, "text", [], [1], [{}]], ids=repr)
def test_json_that_is_no_object_is_refused(client: FlaskClient, path: str, value: object) -> None:
    response = client.post(path, data=json.dumps(value), content_type="application/json")
    assert 400 <= response.status_code < 500
    assert sentence_of(response)


@pytest.mark.parametrize("value", [None, True, 0, "text", [], [1], {}, {"project": None}, {"project": ""}], ids=repr)
def test_versions_of_nothing_is_refused(client: FlaskClient, value: object) -> None:
    response = client.post("/versions", data=json.dumps(value), content_type="application/json")
    assert 400 <= response.status_code < 500
    assert sentence_of(response)


def _changed(**changes: Any) -> Json:
    body = {**batch([task(1)]), **changes}
    return {name: value for name, value in body.items() if value is not ...}


UNUSABLE: dict[str, Json] = {
    "no tasks": _changed(tasks=...),
    "tasks null": _changed(tasks=None),
    "tasks an object": _changed(tasks={"id": 1}),
    "tasks a text": _changed(tasks="1"),
    "a task null": _changed(tasks=[None]),
    "a task a number": _changed(tasks=[task(1), 5]),
    "no config": _changed(label_config=...),
    "config null": _changed(label_config=None),
    "config a number": _changed(label_config=5),
    "config empty": _changed(label_config=""),
    "config no xml": _changed(label_config="<View"),
    "config with NUL": _changed(label_config=TEXT + "\x00"),
    "config with a surrogate": _changed(label_config=TEXT.replace("text", "\ud800")),
    "params a list": _changed(params=[1]),
    "context a list": _changed(params={"context": [1]}),
    "context a text": _changed(params={"context": "x"}),
    "project a list": _changed(project=[1]),
    "project an object": _changed(project={}),
    "project a truth": _changed(project=True),
    "project a fraction": _changed(project=4.5),
    "project infinite": _changed(project=float("inf")),
    "label_config a truth": _changed(label_config=True),
    "label_config NaN": _changed(label_config=float("nan")),
    "context too deep": _changed(params={"context": {"result": "deep"}}),
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_prediction_of_an_unusable_shape_is_refused_with_one_sentence(client: FlaskClient, body: Json) -> None:
    text = json.dumps(body).replace('"deep"', "[" * 5000 + "]" * 5000)
    response = client.post("/predict", data=text, content_type="application/json")
    assert 400 <= response.status_code < 500
    assert sentence_of(response)


def _odd_task(**changes: Any) -> Json:
    return {**task(1), **changes}


SURROGATE = "bad \ud800 text"
ODD_TASKS: dict[str, Json] = {
    "NUL in the text": task(1, "a\x00b"),
    "a lone surrogate in the text": task(1, SURROGATE),
    "10 MB": task(1, "x" * 10_000_000),
    "text a number": _odd_task(data={"text": 5}),
    "text a truth": _odd_task(data={"text": True}),
    "NaN": _odd_task(data={"text": float("nan")}),
    "infinite": _odd_task(data={"text": float("inf"), "n": float("-inf")}),
    "id null": _odd_task(id=None),
    "id a text": _odd_task(id="a\x00\ud800"),
    "id huge": _odd_task(id=10**30),
    "id an object": _odd_task(id={"a": [1]}),
    "no id": {"data": {"text": "t"}},
    "annotations null": _odd_task(annotations=None, drafts=None, predictions=None),
    "annotations a number": _odd_task(annotations=5),
    "annotations an object": _odd_task(annotations={"result": []}),
    "annotations of garbage": _odd_task(annotations=[None, 1, "x", [], {"result": "x"}, {"result": [None, {}]}]),
    "drafts a truth": _odd_task(drafts=True),
    "predictions a number": _odd_task(predictions=7),
    "predictions of garbage": _odd_task(predictions=[None, {"result": None}, {"result": [{"value": 1}]}]),
    "odd times": _odd_task(annotations=[{"result": [], "updated_at": 5}, {"result": [], "updated_at": {}}]),
    "deep data": _odd_task(data={"text": "t", "x": json.loads("[" * 500 + "]" * 500)}),
    "many fields": _odd_task(data={"text": "t", **{f"field{n}": n for n in range(5000)}}),
    "odd field names": _odd_task(data={"text": "t", "": 1, "\ud800": 2, "\x00": 3, "a.b": 4}),
}


@pytest.mark.parametrize("odd", ODD_TASKS.values(), ids=ODD_TASKS.keys())
def test_an_odd_task_is_answered_in_a_batch_and_to_an_annotator(client: FlaskClient, odd: Json) -> None:
    for entry in results(client, batch([odd, task(2)])):
        assert ("result" in entry) != ("error" in entry)
    response = client.post("/predict", json=typed("Judge.", about=odd))
    assert response.status_code == 200
    handwritten = interactive(texts_region("prompt", "Judge."), texts_region("response", "mine"), about=odd)
    assert client.post("/predict", json=handwritten).status_code == 200


ODD_REGIONS: dict[str, list[Any]] = {
    "none": [],
    "garbage": [None, 1, "x", [], {}],
    "no value": [{"from_name": "prompt", "to_name": "text", "type": "textarea"}],
    "value null": [{**texts_region("prompt"), "value": None}],
    "value a list": [{**texts_region("prompt"), "value": ["Judge."]}],
    "text a string": [{**texts_region("prompt"), "value": {"text": "Judge."}}],
    "text a number": [{**texts_region("prompt"), "value": {"text": 5}}],
    "text a truth": [{**texts_region("prompt"), "value": {"text": True}}],
    "text an object": [{**texts_region("prompt"), "value": {"text": {"a": 1}}}],
    "texts of garbage": [{**texts_region("prompt"), "value": {"text": [None, 5, "Judge."]}}],
    "from_name a list": [{**texts_region("prompt", "x"), "from_name": ["prompt"]}],
    "unknown control": [texts_region("other", "x"), choices_region("Unknown")],
    "response a number": [texts_region("prompt", "Judge."), {**texts_region("response"), "value": {"text": 5}}],
}


@pytest.mark.parametrize("regions", ODD_REGIONS.values(), ids=ODD_REGIONS.keys())
def test_odd_regions_are_answered(client: FlaskClient, regions: list[Any]) -> None:
    response = client.post("/predict", json=interactive(*regions))
    assert response.status_code < 500
    assert response.status_code == 200 or sentence_of(response)


@pytest.mark.parametrize("context", [{}, {"result": None}, {"result": "x"}, {"result": {}}, {"other": 1}], ids=repr)
def test_an_odd_context_is_answered(client: FlaskClient, context: Json) -> None:
    response = client.post("/predict", json=_changed(params={"context": context}))
    assert response.status_code < 500
    assert response.status_code == 200 or sentence_of(response)


@pytest.mark.parametrize("params", [None, {}, {"login": "x"}, ...], ids=repr)
def test_a_request_without_context_is_a_batch(client: FlaskClient, params: Any) -> None:
    [entry] = results(client, _changed(params=params))
    assert texts(entry) == ["OK"]


@pytest.mark.parametrize(
    "prompt", ["a\x00b", SURROGATE, "x" * 900_000, "\u202egnirts", "%s %d {} {0}"], ids=lambda p: ascii(p)[:20]
)
def test_an_odd_prompt_is_asked_and_kept(make_app: MakeApp, llm: FakeLLM, prompt: str) -> None:
    client = make_app().test_client()
    entry = press(client, typed(prompt))
    assert texts(entry) == ["OK"]
    assert texts(results(client, batch([task(2)]))[0], "prompt") == texts(entry, "prompt")


@pytest.mark.parametrize(
    "project", ["", None, 4, "x", "4", "a/../b", "\x00", "\ud800", "ü" * 5000, "' OR 1=1 --", ...], ids=ascii
)
def test_an_odd_project_is_a_project_of_its_own(client: FlaskClient, project: Any) -> None:
    given = {} if project is ... else {"project": project}
    asked = {**typed("Another one."), "project": None, **given}
    named = {"schema": TEXT, "hostname": "", "access_token": "", **given}
    for path, body in (("/predict", asked), ("/setup", named), ("/versions", given)):
        response = client.post(path, json=body)
        assert response.status_code < 500
        assert response.status_code == 200 or sentence_of(response)


@pytest.mark.parametrize("reply", ["a\x00b", "\ud800", "x" * 1_000_000], ids=lambda reply: ascii(reply)[:20])
def test_an_odd_reply_is_given_and_kept(make_app: MakeApp, llm: FakeLLM, reply: str) -> None:
    llm.answer = reply
    client = make_app(**PROMPTED).test_client()
    first, second = results(client, batch([task(1)])), results(client, batch([task(1)]))
    assert texts(first[0]) == texts(second[0])
    assert len(llm.calls) == 1
    assert press(client, typed("Judge.", about=task(1)))["result"]


def test_tasks_of_the_same_id_are_answered_each_for_itself(client: FlaskClient, shared_llm: FakeLLM) -> None:
    shared_llm.answer = lambda call: call.prompt.split("\n")[0]
    entries = results(client, batch([task(1, "first"), task(1, "second"), task(1, "first")]))
    shared_llm.answer = "OK"
    assert [texts(entry)[0].split()[-1] for entry in entries] == ["first", "second", "first"]


def test_of_two_keys_of_the_same_name_the_last_holds(client: FlaskClient) -> None:
    twice = json.dumps(batch([task(1)]))[:-1] + ', "tasks": [], "tasks": ' + json.dumps(tasks(2)) + "}"
    response = client.post("/predict", data=twice, content_type="application/json")
    assert len(response.get_json()["results"]) == 2


@pytest.mark.parametrize("depth", [100, 500, 900, 960, 1000, 5000])
def test_deep_data_in_a_placeholder_is_sent_or_refused(client: FlaskClient, depth: int) -> None:
    setup(client, extra_params={"template": "{prompt} {deep} {text}", "prompt": "Judge."}, project="deep.1")
    for body in (batch([_deep(), task(2)], project="deep.1"), typed("Judge.", about=_deep(), project="deep.1")):
        text = json.dumps(body).replace('"deep!"', "[" * depth + "]" * depth)
        response = client.post("/predict", data=text, content_type="application/json")
        assert response.status_code in (200, 400)
        if response.status_code == 400:
            assert "too deeply" in sentence_of(response)


def _deep() -> Json:
    return task(1, data={"text": "t", "deep": "deep!"})


def test_projects_and_configs_at_once_keep_their_own(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app()
    llm.answer = lambda call: call.prompt.split("Task Directive: ")[-1]

    def use(project: int) -> None:
        client = app.test_client()
        config = TEXT.replace('"response"', f'"response{project}"')
        for turn in range(15):
            prompt = f"prompt {project}, turn {turn}"
            entry = press(client, typed(prompt, config=config, project=f"{project}.1"))
            assert texts(entry, f"response{project}") == [prompt]
            [entry] = results(client, batch([task(100 + turn)], config, f"{project}.1"))
            assert texts(entry, f"response{project}") == [prompt]
            assert entry["model_version"] == version(client, config, f"{project}.1")

    for used in [threads.submit(use, project) for project in range(4)]:
        used.result()


@pytest.mark.parametrize("action", ["X\nERROR forged", "\r\nERROR forged", "\x1b[31mERROR forged"], ids=ascii)
def test_a_name_makes_no_line_of_its_own_in_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, action: str
) -> None:
    caplog.set_level("INFO", "llm_interactive")
    client.post("/webhook", json={"action": action, "project": {}})
    client.post("/webhook", json={**submitted("x"), "project": {"id": action, "created_at": "2026-11-22"}})
    client.post("/predict", json=batch([task(1, data={})], project=action))
    client.post("/predict", json=typed("Judge.", about=task(1, data={}), project=action))
    assert len(caplog.messages) >= 3
    assert not [message for message in caplog.messages if not message.isprintable()]


def test_a_huge_config_is_taken(client: FlaskClient) -> None:
    many = "".join(f'<Choice value="choice {number}"/>' for number in range(2000))
    config = TEXT.replace('<Choice value="Sarcastic"/>', many)
    assert setup(client, config).status_code == 200


def test_a_body_above_the_limit_is_refused(make_app: MakeApp) -> None:
    client = make_app(max_request_mb=1).test_client()
    for path in (*ENDPOINTS, "/versions"):
        response = client.post(path, json={"project": "x" * 1_100_000})
        assert response.status_code == 413
        assert "MAX_REQUEST_MB" in sentence_of(response)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/nope", "/predict", "/setup", "/webhook", "/versions", "/health", "/status", "/metrics"),
        *("/train", "/is_training", "/static/", "/static/x", "/static/../api.py", "/%00", "/" + "a" * 100_000),
    ],
    ids=lambda path: path[:20],
)
def test_no_method_on_any_path_is_an_error_of_the_server(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code < 500
    assert "Traceback" not in response.get_data(as_text=True)


def test_no_sentence_holds_the_projects_odd_name(client: FlaskClient) -> None:
    response = client.post("/predict", json=_changed(project=[f"{PROJECT}\r\nX-Injected: 1"]))
    assert "X-Injected" not in response.headers
    assert response.status_code == 400


def test_large_bodies_are_together_no_larger_than_one_may_be(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app(**PROMPTED, max_request_mb=1)
    large = batch([task(1, "x" * 600_000)])
    llm.queue(Reply(texts=["OK"], hang=True))
    first = threads.submit(results, app.test_client(), large)
    llm.wait_for_calls(1)
    refused = app.test_client().post("/predict", json=large)
    assert refused.status_code == 503
    assert "other large requests" in sentence_of(refused)
    assert texts(press(app.test_client(), typed("Judge."))) == ["OK"]
    llm.release()
    first.result()
    assert results(app.test_client(), large)


def test_a_body_that_would_be_huge_in_memory_is_refused_before_it_is_read(client: FlaskClient) -> None:
    for part in ("[],", "{},"):
        body = '{"tasks": [' + part * 2_100_000 + "{}]}"
        assert client.post("/predict", data=body, content_type="application/json").status_code == 413


def test_more_tasks_than_label_studio_sends_are_refused(client: FlaskClient) -> None:
    response = client.post("/predict", json=batch([{}] * (MOST_TASKS + 1)))
    assert response.status_code == 400
    assert "tasks" in sentence_of(response)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/setup", {"project": "9" * 201, "schema": TEXT}),
        ("/predict", batch([task(1)], project="9" * 201)),
        ("/predict", typed("Judge.", project="9" * 201)),
        ("/versions", {"project": "9" * 201}),
    ],
    ids=["setup", "batch", "interactive", "versions"],
)
def test_a_project_with_a_very_long_id_is_refused(client: FlaskClient, path: str, body: Json) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 400
    assert sentence_of(response) == "The project's id is longer than 200 characters."


def test_a_task_with_a_very_long_id_is_an_error_of_its_own(client: FlaskClient) -> None:
    long, good = results(client, batch([{**task(1), "id": "9" * 201}, task(2)]))
    assert long["error"] == "The task's id is longer than 200 characters."
    assert "result" in good
