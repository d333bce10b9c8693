"""The Batch API of OpenAI and Azure: files of requests that are answered within a day, at half the price.

The shapes: https://platform.openai.com/docs/api-reference/batch, and for Azure's own
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

import httpx2
import openai
from openai.types import Batch

from llm_interactive.deadline import Deadline
from llm_interactive.errors import LLMError, RejectedError, TransientLLMError
from llm_interactive.llm.client import ChatClient, ChatRequest, Reply
from llm_interactive.llm.http import ending_at, timed_client
from llm_interactive.llm.provider_errors import short, translate
from llm_interactive.llm.sdk import speaks_azure
from llm_interactive.settings import Settings

log = logging.getLogger(__name__)

MOST_LINES, MOST_BYTES = 50_000, 200_000_000
"""What one file may hold at OpenAI; Azure takes more lines."""

_CALL_SECONDS, _FILE_SECONDS = 60.0, 1800.0
_MOST_OUTPUT = 4_000_000_000
_ENDED = ("completed", "failed", "expired", "cancelled", "canceled")  # the last in Azure's examples
_NOT_ASKED = {
    "batch_expired": "The batch expired before this was asked. Label again for the rest.",
    "batch_cancelled": "The batch was cancelled before this was asked. Label again for the rest.",
}


@dataclass(frozen=True)
class Progress:
    """How far the provider is with a batch: how many requests are `done`, answered or failed.

    `output` names the files that hold what has ended, and `error` says why requests have no line in them.
    """

    id: str
    ended: bool
    done: int = 0
    output: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Answer:
    """What a batch's file says under a key: the `response` with its status, or the `error` in its place."""

    key: str
    response: Any
    error: Any


