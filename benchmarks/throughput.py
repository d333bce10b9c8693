"""Batches: how near to what the model's latency, and what the openai client, allow; and what they take."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

from benchmarks.bodies import LABEL_CONFIG, SIX_CONFIG, SIX_REPLY, names
from benchmarks.cpu import cpu_seconds_of_tree
from benchmarks.figures import Row, percentile
from benchmarks.llm import Behaviour
from benchmarks.memory import Memory, Peak
from benchmarks.programs import Backend, BareLoop, LoopbackLLM
from benchmarks.sizes import Sizes

_THREADS = 32
_MANY_THREADS = 256


def batch(sizes: Sizes, folder: Path) -> list[Row]:
    """A batch against a slow model, and the memory before and during it."""
    with LoopbackLLM() as llm, Backend(llm, folder) as backend:
        fresh = backend.memory()
        backend.setup()
        for name in names("warm", 5):
            backend.ask(name)
        idle = backend.memory()
        row, peak = _paced(backend, llm, sizes.batch, sizes.batch_latency)
    memory = Row(
        f"memory of the process tree (RSS), idle / {sizes.batch:,}-task batch",
        f"{idle.rss:.0f} / {peak.rss:.0f} MB",
        "≤ 160 / 220 MB",
        idle.rss <= 160 and peak.rss <= 220,
        f"PSS {idle.pss:.0f} / {peak.pss:.0f} MB; idle is after a /setup and 5 interactive requests, "
        f"RSS {fresh.rss:.0f} MB right after the start; the peak is looked for 5 times a second",
        {"idle_rss": idle.rss, "idle_pss": idle.pss, "peak_rss": peak.rss, "peak_pss": peak.pss},
    )
    return [row, memory]


def many_at_once(sizes: Sizes, folder: Path) -> list[Row]:
    """As many calls at once as the backend can be set to make."""
    with LoopbackLLM() as llm, Backend(llm, folder, MAX_CONCURRENCY=str(_MANY_THREADS)) as backend:
        backend.setup()
        return [_paced(backend, llm, sizes.wide_batch, 1.0, _MANY_THREADS)[0]]


def large_batch(sizes: Sizes, folder: Path) -> list[Row]:
    """A request larger than any Label Studio was seen to send."""
    with LoopbackLLM() as llm, Backend(llm, folder) as backend:
        backend.setup()
        row, peak = _paced(backend, llm, sizes.large_batch, sizes.large_latency)
        after = backend.memory()
    memory = Row(
        f"memory of the process tree (RSS), {sizes.large_batch:,}-task batch",
        f"{peak.rss:.0f} MB",
        "bounded",
        None,
        f"PSS {peak.pss:.0f} MB; RSS {after.rss:.0f} MB after it",
        {"peak_rss": peak.rss, "peak_pss": peak.pss, "after_rss": after.rss},
    )
    return [row, memory]


def _paced(
    backend: Backend, llm: LoopbackLLM, count: int, latency: float, threads: int = _THREADS
) -> tuple[Row, Memory]:
    tasks = names("paced", count)
    llm.behave(Behaviour(latency=latency))
    with Peak(backend.pid) as peak:
        answer = backend.predict_all(tasks)
    calls = llm.calls()
    durations = [call.ended - call.arrived for call in calls if call.ended is not None]
    most = llm.most_in_flight()
    ideal = math.ceil(count / threads) * latency
    ratio = answer.seconds / ideal
    # What is left to the backend once the model's own lateness is taken off.
    slack = math.ceil(count / threads) * (statistics.mean(durations) - latency)
    row = Row(
        f"{count:,} tasks × {latency:g} s",
        f"{ratio:.3f} × the ideal ({answer.seconds:.1f} s)",
        f"≤ 1.10 × ceil({count:,}/{threads}) × {latency:g} s",
        ratio <= 1.10 and len(calls) == count and most <= threads,
        f"{len(calls)} calls, at most {most} at once; the model itself took {statistics.mean(durations):.3f} s a call "
        f"(p95 {percentile(durations, 0.95):.3f}), {slack:.1f} s of the whole",
        {"ratio": ratio, "seconds": answer.seconds, "most_in_flight": most, "calls": len(calls)},
    )
    return row, peak.most


def zero_latency(sizes: Sizes, folder: Path) -> list[Row]:
    """Batches against a model that costs nothing, in turn with a bare loop over the openai client."""
    return [
        _beside_the_client(sizes, folder / "two", "response + Choices", LABEL_CONFIG, Behaviour(), 0.80),
        _beside_the_client(
            sizes, folder / "six", "six outputs with spans", SIX_CONFIG, Behaviour(content=SIX_REPLY), 0.5
        ),
    ]


def _beside_the_client(
    sizes: Sizes, folder: Path, outputs: str, config: str, behaviour: Behaviour, target: float
) -> Row:
    bare: list[float] = []
    ours: list[float] = []
    count = sizes.round_tasks
    with LoopbackLLM() as llm, Backend(llm, folder) as backend, BareLoop(llm, _THREADS) as loop:
        backend.setup()
        loop.run("warm-bare", 100)
        llm.behave(behaviour)
        backend.predict_all(names("warm-ours", 100), config=config)
        before = cpu_seconds_of_tree(backend.pid), cpu_seconds_of_tree(loop.pid)
        for number in range(sizes.rounds):
            llm.behave(behaviour)
            bare.append(count / loop.run(f"bare-{number}", count))
            ours.append(count / backend.predict_all(names(f"ours-{number}", count), config=config).seconds)
        after = cpu_seconds_of_tree(backend.pid), cpu_seconds_of_tree(loop.pid)
    cpu, bare_cpu = ((b - a) / (sizes.rounds * count) * 1000 for a, b in zip(before, after, strict=True))
    ratio = statistics.median(ours) / statistics.median(bare)
    ratios = [mine / its for mine, its in zip(ours, bare, strict=True)]
    return Row(
        f"zero latency, {outputs}, tasks/s",
        f"{ratio:.2f} × the bare loop ({statistics.median(ours):.0f} to {statistics.median(bare):.0f})",
        f"≥ {target:.2f} × a bare loop over the openai client",
        ratio >= target,
        f"medians of {sizes.rounds} alternating rounds of {count:,}; "
        f"single rounds {min(ratios):.2f}–{max(ratios):.2f}, "
        f"bare loop {min(bare):.0f}–{max(bare):.0f}/s, ours {min(ours):.0f}–{max(ours):.0f}/s; "
        f"CPU time a call {bare_cpu:.2f} ms and {cpu:.2f} ms",
        {
            "ratio": ratio,
            "ours": statistics.median(ours),
            "bare": statistics.median(bare),
            "cpu": cpu,
            "bare_cpu": bare_cpu,
        },
    )
