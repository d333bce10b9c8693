"""Reading: every line of drawn receipts, in the order in which a person reads them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageDraw, ImageFont

from llm_interactive.errors import SetupError, TaskDataError
from llm_interactive.media import ocr
from llm_interactive.media.images import Picture, normalise
from llm_interactive.media.ocr import Box, Reader, in_reading_order
from tests.fresh_interpreter import loaded
from tests.receipts import GROCERY, PHARMACY, as_file, receipt, text_of

needs_ocr = pytest.mark.skipif(not ocr.installed(), reason="the OCR extra is not installed")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def picture(image: Image.Image, kind: str = "PNG") -> Picture:
    return normalise(as_file(image, kind))[0]


def joined(lines: Sequence[str]) -> str:
    """Without blanks, which OCR finds or not between letters that stand apart."""
    return "\n".join(line.replace(" ", "") for line in lines)


# ------------------------------------------------------------------ reading


@needs_ocr
@pytest.mark.parametrize("lines", [GROCERY, PHARMACY], ids=["grocery", "pharmacy"])
@pytest.mark.parametrize(("size", "width"), [(14, 320), (24, 520), (60, 1400)])
def test_every_line_of_a_receipt_is_read_in_order(reader: Reader, lines: Sequence[str], size: int, width: int) -> None:
    text = reader.text(picture(receipt(lines, size, width)))
    assert joined(text.splitlines()) == joined(text_of(lines))


@needs_ocr
def test_words_stay_apart(reader: Reader) -> None:
    assert "Coffee beans 500 g 6.92" in reader.text(picture(receipt())).splitlines()


@needs_ocr
@pytest.mark.parametrize("angle", [-4, 3])
def test_a_receipt_that_lies_slightly_turned_is_read_along_its_lines(reader: Reader, angle: float) -> None:
    turned = receipt().rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    assert joined(reader.text(picture(turned, "JPEG")).splitlines()) == joined(text_of())


@needs_ocr
def test_white_letters_on_nothing_are_read(reader: Reader) -> None:
    image = Image.new("RGBA", (400, 120))
    ImageDraw.Draw(image).text((30, 40), "Summer sale 2024", font=ImageFont.load_default(32), fill=(255, 255, 255))
    assert reader.text(picture(image)) == "Summer sale 2024"


@needs_ocr
@pytest.mark.parametrize("size", [(300, 200), (1, 1), (2048, 4), (8, 8), (2048, 8), (8, 2048), (33, 31)])
def test_a_picture_without_text_has_none(reader: Reader, size: tuple[int, int]) -> None:
    assert reader.text(picture(Image.new("RGB", size, "white"))) == ""


@needs_ocr
def test_threads_share_a_reader_and_each_gets_its_own_text(reader: Reader) -> None:
    slips = [PHARMACY[:3], PHARMACY[3:]] * 3
    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(reader.text, [picture(receipt(lines, 18, 360)) for lines in slips]))
    assert [joined(text.splitlines()) for text in texts] == [joined(text_of(lines)) for lines in slips]


def test_no_more_pictures_are_read_at_a_time_than_there_are_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work: set[int] = set()
    seen: list[int] = []
    pair = threading.Barrier(2, timeout=10)

    class Engine:
        boxes = txts = None

        def __call__(self, image: Image.Image) -> Engine:
            at_work.add(threading.get_ident())
            pair.wait()
            seen.append(len(at_work))
            pair.wait()
            at_work.discard(threading.get_ident())
            return self

    monkeypatch.setattr(ocr, "_engine", Engine)
    reader, blank = Reader(), picture(Image.new("L", (20, 20)))
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(reader.text, [blank] * 6)) == [""] * 6
    assert set(seen) <= {1, 2}


@needs_ocr
def test_a_picture_that_cannot_be_decoded_is_the_tasks_own_error(reader: Reader) -> None:
    with pytest.raises(TaskDataError, match="could not be read"):
        reader.text(Picture(b"broken", "image/png", 99, 99))


@needs_ocr
def test_nothing_is_printed_and_nothing_downloaded() -> None:
    script = """
import socket
def refuse(*args, **kwargs): raise OSError("no network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
from llm_interactive.media.ocr import Reader
from llm_interactive.media.images import normalise
from tests.receipts import as_file, receipt
import PIL.Image
texts = [Reader().text(normalise(as_file(image))[0]) for image in (receipt(), PIL.Image.new("L", (99, 99)))]
assert "Bananas" in texts[0] and not texts[1]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_heavy_is_loaded_until_it_is_needed() -> None:
    code = """
import llm_interactive.media.task_images, llm_interactive.media.ocr
llm_interactive.media.ocr.Reader(); llm_interactive.media.ocr.installed()
"""
    assert loaded(code, {"PIL", "numpy", "cv2", "rapidocr", "onnxruntime", "pypdfium2"}) == set()


@pytest.mark.parametrize("missing", ["rapidocr", "onnxruntime"])
def test_without_the_extra_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SetupError) as caught:
        Reader().text(picture(Image.new("L", (8, 8))))
    assert caught.value.message.startswith("Reading images needs OCR")
    assert "pip install --no-deps -r requirements-ocr.txt" in caught.value.message
    assert "pip install 'llm-interactive[ocr]'" in caught.value.message


# ------------------------------------------------------------------ reading order


def box(text: str, left: float, top: float, height: float = 20, width: float = 100, slope: float = 0) -> Box:
    fall = slope * width
    right, bottom = left + width, top + height
    return Box(text, [(left, top), (right, top + fall), (right, bottom + fall), (left, bottom)])


@pytest.mark.parametrize(
    ("boxes", "text"),
    [
        ([], ""),
        ([box("a", 0, 0)], "a"),
        ([box("b", 0, 30), box("a", 0, 0)], "a\nb"),
        ([box("right", 200, 0), box("left", 0, 0)], "left right"),
        ([box("right", 200, -6), box("left", 0, 0), box("below", 0, 24)], "left right\nbelow"),
        ([box("1", 0, 0), box("2", 0, 14), box("3", 0, 28), box("4", 0, 42)], "1\n2\n3\n4"),
        ([box("small", 0, 8, 16), box("LARGE", 200, 0, 30), box("next", 0, 40)], "small LARGE\nnext"),
        ([box("  blank  ", 0, 0), box("x", 200, 0)], "blank x"),
        ([box("d", 0, 0, 0, 0), box("a", 0, 40)], "d\na"),
    ],
)
def test_lines_go_from_top_to_bottom_and_each_from_left_to_right(boxes: Sequence[Box], text: str) -> None:
    assert in_reading_order(boxes) == text


@pytest.mark.parametrize("slope", [-0.08, -0.03, 0.03, 0.08])
def test_lines_that_climb_or_fall_stay_lines(slope: float) -> None:
    boxes = [
        box(f"{row}{column}", left, 30 * row + left * slope, slope=slope)
        for row in range(1, 5)
        for column, left in (("a", 0), ("b", 200), ("c", 500))
    ]
    assert in_reading_order(boxes[::-1]) == "\n".join(f"{row}a {row}b {row}c" for row in range(1, 5))
