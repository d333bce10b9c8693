"""Intervals and tests, of one share and of two versions on the same tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, bootstrap, norm

LEVEL = 0.95
POWER = 0.8

_Z = float(norm.ppf((1 + LEVEL) / 2))
_Z_POWER = float(norm.ppf(POWER))
_FEWEST_FLIPS = 6  # all to one side: five would still happen by chance in 6 % of cases


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def share(part: int, whole: int) -> Interval | None:
    """`part` of `whole` with Wilson's interval; None of nothing."""
    if not whole:
        return None
    found = binomtest(part, whole).proportion_ci(LEVEL, method="wilson")
    return Interval(part / whole, float(found.low), float(found.high))


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact p: how often chance alone would part the flips as unevenly."""
    flips = only_first + only_second
    return float(binomtest(only_first, flips).pvalue) if flips else 1.0


def paired_difference(only_first: int, only_second: int, n: int) -> Interval:
    """By how much the second is right more often, with the interval of Bonett and Price (2012) for paired shares."""
    first, second = ((flips + 1) / (n + 2) for flips in (only_first, only_second))
    middle = second - first
    reach = _Z * math.sqrt(max(first + second - middle**2, 0) / (n + 2))
    return Interval((only_second - only_first) / n, max(middle - reach, -1), min(middle + reach, 1))


def mean_difference(differences: Sequence[float]) -> Interval:
    """The mean of paired differences with its bootstrap interval; the same in each run."""
    mean = float(np.mean(differences))
    if len(set(differences)) < 2:
        return Interval(mean, mean, mean)
    found = bootstrap(
        (differences,), np.mean, n_resamples=2_000, batch=50, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high))


@dataclass(frozen=True)
class Reach:
    """What a number of tasks can show, at a level of 5 % with a power of 80 %.

    `smallest` is the smallest difference, `needed` the number of tasks that would show the difference that was seen;
    None where there is none.
    """

    smallest: float
    needed: int | None


def reach_of_shares(difference: float, flips: float, n: int) -> Reach:
    """What `n` tasks show of a `difference` of shares that are right, where a share `flips` of them flips."""

    def lacking(value: float) -> float:
        return _tasks_needed(value, flips) - n

    smallest = 1.0 if lacking(1.0) >= 0 else float(brentq(lacking, 1e-6, 1.0, xtol=1e-4))
    return Reach(smallest, _tasks_needed(abs(difference), flips) if difference else None)


def reach_of_means(differences: Sequence[float]) -> Reach:
    """What so many tasks show of a mean difference."""
    n, mean, spread = len(differences), float(np.mean(differences)), (_Z + _Z_POWER) * float(np.std(differences))
    return Reach(spread / math.sqrt(n), math.ceil((spread / mean) ** 2) if mean else None)


def _tasks_needed(difference: float, flips: float) -> int:
    """Connor's number of pairs for McNemar's test (1987), and enough for as many flips as it takes at least."""
    flips = max(flips, difference)
    root = _Z * math.sqrt(flips) + _Z_POWER * math.sqrt(max(flips - difference**2, 0))
    return math.ceil(max((root / difference) ** 2, _FEWEST_FLIPS / difference))
