"""Values out of task data: `$variables` of labeling configs and dotted names of placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from llm_interactive.errors import TaskDataError
from llm_interactive.text import whole_number

_MOST_CHARACTERS = 10_000_000
_VARIABLE = re.compile(r"\$[\w.\-\[\]]*[\w\]]")


class MissingField(KeyError):
    """The data have no such field."""


def field(data: Mapping[str, Any], name: str) -> Any:
    """The value of `name` in `data`: a field of that very name, else the nested one that the dots lead to.

    Raises:
        MissingField: there is none.
    """
    if name in data:
        return data[name]
    value: Any = data
    for part in name.replace("[", ".").replace("]", "").split("."):
        place = whole_number(part)
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and place is not None and place < len(value):
            value = value[place]
        else:
            raise MissingField(name)
    return value


def object_value(template: str, data: Mapping[str, Any]) -> Any:
    """What an object tag's `value` stands for: the field's value for `$field`, else the text with fields put in.

    As Label Studio's page does it (label-studio, web/libs/editor/src/utils/data.js, parseValue).

    Raises:
        TaskDataError: a field is missing or null, or the text grows beyond all measure.
    """
    if _VARIABLE.fullmatch(template):
        return _present(template[1:], data)
    return substituted(_VARIABLE, lambda match: as_text(_present(match.group()[1:], data)), template, _MOST_CHARACTERS)


def substituted(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], template: str, most: int) -> str:
    """`pattern.sub(replace, template)`, given up as soon as the text would have more than `most` characters.

    Raises:
        TaskDataError: it would.
    """
    length = len(template)

    def counted(match: re.Match[str]) -> str:
        nonlocal length
        text = replace(match)
        length += len(text) - len(match.group())
        check_length(length, most)
        return text

    return pattern.sub(counted, template)


def check_length(length: int, most: int) -> None:
    """Check that a prompt is not too long to be put together and sent.

    Raises:
        TaskDataError: it has more than `most` characters.
    """
    if length > most:
        raise TaskDataError(
            f"The prompt with the task's content has more than {most:,} characters. Shorten them, or raise "
            "MAX_PROMPT_CHARACTERS."
        )


def as_text(value: Any) -> str:
    """`value` as it is put into a prompt: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fields_of(data: Mapping[str, Any]) -> str:
    """The names of the task's fields, for a message."""
    return ", ".join(sorted(str(name)[:50] for name in data)[:20]) or "none"


def _present(name: str, data: Mapping[str, Any]) -> Any:
    try:
        value = field(data, name)
    except MissingField:
        raise TaskDataError(f'The task has no field "{name}" (it has: {fields_of(data)}).') from None
    if value is None:
        raise TaskDataError(f'The task\'s field "{name}" is null.')
    return value
