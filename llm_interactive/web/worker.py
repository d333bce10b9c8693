"""gunicorn's worker with threads, safe from clients that send nothing, half a request, no HTTP, or very slowly.

A connection gets a thread only once its request is there: the head, and the body if it is small. Until then it waits in
the event loop, where it costs a socket. A thread reads a larger body. After an answer that closes the connection, the
event loop takes what the client still sends, so that the client can read the answer.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Any

import gunicorn.http.wsgi
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.http.unreader import SocketUnreader
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from llm_interactive.web.protocol import SECURITY_HEADERS, SMALL_BODY

# The Server header need not tell which release to attack.
gunicorn.http.wsgi.SERVER = ""

REQUEST_SECONDS = 20.0
"""Time for a request to arrive, head and body together."""

_UNREAD_SECONDS = 60
_LINGER_SECONDS = 2.0
_LARGEST_HEAD = _PART = 65_536
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_FOR_A_THREAD = re.compile(rb"\r\n(transfer-encoding|expect)[ \t]*:", re.IGNORECASE)


class _Unreader(SocketUnreader):  # type: ignore[misc]  # gunicorn is untyped
    """What has come over a socket and is not parsed yet. A thread waits for more until `deadline` (monotonic)."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next part of a request whose beginning is there."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        try:
            part: bytes = super().chunk(size_hint)
        finally:
            self.sock.settimeout(None)
        return part

    def is_ready(self) -> bool:
        """Take what the socket holds, without waiting. Whether that is a request which a thread can begin with."""
        try:
            part = self.sock.recv(_PART, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except OSError:
            return True  # the thread will meet it again
        else:
            self.unread(self.take_buffered() + part)
            if not part:
                return True  # nothing more will come
        return _is_whole(self.buf.getvalue())


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(_HEAD_END)
    if not end:
        return len(data) > _LARGEST_HEAD
    length = _LENGTH.search(head + end)
    if length is None or _FOR_A_THREAD.search(head):
        return True
    return len(body) >= int(length[1]) or int(length[1]) > SMALL_BODY


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """One process with its threads and its event loop."""

    def accept(self, listener: Any) -> None:
        """Take a connection; where there are too many, the one that has waited longest gives way."""
        if self.nr_conns >= self.worker_connections - 1 and (waiting := self.pending_conns or self.keepalived_conns):
            self._drop(waiting[0])
        super().accept(listener)

    def enqueue_req(self, conn: Any) -> None:
        """Give a thread to the connection's next request, or wait for it in the event loop."""
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = _Unreader(conn.sock)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _UNREAD_SECONDS, 0))
        unreader = conn.parser.unreader
        if not conn.data_ready:  # the request begins now
            conn.data_ready = True
            unreader.deadline = time.monotonic() + REQUEST_SECONDS
        if unreader.is_ready():
            super().enqueue_req(conn)
        else:
            self._wait(conn, unreader.deadline, self.on_pending_socket_readable)

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        """Go on with a connection whose request has begun. It may have been dropped by an event before this one."""
        if conn in self.pending_conns:
            super().on_pending_socket_readable(conn, client)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Go on with a connection that was kept for another request, if it has not been dropped either."""
        if conn in self.keepalived_conns:
            super().on_client_socket_readable(conn, client)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request. A part of its body that nobody has read by then is not waited for."""
        conn.data_ready = False
        try:
            return super().handle_request(req, conn)
        finally:
            conn.parser.unreader.deadline = 0.0

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep the connection for another request, or close it once the client has had time to read the answer."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        # Closed on a body still coming, a connection is reset, and the client never reads the answer.
        conn.parser.unreader.deadline = time.monotonic() + REQUEST_SECONDS
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._linger(conn)

    def murder_pending(self) -> None:
        """Close the connections whose time is over."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self._drop(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is no HTTP. gunicorn's own page and log repeat it: a mistyped Authorization header, too."""
        status, reason = 400, "Bad Request"
        if isinstance(exc, LimitRequestLine):
            status, reason = 414, "URI Too Long"
        elif isinstance(exc, LimitRequestHeaders):
            status, reason = 431, "Request Header Fields Too Large"
        elif not isinstance(exc, ParseException):
            status, reason = 500, "Internal Server Error"
            self.log.error("A request failed", exc_info=exc)
        self.log.info("A client was answered %s: %s", status, type(exc).__name__)
        body = json.dumps({"error": f"{reason}."})
        headers = {"Connection": "close", "Content-Type": "application/json", "Content-Length": len(body)}
        lines = [f"{name}: {value}\r\n" for name, value in {**headers, **SECURITY_HEADERS}.items()]
        write_nonblock(client, f"HTTP/1.1 {status} {reason}.\r\n{''.join(lines)}\r\n{body}".encode())

    def _wait(self, conn: Any, until: float, callback: Callable[[Any, Any], None]) -> None:
        """Call `callback` in the event loop when something comes; close the connection if nothing does `until` then."""
        conn.sock.setblocking(False)
        conn.timeout = until
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(callback, conn))

    def _linger(self, conn: Any) -> None:
        soon = time.monotonic() + _LINGER_SECONDS
        self._wait(conn, min(soon, conn.parser.unreader.deadline), self._take_the_rest)

    def _take_the_rest(self, conn: Any, client: Any) -> None:
        if conn not in self.pending_conns:
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        try:
            more = client.recv(_PART)
        except OSError:
            more = b""
        if more:
            self._linger(conn)
        else:
            self.nr_conns -= 1
            conn.close()

    def _drop(self, conn: Any) -> None:
        for waiting in (self.pending_conns, self.keepalived_conns):
            if conn in waiting:
                waiting.remove(conn)
                self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        # The stopping server waits for no request that has not come yet.
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
