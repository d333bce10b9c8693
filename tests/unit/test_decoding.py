"""Files are decoded by processes that are ended when they take too long, when nobody waits, and with the server."""

from __future__ import annotations

import os
import struct
import subprocess
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from llm_interactive.deadline import Deadline
from llm_interactive.errors import DeadlineError, TaskDataError
from llm_interactive.media.decoding import Decoder
from llm_interactive.media.images import normalise
from tests.receipts import as_file

SMALL = as_file(Image.new("L", (30, 20)))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


# A PNG of eight by eight pixels, behind a million and a half chunks that nobody needs: some ten seconds.
SLOW = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    + chunk(b"prVt", b"") * 1_500_000
    + chunk(b"IDAT", zlib.compress(bytes(72)))
    + chunk(b"IEND", b"")
)


class Started(subprocess.Popen[bytes]):
    """Notes what was started."""

    found: list[Started]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.found.append(self)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    monkeypatch.setattr(Started, "found", [], raising=False)
    monkeypatch.setattr(subprocess, "Popen", Started)
    return Started.found


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


def busy_with_a_batch(decoder: Decoder, pool: ThreadPoolExecutor, started: list[Started]) -> None:
    """Have two files decoded that take their time."""
    for _ in range(2):
        pool.submit(decoder.pictures, SLOW)
    while len(started) < 2:
        time.sleep(0.01)


def test_pictures_and_refusals_are_those_of_the_file(decoder: Decoder) -> None:
    assert decoder.pictures(SMALL) == tuple(normalise(SMALL))
    with pytest.raises(TaskDataError, match="an HTML or XML page"):
        decoder.pictures(b"<html>")


def test_a_process_decodes_one_file_after_the_other(decoder: Decoder, started: list[Started]) -> None:
    for data in (SMALL, b"", SMALL):
        try:
            decoder.pictures(data)
        except TaskDataError:
            pass  # it is not the process that is at fault
    assert len(started) == 1


def test_a_process_that_was_killed_meanwhile_is_replaced(decoder: Decoder, started: list[Started]) -> None:
    decoder.pictures(SMALL)
    started[0].kill()
    started[0].wait()
    assert len(decoder.pictures(SMALL)) == 1


def test_a_file_that_takes_too_long_is_given_up_and_its_process_ended(started: list[Started]) -> None:
    decoder = Decoder(longest=0.5)
    with pytest.raises(TaskDataError, match=r"takes more than 0\.5 seconds"):
        decoder.pictures(SLOW)
    assert started[0].poll() is not None
    decoder.close()


def test_a_file_is_decoded_no_longer_than_somebody_waits(decoder: Decoder, started: list[Started]) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="not ready in time"):
        decoder.pictures(SLOW, Deadline.after(0.5))
    assert time.monotonic() - began < 3
    assert started[0].poll() is not None


def test_no_process_is_ended_for_a_file_that_nobody_waits_for_any_more(
    decoder: Decoder, started: list[Started]
) -> None:
    decoder.pictures(SMALL)
    with pytest.raises(DeadlineError):
        decoder.pictures(SMALL, Deadline.after(-1))
    assert len(decoder.pictures(SMALL)) == len(started) == 1


def test_annotators_do_not_wait_for_batches(decoder: Decoder, started: list[Started]) -> None:
    with ThreadPoolExecutor(2) as pool:
        busy_with_a_batch(decoder, pool, started)
        with pytest.raises(DeadlineError):
            decoder.pictures(SMALL, Deadline.after(0.1))
        assert len(decoder.pictures(SMALL, Deadline.after(5), urgent=True)) == 1
        decoder.close()


def test_closing_ends_what_is_being_decoded_and_what_waits_for_it(decoder: Decoder, started: list[Started]) -> None:
    with ThreadPoolExecutor(3) as pool:
        busy_with_a_batch(decoder, pool, started)
        waiting = pool.submit(decoder.pictures, SMALL)
        began = time.monotonic()
        decoder.close()
        with pytest.raises(DeadlineError, match="is stopping"):
            waiting.result()
    assert time.monotonic() - began < 3
    assert all(process.poll() is not None for process in started)


def test_the_process_is_handed_no_key(
    decoder: Decoder, started: list[Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "its-token")
    decoder.pictures(SMALL)
    with open(f"/proc/{started[0].pid}/environ") as file:
        environment = file.read()
    assert os.environ["PATH"] in environment
    assert "its-token" not in environment
