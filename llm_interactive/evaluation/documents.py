"""Reports as one HTML file, without scripts and anything from outside, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader

from llm_interactive.evaluation.answers import Subject
from llm_interactive.evaluation.comparison import GRADED, Comparison
from llm_interactive.evaluation.measures import NO_ANSWER, Confusion
from llm_interactive.evaluation.report import OutputReport, VersionFigures, share_name
from llm_interactive.evaluation.values import Kind, shown
from llm_interactive.label_studio.records import Project

_MOST_WRONG = 300
_MOST_CLASSES = 25
_TITLES = {"mae": "Mean error", "macro_f1": "Macro F1", "micro_f1": "Micro F1"}


@dataclass(frozen=True)
class Heading:
    """What a report is of: the project, what counts as right if anything does, and addresses of project and tasks."""

    project: Project
    right: str
    link: Callable[[int | None], str]
    subjects: Mapping[int, Subject]


def evaluation_page(
    heading: Heading,
    reports: Sequence[OutputReport],
    *,
    tab: str | None = None,
    tab_version: str = "",
    is_kept: bool = False,
) -> str:
    """The evaluation as HTML; `tab` is the address of the tab with the wrong tasks of a version.

    What `is_kept` for the backend's pages holds no texts of tasks and replies, which its database does not keep.
    """
    return page("evaluation.html", heading, reports=reports, tab=tab, tab_version=tab_version, is_kept=is_kept)


def comparison_page(heading: Heading, comparisons: Sequence[Comparison], first: str, second: str) -> str:
    """The comparison of two versions as HTML."""
    return page("comparison.html", heading, comparisons=comparisons, first=first, second=second)


def evaluation_json(heading: Heading, reports: Sequence[OutputReport]) -> str:
    """The evaluation as JSON, with all wrong tasks."""
    outputs = [
        {
            "output": report.output,
            "kind": report.kind.value,
            "references": report.references,
            "undecided": report.undecided,
            "agreement": report.agreement,
            "versions": [_version(version, heading) for version in report.versions],
        }
        for report in reports
    ]
    return as_json(heading, {"outputs": outputs})


def comparison_json(heading: Heading, comparisons: Sequence[Comparison]) -> str:
    """The comparison as JSON, with all tasks that flip."""
    outputs = [
        {**vars(one), "better": one.better, "sentence": one.sentence, "lost": _flips(one.lost), "won": _flips(one.won)}
        for one in comparisons
    ]
    return as_json(heading, {"outputs": outputs})


def title_of(figure: str) -> str:
    """A figure's name as people read it."""
    return _TITLES.get(figure, figure.replace("_f1", " F1").replace("_", " ").capitalize())


def number(value: float | None) -> str:
    """A figure with three digits behind the point; a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * value:.{digits}f} %"


def _version(version: VersionFigures, heading: Heading) -> dict[str, Any]:
    confusion = version.measures.confusion
    wrong = [
        {
            "task": case.task,
            "text": heading.subjects[case.task].text,
            "human": shown(case.human),
            "model": shown(case.model),
            "reply": heading.subjects[case.task].replies.get(version.version, ""),
            "score": case.score,
            "link": heading.link(case.task),
        }
        for case in version.wrong
    ]
    plain = {name: getattr(version, name) for name in ("version", "n", "unanswered", "odd_scores", "failed", "missing")}
    return plain | {
        "figures": version.figures(),
        "accuracy": version.accuracy,
        "classes": version.measures.classes,
        "confusion": [
            {"human": human or None, "model": model or None, "tasks": tasks}
            for human, model, tasks in (_pairs(confusion) if confusion else ())
        ],
        "confidence": version.confidence,
        "spent": version.spent,
        "wrong": wrong,
    }


def _flips(flips: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"task": flip.task, **{side: shown(getattr(flip, side)) for side in ("human", "first", "second")}}
        for flip in flips
    ]


def as_json(heading: Heading, content: Mapping[str, Any]) -> str:
    """A report as JSON, dataclasses as objects, under what it is of."""
    about = {"project": heading.project.id, "title": heading.project.title}
    if heading.right:
        about["right"] = heading.right
    return json.dumps({**about, **content}, ensure_ascii=False, default=asdict) + "\n"


def page(template: str, heading: Heading, *, package: str = "llm_interactive.evaluation", **values: Any) -> str:
    """A report as HTML, by a template of a package, which may use this package's own."""
    loader = ChoiceLoader([PackageLoader(package), PackageLoader("llm_interactive.evaluation")])
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {
        "class_name": lambda name: "no answer" if name == NO_ANSWER else name,
        "figure": number,
        "graded": GRADED.__getitem__,
        "likeness": lambda value, kind: number(-value) if kind is Kind.NUMBER else percent(value),
        "likeness_of": _likeness_of,
        "pairs": _pairs,
        "percent": percent,
        "row_total": lambda confusion, human: sum(
            len(tasks) for (a, _), tasks in confusion.cells.items() if a == human
        ),
        "share_name": lambda kind: title_of(share_name(kind)),
        "shown": shown,
        "title_of": title_of,
        "x": lambda share: round(42 + 278 * share, 1),
        "y": lambda share: round(188 - 170 * share, 1),
    }
    environment.globals |= {
        "style": environment.get_template("style.css").render(),
        "project": heading.project,
        "right": heading.right,
        "link": heading.link,
        "subjects": heading.subjects,
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "most_wrong": _MOST_WRONG,
        "most_classes": _MOST_CLASSES,
    }
    return environment.get_template(template).render(values).strip() + "\n"


def _likeness_of(kind: Kind) -> str:
    return {Kind.NUMBER: "Mean distance", Kind.SPANS: "Mean F1", Kind.TEXT: "Mean similarity"}.get(kind, "The same")


def _pairs(confusion: Confusion) -> list[tuple[str, str, Sequence[int]]]:
    """The mistakes, and then what is right."""
    right = [(*pair, tasks) for pair, tasks in confusion.cells.items() if pair[0] == pair[1]]
    return [*confusion.mistakes, *sorted(right, key=lambda one: -len(one[2]))]
