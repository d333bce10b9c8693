"""Bytes that clients may send to the real server: every answer is bounded, has the headers and repeats nothing."""

from __future__ import annotations

import gzip
import json
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from testing.llm import FakeLLM
from tests.server.bodies import PROJECT, TEXT
from tests.server.conftest import KEY
from tests.server.process import Backend

PASSWORD = "pässword-of-ann"
TYPED_WRONG = "Basic-of-a-mistyped-header"
ASKED = json.dumps({"project": PROJECT, "schema": TEXT})
LARGE = json.dumps({"project": PROJECT, "schema": TEXT, "more": "x" * 2_000_000})


@dataclass(frozen=True)
class Answer:
    """What came over the wire until the connection was closed."""

    status: int
    reason: str
    headers: dict[str, str]
    body: str


@pytest.fixture(scope="module")
def running(shared_llm: FakeLLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("wire")
    with Backend(
        folder / "log",
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=shared_llm.base_url,
        MODEL_DIR=str(folder / "data"),
        BASIC_AUTH_USER="ann",
        BASIC_AUTH_PASS=PASSWORD,
        MAX_REQUEST_MB="1",
        THREADS="9",
        LOG_LEVEL="DEBUG",
    ) as backend:
        yield backend
        assert "Traceback" not in backend.log
        for kept in (KEY, PASSWORD, TYPED_WRONG, "creators-token"):
            assert kept not in backend.log


def sent(running: Backend, data: bytes, *, hang_up: bool = False) -> Answer:
    """The answer to exactly these bytes."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(data)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    _, status, reason = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status), reason, headers, body.decode())


def request(line: str, *headers: str, body: str | bytes = b"") -> bytes:
    """A request of somebody who knows the password."""
    known = "Authorization: Basic " + b64encode(f"ann:{PASSWORD}".encode()).decode()
    head = "\r\n".join([line, "Host: backend", known, "Connection: close", *headers])
    return f"{head}\r\n\r\n".encode("latin-1") + (body.encode() if isinstance(body, str) else body)


def posted(*headers: str, body: str | bytes) -> bytes:
    return request("POST /setup HTTP/1.1", "Content-Type: application/json", *headers, body=body)


def check(answer: Answer) -> None:
    """Fails unless the answer is one sentence, with the headers that all answers have."""
    assert json.loads(answer.body)["error"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert not answer.headers.get("server")
    assert "Traceback" not in answer.body
    assert TYPED_WRONG not in answer.body


NO_HTTP: dict[str, tuple[bytes, int]] = {
    "garbage": (b"garbage\r\n\r\n", 400),
    "a header without a colon": (f"GET / HTTP/1.1\r\nAuthorization {TYPED_WRONG}\r\n\r\n".encode(), 400),
    "a header with a blank": (f"GET / HTTP/1.1\r\nAuthori zation: {TYPED_WRONG}\r\n\r\n".encode(), 400),
    "a method of two words": (b"GE T / HTTP/1.1\r\n\r\n", 400),
    "HTTP of the future": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "markup": (b"<script>alert(1)</script>\r\n\r\n", 400),
    "a negative length": (b"POST /predict HTTP/1.1\r\nContent-Length: -5\r\n\r\n{}", 400),
    "length and chunks": (
        b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        400,
    ),
    "an unknown coding": (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: foo\r\n\r\n{}", 400),
    "a long path": (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
    "a long header": (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(300)) + b"\r\n", 431),
}


@pytest.mark.parametrize(("data", "status"), NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_http_is_refused_and_not_repeated(running: Backend, data: bytes, status: int) -> None:
    answer = sent(running, data)
    assert answer.status == status
    check(answer)


REFUSED: dict[str, tuple[bytes, int]] = {
    "not found": (request("GET /nope HTTP/1.1"), 404),
    "a file": (request("GET /static/api.py HTTP/1.1"), 404),
    "a file further up": (request("GET /static/../model.py HTTP/1.1"), 404),
    "an encoded path": (request("GET /%ff%00%zz HTTP/1.1"), 404),
    "another method": (request("TRACE /predict HTTP/1.1"), 405),
    "too large": (posted(f"Content-Length: {len(LARGE)}", body=LARGE), 413),
    "too large, as it says": (posted("Content-Length: 99999999999999999999", body="{}"), 413),
    "too large in chunks": (posted("Transfer-Encoding: chunked", body=f"{len(LARGE):x}\r\n{LARGE}\r\n0\r\n\r\n"), 413),
    "blanks in chunks": (
        posted("Transfer-Encoding: chunked", body=f"{2_000_000:x}\r\n{ASKED.ljust(2_000_000)}\r\n0\r\n\r\n"),
        413,
    ),
    "chunks that are none": (posted("Transfer-Encoding: chunked", body="zz\r\n{}\r\n0\r\n\r\n"), 400),
    "shorter than it says": (posted("Content-Length: 1000", body=ASKED), 400),
    "longer than it says": (posted("Content-Length: 1", body=ASKED), 400),
    "cut chunks": (posted("Transfer-Encoding: chunked", body=f"1000\r\n{ASKED}"), 400),
    "compressed": (
        posted(
            "Content-Encoding: gzip",
            f"Content-Length: {len(gzip.compress(ASKED.encode(), mtime=0))}",
            body=gzip.compress(ASKED.encode(), mtime=0),
        ),
        400,
    ),
    "Latin-1": (posted("Content-Length: 5", body=b'{"\xfc"'), 400),
    "no type": (request("POST /setup HTTP/1.1", f"Content-Length: {len(ASKED)}", body=ASKED), 415),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_or_large_request_is_refused_in_one_sentence(running: Backend, data: bytes, status: int) -> None:
    answer = sent(running, data, hang_up=True)
    assert answer.status == status
    check(answer)
    assert answer.reason == json.loads(answer.body)["error"]


@pytest.mark.parametrize("line", ["POST /predict HTTP/1.1", "POST /nope HTTP/1.1", "PUT /health HTTP/1.1"])
def test_who_sends_much_can_read_why_it_was_refused(running: Backend, line: str) -> None:
    much = "x" * 30_000_000
    answer = sent(running, request(line, f"Content-Length: {len(much)}", body=much))
    assert answer.status in (404, 405, 413)


@pytest.mark.parametrize(
    "headers",
    [["Content-Type: application/json; charset=latin-1"], ["Content-Type: application/json; charset=nonsense"]],
    ids=str,
)
def test_json_is_utf_8_whatever_it_is_called(running: Backend, headers: list[str]) -> None:
    data = request("POST /setup HTTP/1.1", *headers, f"Content-Length: {len(ASKED)}", body=ASKED)
    assert sent(running, data).status == 200


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Basic",
        "Basic \xff\xfe",
        "Basic " + b64encode(b"ann").decode(),
        "Basic " + b64encode(b"\xed\xa0\x80:\xff").decode(),
        "Basic " + "A" * 7000,
        "Bearer " + b64encode(f"ann:{PASSWORD}".encode()).decode(),
        f'Digest username="ann", password="{PASSWORD}"',
        "Digest username*=UTF-8''%ED%A0%80",
    ],
    ids=lambda given: ascii(given)[:30],
)
def test_odd_credentials_are_wrong_ones(running: Backend, given: str) -> None:
    head = f"GET /status HTTP/1.1\r\nHost: backend\r\nAuthorization: {given}\r\nConnection: close\r\n\r\n"
    answer = sent(running, head.encode("latin-1", "replace"))
    assert answer.status == 401
    check(answer)


def test_clients_that_stop_in_the_middle_of_a_request_are_hung_up_on(running: Backend) -> None:
    halves = [
        b"POST /predict HTTP/1.1\r\nHost: back",
        posted("Content-Length: 1000", body='{"tasks'),
        posted("Transfer-Encoding: chunked", body="100\r\n{"),
    ]
    with ExitStack() as open_ones:
        connections = [
            open_ones.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=30)) for _ in halves
        ]
        for connection, half in zip(connections, halves, strict=True):
            connection.sendall(half)
        answers = [b"".join(iter(partial(connection.recv, 65536), b"")) for connection in connections]
    assert {answer[:12] for answer in answers} <= {b"", b"HTTP/1.1 400"}
