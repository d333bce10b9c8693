"""Downloads are bounded and stay where they may be; every server here is a real one on loopback."""

from __future__ import annotations

import gzip
import ssl
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.media.addresses import Address, Places
from llm_interactive.media.download import Answer as Got
from llm_interactive.media.download import Downloader
from llm_interactive.media.proxies import Proxy
from tests.media_server import Answer, MediaServer, Resolver, over_tls, redirect

FILE = b"the file" * 1000


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as running:
        running.serve("/file", FILE)
        yield running


def download(
    url: str,
    *hosts: str,
    resolve: Callable[[str, int], list[str]] | None = None,
    max_mb: float = 1,
    timeout: float = 20,
    trusted: ssl.SSLContext | None = None,
    proxy: Proxy | None = None,
) -> Got:
    """What `url` answers when `hosts` are in MEDIA_HOSTS."""
    places = Places(None, hosts)
    resolve = resolve or Resolver({})
    downloader = Downloader(places, max_mb=max_mb, timeout=timeout, resolve=resolve, ssl_context=trusted, proxy=proxy)
    return downloader.get(Address.parse(url))


def refusal(url: str, *hosts: str, **options: object) -> str:
    """The sentence with which `url` is refused."""
    with pytest.raises(TaskDataError) as caught:
        download(url, *hosts, **options)  # type: ignore[arg-type]
    return caught.value.message


def test_a_listed_host_gives_its_file(server: MediaServer) -> None:
    assert download(f"{server.url}/file", server.place).body == FILE


def test_a_host_that_is_not_listed_is_not_even_connected_to(server: MediaServer) -> None:
    said = refusal(f"{server.url}/file", "other.example.com")
    assert server.place in said
    assert "MEDIA_HOSTS" in said
    assert server.asked == []


def test_the_name_is_sent_and_the_address_connected_to(server: MediaServer) -> None:
    resolver = Resolver({"media.test": ["127.0.0.1"]})
    place = f"media.test:{server.port}"
    assert download(f"http://{place}/file", place, resolve=resolver).body == FILE
    assert server.asked[0].headers["host"] == place


def test_a_name_that_changes_its_address_after_the_check_changes_nothing(server: MediaServer) -> None:
    resolver = Resolver({"media.test": ["127.0.0.1", "127.0.0.99"]})
    place = f"media.test:{server.port}"
    assert download(f"http://{place}/file", place, resolve=resolver).body == FILE
    assert resolver.asked == ["media.test"]


@pytest.mark.parametrize("ips", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"], ["::1"]])
def test_a_name_below_a_wildcard_that_leads_into_the_private_network_is_refused(
    server: MediaServer, ips: list[str]
) -> None:
    resolver = Resolver({"evil.example.com": [ips]})
    said = refusal(f"http://evil.example.com:{server.port}/file", f"*.example.com:{server.port}", resolve=resolver)
    assert "private network" in said
    assert server.asked == []


def test_a_listed_name_does_not_lead_to_the_machines_credentials() -> None:
    resolver = Resolver({"media.test": ["169.254.169.254"]})
    assert "link-local" in refusal("http://media.test/latest/meta-data/", "media.test", resolve=resolver)


def test_the_next_address_of_a_name_is_tried_when_the_first_is_dead(server: MediaServer) -> None:
    resolver = Resolver({"media.test": [["127.0.0.2", "127.0.0.1"]]})
    place = f"media.test:{server.port}"
    assert download(f"http://{place}/file", place, resolve=resolver).body == FILE


def test_a_name_that_nobody_knows_is_said_to_be_out_of_reach() -> None:
    assert "could not be reached" in refusal("http://nowhere.test/file", "nowhere.test")


def test_a_dead_port_is_said_to_be_out_of_reach() -> None:
    with MediaServer() as gone:
        pass
    assert "could not be reached" in refusal(f"{gone.url}/file", gone.place)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: MediaServer, status: int) -> None:
    server.serve("/old", redirect("/file", status))
    assert download(f"{server.url}/old", server.place).body == FILE


def test_a_redirect_to_a_listed_host_is_followed(server: MediaServer) -> None:
    with MediaServer("127.0.0.2") as other:
        other.serve("/elsewhere?sig=a%2Fb", FILE)
        server.serve("/old", redirect(f"{other.url}/elsewhere?sig=a%2Fb"))
        assert download(f"{server.url}/old", server.place, other.place).body == FILE


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://127.0.0.1/", '"127.0.0.1"'),
        ("http://127.0.0.1:1/", '"127.0.0.1:1"'),
        ("http://localhost/", "localhost"),
        ("//evil.com/file", "evil.com"),
        ("file:///etc/passwd", "file:"),
        ("gopher://127.0.0.1/", "gopher:"),
        ("http://user:pass@127.0.0.1/", "user name"),
        ("http://[::1", "cannot be read"),
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(server: MediaServer, location: str, says: str) -> None:
    server.serve("/old", redirect(location))
    assert says in refusal(f"{server.url}/old", server.place)
    assert len(server.asked) == 1


