"""The annotated tasks that each project's prompts show as examples, and which were chosen for a task."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import chosen_examples, example_sets
from llm_interactive.store.usage import Call, Usage

_of_project = example_sets.c.project == sa.bindparam("project")
_digests = sa.select(example_sets.c.digest).where(_of_project).order_by(example_sets.c.made_at.desc())
_content = sa.select(example_sets.c.content).where(_of_project, example_sets.c.digest == sa.bindparam("digest"))
_chosen = sa.select(chosen_examples.c.key, chosen_examples.c.tasks).where(
    chosen_examples.c.key.in_(sa.bindparam("wanted", expanding=True))
)


class ExampleSets:
    """The sets of examples that projects have had. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digests(self, project: str) -> list[str]:
        """What tells a project's last sets from each other, newest first."""
        return [row.digest for row in self._database.rows(_digests, project=project)]

    def content(self, project: str, digest: str) -> Mapping[str, Any] | None:
        """What was saved as a project's set."""
        found: Mapping[str, Any] | None = self._database.value(_content, project=project, digest=digest)
        return found

    def save(self, project: str, digest: str, content: Mapping[str, Any], paid: Sequence[Call]) -> None:
        """Keep a set, which is the project's newest, and the calls that were `paid` for it."""
        row = {"project": project, "digest": digest, "content": dict(content), "made_at": time.time()}
        self._database.write({example_sets: [row], **Usage.rows_of(paid)})

    def chosen(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """The tasks whose examples were chosen under each of some hundred `keys`, as far as any were."""
        return {row.key: row.tasks for row in self._database.rows(_chosen, wanted=list(keys))}

    def save_chosen(self, chosen: Mapping[str, Sequence[str]], paid: Sequence[Call], *, wait: bool) -> None:
        """Keep what was chosen, by key, and the calls that were `paid` for it; as `Database.write`."""
        now = time.time()
        rows = [{"key": key, "tasks": list(tasks), "created_at": now} for key, tasks in chosen.items()]
        self._database.write({chosen_examples: rows, **Usage.rows_of(paid)}, wait=wait)
