"""Which tasks of a project `label` is about."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import typer

from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import Task

_PLANNED_FROM = 50


@dataclass(frozen=True)
class Choice:
    """What is asked for: a `sample` of the project or of the Data Manager's tab `view`, or the tasks `ids`."""

    sample: int | None = None
    view: int | None = None
    ids: Sequence[int] | None = None
    only_missing: bool = False

    @classmethod
    def of(cls, sample: int | None, view: int | None, task: str | None, *, only_missing: bool) -> Choice:
        """The choice by options as they were typed.

        Raises:
            BadParameter: they contradict each other.
        """
        if task is not None and (sample or view) is not None:
            raise typer.BadParameter("--task names the tasks: it goes with neither --sample nor --filter.")
        return cls(sample, view, _ids(task), only_missing)


@dataclass(frozen=True)
class Chosen:
    """The `count` tasks to label, `some` of them at random, and the ids among those asked for that are `unknown`."""

    tasks: Iterable[Task]
    count: int
    some: Sequence[Task]
    unknown: Sequence[int] = ()


def chosen(studio: LabelStudio, project: int, version: str, choice: Choice) -> Chosen:
    """The tasks of a project that are to be labelled by `version`."""
    view, ids = choice.view, choice.ids
    if ids is None and choice.sample is None and not choice.only_missing:
        count = studio.count(project, view=view)
        return Chosen(studio.tasks(project, view=view), count, studio.some(project, _PLANNED_FROM, view=view))
    tasks = list(studio.tasks(project, ids=ids, view=view))
    unknown = sorted({*(ids or ())} - {task.id for task in tasks})
    if choice.only_missing:
        done = {old.task for old in studio.predictions(project) if old.model_version == version}
        tasks = [task for task in tasks if task.id not in done]
    if choice.sample is not None:
        # The same tasks in the next run, which then costs nothing.
        tasks = random.Random(project).sample(tasks, min(choice.sample, len(tasks)))  # noqa: S311
    return Chosen(tasks, len(tasks), random.sample(tasks, min(_PLANNED_FROM, len(tasks))), unknown)


def _ids(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"--task takes numbers with commas between, not {text!r}.") from None