def test_each_hop_is_resolved_and_checked_anew(server: MediaServer) -> None:
    resolver = Resolver({"a.test": ["127.0.0.1"], "b.example.com": ["127.0.0.1"]})
    server.serve("/old", redirect(f"http://b.example.com:{server.port}/file"))
    hosts = f"a.test:{server.port}", f"*.example.com:{server.port}"
    assert "private network" in refusal(f"http://a.test:{server.port}/old", *hosts, resolve=resolver)
    assert len(server.asked) == 1


def test_a_circle_of_redirects_ends(server: MediaServer) -> None:
    server.serve("/old", redirect("/old"))
    assert "redirected more than" in refusal(f"{server.url}/old", server.place)


def test_a_file_that_says_it_is_too_large_is_not_read(server: MediaServer) -> None:
    server.serve("/large", Answer(server.drip(200), headers={"Content-Length": "1048577"}))
    assert "larger than 1 MB (MAX_IMAGE_MB)" in refusal(f"{server.url}/large", server.place)


def test_a_file_that_does_not_say_how_large_it_is_is_read_up_to_the_limit(server: MediaServer) -> None:
    endless = (b"x" * 65536 for _ in range(1000))
    server.serve("/large", Answer(endless))
    assert "larger than 1 MB" in refusal(f"{server.url}/large", server.place)
    assert next(endless, None) is not None


def test_a_file_of_just_the_limit_is_taken(server: MediaServer) -> None:
    server.serve("/full", b"x" * 1024 * 1024)
    assert len(download(f"{server.url}/full", server.place).body) == 1024 * 1024


def test_a_body_that_drips_ends_with_the_time_for_all_of_it(server: MediaServer) -> None:
    # Every byte comes well within the timeout; without a bound on the whole the download would succeed.
    server.serve("/slow", Answer(server.drip(200)))
    assert "in time" in refusal(f"{server.url}/slow", server.place, timeout=0.5)


def test_an_answer_that_never_comes_ends_with_the_time(server: MediaServer) -> None:
    def hang(asked: object) -> Answer:
        server.stopping.wait(30)
        return Answer()

    server.serve("/hang", hang)
    assert "in time" in refusal(f"{server.url}/hang", server.place, timeout=0.3)


def test_redirects_share_the_time(server: MediaServer) -> None:
    def slowly(asked: object) -> Answer:
        server.stopping.wait(0.3)
        return redirect("/slowly")

    server.serve("/slowly", slowly)
    assert "in time" in refusal(f"{server.url}/slowly", server.place, timeout=0.8)


def test_a_body_that_breaks_off_is_an_error(server: MediaServer) -> None:
    server.serve("/half", Answer(FILE, headers={"Content-Length": str(len(FILE) + 1)}))
    assert "could not be reached" in refusal(f"{server.url}/half", server.place)


def test_nothing_compressed_is_asked_for(server: MediaServer) -> None:
    download(f"{server.url}/file", server.place)
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_what_storage_keeps_compressed_is_unpacked(
    server: MediaServer, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    server.serve("/packed", Answer(pack(FILE), headers={"Content-Encoding": encoding}))
    assert download(f"{server.url}/packed", server.place).body == FILE


def test_a_gzip_bomb_is_too_large(server: MediaServer) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), compresslevel=1)
    assert len(bomb) < 1024 * 1024
    server.serve("/bomb", Answer(bomb, headers={"Content-Encoding": "gzip"}))
    assert "larger than 1 MB" in refusal(f"{server.url}/bomb", server.place)


@pytest.mark.parametrize(
    ("encoding", "body", "says"),
    [
        ("gzip", b"no gzip", "damaged"),
        ("gzip", gzip.compress(FILE, mtime=0)[:-20], "damaged"),
        ("br", b"?", "encoding"),
        ("gzip, gzip", b"?", "encoding"),
    ],
)
def test_what_cannot_be_unpacked_is_an_error(server: MediaServer, encoding: str, body: bytes, says: str) -> None:
    server.serve("/packed", Answer(body, headers={"Content-Encoding": encoding}))
    assert says in refusal(f"{server.url}/packed", server.place)


def test_another_status_than_200_comes_back_without_a_body(server: MediaServer) -> None:
    server.serve("/gone", Answer(b"x" * 10, status=410))
    got = download(f"{server.url}/gone", server.place)
    assert (got.status, got.body) == (410, b"")


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[MediaServer]:
    with over_tls(certificate) as running:
        running.serve("/file", FILE)
        yield running


def test_the_certificate_is_checked_against_the_name_and_not_the_address(
    tls_server: MediaServer, certificate: Path
) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate))
    resolver = Resolver({"media.test": ["127.0.0.1"]})
    place = f"media.test:{tls_server.port}"
    assert download(f"https://{place}/file", place, resolve=resolver, trusted=trusted).body == FILE


@pytest.mark.parametrize(("name", "trusts_it"), [("media.test", False), ("other.test", True)])
def test_a_certificate_of_somebody_else_or_of_nobody_is_refused(
    tls_server: MediaServer, certificate: Path, name: str, trusts_it: bool
) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate)) if trusts_it else None
    resolver = Resolver({name: ["127.0.0.1"]})
    place = f"{name}:{tls_server.port}"
    assert "TLS certificate" in refusal(f"https://{place}/file", place, resolve=resolver, trusted=trusted)
    assert tls_server.asked == []
