"""Two versions on the same tasks: which is better, by how much, and whether so many tasks can show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_interactive.evaluation.answers import Answers, Material
from llm_interactive.evaluation.report import Case, cases_of
from llm_interactive.evaluation.spending import Spent
from llm_interactive.evaluation.statistics import (
    Interval,
    Reach,
    mcnemar,
    mean_difference,
    paired_difference,
    reach_of_means,
    reach_of_shares,
)
from llm_interactive.evaluation.values import Kind, Value, likeness

GRADED = {Kind.NUMBER: "mean error", Kind.SPANS: "F1", Kind.TEXT: "similarity"}
"""Kinds whose values can be nearly right, so that what is compared is how near they are on average."""

_CHANCE = 0.05


@dataclass(frozen=True)
class Flip:
    """A task that only one of the two versions has right."""

    task: int
    human: Value
    first: Value
    second: Value


@dataclass(frozen=True)
class Comparison:
    """Two versions for one output, on the `n` tasks that both answered and whose right value is known.

    Attributes:
        both, neither: how many tasks both, or none of them, have right.
        lost, won: the tasks that only the first, or only the second, has right.
        difference: of the shares that are right, the second's less the first's.
        p: of McNemar's exact test.
        nearness: the mean difference of likeness, for the GRADED kinds.
        reach: what so many tasks can show, of the nearness where there is one, else of the shares.
    """

    output: str
    kind: Kind
    first: str
    second: str
    n: int
    both: int
    neither: int
    lost: Sequence[Flip]
    won: Sequence[Flip]
    difference: Interval
    p: float
    nearness: Interval | None
    reach: Reach
    spent: tuple[Spent, Spent]

    @property
    def better(self) -> str | None:
        """The better version; None where so many tasks show no difference."""
        decisive = self.nearness or self.difference
        shown = decisive.low * decisive.high > 0 if self.nearness else self.p < _CHANCE
        return (self.second if decisive.value > 0 else self.first) if shown else None

    @property
    def sentence(self) -> str:
        """What the comparison decides."""
        first, second = self.spent
        if self.better is None:
            return no_difference(self.n, self.reach, self.smallest_shown) + more_cost(self.second, second, first)
        amount = self._amount(self.nearness or self.difference)
        measure = f" in {GRADED[self.kind]}" if self.nearness else ""
        price = at_cost(second, first) if self.better == self.second else at_cost(first, second)
        return f"{self.better} is better by {amount}{measure}{price}"

    @property
    def smallest_shown(self) -> str:
        """The smallest difference that so many tasks show, in words."""
        smallest = self.reach.smallest
        return f"{smallest:.2g}" if self.kind is Kind.NUMBER else f"{100 * smallest:.1f} points"

    def _amount(self, found: Interval) -> str:
        """The size of a difference with its interval, counted in favour of the better one."""
        value, low, high = found.value, found.low, found.high
        if value < 0:
            value, low, high = -value, -high, -low
        if self.kind is Kind.NUMBER:
            return f"{value:.2g} [{low:.2g}, {high:.2g}]"
        return f"{100 * value:.1f} points [{100 * low:.1f}, {100 * high:.1f}]"


def no_difference(n: int, reach: Reach, smallest: str) -> str:
    """That `n` tasks do not decide, and what would; `smallest` is the smallest difference to show, in words."""
    needed = reach.needed if reach.needed and reach.needed > n else None
    rest = f"about {needed:,} would be needed" if needed else f"{smallest} would have been shown"
    return f"no difference that {n:,} tasks could show; {rest}"


def at_cost(better: Spent, other: Spent) -> str:
    """What the better one of two versions costs, to end a sentence with; "" where a price is unknown."""
    ratio = _ratio(better, other)
    return f" at {ratio:.2g} × the cost" if ratio else ""


def more_cost(name: str, spent: Spent, other: Spent) -> str:
    """What a version costs that is no better than another one, as at_cost."""
    ratio = _ratio(spent, other)
    return f". {name} costs {ratio:.2g} × as much" if ratio else ""


def _ratio(spent: Spent, other: Spent) -> float | None:
    both = spent.per_thousand, other.per_thousand
    return both[0] / both[1] if both[0] and both[1] else None


def compare(
    material: Material, reference: str, first: str, second: str, spent: Mapping[str, Spent] | None = None
) -> list[Comparison]:
    """The comparison for each output that both versions answered on tasks with a right value.

    Raises:
        InvalidRequest: the reference is nobody who annotated.
    """
    both = (spent or {}).get(first, Spent()), (spent or {}).get(second, Spent())
    found = (_compared(answers, answers.reference(reference), first, second, both) for answers in material.outputs)
    return [comparison for comparison in found if comparison]


def _compared(
    answers: Answers, right: Mapping[int, Value], first: str, second: str, spent: tuple[Spent, Spent]
) -> Comparison | None:
    others = {case.task: case for case in cases_of(answers, right, second)}
    pairs = [(case, others[case.task]) for case in cases_of(answers, right, first) if case.task in others]
    if not any(case.human is not None for case, _ in pairs):
        return None
    lost = [_flip(a, b) for a, b in pairs if a.is_right and not b.is_right]
    won = [_flip(a, b) for a, b in pairs if b.is_right and not a.is_right]
    both = sum(a.is_right and b.is_right for a, b in pairs)
    gains = _gains(answers.kind, pairs)
    n, flips = len(pairs), len(lost) + len(won)
    difference = paired_difference(len(lost), len(won), n)
    return Comparison(
        answers.output,
        answers.kind,
        first,
        second,
        n,
        both,
        n - both - flips,
        lost,
        won,
        difference,
        mcnemar(len(lost), len(won)),
        mean_difference(gains) if gains else None,
        reach_of_means(gains) if gains else reach_of_shares(difference.value, flips / n, n),
        spent,
    )


def _gains(kind: Kind, pairs: Sequence[tuple[Case, Case]]) -> list[float]:
    """By how much the second is nearer, task by task; none where values are only right or wrong."""
    if kind not in GRADED:
        return []
    # A number that is missing has no distance.
    near = [(a, b) for a, b in pairs if kind is not Kind.NUMBER or None not in (a.human, a.model, b.model)]
    return [likeness(kind, b.human, b.model) - likeness(kind, a.human, a.model) for a, b in near]


def _flip(first: Case, second: Case) -> Flip:
    return Flip(first.task, first.human, first.model, second.model)
