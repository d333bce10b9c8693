"""The outputs of a prompt together: their JSON schema and the field guide."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from llm_interactive.errors import LabelingConfigError
from llm_interactive.labeling.tags import ControlTag
from llm_interactive.outputs.base import Data, Output, Schema
from llm_interactive.outputs.textarea import is_response

# What the strictest servers take in all (Azure's page of December 2025; llama.cpp's time grows with it as well).
MAX_ENUM_VALUES = 500
MAX_ENUM_CHARACTERS = 15_000

_MAX_GUIDE = 1_000_000

_ORDER = {
    "TextArea": 0,
    "Pairwise": 1,
    "Rating": 2,
    "Number": 2,
    "DateTime": 2,
    "Taxonomy": 4,
    "Ranker": 5,
    "Relations": 8,
}
_SPANS = 7


def object_schema(outputs: Sequence[Output], data: Data) -> Schema:
    """The schema of the object that fills all `outputs`, a property for each control.

    Raises:
        TaskDataError: labels or items that the task should bring are missing.
    """
    schema = _limited({output.control.name: output.schema(data) for output in ordered(outputs)})
    return {"type": "object", "properties": schema, "required": list(schema), "additionalProperties": False}


def guide(outputs: Sequence[Output], data: Data) -> str:
    """The field guide: asks for one JSON object and says of each field what it may hold.

    The same for every task unless an output `depends_on_task`.

    Raises:
        TaskDataError: labels or items that the task should bring are missing.
        LabelingConfigError: there is more to say than any model reads.
    """
    lines: list[str] = []
    length = 0
    for output in ordered(outputs):
        control = output.control
        lines.append(f"{_quoted(control.name)}{_title(control)}: {output.guide(data)}{_only_if(control)}")
        length += len(lines[-1])
        if length > _MAX_GUIDE:
            raise LabelingConfigError(
                f"The labeling config has too many labels: describing them to the model takes over {_MAX_GUIDE:,} "
                "characters."
            )
    start = "Answer with exactly one JSON object on a single line, without any other text. Its keys, in this order:"
    return "\n".join([start, *lines, "Where there is no answer, give null, or [] for a list."])


def ordered(outputs: Sequence[Output]) -> list[Output]:
    """The outputs in the order of the schema: the response first, where a model thinks; after what they hang on."""
    waiting = sorted(outputs, key=lambda output: (not is_response(output), _rank(output.control)))
    placed: list[Output] = []
    while waiting:
        names = {output.control.name for output in waiting}
        free = [
            output
            for output in waiting
            if not any(condition.control in names - {output.control.name} for condition in output.control.conditions)
        ]
        # Conditions in a circle are met by nothing; such outputs stay in their order.
        placed += free or waiting
        waiting = [output for output in waiting if output not in free] if free else []
    return placed


def _rank(control: ControlTag) -> int:
    if control.per_item:
        return 6
    if control.tag == "Choices":
        return 4 if control.is_set("allownested") else 3 if control.attributes.get("choice") == "multiple" else 1
    return _ORDER.get(control.tag, _SPANS)


def _limited(properties: dict[str, Schema]) -> dict[str, Schema]:
    """The properties with no more enums than servers take: the largest become plain strings."""
    properties = copy.deepcopy(properties)
    enums = [
        (len(schema["enum"]), sum(len(str(value)) for value in schema["enum"]), schema) for schema in _enums(properties)
    ]
    values, characters = sum(enum[0] for enum in enums), sum(enum[1] for enum in enums)
    for count, length, schema in sorted(enums, key=lambda enum: enum[:2], reverse=True):
        if values <= MAX_ENUM_VALUES and characters <= MAX_ENUM_CHARACTERS:
            break
        del schema["enum"]
        values, characters = values - count, characters - length
    return properties


def _enums(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list):
            yield schema
        for part in schema.values():
            yield from _enums(part)


def _title(control: ControlTag) -> str:
    return f" ({' '.join(control.title.split())})" if control.title.strip() else ""


def _only_if(control: ControlTag) -> str:
    said = [
        f"{_quoted(condition.control)} is {'' if condition.kind == 'choice-selected' else 'not '}"
        + (" or ".join(map(_quoted, condition.values)) or "given")
        for condition in control.conditions
        if condition.control is not None and condition.kind.startswith("choice-")
    ]
    return f"; only if {' and '.join(said)}" if said else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
