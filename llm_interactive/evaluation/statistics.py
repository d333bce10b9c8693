"""Intervals and tests, of one share and of two versions on the same tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, permutation_test, sem, t

LEVEL = 0.95
POWER = 0.8

_Z = float(norm.ppf((1 + LEVEL) / 2))
_Z_POWER = float(norm.ppf(POWER))
FEWEST = 6
"""So many tasks it takes at least to show anything: five that all flip to one side still do so by chance in 6 %."""


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


@dataclass(frozen=True)
class MeanDifference(Interval):
    """The mean of `n` paired differences; `p` is how often chance alone would make it as large, whichever its sign."""

    n: int
    p: float


def mean_difference(differences: Sequence[float]) -> MeanDifference:
    """The mean of paired differences with Student's interval, and p by turning signs at random; the same in each run.

    One more difference to each side, as large as the largest, keeps few or equal ones from looking sure, as Bonett
    and Price add a flip to each side.
    """
    found = np.array(differences)
    largest = np.abs(found).max()
    padded = np.append(found, [largest, -largest])
    reach = float(t.ppf((1 + LEVEL) / 2, len(padded) - 1) * sem(padded))
    middle = float(padded.mean())
    return MeanDifference(float(found.mean()), middle - reach, middle + reach, len(found), _p_of_signs(found))


def _p_of_signs(differences: NDArray[np.float64]) -> float:
    found = differences[differences != 0]
    if len(found) < 2:  # its other sign makes it as large
        return 1.0
    rng = np.random.default_rng(0)
    # Exact up to 10 differences, of which 6 are the fewest for less than 5 %, as with McNemar's test.
    tested = permutation_test((found,), np.sum, permutation_type="samples", n_resamples=1_999, batch=100, rng=rng)
    return float(tested.pvalue)


@dataclass(frozen=True)
class Reach:
    """What a number of tasks can show, at a level of 5 % with a power of 80 %.

    `smallest` is the smallest difference, None where there is none, as the tasks are too few, or where it is unknown,
    as all are alike. `needed` is the number of tasks that would show the difference that was seen; None without one.
    """

    smallest: float | None
    needed: int | None


def reach_of_shares(difference: float, flips: float, n: int) -> Reach:
    """What `n` tasks show of a `difference` of shares that are right, where a share `flips` of them flips."""

    def lacking(value: float) -> float:
        return _tasks_needed(value, flips) - n

    smallest = None if n < FEWEST else float(brentq(lacking, 1e-6, 1.0, xtol=1e-4))
    return Reach(smallest, _tasks_needed(abs(difference), flips) if difference else None)


def reach_of_means(differences: Sequence[float]) -> Reach:
    """What so many tasks show of a mean difference."""
    n, mean, spread = len(differences), float(np.mean(differences)), (_Z + _Z_POWER) * float(np.std(differences))
    smallest = spread / math.sqrt(n) if n >= FEWEST and spread else None
    return Reach(smallest, max(math.ceil((spread / mean) ** 2), FEWEST) if mean else None)


def _tasks_needed(difference: float, flips: float) -> int:
    """Connor's number of pairs for McNemar's test (1987), and enough for as many flips as it takes at least."""
    flips = max(flips, difference)
    root = _Z * math.sqrt(flips) + _Z_POWER * math.sqrt(max(flips - difference**2, 0))
    return math.ceil(max((root / difference) ** 2, FEWEST / difference))
