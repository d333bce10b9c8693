"""What is at the provider's Batch API: kept before it is there, so that it is found again and not paid for twice."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import batch_requests, batches
from llm_interactive.store.writer import Changes

NEW, RUNNING, READ, DONE = "new", "running", "read", "done"
"""The states of a batch: not known to be at the provider, known to be, its replies in the store, all done with it."""

_READ_CHUNK = 500

_wanted: sa.BindParameter[list[str]] = sa.bindparam("wanted", expanding=True)
_of_project = (
    sa.select(batches)
    .where(batches.c.project == sa.bindparam("project"), batches.c.state != DONE)
    .order_by(batches.c.created_at)
)
_waiting = (
    sa.select(batch_requests.c.key)
    .join(batches, batches.c.key == batch_requests.c.batch)
    .where(batch_requests.c.key.in_(_wanted), batches.c.state.in_((NEW, RUNNING)))
)
_failures = (
    sa.select(batch_requests.c.key, batch_requests.c.error, batch_requests.c.refused, batches.c.error.label("of_batch"))
    .join(batches, batches.c.key == batch_requests.c.batch)
    .where(batch_requests.c.key.in_(_wanted))
)
_of_batch = sa.select(batch_requests).where(batch_requests.c.batch == sa.bindparam("batch"))


@dataclass(frozen=True)
class Batch:
    """A file of `requests` at the provider: `file` and `id` are its names there, None as long as they are not known.

    `endpoint` is a hash of the address; `prompts` are those it was made by, by the prompt field's name; `tasks` those
    it was sent for, of which some may have been paid for before; `lines_read` those of its output that are in the
    store. `error` says why requests have no line there.
    """

    key: str
    project: str
    version: str
    model: str
    endpoint: str
    prompts: dict[str, str]
    tasks: list[int]
    requests: int
    state: str = NEW
    file: str | None = None
    id: str | None = None
    lines_read: int = 0
    error: str = ""
    created_at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Request:
    """A request of a batch by its reply's key; `error` says why it has none, `refused` that it never will."""

    key: str
    batch: str
    task: str
    error: str = ""
    refused: bool = False
    created_at: float = field(default_factory=time.time)


class Batches:
    """The batches of all processes. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, batch: Batch, requests: Iterable[Request] = ()) -> bool:
        """Keep a batch as it is now, and `requests` of it; False if the database does not answer."""
        return self._database.write(self.rows_of(batch, requests))

    @staticmethod
    def rows_of(batch: Batch, requests: Iterable[Request]) -> Changes:
        """The rows that `save` writes."""
        return {batches: [asdict(batch)], batch_requests: [asdict(request) for request in requests]}

    def open(self, project: str) -> list[Batch]:
        """A project's batches that are not done with, oldest first."""
        return [Batch(**row._mapping) for row in self._database.rows(_of_project, project=project)]

    def waiting(self, keys: Sequence[str]) -> set[str]:
        """Those of `keys` whose replies a batch will bring."""
        chunks = (self._database.rows(_waiting, wanted=chunk) for chunk in _chunks(keys))
        return {row.key for rows in chunks for row in rows}

    def failures(self, keys: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Why the newest batch of each of `keys` brought no reply, and whether the request was refused for good."""
        chunks = (self._database.rows(_failures, wanted=chunk) for chunk in _chunks(keys))
        found = {row.key: (row.error or row.of_batch, row.refused) for rows in chunks for row in rows}
        return {key: failure for key, failure in found.items() if failure[0]}

    def requests_of(self, batch: Batch) -> dict[str, Request]:
        """The requests of a batch by their keys."""
        return {row.key: Request(**row._mapping) for row in self._database.rows(_of_batch, batch=batch.key)}


def _chunks(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _READ_CHUNK] for start in range(0, len(keys), _READ_CHUNK))
