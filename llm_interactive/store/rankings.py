"""Which model wrote which of the replies that people rank: they see neutral ids, and only this table knows."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import ranked, ranked_prompts, verdicts

Order = Sequence[Sequence[str]]
"""Ids of replies, the best first; in one list, those that are as good as each other."""

_of_project = (
    sa.select(ranked.c.task, ranked.c.source, ranked.c.reply, ranked.c.version)
    .where(ranked.c.project == sa.bindparam("project"))
    .order_by(ranked.c.created_at, ranked.c.reply, ranked.c.version)
)

_prompts = sa.select(ranked_prompts.c.version, ranked_prompts.c.prompt).where(
    ranked_prompts.c.project == sa.bindparam("project")
)

_verdicts = sa.select(verdicts.c.judge, verdicts.c.task, verdicts.c.ranked).where(
    verdicts.c.project == sa.bindparam("project")
)


@dataclass(frozen=True)
class Ranked:
    """A task whose replies are ranked.

    Attributes:
        task: id of the task that was replied to.
        source: the project of that task, `<id>.<created>`.
        versions: the model versions that gave each reply, by its id, or by its `fingerprint` where people could write
            into it. Several versions may have given the same reply.
    """

    task: str
    source: str
    versions: Mapping[str, Sequence[str]]


class Rankings:
    """The replies of the projects that people rank in. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, project: str, tasks: Iterable[Ranked], prompts: Mapping[str, str] | None = None) -> bool:
        """Keep whose replies a project's tasks show, beside what is known of them; False when the database fails.

        `prompts` are those that the model versions were asked by.
        """
        shared = {"project": project, "created_at": time.time()}
        asked = [{**shared, "version": version, "prompt": prompt} for version, prompt in (prompts or {}).items()]
        rows = [
            {**shared, "task": one.task, "source": one.source, "reply": reply, "version": version}
            for one in tasks
            for reply, versions in one.versions.items()
            for version in versions
        ]
        return self._database.write({ranked: rows, ranked_prompts: asked})

    def prompts(self, project: str) -> dict[str, str]:
        """The prompts by which the model versions were asked whose replies a project shows, by the version."""
        return {row.version: row.prompt for row in self._database.rows(_prompts, project=project)}

    def save_verdicts(self, project: str, judge: str, orders: Mapping[int, Order]) -> None:
        """Keep how the model version `judge` ranks the replies in a project's tasks, by the task's id."""
        rows = [{"project": project, "judge": judge, "task": task, "ranked": orders[task]} for task in orders]
        self._database.write({verdicts: [{**row, "created_at": time.time()} for row in rows]})

    def verdicts(self, project: str) -> dict[str, dict[int, Order]]:
        """How each judge ranks the replies in a project's tasks, by the task's id."""
        found: dict[str, dict[int, Order]] = {}
        for row in self._database.rows(_verdicts, project=project):
            found.setdefault(row.judge, {})[row.task] = row.ranked
        return found

    def of(self, project: str) -> dict[str, Ranked]:
        """What is known of a project's tasks, by the id of the task that was replied to."""
        found: dict[str, Ranked] = {}
        versions: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for row in self._database.rows(_of_project, project=project):
            versions[row.task][row.reply].append(row.version)
            found[row.task] = Ranked(row.task, row.source, versions[row.task])
        return found
