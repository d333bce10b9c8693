"""What calls to the model took and cost in tokens, and what became of tasks; the same for all processes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from llm_interactive.llm.completion import BATCHED_TOKENS, TOKENS
from llm_interactive.store.database import Database
from llm_interactive.store.tables import COUNTS, calls, totals
from llm_interactive.store.writer import Changes

_ZEROS = {**dict.fromkeys(COUNTS, 0), "seconds": 0.0}


@dataclass(frozen=True)
class Origin:
    """Whom something is counted for."""

    project: str
    version: str

    @property
    def model(self) -> str:
        """The model that the version names."""
        return self.version.rpartition("/")[0]

    def by(self, model: str) -> Origin:
        """The same for `model` alone, where the version names two."""
        return Origin(self.project, f"{model}/{self.version.rpartition('/')[2]}")


@dataclass(frozen=True)
class Call:
    """A paid call about a task: `outcome` is `ok`, `cut` (at the limit of tokens) or `unusable`.

    Cached tokens are among the prompt's, those of reasoning among the completion's. `batched`: made through the
    provider's Batch API, at half the price and in no `seconds` that mean anything.
    """

    project: str
    version: str
    task: str
    model: str
    outcome: str
    seconds: float
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    created_at: float = 0.0
    batched: bool = False


class Usage:
    """The calls that were paid for, and totals by project and model version. Safe for threads.

    Calls are kept up to a bound, the newest ones; totals are kept for good, so that they never shrink.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, origin: Origin, *, wait: bool = False, **counts: float) -> None:
        """Add to the totals of `origin`; names are those of `COUNTS`.

        Without `wait` it is committed together with the next write that somebody waits for.
        """
        if any(counts.values()):
            self._database.write({totals: [_added(origin, **counts)]}, wait=wait)

    def keep(self, paid: Sequence[Call]) -> None:
        """Keep calls that brought no reply about."""
        self._database.write(self.rows_of(paid))

    @staticmethod
    def rows_of(paid: Sequence[Call], failed: Sequence[Origin] = ()) -> Changes:
        """The rows that keep calls, to be written with what they brought about; `failed` ones cost nothing."""
        now = time.time()
        return {
            calls: [{**vars(call), "created_at": now} for call in paid],
            totals: [*map(_of_call, paid), *(_added(origin, calls_failed=1) for origin in failed)],
        }

    def totals(self, project: str | None = None) -> list[dict[str, Any]]:
        """A row for each project and version: `project`, `version`, `seconds` and the numbers of `COUNTS`."""
        wanted = sa.select(totals).order_by(totals.c.project, totals.c.version)
        if project is not None:
            wanted = wanted.where(totals.c.project == project)
        return [dict(row._mapping) for row in self._database.rows(wanted)]

    def calls(self, project: str, versions: Iterable[str] | None = None) -> list[Call]:
        """The paid calls of a project that are still kept, oldest first; of all its versions, or of these."""
        columns = [calls.c[name.name] for name in fields(Call)]
        wanted = sa.select(*columns).where(calls.c.project == project).order_by(calls.c.id)
        if versions is not None:
            wanted = wanted.where(calls.c.version.in_(list(versions)))
        return [Call(**row._mapping) for row in self._database.rows(wanted)]


def _added(origin: Origin, **counts: float) -> dict[str, Any]:
    return {**_ZEROS, "project": origin.project, "version": origin.version, **counts}


def _of_call(call: Call) -> dict[str, Any]:
    outcome = "calls_failed" if call.outcome == "unusable" else "calls_ok"
    tokens = {name: getattr(call, name) for name in TOKENS}
    if call.batched:
        tokens |= {name: tokens[name.removeprefix("batched_")] for name in BATCHED_TOKENS}
    return _added(Origin(call.project, call.version), **{outcome: 1}, **tokens, seconds=call.seconds)
