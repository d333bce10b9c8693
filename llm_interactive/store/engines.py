"""SQLAlchemy engines that keep nobody waiting: SQLite in WAL mode, PostgreSQL with a bound on each answer."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from llm_interactive.deadline import Deadline

PATIENCE = 2.0
"""Seconds that anybody waits for one answer of the database; Label Studio gives /setup 3."""

_REST_SECONDS = 5.0  # how long a database that did not answer in time is left alone

# What a statement fails with while nobody could write, or what another try cures: connections, a standby, deadlocks,
# resources, locks, the operator, the disk.
_AWAY_STATES = ("08", "25006", "40", "53", "55P03", "57", "58")
_AWAY_CODES = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY),
)


def engine_of(url: str, *, patience: float = PATIENCE) -> sa.Engine:
    """The engine for the SQLAlchemy address `url`, SQLite or PostgreSQL; nothing is connected yet.

    A statement fails after `patience` seconds without an answer.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _postgresql(parsed, patience)
    # None beyond the pool: those are closed after use, and opening one takes longer than what it is opened for.
    engine = sa.create_engine(parsed, pool_size=20, max_overflow=0, connect_args={"timeout": patience})

    @sa.event.listens_for(engine, "do_connect")
    def _private(*_: Any) -> None:
        _make_private(Path(str(parsed.database)))

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        if not os.path.getsize(str(parsed.database)):
            # Has no effect later: files that were made without it keep their free pages for later rows.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _use_wal(connection, patience)
        # In WAL mode this loses nothing when the process is killed, and saves a sync for each commit.
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Put the file into WAL mode; SQLite itself does not always wait for others that do the same to a new file."""
    deadline = Deadline.after(patience)
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or deadline.left <= 0:
                raise
            time.sleep(0.01)
        else:
            return


def is_away(error: Exception) -> bool:
    """Whether the database cannot be used at all for now; else it is what was asked of it that fails."""
    if not isinstance(error, sa.exc.DBAPIError):
        return isinstance(error, (sa.exc.TimeoutError, OSError))
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _AWAY_CODES
    if state := getattr(error.orig, "sqlstate", None):
        return str(state).startswith(_AWAY_STATES)
    return isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError))


def cause_of(error: Exception) -> str:
    """What the driver says, in one short line without values of rows (PostgreSQL tells them in further lines)."""
    original = getattr(error, "orig", None) or error
    said = getattr(getattr(original, "diag", None), "message_primary", None) or str(original)
    return " ".join(said.split())[:200]


def file_of(engine: sa.Engine) -> tuple[int, int] | None:
    """Device and number of SQLite's file, None if there is none: a file that was deleted can still be written."""
    if engine.dialect.name != "sqlite":
        return None
    try:
        found = os.stat(str(engine.url.database))
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def give_pages_back(connection: sa.Connection, most: int) -> bool:
    """Shorten SQLite's file by `most` free pages; gives whether there are more of them."""
    if connection.dialect.name != "sqlite":
        return False
    driver: Any = connection.connection.driver_connection
    # Not `execute`, which takes the first step of a statement without rows and frees one page.
    driver.executescript(f"PRAGMA incremental_vacuum({most})")
    [free], [incremental] = (
        driver.execute("PRAGMA freelist_count").fetchone(),
        driver.execute("PRAGMA auto_vacuum").fetchone(),
    )
    return bool(free and incremental)


def _make_private(path: Path) -> None:
    """Make SQLite's file if there is none, readable for its owner only.

    Prompts and replies are the team's; SQLite gives its journal files the same mode.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # One that is there must not be opened and closed beside SQLite: that drops the locks that this process holds.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    path.chmod(0o600)


def _postgresql(url: sa.URL, patience: float) -> sa.Engine:
    import psycopg

    gave_up = float("-inf")

    class BoundedConnection(psycopg.Connection[Any]):
        """A connection that gives up on a server that accepts and never answers; the driver would wait for ever."""

        def wait(self, gen: Generator[Any, Any, Any], interval: float = 0.1, timeout: float | None = None) -> Any:
            nonlocal gave_up
            ends = time.monotonic() + patience
            try:
                return super().wait(gen, interval, timeout or patience)
            except psycopg.OperationalError:
                # Not used again: the server may still answer this.
                self.pgconn.finish()
                if time.monotonic() >= ends:
                    gave_up = time.monotonic()
                raise

    # PostgreSQL allows 100 connections unless told otherwise: enough for a handful of processes of this size.
    # The pool's own patience is long: that all connections are in use does not mean that the database is away.
    engine = sa.create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=10)

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_: Any, __: Any, arguments: Any, options: Any) -> Any:
        nonlocal gave_up
        started = time.monotonic()
        if started < gave_up + _REST_SECONDS:
            raise psycopg.OperationalError("the database does not answer")
        try:
            return BoundedConnection.connect(*arguments, **{"connect_timeout": int(PATIENCE), **options})
        except psycopg.OperationalError:
            if time.monotonic() >= started + PATIENCE / 2:
                gave_up = time.monotonic()
            raise

    return engine
