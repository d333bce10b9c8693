"""Intervals and tests against figures from the literature or worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llm_interactive.evaluation.statistics import (
    Interval,
    Reach,
    mcnemar,
    mean_difference,
    paired_difference,
    reach_of_means,
    reach_of_shares,
    share,
)

approx: Any = pytest.approx


def test_a_share_has_wilsons_interval() -> None:
    # (8 + z²/2 ± z √(8·2/10 + z²/4)) / (10 + z²) with z = 1.96
    assert share(8, 10) == Interval(0.8, approx(0.4902, abs=1e-4), approx(0.9433, abs=1e-4))


def test_a_share_of_nothing_is_unknown() -> None:
    assert share(0, 0) is None


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    [
        (0, 0, 1.0),
        (0, 5, 2 / 32),
        (0, 6, 2 / 64),
        (1, 5, 2 * (1 + 6) / 64),
        (5, 5, 1.0),
    ],
)
def test_mcnemars_p_is_the_two_sided_tail_of_fair_coins(lost: int, won: int, p: float) -> None:
    assert mcnemar(lost, won) == approx(p)


def test_a_paired_difference_has_the_interval_of_bonett_and_price() -> None:
    # (3 + 1)/102 and (9 + 1)/102: middle 6/102, reach 1.96 √((14/102 − (6/102)²)/102)
    reach = 1.959964 * math.sqrt((14 / 102 - (6 / 102) ** 2) / 102)
    expected = Interval(0.06, approx(6 / 102 - reach), approx(6 / 102 + reach))
    assert paired_difference(3, 9, 100) == expected


def test_a_mean_difference_has_the_same_interval_in_each_run() -> None:
    differences = [0.1, 0.3, -0.1, 0.2, 0.2, 0.0, 0.4, 0.1]
    found = mean_difference(differences)
    assert found == mean_difference(differences)
    assert found.value == approx(0.15)
    assert found.low < found.value < found.high


def test_a_mean_difference_has_students_interval_with_one_more_difference_to_each_side() -> None:
    # 2, 2, 2, and 2 and −2: mean 1.2, standard deviation √(12.8/4), t of 4 degrees of freedom 2.7764
    reach = 2.7764 * math.sqrt(12.8 / 4 / 5)
    found = mean_difference([2.0, 2.0, 2.0])
    assert (found.value, found.low, found.high) == (2.0, approx(1.2 - reach, abs=1e-4), approx(1.2 + reach, abs=1e-4))


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([0.0, 0.0], 1.0),
        ([3.0], 1.0),
        ([1.0] * 5 + [0.0] * 90, 2 / 32),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2 / 64),
        ([1.0, 2.0, 3.0, 4.0, 5.0, -1.0], 6 / 64),
    ],
)
def test_p_of_a_mean_difference_is_the_share_of_signs_that_make_it_as_large(differences: list[float], p: float) -> None:
    assert mean_difference(differences).p == approx(p)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_chance_alone_is_rarely_taken_for_a_difference(n: int) -> None:
    noise = np.random.default_rng(1).normal(size=(100, n))
    assert sum(mean_difference(one.tolist()).p < 0.05 for one in noise) <= 0.07 * len(noise)


def test_connors_number_of_pairs() -> None:
    # Difference 0.1 where 0.3 flip: ((1.96 √0.3 + 0.8416 √(0.3 − 0.01)) / 0.1)² = 233.1
    assert reach_of_shares(0.1, 0.3, 50).needed == 234


def test_as_many_tasks_as_are_needed_for_a_difference_have_it_as_their_smallest() -> None:
    assert reach_of_shares(0.1, 0.3, 234).smallest == approx(0.1, abs=5e-4)


def test_six_flips_to_one_side_are_the_fewest_that_chance_does_not_bring() -> None:
    assert reach_of_shares(0.0, 0.0, 100).smallest == approx(0.06, abs=0.02)


def test_too_few_tasks_show_nothing_at_all() -> None:
    assert reach_of_shares(0.5, 0.5, 5).smallest is None
    assert reach_of_means([0.5, 0.1]) == Reach(None, 6)


def test_differences_that_are_all_the_same_tell_nothing_of_smaller_ones() -> None:
    assert reach_of_means([0.0] * 8) == Reach(None, None)


def test_without_a_difference_no_number_of_tasks_would_show_it() -> None:
    assert reach_of_shares(0.0, 0.2, 100).needed is None
    assert reach_of_means([0.1, -0.1]).needed is None


def test_the_reach_of_means_goes_by_their_spread() -> None:
    # Mean 0.1 and spread 0.2: ((1.96 + 0.8416) · 0.2 / 0.1)² = 31.4
    reach = reach_of_means([0.3, -0.1] * 8)
    assert (reach.needed, reach.smallest) == (32, approx(2.80159 * 0.2 / 4, abs=1e-4))
