"""The images of tasks: each fetched, decoded and read once, however many tasks and threads ask for it."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from functools import partial

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.media.cache import Cache
from llm_interactive.media.decoding import Decoder
from llm_interactive.media.images import Picture
from llm_interactive.media.ocr import Reader
from llm_interactive.media.source import MediaSource

_MB = 1024 * 1024
_SECONDS = 600.0


class TaskImages:
    """Pictures and their text, by the address that stands in a task. Safe for threads.

    What was fetched and read is kept for ten minutes within 64 MB. With `urgent` an annotator waits, and goes first.
    """

    def __init__(self, source: MediaSource, reader: Reader, decoder: Decoder) -> None:
        self._source = source
        self._reader = reader
        self._decoder = decoder
        self._pictures: Cache[Hashable, tuple[Picture, ...]] = Cache(
            60 * _MB, _SECONDS, lambda pictures: sum(len(picture.data) for picture in pictures)
        )
        # By what is in the picture: signed addresses of one file differ each time.
        self._texts: Cache[bytes, str] = Cache(4 * _MB, _SECONDS, lambda text: 4 * len(text) + 200)

    def pictures(
        self, address: str, task_id: str | None = None, deadline: Deadline = NEVER, *, urgent: bool = False
    ) -> tuple[Picture, ...]:
        """The pictures in a task's file: one, or one for each page.

        Raises:
            TaskDataError: as `MediaSource.fetch` and `Decoder.pictures`.
            DeadlineError: they are not there by `deadline`.
            SetupError: a PDF without the extra.
        """

        def made() -> tuple[Picture, ...]:
            data = self._source.fetch(address, task_id, deadline)
            return self._decoder.pictures(data, deadline, urgent=urgent)

        return self._pictures.get(self._source.cache_key(address, task_id), made, deadline, urgent=urgent)

    def text(
        self, address: str, task_id: str | None = None, deadline: Deadline = NEVER, *, urgent: bool = False
    ) -> str:
        """The text in a task's file, pages parted by an empty line; empty where there is none.

        Raises:
            TaskDataError: as `pictures`, or it could not be read.
            DeadlineError: as `pictures`.
            SetupError: the OCR extra is not installed.
        """

        def read(picture: Picture) -> str:
            key = hashlib.sha256(picture.data).digest()
            made = partial(self._reader.text, picture, deadline, urgent=urgent)
            return self._texts.get(key, made, deadline, urgent=urgent)

        return "\n\n".join(filter(None, map(read, self.pictures(address, task_id, deadline, urgent=urgent))))
