"""What was asked, answered, paid and saved, by project and model version; read by /metrics and /status."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_ORIGIN = ["project", "model_version"]


@dataclass(frozen=True)
class Origin:
    """Whom something is counted for."""

    project: str
    model_version: str


class Metrics:
    """Counters of one process. Each application has a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._tasks = self._counter("tasks", "Tasks answered, or failed.", "mode", "outcome")
        self._calls = self._counter("llm_calls", "Requests to the model.", "outcome")
        self._tokens = self._counter("tokens", "Tokens paid for.", "kind")
        self._from_store = self._counter("replies_from_store", "Replies that were already paid for.")
        self._seconds = Histogram(
            "llm_interactive_llm_seconds",
            "Time of a request to the model.",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80),
            registry=self._registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"llm_interactive_{name}", text, [*_ORIGIN, *labels], registry=self._registry)

    def tasks(self, origin: Origin, mode: str, *, done: int = 0, failed: int = 0) -> None:
        """Count tasks that got a prediction, and tasks that did not; `mode` is `batch` or `interactive`."""
        for outcome, count in (("done", done), ("failed", failed)):
            if count:
                self._tasks.labels(origin.project, origin.model_version, mode, outcome).inc(count)

    def call(self, origin: Origin, outcome: str, seconds: float) -> None:
        """Count a request to the model that took `seconds`; `outcome` is `ok` or `failed`."""
        self._calls.labels(origin.project, origin.model_version, outcome).inc()
        self._seconds.observe(seconds)

    def tokens(self, origin: Origin, prompt: int, completion: int) -> None:
        """Count tokens paid for."""
        self._tokens.labels(origin.project, origin.model_version, "prompt").inc(prompt)
        self._tokens.labels(origin.project, origin.model_version, "completion").inc(completion)

    def from_store(self, origin: Origin, count: int) -> None:
        """Count replies that were already paid for."""
        if count:
            self._from_store.labels(origin.project, origin.model_version).inc(count)

    def totals(self) -> list[dict[str, Any]]:
        """A row for each origin: project, model_version, tasks_done, tasks_failed, calls_ok, tokens_prompt, …"""
        found: dict[Origin, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        named = {"tasks": self._tasks, "calls": self._calls, "tokens": self._tokens, "from_store": self._from_store}
        for name, counter in named.items():
            for sample in next(iter(counter.collect())).samples:
                if sample.name.endswith("_total"):
                    labels = sample.labels
                    kind = labels.get("outcome") or labels.get("kind")
                    origin = Origin(labels["project"], labels["model_version"])
                    found[origin][f"{name}_{kind}" if kind else name] += int(sample.value)
        return [asdict(origin) | counts for origin, counts in found.items()]

    def exposition(self) -> bytes:
        """All counters in Prometheus' text format; those of all workers, if they share a folder for it."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
