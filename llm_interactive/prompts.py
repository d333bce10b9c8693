"""Which prompt holds for a task, and what a template makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.labeling import Labeling, Region
from llm_interactive.values import MissingField, as_text, field, fields_of, storable

WARNING = "⚠ "
"""What a failure shown in the response field begins with. Such a text is nobody's prompt or reply."""

_BRACES = re.compile(r"\{\{|\}\}|\{([^\W\d][\w-]*(?:\.[\w-]+)*)\}")


def placeholders(template: str) -> set[str]:
    """Names in `{name}` and `{nested.name}`. Any other brace is text, so that a prompt may hold JSON."""
    return {match.group(1) for match in _BRACES.finditer(template) if match.group(1)}


def fill(template: str, fields: Mapping[str, Any]) -> str:
    """`template` with its placeholders filled; `{{` and `}}` give one brace.

    Raises:
        PromptError: a placeholder names no field; says which fields there are.
        TaskDataError: a field is null.
    """

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return match.group()[0]
        try:
            value = field(fields, name)
        except MissingField:
            raise PromptError(f"Nothing fills {{{name}}}: the task's fields are {fields_of(fields)}.") from None
        if value is None:
            raise TaskDataError(f'The task\'s field "{name}" is null.')
        return as_text(value)

    return _BRACES.sub(replace, template)


def prompt_in(result: Iterable[Region], labeling: Labeling) -> str | None:
    """The prompt among `result`'s regions; None if it holds none."""
    texts = [text for text in labeling.texts(result, labeling.prompt) if not text.startswith(WARNING)]
    return storable("\n".join(texts)).strip() or None


def responses_in(result: Iterable[Region], labeling: Labeling) -> list[str]:
    """The responses among `result`'s regions, without failures shown there."""
    return [storable(t) for t in labeling.texts(result, labeling.response) if not t.startswith(WARNING)]


def prompt_of_task(task: Mapping[str, Any], labeling: Labeling) -> str | None:
    """The prompt of the task's newest draft, annotation or prediction that holds one."""
    records = [
        record
        for kind in ("drafts", "annotations", "predictions")
        for record in task.get(kind) or []
        if isinstance(record, Mapping) and isinstance(record.get("result"), list)
    ]
    records.sort(key=lambda record: str(record.get("updated_at") or record.get("created_at") or ""), reverse=True)
    return next((prompt for record in records if (prompt := prompt_in(record["result"], labeling))), None)
