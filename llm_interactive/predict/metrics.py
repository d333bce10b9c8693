"""The totals of all processes in Prometheus' text format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from llm_interactive.llm.prices import total

_TASKS = ("tasks", "Tasks answered, failed, or late: those are still awaited.", ("mode", "outcome"))
_CALLS = ("llm_calls", "Requests to the model.", ("outcome",))
_TOKENS = ("tokens", "Tokens paid for.", ("kind",))
_COUNTERS: Mapping[tuple[str, str, tuple[str, ...]], Mapping[str, tuple[str, ...]]] = {
    _TASKS: {
        f"{mode}_{outcome}": (mode, outcome)
        for mode in ("batch", "interactive")
        for outcome in ("done", "failed", "late")
        if (mode, outcome) != ("interactive", "late")
    },
    _CALLS: {"calls_ok": ("ok",), "calls_failed": ("failed",)},
    _TOKENS: {"prompt_tokens": ("prompt",), "completion_tokens": ("completion",)},
    ("cached_tokens", "Those of the prompts' tokens that the provider had in its cache.", ()): {"cached_tokens": ()},
    ("reasoning_tokens", "Those of the replies' tokens that went into reasoning.", ()): {"reasoning_tokens": ()},
    ("replies_from_store", "Replies that were already paid for.", ()): {"from_store": ()},
    ("llm_seconds", "Time that paid requests to the model took.", ()): {"seconds": ()},
}
"""Name, help and labels of each counter; the columns of the totals it is made of, with their labels' values."""

_COST = "US dollars paid to the provider, by the price list. A project of which a price is not known has none."


class _Totals(Collector):
    """The counters of projects. Versions are no label: every change of a prompt would add one."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._projects: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._costs: defaultdict[str, list[float | None]] = defaultdict(list)
        for row in rows:
            self._costs[row["project"]].append(row["cost"])
            for columns in _COUNTERS.values():
                for column in columns:
                    self._projects[row["project"]][column] += row[column]

    def collect(self) -> Iterator[Metric]:
        """The counters, each with all projects."""
        for (name, text, labels), columns in _COUNTERS.items():
            counter = CounterMetricFamily(f"llm_interactive_{name}", text, labels=["project", *labels])
            for project, counts in self._projects.items():
                for column, values in columns.items():
                    counter.add_metric([project, *values], counts[column])
            yield counter
        money = CounterMetricFamily("llm_interactive_cost_dollars", _COST, labels=["project"])
        for project, costs in self._costs.items():
            if (cost := total(costs)) is not None:
                money.add_metric([project], cost)
        yield money


def exposition(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The totals by project and version, each with its `cost`, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Totals(rows))
    return generate_latest(registry)
