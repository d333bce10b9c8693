"""Servers that mean harm: what they send is bounded, and what they say of it is not believed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image

from llm_interactive.errors import TaskDataError
from llm_interactive.media.images import normalise
from llm_interactive.media.source import MediaSource
from tests.media_server import Answer, Asked, MediaServer, Resolver, redirect
from tests.receipts import as_file
from tests.unit.test_download import FILE, download, refusal


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as running:
        running.serve("/file", FILE)
        yield running


def chunks(server: MediaServer) -> Iterator[bytes]:
    """A chunked body without an end."""
    while not server.stopping.is_set():
        yield b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


def test_a_chunked_body_without_an_end_is_read_up_to_the_limit(server: MediaServer) -> None:
    server.serve("/endless", Answer(chunks(server), headers={"Transfer-Encoding": "chunked"}))
    assert "larger than 1 MB" in refusal(f"{server.url}/endless", server.place)


def test_a_length_that_is_too_short_cuts_the_file_off(server: MediaServer) -> None:
    server.serve("/short", Answer(FILE, headers={"Content-Length": "5"}))
    assert download(f"{server.url}/short", server.place).body == FILE[:5]


@pytest.mark.parametrize("length", ["-1", "five", "1e9", "5, 6"])
def test_a_length_that_is_none_is_an_error(server: MediaServer, length: str) -> None:
    server.serve("/file", Answer(FILE, headers={"Content-Length": length}))
    assert "could not be reached" in refusal(f"{server.url}/file", server.place)


def test_headers_without_an_end_are_not_read_for_ever(server: MediaServer) -> None:
    server.serve("/file", Answer(FILE, headers={f"X-{number}": "x" * 1000 for number in range(1000)}))
    assert "could not be reached" in refusal(f"{server.url}/file", server.place)


def test_the_text_of_an_error_is_not_read(server: MediaServer) -> None:
    server.serve("/error", Answer(chunks(server), status=500, headers={"Transfer-Encoding": "chunked"}))
    assert download(f"{server.url}/error", server.place).body == b""


def test_nor_is_the_text_of_a_redirect(server: MediaServer) -> None:
    endless = Answer(chunks(server), status=302, headers={"Location": "/file", "Transfer-Encoding": "chunked"})
    server.serve("/old", endless)
    assert download(f"{server.url}/old", server.place).body == FILE


def test_a_redirect_may_hold_letters_as_they_are(server: MediaServer) -> None:
    server.serve("/%C3%BC%20b.png", FILE)
    server.serve("/old", redirect("/ü b.png".encode().decode("latin-1")))
    assert download(f"{server.url}/old", server.place).body == FILE


@pytest.mark.parametrize("path", ["/receipt.png", "/receipt.pdf", "/receipt.html", "/receipt"])
@pytest.mark.parametrize("kind", ["image/png", "text/html", "application/octet-stream"])
def test_what_a_file_is_follows_from_its_bytes_alone(server: MediaServer, path: str, kind: str) -> None:
    server.serve(path, Answer(as_file(Image.new("RGB", (5, 7)), "BMP"), headers={"Content-Type": kind}))
    [picture] = normalise(download(server.url + path, server.place).body)
    assert (picture.width, picture.height) == (5, 7)


def test_label_studio_that_moved_to_https_is_said_so_and_gets_no_token_there(server: MediaServer) -> None:
    source = MediaSource(server.url, "key", resolve=Resolver({}))
    server.serve("/data/upload/3/a.png", redirect(f"https://127.0.0.1:{server.port}/data/upload/3/a.png", 301))
    with pytest.raises(TaskDataError, match="set LABEL_STUDIO_URL to that address") as caught:
        source.fetch("/data/upload/3/a.png")
    assert f"https://127.0.0.1:{server.port}" in str(caught.value)
    assert len(server.asked) == 1


def test_another_server_on_its_machine_is_not_taken_for_label_studio(server: MediaServer) -> None:
    with MediaServer() as bucket:
        server.serve("/data/upload/3/a.png", redirect(f"{bucket.url}/bucket/a.png"))
        with pytest.raises(TaskDataError, match=f'"{bucket.place}", which is not in MEDIA_HOSTS'):
            MediaSource(server.url, "key", resolve=Resolver({})).fetch("/data/upload/3/a.png")


@pytest.mark.parametrize("status", [302, 307])
def test_a_personal_access_token_does_not_follow_a_redirect(server: MediaServer, status: int) -> None:
    refresh = "e30.eyJ0b2tlbl90eXBlIjogInJlZnJlc2gifQ.signature"
    with MediaServer("127.0.0.2") as other:
        other.serve("/api/token/refresh/", b'{"access": "stolen"}')
        server.serve("/api/token/refresh/", redirect(f"{other.url}/api/token/refresh/", status))
        source = MediaSource(server.url, refresh, [other.place], resolve=Resolver({}))
        with pytest.raises(TaskDataError, match=f"answered {status} when its access token"):
            source.fetch("/data/upload/3/a.png")
        assert other.asked == []


def test_the_token_comes_back_with_a_redirect_that_comes_back_to_a_file_of_label_studio(server: MediaServer) -> None:
    def route(asked: Asked) -> bytes | Answer:
        return FILE if asked.headers.get("authorization") == "Token key" else Answer(status=401)

    with MediaServer("127.0.0.2") as other:
        other.serve("/there", redirect(f"{server.url}/data/upload/3/a.png"))
        server.serve("/data/upload/3/b.png", redirect(f"{other.url}/there"))
        server.serve("/data/upload/3/a.png", route)
        source = MediaSource(server.url, "key", [other.place], resolve=Resolver({}))
        assert source.fetch("/data/upload/3/b.png") == FILE
        assert "authorization" not in other.asked[0].headers
