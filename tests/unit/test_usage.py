"""Calls and totals, on real SQLite files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from llm_interactive.llm.client import Reply
from llm_interactive.store.store import Store
from llm_interactive.store.usage import Call, Origin

ORIGIN = Origin("4.1", "some/model/12345678")


def call(task: str = "10", outcome: str = "ok", **tokens: int) -> Call:
    took: dict[str, Any] = {"prompt_tokens": 7, **tokens}
    return Call(ORIGIN.project, ORIGIN.version, task, ORIGIN.model, outcome, 0.5, **took)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", 24)
    yield store
    store.close()


def totals(store: Store) -> dict[str, Any]:
    [row] = store.usage.totals()
    return row


def test_the_version_names_the_model_whatever_slashes_are_in_its_name() -> None:
    assert ORIGIN.model == "some/model"


def test_calls_are_kept_with_the_reply_that_they_paid_for(store: Store) -> None:
    store.save_reply("key", Reply(("A",)), [call(completion_tokens=3, cached_tokens=5), call()])
    [first, second] = store.usage.calls("4.1")
    assert (first.task, first.prompt_tokens, first.cached_tokens, first.completion_tokens) == ("10", 7, 5, 3)
    assert first.created_at == second.created_at > 0


def test_a_reply_is_kept_also_where_its_calls_cannot_be(tmp_path: Path, store: Store) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("CREATE TRIGGER no_calls BEFORE INSERT ON calls BEGIN SELECT RAISE(ABORT, 'no'); END")
        store.save_reply("key", Reply(("A",)), [call()])
        assert other.execute("SELECT key FROM replies").fetchall() == [("key",)]


def test_totals_are_added_up_and_outlive_the_process(tmp_path: Path, store: Store) -> None:
    for task in ("1", "2"):
        store.save_reply(task, Reply(("A",)), [call(task)])
    store.usage.count(ORIGIN, batch_done=2, wait=True)
    store.close()
    again = Store(f"sqlite:///{tmp_path / 'store.db'}", 24)
    try:
        found = totals(again)
        assert (found["calls_ok"], found["prompt_tokens"], found["seconds"], found["batch_done"]) == (2, 14, 1.0, 2)
    finally:
        again.close()


def test_a_call_that_gave_nothing_usable_is_paid_for_all_the_same(store: Store) -> None:
    store.usage.keep([call(outcome="unusable")])
    assert (totals(store)["calls_failed"], totals(store)["prompt_tokens"]) == (1, 7)


def test_calls_are_kept_where_replies_are_not(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'none.db'}", 0)
    try:
        store.save_reply("key", Reply(("A",)), [call()])
        store.usage.count(ORIGIN, batch_done=1, wait=True)
        assert len(store.usage.calls("4.1")) == 1
    finally:
        store.close()


def test_only_the_wanted_versions_calls_are_found(store: Store) -> None:
    store.usage.keep([call()])
    assert store.usage.calls("4.1", ["other/1"]) == []
    assert len(store.usage.calls("4.1", [ORIGIN.version])) == 1
    assert store.usage.calls("5.1") == []
