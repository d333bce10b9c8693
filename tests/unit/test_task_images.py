"""A task's images, from the address in its data to pictures and text, each step once."""

from __future__ import annotations

import base64
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import DeadlineError, TaskDataError
from llm_interactive.media import ocr
from llm_interactive.media.decoding import Decoder
from llm_interactive.media.images import Picture
from llm_interactive.media.ocr import Reader
from llm_interactive.media.source import MediaSource
from llm_interactive.media.task_images import TaskImages
from tests.media_server import Answer, MediaServer, Resolver
from tests.receipts import PHARMACY, as_file, receipt, text_of
from tests.unit.test_decoding import SLOW


class CountingReader(Reader):
    """Says how large each picture is, and how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def text(self, picture: Picture, deadline: Deadline = NEVER, *, urgent: bool = False) -> str:
        self.read.append(f"{picture.width} x {picture.height}")
        return self.read[-1] if picture.width > 10 else ""


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as running:
        running.serve("/a.png", as_file(Image.new("L", (30, 20))))
        yield running


@pytest.fixture
def reader() -> CountingReader:
    return CountingReader()


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


@pytest.fixture
def images(server: MediaServer, reader: CountingReader, decoder: Decoder) -> TaskImages:
    return TaskImages(MediaSource(None, None, [server.place], resolve=Resolver({})), reader, decoder)


def test_an_address_gives_its_picture_and_its_text(images: TaskImages, server: MediaServer) -> None:
    (picture,) = images.pictures(f"{server.url}/a.png")
    assert (picture.mime, picture.width, picture.height) == ("image/png", 30, 20)
    assert images.text(f"{server.url}/a.png") == "30 x 20"


def test_many_tasks_with_one_image_fetch_and_read_it_once(
    images: TaskImages, server: MediaServer, reader: CountingReader
) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda task: images.text(f"{server.url}/a.png", str(task)), range(40)))
    assert set(texts) == {"30 x 20"}
    assert len(server.asked) == 1
    assert len(reader.read) == 1


def test_one_image_under_two_addresses_is_read_once(
    images: TaskImages, server: MediaServer, reader: CountingReader
) -> None:
    for signature in ("1", "2"):
        server.serve(f"/a.png?sig={signature}", as_file(Image.new("L", (30, 20))))
        images.text(f"{server.url}/a.png?sig={signature}")
    assert len(server.asked) == 2
    assert len(reader.read) == 1


def test_what_is_kept_is_small_where_the_address_is_the_file_itself(images: TaskImages, reader: CountingReader) -> None:
    empty = base64.b64encode(as_file(Image.new("L", (1000, 1000)), "BMP")).decode()
    tracemalloc.start()
    for number in range(20):
        images.text(f"data:image/bmp;name={number};base64,{empty}")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(reader.read) == 1
    assert kept < len(empty)


def test_pages_are_parted_by_an_empty_line_and_blank_ones_left_out(images: TaskImages, server: MediaServer) -> None:
    pages = [Image.new("L", (width, 20)) for width in (30, 10, 40)]
    server.serve("/pages.tiff", as_file(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert len(images.pictures(f"{server.url}/pages.tiff")) == 3
    assert images.text(f"{server.url}/pages.tiff") == "30 x 20\n\n40 x 20"


def test_what_failed_is_fetched_again(images: TaskImages, server: MediaServer) -> None:
    server.serve("/late.png", Answer(status=404))
    with pytest.raises(TaskDataError, match="404"):
        images.pictures(f"{server.url}/late.png")
    server.serve("/late.png", as_file(Image.new("L", (30, 20))))
    assert images.text(f"{server.url}/late.png") == "30 x 20"


def test_a_slow_host_holds_nobody_else_up(images: TaskImages, server: MediaServer) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def slow(asked: object) -> bytes:
        arrived.set()
        assert go_on.wait(10)
        return as_file(Image.new("L", (50, 20)))

    server.serve("/slow.png", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(images.text, f"{server.url}/slow.png")
        assert arrived.wait(10)
        assert images.text(f"{server.url}/a.png") == "30 x 20"
        go_on.set()
        assert waiting.result() == "50 x 20"


@pytest.mark.skipif(not ocr.installed(), reason="the OCR extra is not installed")
def test_a_receipt_is_read_from_its_address(server: MediaServer, decoder: Decoder) -> None:
    server.serve("/receipt.jpg", as_file(receipt(PHARMACY), "JPEG"))
    images = TaskImages(MediaSource(None, None, [server.place], resolve=Resolver({})), Reader(), decoder)
    assert images.text(f"{server.url}/receipt.jpg").splitlines() == text_of(PHARMACY)


def test_a_host_that_hangs_is_waited_for_until_the_deadline(images: TaskImages, server: MediaServer) -> None:
    server.serve("/slow.png", Answer(server.drip(200)))
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="not ready in time"):
        images.text(f"{server.url}/slow.png", deadline=Deadline.after(0.3))
    assert time.monotonic() - began < 2


def test_an_annotator_does_not_wait_for_a_batch_that_has_to_wait_with_the_same_picture(
    images: TaskImages, server: MediaServer, decoder: Decoder
) -> None:
    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(decoder.pictures, SLOW) for _ in range(2)]
        while len(decoder._busy) < 2:
            time.sleep(0.01)
        waiting = pool.submit(images.pictures, f"{server.url}/a.png")
        while not server.asked:
            time.sleep(0.01)
        assert len(images.pictures(f"{server.url}/a.png", deadline=Deadline.after(5), urgent=True)) == 1
        assert not any(other.done() for other in [*busy, waiting])
        decoder.close()
