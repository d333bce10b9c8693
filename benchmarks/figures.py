"""Rows of the table, and the few statistics they need."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One figure. `good` is None where there is no target; `note` says how it was measured and how noisy it is."""

    name: str
    measured: str
    target: str
    good: bool | None
    note: str = ""
    values: dict[str, float] = field(default_factory=dict)


def table(rows: Iterable[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| | measured | target | ok |", "|---|---|---|---|"]
    marks = {True: "yes", False: "**no**", None: ""}
    lines += [f"| {row.name} | {row.measured} | {row.target} | {marks[row.good]} |" for row in rows]
    return "\n".join(lines)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0…1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
