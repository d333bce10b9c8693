"""What scores are worth: how many tasks can be accepted unseen, and whether a score is a probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binned_statistic
from sklearn.metrics import brier_score_loss

_BINS = 10
_POINTS = 200


@dataclass(frozen=True)
class Point:
    """Of the tasks with at least this `score`: which share they are of all, with or without one, and how many of them
    are right, as a share.
    """

    score: float
    coverage: float
    accuracy: float


@dataclass(frozen=True)
class Bin:
    """The tasks with scores between `low` and `high`: how many, their mean score, and which share is right."""

    low: float
    high: float
    n: int
    score: float
    accuracy: float


@dataclass(frozen=True)
class Confidence:
    """Accuracy by score.

    Attributes:
        n: tasks with a score.
        points: the curve of accuracy against coverage, from the highest score down.
        wanted: the accuracy that was asked for.
        accepted: where most tasks are accepted at that accuracy; None where no score reaches it.
        bins: those of ten equal ones that hold tasks.
        ece: expected calibration error: by how much score and accuracy differ on average.
        brier: mean squared distance of the score from 1 (right) or 0 (wrong).
    """

    n: int
    points: tuple[Point, ...]
    wanted: float
    accepted: Point | None
    bins: tuple[Bin, ...]
    ece: float
    brier: float


def confidence(scores: Sequence[float], right: Sequence[bool], wanted: float, tasks: int) -> Confidence | None:
    """What the scores of some of the `tasks` are worth; None where all are the same, as such say nothing."""
    if len(set(scores)) < 2:
        return None
    points = _points(scores, right, tasks)
    accepted = max((point for point in points if point.accuracy >= wanted), key=lambda p: p.coverage, default=None)
    bins = _bins(scores, right)
    ece = sum(one.n * abs(one.accuracy - one.score) for one in bins) / len(scores)
    brier = float(brier_score_loss(np.array(right, int), np.array(scores), pos_label=1))
    thinned = points[: -1 : max(len(points) // _POINTS, 1)]
    return Confidence(len(scores), (*thinned, points[-1]), wanted, accepted, bins, ece, brier)


def _points(scores: Sequence[float], right: Sequence[bool], tasks: int) -> tuple[Point, ...]:
    """One for each score that occurs, as tasks of the same score can only be accepted together."""
    order = np.argsort(-np.array(scores), kind="stable")
    ordered, hits = np.array(scores)[order], np.array(right)[order].cumsum()
    ends = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    return tuple(Point(float(ordered[end]), float((end + 1) / tasks), float(hits[end] / (end + 1))) for end in ends)


def _bins(scores: Sequence[float], right: Sequence[bool]) -> tuple[Bin, ...]:
    edges = np.linspace(0, 1, _BINS + 1)
    values = [scores, np.array(right, float)]
    means = binned_statistic(scores, values, "mean", bins=edges).statistic
    counts = binned_statistic(scores, scores, "count", bins=edges).statistic
    return tuple(
        Bin(float(edges[i]), float(edges[i + 1]), int(counts[i]), float(means[0][i]), float(means[1][i]))
        for i in range(_BINS)
        if counts[i]
    )
