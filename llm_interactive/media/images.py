"""Image files → pictures that every model takes: PNG or JPEG, upright, small enough, without metadata."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from llm_interactive.errors import BackendError, TaskDataError
from llm_interactive.media import pdf

if TYPE_CHECKING:
    from PIL.Image import Image

LONGER_SIDE = 2048
"""Pixels; what is larger is shrunk, as providers would do it themselves."""

MAX_PAGES = 20
"""Pages of one PDF or TIFF."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
_READ = "PNG, JPEG, WebP, GIF, TIFF, BMP and PDF can be read"

_MEGAPIXELS = 89
"""More are not decoded: four bytes for each are needed, and Pillow's own limit is little above."""

_WEBP_MEGAPIXELS = 40
"""The library behind WebP needs several times as much."""

_SCANS, _SCAN_PIXELS = 100, 2 * 10**9
"""Scans of a JPEG, and the pixels that all of them go through: one of a dozen bytes goes through all there are."""

_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
"""A JPEG's marker with a length, or its end; zero, one and restarts stand for themselves."""

_STRIP = 4 * 10**6
"""Pixels of a large image that are converted and shrunk at a time."""

_JPEG = {"format": "JPEG", "quality": 90, "subsampling": 0}


@dataclass(frozen=True)
class Picture:
    """One encoded image; `mime` is image/png or image/jpeg, sides are in pixels."""

    data: bytes
    mime: str
    width: int
    height: int

    @property
    def data_uri(self) -> str:
        """The picture as the URL of an image part."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"


def normalise(data: bytes) -> list[Picture]:
    """The pictures in an image file: one, or one for each page of a TIFF or PDF; of an animation the first frame.

    What the file is follows from its bytes.

    Raises:
        TaskDataError: the file is something else, damaged, or too large when decoded; says what was found.
        SetupError: it is a PDF, and the extra that reads these is not installed.
    """
    pages = pdf.pages(data, LONGER_SIDE, MAX_PAGES) if _is_pdf(data) else _frames(data)
    try:
        return [_encoded(_shrunk(page)) for page in pages]
    except BackendError:
        raise
    except Exception:  # a broken file leads its decoder to anything
        raise TaskDataError(f"The task's file is damaged: it begins like {_found(data)}.") from None


def _frames(data: bytes) -> Iterator[Image]:
    """The upright frames of an image file."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(data), formats=_FORMATS)
        most = _WEBP_MEGAPIXELS if image.format == "WEBP" else _MEGAPIXELS
        for number in range(_count_pages(image) if image.format == "TIFF" else 1):
            image.seek(number)
            if image.width * image.height > most * 10**6:
                raise _too_large(most)
            if image.format in ("JPEG", "MPO"):
                _check_scans(data, image.width * image.height)
            # JPEG's own way of being decoded smaller; other formats do nothing here.
            image.draft(None, (LONGER_SIDE, LONGER_SIDE))
            ImageOps.exif_transpose(image, in_place=True)
            yield image
    except UnidentifiedImageError:
        raise TaskDataError(f"The task's file is {_found(data)}; {_READ}.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(_MEGAPIXELS) from None


def _too_large(megapixels: int) -> TaskDataError:
    return TaskDataError(f"The task's image has more than {megapixels} megapixels.")


def _check_scans(data: bytes, pixels: int) -> None:
    most = min(_SCANS, _SCAN_PIXELS // pixels)
    if next(islice(_scans(data), most, None), None):
        raise TaskDataError(f"The task's JPEG has more than {most} scans, which take too long to decode.")


def _scans(data: bytes) -> Iterator[re.Match[bytes]]:
    """Where the scans of a JPEG begin. What stands in other segments, or behind its end, is none."""
    found = _MARKER.search(data, 2)
    while found and found[1] != b"\xd9":
        if found[1] == b"\xda":
            yield found
        length = int.from_bytes(data[found.end() : found.end() + 2])
        found = _MARKER.search(data, found.end() + length)


def _count_pages(image: Image) -> int:
    # Its own count goes through all of them, of which there may be a million.
    for number in range(MAX_PAGES + 1):
        try:
            image.seek(number)
        except EOFError:
            return number
    raise TaskDataError(f"The task's TIFF has more than {MAX_PAGES} pages; no more are read.")


def _is_pdf(data: bytes) -> bool:
    # Something may stand before it; but an image's own text may hold those letters too.
    return b"%PDF-" in data[:1024] and not _found(data).endswith("image")


def _shrunk(image: Image) -> Image:
    """A new image in one of the modes L, RGB and RGBA, and no larger than that."""
    from PIL.Image import Resampling

    image = _reduced(image, _conversion(image), max(image.size) // LONGER_SIDE)
    if image.mode == "RGBA" and image.getextrema()[-1] == (255, 255):
        image = image.convert("RGB")
    image.thumbnail((LONGER_SIDE, LONGER_SIDE), Resampling.LANCZOS)
    return image


def _conversion(image: Image) -> Callable[[Image], Image]:
    """What brings `image`, or a part of it, into one of the modes L, RGB and RGBA."""
    if image.has_transparency_data:
        return lambda part: part.convert("RGBA")
    if image.mode.startswith(("I", "F")):
        low, high = image.getextrema()
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        return partial(_eight_bits, low=low, high=high)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    return lambda part: part.convert(mode)


def _reduced(image: Image, convert: Callable[[Image], Image], factor: int) -> Image:
    """`image` converted, its sides divided by `factor`.

    Strip by strip, as a file of some kilobytes may be one of hundreds of megabytes, of which every step takes a copy.
    """
    from PIL import Image

    if factor < 2:
        return convert(image)
    rows = factor * max(1, _STRIP // (image.width * factor))
    reduced: Image.Image | None = None
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        part = convert(strip).reduce(factor)
        if reduced is None:
            reduced = Image.new(part.mode, (part.width, -(-image.height // factor)))
        reduced.paste(part, (0, top // factor))
    assert reduced is not None
    return reduced


def _eight_bits(image: Image, *, low: float, high: float) -> Image:
    """A picture of 16 or 32 bits a pixel, `low` becoming black and `high` white."""
    factor = 255 / (high - low) if high > low else 0
    return image.convert("F").point(lambda value: value * factor + (-low * factor)).convert("L")


def _encoded(image: Image) -> Picture:
    """`image` as PNG where it has transparency, or few colours and is smaller so; else as JPEG."""
    image.info.clear()  # else colour profile and comment are written again
    ways: list[dict[str, Any]] = [_JPEG]
    if image.mode == "RGBA":
        ways = [{"format": "PNG"}]
    elif image.getcolors(256):
        ways = [{"format": "PNG"}, _JPEG]
    written: list[tuple[bytes, str]] = []
    for way in ways:
        file = BytesIO()
        image.save(file, **way)
        written.append((file.getvalue(), f"image/{way['format'].lower()}"))
    data, mime = min(written, key=lambda pair: len(pair[0]))
    return Picture(data, mime, image.width, image.height)


_KINDS = {
    rb"%PDF": "a PDF",
    rb"\x89PNG": "a PNG image",
    rb"\xff\xd8\xff": "a JPEG image",
    rb"GIF8": "a GIF image",
    rb"II\*\0|MM\0\*": "a TIFF image",
    rb"BM": "a BMP image",
    rb"RIFF.{4}WEBP": "a WebP image",
    rb"RIFF.{4}WAVE|ID3": "an audio file",
    rb"RIFF|OggS": "an audio or video file",
    rb".{4}ftyp(hei[cx]|mif1)": "a HEIC image",
    rb".{4}ftypavif": "an AVIF image",
    rb".{4}ftyp|\x1aE\xdf\xa3": "a video",
    rb"\0\0\0\x0cjP": "a JPEG 2000 image",
    rb"PK\x03\x04": "a ZIP or office file",
    rb"\x1f\x8b": "a gzip file",
    rb"[{[]": "JSON",
    rb"<(.*<)?(?i:svg)": "an SVG image",
    rb"<": "an HTML or XML page",
    rb"\Z": "empty",
}


def _found(data: bytes) -> str:
    """What a file seems to be, by how it begins."""
    start = data[:1024].lstrip()
    found = (kind for beginning, kind in _KINDS.items() if re.match(beginning, start, re.DOTALL))
    return next(found, "of an unknown kind")
