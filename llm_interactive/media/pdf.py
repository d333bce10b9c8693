"""The pages of a PDF as images, drawn by a process of its own.

A PDF is a program: one of two kilobytes can keep the library that draws it busy for ever, and nothing else than the
end of its process ends that. So this file is a script too, which needs nothing of the package.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Generator
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

_DPI = 300
SECONDS = 20
_MEMORY = 1536 * 1024 * 1024
_ENVIRONMENT = ("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH")
"""What finds Python and the library. The rest is not handed on: it holds keys."""
_CANNOT_BE_OPENED, _TOO_MANY_PAGES = 3, 4


def pages(data: bytes, longer_side: int, max_pages: int, seconds: float = SECONDS) -> Generator[Image, None, None]:
    """The pages of the PDF `data`, upright, at most `longer_side` pixels long.

    Raises:
        TaskDataError: it cannot be opened, has more than `max_pages`, or cannot be drawn within `seconds`.
        SetupError: the extra that draws PDFs is not installed.
    """
    from PIL import Image

    from llm_interactive.errors import SetupError, TaskDataError

    if find_spec("pypdfium2") is None:
        raise SetupError("Reading PDFs needs an extra on the ML backend: pip install --no-deps -r requirements-ocr.txt")
    # -P: beside this file are modules that could be taken for others.
    command = [sys.executable, "-P", __file__, str(longer_side), str(max_pages)]
    drawing = subprocess.Popen(  # noqa: S603 - this very file
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    end = threading.Timer(seconds, drawing.kill)
    end.daemon = True
    end.start()
    with drawing:
        try:
            assert drawing.stdin is not None
            assert drawing.stdout is not None
            _send(data, drawing.stdin)
            while header := drawing.stdout.readline(40):
                width, height = (int(side) for side in header.split())
                pixels = drawing.stdout.read(width * height * 3)
                if len(pixels) == width * height * 3:
                    yield Image.frombytes("RGB", (width, height), pixels)
            status = drawing.wait()
        finally:
            end.cancel()
            drawing.kill()
    if status == _CANNOT_BE_OPENED:
        raise TaskDataError("The task's PDF cannot be opened: it is damaged or asks for a password.")
    if status == _TOO_MANY_PAGES:
        raise TaskDataError(f"The task's PDF has more than {max_pages} pages; no more are read.")
    if status != 0:
        raise TaskDataError(
            f"The task's PDF cannot be drawn: it is damaged, or takes more than {seconds:g} seconds or too much memory."
        )


def _send(data: bytes, to: IO[bytes]) -> None:
    try:
        to.write(data)
        to.close()
    except BrokenPipeError:
        pass  # it has ended, and its exit status says why


def _draw(longer_side: int, max_pages: int) -> int:
    """Draw the PDF on stdin: for each page a line with its width and height, and its pixels."""
    import resource

    import pypdfium2  # type: ignore[import-untyped,unused-ignore]

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    pdfium: Any = pypdfium2
    try:
        document = pdfium.PdfDocument(sys.stdin.buffer.read())
    except pdfium.PdfiumError:
        return _CANNOT_BE_OPENED
    if len(document) > max_pages:
        return _TOO_MANY_PAGES
    for page in document:
        scale = min(longer_side / max(page.get_size()), _DPI / 72)
        image = page.render(scale=scale).to_pil().convert("RGB")
        sys.stdout.buffer.write(b"%d %d\n" % image.size + image.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(_draw(*map(int, sys.argv[1:])))
