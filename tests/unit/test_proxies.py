"""Where the internet is behind a proxy, public files come through it and the network's own do not."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from llm_interactive.media.addresses import Address
from llm_interactive.media.proxies import Proxy
from tests.connect_proxy import ConnectProxy
from tests.media_server import MediaServer, Resolver, over_tls, redirect
from tests.unit.test_download import FILE, download, refusal

PUBLIC = "93.184.216.34"
PROXY = Proxy("http://proxy:3128")


@pytest.fixture
def server(certificate: Path) -> Iterator[MediaServer]:
    """media.test, which only the proxy reaches."""
    with over_tls(certificate) as running:
        running.serve("/file", FILE)
        yield running


@pytest.fixture
def proxy(server: MediaServer) -> Iterator[ConnectProxy]:
    with ConnectProxy({"media.test:443": server.port}) as running:
        yield running


@pytest.fixture
def trusted(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize("ips", [[[PUBLIC]], None], ids=["a name that is known here", "a name that is not"])
def test_a_public_file_comes_through_the_proxy(
    proxy: ConnectProxy, trusted: ssl.SSLContext, ips: list[list[str]] | None
) -> None:
    resolver = Resolver({"media.test": ips} if ips else {})
    got = download("https://media.test/file", "media.test", resolve=resolver, trusted=trusted, proxy=Proxy(proxy.url))
    assert (got.body, proxy.asked) == (FILE, ["media.test:443"])


def test_the_proxy_is_shown_its_login_and_the_host_is_not(
    proxy: ConnectProxy, server: MediaServer, trusted: ssl.SSLContext
) -> None:
    proxy.login = f"Basic {base64.b64encode(b'me:a@b').decode()}"
    way = Proxy(proxy.url, ("me", "a@b"))
    assert download("https://media.test/file", "media.test", trusted=trusted, proxy=way).body == FILE
    assert "proxy-authorization" not in server.asked[0].headers


def test_a_proxy_that_refuses_is_named(proxy: ConnectProxy) -> None:
    said = refusal("https://other.test/file", "other.test", proxy=Proxy(proxy.url))
    assert said == 'The proxy (HTTPS_PROXY) does not lead to "other.test" for the task\'s file.'


def test_who_answers_through_the_proxy_needs_the_hosts_certificate(
    proxy: ConnectProxy, server: MediaServer, trusted: ssl.SSLContext
) -> None:
    proxy.ways = {"other.test:443": server.port}
    said = refusal("https://other.test/file", "*.test", trusted=trusted, proxy=Proxy(proxy.url))
    assert "TLS certificate" in said
    assert server.asked == []


@pytest.mark.parametrize("ips", [["10.0.0.5"], ["169.254.169.254"], [PUBLIC, "127.0.0.1"]])
def test_a_name_that_leads_into_the_private_network_does_not_get_there_by_the_proxy(
    proxy: ConnectProxy, ips: list[str]
) -> None:
    resolver = Resolver({"evil.example.com": [ips]})
    said = refusal("https://evil.example.com/", "*.example.com", resolve=resolver, proxy=Proxy(proxy.url))
    assert "private network" in said
    assert proxy.asked == []


def test_a_host_that_is_not_listed_is_not_asked_for_by_the_proxy_either(proxy: ConnectProxy) -> None:
    assert "MEDIA_HOSTS" in refusal("https://other.test/file", "media.test", proxy=Proxy(proxy.url))
    assert proxy.asked == []


def test_a_redirect_from_the_own_network_to_the_internet_takes_the_proxy_for_its_second_hop_only(
    proxy: ConnectProxy, trusted: ssl.SSLContext
) -> None:
    with MediaServer() as inner:
        inner.serve("/old", redirect("https://media.test/file"))
        hosts = inner.place, "media.test"
        assert download(f"{inner.url}/old", *hosts, trusted=trusted, proxy=Proxy(proxy.url)).body == FILE
    assert proxy.asked == ["media.test:443"]


@pytest.mark.parametrize(
    ("address", "ips", "not_for", "leads"),
    [
        ("https://media.test/", [PUBLIC], "", True),
        ("https://media.test/", [PUBLIC], "example.com, other.test", True),
        ("https://media.test/", [PUBLIC], "edia.test", True),
        ("https://media.test/", ["10.0.0.5"], "", False),
        ("https://media.test/", [PUBLIC, "10.0.0.5"], "", False),
        ("http://media.test/", [PUBLIC], "", False),
        ("https://media.test/", [PUBLIC], "*", False),
        ("https://media.test/", [PUBLIC], "localhost,MEDIA.test", False),
        ("https://a.media.test/", [PUBLIC], "media.test", False),
        ("https://a.media.test/", [PUBLIC], ".media.test", False),
        ("https://a.media.test/", [PUBLIC], "*.media.test", False),
        ("https://media.test:8443/", [PUBLIC], "media.test:8443", False),
    ],
)
def test_it_leads_to_https_on_the_internet_unless_no_proxy_says_otherwise(
    address: str, ips: Sequence[str], not_for: str, leads: bool
) -> None:
    assert Proxy("http://proxy:3128", not_for=not_for).leads_to(Address.parse(address), ips) is leads


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, PROXY),
        ({"https_proxy": "http://proxy:3128/"}, PROXY),
        ({"HTTPS_PROXY": "proxy:3128"}, PROXY),
        ({"ALL_PROXY": "http://proxy:3128"}, PROXY),
        ({"HTTPS_PROXY": "socks5://proxy:1080"}, None),
        (
            {"HTTPS_PROXY": "http://me:a%40b@proxy:3128", "NO_PROXY": "a.test"},
            Proxy(PROXY.url, ("me", "a@b"), "a.test"),
        ),
    ],
)
def test_the_environment_names_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], found: Proxy | None
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Proxy.from_environment() == found
