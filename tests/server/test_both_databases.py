"""What the store promises, on a real SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import sqlalchemy as sa

from llm_interactive.llm.client import Reply
from llm_interactive.store.batches import DONE, READ, RUNNING, Batch, Request
from llm_interactive.store.engines import engine_of
from llm_interactive.store.store import Store
from llm_interactive.store.tables import (
    answered,
    cancelled,
    chosen_examples,
    leases,
    projects,
    prompts,
    replies,
    versions,
)
from llm_interactive.store.usage import Call
from tests.postgresql import PostgreSQL, programs

P = "1.1795372439"
REPLY = Reply(("OK",))
HUGE = "secret" + random.Random(1).randbytes(12_000).hex()

Open = Callable[[], Store]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    if programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    running: PostgreSQL = request.getfixturevalue("server")
    return running.new_database()


@pytest.fixture
def opened(url: str) -> Iterator[Open]:
    stores: list[Store] = []

    def open_store() -> Store:
        stores.append(Store(url, reply_ttl=24))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Open) -> Store:
    return opened()


@pytest.fixture
def other(url: str) -> Iterator[sa.Engine]:
    """The database as another program sees it, which has time."""
    engine = engine_of(url, patience=60)
    yield engine
    engine.dispose()


def count(other: sa.Engine, table: sa.Table) -> int:
    with other.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def _without_a_column(store: Store, other: sa.Engine) -> None:
    with other.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE answered DROP COLUMN prompt")
    store.save_answered(P, {"1": ("secret", ["secret"])}, before={})


IMPOSSIBLE: dict[str, Callable[[Store, sa.Engine], None]] = {
    "huge-project": lambda store, _: store.save_version(HUGE, "m/1"),
    "huge-task": lambda store, _: store.save_answered(P, {HUGE: ("Judge.", ["OK"])}, before={}),
    "no-such-column": _without_a_column,
    "nul": lambda store, _: store.save_prompts("2.1", {"prompt": "secret \x00"}),
    "half-a-pair": lambda store, _: store.save_prompts("2.1", {"prompt": "secret \ud83d"}),
    "too-long-for-its-column": lambda store, _: store.save_reply("secret" * 20, REPLY),
}


@pytest.mark.parametrize("write", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_write_that_can_never_succeed_stops_no_other(
    write: Callable[[Store, sa.Engine], None], opened: Open, other: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened()
    store.save_reply("before", REPLY, wait=False)  # in one group with what follows
    write(store, other)
    store.save_reply("after", REPLY)
    store.save_prompts(P, {"prompt": "Judge."})
    assert store.failure is None
    assert "secret" not in caplog.text + "".join(store.losses)
    store.close()
    after = opened()
    assert (set(after.replies(["before", "after"])), after.project(P).prompt("prompt")) == (
        {"before", "after"},
        "Judge.",
    )


def test_what_is_lost_is_told_once_with_table_and_cause(store: Store, other: sa.Engine) -> None:
    for _ in range(3):
        _without_a_column(store, other) if not store.losses else store.save_answered(P, {"1": ("", [])}, before={})
    [loss] = store.losses
    assert all(part in loss for part in ("answered", "column", "prompt"))


def test_of_the_rows_of_one_write_only_the_impossible_ones_are_lost(store: Store) -> None:
    tasks = {f"{number}": ("Judge.", ["OK"]) for number in range(20)}
    store.save_answered(P, {**tasks, "half a pair \ud83d": ("Judge.", ["OK"])}, before={})
    assert len(store.answered(P, tasks)) == 20


def fill(other: sa.Engine, number: int, *, age: float) -> None:
    """Make `number` paid replies that are `age` hours old."""
    at = time.time() - 3600 * age
    rows = [
        {
            "key": f"{age} {row}",
            "reply": {"texts": ["x" * 200], "prompt_tokens": 1, "completion_tokens": 1},
            "created_at": at,
        }
        for row in range(number)
    ]
    with other.begin() as connection:
        connection.execute(sa.insert(replies), rows)


def test_a_sweep_deletes_what_is_too_old_and_nothing_else(store: Store, other: sa.Engine) -> None:
    fill(other, 25_000, age=25)
    fill(other, 500, age=23)
    old = time.time() - 86_400 * 31
    with other.begin() as connection:
        for task, at in (("old", old), ("new", time.time())):
            row = {"project": P, "task": task, "prompt": "", "replies": [], "created_at": at}
            connection.execute(sa.insert(answered), row)
        connection.execute(sa.insert(leases), {"key": "a", "owner": "b", "until": old})
        connection.execute(sa.insert(cancelled), {"run": "a", "created_at": old})
    store.sweeper.sweep()
    assert [count(other, table) for table in (replies, answered, leases, cancelled)] == [500, 1, 0, 0]


def test_nobody_waits_for_the_end_of_a_sweep(store: Store, other: sa.Engine) -> None:
    fill(other, 30_000, age=25)
    sweeping = threading.Thread(target=store.sweeper.sweep)
    sweeping.start()
    for number in range(3):
        store.save_reply(f"meanwhile {number}", REPLY)
    kept = set(store.replies(f"meanwhile {number}" for number in range(3)))
    still = sweeping.is_alive()
    sweeping.join()
    assert (len(kept), still, store.failure, count(other, replies)) == (3, True, None, 3)


def test_two_processes_sweep_at_once(opened: Open, other: sa.Engine) -> None:
    stores = [opened(), opened()]
    fill(other, 10_000, age=25)
    sweeping = [threading.Thread(target=store.sweeper.sweep) for store in stores]
    for thread in sweeping:
        thread.start()
    for thread in sweeping:
        thread.join()
    assert count(other, replies) == 0


def test_of_many_prompts_of_a_field_the_last_stay(store: Store, other: sa.Engine) -> None:
    for number in range(50):
        store.save_prompts(P, {"a": f"A {number}"})
    store.save_prompts(P, {"b": "B"})
    store.sweeper.sweep()
    assert count(other, prompts) == 21
    assert store.project(P).prompts == {"a": "A 49", "b": "B"}


def test_of_many_versions_of_a_project_the_last_stay(store: Store, other: sa.Engine) -> None:
    with other.begin() as connection:
        rows = [{"project": P, "version": f"m/{number}", "created_at": float(number)} for number in range(300)]
        connection.execute(sa.insert(versions), rows)
    store.save_version("2.1", "m/1")
    store.sweeper.sweep()
    assert count(other, versions) == 101
    assert (store.versions(P)[0], store.versions("2.1")) == ("m/299", ["m/1"])


@mock.patch("llm_interactive.store.store._MOST_PROJECTS", 10)
def test_of_very_many_projects_the_last_stay(store: Store, other: sa.Engine) -> None:
    for number in range(30):
        store.save_params(f"{number}.1", {"temperature": 0.1})
        store.save_prompts(f"{number}.1", {"prompt": "Judge."})
        store.save_version(f"{number}.1", "m/1")
    store.sweeper.sweep()
    assert [count(other, table) for table in (projects, prompts, versions)] == [11] * 3
    assert store.project("29.1").params == {"temperature": 0.1}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_is_deleted_makes_the_file_shorter(store: Store, other: sa.Engine) -> None:
    def pages() -> int:
        with closing(other.raw_connection()) as connection:
            return int(connection.cursor().execute("PRAGMA page_count").fetchone()[0])

    fill(other, 20_000, age=25)
    before = pages()
    store.sweeper.sweep()
    assert pages() < before / 10


def test_requests_wait_until_their_batch_is_read(store: Store) -> None:
    batch = Batch("b", P, "one/12345678", "one", "somewhere", {"prompt": "Sarcastic?"}, [10, 11], requests=2)
    bought, refused = (Request(key, "b", task) for key, task in (("k1", "10"), ("k2", "11")))
    assert store.batches.save(batch, [bought, refused])
    assert store.batches.waiting(["k1", "k2", "k3"]) == {"k1", "k2"}
    under_way = replace(batch, state=RUNNING, file="file-1", id="batch_1", lines_read=2)
    call = Call(P, batch.version, "10", "one", "ok", 0.0, prompt_tokens=7, batched=True)
    assert store.save_batch(under_way, {"k1": REPLY}, [call], [replace(refused, error="Filtered.", refused=True)])
    assert store.batches.open(P) == [under_way]
    read = replace(under_way, state=READ, error="It expired.")
    store.batches.save(read)
    assert store.batches.waiting(["k1", "k2"]) == set()
    assert store.replies(["k1", "k2"]) == {"k1": REPLY}
    assert store.batches.failures(["k1", "k2", "k3"]) == {"k1": ("It expired.", False), "k2": ("Filtered.", True)}
    [totals] = store.usage.totals(P)
    assert (totals["calls_ok"], totals["calls_failed"], totals["batched_prompt_tokens"]) == (1, 1, 7)
    store.batches.save(replace(read, state=DONE))
    assert store.batches.open(P) == []


def test_of_many_sets_of_examples_the_last_stay_newest_first(store: Store) -> None:
    paid = Call(P, "embed/embeddings", "", "embed", "ok", 0.0, prompt_tokens=7)
    for number in (*range(8), 4):
        store.example_sets.save(P, f"set {number}", {"examples": [{"text": "\ud800 \x00", "number": number}]}, [paid])
    store.sweeper.sweep()
    assert store.example_sets.digests(P) == ["set 4", "set 7", "set 6", "set 5", "set 3"]
    assert store.example_sets.content(P, "set 7") == {"examples": [{"text": "\ud800 \x00", "number": 7}]}
    assert store.usage.totals(P)[0]["prompt_tokens"] == 9 * 7


def test_the_examples_chosen_for_a_task_stay_sixty_days(store: Store, other: sa.Engine) -> None:
    store.example_sets.save_chosen({"a": ["1", "2"], "b": []}, [], wait=True)
    with other.begin() as connection:
        old = {"key": "c", "tasks": ["3"], "created_at": time.time() - 86_400 * 61}
        connection.execute(sa.insert(chosen_examples), old)
    store.sweeper.sweep()
    assert store.example_sets.chosen(["a", "b", "c"]) == {"a": ["1", "2"], "b": []}
