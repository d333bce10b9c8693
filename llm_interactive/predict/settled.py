"""What became of a batch's tasks, for the caller and for the log."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.errors import BackendError, DeadlineError, NoPromptYet
from llm_interactive.llm.provider_errors import CUT

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settled:
    """A task's prediction, or why there is none. `is_cut`: a reply to it ended at the limit of tokens."""

    prediction: dict[str, Any] | None
    failure: BackendError | None
    is_cut: bool = False

    @property
    def entry(self) -> dict[str, Any]:
        """What the caller is given."""
        return {"error": self.failure.message} if self.failure else self.prediction or {}


def late(trouble: BackendError | None) -> DeadlineError:
    """Why a task has no outcome yet; `trouble` is why the last attempt failed for a moment."""
    last = f" The last attempt failed: {trouble}" if trouble else ""
    return DeadlineError(f"No reply in time; it is still awaited. Retrieve predictions again in a moment.{last}")


def log_failures(project: str, tasks: Sequence[str], settled: Sequence[Settled]) -> None:
    """A line for each cause, with how many of `tasks` (their ids) it stopped and the first of them."""
    failures = [one.failure for one in settled]
    late_ones = [failure for failure in failures if isinstance(failure, DeadlineError)]
    if late_ones:
        log.info("Project %s: %d of %d tasks are late: %s", project, len(late_ones), len(tasks), late_ones[0])
    causes = [failure.message if failure and not isinstance(failure, DeadlineError) else "" for failure in failures]
    for message, count in Counter(filter(None, causes)).items():
        level = logging.INFO if message == NoPromptYet().message else logging.WARNING
        example = tasks[causes.index(message)]
        log.log(
            level,
            "Project %s: %d of %d tasks failed, such as task %s: %s",
            project,
            count,
            len(tasks),
            example,
            message,
        )
    if any(cut := [one.is_cut for one in settled]):
        example = tasks[cut.index(True)]
        log.warning("Project %s: %d of %d tasks, such as task %s: %s", project, sum(cut), len(tasks), example, CUT)
