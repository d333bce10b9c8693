"""Who wins against whom, and by how much, prompt by prompt: several votes on one prompt are not independent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from evalica import Winner
from evalica import bradley_terry as fitted
from numpy.typing import NDArray

from llm_interactive.evaluation.statistics import LEVEL, Interval, Reach, mcnemar, paired_difference, reach_of_shares
from llm_interactive.ranking.ballots import Ballot

_CHANCE = 1 - LEVEL
_RESAMPLES = 1_000

Scores = Mapping[int, Sequence[float]]
"""What one side gets from each vote (1, 0.5, 0), by the task."""


@dataclass(frozen=True)
class Rate:
    """How often one side wins, with ties as half, over tasks: each is won by the side that has most of its votes.

    Attributes:
        won, tied, lost: ids of the tasks.
        votes: how many there are on them.
    """

    won: Sequence[int]
    tied: Sequence[int]
    lost: Sequence[int]
    votes: int

    @classmethod
    def of(cls, scores: Scores) -> Rate:
        """The rate of some scores."""
        means = {task: fmean(given) for task, given in scores.items()}
        won, tied, lost = ([task for task, mean in means.items() if np.sign(mean - 0.5) == sign] for sign in (1, 0, -1))
        return cls(won, tied, lost, sum(map(len, scores.values())))

    @property
    def n(self) -> int:
        """How many tasks there are."""
        return len(self.won) + len(self.tied) + len(self.lost)

    @property
    def share(self) -> Interval:
        """The rate with its interval, of Bonett and Price for the difference of won and lost tasks."""
        found = paired_difference(len(self.lost), len(self.won), self.n)
        return Interval(*((1 + value) / 2 for value in (found.value, found.low, found.high)))

    @property
    def p(self) -> float:
        """Of the sign test."""
        return mcnemar(len(self.lost), len(self.won))

    @property
    def is_shown(self) -> bool:
        """Whether so many tasks show that one side wins more often."""
        return self.p < _CHANCE

    @property
    def is_more_than_half(self) -> bool:
        """Whether the one side wins more often than the other."""
        return len(self.won) > len(self.lost)

    @property
    def reach(self) -> Reach:
        """What so many tasks can show, of the difference of won and lost ones."""
        won, lost = len(self.won), len(self.lost)
        return reach_of_shares((won - lost) / self.n, (won + lost) / self.n, self.n)

    @property
    def smallest_shown(self) -> float | None:
        """The smallest rate above a half that so many tasks show; None where they are too few."""
        return None if self.reach.smallest is None else (1 + self.reach.smallest) / 2

    def reversed(self) -> Rate:
        """The other side's."""
        return Rate(self.lost, self.tied, self.won, self.votes)


@dataclass(frozen=True)
class Duel:
    """Two model versions, and how often the first wins."""

    first: str
    second: str
    rate: Rate


def scores_of_pairs(ballots: Iterable[Ballot]) -> dict[tuple[str, str], dict[int, list[float]]]:
    """What the first of each two versions gets; where both gave the same reply there is nothing to vote on."""
    found: defaultdict[tuple[str, str], defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for ballot in ballots:
        for vote in ballot.votes:
            for first in vote.first.versions:
                for second in vote.second.versions:
                    if first < second:
                        found[first, second][ballot.task].append(vote.score)
                    elif first > second:
                        found[second, first][ballot.task].append(1 - vote.score)
    return {pair: dict(scores) for pair, scores in sorted(found.items())}


def lean_to_first(ballots: Iterable[Ballot]) -> Rate:
    """How often the reply is better that is shown first, or on the left."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for ballot in ballots:
        found[ballot.task] += (vote.score for vote in ballot.votes)
    return Rate.of(found)


def lean_to_longer(ballots: Iterable[Ballot]) -> Rate:
    """How often the longer reply is better."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for ballot in ballots:
        for vote in ballot.votes:
            difference = len(vote.first.text) - len(vote.second.text)
            if difference:
                found[ballot.task].append(vote.score if difference > 0 else 1 - vote.score)
    return Rate.of(found)


def bradley_terry(scores: Mapping[tuple[str, str], Scores]) -> dict[str, Interval]:
    """How likely each of three or more versions wins against one of the others, by the model of Bradley and Terry.

    The interval is a bootstrap's over tasks, the same in each run. Each two versions start with one tie, without which
    one that never loses would have no place.
    """
    names = sorted({name for pair in scores for name in pair})
    rows = {task: row for row, task in enumerate({task for given in scores.values() for task in given})}
    wins = np.zeros((len(rows), len(names), len(names)))
    for (first, second), given in scores.items():
        for task, votes in given.items():
            row, one, other = rows[task], names.index(first), names.index(second)
            wins[row, one, other] = fmean(votes)
            wins[row, other, one] = 1 - fmean(votes)
    draws = np.random.default_rng(0).multinomial(len(rows), [1 / len(rows)] * len(rows), _RESAMPLES)
    resampled = [_chances(np.tensordot(draw, wins, axes=1)) for draw in draws]
    low, high = np.percentile(resampled, [50 * _CHANCE, 100 - 50 * _CHANCE], axis=0)
    columns = zip(names, _chances(wins.sum(axis=0)), low, high, strict=True)
    return {name: Interval(*map(float, values)) for name, *values in columns}


def _chances(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean chance of each version against the others; `wins` has how often the row's beats the column's."""
    count = len(wins)
    ahead = [(one, other) for one in range(count) for other in range(count) if one != other]
    start = [(one, other) for one, other in ahead if one < other]
    first, second = zip(*ahead, *start, strict=True)
    winners = [Winner.X] * len(ahead) + [Winner.Draw] * len(start)
    weights = [float(wins[pair]) for pair in ahead] + [1.0] * len(start)
    strengths = fitted(first, second, winners, weights=weights).scores.sort_index().to_numpy()
    chances = strengths[:, None] / (strengths[:, None] + strengths)
    mean: NDArray[np.float64] = (chances.sum(axis=1) - 0.5) / (count - 1)
    return mean
