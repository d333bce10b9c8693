"""What is read from Label Studio, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from llm_interactive.labeling.tags import Region
from llm_interactive.text import one_line

ACCEPTED = "prediction"
"""The `last_action` of an annotation that nobody looked at: it was made of a prediction that was sure enough."""


@dataclass(frozen=True)
class Project:
    """A project. `key` is `<id>.<created>`, by which Label Studio names it to the backend and the store knows it."""

    id: int
    title: str
    labeling_config: str
    model_version: str
    key: str


@dataclass(frozen=True)
class Prediction:
    """A stored prediction of a task; `created_at` is ISO 8601 in UTC, so that texts sort as times do."""

    id: int
    task: int
    result: tuple[Region, ...]
    model_version: str
    score: float | None
    created_at: str


@dataclass(frozen=True)
class NewPrediction:
    """A prediction to be stored for a task."""

    task: int
    result: Sequence[Region]
    model_version: str
    score: float | None = None

    def is_stored_as(self, old: Prediction | None) -> bool:
        """Whether `old`, the task's newest one by the same version, says it already."""
        return old is not None and (list(old.result), old.score) == (list(self.result), self.score)


@dataclass(frozen=True)
class Pushed:
    """What came of a chunk of predictions: the tasks whose prediction is `stored`, and those whose was `dropped`."""

    stored: tuple[int, ...]
    dropped: tuple[int, ...]


@dataclass(frozen=True)
class Annotation:
    """What one user submitted for a task, in `lead_time` seconds.

    `cancelled`: the task was skipped. `parent_prediction`: id of the prediction it was made from, which may be gone.
    """

    id: int
    user: int | None
    result: tuple[Region, ...]
    ground_truth: bool = False
    cancelled: bool = False
    lead_time: float | None = None
    parent_prediction: int | None = None
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True)
class Task:
    """A task with its annotations and predictions, oldest first.

    `accepted`: how many annotations were made of predictions unseen. They are not among the others, which are people's.
    """

    id: int
    data: Mapping[str, Any]
    annotations: tuple[Annotation, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    accepted: int = 0


def project_of(found: Mapping[str, Any]) -> Project:
    """A project from the JSON of Label Studio's API."""
    created = found.get("created_at")
    seconds = int(datetime.fromisoformat(_time(created)).timestamp()) if created else 0
    return Project(
        int(found["id"]),
        one_line(found.get("title") or ""),
        found.get("label_config") or "",
        found.get("model_version") or "",
        f"{found['id']}.{seconds}",
    )


def task_of(found: Mapping[str, Any]) -> Task:
    """A task from the JSON of Label Studio's API."""
    annotations = sorted(found.get("annotations") or [], key=_id)
    peoples = [annotation for annotation in annotations if not _is_accepted(annotation)]
    predictions = sorted(found.get("predictions") or [], key=_id)
    return Task(
        int(found["id"]),
        found["data"],
        tuple(map(_annotation, peoples)),
        tuple(map(prediction_of, predictions)),
        found.get("meta") or {},
        len(annotations) - len(peoples),
    )


def prediction_of(found: Mapping[str, Any]) -> Prediction:
    """A prediction from the JSON of Label Studio's API."""
    return Prediction(
        int(found["id"]),
        int(found["task"]),
        tuple(found.get("result") or ()),
        found.get("model_version") or "",
        found.get("score"),
        _time(found.get("created_at")),
    )


def _annotation(found: Mapping[str, Any]) -> Annotation:
    user = found.get("completed_by")
    return Annotation(
        int(found["id"]),
        user["id"] if isinstance(user, Mapping) else user,
        tuple(found.get("result") or ()),
        bool(found.get("ground_truth")),
        bool(found.get("was_cancelled")),
        found.get("lead_time"),
        found.get("parent_prediction"),
        _time(found.get("created_at")),
        _time(found.get("updated_at")),
    )


def _is_accepted(found: Mapping[str, Any]) -> bool:
    # Somebody who changed it since spent time on it.
    return found.get("last_action") == ACCEPTED and found.get("lead_time") is None and not found.get("ground_truth")


def _id(record: Mapping[str, Any]) -> int:
    return int(record["id"])


def _time(value: Any) -> str:
    # The SDK makes datetimes of some of them.
    return str(value.isoformat() if hasattr(value, "isoformat") else value or "").replace("Z", "+00:00")
