"""How sure a model was of its labels: by the probabilities of a reply's tokens, else by several replies that agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from llm_interactive.outputs.base import Data, Output
from llm_interactive.outputs.json_objects import places
from llm_interactive.outputs.labelled import Labelled, key_of
from llm_interactive.outputs.per_item import PerItem
from llm_interactive.outputs.reading import Answer
from llm_interactive.outputs.relations import Relations
from llm_interactive.outputs.textarea import TextArea

Probability = Callable[[int, int], float | None]
"""That of the tokens which the characters from one place of a reply to another are in; None where it is not known."""

_LEAF = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s*:)?|[^\s\[\]{},:"]+')


def has_labels(output: Output) -> bool:
    """Whether an output is an answer that can be right or wrong: no text, whose wording is one of many."""
    inner = output.inner if isinstance(output, PerItem) else output
    return not isinstance(inner, TextArea | Relations)


def scores(
    replies: Sequence[str],
    answers: Sequence[Answer],
    outputs: Sequence[Output],
    data: Data,
    probability: Probability | None,
) -> dict[str, float | None]:
    """How sure the first reply is (0…1) of each output with labels that it answers, by control name.

    That is the probability of the label, of several the least; else the share of the replies that say the same. None
    where neither is known, and for a reply that does not fit.
    """
    text, first = replies[0], answers[0]
    labelled = {output.control.name: output for output in outputs if has_labels(output)}
    if first.faults:
        return dict.fromkeys(labelled)
    fields = places(text, labelled) if probability and first.is_json else {}
    found: dict[str, float | None] = {}
    for name in labelled.keys() & first.values.keys():  # the page hides the others
        output, value = labelled[name], first.values[name]
        sure = None
        if probability:
            where = _in_json(output, value, text, fields.get(name), data) if first.is_json else _in_text(value, text)
            sure = least([probability(start, end) for start, end in where])
        found[name] = _agreement(name, answers) if sure is None else sure
    return found


def least(scores: Collection[float | None]) -> float | None:
    """The least of the scores; None where one is not known, and where there are none."""
    known = [score for score in scores if score is not None]
    return min(known) if known and len(known) == len(scores) else None


def _in_json(output: Output, value: Any, text: str, place: tuple[int, int] | None, data: Data) -> list[tuple[int, int]]:
    """Where the labels of an output's `value` stand; nowhere if what stands in its place says something else."""
    if place is None:
        return []
    start, end = place
    checked = output.check(json.loads(text[start:end], strict=False), data)
    if checked.fault or checked.value != value:
        return []
    return list(_labels(output, text, start, end)) or [place]


def _labels(output: Output, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    key = ""
    for leaf in _LEAF.finditer(text, start, end):
        if leaf[2]:
            key = leaf[1]
        elif _is_label(output, key):
            yield leaf.span(1) if leaf[1] is not None else leaf.span()


def _is_label(output: Output, key: str) -> bool:
    """Whether what stands under `key` in an output's value is a label, and not the place of one."""
    if isinstance(output, Labelled):
        return key in ("label", *(key_of(inner) for inner in output.per_region if has_labels(inner)))
    return not isinstance(output, PerItem) or key != "page"


def _in_text(value: Any, text: str) -> list[tuple[int, int]]:
    """Where the names of labels stand; nowhere unless each stands there once."""
    names = [value] if isinstance(value, str) else value or []
    found = [[hit.span() for hit in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I)] for name in names]
    return [hits[0] for hits in found] if all(len(hits) == 1 for hits in found) else []


def _agreement(name: str, answers: Sequence[Answer]) -> float | None:
    """The share of the replies that say what the first one says; None where that one cannot be read."""
    value = answers[0].values[name]
    if len(answers) == 1 or not (answers[0].is_json or value):
        return None
    return [answer.values.get(name) for answer in answers].count(value) / len(answers)
