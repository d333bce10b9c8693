"""How a task's images reach the model: as images where it takes them, else as the text that stands in them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal
from urllib.parse import urlsplit

from openai.types.chat import ChatCompletionContentPartImageParam

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import STOPPING, DeadlineError, TaskDataError
from llm_interactive.media.addresses import is_public_https
from llm_interactive.media.background import Background, Job
from llm_interactive.media.decoding import Decoder
from llm_interactive.media.ocr import Reader
from llm_interactive.media.proxies import Proxy
from llm_interactive.media.source import MediaSource
from llm_interactive.media.task_images import TaskImages
from llm_interactive.media.waiting import LATE
from llm_interactive.settings import Settings

ImagePart = ChatCompletionContentPartImageParam

_PREPARED_AT_ONCE = 8

_NOT_TAKEN = (".pdf", ".tif", ".tiff", ".bmp")
"""Files that no provider takes as images: they are brought to it as pictures of their pages."""


@dataclass(frozen=True)
class ImageContent:
    """A task's images for the model: image `parts`, or the `text` in them."""

    parts: tuple[ImagePart, ...] = ()
    text: str = ""


class ImageInput:
    """Images of tasks in the way that a model takes them. Safe for threads.

    With IMAGE_MODE=auto a model is given images unless its provider said, at the first one, that it takes none.
    """

    def __init__(self, settings: Settings) -> None:
        token = settings.label_studio_api_key.get_secret_value() if settings.label_studio_api_key else None
        self._source = MediaSource(
            settings.label_studio_url,
            token,
            settings.media_hosts,
            max_image_mb=settings.max_image_mb,
            proxy=Proxy.from_environment(),
        )
        self._decoder = Decoder()
        self._images = TaskImages(self._source, Reader(), self._decoder)
        self._detail = settings.image_detail
        self._mode = settings.image_mode
        self._hosted = _is_hosted(settings)
        self._sees: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._background = Background(_PREPARED_AT_ONCE)
        self._closed = False

    def content(
        self,
        addresses: Sequence[str],
        task_id: str,
        model: str,
        deadline: Deadline = NEVER,
        *,
        project: str = "",
        urgent: bool = False,
    ) -> ImageContent:
        """The images at `addresses`, and the pages of PDFs, in order, for `model`; `urgent` if an annotator waits.

        `project` is Label Studio's number of the task's project, whose files they must be; empty if it is not known.

        Raises:
            TaskDataError: an image may not be fetched, cannot be, or holds no text to read.
            DeadlineError: they are not there by `deadline`.
            SetupError: reading text needs the OCR extra, and it is not installed.
        """
        if self._closed:
            raise DeadlineError(STOPPING)
        if deadline.left <= 0:
            raise DeadlineError(LATE)
        for address in addresses:
            self._source.check_owner(address, project, task_id)
        if self.sends_images(model):
            parts = [self._parts(address, task_id, deadline, urgent=urgent) for address in addresses]
            return ImageContent(parts=tuple(chain.from_iterable(parts)))
        texts = [self._images.text(address, task_id, deadline, urgent=urgent) for address in addresses]
        text = "\n\n".join(filter(None, texts))
        if not text.strip():
            raise TaskDataError("No text could be read in the task's image, and the model takes no images.")
        return ImageContent(text=text)

    def sends_images(self, model: str) -> bool:
        """Whether `model` is given images, not their text."""
        return self._mode == "vision" or (self._mode == "auto" and self._sees.get(model, True))

    def knows(self, model: str) -> bool:
        """Whether it is settled how `model` is given images: by the operator, or by what came of the first one."""
        return self._mode != "auto" or model in self._sees

    def learn(self, model: str, *, sees: bool) -> None:
        """Note what came of the first image that was sent to `model`; later ones change nothing."""
        with self._lock:
            self._sees.setdefault(model, sees)

    def in_background(self, jobs: Iterable[Job]) -> None:
        """Run a batch's `jobs` beside others: fetching and reading takes time in which the model can be kept busy."""
        self._background.run(jobs)

    def close(self) -> None:
        """Stop: what is being decoded fails, and so does all that is asked for from now on."""
        self._closed = True
        self._decoder.close()

    def _parts(self, address: str, task_id: str, deadline: Deadline, *, urgent: bool) -> list[ImagePart]:
        # Models on the operator's own network may have no way out; a hosted one fetches a public image by itself.
        handed_on = self._hosted and is_public_https(address) and not self._source.serves(address)
        if handed_on and not urlsplit(address).path.lower().endswith(_NOT_TAKEN):
            return [_part(address, self._detail)]
        pictures = self._images.pictures(address, task_id, deadline, urgent=urgent)
        return [_part(picture.data_uri, self._detail) for picture in pictures]


def _part(url: str, detail: Literal["auto", "low", "high"]) -> ImagePart:
    return {"type": "image_url", "image_url": {"url": url, "detail": detail}}


def _is_hosted(settings: Settings) -> bool:
    if settings.openai_provider == "ollama":
        return False
    address = settings.azure_resource_endpoint if settings.openai_provider == "azure" else settings.openai_base_url
    return address is None or (urlsplit(address).scheme == "https" and is_public_https(address))
