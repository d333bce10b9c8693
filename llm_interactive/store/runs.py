"""What batches came to, and what went wrong for annotators; the same for all processes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import cancelled, runs

_SHOWN = 100

_newest = sa.select(runs).order_by(runs.c.started_at.desc()).limit(_SHOWN)
# Apart, so that what fails for annotators all day does not drive out the batches.
_of_mode = {mode: _newest.where(runs.c.mode == mode) for mode in ("batch", "interactive")}
_cancelled = sa.select(cancelled.c.run).where(cancelled.c.run.in_(sa.bindparam("wanted", expanding=True)))


@dataclass(frozen=True)
class Run:
    """A batch, or an interactive request that failed, as far as it has come at `told_at`.

    `tasks` are those that are done, `from_store` (paid for before), `failed`, `late` (without a reply in time, or
    cancelled) and `left`. `errors` says why how many tasks failed, `note` why some are late.
    """

    key: str
    project: str
    version: str
    started_at: float
    tasks: int
    mode: str = "batch"
    from_store: int = 0
    done: int = 0
    failed: int = 0
    late: int = 0
    left: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    note: str = ""
    told_at: float = field(default_factory=time.time)

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return max(0.0, self.told_at - self.started_at)

    @property
    def seconds_left(self) -> float | None:
        """How long it will last at the pace so far; None before the first outcome."""
        finished = self.done + self.failed
        return self.seconds / finished * self.left if finished else None


class Runs:
    """The newest runs of all processes. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tell(self, told: Sequence[Run], *, wait: bool = True) -> None:
        """Keep how far runs have come."""
        self._database.write({runs: [asdict(run) for run in told]}, wait=wait)

    def newest(self, project: str | None = None) -> list[Run]:
        """The newest runs of each mode, of one project or of all."""
        wanted = [
            _of_mode[mode] if project is None else _of_mode[mode].where(runs.c.project == project) for mode in _of_mode
        ]
        return [Run(**row._mapping) for statement in wanted for row in self._database.rows(statement)]

    def cancel(self, key: str) -> None:
        """Ask the process that a run is of to cancel it."""
        self._database.write({cancelled: [{"run": key, "created_at": time.time()}]})

    def cancelled(self, keys: Iterable[str]) -> set[str]:
        """Those of these runs that are to be cancelled."""
        return {row.run for row in self._database.rows(_cancelled, wanted=list(keys))}
