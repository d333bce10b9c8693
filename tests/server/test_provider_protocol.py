"""What is sent to whom: OpenAI-compatible servers, Azure's two endpoints, Ollama; parameters a model refuses."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from testing.llm import Call, FakeLLM, FixedAnswer, Reply, error
from tests.server.bodies import batch, press, results, task, tasks, texts, typed
from tests.server.conftest import KEY, MakeApp
from tests.server.test_batch import PROMPTED


def azure(llm: FakeLLM, path: str = "", **more: Any) -> dict[str, Any]:
    endpoint = f"http://127.0.0.1:{llm.port}{path}"
    return {"openai_provider": "azure", "azure_resource_endpoint": endpoint, "openai_base_url": None, **more}


@pytest.mark.parametrize("slash", ["", "/"])
def test_azure_is_asked_by_deployment_with_the_specs_api_version(make_app: MakeApp, llm: FakeLLM, slash: str) -> None:
    client = make_app(**azure(llm, slash, azure_deployment_name="my-gpt")).test_client()
    assert texts(press(client, typed("Judge."))) == ["OK"]
    [call] = llm.calls
    assert call.path == "/openai/deployments/my-gpt/chat/completions?api-version=2023-05-15"
    assert call.headers["api-key"] == KEY
    assert "authorization" not in call.headers


def test_no_provider_is_told_what_computer_the_backend_runs_on(make_app: MakeApp, llm: FakeLLM) -> None:
    press(make_app().test_client(), typed("Judge."))
    assert not [name for name in llm.calls[0].headers if "stainless" in name.lower()]


def test_azures_api_version_can_be_set(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**azure(llm, azure_deployment_name="g", azure_api_version="2024-10-21")).test_client()
    press(client, typed("Judge."))
    assert llm.calls[0].path.endswith("?api-version=2024-10-21")


def test_azure_without_deployment_name_is_asked_for_the_model(make_app: MakeApp, llm: FakeLLM) -> None:
    press(make_app(**azure(llm, openai_model="gpt-4o")).test_client(), typed("Judge."))
    assert llm.calls[0].path.startswith("/openai/deployments/gpt-4o/")


@pytest.mark.parametrize("slash", ["", "/"])
def test_azures_v1_endpoint_is_asked_like_openai(make_app: MakeApp, llm: FakeLLM, slash: str) -> None:
    client = make_app(**azure(llm, f"/openai/v1{slash}", azure_deployment_name="my-gpt")).test_client()
    assert texts(press(client, typed("Judge."))) == ["OK"]
    [call] = llm.calls
    assert call.path.split("?")[0] == "/openai/v1/chat/completions"
    assert call.json["model"] == "my-gpt"
    assert KEY in (call.headers.get("api-key"), call.headers.get("authorization", "").removeprefix("Bearer "))


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (error(401, "Access denied"), "Azure OpenAI rejected the API key (401). Set OPENAI_API_KEY."),
        (error(404, "The API deployment does not exist.", code="DeploymentNotFound"), "AZURE_DEPLOYMENT_NAME"),
        (error(400, "The response was filtered", code="content_filter"), "content filter"),
    ],
    ids=["key", "deployment", "filter"],
)
def test_azures_failures_name_azures_settings(
    make_app: MakeApp, llm: FakeLLM, answer: FixedAnswer, fragment: str
) -> None:
    llm.answer = answer
    [shown] = texts(press(make_app(**azure(llm, azure_deployment_name="g")).test_client(), typed("Judge.")))
    assert fragment in shown
    assert len(llm.calls) == 1


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_ollama_is_asked_at_its_v1_path_without_the_operators_key(make_app: MakeApp, llm: FakeLLM, path: str) -> None:
    changes = {"openai_provider": "ollama", "openai_base_url": None, "openai_api_key": None, "openai_model": "llama3"}
    client = make_app(**changes, ollama_endpoint=f"http://127.0.0.1:{llm.port}{path}").test_client()
    assert texts(press(client, typed("Judge."))) == ["OK"]
    [call] = llm.calls
    assert (call.path, call.json["model"]) == ("/v1/chat/completions", "llama3")


def test_ollamas_failures_name_ollamas_setting(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(404, 'model "llama3" not found, try pulling it first')
    changes = {"openai_provider": "ollama", "ollama_endpoint": llm.base_url}
    [shown] = texts(press(make_app(**changes).test_client(), typed("Judge.")))
    assert "Ollama" in shown
    assert "OPENAI_MODEL" in shown


def refusing(*names: str) -> Any:
    """A model that refuses the first of `names` that is sent, as OpenAI's reasoning models do."""

    def answer(call: Call) -> FixedAnswer:
        for name in names:
            if name in call.json:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                return error(400, message, code="unsupported_parameter", param=name)
        return "OK"

    return answer


