"""What Label Studio's JSON says of tasks."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.label_studio.records import Task, task_of

ACCEPTED = {"id": 5, "completed_by": 1, "result": [], "last_action": "prediction", "lead_time": None}


def read(*annotations: dict[str, Any]) -> Task:
    return task_of({"id": 1, "data": {}, "annotations": list(annotations)})


def test_an_annotation_that_nobody_looked_at_is_no_persons() -> None:
    found = read(ACCEPTED, {**ACCEPTED, "id": 6, "last_action": None})
    assert ([one.id for one in found.annotations], found.accepted) == ([6], 1)


@pytest.mark.parametrize("change", [{"lead_time": 2.5}, {"ground_truth": True}], ids=["changed", "ground truth"])
def test_what_a_person_did_to_it_since_makes_it_that_persons(change: dict[str, Any]) -> None:
    found = read({**ACCEPTED, **change})
    assert ([one.id for one in found.annotations], found.accepted) == ([5], 0)
