"""Agreement of people with each other, beside that of each version with people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from nltk.metrics.agreement import AnnotationTask
from nltk.metrics.distance import binary_distance, interval_distance

from llm_interactive.evaluation.answers import Answers
from llm_interactive.evaluation.measures import Pair, kappa
from llm_interactive.evaluation.values import Kind, likeness

_MOST_VALUES = 500  # the time of alpha grows with their square


@dataclass(frozen=True)
class Agreement:
    """How far `who` agree on tasks that both answered.

    Attributes:
        version: the one that is compared with people; "" for people with each other.
        pairs: how many pairs of answers are compared.
        likeness: their mean likeness: the share of equal ones, F1 of spans, similarity of texts, for numbers less
            than 0 by their mean distance.
        kappa: Cohen's kappa of the pairs, weighted for ratings; None for spans and texts.
        alpha: Krippendorff's alpha of the people; None for spans, texts, and too many values.
    """

    version: str
    pairs: int
    likeness: float
    kappa: float | None
    alpha: float | None = None


def agreements(answers: Answers, versions: Iterable[str]) -> list[Agreement]:
    """People with each other where two answered the same tasks, and each version with people."""
    by_task = answers.by_task()
    found: list[Agreement] = []
    among_people = [pair for values in by_task.values() for pair in combinations(values, 2)]
    if among_people:
        found.append(_agreement("", answers.kind, among_people, _alpha(answers)))
    for version in versions:
        given = answers.versions.get(version, {})
        pairs = [(value, given[task].value) for task, values in by_task.items() if task in given for value in values]
        if pairs:
            found.append(_agreement(version, answers.kind, pairs))
    return found


def _agreement(version: str, kind: Kind, pairs: Sequence[Pair], alpha: float | None = None) -> Agreement:
    mean = fmean(likeness(kind, first, second) for first, second in pairs)
    return Agreement(version, len(pairs), mean, kappa(kind, pairs), alpha)


def _alpha(answers: Answers) -> float | None:
    if answers.kind in (Kind.SPANS, Kind.TEXT):
        return None
    is_number = answers.kind is Kind.NUMBER
    given = [
        (str(user), str(task), value)
        for user, values in answers.people.items()
        for task, value in values.items()
        if value is not None or not is_number
    ]
    counts = Counter(task for _, task, _ in given)
    data = [one for one in given if counts[one[1]] > 1]  # one value alone agrees with nothing
    if not 1 < len({value for _, _, value in data}) <= _MOST_VALUES:
        return None
    task = AnnotationTask(data, distance=interval_distance if is_number else binary_distance)
    return float(task.alpha())
