"""Image files → pictures that every model takes: PNG or JPEG, upright, small enough, without metadata."""

from __future__ import annotations

import base64
import importlib
import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from llm_interactive.errors import BackendError, SetupError, TaskDataError

if TYPE_CHECKING:
    from PIL.Image import Image

LONGER_SIDE = 2048
"""Pixels; what is larger is shrunk, as providers would do it themselves."""

MAX_PAGES = 20
"""Pages of one PDF or TIFF."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
_READ = "PNG, JPEG, WebP, GIF, TIFF, BMP and PDF can be read"
_PDF_DPI = 300
_JPEG = {"format": "JPEG", "quality": 90, "subsampling": 0}

# The library behind PDFs is not safe for threads.
_pdfium = threading.Lock()


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


def normalise(data: bytes, *, longer_side: int = LONGER_SIDE, max_pages: int = MAX_PAGES) -> list[Picture]:
    """The pictures in an image file: one, or one for each page of a TIFF or PDF; of an animation the first frame.

    What the file is follows from its bytes.

    Raises:
        TaskDataError: the file is something else, damaged, or too large when decoded; says what was found.
        SetupError: it is a PDF, and the extra that reads these is not installed.
    """
    pages = (
        _pdf_pages(data, longer_side, max_pages) if b"%PDF-" in data[:1024] else _frames(data, longer_side, max_pages)
    )
    try:
        with closing(pages):
            return [_encoded(_shrunk(page, longer_side)) for page in pages]
    except BackendError:
        raise
    except Exception:  # a broken file leads its decoder to anything
        raise TaskDataError(f"The task's file is damaged: it begins like {_found(data)}.") from None


def _frames(data: bytes, longer_side: int, max_pages: int) -> Generator[Image, None, None]:
    """The upright frames of an image file."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    too_large = TaskDataError(f"The task's image has more than {(Image.MAX_IMAGE_PIXELS or 0) // 10**6} megapixels.")
    try:
        image = Image.open(BytesIO(data), formats=_FORMATS)
        count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        if count > max_pages:
            raise TaskDataError(f"The task's TIFF has {count} pages; at most {max_pages} are read.")
        for number in range(count):
            image.seek(number)
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
                raise too_large
            # JPEG's own way of being decoded smaller; other formats do nothing here.
            image.draft(None, (longer_side, longer_side))
            yield ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise TaskDataError(f"The task's file is {_found(data)}; {_READ}.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large from None


def _pdf_pages(data: bytes, longer_side: int, max_pages: int) -> Generator[Image, None, None]:
    try:
        pdfium: Any = importlib.import_module("pypdfium2")
    except ImportError:
        raise SetupError(
            "Reading PDFs needs an extra on the ML backend: pip install --no-deps -r requirements-ocr.txt"
        ) from None
    with _pdfium:
        try:
            document = pdfium.PdfDocument(data)
        except pdfium.PdfiumError:
            raise TaskDataError("The task's PDF cannot be opened: it is damaged or asks for a password.") from None
        with closing(document):
            if len(document) > max_pages:
                raise TaskDataError(f"The task's PDF has {len(document)} pages; at most {max_pages} are read.")
            for number in range(len(document)):
                page = document[number]
                scale = min(longer_side / max(page.get_size()), _PDF_DPI / 72)
                yield page.render(scale=scale).to_pil()


def _shrunk(image: Image, longer_side: int) -> Image:
    """`image` in one of the modes L, RGB and RGBA, and no larger than that."""
    from PIL.Image import Resampling

    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getextrema()[-1] == (255, 255):
            image = image.convert("RGB")
    elif image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    else:
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    image.thumbnail((longer_side, longer_side), Resampling.LANCZOS)
    return image


def _eight_bits(image: Image) -> Image:
    """A picture of 16 or 32 bits a pixel, its darkest pixel black and its lightest white."""
    image = image.convert("F")
    low, high = image.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    factor = 255 / (high - low) if high > low else 0
    return image.point(lambda value: value * factor + (-low * factor)).convert("L")


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


_BEGINNINGS = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"PK\x03\x04", "a ZIP or office file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 image"),
    (b"ID3", "an audio file"),
    (b"OggS", "an audio or video file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"{", "JSON"),
    (b"[", "JSON"),
)
_CONTAINERS = {
    b"ftypheic": "a HEIC image",
    b"ftypheix": "a HEIC image",
    b"ftypmif1": "a HEIC image",
    b"ftypavif": "an AVIF image",
    b"WEBP": "a WebP image",
    b"WAVE": "an audio file",
    b"ftyp": "a video",
    b"RIFF": "an audio or video file",
}


def _found(data: bytes) -> str:
    """What a file seems to be, by how it begins."""
    start = data[:1024].lstrip()
    if not start:
        return "empty"
    if start.startswith(b"<"):
        return "an SVG image" if b"<svg" in start.lower() else "an HTML or XML page"
    for container, name in _CONTAINERS.items():
        if container in data[:16]:
            return name
    return next((name for beginning, name in _BEGINNINGS if start.startswith(beginning)), "of an unknown kind")
