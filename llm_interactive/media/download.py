"""Bounded downloads from checked addresses: every hop, every connection, every byte."""

from __future__ import annotations

import logging
import socket
import ssl
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import httpcore2

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import DeadlineError, TaskDataError
from llm_interactive.llm.http import TimedBackend, ending_at
from llm_interactive.media.addresses import Address, Places
from llm_interactive.media.proxies import Proxy
from llm_interactive.media.waiting import LATE
from llm_interactive.text import whole_number

log = logging.getLogger(__name__)

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port → IP addresses; OSError when there are none."""

_MB = 1024 * 1024
_HOPS = 5
_POST_SECONDS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_FAILURES = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError, httpcore2.TimeoutException, OSError)


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses that the system's resolver has for `host`, without repetitions."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True)
class Answer:
    """What an address answered after all redirects; `body` is read only for status 200."""

    address: Address
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Downloader:
    """Fetches from `places` and nowhere else. Safe for threads; each download has its own connection.

    A host is resolved once and the connection made to the address that was checked, or to the `proxy`. Redirects are
    followed by hand, each one checked like the first address. A download with everything in it ends after `timeout`
    seconds or `max_mb` megabytes.
    """

    def __init__(
        self,
        places: Places,
        *,
        max_mb: float,
        timeout: float,
        resolve: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.places = places
        self.max_bytes = int(max_mb * _MB)
        self._max_mb = max_mb
        self._timeout = timeout
        self._resolve = resolve
        self._ssl_context = ssl_context
        self._proxy = proxy

    def get(
        self,
        address: Address,
        headers_for: Callable[[Address], Mapping[str, str]] = lambda _: {},
        deadline: Deadline = NEVER,
    ) -> Answer:
        """What `address` answers in the end; each hop gets the headers that `headers_for` has for it.

        Raises:
            TaskDataError: a hop leads to a place that is not allowed, fails, is too large or too slow.
            DeadlineError: `deadline` came first.
        """
        came_from: Address | None = None
        with ending_at(min(deadline, Deadline.after(self._timeout)).at):
            for _ in range(_HOPS + 1):
                self._check(address, came_from)
                answer = self._send("GET", address, headers_for(address), None, deadline)
                location = answer.headers.get("location")
                if answer.status not in _REDIRECTS or not location:
                    return answer
                came_from, address = address, address.joined(location)
        raise TaskDataError(f"The task's file is redirected more than {_HOPS} times.")

    def post(self, address: Address, body: bytes, headers: Mapping[str, str], deadline: Deadline = NEVER) -> Answer:
        """What `address` answers to `body`; redirects are not followed.

        Raises:
            TaskDataError: as `get`.
            DeadlineError: as `get`.
        """
        self._check(address, None)
        with ending_at(min(deadline, Deadline.after(min(self._timeout, _POST_SECONDS))).at):
            return self._send("POST", address, headers, body, deadline)

    def _check(self, address: Address, came_from: Address | None) -> None:
        if self.places.hold(address):
            return
        if came_from is None:
            raise TaskDataError(
                f'The task\'s file is on "{address.place}", which is not in MEDIA_HOSTS on the ML backend.'
            )
        if self.places.own(came_from) and (address.host, address.target) == (came_from.host, came_from.target):
            where = f"{address.scheme}://{address.place}"
            raise TaskDataError(f"Label Studio redirects to {where}: set LABEL_STUDIO_URL to that address.")
        by = "Label Studio redirects" if self.places.own(came_from) else f'"{came_from.place}" redirects'
        raise TaskDataError(
            f'{by} the task\'s file to "{address.place}", which is not in MEDIA_HOSTS on the ML backend.'
        )

    def _send(
        self, method: str, address: Address, headers: Mapping[str, str], body: bytes | None, deadline: Deadline
    ) -> Answer:
        # What is compressed on the way would have to be bounded twice; images are compressed already.
        sent = {"Host": address.place, "Accept": "*/*", "Accept-Encoding": "identity", **headers}
        url = httpcore2.URL(scheme=address.scheme, host=address.host, port=address.port, target=address.target)
        try:
            with (
                self._way_to(address) as pool,
                pool.stream(method, url, headers=list(sent.items()), content=body) as response,
            ):
                # An address to go on to may hold letters as they are, which are UTF-8 then.
                named = {
                    name.decode("latin-1").lower(): value.decode(errors="replace") for name, value in response.headers
                }
                read = self._read(response, named) if response.status == 200 else b""
                return Answer(address, response.status, named, read)
        except _FAILURES as error:
            if deadline.left <= 0:
                raise DeadlineError(LATE) from None
            log.info("%s failed: %s", address.place, type(error).__name__)
            raise TaskDataError(_failure(address, error)) from None

    def _way_to(self, address: Address) -> httpcore2.ConnectionPool:
        """A pool whose one connection leads to `address`, by the addresses that its host has now."""
        try:
            ips = self._resolve(address.host, address.port)
        except OSError:
            ips = []  # a network with a proxy often knows no names but its own
        if not all(self.places.may_connect(address, ip) for ip in ips):
            raise TaskDataError(
                f'"{address.host}" leads into a private network, where files are fetched only from hosts that '
                "MEDIA_HOSTS lists by name, and from no link-local address."
            )
        if self._proxy and self._proxy.leads_to(address, ips):
            url, login = self._proxy.url, self._proxy.login
            return httpcore2.HTTPProxy(url, login, ssl_context=self._trusted, network_backend=TimedBackend())
        return httpcore2.ConnectionPool(self._trusted, network_backend=TimedBackend(ips))

    def _read(self, response: httpcore2.Response, headers: Mapping[str, str]) -> bytes:
        too_large = TaskDataError(f"The task's file is larger than {self._max_mb:g} MB (MAX_IMAGE_MB).")
        if (whole_number(headers.get("content-length", "")) or 0) > self.max_bytes:
            raise too_large
        body = bytearray()
        for chunk in _unpacked(response.iter_stream(), headers.get("content-encoding", ""), self.max_bytes):
            body += chunk
            if len(body) > self.max_bytes:
                raise too_large
        return bytes(body)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return self._ssl_context or httpcore2.default_ssl_context()


def _unpacked(chunks: Iterable[bytes], encoding: str, max_bytes: int) -> Iterable[bytes]:
    """`chunks` without their gzip or deflate, no piece larger than `max_bytes`.

    Storage servers send what was stored compressed as it is, whatever was asked for.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise TaskDataError("The task's file is sent in an encoding that is not asked for.")
    inflate = zlib.decompressobj(wbits=47)  # of either sort
    try:
        for chunk in chunks:
            # One byte more than is allowed is enough to be refused.
            yield inflate.decompress(chunk, max_bytes + 1)
        if not inflate.eof:
            raise zlib.error
    except zlib.error:
        raise TaskDataError("The task's file arrived damaged.") from None


def _failure(address: Address, error: Exception) -> str:
    if isinstance(error, httpcore2.TimeoutException):
        return f'"{address.place}" did not send the task\'s file in time.'
    if isinstance(error, httpcore2.ProxyError):
        return f'The proxy (HTTPS_PROXY) does not lead to "{address.place}" for the task\'s file.'
    if any(isinstance(argument, ssl.SSLError) for argument in error.args):
        return f'"{address.place}" has no valid TLS certificate for the task\'s file.'
    return f'"{address.place}" could not be reached for the task\'s file.'
