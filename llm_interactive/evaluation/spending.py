"""Money and time that versions took, from the calls that the database keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from llm_interactive.llm.prices import Prices, total
from llm_interactive.store.usage import Call

_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")


@dataclass(frozen=True)
class Spent:
    """What a version took: US dollars for 1,000 tasks, None where a price is unknown, and seconds of a call."""

    per_thousand: float | None = None
    p50: float | None = None
    p95: float | None = None


def spending(calls: Iterable[Call], prices: Prices) -> dict[str, Spent]:
    """What each version of a project took; calls that brought nothing usable are paid, too."""
    by_version: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_version[call.version].append(call)
    return {version: _spent(found, prices) for version, found in by_version.items()}


def _spent(calls: list[Call], prices: Prices) -> Spent:
    cost = total(_cost([call for call in calls if call.model == model], prices) for model in {c.model for c in calls})
    tasks = len({call.task for call in calls})
    per_thousand = None if cost is None else 1000 * cost / tasks
    seconds = [call.seconds for call in calls if not call.batched]
    return Spent(per_thousand, *map(float, np.percentile(seconds, [50, 95]))) if seconds else Spent(per_thousand)


def _cost(calls: list[Call], prices: Prices) -> float | None:
    tokens = {name: sum(getattr(call, name) for call in calls) for name in _TOKENS}
    batched = {f"batched_{name}": sum(getattr(call, name) for call in calls if call.batched) for name in _TOKENS}
    return prices.cost(calls[0].model, tokens | batched, len(calls))
