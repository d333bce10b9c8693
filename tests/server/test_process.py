"""Under real gunicorn: start and stop, several workers, a kill in the middle of a batch, what is on the wire."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llm_interactive.store.engines import engine_of
from llm_interactive.store.schema import upgrade
from llm_interactive.store.tables import MIGRATIONS
from testing.llm import Call, FakeLLM, Reply, error
from tests.server.bodies import ONLY_CHOICES, batch, interactive, submitted, task, tasks, texts, texts_region, typed
from tests.server.conftest import KEY
from tests.server.process import ROOT, Backend, environment
from tests.server.test_batch import until

MakeBackend = Callable[..., Backend]


@pytest.fixture
def backend(llm: FakeLLM, tmp_path: Path) -> MakeBackend:
    """Starts the backend with the state in `tmp_path`; keyword arguments are further settings."""

    def start(**changes: str) -> Backend:
        given = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": llm.base_url, "MODEL_DIR": str(tmp_path / "data")}
        return Backend(tmp_path / "log", **given, **changes)

    return start


def _start_with(command: list[str], **changes: str) -> tuple[int, list[str]]:
    """Exit code and lines of a start that must fail."""
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).strip().splitlines()


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"TEMPERATURE": "hot"}, ["TEMPERATURE", "hot", "number from 0 to 2"]),
        ({"TEMPERATURE": "hot", "PORT": "0"}, ["TEMPERATURE", "hot", "PORT", "1 to 65535"]),
        ({"OPENAI_PROVIDER": "acme"}, ["OPENAI_PROVIDER", "acme", "openai, azure or ollama"]),
        ({"PROMPT_TEMPLATE": "nothing"}, ["PROMPT_TEMPLATE", "nothing", "{prompt}"]),
        ({"OPENAI_BASE_URL": "ftp://x"}, ["OPENAI_BASE_URL", "ftp://x", "http"]),
        ({"BASIC_AUTH_USER": "ann"}, ["BASIC_AUTH_USER", "BASIC_AUTH_PASS"]),
        ({"DATABASE_URL": "not a database"}, ["DATABASE_URL"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_stops_the_start_with_one_line(changes: dict[str, str], fragments: list[str]) -> None:
    code, lines = _start_with(["llm_interactive", "serve"], **changes)
    assert code != 0
    [line] = lines
    assert all(fragment in line for fragment in fragments), line


def test_a_wrong_setting_stops_gunicorn_itself_too(tmp_path: Path) -> None:
    code, lines = _start_with(["gunicorn", "--bind", "127.0.0.1:0", "_wsgi:app"], NUM_RESPONSES="none")
    assert code != 0
    assert [line for line in lines if "NUM_RESPONSES='none' is not allowed" in line]
    assert not [line for line in lines if "Traceback" in line]


def test_a_database_of_a_newer_release_stops_gunicorn_itself_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    upgrade(engine_of(url), [*MIGRATIONS, ()])
    code, lines = _start_with(["gunicorn", "--bind", "127.0.0.1:0", "_wsgi:app"], DATABASE_URL=url)
    assert code != 0
    assert [line for line in lines if "The database is of a newer release" in line]
    assert not [line for line in lines if "Traceback" in line]


@pytest.fixture(scope="module")
def two_workers(shared_llm: FakeLLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One backend for the tests that need no start of their own; says as much in its log as it can."""
    folder = tmp_path_factory.mktemp("two-workers")
    settings = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": shared_llm.base_url, "MODEL_DIR": str(folder / "data")}
    with Backend(folder / "log", **settings, WORKERS="2", LOG_LEVEL="DEBUG", DEFAULT_PROMPT="Judge.") as running:
        yield running


def test_on_the_wire_the_reason_phrase_is_the_sentence(two_workers: Backend, shared_llm: FakeLLM) -> None:
    shared_llm.queue(error(401, "Incorrect API key", code="invalid_api_key"))
    failed, _ = two_workers.request("POST", "/predict", typed("Judge.", config=ONLY_CHOICES, project="1.1"))
    connected, _ = two_workers.request("POST", "/setup", {"project": "1.1", "schema": "<View/>"})
    assert failed.status == 502
    assert failed.reason.endswith("rejected the API key (401). Set OPENAI_API_KEY.")
    assert connected.status == 400
    assert "Add a TextArea tag" in connected.reason


def test_health_is_the_specs_and_the_server_is_not_named(two_workers: Backend) -> None:
    health, content = two_workers.request("GET", "/health")
    assert content.strip() == b'{"status":"UP"}'
    named = (health.getheader("Server") or "").lower()
    assert not [name for name in ("gunicorn", "werkzeug", "python") if name in named]


