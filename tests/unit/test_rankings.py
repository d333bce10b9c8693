"""Whose replies people rank."""

from __future__ import annotations

from pathlib import Path

from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import Store


def test_what_is_saved_of_a_project_is_found_again_beside_what_was_known(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", 1)
    tasks = [Ranked("1", "4.9", {"r1": ["a/1"], "r2": ["b/2"]}), Ranked("2", "4.9", {"r1": ["a/1"]})]
    assert store.rankings.save("7.1", tasks)
    assert store.rankings.save("7.1", [Ranked("1", "4.9", {"r1": ["c/3"], "r3": ["d/4"]}), tasks[1]])
    store.rankings.save("8.1", [Ranked("1", "4.9", {"r1": ["other/1"]})])
    versions = {"r1": ["a/1", "c/3"], "r2": ["b/2"], "r3": ["d/4"]}
    assert store.rankings.of("7.1") == {"1": Ranked("1", "4.9", versions), "2": tasks[1]}
    store.close()
