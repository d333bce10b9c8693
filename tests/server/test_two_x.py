"""`model.py`, unmodified, under label-studio-ml 2.x's own `init_app` (a stand-in: two_x.py)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from testing.llm import FakeLLM, error
from tests.server.bodies import TEXT, batch, interactive, sample, submitted, task, texts, texts_region, typed
from tests.server.conftest import KEY
from tests.server.process import ROOT, environment


class TwoX:
    """A running 2.x server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def post(self, path: str, body: Any) -> Any:
        request = Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as response:
            return json.load(response)

    def results(self, body: Any) -> list[Any]:
        found: list[Any] = self.post("/predict", body)["results"]
        return found

    def version(self, extra_params: Any = None) -> str:
        body = {"project": "4.1795372442", "schema": TEXT, "extra_params": extra_params}
        found: str = self.post("/setup", body)["model_version"]
        return found

    def is_up(self) -> bool:
        try:
            with urlopen(self.url + "/health", timeout=1) as response:
                return bool(json.load(response)["model_class"] == "LLMInteractive")
        except URLError:
            return False


@pytest.fixture(scope="module")
def two_x(shared_llm: FakeLLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoX]:
    folder = tmp_path_factory.mktemp("two-x")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": shared_llm.base_url, "MODEL_DIR": str(folder / "data")}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("two_x.py")), str(port)],
            cwd=ROOT,
            env=environment(**settings),
            stdout=output,
            stderr=output,
        )
    server, give_up = TwoX(port), time.monotonic() + 30
    try:
        while not server.is_up():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def llm(shared_llm: FakeLLM) -> FakeLLM:
    """The server that the 2.x server asks, as if new."""
    shared_llm.forget()
    shared_llm.answer = "OK"
    return shared_llm


def test_an_annotator_is_answered(two_x: TwoX, llm: FakeLLM) -> None:
    llm.answer = "Not Sarcastic"
    [entry] = two_x.results(sample("ui_interactive_predict_request"))
    assert [region["from_name"] for region in entry["result"]] == ["response", "sentiment", "prompt"]
    assert len(llm.calls) == 1


def test_a_batch_uses_the_prompt_typed_last(two_x: TwoX, llm: FakeLLM) -> None:
    two_x.results(typed("Judge well."))
    entries = two_x.results(batch([task(1), task(2), task(3, data={})]))
    assert [texts(entry, "prompt") for entry in entries[:2]] == [["Judge well."]] * 2
    assert "result" not in entries[2]


def test_setups_version_is_the_predictions_and_changes_with_the_prompt(two_x: TwoX, llm: FakeLLM) -> None:
    before = two_x.version()
    two_x.results(typed(f"Judge {before}."))
    after = two_x.version()
    assert after != before
    assert {entry["model_version"] for entry in two_x.results(batch([task(5)]))} == {after}


def test_a_submitted_prompt_is_the_projects(two_x: TwoX, llm: FakeLLM) -> None:
    assert two_x.post("/webhook", submitted("Submitted."))["status"] == "ok"
    assert texts(two_x.results(batch([task(6)]))[0], "prompt") == ["Submitted."]


def test_an_annotation_event_without_annotation_changes_nothing(two_x: TwoX, llm: FakeLLM) -> None:
    before = two_x.version()
    two_x.post("/webhook", {"action": "PROJECT_UPDATED", "project": {"id": 4, "label_config": TEXT}})
    assert two_x.version() == before


def test_extra_params_are_the_projects_choice(two_x: TwoX, llm: FakeLLM) -> None:
    assert two_x.version({"model": "gpt-4o"}).startswith("gpt-4o/")
    assert two_x.version('{"model": "gpt-4o-mini"}').startswith("gpt-4o-mini/")


def test_an_edit_of_the_response_asks_nothing(two_x: TwoX, llm: FakeLLM) -> None:
    two_x.results(typed("Judge."))
    edited = interactive(texts_region("prompt", "Judge."), texts_region("response", "mine"))
    assert two_x.results(edited)[0]["result"] == []
    assert len(llm.calls) == 1


def test_a_failure_is_shown(two_x: TwoX, llm: FakeLLM) -> None:
    llm.answer = error(401, "no", code="invalid_api_key")
    [entry] = two_x.results(typed("Judge."))
    assert texts(entry)[0].startswith("⚠ ")


def test_a_context_that_is_missing_or_empty_is_a_batch(two_x: TwoX, llm: FakeLLM) -> None:
    two_x.results(typed("Judge."))
    odd: list[Any] = [{}, {"context": None}, {"context": {}}, None]
    for params in odd:
        assert texts(two_x.results({**batch([task(7)]), "params": params})[0]) == ["OK"]


def test_a_wrong_config_fails_without_ending_the_server(two_x: TwoX, llm: FakeLLM) -> None:
    with pytest.raises(HTTPError) as failure:
        two_x.results(batch([task(1)], "<View/>"))
    failure.value.close()
    assert two_x.is_up()
