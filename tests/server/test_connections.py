"""Clients on the real server that are silent, slow, greedy or gone: the others are answered all the same."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from llm_interactive.web.worker import REQUEST_SECONDS
from testing.llm import FakeLLM, Reply
from tests.server.bodies import PROJECT, TEXT, batch, task, tasks, texts, typed
from tests.server.conftest import KEY
from tests.server.process import Backend
from tests.server.test_batch import until

HEALTH_SECONDS = 1.0
"""What Label Studio gives /health; /setup has three times as much."""

SETUP = json.dumps({"project": PROJECT, "schema": TEXT})


@pytest.fixture(scope="module")
def running(shared_llm: FakeLLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("connections")
    settings = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": shared_llm.base_url, "MODEL_DIR": str(folder / "data")}
    with Backend(folder / "log", **settings, DEFAULT_PROMPT="Judge.", PREDICT_DEADLINE="3600") as backend:
        yield backend
        assert "Traceback" not in backend.log


@contextmanager
def connected(running: Backend, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        address = ("127.0.0.1", running.port)
        yield [stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(count)]


def head(path: str, length: int) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: backend", "Content-Type: application/json", f"Content-Length: {length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answers_everybody(running: Backend) -> None:
    """Fails unless the server is as quick as Label Studio wants it, and annotators have their replies."""
    running.request("GET", "/health", timeout=HEALTH_SECONDS)
    connected, _ = running.request("POST", "/setup", json.loads(SETUP), timeout=3 * HEALTH_SECONDS)
    assert connected.status == 200
    [entry] = running.results(typed("Judge."))
    assert texts(entry) == ["OK"]


@pytest.mark.parametrize("count", [100, 1_100])
def test_silent_connections_keep_nobody_waiting(running: Backend, count: int) -> None:
    with connected(running, count):
        for _ in range(5):
            answers_everybody(running)


def test_after_too_many_silent_connections_those_that_speak_are_still_heard(running: Backend) -> None:
    with connected(running, 900) as silent, connected(running, 200) as later:
        for connection in later:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: backend\r\nConnection: close\r\n\r\n")
        assert all(connection.recv(12) == b"HTTP/1.1 200" for connection in later)
        assert len(silent) == 900


def test_a_rush_of_clients_that_leave_at_once_stops_no_worker(running: Backend) -> None:
    before = workers(running)
    with connected(running, 990):
        for _ in range(20):
            with connected(running, 60) as leaving:
                for connection in leaving:
                    connection.sendall(b"GET /nope HTTP/1.1\r\nHost: ")
    answers_everybody(running)
    assert workers(running) == before


@pytest.mark.parametrize(
    "beginning",
    [
        b"POST /predict HTTP/1.1\r\nHost: backend\r\nX: ",
        head("/predict", 1_000),
        head("/setup", 1_000),
        head("/predict", 10_000_000),
        head("/setup", 10_000_000),
        head("/predict", 10_000_000_000),
        b"POST /setup HTTP/1.1\r\nHost: backend\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n",
        b"GET /nope HTTP/1.1\r\nHost: backend\r\nContent-Length: 10000000\r\n\r\n",
    ],
    ids=["head", "small", "small-setup", "large", "large-setup", "too-large", "chunks", "unread"],
)
def test_requests_that_come_byte_by_byte_take_not_all_threads(running: Backend, beginning: bytes) -> None:
    with connected(running, 80) as slow:
        for connection in slow:
            connection.sendall(beginning)
        for _ in range(5):
            for connection in slow:
                with suppress(ConnectionError):  # the server has hung up
                    connection.send(b" ")
            answers_everybody(running)


def test_requests_that_come_byte_by_byte_have_one_time_for_all_of_them(running: Backend) -> None:
    with connected(running, 2) as waiting:
        for connection, length in zip(waiting, (1_000, 10_000_000), strict=True):
            connection.sendall(head("/setup", length))
            connection.settimeout(0.25)
        give_up = time.monotonic() + 2 * REQUEST_SECONDS
        slow = waiting
        while slow and time.monotonic() < give_up:
            slow = [connection for connection in slow if still_waits(connection)]
        assert not slow


def still_waits(connection: socket.socket) -> bool:
    """Whether the server waits for more of a request, after another byte of it."""
    try:
        connection.send(b" ")
        return bool(connection.recv(12))
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_clients_that_do_not_hang_up_keep_nobody_waiting(running: Backend) -> None:
    with connected(running, 100) as staying:
        for connection in staying:
            connection.sendall(b"GET /nope HTTP/1.1\r\nHost: backend\r\nConnection: close\r\n\r\n")
        for connection in staying:
            assert connection.recv(12) == b"HTTP/1.1 404"
        for _ in range(5):
            answers_everybody(running)


def test_batches_that_nobody_waits_for_any_more_take_no_threads(running: Backend, shared_llm: FakeLLM) -> None:
    shared_llm.forget()
    shared_llm.answer = Reply(texts=["OK"], hang=True)
    [worker] = workers(running)
    try:
        for round_ in range(5):
            body = json.dumps(batch(tasks(2), project=f"gone{round_}.1")).encode()
            with connected(running, 60) as leaving:
                for connection in leaving:
                    connection.sendall(head("/predict", len(body)) + body)
            assert threads_of(worker) < 250
        until(lambda: threads_of(worker) < 130)
        assert running.request("GET", "/health")[0].status == 200
    finally:
        shared_llm.answer = "OK"
        shared_llm.release()


def workers(running: Backend) -> list[int]:
    pid = running.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_sigterm_does_not_wait_for_a_file_that_does_not_come(llm: FakeLLM, tmp_path: Path) -> None:
    picture = TEXT.replace("<Text ", "<Image ")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": llm.base_url, "MODEL_DIR": str(tmp_path / "data")}
        with (
            Backend(tmp_path / "log", **settings, MEDIA_HOSTS=place, DEFAULT_PROMPT="Judge.") as running,
            ExitStack() as stack,
        ):
            body = json.dumps(batch([task(1, f"http://{place}/a.png")], picture)).encode()
            [asking] = stack.enter_context(connected(running, 1))
            asking.sendall(head("/predict", len(body)) + body)
            stack.enter_context(silent.accept()[0])
            os.kill(running.process.pid, signal.SIGTERM)
            assert running.process.wait(timeout=10) == 0
