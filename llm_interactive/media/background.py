"""The work of batches on a few threads, of each batch a piece in turn."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

log = logging.getLogger(__name__)

Job = Callable[[], object]


class Background:
    """Runs jobs, at most `at_once` at a time: who hands in one does not wait behind the hundreds of somebody else."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        # Guards what follows.
        self._changed = threading.Condition()
        self._batches: deque[Iterator[Job]] = deque()
        self._threads: list[threading.Thread] = []

    def run(self, jobs: Iterable[Job]) -> None:
        """Run `jobs` one after the other, beside those of other batches; returns at once."""
        with self._changed:
            self._batches.append(iter(jobs))
            while len(self._threads) < self._at_once:
                # Daemons: the end of the process waits for none of them.
                self._threads.append(threading.Thread(target=self._work, name="images", daemon=True))
                self._threads[-1].start()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            job = self._next()
            try:
                job()
            except Exception:
                log.exception("A task could not be made ready")

    def _next(self) -> Job:
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._batches)
                jobs = self._batches.popleft()
                if job := next(jobs, None):
                    self._batches.append(jobs)
                    return job
