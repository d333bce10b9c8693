"""Connections on which everything together ends in time; the HTTP libraries' timeouts start anew with every byte."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

_MAX_ANSWER = 20_000_000


class _TooLarge(ValueError):
    """An answer is larger than any completion."""


def time_left(give_up: float) -> float:
    """Seconds until `give_up` (of `time.monotonic`).

    Raises:
        httpcore2.ReadTimeout: there are none.
    """
    left = give_up - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left


class TimedStream(httpcore2.NetworkStream):
    """`inner`, with what `left` says as the timeout of each read and write."""

    def __init__(self, inner: httpcore2.NetworkStream, left: Callable[[], float]) -> None:
        self._inner = inner
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most `max_bytes` that have come."""
        return self._inner.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        self._inner.write(buffer, self._left())

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection, encrypted."""
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, self._left()), self._left)

    def get_extra_info(self, info: str) -> Any:
        """What the connection tells of itself."""
        return self._inner.get_extra_info(info)


class TimedBackend(httpcore2.NetworkBackend):
    """Makes connections to the addresses that `resolve` has for a host and port; `left` is as for TimedStream."""

    def __init__(
        self, left: Callable[[], float], resolve: Callable[[str, int], Sequence[str]] = lambda host, _: [host]
    ) -> None:
        self._left = left
        self._resolve = resolve
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first of the host's addresses that takes it."""
        failure: Exception = httpcore2.ConnectError("no address")
        for ip in self._resolve(host, port):
            try:
                stream = self._inner.connect_tcp(ip, port, self._left(), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return TimedStream(stream, self._left)
        raise failure


class _Attempt(threading.local):
    give_up = float("inf")


_attempt = _Attempt()


@contextmanager
def ending_at(give_up: float) -> Iterator[None]:
    """All that this thread does on connections of a `timed_client` ends at `give_up`."""
    _attempt.give_up = give_up
    try:
        yield
    finally:
        _attempt.give_up = float("inf")


def timed_client(max_keepalive: int) -> httpx2.Client:
    """A client for threads that follows no redirects, ends as `ending_at` says and reads no endless answer."""
    client = httpx2.Client(
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=max_keepalive),
        event_hooks={"response": [_bound_size]},
        # A redirect would carry the key to an address that the operator did not name.
        follow_redirects=False,
    )
    # A transport given to the client would leave out the proxies of the environment.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx2.HTTPTransport):
            transport._pool._network_backend = TimedBackend(_left_of_attempt)
    return client


def _left_of_attempt() -> float:
    return time_left(_attempt.give_up)


def _bound_size(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = _BoundedBody(response.stream)


class _BoundedBody(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._inner:
            size += len(chunk)
            if size > _MAX_ANSWER:
                raise _TooLarge
            yield chunk

    def close(self) -> None:
        self._inner.close()
