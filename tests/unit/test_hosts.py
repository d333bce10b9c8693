"""Which Host headers are the backend's."""

from __future__ import annotations

import pytest

from llm_interactive.web.hosts import is_allowed


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:9090", "[::1]:9090", "10.1.2.3", "203.0.113.7:80", ""),
        *("localhost:9090", "LOCALHOST", "llm-interactive:9090", "my_backend", "gpu1"),
        *("host.docker.internal:9090", "gpu1.local", "gpu1.lan", "gpu1.local.:9090", "app.localhost"),
        *("backend.labeling.svc:80", "backend.labeling.svc.cluster.local", "gpu1.home.arpa"),
    ],
)
def test_addresses_and_names_of_the_own_network_are_its_own(host: str) -> None:
    assert is_allowed(host, ())


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "evil.example.com:9090", "127.0.0.1.evil.com", "localhost.evil.com", "evil.com."),
        *("127.0.0.1@evil.com", "local.com", "evillocal.io", "[evil"),
    ],
)
def test_names_that_public_dns_gives_are_not(host: str) -> None:
    assert not is_allowed(host, ())


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        (["ml.example.com"], "ML.example.com:443"),
        (["*.example.com"], "ml.example.com"),
        (["other.org", "*"], "anything.com"),
    ],
)
def test_the_operator_allows_further_names(allowed: list[str], host: str) -> None:
    assert is_allowed(host, allowed)


def test_a_name_is_not_allowed_for_its_end() -> None:
    assert not is_allowed("evilexample.com", ["*.example.com", "example.com"])
