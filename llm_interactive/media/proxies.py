"""The way to the internet where an operator's network has a proxy for it (HTTPS_PROXY, NO_PROXY)."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from llm_interactive.media.addresses import Address, is_public

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proxy:
    """An http(s) proxy, its `login` (name and password) and the hosts that are not reached through it."""

    url: str
    login: tuple[str, str] | None = None
    not_for: str = ""

    @classmethod
    def from_environment(cls) -> Proxy | None:
        """The proxy that HTTPS_PROXY, else ALL_PROXY names; None where there is none, or one of another kind."""
        found: Mapping[str, str] = urllib.request.getproxies_environment()
        text = found.get("https") or found.get("all")
        if not text:
            return None
        parts = urlsplit(text if "://" in text else f"http://{text}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            log.warning("HTTPS_PROXY is no http(s) address; tasks' files are fetched without it.")
            return None
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        place = parts.netloc.rpartition("@")[2]
        return cls(f"{parts.scheme}://{place}", login, found.get("no", ""))

    def leads_to(self, address: Address, ips: Sequence[str]) -> bool:
        """Whether `address`, whose host resolves to `ips` here, is asked for through the proxy.

        Only https: the proxy resolves the host once more, and then its certificate says who answers. Nor what is on
        the own network, which the proxy is not for.
        """
        return address.scheme == "https" and all(map(is_public, ips)) and not self._is_not_for(address)

    def _is_not_for(self, address: Address) -> bool:
        for entry in self.not_for.lower().split(","):
            name = entry.strip().removeprefix("*").removeprefix(".")
            below = address.host == name or address.host.endswith(f".{name}")
            if entry.strip() == "*" or (name and (below or name == f"{address.host}:{address.port}")):
                return True
        return False
