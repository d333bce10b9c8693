"""The version of the database's schema, and the migrations that bring an older database up to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn

from llm_interactive.settings import SettingsError

Change = sa.Table | sa.Column[Any] | sa.Index
"""What is added: a table with its indexes, or one column or index of a table that is there."""

Migrations = Sequence[Sequence[Change]]
"""The n-th makes version n of version n - 1."""

_LOCK = 7_305_090

_version = sa.Table(
    "schema_version",
    sa.MetaData(),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)


class SchemaError(SettingsError):
    """The database that the settings name is of a newer release; the message is one line that says what to do."""


def upgrade(engine: sa.Engine, migrations: Migrations) -> None:
    """Bring the database up to the last of `migrations`, in one transaction, or leave it as it was.

    A database without a version is as old as any. Processes that start together wait for each other.

    Raises:
        SchemaError: a newer release has been here.
        sqlalchemy.exc.SQLAlchemyError, OSError: the database is away.
    """
    with engine.connect() as connection:
        # A database that cannot be written now can still be read.
        if _version_of(connection) == len(migrations):
            return
    with engine.begin() as connection:
        # Looking first and then making something collides when processes start together.
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        _migrate(connection, migrations)


def _version_of(connection: sa.Connection) -> int:
    if not sa.inspect(connection).has_table(_version.name):
        return 0
    return int(connection.scalar(sa.select(_version.c.version)) or 0)


def _migrate(connection: sa.Connection, migrations: Migrations) -> None:
    found, known = _version_of(connection), len(migrations)
    if found > known:
        raise SchemaError(
            f"The database is of a newer release: its schema is {found}, this release knows {known}. "
            f"Start the newer release, or restore the backup from before its upgrade."
        )
    for migration in migrations[found:]:
        for change in migration:
            _make(connection, change)
    _version.create(connection, checkfirst=True)
    connection.execute(sa.delete(_version))
    connection.execute(sa.insert(_version), {"version": known})


def _make(connection: sa.Connection, change: Change) -> None:
    """Add what is not there yet. A table that is not is made as it is today, with all columns that follow."""
    if not isinstance(change, sa.Column):
        change.create(connection, checkfirst=True)
    elif change.name not in {column["name"] for column in sa.inspect(connection).get_columns(change.table.name)}:
        described = CreateColumn(change).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {change.table.name} ADD COLUMN {described}")
