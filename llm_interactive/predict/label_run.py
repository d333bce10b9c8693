"""A project's tasks → predictions in Label Studio: asked, pushed, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import NewPrediction, Prediction, Task
from llm_interactive.llm.completion import BATCHED_TOKENS, TOKENS
from llm_interactive.llm.prices import total
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.bulk import BulkRun, Entries
from llm_interactive.predict.project import Project
from llm_interactive.services import Services
from llm_interactive.store.usage import Origin

_SPENT = ("calls_ok", "calls_failed", *TOKENS, *BATCHED_TOKENS)
_PUSHED_AT_ONCE = 5000
DROPPED = "Label Studio did not take the prediction."
"""Why a task failed whose prediction it left out without a word."""


@dataclass
class Summary:
    """What became of the tasks so far: `failed` by cause, `filled` by control's name, `cost` in US dollars.

    `cost` is None where the price is not known, `accepted` (predictions that became annotations) where none should be.
    """

    model_version: str
    done: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    cost: float | None = 0.0
    accepted: int | None = None

    def left_of(self, tasks: int) -> int:
        """How many of so many tasks were neither labelled nor failed."""
        return max(0, tasks - self.done - self.failed.total())


class LabelRun:
    """Labels tasks of the project `number` of a Label Studio with the prompts of `project`."""

    def __init__(
        self, services: Services, studio: LabelStudio, number: int, project: Project, budget: Budget | None = None
    ) -> None:
        """A run that ends where `budget` does."""
        self._services = services
        self._studio = studio
        self._project = project
        self._number = number
        self._version = project.version
        self._names = [output.control.name for form in project.forms for output in form.outputs]
        self._run = BulkRun(services, project, budget)
        self._before = {origin: self._spent(origin) for origin in project.payers}
        self._scores: dict[int, float] = {}
        self._own: dict[int, list[Prediction]] = {}  # what tasks had of this version, until they are labelled anew
        self.summary = Summary(self._version, filled=Counter(dict.fromkeys(self._names, 0)))

    def label(self, tasks: Iterable[Task]) -> Iterator[int]:
        """Label `tasks` and push their predictions, some thousands at a time; gives how many tasks are through.

        A prediction that is stored already stays. A task's older ones by the same version are removed as soon as the
        new one is in; those of other versions stay, for comparing.
        """
        waiting: Entries = []
        for entries in self._run.entries(map(self._sent, tasks)):
            waiting += entries
            if len(waiting) >= _PUSHED_AT_ONCE:
                self._push(waiting)
                waiting = []
            yield len(entries)
        self._push(waiting)
        self.summary.cost = self._cost()

    def sure(self, above: float) -> list[int]:
        """The tasks that were labelled with a score of at least `above`."""
        return [task for task, score in self._scores.items() if score >= above]

    def accept(self, tasks: Sequence[int]) -> Iterator[int]:
        """Make annotations of the predictions of those `tasks` that nobody annotated; gives 1 for each task seen to.

        A task that has been accepted before is left as it is.
        """
        self.summary.accepted = 0
        for task in self._studio.tasks(self._number, ids=tasks):
            made = [prediction for prediction in task.predictions if prediction.model_version == self._version]
            if made and not task.annotations and not task.accepted:
                self._studio.accept(made[-1])
                self.summary.accepted += 1
            yield 1

    def _sent(self, task: Task) -> Mapping[str, Any]:
        if own := [prediction for prediction in task.predictions if prediction.model_version == self._version]:
            self._own[task.id] = own
        return as_sent(task)

    def _push(self, entries: Entries) -> None:
        """Push the predictions among `entries` that Label Studio does not have, and remove those they replace."""
        predictions = [
            NewPrediction(int(task["id"]), entry["result"], self._version, entry["score"])
            for task, entry in entries
            if "result" in entry
        ]
        kept = {new.task for new in predictions if self._is_there(new)}
        stored = set(kept)
        self.summary.failed.update(entry["error"] for _, entry in entries if "error" in entry)
        for pushed in self._studio.push(self._number, (new for new in predictions if new.task not in kept)):
            stored.update(pushed.stored)
            self.summary.failed.update([DROPPED] * len(pushed.dropped))
        own = {task: self._own.pop(task, []) for task in stored}
        older = [old.id for task, found in own.items() for old in (found[:-1] if task in kept else found)]
        self.summary.replaced += self._studio.delete_predictions(older)
        self._count([new for new in predictions if new.task in stored])

    def _is_there(self, new: NewPrediction) -> bool:
        return new.is_stored_as(self._own[new.task][-1] if new.task in self._own else None)

    def _count(self, stored: Sequence[NewPrediction]) -> None:
        self.summary.done += len(stored)
        for new in stored:
            if new.score is not None:
                self._scores[new.task] = new.score
            self.summary.filled.update({region["from_name"] for region in new.result} & set(self._names))

    def _spent(self, origin: Origin) -> Counter[str]:
        rows = self._services.store.usage.totals(self._project.id)
        return Counter({name: row[name] for row in rows if row["version"] == origin.version for name in _SPENT})

    def _cost(self) -> float | None:
        return total(self._cost_of(origin) for origin in self._before)

    def _cost_of(self, origin: Origin) -> float | None:
        spent = self._spent(origin)
        spent.subtract(self._before[origin])
        calls = spent["calls_ok"] + spent["calls_failed"]
        return self._services.prices.cost(origin.model, spent, calls) if calls else 0.0


def as_sent(task: Task) -> Mapping[str, Any]:
    """A task as Label Studio sends it to the backend; what was done to it does not count here."""
    return {"id": task.id, "data": task.data}


def as_dict(summary: Summary, tasks: int) -> dict[str, Any]:
    """What became of so many `tasks` as JSON has it."""
    return {
        "model_version": summary.model_version,
        "tasks": tasks,
        "done": summary.done,
        "left": summary.left_of(tasks),
        "failed": dict(summary.failed),
        "filled": dict(summary.filled),
        "replaced": summary.replaced,
        "cost": summary.cost,
        "accepted": summary.accepted,
    }
