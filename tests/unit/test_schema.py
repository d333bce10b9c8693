"""Databases of older and newer releases, on real SQLite files."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from llm_interactive.cli.app import app
from llm_interactive.llm.client import Reply
from llm_interactive.store.engines import engine_of
from llm_interactive.store.schema import Migrations, SchemaError, upgrade
from llm_interactive.store.store import Answered, Store, fingerprint
from llm_interactive.store.tables import MIGRATIONS

SCHEMAS = Path(__file__).parent / "schemas"
"""What each version made, by its number; 0 are files without one."""

P = "1.1795372439"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def opened(file: Path) -> Iterator[Callable[[], Store]]:
    stores: list[Store] = []

    def open_store() -> Store:
        stores.append(Store(f"sqlite:///{file}", reply_ttl=1_000_000))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture(params=sorted(path.name for path in SCHEMAS.glob("*.sql")))
def old(request: pytest.FixtureRequest, file: Path) -> Path:
    """A file as an older version made it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((SCHEMAS / request.param).read_text())
    return file


def bring_up(file: Path, migrations: Migrations = MIGRATIONS) -> None:
    """Upgrade a file as the start does."""
    engine = engine_of(f"sqlite:///{file}", patience=20)
    try:
        upgrade(engine, migrations)
    finally:
        engine.dispose()


def set_version(file: Path, version: int) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = ?", (version,))


def shape(file: Path) -> dict[str, Any]:
    """Columns and indexes of all tables."""
    engine = sa.create_engine(f"sqlite:///{file}")
    found = sa.inspect(engine)
    shapes = {
        table: {
            "columns": sorted(str({**column, "type": str(column["type"])}) for column in found.get_columns(table)),
            "indexes": sorted(map(str, found.get_indexes(table))),
            "key": found.get_pk_constraint(table)["constrained_columns"],
        }
        for table in found.get_table_names()
    }
    engine.dispose()
    return shapes


def test_an_older_file_becomes_what_a_new_one_is(old: Path, tmp_path: Path) -> None:
    for path in (old, tmp_path / "new.db"):
        bring_up(path)
    new = shape(tmp_path / "new.db")
    assert {table: shape(old)[table] for table in new} == new


@pytest.mark.parametrize("old", ["0-first.sql", "0-last.sql"], indirect=True)
def test_nothing_in_an_older_file_is_lost(old: Path, opened: Callable[[], Store]) -> None:
    store = opened()
    kept = (
        store.project(P).prompt("prompt"),
        store.project(P).params,
        store.versions(P),
        store.replies(["a"]),
        store.answered(P, ["1"]),
    )
    assert kept == (
        "Judge.",
        {"temperature": 0.1},
        ["m/1"],
        {"a": Reply(("OK",), 7, 3)},
        {"1": Answered(fingerprint("Judge."), (fingerprint("OK"),))},
    )


def test_an_older_file_is_upgraded_once_by_many_that_start_together(old: Path) -> None:
    together = threading.Barrier(8)

    def start(_: int) -> None:
        together.wait()
        bring_up(old)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(len(MIGRATIONS),)]


def test_a_migration_that_fails_leaves_everything_as_it_was(file: Path) -> None:
    first = sa.Table("first", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    bring_up(file, [(first,)])
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO first VALUES (1)")
    before = shape(file)
    second = sa.Table("second", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("first", sa.MetaData(), impossible := sa.Column("without_default", sa.Text, nullable=False))
    with pytest.raises(sa.exc.OperationalError):
        bring_up(file, [(first,), (second, impossible)])
    assert shape(file) == before


def test_the_tables_are_those_of_the_last_migration(file: Path) -> None:
    """Each version's schema is kept, so that later ones are tried on it and none is changed in passing."""
    bring_up(file)
    with closing(sqlite3.connect(file)) as connection:
        made = "\n".join(connection.iterdump()) + "\n"
    kept = SCHEMAS / f"{len(MIGRATIONS)}.sql"
    if not kept.exists():
        kept.write_text(made)
        pytest.fail(f"{kept.name} is new: look at it and commit it")
    assert made == kept.read_text(), "the tables have changed without a migration; see store/tables.py"


@pytest.mark.parametrize("command", [["serve"], ["prompts", "list"]], ids=" ".join)
def test_a_file_of_a_newer_release_stops_the_start_with_one_line_that_says_what_to_do(
    file: Path, opened: Callable[[], Store], command: list[str]
) -> None:
    opened().close()
    set_version(file, 99)
    with pytest.raises(
        SchemaError, match=r"^The database is of a newer release: .* 99, .* Start the newer release, or "
    ):
        opened()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    result = CliRunner().invoke(app, command, env={"DATABASE_URL": f"sqlite:///{file}", "PORT": port})
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "newer release" in result.output


def test_a_file_of_a_newer_release_is_not_changed(file: Path, opened: Callable[[], Store]) -> None:
    opened().close()
    set_version(file, 99)
    before = file.read_bytes()
    with pytest.raises(SchemaError):
        opened()
    assert file.read_bytes() == before


def test_an_up_to_date_file_that_is_being_written_keeps_no_start_waiting(
    file: Path, opened: Callable[[], Store]
) -> None:
    opened().save_prompts(P, {"prompt": "Judge."})
    with closing(sqlite3.connect(file, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        assert opened().project(P).prompt("prompt") == "Judge."
