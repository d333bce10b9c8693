"""Templates: text with `{name}` in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.labeling.fields import MissingField, as_text, field, fields_of, substituted

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}\n]{1,200})\}")
_NEAR = 85  # of 100
_MOST_LOOKED_AT = 100
_NAME = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+|\[\d+\])*")


def placeholders(template: str, fields: Mapping[str, Any]) -> set[str]:
    """Names in `{name}`, `{nested.name}` and `{list[0].name}`, and of fields that are called anything else, or almost.

    Any other brace is text, so that a prompt may hold JSON.
    """
    names = {match.group(1) for match in _BRACES.finditer(template) if match.group(1)}
    found = {name for name in names if _NAME.fullmatch(name) or _names_field(name, fields)}
    return found | _misspelt(sorted(names - found)[:_MOST_LOOKED_AT], fields)


def _names_field(name: str, fields: Mapping[str, Any]) -> bool:
    try:
        field(fields, name.strip())
    except MissingField:
        return name in fields
    return True


def _misspelt(names: Sequence[str], fields: Mapping[str, Any]) -> set[str]:
    """The names that differ little from a field's, and would else be sent as they stand."""
    if not names:
        return set()
    from rapidfuzz import fuzz, process

    known = [str(name).casefold() for name in fields]
    near = (process.extractOne(name.casefold(), known, scorer=fuzz.ratio, score_cutoff=_NEAR) for name in names)
    return {name for name, match in zip(names, near, strict=True) if match}


def fill(template: str, fields: Mapping[str, Any], most: int) -> str:
    """`template` with its placeholders filled. `{{` gives one brace, and so does the `}}` that closes it.

    Raises:
        PromptError: a placeholder names no field; says which fields there are.
        TaskDataError: a field is null, or the text would have more than `most` characters.
    """

    wanted = placeholders(template, fields)
    opened = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal opened
        name = match.group(1)
        if name is None:
            # A "}}" that closes no "{{" is the end of nested JSON.
            opened += 1 if match.group() == "{{" else -1
            if opened < 0:
                opened = 0
                return match.group()
            return match.group()[0]
        if name not in wanted:
            return match.group()
        try:
            value = field(fields, name if name in fields else name.strip())
        except MissingField:
            raise PromptError(f"Nothing fills {{{name}}}: the task's fields are {fields_of(fields)}.") from None
        if value is None:
            raise TaskDataError(f'The task\'s field "{name}" is null.')
        return as_text(value)

    return substituted(_BRACES, replace, template, most)
