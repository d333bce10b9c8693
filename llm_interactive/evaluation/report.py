"""The evaluation of a project: figures of each version for each output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_interactive.errors import InvalidRequest
from llm_interactive.evaluation.agreement import Agreement, agreements
from llm_interactive.evaluation.answers import GROUND_TRUTH, MAJORITY, Answers, Material
from llm_interactive.evaluation.confidence import Confidence, confidence
from llm_interactive.evaluation.measures import Measures, measure
from llm_interactive.evaluation.spending import Spent
from llm_interactive.evaluation.statistics import Interval, share
from llm_interactive.evaluation.values import Kind, Value


@dataclass(frozen=True)
class Case:
    """A task that a version answered, beside what is right."""

    task: int
    human: Value
    model: Value
    score: float | None

    @property
    def is_right(self) -> bool:
        """Whether both are the same."""
        return self.human == self.model


@dataclass(frozen=True)
class VersionFigures:
    """One version for one output.

    Attributes:
        kind: the output's.
        n: tasks with a right value that the version answered or left open.
        accuracy: share of them with just the right value; None of no tasks.
        unanswered: how many of them have no value though people gave one.
        odd_scores: how many of them have a score that is none, as it is less than 0 or more than 1.
        failed: tasks with a right value and an error text instead of an answer; not in n.
        missing: tasks with a right value and no prediction; not in n.
        wrong: the tasks without the right value, the surest first.
        spent: money and time.
    """

    version: str
    kind: Kind
    n: int
    accuracy: Interval | None
    unanswered: int
    odd_scores: int
    failed: int
    missing: int
    measures: Measures
    confidence: Confidence | None
    wrong: Sequence[Case]
    spent: Spent

    def figures(self) -> dict[str, float | None]:
        """All figures by name, the share of right tasks first, that of tasks with a right value and any answer last."""
        right = self.accuracy.value if self.accuracy else None
        answered = (self.n - self.unanswered) / (self.n + self.failed + self.missing)
        return {share_name(self.kind): right, **self.measures.figures, "answered": answered}


@dataclass(frozen=True)
class OutputReport:
    """One output: how many tasks have a right value, how many have none as people disagree, and each version."""

    output: str
    kind: Kind
    references: int
    undecided: int
    agreement: Sequence[Agreement]
    versions: Sequence[VersionFigures]


def evaluate(
    material: Material,
    reference: str,
    versions: Sequence[str],
    *,
    outputs: Sequence[str] = (),
    wanted: float = 0.95,
    spent: Mapping[str, Spent] | None = None,
) -> list[OutputReport]:
    """The report of each output for which anything is annotated.

    `outputs` names those to look at, all when none is named. `wanted` is the accuracy for which the threshold of the
    score is sought.

    Raises:
        InvalidRequest: the reference is nobody who annotated, or there is no such output.
    """
    reports: list[OutputReport] = []
    for answers in _chosen(material, outputs):
        right = answers.reference(reference)
        if not any(value is not None for value in right.values()):
            continue
        figures = [_figures(answers, right, version, wanted, (spent or {})) for version in versions]
        undecided = len(answers.by_task()) - len(right)
        agreement = agreements(answers, versions)
        reports.append(OutputReport(answers.output, answers.kind, len(right), undecided, agreement, figures))
    return reports


def why_nothing_is_right(material: Material, reference: str, outputs: Sequence[str] = ()) -> str | None:
    """Why no task has a right value though there are annotations, as a part of a sentence; None for other causes.

    Raises:
        InvalidRequest: as for `evaluate`.
    """
    if reference == GROUND_TRUTH and not material.has_ground_truth:
        return "no annotation is marked as ground truth"
    divided: set[int] = set()
    for answers in _chosen(material, outputs):
        right = answers.reference(reference)
        if any(value is not None for value in right.values()):
            return None
        if reference == MAJORITY:
            divided |= {task for task, values in answers.by_task().items() if len(set(values)) > 1} - right.keys()
    return f"annotators disagree on {len(divided):,} tasks, and agree on none" if divided else None


def share_name(kind: Kind) -> str:
    """What the share of right tasks is called: few free texts, and few tasks' spans, are ever just the same."""
    return "exact_match" if kind in (Kind.SPANS, Kind.TEXT) else "accuracy"


def cases_of(answers: Answers, right: Mapping[int, Value], version: str) -> list[Case]:
    """The tasks that have a right value and an answer of the version, by their ids."""
    given = answers.versions.get(version, {})
    return [
        Case(task, right[task], given[task].value, given[task].score) for task in sorted(right.keys() & given.keys())
    ]


def known_versions(material: Material, wanted: Sequence[str]) -> Sequence[str]:
    """The wanted versions, all when none is named, newest first.

    Raises:
        InvalidRequest: there is no prediction of one of them.
    """
    for version in wanted:
        if version not in material.versions:
            known = ", ".join(material.versions) or "none"
            raise InvalidRequest(f'No annotated task has a prediction of "{version}". Known versions: {known}.')
    return list(wanted) or material.versions


def _chosen(material: Material, wanted: Sequence[str]) -> Sequence[Answers]:
    by_name = {answers.output: answers for answers in material.outputs}
    for name in wanted:
        if name not in by_name:
            raise InvalidRequest(f'The form fills no "{name}". It fills: {", ".join(by_name)}.')
    return [by_name[name] for name in wanted or by_name]


def _figures(
    answers: Answers,
    right: Mapping[int, Value],
    version: str,
    wanted: float,
    spent: Mapping[str, Spent],
) -> VersionFigures:
    cases = cases_of(answers, right, version)
    given = [(case.score, case.is_right) for case in cases if case.score is not None]
    scored = [(score, hit) for score, hit in given if 0 <= score <= 1]
    wrong = sorted((case for case in cases if not case.is_right), key=lambda case: -(case.score or 0))
    failures = len(answers.failed.get(version, frozenset()) & right.keys())
    return VersionFigures(
        version,
        answers.kind,
        len(cases),
        share(len(cases) - len(wrong), len(cases)),
        sum(case.model is None for case in wrong),
        len(given) - len(scored),
        failures,
        len(right) - len(cases) - failures,
        measure(answers.kind, {case.task: (case.human, case.model) for case in cases}) if cases else Measures({}),
        confidence([score for score, _ in scored], [hit for _, hit in scored], wanted, len(cases)),
        wrong,
        spent.get(version, Spent()),
    )
