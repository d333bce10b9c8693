"""Text in pictures, for models that take text only."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from statistics import fmean, median
from typing import Any

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import SetupError, TaskDataError
from llm_interactive.media.images import Picture
from llm_interactive.media.pdf import HOW_TO_INSTALL
from llm_interactive.media.waiting import Room

log = logging.getLogger(__name__)

MISSING = f"Reading images needs OCR on the ML backend: {HOW_TO_INSTALL}"
"""What is said when the extra is not installed."""

# Longer side, in pixels, at which text is looked for; its letters are then read in full resolution.
# rapidocr's own choice enlarges small pictures instead: twice the time and no line more.
_DETECTION_SIDE = 1280

# No letters fit into less, and the engine fails on it.
_LEAST_SIDE = 8

Point = Sequence[float]


@dataclass(frozen=True)
class Box:
    """One piece of text and its corners: upper left, upper right, lower right, lower left."""

    text: str
    corners: Sequence[Point]


def installed() -> bool:
    """Whether the extra is there; nothing is loaded for the answer."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


class Reader:
    """Reads text with rapidocr, whose models come in its wheel. Safe for threads.

    Two pictures of batches are read at a time and one more for annotators, each with one thread: the quickest way
    through many pictures.
    """

    def __init__(self) -> None:
        self._room = Room(for_batches=2, for_annotators=1)
        self._lock = threading.Lock()
        self._engine: Any = None

    def text(self, picture: Picture, deadline: Deadline = NEVER, *, urgent: bool = False) -> str:
        """The text in reading order, a line of the picture being a line of text; empty where there is none.

        `urgent`: an annotator waits for it.

        Raises:
            SetupError: the extra is not installed.
            TaskDataError: the engine failed on this picture.
            DeadlineError: others are read until `deadline`.
        """
        engine = self._loaded()
        if min(picture.width, picture.height) < _LEAST_SIDE:
            return ""
        from PIL import Image

        with self._room.taken(deadline, urgent=urgent):
            try:
                with Image.open(BytesIO(picture.data)) as image:
                    found = engine(image)
            except Exception as error:  # the engine's own, and those of the four libraries under it
                log.warning("OCR failed: %s", type(error).__name__)
                raise TaskDataError("The text in the task's image could not be read.") from error
        if found.boxes is None or found.txts is None:
            return ""
        corners = [[(float(x), float(y)) for x, y in box] for box in found.boxes]
        return in_reading_order([Box(text, box) for text, box in zip(found.txts, corners, strict=True)])

    def _loaded(self) -> Any:
        with self._lock:
            if self._engine is None:
                self._engine = _engine()
            return self._engine


def in_reading_order(boxes: Sequence[Box]) -> str:
    """The texts of `boxes`, lines from top to bottom, what stands on one line joined by spaces from left to right.

    A picture that is slightly turned is read along its lines.
    """
    slope = _slope(boxes)
    lines: list[list[_Placed]] = []
    for piece in sorted((_placed(box, slope) for box in boxes), key=lambda piece: piece.middle):
        if lines and piece.stands_on(lines[-1]):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return "\n".join(" ".join(piece.text for piece in sorted(line, key=lambda piece: piece.left)) for line in lines)


@dataclass(frozen=True)
class _Placed:
    text: str
    left: float
    middle: float
    height: float

    def stands_on(self, line: Sequence[_Placed]) -> bool:
        """Whether this belongs to `line`: its middle is less than half a letter's height off."""
        height = (self.height + fmean(other.height for other in line)) / 2
        return abs(self.middle - fmean(other.middle for other in line)) < height / 2


def _placed(box: Box, slope: float) -> _Placed:
    upper_left, _, lower_right, lower_left = box.corners
    left = min(x for x, _ in box.corners)
    center = (upper_left[0] + lower_right[0]) / 2
    middle = (upper_left[1] + lower_right[1]) / 2 - slope * center
    return _Placed(box.text.strip(), left, middle, abs(lower_left[1] - upper_left[1]))


def _slope(boxes: Sequence[Box]) -> float:
    """How many pixels the lines fall for each pixel to the right, by the upper edges of the wider boxes."""
    edges = [(box.corners[1][0] - box.corners[0][0], box.corners[1][1] - box.corners[0][1]) for box in boxes]
    widest = max((width for width, _ in edges), default=0)
    slopes = [fall / width for width, fall in edges if width > 0 and width >= widest / 2]
    # Small boxes are a pixel off, which over a whole line is another line.
    return median(slopes) if slopes and abs(median(slopes)) > 0.01 else 0.0


def _engine() -> Any:
    try:
        rapidocr: Any = importlib.import_module("rapidocr")
        importlib.import_module("onnxruntime")
        cv2: Any = importlib.import_module("cv2")
    except ImportError as error:
        log.warning("OCR is not there: %s", error)
        raise SetupError(MISSING) from None
    cv2.setNumThreads(1)
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_preprocess_img": False,  # pictures are small enough already
            "Global.use_cls": False,  # it looks for lines upside down, and EXIF has said which side is up
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECTION_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
