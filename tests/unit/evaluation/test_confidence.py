"""What scores are worth, on a handful of tasks."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.evaluation.confidence import Bin, Point, confidence

approx: Any = pytest.approx

SCORES = [0.95, 0.95, 0.85, 0.65, 0.65]
RIGHT = [True, True, True, False, True]


def test_the_curve_has_a_point_for_each_score_from_the_highest_down() -> None:
    found = confidence(SCORES, RIGHT, 0.95, 5)
    assert found is not None
    assert found.points == (Point(0.95, 0.4, 1.0), Point(0.85, 0.6, 1.0), Point(0.65, 1.0, 0.8))


def test_as_many_tasks_are_accepted_as_the_wanted_accuracy_allows() -> None:
    found = confidence(SCORES, RIGHT, 0.95, 5)
    assert found is not None
    assert found.accepted == Point(0.85, 0.6, 1.0)


def test_tasks_without_a_score_are_never_accepted() -> None:
    found = confidence(SCORES, RIGHT, 0.75, 50)
    assert found is not None
    assert found.accepted == Point(0.65, 0.1, 0.8)


def test_a_wanted_accuracy_may_be_out_of_reach() -> None:
    found = confidence([0.9, 0.8], [False, True], 0.95, 2)
    assert found is not None
    assert found.accepted is None


def test_bins_hold_mean_score_and_accuracy_and_give_the_calibration_error() -> None:
    found = confidence(SCORES, RIGHT, 0.95, 5)
    assert found is not None
    assert found.bins == (
        Bin(approx(0.6), approx(0.7), 2, approx(0.65), 0.5),
        Bin(approx(0.8), approx(0.9), 1, approx(0.85), 1.0),
        Bin(approx(0.9), 1.0, 2, approx(0.95), 1.0),
    )
    assert found.ece == approx((2 * 0.15 + 0.15 + 2 * 0.05) / 5)
    assert found.brier == approx((2 * 0.05**2 + 0.15**2 + 0.65**2 + 0.35**2) / 5)


def test_scores_that_are_all_the_same_say_nothing() -> None:
    assert confidence([1.0, 1.0], [True, False], 0.95, 2) is None
    assert confidence([], [], 0.95, 0) is None