class BatchAPI:
    """The provider's Batch API; a context that closes its connections.

    Raises, in every method:
        LLMError: the provider has none, or failed, in one of the kinds of `errors`.
    """

    def __init__(self, client: ChatClient, settings: Settings) -> None:
        self._client = client
        # Its answers are files of any size.
        self._http = timed_client(2, _MOST_OUTPUT)
        self._sdk = client.sdk.with_options(http_client=self._http)
        self._is_azure = settings.openai_provider == "azure"
        # Azure names the endpoint in its own way everywhere, and those of the lines by the API that is spoken.
        openais = "/v1/chat/completions"
        self._endpoint: Any = openais.removeprefix("/v1") if self._is_azure else openais
        self._path = openais.removeprefix("/v1") if speaks_azure(settings) else openais

    def __enter__(self) -> BatchAPI:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def name(self) -> str:
        """How messages name the provider."""
        return self._client.provider.name

    def line(self, key: str, request: ChatRequest) -> bytes:
        """The line of a file that asks for `request`, and is answered under `key`."""
        line = {"custom_id": key, "method": "POST", "url": self._path, "body": self._client.body(request)}
        return json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

    def upload(self, lines: IO[bytes], name: str) -> str:
        """Send a file of lines, called `name`; gives its id."""
        with self._translated(_FILE_SECONDS):
            file = str(self._sdk.files.create(file=(name, lines), purpose="batch").id)
            if self._is_azure:
                # Which takes a moment before a batch may name it.
                self._sdk.files.wait_for_processing(file, max_wait_seconds=_FILE_SECONDS)
            return file

    def create(self, file: str) -> Progress:
        """Let the provider work at an uploaded file. Where this fails for a moment, it may have begun: see `find`."""
        with self._translated():
            batch = self._sdk.batches.create(input_file_id=file, endpoint=self._endpoint, completion_window="24h")
            return self._read(batch)

    def find(self, file: str) -> Progress | None:
        """The batch that works at an uploaded file, if there is one."""
        with self._translated(_FILE_SECONDS):
            found = (batch for batch in self._sdk.batches.list(limit=100) if batch.input_file_id == file)
            return next(map(self._read, found), None)

    def progress(self, id: str) -> Progress:
        """How far a batch is.

        Raises:
            UnknownBatch: the provider does not know it.
        """
        try:
            with self._translated():
                return self._read(self._sdk.batches.retrieve(id))
        except _NotThere:
            # Not a reason to ask again: with another key it would be there.
            raise UnknownBatch(
                f"{self.name} does not know the batch {id}: OPENAI_API_KEY is of another project now, or the batch is "
                "gone, and `label --cancel` gives it up."
            ) from None

    def cancel(self, id: str) -> None:
        """Ask the provider to end a batch; it takes some minutes, and what is answered by then is kept and paid."""
        with self._translated():
            self._sdk.batches.cancel(id)

    def lines(self, progress: Progress) -> Iterator[bytes]:
        """What a batch brought, line by line and always in the same order."""
        for file in progress.output:
            with TemporaryFile() as content:
                self._download(file, content)
                content.seek(0)
                yield from content

    def answer(self, line: bytes) -> Answer | None:
        """What a line holds; None if it is none."""
        try:
            found = json.loads(line)
            key = found["custom_id"]
        except (ValueError, RecursionError, TypeError, KeyError):
            log.warning("A line of the batch's output cannot be read.")
            return None
        return Answer(str(key), found.get("response"), found.get("error"))

    def reply(self, answer: Answer, model: str) -> Reply:
        """The reply in an answer.

        Raises:
            UnusableReply: it was paid for and holds no text.
            LLMError: there is none; the cause.
        """
        response = answer.response
        if not isinstance(response, dict):
            raise self._failure(answer.error)
        status = response.get("status_code")
        came = httpx2.Response(
            status if isinstance(status, int) and 100 <= status < 600 else 500,
            headers={"x-request-id": str(response.get("request_id") or "")},
            json=response.get("body"),
            request=httpx2.Request("POST", self._sdk.base_url),
        )
        return self._client.reply_in(came, model)

    def _failure(self, error: Any) -> LLMError:
        code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
        if code in _NOT_ASKED:
            return TransientLLMError(_NOT_ASKED[str(code)])
        return TransientLLMError(f"{self.name} did not answer: {short(str(message or code or 'no reason given'))}")

    def _read(self, batch: Batch) -> Progress:
        counts = batch.request_counts
        status = batch.status.lower()  # as Azure has a capital here and there
        return Progress(
            batch.id,
            status in _ENDED,
            # Azure leaves counts out at first.
            done=(counts.completed or 0) + (counts.failed or 0) if counts else 0,
            output=tuple(file for file in (batch.output_file_id, batch.error_file_id) if file),
            error=self._error(batch, status) if status in _ENDED else "",
        )

    def _error(self, batch: Batch, status: str) -> str:
        told = next((error.message or error.code for error in (batch.errors and batch.errors.data) or ()), None)
        if told:
            return f"{self.name} refused the batch: {short(told)}"
        return _NOT_ASKED.get(f"batch_{status}", f"{self.name}'s batch holds no reply to this. Label again.")

    def _download(self, file: str, content: IO[bytes]) -> None:
        try:
            with (
                self._translated(_FILE_SECONDS),
                self._sdk.files.with_streaming_response.content(file) as response,
            ):
                for piece in response.iter_bytes():
                    content.write(piece)
        except _NotThere:
            log.warning("%s does not have the batch's file %s any more.", self.name, file)

    def _lacks_api(self) -> _NotThere:
        settings = self._client.provider.address + (" and AZURE_API_VERSION" if self._is_azure else "")
        return _NotThere(f"{self.name} has no Batch API. Label without --batch-api, or check {settings}.")

    @contextmanager
    def _translated(self, seconds: float = _CALL_SECONDS) -> Iterator[None]:
        try:
            with ending_at(Deadline.after(seconds).at):
                yield
        except openai.APIStatusError as error:
            if error.status_code in (404, 405, 501):
                raise self._lacks_api() from None
            raise translate(error, self._client.provider) from None
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            raise translate(error, self._client.provider) from None
        except (ValueError, TypeError, AttributeError, RuntimeError):
            # What the SDK raises over an answer of another shape, such as a page of a gateway's.
            provider = self._client.provider
            raise TransientLLMError(
                f"{provider.name} answered with something that is not a Batch API's. Check {provider.address}."
            ) from None


class UnknownBatch(LLMError):
    """The provider knows no such batch."""


class _NotThere(RejectedError):
    """What is asked for is not there."""