def test_a_parameter_that_the_model_refuses_is_dropped_and_not_sent_again(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = refusing("temperature")
    client = make_app().test_client()
    assert texts(press(client, typed("Judge."))) == ["OK"]
    assert texts(press(client, typed("Judge."))) == ["OK"]
    assert ["temperature" in call.json for call in llm.calls] == [True, False, False]


def test_a_model_that_takes_max_completion_tokens_is_given_them(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = refusing("max_tokens", "temperature")
    client = make_app(max_tokens=50).test_client()
    assert texts(press(client, typed("Judge."))) == ["OK"]
    assert llm.calls[-1].json["max_completion_tokens"] == 50
    press(client, typed("Judge."))
    assert len(llm.calls) == 4


def test_a_server_that_refuses_n_is_asked_for_each_reply(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = refusing("n")
    assert texts(press(make_app(num_responses=3).test_client(), typed("Judge."))) == ["OK"] * 3
    assert len(llm.calls) == 4


def test_a_refused_parameter_is_remembered_for_its_model_alone(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED).test_client()
    llm.answer = refusing("temperature")
    press(client, typed("Judge."))
    llm.answer = "OK"
    body = {"project": "5.1", "schema": typed("x")["label_config"], "extra_params": {"model": "other"}}
    client.post("/setup", json=body)
    press(client, typed("Judge.", project="5.1"))
    assert "temperature" in llm.calls[-1].json


def test_a_batch_with_a_refused_parameter_loses_no_task(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = refusing("temperature")
    entries = results(make_app(**PROMPTED, max_concurrency=4).test_client(), batch(tasks(30)))
    assert all("result" in entry for entry in entries)
    assert len(llm.calls) <= 30 + 4


def test_a_parameter_refused_for_ever_ends(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(400, "temperature is wrong", code="unsupported_parameter", param="temperature")
    [shown] = texts(press(make_app().test_client(), typed("Judge.")))
    assert shown.startswith("⚠ ")
    assert len(llm.calls) == 2


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Trickle:
    """A server whose answers begin with `first` and go on with `then`, again and again, every `pause` seconds."""

    def __init__(self, listener: socket.socket, first: bytes, then: bytes, pause: float) -> None:
        self._first, self._then, self._pause = first, then, pause
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        self.connections = 0
        self._listener = listener
        self._stopped = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(self._first)
                while not self._stopped.wait(self._pause):
                    connection.sendall(self._then)
            except OSError:
                pass  # the client gave up, as it should


@pytest.fixture
def trickle(request: pytest.FixtureRequest) -> Iterator[Trickle]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Trickle(listener, *request.param)
        yield server
        server.stop()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "trickle",
    [(OK + b"Content-Length: 99999\r\n\r\n", b" ", 0.05), (OK + b"X: ", b"y", 0.05), (b"", CONTINUE, 0.05)],
    ids=["body", "headers", "continue"],
    indirect=True,
)
def test_an_answer_that_comes_byte_by_byte_is_given_up_and_asked_for_again(make_app: MakeApp, trickle: Trickle) -> None:
    changes = {"openai_base_url": trickle.base_url, "predict_deadline": 2, "llm_timeout": 1}
    [shown] = texts(press(make_app(**changes).test_client(), typed("Judge.")))
    assert shown.startswith("⚠ ")
    assert trickle.connections >= 2


@pytest.mark.parametrize("trickle", [(OK + b"\r\n", b" " * 1_000_000, 0)], ids=["blanks"], indirect=True)
def test_an_answer_without_end_is_not_read_to_the_end(make_app: MakeApp, trickle: Trickle) -> None:
    changes = {"openai_base_url": trickle.base_url, "predict_deadline": 3}
    [shown] = texts(press(make_app(**changes).test_client(), typed("Judge.")))
    assert "not a chat completion" in shown


@pytest.mark.parametrize(
    "content", [[{"type": "text", "text": "Sarc"}, {"type": "text", "text": "astic"}], "Sarcastic"]
)
def test_content_in_parts_is_one_text(client: FlaskClient, llm: FakeLLM, content: Any) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    llm.answer = Reply(body=json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}).encode())
    assert texts(press(client, typed("Judge."))) == ["Sarcastic"]


@pytest.mark.parametrize("reason", [None, "", "eos", 7, ["length"], {"length": True}], ids=str)
def test_why_a_reply_ended_may_be_anything(client: FlaskClient, llm: FakeLLM, reason: Any) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Sarcastic"}, "finish_reason": reason}
    llm.answer = Reply(body=json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}).encode())
    assert texts(press(client, typed("Judge."))) == ["Sarcastic"]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (400, "System role not supported"),
        (400, "Only user and assistant roles are supported!"),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (400, "Developer instruction is not enabled for models/gemma"),
        (500, "jinja2.exceptions.TemplateError: System role not supported"),
    ],
)
def test_a_model_that_takes_only_turns_is_sent_turns_from_then_on(
    client: FlaskClient, llm: FakeLLM, status: int, message: str
) -> None:
    llm.answer = lambda call: "OK" if call.messages[0]["role"] == "user" else error(status, message)
    for number in (1, 2):
        assert texts(press(client, typed("Judge.", about=task(number)))) == ["OK"]
    assert [[turn["role"] for turn in call.messages] for call in llm.calls] == [["system", "user"], ["user"], ["user"]]


def test_calls_that_are_refused_side_by_side_are_all_made_again_in_turns(make_app: MakeApp, llm: FakeLLM) -> None:
    together = threading.Barrier(4)

    def answer(call: Call) -> Reply:
        if call.messages[0]["role"] == "user":
            return Reply(texts=["OK"])
        together.wait(10)
        return error(400, "System role not supported")

    llm.answer = answer
    entries = results(make_app(**PROMPTED).test_client(), batch(tasks(4)))
    assert ["result" in entry for entry in entries] == [True] * 4
