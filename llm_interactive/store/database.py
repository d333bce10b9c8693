"""A SQLAlchemy database that never fails or holds up a prediction.

Reads that fail find nothing. Writes are committed in groups, so that a batch of thousands pays for few commits; while
the database is away they are kept in memory, and a thread writes them when it is back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from llm_interactive.store.engines import PATIENCE, REST_SECONDS, engine_of
from llm_interactive.store.schema import Migrations, SchemaError, upgrade

log = logging.getLogger(__name__)

_GROUP = 500
_SWEEP_SECONDS = 600
_MOST_WAITING = 100_000  # a database that is away for so long loses what comes then
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_START_PATIENCE = 40.0  # gunicorn gives a worker 60 s to start

Rows = Sequence[sa.Row[Any]]
Changes = Mapping[sa.Table, Sequence[Mapping[str, Any]]]
"""Rows to insert, or to replace where the table has some of the same primary key."""

REPLACED_IF = "replaced if"
"""Key of a table's `info`: takes the new row's columns, gives the condition under which it replaces the old one."""

ADDED_UP = "added up"
"""Key of a table's `info`: the numbers of a new row are added to those of the old one."""

_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError, OSError, SchemaError)


@dataclass(frozen=True)
class _Write:
    changes: Changes
    done: Future[None] = field(default_factory=Future)


