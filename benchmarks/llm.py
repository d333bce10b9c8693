"""A chat-completions server on loopback that costs little: `python -m benchmarks.llm` prints its port and serves.

One asyncio process, no parsing beyond what is needed: some thousands of requests a second. It remembers of each call
the task's name, when it arrived and when its reply was handed to the kernel. `PUT /behaviour` sets what `Behaviour`
holds and forgets the calls, `GET /calls` gives them.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.limits import FixedWindow, TokenBucket

_NAME = re.compile(rb"\[(t-[\w-]+)\]")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_REFUSAL_SECONDS = 0.005
_CONTENT = '{"response": "Sarcastic [NAME]", "sentiment": "Sarcastic"}'


@dataclass
class Behaviour:
    """`latency` ± `jitter` seconds; `failing` maps tasks to the status they always get; at most one of the limits.

    `content` is the reply, with the task's name for NAME; `bucket` is rate per second and burst, `window` is limit and
    seconds.
    """

    latency: float = 0.0
    content: str = _CONTENT
    jitter: float = 0.0
    failing: dict[str, int] = field(default_factory=dict)
    bucket: tuple[float, float] | None = None
    window: tuple[int, float] | None = None


@dataclass
class Call:
    """One request. `ended` is None as long as no reply went out; times are `time.monotonic()` seconds."""

    task: str
    arrived: float
    ended: float | None = None
    status: int = 0


class Server:
    """What the connections share."""

    def __init__(self) -> None:
        self.random = random.Random(0)  # noqa: S311 - latency, not secrets
        self.behave(Behaviour())

    def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.completion = _completion(behaviour.content)
        self.calls: list[Call] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.limit: TokenBucket | FixedWindow | None = None
        if behaviour.bucket:
            self.limit = TokenBucket(*behaviour.bucket)
        elif behaviour.window:
            self.limit = FixedWindow(*behaviour.window)

    def report(self) -> bytes:
        calls = [[call.task, call.arrived, call.ended, call.status] for call in self.calls]
        return json.dumps({"calls": calls, "most_in_flight": self.most_in_flight}).encode()

    def decide(self, name: str, now: float) -> tuple[int, float, bytes]:
        """Status, seconds until it is sent, and the answer."""
        behaviour = self.behaviour
        if self.limit is not None:
            passes, retry_after = self.limit.admit(now)
            if not passes:
                header = b"" if retry_after is None else b"Retry-After: %d\r\n" % retry_after
                return 429, _REFUSAL_SECONDS, _response(429, _error("Rate limit reached"), header)
        latency = behaviour.latency
        if behaviour.jitter:
            latency += self.random.uniform(-behaviour.jitter, behaviour.jitter)
        status = behaviour.failing.get(name, 200)
        if status != 200:
            return status, latency, _response(status, _error("This one never works"))
        return 200, latency, _response(200, self.completion.replace(b"NAME", name.encode()))


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._buffer = b""
        self._pending: Call | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pending is not None:
            self._pending = None
            self._server.in_flight -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end)
        total = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < total:
            return
        head, body, self._buffer = self._buffer[:end], self._buffer[end + 4 : total], self._buffer[total:]
        self._requested(head, body)

    def _requested(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST ") and b"/chat/completions " in head[:200]:
            self._chat(body)
        elif head.startswith(b"PUT /behaviour "):
            self._server.behave(Behaviour(**json.loads(body)))
            self._transport.write(_response(200, b"{}"))
        elif head.startswith(b"GET /calls "):
            self._transport.write(_response(200, self._server.report()))
        else:
            self._transport.write(_response(404, _error("No such path")))

    def _chat(self, body: bytes) -> None:
        server = self._server
        found = _NAME.search(body)
        call = Call(found[1].decode() if found else "", time.monotonic())
        server.calls.append(call)
        server.in_flight += 1
        server.most_in_flight = max(server.most_in_flight, server.in_flight)
        self._pending = call
        call.status, seconds, response = server.decide(call.task, call.arrived)
        if seconds > 0:
            self._loop.call_later(seconds, self._reply, call, response)
        else:
            self._reply(call, response)

    def _reply(self, call: Call, response: bytes) -> None:
        if self._pending is not call:
            return
        self._pending = None
        self._server.in_flight -= 1
        self._transport.write(response)
        if not self._transport.is_closing() and not self._transport.get_write_buffer_size():
            call.ended = time.monotonic()


def _response(status: int, body: bytes, headers: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
        % (status, headers, len(body))
        + body
    )


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "error", "param": None, "code": None}}).encode()


def _completion(content: str) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    return json.dumps(
        {
            "id": "chatcmpl-loopback",
            "object": "chat.completion",
            "created": 1795372433,
            "model": "loopback",
            "choices": [choice],
            "usage": {"prompt_tokens": 90, "completion_tokens": 5, "total_tokens": 95},
        }
    ).encode()


def behaviour_body(behaviour: Behaviour) -> bytes:
    """`behaviour` as the body of PUT /behaviour."""
    return json.dumps(asdict(behaviour)).encode()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = Server()
    listening = await loop.create_server(lambda: _Connection(server, loop), "127.0.0.1", 0, backlog=1024)
    port: Any = listening.sockets[0].getsockname()[1]
    print(port, flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
