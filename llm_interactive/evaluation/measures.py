"""The figures of one version for one output; each kind of value has its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from nervaluate import Evaluator
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from llm_interactive.evaluation.values import Kind, Span, Value, all_digits, likeness

Pair = tuple[Value, Value]
"""What a person says, and what the model says."""

NO_ANSWER = ""
"""The class of values that are None."""

_MOST_STEPS = 100


@dataclass(frozen=True)
class ClassFigures:
    """Precision, recall and F1 of one label; `support` is how often people give it."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Confusion:
    """Which tasks have which pair of classes, the person's first; `names` are all classes, frequent ones first."""

    names: Sequence[str]
    cells: Mapping[tuple[str, str], Sequence[int]]

    @property
    def mistakes(self) -> list[tuple[str, str, Sequence[int]]]:
        """The pairs of different classes with their tasks, those with most tasks first."""
        wrong = [(*pair, tasks) for pair, tasks in self.cells.items() if pair[0] != pair[1]]
        return sorted(wrong, key=lambda mistake: -len(mistake[2]))


@dataclass(frozen=True)
class Measures:
    """`figures` by name, None where one says nothing, and what is known of single classes."""

    figures: Mapping[str, float | None]
    classes: Sequence[ClassFigures] = ()
    confusion: Confusion | None = None


def measure(kind: Kind, cases: Mapping[int, Pair]) -> Measures:
    """The figures of the pairs by task, of which there must be one at least."""
    return _MEASURES[kind](cases)


def kappa(kind: Kind, pairs: Sequence[Pair]) -> float | None:
    """Cohen's kappa, for ratings weighted by the square of the distance; None for texts, spans and one single class.

    A rating that is missing has no distance to others and is left out.
    """
    if kind in (Kind.SPANS, Kind.TEXT):
        return None
    if kind is Kind.NUMBER:
        both = _numbers(pairs)
        steps = _steps(both)
        return _kappa([int(a) for a, _ in both], [int(b) for _, b in both], steps, "quadratic") if steps else None
    return _kappa([_class(a) for a, _ in pairs], [_class(b) for _, b in pairs], None, None)


def _kappa(first: Sequence[Any], second: Sequence[Any], labels: Any, weights: str | None) -> float | None:
    if len({*first, *second}) < 2:
        return None
    return float(cohen_kappa_score(first, second, labels=labels, weights=weights))


def _of_labels(cases: Mapping[int, Pair]) -> Measures:
    first = [_class(human) for human, _ in cases.values()]
    second = [_class(model) for _, model in cases.values()]
    # A model that gives no answer makes no class of it; a person who gives none does.
    names = [name for name in _names(first, second) if name != NO_ANSWER or name in first]
    classes = _classes(names, first, second, labels=names)
    figures = {"macro_f1": _mean_f1(classes), "kappa": kappa(Kind.LABEL, list(cases.values()))}
    return Measures(figures, classes, _confusion(cases, _names(first, second)))


def _of_label_sets(cases: Mapping[int, Pair]) -> Measures:
    sets = [tuple(value if isinstance(value, frozenset) else frozenset() for value in pair) for pair in cases.values()]
    names = sorted({label for pair in sets for value in pair for label in value}, key=str)
    if not names:
        return Measures({"macro_f1": None, "micro_f1": None, "kappa": None})
    binarizer = MultiLabelBinarizer(classes=names)
    first, second = (binarizer.fit_transform(column) for column in zip(*sets, strict=True))
    classes = _classes([str(name) for name in names], first, second)
    micro = precision_recall_fscore_support(first, second, average="micro", zero_division=0)[2]
    pairs = list(cases.values())
    return Measures(
        {"macro_f1": _mean_f1(classes), "micro_f1": float(micro), "kappa": kappa(Kind.LABELS, pairs)}, classes
    )


