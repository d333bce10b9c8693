"""A chat-completions server on loopback that says what a test tells it to and remembers what it was asked.

    with FakeLLM("Sarcastic") as llm:                  # the answer to everything not queued
        llm.queue("first", ["a", "b"], error(429, "slow down", {"Retry-After": "1"}))
        client = openai.OpenAI(base_url=llm.base_url, api_key="any")
        ...
        assert llm.calls[0].json["temperature"] == 0.7
        assert llm.max_in_flight <= 4

An answer is a text, a list of texts (one for each of `n`), a `Reply` for everything unusual, or a function that is
given the `Call` and returns one of these. Azure's and Ollama's paths are answered too: all that end in
/chat/completions.
"""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from testing.loopback import Loopback


@dataclass(frozen=True)
class Call:
    """One request as it came in; header names are in lower case, `at` is `time.monotonic()` of its arrival."""

    path: str
    headers: Mapping[str, str]
    json: dict[str, Any]
    at: float

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat that was sent."""
        messages: list[dict[str, Any]] = self.json["messages"]
        return messages

    @property
    def prompt(self) -> str:
        """The text of the chat's last message; the text parts joined by newlines where its content has parts."""
        content = self.messages[-1]["content"]
        if isinstance(content, str):
            return content
        return "\n".join(part["text"] for part in content if part["type"] == "text")


@dataclass(frozen=True)
class Reply:
    """An answer in full. `body` replaces the completion made of `texts`; a `hang` lasts until `FakeLLM.release()`.

    `reset` tears the connection down (RST) instead of answering: before anything is sent, or in the middle of the body.
    With `sure`, logprobs are sent where they are asked for: words (and signs) have the probabilities that it names, and
    all others 1.
    """

    texts: Sequence[str | None] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    hang: bool = False
    reset: Literal["before", "during"] | None = None
    finish_reason: str = "stop"
    sure: Mapping[str, float] | None = None


FixedAnswer = str | Sequence[str] | Reply
Answer = FixedAnswer | Callable[[Call], FixedAnswer]


def error(
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    code: str | None = None,
    param: str | None = None,
) -> Reply:
    """A failure in OpenAI's JSON form."""
    described = {"message": message, "type": "error", "param": param, "code": code}
    return Reply(status=status, headers=headers or {}, body=json.dumps({"error": described}).encode())


