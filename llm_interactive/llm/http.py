"""Connections on which everything together ends in time; the HTTP libraries' timeouts start anew with every byte."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2

_MAX_ANSWER = 20_000_000
"""Bytes; no completion is larger."""

_give_up: ContextVar[float | None] = ContextVar("_give_up", default=None)


@contextmanager
def ending_at(give_up: float) -> Iterator[None]:
    """All that this thread does on the connections of a `TimedBackend` ends at `give_up` (of `time.monotonic`)."""
    before = _give_up.set(give_up)
    try:
        yield
    finally:
        _give_up.reset(before)


def _left(timeout: float | None) -> float | None:
    """Seconds for the next step: all that are left, where `ending_at` says so."""
    give_up = _give_up.get()
    if give_up is None:
        return timeout
    left = give_up - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left


class TimedBackend(httpcore2.SyncBackend):
    """Connects to the host, or to the first of `ips` that takes it; what comes in answer to a request is bounded."""

    def __init__(self, ips: Sequence[str] | None = None, max_answer: float = float("inf")) -> None:
        self._ips = ips
        self._max_answer = max_answer

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection that ends as `ending_at` says."""
        failure: Exception = httpcore2.ConnectError("no address")
        for ip in [host] if self._ips is None else self._ips:
            try:
                stream = super().connect_tcp(ip, port, _left(timeout), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._max_answer)
        raise failure


class _TimedStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, max_answer: float) -> None:
        self._inner = inner
        self._max_answer = max_answer
        self._answered = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left(timeout))
        self._answered += len(data)
        if self._answered > self._max_answer:
            raise ValueError("The answer is too large.")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._answered = 0
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)), self._max_answer)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def timed_client(max_keepalive: int, max_answer: int = _MAX_ANSWER, tls: ssl.SSLContext | None = None) -> httpx2.Client:
    """A client for threads that follows no redirects, ends as `ending_at` says and reads `max_answer` bytes at most.

    Clients that share a context for `tls` are made faster than each with its own.
    """
    client = httpx2.Client(
        verify=tls or True,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=max_keepalive),
        # A redirect would carry the key to an address that the operator did not name.
        follow_redirects=False,
    )
    # httpx has no public way to a network backend, and a transport of one's own leaves out the environment's proxies.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx2.HTTPTransport):
            transport._pool._network_backend = TimedBackend(max_answer=max_answer)
    return client
