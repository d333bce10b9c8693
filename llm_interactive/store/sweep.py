"""Old rows go, a few at a time, so that the database stays bounded and nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.engines import cause_of, give_pages_back

log = logging.getLogger(__name__)

_EVERY_SECONDS = 600.0
_PIECE_SECONDS = 0.05
_MOST_ROWS = 1000
_FOUND_AT_ONCE = 10_000
_PAGES = 200


@dataclass(frozen=True)
class Stale:
    """Rows of a table that fulfil `condition`; a row with another value of `age` is a newer one of the same key."""

    age: sa.Column[Any]
    condition: sa.ColumnElement[bool]


def beyond(column: sa.Column[Any], most: int) -> Stale:
    """All but about the `most` rows with the highest values of `column`."""
    newest = sa.select(column).order_by(column.desc()).offset(most).limit(1).scalar_subquery()
    return Stale(column, column < newest)


def beyond_each(column: sa.Column[Any], most: int, *group: sa.Column[Any]) -> Stale:
    """All but the `most` rows of each `group` with the highest values of `column`."""
    keys = list(column.table.primary_key)
    place = sa.func.row_number().over(partition_by=group, order_by=column.desc()).label("place")
    ranked = sa.select(*keys, place).subquery()
    surplus = sa.select(*(ranked.c[key.name] for key in keys)).where(ranked.c.place > most)
    return Stale(column, sa.tuple_(*keys).in_(surplus))


class _Closed(Exception):
    """The process ends."""


class Sweeper:
    """Deletes what is `stale`, now and then, in a thread of its own.

    Each piece is a transaction of about 50 ms, and others have twice that time before the next one.
    """

    def __init__(self, database: Database, stale: Callable[[], Iterable[Stale]]) -> None:
        self._database = database
        self._stale = stale
        self._closed = threading.Event()
        self._rows = _MOST_ROWS // 10
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)
        self._thread.start()

    def sweep(self) -> None:
        """Delete all that is stale now, and give SQLite's free pages back to the disk.

        Raises:
            sqlalchemy.exc.SQLAlchemyError, OSError: the database is away.
        """
        for stale in self._stale():
            keys = [*stale.age.table.primary_key.columns, stale.age]
            wanted = sa.select(*(key.label(f"key{number}") for number, key in enumerate(keys)))
            delete = sa.delete(stale.age.table).where(
                *(key == sa.bindparam(f"key{number}") for number, key in enumerate(keys))
            )
            while found := self._rows_of(wanted.where(stale.condition).limit(_FOUND_AT_ONCE)):
                while some := [found.pop() for _ in range(min(self._rows, len(found)))]:
                    self._piece(sa.Connection.execute, delete, some)
        while self._piece(give_pages_back, _PAGES):
            pass

    def close(self) -> None:
        """Sweep no more."""
        self._closed.set()
        self._thread.join(timeout=5)

    def _rows_of(self, wanted: sa.Select[Any]) -> list[dict[str, Any]]:
        with self._database.transaction() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]

    def _piece(self, work: Callable[..., Any], *given: Any) -> Any:
        """What `work` gives for a connection and `given`, in a transaction of its own with a pause after it.

        Raises:
            _Closed: the process ends.
        """
        if self._closed.is_set():
            raise _Closed
        started = time.monotonic()
        with self._database.transaction() as connection:
            done = work(connection, *given)
        took = time.monotonic() - started
        self._rows = max(1, min(_MOST_ROWS, int(self._rows * _PIECE_SECONDS / took)))
        self._closed.wait(2 * took)
        return done

    def _run(self) -> None:
        while not self._closed.wait(_EVERY_SECONDS):
            try:
                self.sweep()
            except _Closed:
                return
            except (sa.exc.SQLAlchemyError, OSError) as error:
                log.warning("Old rows could not be deleted, they will be later: %s", cause_of(error))
