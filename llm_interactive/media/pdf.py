"""The pages of a PDF as images."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llm_interactive.errors import SetupError, TaskDataError

if TYPE_CHECKING:
    from PIL.Image import Image

HOW_TO_INSTALL = (
    "pip install 'llm-interactive[ocr]', or in the source tree pip install --no-deps -r requirements-ocr.txt"
)
"""How the extra comes into an installed package, and into a clone with its locks."""

_DPI = 300


def pages(data: bytes, longer_side: int, max_pages: int) -> Iterator[Image]:
    """The pages of the PDF `data`, upright, at most `longer_side` pixels long.

    Raises:
        TaskDataError: it cannot be opened, or has more than `max_pages`.
        SetupError: the extra that draws PDFs is not installed.
    """
    if find_spec("pypdfium2") is None:
        raise SetupError(f"Reading PDFs needs an extra on the ML backend: {HOW_TO_INSTALL}")
    import pypdfium2  # type: ignore[import-untyped,unused-ignore]

    pdfium: Any = pypdfium2
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError:
        raise TaskDataError("The task's PDF cannot be opened: it is damaged or asks for a password.") from None
    if len(document) > max_pages:
        raise TaskDataError(f"The task's PDF has more than {max_pages} pages; no more are read.")
    for page in document:
        scale = min(longer_side / max(page.get_size()), _DPI / 72)
        yield page.render(scale=scale).to_pil().convert("RGB")
