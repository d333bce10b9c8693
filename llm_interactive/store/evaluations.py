"""The newest evaluation of each project, as the page that the backend shows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import evaluations

_newest = sa.select(evaluations.c.html, evaluations.c.made_at).where(evaluations.c.project == sa.bindparam("project"))


@dataclass(frozen=True)
class Evaluation:
    """A report as HTML, which holds no texts of tasks and replies, and when it was made."""

    html: str
    made_at: float


class Evaluations:
    """The evaluations that were kept. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, project: str) -> Evaluation | None:
        """The newest evaluation of a project, if it has one."""
        rows = self._database.rows(_newest, project=project)
        return Evaluation(**rows[0]._mapping) if rows else None

    def keep(self, project: str, html: str) -> None:
        """Keep a project's evaluation in place of the one before."""
        self._database.write({evaluations: [{"project": project, "html": html, "made_at": time.time()}]})
