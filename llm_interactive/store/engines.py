"""SQLAlchemy engines that keep nobody waiting: SQLite in WAL mode, PostgreSQL with a bound on each answer."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

PATIENCE = 2.0
"""Seconds that anybody waits for one answer of the database; Label Studio gives /setup 3."""

REST_SECONDS = 5.0
"""How long a database that did not answer in time is left alone."""


def engine_of(url: str, *, patience: float = PATIENCE) -> sa.Engine:
    """The engine for the SQLAlchemy address `url`, SQLite or PostgreSQL; nothing is connected yet.

    A statement fails after `patience` seconds without an answer.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _postgresql(parsed, patience)
    engine = sa.create_engine(parsed, pool_size=5, max_overflow=15, connect_args={"timeout": patience})

    @sa.event.listens_for(engine, "do_connect")
    def _private(*_: Any) -> None:
        _make_private(Path(str(parsed.database)))

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        # In WAL mode this loses nothing when the process is killed, and saves a sync for each commit.
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


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
        if time.monotonic() < gave_up + REST_SECONDS:
            raise psycopg.OperationalError("the database does not answer")
        return BoundedConnection.connect(*arguments, **{"connect_timeout": 2, **options})

    return engine
