"""Which names callers may use for the backend: a page on the web must not reach it through a browser.

A page can let its own name resolve to the address of a machine in the visitor's network (DNS rebinding); the browser
then sends what the page asks for, with that name as Host. Addresses, and names that no public DNS server can give, are
never such a page's.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from llm_interactive.media.addresses import INTERNAL_NAMES

_OWN_NAMES = (*INTERNAL_NAMES, ".private", ".test", ".svc")


def is_allowed(host: str, allowed: Sequence[str]) -> bool:
    """Whether a Host header names the backend; `allowed` are further names, `*.host` for all below one, `*` for all."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return _is_own(name) or any(_matches(name, pattern.lower().rstrip(".")) for pattern in allowed)


def _is_own(name: str) -> bool:
    if "." not in name and ":" not in name:
        return True
    return _is_address(name) or name.endswith(_OWN_NAMES) or name == socket.gethostname().lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _matches(name: str, pattern: str) -> bool:
    return pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))
