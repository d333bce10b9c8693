"""Whose replies people rank: kept in the order in which they are shown."""

from __future__ import annotations

from pathlib import Path

from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import Store


def test_what_is_saved_of_a_project_is_found_again_in_the_order_shown(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", 1)
    tasks = [Ranked("1", "4.9", {"r2": ["b/2"], "r1": ["a/1", "c/3"]}), Ranked("2", "4.9", {"r1": ["a/1"]})]
    assert store.rankings.save("7.1", tasks)
    store.rankings.save("8.1", [Ranked("1", "4.9", {"r1": ["other/1"]})])
    found = store.rankings.of("7.1")
    assert found == {"1": tasks[0], "2": tasks[1]}
    assert list(found["1"].versions) == ["r2", "r1"]
    store.close()
