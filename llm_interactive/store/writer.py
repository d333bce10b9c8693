"""One thread that commits what all others write."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from llm_interactive.store.engines import PATIENCE, cause_of, is_away
from llm_interactive.store.health import Health

log = logging.getLogger(__name__)

Changes = Mapping[sa.Table, Sequence[Mapping[str, Any]]]
"""Rows to insert, or to replace where the table has some of the same primary key."""

_GROUP = 500
_FLUSH_SECONDS = 1.0
_MOST_WAITING = 100_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0


@dataclass(frozen=True)
class _Write:
    changes: Changes
    done: threading.Event = field(default_factory=threading.Event)


class Writer:
    """Writes in groups, so that a batch of thousands pays for few commits.

    While the database is away everything is kept, in order, and nobody waits. A row that the database will never take
    is dropped and told; it does not take others along.
    """

    def __init__(self, commit: Callable[[Sequence[Changes]], None], health: Health) -> None:
        """`commit` makes changes in one transaction, or raises and makes none."""
        self._commit = commit
        self._health = health
        self._changed = threading.Condition()  # guards what follows
        self._waiting: deque[_Write] = deque()
        self._urgent = self._is_back = self._closed = False
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._thread.start()

    def write(self, changes: Changes, *, wait: bool = True) -> bool:
        """Write rows; returns when they are committed, or, with False, when the database does not answer or is closed.

        Without `wait` they are committed together with the next ones that somebody waits for, or within a second.
        """
        write = _Write(changes)
        with self._changed:
            if not any(changes.values()):
                return True
            if self._closed:
                return False
            if len(self._waiting) >= _MOST_WAITING:
                self._health.lost("Rows are lost: the database was away for too long.")
                return False
            self._waiting.append(write)
            if not wait:
                return True
            self._urgent = True
            self._changed.notify()
        if self._health.fails("write"):
            return False
        # A little longer than the writer waits, so that it is known whether this failed.
        return write.done.wait(PATIENCE + 0.5) and not self._health.fails("write")

    def retry(self) -> None:
        """Try again now: the database is back."""
        with self._changed:
            self._is_back = True
            self._changed.notify()

    def close(self) -> None:
        """Commit what is waiting, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        pause = 0.0
        while group := self._next(pause):
            left = self._settle(group)
            pause = min(_LONGEST_PAUSE, 2 * pause or _FIRST_PAUSE) if left else 0.0
            with self._changed:
                self._waiting.extendleft(reversed(left))
                self._urgent = bool(self._waiting)
                if not self._waiting:
                    self._health.works("write")
                if left and self._closed:
                    self._health.lost(f"{len(self._waiting)} writes are lost: the database is away at the end.")
                    return
                # Nobody waits for a database that is away.
                for write in [*group, *self._waiting] if left else group:
                    write.done.set()

    def _next(self, pause: float) -> list[_Write]:
        """What is to be written next, after `pause` seconds if the database is not back before; none at the end."""
        with self._changed:
            if pause:
                self._is_back = False
                self._changed.wait_for(lambda: self._is_back or self._closed, timeout=pause)
            while not (self._urgent or self._closed):
                if not self._changed.wait(_FLUSH_SECONDS) and self._waiting:
                    break
            return [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]

    def _settle(self, group: list[_Write]) -> list[_Write]:
        """Commit `group`; gives what is left of it if the database is away."""
        try:
            self._commit([write.changes for write in group])
        except Exception as error:
            if is_away(error):
                self._health.failed("write", error)
                return group
        else:
            return []
        # One row is at fault: each on its own.
        rows = deque(_Write({table: [row]}) for write in group for table, some in write.changes.items() for row in some)
        while rows:
            try:
                self._commit([rows[0].changes])
            except Exception as error:
                if is_away(error):
                    self._health.failed("write", error)
                    return list(rows)
                [table] = rows[0].changes
                self._health.lost(
                    f"Rows of the table {table.name} are lost, the database does not take them: {cause_of(error)}"
                )
            rows.popleft()
        return []