class FakeLLM(Loopback):
    """The server; listens from `__enter__` (or `start`) to `__exit__` (or `close`), on a free port of 127.0.0.1.

    `answer` may be replaced at any time, and `models`, what GET /models gives; `lists` counts those. With `ignores_n`
    one text is sent however many were asked for, as Ollama and llama.cpp do. `max_in_flight` is the most requests
    it ever held at once. `vector` gives the embedding of a text; without one there is no /embeddings. `embedded` are
    the texts that it was asked for, request by request.
    """

    def __init__(self, answer: Answer = "OK", *, ignores_n: bool = False) -> None:
        self.answer = answer
        self.ignores_n = ignores_n
        self.models = Reply(body=b'{"object": "list", "data": [{"id": "fake", "object": "model"}]}')
        self.lists = 0
        self.vector: Callable[[str], Sequence[float]] | None = None
        self.embedded: list[list[str]] = []
        self.calls: list[Call] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self._queued: deque[Answer] = deque()
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._server: _Server = _Server(("127.0.0.1", 0), _handler_of(self))

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def base_url(self) -> str:
        """What goes into `OPENAI_BASE_URL`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def queue(self, *answers: Answer) -> None:
        """Answer the next calls with these, each once, before going back to `answer`."""
        with self._changed:
            self._queued.extend(answers)

    def release(self) -> None:
        """Let every call that hangs go on, those still to come included."""
        self._released.set()

    def forget(self) -> None:
        """Drop recorded calls, queued answers and the highest concurrency; hanging works again."""
        with self._changed:
            self.calls.clear()
            self._queued.clear()
            self.max_in_flight = self.in_flight
            self._released.clear()

    def wait_for_calls(self, count: int, timeout: float = 10.0) -> list[Call]:
        """The calls so far, once there are at least `count`; fails with what there is after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.calls) >= count, timeout):
                raise AssertionError(f"{len(self.calls)} of {count} expected calls after {timeout} s")
            return list(self.calls)

    def close(self) -> None:
        """Stop listening, release what hangs and cut connections that are kept alive."""
        self.release()
        super().close()
        self._server.cut_connections()

    def other(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """What a request for anything else is answered with."""
        return error(404, f"no such path: {path}")

    def _arrived(self, call: Call) -> Answer:
        """The answer whose turn it is; the call is recorded."""
        with self._changed:
            self.calls.append(call)
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            self._changed.notify_all()
            return self._queued.popleft() if self._queued else self.answer

    def _left(self) -> None:
        with self._changed:
            self.in_flight -= 1

    def _pause(self, reply: Reply) -> None:
        if reply.delay:
            time.sleep(reply.delay)
        if reply.hang:
            self._released.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # Closed without the usual shutdown(): an orderly FIN first would make a reset look like an end.
        self._open.discard(request)
        self.close_request(request)

    def cut_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # its thread was quicker

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away is no news to a test


def _handler_of(llm: FakeLLM) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            if self.path.split("?")[0].endswith("/models"):
                llm.lists += 1
                llm._pause(llm.models)
                self._send(llm.models)
            else:
                self._send(llm.other("GET", self.path, dict(self.headers), b""))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.split("?")[0].endswith("/embeddings"):
                llm.embedded.append(json.loads(body)["input"])
                self._send(_embeddings(llm.embedded[-1], llm.vector))
                return
            if not self.path.split("?")[0].endswith("/chat/completions"):
                self._send(llm.other("POST", self.path, dict(self.headers), body))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.path, headers, json.loads(body), time.monotonic())
            answer = llm._arrived(call)
            try:
                reply = full_reply(answer, call, ignores_n=llm.ignores_n)
                llm._pause(reply)
                self._send(reply)
            finally:
                llm._left()

        def _send(self, reply: Reply) -> None:
            if reply.reset == "before":
                self._reset()
                return
            body = reply.body or b""
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if reply.reset else body)
            self.wfile.flush()
            if reply.reset:
                self._reset()

        def _reset(self) -> None:
            # With a linger time of zero, close() sends RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    return Handler


def full_reply(answer: Answer, call: Call, *, ignores_n: bool) -> Reply:
    """The answer in full, with its body made."""
    wanted = 1 if ignores_n else int(call.json.get("n") or 1)
    fixed = answer(call) if callable(answer) else answer
    if isinstance(fixed, str):
        reply = Reply(texts=[fixed] * wanted)
    elif isinstance(fixed, Reply):
        reply = fixed
    else:
        reply = Reply(texts=list(fixed))
    if reply.body is not None:
        return reply
    body = json.dumps(_completion(reply.texts[:wanted], call, reply)).encode()
    return replace(reply, body=body)


def _embeddings(texts: Sequence[str], vector: Callable[[str], Sequence[float]] | None) -> Reply:
    if vector is None:
        return error(404, "no embeddings here")
    rows = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
    return Reply(body=json.dumps({"object": "list", "data": rows, "usage": {"prompt_tokens": len(texts)}}).encode())


def _logprobs(text: str | None, sure: Mapping[str, float]) -> dict[str, Any]:
    words = re.findall(r"\s*(?:\w+|\W)", text or "")
    return {"content": [{"token": word, "logprob": math.log(sure.get(word.strip(), 1))} for word in words]}


def _completion(texts: Sequence[str | None], call: Call, reply: Reply) -> dict[str, Any]:
    """A chat completion with one choice for each text; None stands for a reply without content."""
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": call.json.get("model", "fake"),
        "choices": [
            {
                "index": i,
                "finish_reason": reply.finish_reason,
                "message": {"role": "assistant", "content": text},
                "logprobs": None if reply.sure is None or "logprobs" not in call.json else _logprobs(text, reply.sure),
            }
            for i, text in enumerate(texts)
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
