"""How much is measured: for figures, or (`--quick`) to see whether all is well."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Counts of tasks, requests and rounds; latencies and durations in seconds; limits in requests a minute."""

    batch: int = 1000
    batch_latency: float = 1.0
    wide_batch: int = 4000
    large_batch: int = 10_000
    large_latency: float = 0.2
    pushed: int = 5000
    rounds: int = 5
    round_tasks: int = 1000
    interactive: int = 200
    annotators: int = 4
    mixed_latency: float = 0.5
    idle_seconds: float = 12.0
    health_seconds: float = 10.0
    failing_status: tuple[int, ...] = (400, 500)
    kills: int = 3
    starts: int = 5
    limit_per_minute: int = 600
    limit_latency: float = 1.0
    limit_window: float = 60.0
    limit_settle: float = 20.0
    bucket_tasks: int = 900
    window_tasks: int = 1500
    receipts: int = 100
    slow_receipts: int = 30


FULL = Sizes()

QUICK = Sizes(
    batch_latency=0.3,
    wide_batch=1024,
    large_batch=1500,
    pushed=1000,
    rounds=3,
    round_tasks=400,
    interactive=50,
    mixed_latency=0.2,
    idle_seconds=2.0,
    health_seconds=3.0,
    failing_status=(400,),
    kills=1,
    starts=1,
    limit_per_minute=6000,
    limit_latency=0.1,
    limit_window=6.0,
    limit_settle=5.0,
    bucket_tasks=1000,
    window_tasks=900,
    receipts=40,
    slow_receipts=18,
)
