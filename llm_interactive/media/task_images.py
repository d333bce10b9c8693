"""The images of tasks: each fetched, decoded and read once, however many tasks and threads ask for it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Hashable

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.media.cache import Cache
from llm_interactive.media.images import Picture, normalise
from llm_interactive.media.ocr import Reader
from llm_interactive.media.source import MediaSource
from llm_interactive.media.waiting import held

_MB = 1024 * 1024


class TaskImages:
    """Pictures and their text, by the address that stands in a task. Safe for threads.

    What was fetched and read is kept for `seconds` within `cache_mb`. At most `decoded_at_once` files are decoded at
    a time: a file of some kilobytes may take hundreds of megabytes for a moment.
    """

    def __init__(
        self,
        source: MediaSource,
        reader: Reader,
        *,
        cache_mb: int = 64,
        seconds: float = 600,
        decoded_at_once: int = 2,
    ) -> None:
        self._source = source
        self._reader = reader
        self._decoding = threading.BoundedSemaphore(decoded_at_once)
        self._pictures: Cache[Hashable, tuple[Picture, ...]] = Cache(
            cache_mb * _MB, seconds, lambda pictures: sum(len(picture.data) for picture in pictures)
        )
        # By what is in the picture: signed addresses of one file differ each time.
        self._texts: Cache[bytes, str] = Cache(4 * _MB, seconds, lambda text: 4 * len(text) + 200)

    def pictures(self, address: str, task_id: str | None = None, deadline: Deadline = NEVER) -> tuple[Picture, ...]:
        """The pictures in a task's file: one, or one for each page.

        Raises:
            TaskDataError: as `MediaSource.fetch` and `images.normalise`.
            DeadlineError: they are not there by `deadline`.
            SetupError: a PDF without the extra.
        """

        def made() -> tuple[Picture, ...]:
            data = self._source.fetch(address, task_id, deadline)
            with held(self._decoding, deadline):
                return tuple(normalise(data, deadline=deadline))

        return self._pictures.get(self._source.cache_key(address, task_id), made, deadline)

    def text(self, address: str, task_id: str | None = None, deadline: Deadline = NEVER) -> str:
        """The text in a task's file, pages parted by an empty line; empty where there is none.

        Raises:
            TaskDataError: as `pictures`, or it could not be read.
            DeadlineError: as `pictures`.
            SetupError: the OCR extra is not installed.
        """

        def read(picture: Picture) -> str:
            key = hashlib.sha256(picture.data).digest()
            return self._texts.get(key, lambda: self._reader.text(picture, deadline), deadline)

        return "\n\n".join(filter(None, map(read, self.pictures(address, task_id, deadline))))