def _of_numbers(cases: Mapping[int, Pair]) -> Measures:
    both = _numbers(list(cases.values()))
    if not both:
        return Measures({"mae": None, "kappa": None})
    error = float(mean_absolute_error(*zip(*both, strict=True)))
    figures = {"mae": error, "kappa": kappa(Kind.NUMBER, both)}
    if not _steps(both):
        return Measures(figures)
    names = sorted({_class(value) for pair in cases.values() for value in pair}, key=lambda name: float(name or "inf"))
    return Measures(figures, (), _confusion(cases, names))


def _of_spans(cases: Mapping[int, Pair]) -> Measures:
    first, second = ([_entities(pair[side]) for pair in cases.values()] for side in (0, 1))
    names = sorted({entity["label"] for document in (*first, *second) for entity in document})
    if not names:
        return Measures({"strict_f1": None, "exact_f1": None, "partial_f1": None, "type_f1": None})
    found = Evaluator(first, second, tags=names, loader="dict").evaluate()
    figures = {
        f"{name}_f1": float(found["overall"][key].f1)
        for name, key in (("strict", "strict"), ("exact", "exact"), ("partial", "partial"), ("type", "ent_type"))
    }
    strict = {name: found["entities"][name]["strict"] for name in names}
    classes = [ClassFigures(name, one.precision, one.recall, one.f1, one.possible) for name, one in strict.items()]
    return Measures(figures, classes)


def _of_texts(cases: Mapping[int, Pair]) -> Measures:
    return Measures({"similarity": fmean(likeness(Kind.TEXT, *pair) for pair in cases.values())})


def _of_others(cases: Mapping[int, Pair]) -> Measures:
    return Measures({"kappa": kappa(Kind.OTHER, list(cases.values()))})


_MEASURES: Mapping[Kind, Callable[[Mapping[int, Pair]], Measures]] = {
    Kind.LABEL: _of_labels,
    Kind.LABELS: _of_label_sets,
    Kind.NUMBER: _of_numbers,
    Kind.SPANS: _of_spans,
    Kind.TEXT: _of_texts,
    Kind.OTHER: _of_others,
}


def _classes(names: Sequence[str], first: Any, second: Any, **labels: Any) -> list[ClassFigures]:
    columns = precision_recall_fscore_support(first, second, average=None, zero_division=0, **labels)
    return [
        ClassFigures(name, float(precision), float(recall), float(f1), int(support))
        for name, precision, recall, f1, support in zip(names, *columns, strict=True)
    ]


def _mean_f1(classes: Sequence[ClassFigures]) -> float | None:
    return fmean(one.f1 for one in classes) if classes else None


def _confusion(cases: Mapping[int, Pair], names: Sequence[str]) -> Confusion:
    cells: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for task, (human, model) in cases.items():
        cells[_class(human), _class(model)].append(task)
    return Confusion(names, dict(cells))


def _names(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """All classes, those first that people give most, no answer last."""
    counts = Counter(first)
    return sorted({*first, *second}, key=lambda name: (name == NO_ANSWER, -counts[name], name))


def _class(value: Value) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    return NO_ANSWER if value is None else all_digits(value) if isinstance(value, float) else value


def _numbers(pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    return [(a, b) for a, b in pairs if isinstance(a, float) and isinstance(b, float)]


def _steps(pairs: Sequence[tuple[float, float]]) -> list[int] | None:
    """All whole numbers in the range of the pairs, as in ratings; None for fractions and for too wide a range."""
    values = {value for pair in pairs for value in pair}
    if not values or not all(value.is_integer() for value in values) or max(values) - min(values) > _MOST_STEPS:
        return None
    return list(range(int(min(values)), int(max(values)) + 1))


def _entities(value: Value) -> list[dict[str, Any]]:
    """Spans as nervaluate takes them, with the last character in them."""
    spans = [span for span in value if isinstance(span, Span)] if isinstance(value, frozenset) else []
    return [{"label": span.label, "start": span.start, "end": span.end - 1} for span in sorted(spans)]
