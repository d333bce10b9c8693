"""What is wrong with the database, in words for the operator; each cause is logged once."""

from __future__ import annotations

import logging
import threading

from llm_interactive.store.engines import cause_of

log = logging.getLogger(__name__)

_MOST_LOSSES = 20


class Health:
    """Why reads or writes fail now, and what is lost for good. Safe for threads."""

    def __init__(self) -> None:
        self._failures: dict[str, str] = {}
        self._losses: list[str] = []
        self._lock = threading.Lock()  # guards both

    @property
    def failure(self) -> str | None:
        """Why the database fails now; None if it does not."""
        return next(iter(self._failures.copy().values()), None)

    @property
    def losses(self) -> tuple[str, ...]:
        """What was lost since the start, a line for each cause."""
        return tuple(self._losses)

    def fails(self, access: str) -> bool:
        """Whether `access` ("read" or "write") failed the last time."""
        return access in self._failures

    def failed(self, access: str, error: Exception) -> None:
        """Note that `access` fails for now."""
        cause = cause_of(error)
        with self._lock:
            known = cause in self._failures.values()
            self._failures[access] = cause
        if not known:
            log.warning("The database failed, predictions go on without it: %s", cause)

    def works(self, access: str) -> None:
        """Note that `access` works again."""
        if access in self._failures:
            with self._lock:
                self._failures.pop(access, None)

    def lost(self, loss: str) -> None:
        """Note that something is lost for good; `loss` names what and why, and no content."""
        with self._lock:
            known = loss in self._losses or len(self._losses) >= _MOST_LOSSES
            if not known:
                self._losses.append(loss)
        if not known:
            log.error("%s", loss)
