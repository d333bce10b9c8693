"""The split between tasks for evaluation and tasks for examples."""

from __future__ import annotations

from llm_interactive.labeling.split import is_held_out


def test_about_half_of_all_tasks_are_held_out() -> None:
    assert 4_800 < sum(map(is_held_out, range(10_000))) < 5_200


def test_the_split_goes_by_the_id_alone_and_never_changes() -> None:
    assert [task for task in range(12) if is_held_out(task)] == [0, 1, 4, 5, 6, 7, 9, 11]
    assert is_held_out("5") == is_held_out(5)
