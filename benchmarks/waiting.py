"""People and clocks that wait: annotators, Label Studio's /health, the start."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.bodies import batch, names
from benchmarks.cpu import cpu_seconds_of_tree
from benchmarks.figures import Row, ms, percentile
from benchmarks.llm import Behaviour
from benchmarks.programs import Backend, BenchmarkFailed, LoopbackLLM
from benchmarks.sizes import Sizes
from benchmarks.web import send

_PREDICTS = 64
KEPT_THREADS = 8  # of the backend (llm_interactive/web/app.py)
_OVERHEAD_LATENCY = 0.05


def overhead(sizes: Sizes, folder: Path) -> list[Row]:
    """What an interactive request takes beyond the model's own time, one at a time."""
    ours: list[float] = []
    direct: list[float] = []
    with LoopbackLLM() as llm, Backend(llm, folder) as backend:
        backend.setup()
        for name in names("warm", 10):
            backend.ask(name)
        llm.behave(Behaviour(latency=_OVERHEAD_LATENCY))
        tasks = names("single", sizes.interactive)
        before = cpu_seconds_of_tree(backend.pid)
        totals = [(backend.ask(name).seconds, llm.answer_directly(name).seconds) for name in tasks]
        cpu = (cpu_seconds_of_tree(backend.pid) - before) / len(tasks)
        calls = llm.calls()
    if [call.task for call in calls] != [name for name in tasks for _ in range(2)]:
        raise BenchmarkFailed("the model was asked for something else")
    took = [(call.ended or call.arrived) - call.arrived for call in calls]
    for (total, straight), inner, inner_straight in zip(totals, took[::2], took[1::2], strict=True):
        ours.append(total - inner)
        direct.append(straight - inner_straight)
    p50, p95 = percentile(ours, 0.5), percentile(ours, 0.95)
    return [
        Row(
            "interactive overhead over the LLM, p50 / p95",
            f"{ms(p50)} / {ms(p95)}",
            "≤ 8 / 20 ms",
            p50 <= 0.008 and p95 <= 0.020,
            f"{len(ours)} requests, new connections, CPU time {cpu * 1000:.1f} ms each; "
            f"the same client straight to the model, in turn: "
            f"{ms(percentile(direct, 0.5))} / {ms(percentile(direct, 0.95))} over it",
            {
                "p50": p50,
                "p95": p95,
                "direct_p50": percentile(direct, 0.5),
                "direct_p95": percentile(direct, 0.95),
                "cpu": cpu,
            },
        )
    ]


def beside_a_batch(sizes: Sizes, folder: Path) -> list[Row]:
    """Annotators while a batch runs, and without one."""
    latency = sizes.mixed_latency
    with LoopbackLLM() as llm, Backend(llm, folder) as backend:
        backend.setup()
        llm.behave(Behaviour(latency=latency))
        _annotate(backend, sizes.annotators, "warm", lambda since: since > 2 * latency)
        idle = _annotate(backend, sizes.annotators, "idle", lambda since: since > sizes.idle_seconds)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(backend.predict_all, names("behind", sizes.batch))
            time.sleep(latency)
            busy = _annotate(backend, sizes.annotators, "busy", lambda _: running.done())
            took = running.result().seconds
    p95_idle, p95_busy = percentile(idle, 0.95), percentile(busy, 0.95)
    bound = 2 * p95_idle + 0.050
    return [
        Row(
            f"interactive p95 while a {sizes.batch:,}-task batch runs",
            f"{ms(p95_busy)} ({p95_busy / p95_idle:.2f} × idle)",
            f"≤ 2 × idle + 50 ms = {ms(bound)}",
            p95_busy <= bound,
            f"{sizes.annotators} annotators, a model of {latency:g} s; idle p50/p95 {ms(percentile(idle, 0.5))} / "
            f"{ms(p95_idle)} of {len(idle)}, beside the batch {ms(percentile(busy, 0.5))} / {ms(p95_busy)} of "
            f"{len(busy)}, longest {ms(max(busy))}; the batch took {took:.1f} s",
            {"idle_p95": p95_idle, "busy_p95": p95_busy, "busy_p50": percentile(busy, 0.5), "busy_max": max(busy)},
        )
    ]


