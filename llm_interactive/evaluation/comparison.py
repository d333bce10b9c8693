"""Two versions on the same tasks: which is better, by how much, and whether so many tasks can show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llm_interactive.evaluation.answers import Answers, Material
from llm_interactive.evaluation.report import Case, cases_of
from llm_interactive.evaluation.spending import Spent
from llm_interactive.evaluation.statistics import (
    FEWEST,
    Interval,
    MeanDifference,
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
        nearness: the mean difference of likeness, for the GRADED kinds, of as many tasks as have one.
        unpaired: on how many tasks each has no number though people have one, or the reverse: such have no likeness.
        by_nearness: whether the nearness decides, and not the shares. It does not where one has more such tasks, as
            silence would pay.
        reach: what so many tasks can show, of what decides.
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
    nearness: MeanDifference | None
    unpaired: tuple[int, int]
    by_nearness: bool
    reach: Reach
    spent: tuple[Spent, Spent]

    @property
    def better(self) -> str | None:
        """The better version; None where so many tasks show no difference."""
        p = self.nearness.p if self.nearness and self.by_nearness else self.p
        return (self.second if self._decisive.value > 0 else self.first) if p < _CHANCE else None

    @property
    def sentence(self) -> str:
        """What the comparison decides."""
        first, second = self.spent
        if self.better is None:
            n = self.nearness.n if self.nearness and self.by_nearness else self.n
            return no_difference(n, self.reach, self._in_words) + more_cost(self.second, second, first) + self._caution
        price = at_cost(second, first) if self.better == self.second else at_cost(first, second)
        return f"{self.better} is better by {self._amount}{price}{self._caution}"

    @property
    def smallest_shown(self) -> str:
        """The smallest difference that so many tasks show, in words; a dash where there is none."""
        return "–" if self.reach.smallest is None else self._in_words(self.reach.smallest)

    @property
    def _decisive(self) -> Interval:
        return self.nearness if self.nearness and self.by_nearness else self.difference

    @property
    def _caution(self) -> str:
        if self.nearness is None or self.by_nearness:
            return ""
        first, second = self.unpaired
        return (
            f". The {GRADED[self.kind]} does not decide: it leaves out {first:,} tasks of {self.first} and {second:,} "
            f"of {self.second}, where either they or people have no number"
        )

    def _in_words(self, difference: float) -> str:
        is_number = self.kind is Kind.NUMBER and self.by_nearness
        return _short(difference) if is_number else f"{100 * difference:.1f} points"

    @property
    def _amount(self) -> str:
        """The size of what decides with its interval, counted in favour of the better one."""
        value, low, high = self._decisive.value, self._decisive.low, self._decisive.high
        if value < 0:
            value, low, high = -value, -high, -low
        measure = f" in {GRADED[self.kind]}" if self.by_nearness else ""
        if measure and self.kind is Kind.NUMBER:
            return f"{_short(value)} [{_short(low)}, {_short(high)}]{measure}"
        return f"{100 * value:.1f} points [{100 * low:.1f}, {100 * high:.1f}]{measure}"


def no_difference(n: int, reach: Reach, in_words: Callable[[float], str]) -> str:
    """That `n` tasks do not decide, and what would; `in_words` tells the smallest difference to show."""
    if n < FEWEST:
        return f"no difference that {n} task{'s'[: n != 1]} could show; {FEWEST} are the fewest that show any"
    if reach.needed and reach.needed > n:
        return f"no difference that {n:,} tasks could show; about {reach.needed:,} would be needed"
    if reach.smallest is None:
        return f"no difference on any of {n:,} tasks"
    return f"no difference that {n:,} tasks could show; {in_words(reach.smallest)} would have been shown"


def _short(amount: float) -> str:
    return f"{amount:.2g}" if abs(amount) < 100 else f"{amount:,.0f}"


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
    unpaired = _unpaired(answers.kind, [a for a, _ in pairs]), _unpaired(answers.kind, [b for _, b in pairs])
    by_nearness = bool(gains) and unpaired[0] == unpaired[1]
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
        unpaired,
        by_nearness,
        reach_of_means(gains) if by_nearness else reach_of_shares(difference.value, flips / n, n),
        spent,
    )


def _gains(kind: Kind, pairs: Sequence[tuple[Case, Case]]) -> list[float]:
    """By how much the second is nearer, task by task; none where values are only right or wrong."""
    if kind not in GRADED:
        return []
    # A number that is missing has no distance.
    near = [(a, b) for a, b in pairs if kind is not Kind.NUMBER or None not in (a.human, a.model, b.model)]
    return [likeness(kind, b.human, b.model) - likeness(kind, a.human, a.model) for a, b in near]


def _unpaired(kind: Kind, cases: Sequence[Case]) -> int:
    return sum((case.human is None) != (case.model is None) for case in cases) if kind is Kind.NUMBER else 0


def _flip(first: Case, second: Case) -> Flip:
    return Flip(first.task, first.human, first.model, second.model)
