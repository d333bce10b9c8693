"""Templates: text with `{name}` in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.labeling.fields import MissingField, as_text, field, fields_of

_BRACES = re.compile(r"\{\{|\}\}|\{([^\W\d][\w-]*(?:\.[\w-]+)*)\}")


def placeholders(template: str) -> set[str]:
    """Names in `{name}` and `{nested.name}`. Any other brace is text, so that a prompt may hold JSON."""
    return {match.group(1) for match in _BRACES.finditer(template) if match.group(1)}


def fill(template: str, fields: Mapping[str, Any]) -> str:
    """`template` with its placeholders filled. `{{` gives one brace, and so does the `}}` that closes it.

    Raises:
        PromptError: a placeholder names no field; says which fields there are.
        TaskDataError: a field is null.
    """

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
        try:
            value = field(fields, name)
        except MissingField:
            raise PromptError(f"Nothing fills {{{name}}}: the task's fields are {fields_of(fields)}.") from None
        if value is None:
            raise TaskDataError(f'The task\'s field "{name}" is null.')
        return as_text(value)

    return _BRACES.sub(replace, template)
