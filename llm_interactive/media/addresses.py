"""Addresses of media files, and the places that the operator allows to fetch from. Pure: nothing is resolved here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from llm_interactive.errors import TaskDataError

_PORTS = {"http": 80, "https": 443}
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
INTERNAL_NAMES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".home.arpa")
"""Ends of names that no public DNS server gives: RFC 6761, RFC 6762 appendix G, RFC 8375, `.internal` of ICANN."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds keep their machines' credentials outside the link-local networks: AWS, Azure, Alibaba, Oracle.
_CREDENTIALS = frozenset(
    ipaddress.ip_address(ip) for ip in ("fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")
)


@dataclass(frozen=True)
class Address:
    """An http(s) address in its parts, read once: what is checked is what is asked for."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str, base: str = "") -> Address:
        """The parts of `text`, which may be relative to the address `base`; a fragment is dropped.

        Raises:
            TaskDataError: another scheme than http(s), a user name in it, or no host.
        """
        try:
            parts = urlsplit(urljoin(base, text.strip()))
            scheme, host, port = parts.scheme, _host(parts.hostname or ""), parts.port
        except ValueError:
            raise TaskDataError("The address of the task's file cannot be read.") from None
        if scheme not in _PORTS:
            raise TaskDataError(
                f"The task's file has {_kind(scheme)} address; files are fetched from http(s) addresses and from "
                "Label Studio's own storage."
            )
        if not host:
            raise TaskDataError("The address of the task's file names no host.")
        if parts.username is not None:
            raise TaskDataError("The address of the task's file holds a user name, which is not sent.")
        # The quoting of what is quoted already stays: a presigned address is valid to the letter.
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") or "/"
        if parts.query:
            target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        return cls(scheme, host, port or _PORTS[scheme], target)

    @property
    def origin(self) -> tuple[str, str, int]:
        """What decides whom a token is for: scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def place(self) -> str:
        """Host and port as `MEDIA_HOSTS` lists them: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}{self.target}"

    def joined(self, location: str) -> Address:
        """The address that a redirect from here to `location` leads to.

        Raises:
            TaskDataError: as `parse`.
        """
        return Address.parse(location, str(self))


class Places:
    """Where bytes may come from: the operator's Label Studio and the hosts in `MEDIA_HOSTS`.

    An entry is `host` (on the schemes' own ports), `host:port`, or `*.example.com` for all names below example.com.
    """

    def __init__(self, label_studio: Address | None, media_hosts: Sequence[str] = ()) -> None:
        self._own = label_studio
        entries = {re.sub(r"^\s*https?://|[/\s]+$", "", entry.lower()) for entry in media_hosts}
        self._below = tuple(entry[1:] for entry in entries if entry.startswith("*."))
        self._named = entries

    def are_named(self, address: Address) -> bool:
        """Whether the operator named this very host: then it may be on the private network."""
        return self.own(address) or not self._named.isdisjoint((address.place, f"{address.place}:{address.port}"))

    def hold(self, address: Address) -> bool:
        """Whether bytes may be fetched from `address`."""
        return self.are_named(address) or address.place.endswith(self._below)

    def own(self, address: Address) -> bool:
        """Whether this is the operator's Label Studio, the only one that gets its token."""
        return self._own is not None and address.origin == self._own.origin

    def may_connect(self, address: Address, ip: str) -> bool:
        """Whether `address` may be fetched from `ip`, which its host was resolved to.

        A host that only a wildcard lists is public or nothing. No name leads to where clouds keep their machines'
        credentials, which is at link-local addresses and a few others.
        """
        if not self.are_named(address):
            return is_public(ip)
        reached = _reached(ip)
        forbidden = reached.is_link_local or reached.is_multicast or reached.is_unspecified or reached in _CREDENTIALS
        return ip == address.host or not forbidden


def is_public(ip: str) -> bool:
    """Whether `ip` is on the internet, rather than this machine or a private network."""
    reached = _reached(ip)
    if isinstance(reached, ipaddress.IPv6Address) and (reached.is_reserved or reached.is_site_local):
        return False  # the library takes these for global
    return reached.is_global and not reached.is_multicast and reached not in _CREDENTIALS


def is_public_https(text: str) -> bool:
    """Whether `text` is an https address that a provider on the internet can be expected to reach.

    Nothing is resolved: an internal name that looks like a public one is taken for public.
    """
    try:
        address = Address.parse(text)
    except TaskDataError:
        return False
    if address.scheme != "https":
        return False
    try:
        return is_public(address.host)
    except ValueError:
        last = address.host.rpartition(".")[2]
        return "." in address.host and not last.isdecimal() and not address.host.endswith(INTERNAL_NAMES)


def plain_path(path: str) -> bool:
    """Whether `path` means the same to every server: no step upwards, however it is written."""
    for _ in range(3):
        if "\\" in path or ".." in re.split(r"[/;]", path) or any(ord(sign) < ord(" ") for sign in path):
            return False
        path = unquote(path)
    return "%2e" not in path.lower()


def _host(host: str) -> str:
    """`host` in lower case and ASCII; ValueError for what is neither a name nor an IP address."""
    host = host.removesuffix(".")
    if ":" in host:
        return str(ipaddress.IPv6Address(host))
    host = host.encode("idna").decode().lower() if not host.isascii() else host.lower()
    if host and (len(host) > 253 or not _HOST.fullmatch(host)):
        raise ValueError(host)
    return host


def _kind(scheme: str) -> str:
    known = re.fullmatch(r"[a-z][a-z0-9+.-]{0,20}", scheme)
    return f'a "{scheme}:"' if known else "no http(s)"


def _reached(ip: str) -> IP:
    """The address that a packet to `ip` ends at: IPv4 written as IPv6 is that IPv4 address."""
    parsed = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed
    if parsed in _NAT64:
        return ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.ipv4_mapped or parsed.sixtofour or parsed