def _annotate(backend: Backend, people: int, group: str, ended: Callable[[float], bool]) -> list[float]:
    """Seconds of the requests of `people` who ask, look for a moment, and ask again until `ended`."""
    began = time.monotonic()

    def work(person: int) -> list[float]:
        seconds: list[float] = []
        time.sleep(0.037 * person)
        while not ended(time.monotonic() - began):
            seconds.append(backend.ask(f"t-{group}-{person}-{len(seconds)}").seconds)
            # Different pauses, so that they do not fall in step with the batch's calls.
            time.sleep(0.05 + 0.031 * person + 0.017 * (len(seconds) % 7))
        return seconds

    with ThreadPoolExecutor(people) as pool:
        return [seconds for found in pool.map(work, range(people)) for seconds in found]


def health(sizes: Sizes, folder: Path) -> list[Row]:
    """/health and /setup while as many predictions as possible are under way."""
    with LoopbackLLM() as llm, Backend(llm, folder) as backend:
        llm.behave(Behaviour(latency=1.0))
        for number in range(_PREDICTS):
            # More than one that arrives before the others can have answered at once.
            body = batch(names(f"flight-{number}", 60))
            threading.Thread(target=_try, args=(backend.port, body), daemon=True).start()
        time.sleep(2.0)
        began = time.monotonic()
        seconds: list[float] = []
        setups: list[float] = []
        straight: list[float] = []
        while time.monotonic() - began < sizes.health_seconds:
            seconds.append(backend.health().seconds)
            straight.append(send(llm.port, "/none").seconds)
            if len(seconds) % 5 == 0:
                setups.append(backend.setup().seconds)
            time.sleep(0.005)
        refused = send(backend.port, "/predict", batch(names("one-too-many", 1)))
        if refused.status != 503:
            raise BenchmarkFailed(f"there are no {_PREDICTS} predictions under way: status {refused.status}")
        most = llm.most_in_flight()
        backend.kill()
    p99 = percentile(seconds, 0.99)
    return [
        Row(
            f"/health p99, {_PREDICTS} predicts in flight",
            ms(p99),
            "≤ 50 ms",
            p99 <= 0.050,
            f"{len(seconds)} requests, p50 {ms(percentile(seconds, 0.5))}, longest {ms(max(seconds))}; /setup p99 "
            f"{ms(percentile(setups, 0.99))}; one /predict more: 503 after {ms(refused.seconds)}; "
            f"{most} calls at once; the same client to an idle server: p99 {ms(percentile(straight, 0.99))}",
            {"p99": p99, "setup_p99": percentile(setups, 0.99), "straight_p99": percentile(straight, 0.99)},
        )
    ]


def _try(port: int, body: bytes) -> None:
    try:
        send(port, "/predict", body)
    except OSError:
        pass  # the backend is killed in the end


def start(sizes: Sizes, folder: Path) -> list[Row]:
    """From the command to the first answer of /health."""
    with LoopbackLLM() as llm:
        times: list[float] = []
        cpu: list[float] = []
        for _ in range(sizes.starts + 1):
            with Backend(llm, folder, THREADS=str(_PREDICTS + KEPT_THREADS)) as backend:
                times.append(backend.seconds_to_health)
                cpu.append(backend.cpu_to_health)
    # The first one compiles what is not compiled yet.
    first, *warm = times
    median = statistics.median(warm)
    return [
        Row(
            "start to first /health",
            f"{median:.2f} s",
            "≤ 2 s",
            median <= 2,
            f"median of {len(warm)}, {min(warm):.2f}–{max(warm):.2f} s; "
            f"CPU time {statistics.median(cpu):.2f} s; the first one before them {first:.2f} s",
            {"median": median, "first": first, "cpu": statistics.median(cpu)},
        )
    ]