class Database:
    """The database at `url` with the tables of `migrations`. Safe for threads and for several processes.

    `failure` holds the cause in words while reads or writes fail.
    """

    def __init__(self, url: str, migrations: Migrations, sweep: Callable[[sa.Connection], None]) -> None:
        """Open it and bring its schema up to date; `sweep` deletes what is too old, now and then.

        Raises:
            SchemaError: a newer release has been here.
        """
        self._url, self._migrations = url, migrations
        self._engine = engine_of(url)
        tables = [change for migration in migrations for change in migration if isinstance(change, sa.Table)]
        self._upserts = {table: self._upsert(table) for table in tables}
        self._sweep = sweep
        self._swept = time.monotonic()
        self._failures: dict[str, str] = {}
        self._ready = False
        self._rests_until = 0.0
        self._waiting: deque[_Write] = deque()
        self._urgent = self._writing = False
        self._is_back = False
        self._closed = False
        self._changed = threading.Condition()
        try:
            self._prepare(_START_PATIENCE)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            self._failed("read", error)
        self._writer = threading.Thread(target=self._write_forever, name="database", daemon=True)
        self._writer.start()

    @property
    def failure(self) -> str | None:
        """Why reads or writes fail now."""
        return next(iter(self._failures.values()), None)

    def rows(self, statement: sa.Executable, **values: Any) -> Rows:
        """What `statement` finds with `values` for its parameters; nothing if the database fails."""
        started = time.monotonic()
        if started < self._rests_until:
            return []
        try:
            self._prepare()
            with self._engine.connect() as connection:
                found: Rows = connection.execute(statement, values).all()
        except (sa.exc.SQLAlchemyError, OSError, SchemaError, ValueError) as error:
            self._failed("read", error)
            if time.monotonic() - started > 1:
                self._rests_until = time.monotonic() + REST_SECONDS
            return []
        self._failures.pop("read", None)
        if self._failures:
            with self._changed:
                self._is_back = True
                self._changed.notify_all()
        return found

    def value(self, statement: sa.Executable, **values: Any) -> Any:
        """The first column of the first row, None if there is none."""
        rows = self.rows(statement, **values)
        return rows[0][0] if rows else None

    def write(self, changes: Changes, *, wait: bool = True) -> None:
        """Write rows; returns when they are committed, or when the database does not answer.

        Without `wait` they are committed together with the next ones that somebody waits for.
        """
        write = _Write(changes)
        with self._changed:
            if self._closed or not any(changes.values()):
                return
            if len(self._waiting) >= _MOST_WAITING:
                return
            self._waiting.append(write)
            if not wait:
                return
            self._urgent = True
            # Waking the writer takes longer than a commit: where nobody writes, the caller does.
            group = [] if self._writing or self._failures else self._take()
            self._changed.notify_all()
        if group:
            self._settle(group)
        elif "write" not in self._failures and time.monotonic() >= self._rests_until:
            with suppress(NotDone):
                write.done.result(PATIENCE)

    def close(self) -> None:
        """Commit what is waiting and let go of the database."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._writer.join(timeout=10)
        self._engine.dispose()

    def _write_forever(self) -> None:
        pause = 0.0
        while True:
            with self._changed:
                if pause:
                    self._is_back = False
                    self._changed.wait_for(lambda: self._is_back or self._closed, timeout=pause)
                self._changed.wait_for(lambda: (self._urgent or self._closed) and not self._writing)
                if self._closed and not self._waiting:
                    return
                group = self._take()
            if self._settle(group):
                pause = 0.0
            elif self._closed:
                return
            else:
                pause = min(_LONGEST_PAUSE, 2 * pause or _FIRST_PAUSE)

    def _take(self) -> list[_Write]:
        """What is to be written next; nobody else writes until it is settled."""
        group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
        self._urgent = bool(self._waiting)
        self._writing = True
        return group

    def _settle(self, group: Sequence[_Write]) -> bool:
        """Write `group`, or put it back where the database is away; nobody waits for one that is."""
        written = self._written(group)
        with self._changed:
            self._writing = False
            if not written:
                self._waiting.extendleft(reversed(group))
                self._urgent = True
            self._changed.notify_all()
        for write in group:
            if not write.done.done():
                write.done.set_result(None)
        return written

    def _written(self, group: Sequence[_Write]) -> bool:
        """Whether `group` is committed, or will never be; not when the database is away."""
        try:
            self._commit(group)
        except _AWAY as error:
            self._failed("write", error)
            return False
        except Exception as error:
            self._failed("write", error)
            if len(group) > 1:
                # One that cannot be written must not take the others along.
                return all(self._written([write]) for write in group)
            log.warning("A write is lost: the database does not take it")
        else:
            self._recovered()
        return True

    def _recovered(self) -> None:
        self._rests_until = 0.0
        with self._changed:
            if self._failures and self._waiting:
                # What was kept meanwhile is not safe yet.
                self._urgent = True
            else:
                self._failures.clear()

    def _commit(self, group: Sequence[_Write]) -> None:
        rows_of: dict[sa.Table, list[Mapping[str, Any]]] = defaultdict(list)
        for write in group:
            for table, rows in write.changes.items():
                rows_of[table] += rows
        self._prepare()
        with self._engine.begin() as connection:
            for table, upsert in self._upserts.items():
                if rows_of.get(table):
                    connection.execute(upsert, _in_order(table, rows_of[table]))
            if time.monotonic() - self._swept > _SWEEP_SECONDS:
                self._swept = time.monotonic()
                self._sweep(connection)

    def _upsert(self, table: sa.Table) -> sa.Executable:
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement: Any = insert(table)
        if table.autoincrement_column is not None:
            return statement  # type: ignore[no-any-return]
        keys = [column.name for column in table.primary_key]
        changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
        if ADDED_UP in table.info:
            changed = {name: table.c[name] + new for name, new in changed.items()}
        condition = table.info[REPLACED_IF](statement.excluded) if REPLACED_IF in table.info else None
        upsert: sa.Executable = statement.on_conflict_do_update(index_elements=keys, set_=changed, where=condition)
        return upsert

    def _failed(self, access: str, error: Exception) -> None:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
        if cause not in self._failures.values():
            log.warning("The database failed, predictions go on without it: %s", cause)
        self._failures[access] = cause

    def _prepare(self, patience: float = PATIENCE) -> None:
        """Bring the schema up to date, at the first access that reaches the database."""
        if not self._ready:
            upgrade(self._url, self._migrations, patience=patience)
            self._ready = True


def _in_order(table: sa.Table, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows by their keys: processes that write the same ones must not wait for each other."""
    keys = [column.name for column in table.primary_key if column.name in rows[0]]
    return sorted(rows, key=lambda row: [row[key] for key in keys])