def test_nothing_secret_is_logged_at_debug(two_workers: Backend, shared_llm: FakeLLM) -> None:
    shared_llm.queue("a secret reply", "a secret reply")
    about = task(10, "a secret text")
    two_workers.results(typed("A secret prompt.", about=about, project="2.1"))
    two_workers.results(batch([about], project="2.1"))
    two_workers.request("POST", "/webhook", submitted("A secret prompt."))
    setup = {"project": "2.1", "schema": ONLY_CHOICES, "access_token": "creators-token"}
    two_workers.request("POST", "/setup", setup)
    assert "Listening" in two_workers.log
    for kept in (KEY, "secret", "creators-token"):
        assert kept not in two_workers.log


def test_two_workers_use_a_prompt_at_once(two_workers: Backend) -> None:
    for turn in range(10):
        prompt = f"Judge {turn}."
        if turn % 2:
            two_workers.results(typed(prompt, about=task(turn)))
        else:
            two_workers.request("POST", "/webhook", submitted(prompt))
        for number in range(4):
            [entry] = two_workers.results(batch([task(100 * turn + number)]))
            assert texts(entry, "prompt") == [prompt]


def test_two_workers_share_replies_and_know_an_edit(two_workers: Backend, shared_llm: FakeLLM) -> None:
    shared_llm.forget()
    for _ in range(6):
        two_workers.results(batch(tasks(5), project="3.1"))
    assert len(shared_llm.calls) == 5
    regions = [texts_region("prompt", "Judge."), texts_region("response", "mine")]
    for _ in range(6):
        assert two_workers.results(interactive(*regions, about=task(1), project="3.1"))[0]["result"] == []
    assert len(shared_llm.calls) == 5


def test_the_same_task_asked_of_two_workers_at_once_is_bought_once(two_workers: Backend, shared_llm: FakeLLM) -> None:
    shared_llm.forget()
    for turn in range(10):
        asked = batch([task(10, f"at once {turn}")], project="4.1")
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(two_workers.results, [asked] * 6))
        assert [texts(entry) for [entry] in answers] == [["OK"]] * 6
    assert len(shared_llm.calls) == 10


def test_two_processes_over_one_file_buy_a_reply_once(backend: MakeBackend, llm: FakeLLM) -> None:
    asked = batch(tasks(40))
    first, second = backend(DEFAULT_PROMPT="Judge."), backend(DEFAULT_PROMPT="Judge.")
    with first as one, second as other, ThreadPoolExecutor(2) as pool:
        for entries in pool.map(lambda running: running.results(asked), (one, other)):
            assert all(texts(entry) == ["OK"] for entry in entries)
    assert len(llm.calls) == 40


def test_each_of_two_workers_tells_of_both(two_workers: Backend) -> None:
    for number in range(8):
        two_workers.results(batch([task(number)], project="told.1"))

    def told() -> list[int]:
        rows = json.loads(two_workers.request("GET", "/status")[1])["projects"]
        return [row["batch_done"] for row in rows if row["project"] == "told.1"]

    until(lambda: [told() for _ in range(8)] == [[8]] * 8)
    for _ in range(8):
        exposition = two_workers.request("GET", "/metrics")[1].decode()
        lines = [line for line in exposition.splitlines() if "tasks_total" in line and 'project="told.1"' in line]
        assert sum(float(line.split()[-1]) for line in lines) == 8


def test_after_a_kill_in_the_middle_of_a_batch_no_finished_reply_is_asked_for_again(
    backend: MakeBackend, llm: FakeLLM
) -> None:
    arrived = Counter[int]()
    count = threading.Lock()

    def seven_then_none(call: Call) -> Reply:
        with count:
            arrived.update([0])
            return Reply(texts=["OK"], hang=arrived[0] > 7)

    llm.answer = seven_then_none
    settings = {"DEFAULT_PROMPT": "Judge.", "MAX_CONCURRENCY": "2"}
    with backend(**settings) as running, ThreadPoolExecutor(1) as pool:
        lost = pool.submit(running.results, batch(tasks(20)))
        in_flight = {call.prompt for call in llm.wait_for_calls(9)[7:]}
        running.kill()
        assert lost.exception() is not None
    llm.release()
    llm.answer = "OK"
    with backend(**settings) as running:
        assert all("result" in entry for entry in running.results(batch(tasks(20))))
    asked = Counter(call.prompt for call in llm.calls)
    assert len(asked) == 20
    assert {prompt for prompt, times in asked.items() if times > 1} <= in_flight


def test_sigterm_ends_it_after_the_batch_under_way(backend: MakeBackend, llm: FakeLLM) -> None:
    llm.answer = Reply(texts=["OK"], hang=True)
    with backend(DEFAULT_PROMPT="Judge.") as running, ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(running.results, batch(tasks(3)))
        llm.wait_for_calls(3)
        os.kill(running.process.pid, signal.SIGTERM)
        llm.release()
        assert all("result" in entry for entry in under_way.result())
        assert running.process.wait(timeout=20) == 0
        assert "Traceback" not in running.log
