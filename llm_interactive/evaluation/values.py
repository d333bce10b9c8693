"""What annotations and predictions hold for an output, in a form that can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rapidfuzz import fuzz

from llm_interactive.errors import TaskDataError, is_error_text
from llm_interactive.labeling.config import texts_in
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.base import Data, Output
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.places import number
from llm_interactive.outputs.ranking import Pairwise
from llm_interactive.outputs.scalars import DateTime, Number, Rating, number_of
from llm_interactive.outputs.spans import Spans
from llm_interactive.outputs.textarea import TextArea


@dataclass(frozen=True, order=True)
class Span:
    """A labelled place, `end` not in it; `quote` is what stands there and makes no difference."""

    start: int
    end: int
    label: str
    quote: str = field(default="", compare=False)


Value = str | float | frozenset[str] | frozenset[Span] | None
"""None is no answer."""

_PARAGRAPH = 1_000_000
"""More characters than a paragraph has, so that places in several paragraphs are numbers in reading order."""


class Kind(StrEnum):
    """How an output's values are compared."""

    LABEL = "one label"
    LABELS = "several labels"
    NUMBER = "number"
    SPANS = "spans"
    TEXT = "text"
    OTHER = "value"


def kind_of(output: Output) -> Kind:
    """The kind of an output; those that are only equal or not are OTHER."""
    if isinstance(output, Choices):
        return Kind.LABEL if output.single else Kind.LABELS
    kinds: dict[type, Kind] = {
        Pairwise: Kind.LABEL,
        DateTime: Kind.LABEL,
        Number: Kind.NUMBER,
        Rating: Kind.NUMBER,
        Spans: Kind.SPANS,
        TextArea: Kind.TEXT,
    }
    return kinds.get(type(output), Kind.OTHER)


def value_in(output: Output, regions: Sequence[Region], data: Data) -> Value:
    """What the regions of an annotation or prediction say.

    Failures shown as a text (`⚠ …`) say nothing, nor do numbers that cannot be read, as other backends store them.
    """
    kind = kind_of(output)
    if kind is Kind.SPANS:
        own = [entry["value"] for entry in regions if entry.get("from_name") == output.control.name]
        return frozenset(span for value in own for span in _spans(value, output.control.tag.lower())) or None
    if kind is Kind.TEXT:
        texts = texts_in(regions, output.control)
        return "\n".join(text for text in texts if not is_error_text(text)) or None
    value = output.value_of(regions)
    if isinstance(output, Choices) and output.depends_on_task:
        value = _named(output, value, data)
    if value in (None, [], {}, ""):
        return None
    if kind is Kind.LABELS:
        return frozenset(value)
    if kind is Kind.NUMBER:
        found = number_of(value)
        return None if found is None else float(found)
    return str(value) if kind is Kind.LABEL else json.dumps(value, ensure_ascii=False, sort_keys=True)


def likeness(kind: Kind, human: Value, model: Value) -> float:
    """How near two values are, from 0 to 1: F1 of the spans, similarity of the texts, for others 1 if they are equal.

    Of numbers it is the distance below 0, as no bounds are known.
    """
    if kind is Kind.NUMBER and isinstance(human, float) and isinstance(model, float):
        return -abs(human - model)
    if human == model:
        return 1.0
    if kind is Kind.TEXT:
        return fuzz.ratio(str(human or ""), str(model or "")) / 100
    if kind is Kind.SPANS and isinstance(human, frozenset) and isinstance(model, frozenset):
        return 2 * len(human & model) / (len(human) + len(model))
    return 0.0


def shown(value: Value) -> str:
    """A value in words."""
    if value is None:
        return "no answer"
    if isinstance(value, frozenset):
        items: list[Any] = sorted(value)
        return ", ".join(f"{item.label}: {item.quote}" if isinstance(item, Span) else item for item in items)
    return all_digits(value) if isinstance(value, float) else value


def all_digits(value: float) -> str:
    """A number as it is stored, a whole one without a point."""
    return f"{value:.15g}"


def _named(output: Choices, value: Any, data: Data) -> Any:
    try:
        return output.check(value, data).value
    except TaskDataError:
        return value


def _spans(value: Mapping[str, Any], key: str) -> list[Span]:
    """A region's place with each of its labels; a place that is no number is left out."""
    offsets = value.get("globalOffsets")
    place = offsets if isinstance(offsets, Mapping) else value
    start, end = number(place.get("start")), number(place.get("end"))
    if start is None or end is None:
        return []
    if "startOffset" in value and place is value:
        start = start * _PARAGRAPH + (number(value["startOffset"]) or 0)
        end = end * _PARAGRAPH + (number(value.get("endOffset")) or 0)
    return [Span(start, end, str(label), str(value.get("text") or "")) for label in value.get(key) or []]
