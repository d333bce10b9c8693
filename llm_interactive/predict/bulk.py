"""All tasks of a project, however many: some hundreds at a time, so that memory stays bounded and no slot idle."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.llm.turns import Queue
from llm_interactive.predict.batch import BatchRun
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.prepare import Task
from llm_interactive.predict.project import Project
from llm_interactive.services import Services

_GROUP = 500
_AT_ONCE = 3
_GROUP_SECONDS = 86400.0

Entries = list[tuple[Task, dict[str, Any]]]
"""Tasks with their predictions, or `{"error": message}`."""


class BulkRun:
    """Predictions for any number of tasks, with as many calls at once as a batch of Label Studio's makes."""

    def __init__(self, services: Services, project: Project, budget: Budget | None = None) -> None:
        """`budget` bounds what may be spent; tasks beyond it get its error."""
        self._services = services
        self._project = project
        self._budget = budget
        self._queue = Queue(project.options.model)

    def entries(self, tasks: Iterable[Task]) -> Iterator[Entries]:
        """The entries of `tasks`, in their order, some hundreds at a time as they are done."""
        groups = _in_groups(tasks)
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="bulk")
        running: deque[Future[Entries]] = deque()
        try:
            for group in groups:
                running.append(pool.submit(self._entries_of, group))
                if len(running) == _AT_ONCE:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _entries_of(self, tasks: Sequence[Task]) -> Entries:
        run = BatchRun(
            self._services,
            self._project,
            tasks,
            queue=self._queue,
            deadline=Deadline.after(_GROUP_SECONDS),
            budget=self._budget,
        )
        self._services.running.begin(run)
        return list(zip(tasks, run.entries(), strict=True))


def _in_groups(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    left = iter(tasks)
    while group := list(islice(left, _GROUP)):
        yield group
