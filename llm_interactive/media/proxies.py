"""The way to the internet where an operator's network has a proxy for it (HTTPS_PROXY, NO_PROXY)."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Sequence
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
        found = urllib.request.getproxies_environment()
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
        not_for = {"no": self.not_for.replace("*.", ".").strip()}
        is_bypassed = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined] # of every system
        bypassed = is_bypassed(f"{address.host}:{address.port}", not_for)
        return address.scheme == "https" and all(map(is_public, ips)) and not bypassed
