"""Request bodies: how much of them is taken in at once, and what they must hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from flask import current_app, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from llm_interactive.errors import BusyError, InvalidRequest
from llm_interactive.settings import Settings
from llm_interactive.text import LONGEST_ID, storable
from llm_interactive.web.protocol import SMALL_BODY

MOST_TASKS = 100_000
"""Tasks in one request. Label Studio sends all that were selected, each with some 600 bytes around its data."""

_MOST_PARTS = 2_000_000
_READERS = 3


def _as_text(project: Any) -> Any:
    return str(project) if isinstance(project, int) and not isinstance(project, bool) else project


def printable(project: str) -> str:
    """`project` as it can be stored, and stand in one line of the log.

    Raises:
        InvalidRequest: it is longer than any id of Label Studio's.
    """
    if len(project) > LONGEST_ID:
        raise InvalidRequest(f"The project's id is longer than {LONGEST_ID} characters.")
    return "".join(char for char in storable(project) if char.isprintable())


class Body(BaseModel):
    """What all bodies have."""

    model_config = ConfigDict(extra="ignore")

    project: Annotated[str | None, BeforeValidator(_as_text)] = None

    @property
    def project_id(self) -> str:
        """The project's id, empty if none is named."""
        return printable(self.project or "")


class SetupBody(Body):
    """/setup."""

    schema_: str = ""
    extra_params: Any = None

    model_config = ConfigDict(extra="ignore", alias_generator=lambda name: name.rstrip("_"))


class _Params(BaseModel):
    context: dict[str, Any] | None = None


class PredictBody(Body):
    """/predict."""

    tasks: Annotated[list[dict[str, Any]], Field(max_length=MOST_TASKS)]
    label_config: str
    params: _Params | None = None


class WebhookBody(BaseModel):
    """/webhook."""

    model_config = ConfigDict(extra="allow")

    action: str
    project: dict[str, Any] = {}
    annotation: dict[str, Any] | None = None


Kind = TypeVar("Kind", bound=BaseModel)


class Intake:
    """Reads bodies, so many that the threads left over and the memory suffice. Safe for threads.

    A third of the threads may wait for large bodies, and those that are worked on are together no larger than the
    largest one may be.
    """

    def __init__(self, settings: Settings) -> None:
        self._readers = threading.BoundedSemaphore(settings.threads // _READERS)
        # Guards what follows.
        self._lock = threading.Lock()
        self._room = settings.max_request_mb * 1_000_000

    @contextmanager
    def body(self, kind: type[Kind]) -> Iterator[Kind]:
        """The request's JSON body as `kind`, which counts as held until the end.

        Raises:
            InvalidRequest: it is no JSON object of that shape; the message names the field.
            BusyError: too much is being read, or held, at this moment.
            RequestEntityTooLarge: it is larger than allowed, or has more parts than any real one.
            ClientDisconnected: it ended before its end, or did not come in time.
        """
        content = self._read()
        size = len(content) if len(content) > SMALL_BODY else 0
        with self._lock:
            if size > self._room:
                raise BusyError("The ML backend is at work on other large requests. Try again in a moment.")
            self._room -= size
        try:
            yield _parsed(content, kind)
        finally:
            with self._lock:
                self._room += size

    def _read(self) -> bytes:
        if _is_here():
            return _whole_body()
        if not self._readers.acquire(blocking=False):
            raise BusyError("The ML backend is reading other large requests. Try again in a moment.")
        try:
            return _whole_body()
        finally:
            self._readers.release()


def _is_here() -> bool:
    """Whether the worker has the body already: no thread waits for it."""
    if "Transfer-Encoding" in request.headers or "Expect" in request.headers:
        return False
    return (request.content_length or 0) <= SMALL_BODY


def _parsed(content: bytes, kind: type[Kind]) -> Kind:
    # A megabyte of empty brackets takes thirty in memory.
    if content.count(b"{") + content.count(b"[") > _MOST_PARTS:
        raise RequestEntityTooLarge
    try:
        return kind.model_validate(request.get_json())
    except RecursionError:
        raise InvalidRequest("The request's JSON is nested too deeply.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        fault = f"{place}: {first['msg']}" if place else "its body must be a JSON object"
        raise InvalidRequest(f"The request cannot be used: {fault}.") from None


def _whole_body() -> bytes:
    """The request's body, which `request.get_json` then takes. Werkzeug cuts one that does not tell its length."""
    try:
        content = request.get_data()
    except HTTPException:
        raise
    except Exception:  # the server's own errors, over chunks that are none
        raise ClientDisconnected from None
    promised = request.content_length
    if promised is None and len(content) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge
    if promised is not None and len(content) < promised:
        raise ClientDisconnected
    return content
