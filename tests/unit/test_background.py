"""Batches take turns at what is done for them in the background."""

from __future__ import annotations

import threading
from functools import partial

from llm_interactive.media.background import Background


def test_one_job_does_not_wait_behind_the_hundreds_of_another_batch() -> None:
    background = Background(at_once=1)
    order: list[str] = []
    go_on, done = threading.Event(), threading.Event()
    background.run([partial(go_on.wait, 10), *[partial(order.append, "many")] * 400, done.set])
    background.run([partial(order.append, "one")])
    go_on.set()
    assert done.wait(10)
    assert order.index("one") <= 1
    assert len(order) == 401


def test_a_job_that_fails_takes_none_along() -> None:
    def fail() -> None:
        raise ValueError

    background, done = Background(at_once=1), threading.Event()
    background.run([fail, done.set])
    assert done.wait(10)


def test_jobs_run_side_by_side() -> None:
    background, met = Background(at_once=2), threading.Barrier(3)
    background.run([lambda: met.wait(10)] * 2)
    met.wait(10)
