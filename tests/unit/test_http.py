"""Connections to providers end in time and with the largest answer that can be one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2
import pytest

from llm_interactive.llm.http import ending_at, timed_client
from tests.media_server import Answer, MediaServer, redirect


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as running:
        running.serve("/file", b"the file")
        yield running


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with timed_client(4) as client:
        yield client


def test_an_answer_that_drips_ends_with_the_time_for_all_of_it(server: MediaServer, client: httpx2.Client) -> None:
    server.serve("/slow", Answer(server.drip(200)))
    began = time.monotonic()
    with ending_at(began + 0.5), pytest.raises(httpx2.TimeoutException):
        client.get(f"{server.url}/slow", timeout=20)
    assert time.monotonic() - began < 2


def test_a_connection_that_is_used_again_has_the_time_of_its_next_request(
    server: MediaServer, client: httpx2.Client
) -> None:
    with ending_at(time.monotonic() + 0.2):
        assert client.get(f"{server.url}/file").content == b"the file"
    time.sleep(0.3)
    with ending_at(time.monotonic() + 5):
        assert client.get(f"{server.url}/file").content == b"the file"
    assert client.get(f"{server.url}/file").content == b"the file"


def test_an_answer_without_an_end_is_read_up_to_a_limit(server: MediaServer, client: httpx2.Client) -> None:
    def endless() -> Iterator[bytes]:
        while not server.stopping.is_set():
            yield b"x" * 65536

    server.serve("/endless", Answer(endless()))
    with pytest.raises(ValueError, match="too large"):
        client.get(f"{server.url}/endless")


def test_a_redirect_is_not_followed(server: MediaServer, client: httpx2.Client) -> None:
    server.serve("/old", redirect("/file"))
    assert client.get(f"{server.url}/old").status_code == 302
    assert len(server.asked) == 1
