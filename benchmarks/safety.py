"""Nothing lost, nothing paid twice: a task that always fails, and kill -9."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

from benchmarks.bodies import batch, named_results, names
from benchmarks.figures import Row
from benchmarks.llm import Behaviour, Call
from benchmarks.programs import Backend, BenchmarkFailed, LoopbackLLM
from benchmarks.sizes import Sizes

_SETTLED = 0.1
"""Seconds after which a reply that was handed to the backend must be in its database."""


def one_failing(sizes: Sizes, folder: Path) -> list[Row]:
    """A batch with one task that the model never answers."""
    with LoopbackLLM() as llm, Backend(llm, folder) as backend:
        batches = {status: names(f"failing-{status}", 60) for status in sizes.failing_status}
        llm.behave(Behaviour(latency=0.1, failing={tasks[30]: status for status, tasks in batches.items()}))
        with ThreadPoolExecutor(len(batches)) as pool:
            answers = dict(zip(batches, pool.map(backend.predict, map(batch, batches.values())), strict=True))
        calls = Counter(call.task for call in llm.calls())
    stored = {status: named_results(answer.body, batches[status]) for status, answer in answers.items()}
    tried = ", ".join(
        f"status {status}: asked {calls[batches[status][30]]} times, {answer.seconds:.1f} s"
        for status, answer in answers.items()
    )
    fewest = min(stored.values())
    return [
        Row(
            "60 tasks, one permanently failing",
            f"{fewest} with a result",
            "59",
            fewest == 59,
            f"in their places; {tried}",
            {f"stored_{status}": count for status, count in stored.items()},
        )
    ]


def killed(sizes: Sizes, folder: Path) -> list[Row]:
    """kill -9 when a third is paid for, start again, retrieve again."""
    counts: Counter[str] = Counter()
    for number in range(sizes.kills):
        counts += _kill_once(folder / str(number), names(f"killed-{number}", 300))
    twice = counts["settled again"]
    return [
        Row(
            "kill -9 after a third, retrieve again",
            f"{twice} of {counts['settled']} paid twice",
            "0",
            twice == 0,
            f"{sizes.kills} × 300 tasks, all with results in the end; besides, replies that arrived in the last "
            f"{_SETTLED * 1000:.0f} ms: {counts['arriving again']} of {counts['arriving']} paid twice; "
            f"{counts['in flight']} calls were in flight, unanswered",
            {name.replace(" ", "_"): count for name, count in counts.items()},
        )
    ]


def _kill_once(folder: Path, tasks: list[str]) -> Counter[str]:
    with LoopbackLLM() as llm:
        llm.behave(Behaviour(latency=0.5, jitter=0.3))
        with Backend(llm, folder) as backend, ThreadPoolExecutor(1) as pool:
            retrieval = pool.submit(_retrieve, backend, tasks)
            wait_for_replies(llm, len(tasks) // 3)
            killed_at = time.monotonic()
            backend.kill()
            retrieval.result()
        time.sleep(0.2)
        before = llm.calls()
        with Backend(llm, folder) as backend:
            backend.predict_all(tasks)
        return paid_again(before, llm.calls()[len(before) :], killed_at)


def paid_again(before: Sequence[Call], after: Sequence[Call], killed_at: float) -> Counter[str]:
    """Calls `before` the kill, by how far they were, and how many of each kind were made again `after` it."""
    again = Counter(call.task for call in after)
    counts: Counter[str] = Counter()
    for call in before:
        delivered = call.ended is not None and call.ended <= killed_at
        recent = call.ended is not None and call.ended > killed_at - _SETTLED
        kind = "in flight" if not delivered else "arriving" if recent else "settled"
        counts[kind] += 1
        counts[f"{kind} again"] += again[call.task]
    return counts


def _retrieve(backend: Backend, tasks: list[str]) -> None:
    try:
        backend.predict_all(tasks)
    except (OSError, HTTPException):
        return  # killed, as it should be
    raise BenchmarkFailed("the batch ended before the backend was killed")


def wait_for_replies(llm: LoopbackLLM, count: int) -> None:
    """Wait until `count` replies have gone out, at most half a minute."""
    give_up = time.monotonic() + 30
    while sum(call.ended is not None for call in llm.calls()) < count:
        if time.monotonic() > give_up:
            raise BenchmarkFailed(f"no {count} replies within 30 s")
        time.sleep(0.02)
