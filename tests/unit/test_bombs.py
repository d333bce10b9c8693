"""Small files that are large ones, and files that are two things at once."""

from __future__ import annotations

import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image, PngImagePlugin

from llm_interactive.errors import TaskDataError
from llm_interactive.media.images import normalise
from tests.receipts import as_file


def many_pages(count: int) -> bytes:
    """A TIFF of `count` pages of one pixel, some dozen bytes each."""
    tags = [(256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 0), (279, 4, 1)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    size = 2 + len(entries) + 4
    pages = (
        struct.pack("<H", len(tags)) + entries + struct.pack("<I", 8 + size * number) for number in range(1, count)
    )
    return b"II*\x00" + struct.pack("<I", 8) + b"".join(pages) + struct.pack("<H", 7) + entries + bytes(4)


@pytest.mark.parametrize("count", [21, 200_000])
def test_the_pages_of_a_tiff_are_not_even_counted_beyond_what_is_read(count: int) -> None:
    with pytest.raises(TaskDataError, match="more than 20 pages"):
        normalise(many_pages(count))


def test_twenty_pages_are_read() -> None:
    assert len(normalise(many_pages(20))) == 20


# Just below the limit. Of the memory 4 bytes a pixel are the image itself.
PEAK = """
import sys
from llm_interactive.media.images import normalise
def peak():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
normalise(sys.stdin.buffer.read(1_000_000))
before = peak()
normalise(open(sys.argv[1], "rb").read())
print(peak() - before)
"""


@pytest.mark.parametrize(
    ("mode", "kind", "side", "most"),
    [("RGBA", "PNG", 9400, 480), ("P", "PNG", 9400, 240), ("I;16", "PNG", 9400, 300), ("RGB", "BMP", 5000, 250)],
)
def test_an_image_is_not_copied_as_a_whole(mode: str, kind: str, side: int, most: int, tmp_path: Path) -> None:
    file = tmp_path / "large"
    Image.new(mode, (side, side)).save(file, kind)
    small = as_file(Image.new("RGB", (5, 5)))
    done = subprocess.run([sys.executable, "-c", PEAK, file], input=small, capture_output=True, check=True)
    assert int(done.stdout) < most


def test_webp_takes_more_memory_and_may_be_less_large() -> None:
    with pytest.raises(TaskDataError, match="more than 40 megapixels"):
        normalise(as_file(Image.new("L", (6400, 6400)), "WEBP", quality=0, method=0))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_a_large_image_shows_the_same_as_a_small_one(mode: str) -> None:
    # A white image with a black corner, upper left; wide enough to be shrunk in strips.
    image = Image.new("L", (9000, 900), 255)
    image.paste(0, (0, 0, 4500, 450))
    image = image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.new("L", image.size, 200))
    [picture] = normalise(as_file(image, "TIFF" if mode in ("CMYK", "F") else "PNG"))
    with Image.open(BytesIO(picture.data)) as result:
        grey = result.convert("L")
    assert grey.size in ((2048, 204), (2048, 205))
    assert [grey.getpixel(place) for place in ((1000, 95), (1050, 95), (1000, 110), (0, 204 - 1))] == [0, 255, 255, 255]


def test_what_stands_behind_an_image_does_not_get_through() -> None:
    archive = BytesIO()
    with ZipFile(archive, "w") as files:
        files.writestr("SECRET.txt", "SECRET")
    [picture] = normalise(as_file(Image.new("RGB", (5, 5))) + archive.getvalue())
    assert b"SECRET" not in picture.data


def test_an_image_that_says_it_is_a_pdf_is_an_image() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "%PDF-1.4 scanned", zip=False)
    data = as_file(Image.new("RGB", (5, 7)), pnginfo=text)
    assert b"%PDF-" in data[:1024]
    assert [(picture.width, picture.height) for picture in normalise(data)] == [(5, 7)]


def test_a_page_that_shows_an_image_only_to_those_who_look_for_one_is_a_page() -> None:
    with pytest.raises(TaskDataError, match="an HTML or XML page"):
        normalise(b"<html><!--" + as_file(Image.new("RGB", (5, 5))))


def progressive(side: int, scans: int) -> bytes:
    """A JPEG of `scans` scans, all but the first six of them some bytes that say nothing new."""
    data = as_file(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (scans - 6) + data[-2:]


@pytest.mark.parametrize(("side", "most"), [(8, 100), (9000, 24)])
def test_a_jpeg_of_so_many_scans_that_they_last_is_not_decoded(side: int, most: int) -> None:
    with pytest.raises(TaskDataError, match=f"more than {most} scans"):
        normalise(progressive(side, most + 1))
    assert len(normalise(progressive(side, most))) == 1


def test_the_scans_of_a_jpeg_are_those_of_its_picture_alone() -> None:
    marker = b"\xff\xda\xff\xd9" * 200
    data = as_file(Image.new("L", (8, 8)), "JPEG", comment=marker) + marker
    assert len(normalise(data)) == 1
