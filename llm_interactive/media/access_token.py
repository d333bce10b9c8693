"""The token that Label Studio wants to see before it gives a file away."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import TaskDataError
from llm_interactive.media.addresses import Address
from llm_interactive.media.download import Downloader
from llm_interactive.media.waiting import held

_RENEW_BEFORE = 30.0
"""Seconds before its end at which what a token was exchanged for is not used any more."""

_RETRY_AFTER = 10.0
"""Seconds for which a failed exchange is not tried again: who wants a file is told at once."""


class AccessToken:
    """The `Authorization` header for Label Studio: a legacy token as it is, a personal access token exchanged.

    A personal access token is a JWT of the type "refresh". What it is exchanged for lasts minutes and is kept as long.
    """

    def __init__(self, key: str | None, label_studio: Address | None, downloader: Downloader) -> None:
        self._key = (key or "").strip()
        self._label_studio = label_studio
        self._downloader = downloader
        self._type = _claims(self._key).get("token_type", "legacy")
        self._lock = threading.Lock()  # held while the token is exchanged; guards what follows
        self._access = self._key if self._type == "access" else ""
        self._failure = ""
        self._retry = Deadline(0)

    def header(self, deadline: Deadline = NEVER, *, rejected: str | None = None) -> str | None:
        """The header's value, exchanged anew when the last one is about to expire; None without a key.

        After `rejected` was: a new value, None when there can be none.

        Raises:
            TaskDataError: it cannot be exchanged, or could not a moment ago.
            DeadlineError: the exchange lasts beyond `deadline`.
        """
        if not self._key or (rejected and self._type != "refresh"):
            return None
        if self._type == "legacy":
            return f"Token {self._key}"
        with held(self._lock, deadline):
            expires = self._type == "refresh" and _expires(self._access) < time.time() + _RENEW_BEFORE
            if expires or rejected == f"Bearer {self._access}":
                self._exchange(deadline)
            return f"Bearer {self._access}"

    def rejection(self, status: int) -> str:
        """The message for a 401 or 403 of Label Studio."""
        if not self._key:
            return f"Label Studio asks for an access token ({status}): set LABEL_STUDIO_API_KEY on the ML backend."
        if status == 403:
            return (
                "Label Studio refused the task's file (403): the user of LABEL_STUDIO_API_KEY may not see the project."
            )
        if self._type == "legacy":
            return (
                f"Label Studio rejected LABEL_STUDIO_API_KEY ({status}). Legacy tokens must be switched on in its "
                "organization settings; personal access tokens work without."
            )
        return (
            f"Label Studio rejected LABEL_STUDIO_API_KEY ({status}): the personal access token is expired, revoked or "
            "of another Label Studio."
        )

    def _exchange(self, deadline: Deadline) -> None:
        if self._failure and self._retry.left > 0:
            raise TaskDataError(self._failure)
        try:
            self._access = self._exchanged(deadline)
        except TaskDataError as error:
            self._failure, self._retry = error.message, Deadline.after(_RETRY_AFTER)
            raise

    def _exchanged(self, deadline: Deadline) -> str:
        assert self._label_studio is not None
        target = self._label_studio.joined(f"{self._label_studio.path.rstrip('/')}/api/token/refresh/")
        body = json.dumps({"refresh": self._key}).encode()
        answer = self._downloader.post(target, body, {"Content-Type": "application/json"}, deadline)
        if answer.status == 401:
            raise TaskDataError(self.rejection(401))
        try:
            access = json.loads(answer.body)["access"]
        except (ValueError, TypeError, KeyError):
            access = None
        if not isinstance(access, str) or not access.isascii():
            raise TaskDataError(f"Label Studio answered {answer.status} when its access token was to be exchanged.")
        return access


def _claims(token: str) -> Mapping[str, Any]:
    """What a JWT says of itself, unverified; empty for everything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _expires(token: str) -> float:
    """When `token` ends, in seconds since the epoch; 0 when it does not say."""
    end = _claims(token).get("exp", 0)
    return float(end) if isinstance(end, int | float) else 0.0
