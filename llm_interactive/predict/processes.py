"""What all processes over one database are doing, so that each of them can tell of all."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from llm_interactive.predict.running_batches import ERRORS_KEPT
from llm_interactive.store.database import Database
from llm_interactive.store.tables import processes

Report = dict[str, list[dict[str, Any]]]
"""`batches` under way and the last `errors`, of one process or of several."""

_TELL_EVERY = 2.0
_SILENT_AFTER = 10.0

_others = sa.select(processes.c.report).where(
    processes.c.name != sa.bindparam("name"), processes.c.at > sa.bindparam("since")
)


class Processes:
    """The reports of the processes over `database`, this one's included. Safe for threads."""

    def __init__(self, database: Database, own: Callable[[], Report]) -> None:
        self._database = database
        self._own = own
        self._name = uuid.uuid4().hex
        self._closed = threading.Event()
        threading.Thread(target=self._tell, name="processes", daemon=True).start()

    def report(self) -> Report:
        """This process's report and those of the others that were heard of in the last seconds, as one."""
        rows = self._database.rows(_others, name=self._name, since=time.time() - _SILENT_AFTER)
        return merged([self._own(), *(row.report for row in rows)])

    def close(self) -> None:
        """Tell no more."""
        self._closed.set()

    def _tell(self) -> None:
        while not self._closed.wait(_TELL_EVERY):
            report = self._own()
            if any(report.values()):
                self._database.write({processes: [{"name": self._name, "at": time.time(), "report": report}]})


def merged(reports: list[Report]) -> Report:
    """Several reports as one."""
    errors = sorted((row for report in reports for row in report["errors"]), key=lambda row: row["at"], reverse=True)
    return {
        "batches": [batch for report in reports for batch in report["batches"]],
        "errors": errors[:ERRORS_KEPT],
    }
