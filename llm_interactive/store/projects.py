"""What is known of projects: title, labeling config, how far they are, and annotations that hold an error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import error_texts, facts, prompts, submissions, totals

_SHOWN = 100

_known = sa.union(*(sa.select(table.c.project) for table in (facts, prompts, totals)))
_told = sa.select(facts.c.project, facts.c.title, facts.c.config, facts.c.tasks, facts.c.labelled)
_facts = _told.where(facts.c.project == sa.bindparam("project"))
_error_texts = (
    sa.select(error_texts.c.annotation, error_texts.c.task)
    .where(error_texts.c.project == sa.bindparam("project"), error_texts.c.held)
    .order_by(error_texts.c.created_at.desc())
    .limit(_SHOWN)
)
_error_text = sa.select(error_texts.c.held).where(
    error_texts.c.project == sa.bindparam("project"), error_texts.c.annotation == sa.bindparam("annotation")
)

_submissions = (
    sa.select(submissions.c.edited, sa.func.count().label("annotations"))
    .where(submissions.c.project == sa.bindparam("project"))
    .group_by(submissions.c.edited)
)


@dataclass(frozen=True)
class Facts:
    """What Label Studio told of a project; None is what it has not told. `labelled` of its `tasks` are done."""

    project: str
    title: str | None = None
    config: str | None = None
    tasks: int | None = None
    labelled: int | None = None

    @property
    def number(self) -> str:
        """The project's id in Label Studio."""
        return self.project.partition(".")[0]

    @property
    def name(self) -> str:
        """The title, else the number."""
        return self.title or f"Project {self.number}"


class Projects:
    """The projects that the backend has heard of. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[str]:
        """The ids of all projects."""
        return sorted(row.project for row in self._database.rows(_known))

    def facts(self, project: str) -> Facts:
        """What is known of a project."""
        rows = self._database.rows(_facts, project=project)
        return Facts(**rows[0]._mapping) if rows else Facts(project)

    def tell(self, project: str, **new: Any) -> None:
        """Keep what was told of a project, by the names of `Facts`; None leaves what is known."""
        before = self.facts(project)
        after = replace(before, **{name: value for name, value in new.items() if value is not None})
        if after != before:
            self._database.write({facts: [{**asdict(after), "told_at": time.time()}]})

    def tell_annotation(self, project: str, annotation: str, task: str, *, holds_error: bool) -> None:
        """Note whether an annotation holds an error as a response."""
        if holds_error or self._database.value(_error_text, project=project, annotation=annotation):
            row = {"project": project, "annotation": annotation, "task": task, "held": holds_error}
            self._database.write({error_texts: [{**row, "created_at": time.time()}]})

    def tell_submission(self, project: str, annotation: str, *, edited: bool) -> None:
        """Note that an annotation with the model's replies was submitted, and whether one of them was `edited`."""
        row = {"project": project, "annotation": annotation, "edited": edited, "created_at": time.time()}
        self._database.write({submissions: [row]})

    def submissions(self, project: str) -> tuple[int, int]:
        """How many annotations have the model's replies as they were, and how many edited ones."""
        found = {row.edited: row.annotations for row in self._database.rows(_submissions, project=project)}
        return found.get(False, 0), found.get(True, 0)

    def with_error_texts(self, project: str) -> Sequence[tuple[str, str]]:
        """The newest annotations that hold an error: their ids, and those of their tasks."""
        return [(row.annotation, row.task) for row in self._database.rows(_error_texts, project=project)]
