"""A SQLAlchemy database that never fails or holds up a prediction.

Reads that fail find nothing. Writes are kept in memory while the database is away, and written when it is back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from llm_interactive.store.engines import cause_of, engine_of, file_of
from llm_interactive.store.health import Health
from llm_interactive.store.schema import Migrations, SchemaError, upgrade
from llm_interactive.store.writer import Changes, Writer

Rows = Sequence[sa.Row[Any]]

REPLACED_IF = "replaced if"
"""Key of a table's `info`: takes the new row's columns, gives the condition under which it replaces the old one."""

ADDED_UP = "added up"
"""Key of a table's `info`: the numbers of a new row are added to those of the old one."""


class Database:
    """The database at `url` with the tables of `migrations`. Safe for threads and for several processes.

    `health` tells what fails and what is lost.
    """

    def __init__(self, url: str, migrations: Migrations) -> None:
        """Open it and bring its schema up to date.

        Raises:
            SchemaError: a newer release has been here.
        """
        self.health = Health()
        self._engine = engine_of(url)
        self._migrations = migrations
        self._upserts = {
            table: self._upsert(table) for migration in migrations for table in migration if isinstance(table, sa.Table)
        }
        self._file: tuple[int, int] | None = None
        self._ready = False
        try:
            self._open()
        except SchemaError:
            self._engine.dispose()
            raise
        except (sa.exc.SQLAlchemyError, OSError) as error:
            self.health.failed("read", error)
        self._writer = Writer(self._commit, self.health)

    def rows(self, statement: sa.Executable, **values: Any) -> Rows:
        """What `statement` finds with `values` for its parameters; nothing if the database fails."""
        try:
            self._prepare()
            with self._engine.connect() as connection:
                found: Rows = connection.execute(statement, values).all()
        except (sa.exc.SQLAlchemyError, OSError, ValueError) as error:
            self.health.failed("read", error)
            return []
        self.health.works("read")
        if self.health.fails("write"):
            self._writer.retry()
        return found

    def value(self, statement: sa.Executable, **values: Any) -> Any:
        """The first column of the first row, None if there is none."""
        rows = self.rows(statement, **values)
        return rows[0][0] if rows else None

    def write(self, changes: Changes, *, wait: bool = True) -> bool:
        """Write rows; returns when they are committed, or, with False, when the database does not answer.

        Without `wait` they are committed together with the next ones that somebody waits for, or within a second.
        """
        return self._writer.write(changes, wait=wait)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection whose changes are committed at the end of the block.

        Raises:
            sqlalchemy.exc.SQLAlchemyError, OSError: the database is away.
        """
        self._prepare()
        with self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Commit what is waiting and let go of the database."""
        self._writer.close()
        self._engine.dispose()

    def _commit(self, changes: Sequence[Changes]) -> None:
        rows_of: dict[sa.Table, list[Mapping[str, Any]]] = defaultdict(list)
        for some in changes:
            for table, rows in some.items():
                rows_of[table] += rows
        with self.transaction() as connection:
            for table, upsert in self._upserts.items():
                if rows_of.get(table):
                    connection.execute(upsert, _in_order(table, rows_of[table]))

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

    def _prepare(self) -> None:
        """Bring the schema up to date, at the first access that reaches the database, and where its file is another.

        Raises:
            OSError: that is not possible now.
        """
        if self._ready and self._file == file_of(self._engine):
            return
        if self._ready:
            self.health.lost("The database's file was deleted or replaced while the backend ran: what it held is lost.")
            self._ready = False
            self._engine.dispose()
        try:
            self._open()
        except (sa.exc.SQLAlchemyError, SchemaError) as error:
            # Whatever it is, it is not the fault of what is to be read or written.
            raise ConnectionError(cause_of(error)) from error

    def _open(self) -> None:
        upgrade(self._engine, self._migrations)
        self._file = file_of(self._engine)
        self._ready = True


def _in_order(table: sa.Table, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows by their keys: processes that write the same ones must not wait for each other."""
    keys = [column.name for column in table.primary_key if column.name in rows[0]]
    return sorted(rows, key=lambda row: [row[key] for key in keys])
