"""A file server on loopback that says what a test tells it to and remembers what it was asked.

with MediaServer() as server:
    server.serve("/cat.png", PNG)                              # bytes, an `Answer`, or a function of the `Asked`
    server.serve("/old.png", redirect("/cat.png"))
    ...
    assert server.asked[0].headers["authorization"] == "Token abc"
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from testing.loopback import Loopback


@dataclass(frozen=True)
class Asked:
    """One request as it came in; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An answer in full. A `body` that is not bytes is sent piece by piece, without saying how long it is."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Route = bytes | Answer | Callable[[Asked], bytes | Answer]


def redirect(location: str, status: int = 302) -> Answer:
    """An answer that leads elsewhere."""
    return Answer(status=status, headers={"Location": location})


class MediaServer(Loopback):
    """The server; listens from `__enter__` to `__exit__` on a free port of `host`. Paths are routed by their query too.

    `stopping` is set when it closes: what an endless body waits for.
    """

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self._routes: dict[str, Route] = {}
        self._scheme = "https" if tls else "http"
        self._server: _Server = _Server((host, 0), _handler_of(self))
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """What goes into `MEDIA_HOSTS`."""
        return f"{self.host}:{self.port}"

    def serve(self, path: str, route: Route) -> None:
        self._routes[path] = route

    def drip(self, pieces: int) -> Iterator[bytes]:
        """A body that comes one byte at a time, twenty a second."""
        for _ in range(pieces):
            yield b"x"
            if self.stopping.wait(0.05):
                return

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        route = self._routes.get(asked.path, Answer(status=404))
        made = route(asked) if callable(route) else route
        return Answer(made) if isinstance(made, bytes) else made

    def close(self) -> None:
        self.stopping.set()
        super().close()


def over_tls(certificate: Path) -> MediaServer:
    """A server that shows `certificate`, a file with its key in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return MediaServer(tls=context)


class Resolver:
    """Names → addresses, as a test says; each look-up takes the name's next answer, the last one for ever."""

    def __init__(self, answers: Mapping[str, Sequence[str] | Sequence[Sequence[str]]]) -> None:
        self._answers = {
            name: [[answer] if isinstance(answer, str) else list(answer) for answer in given]
            for name, given in answers.items()
        }
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self._answers:
            return [host] if host.replace(".", "").isdecimal() else _unknown(host)
        given = self._answers[host]
        return given.pop(0) if len(given) > 1 else given[0]


def _unknown(host: str) -> list[str]:
    raise socket.gaierror(f"no such host: {host}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away is no news to a test


def _handler_of(server: MediaServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.answer(Asked(self.command, self.path, headers, body))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if isinstance(answer.body, bytes) and "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            for piece in [answer.body] if isinstance(answer.body, bytes) else answer.body:
                self.wfile.write(piece)
                self.wfile.flush()

        def do_POST(self) -> None:
            self.do_GET()

    return Handler
