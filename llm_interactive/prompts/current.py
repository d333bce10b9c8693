"""Which prompt holds for a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llm_interactive.labeling.config import Labeling, Region
from llm_interactive.text import storable

WARNING = "⚠ "
"""What a failure shown in the response field begins with. Such a text is nobody's prompt or reply."""


def prompt_in(result: Iterable[Region], labeling: Labeling) -> str | None:
    """The prompt among `result`'s regions; None if it holds none."""
    texts = [text for text in labeling.texts(result, labeling.prompt) if not text.startswith(WARNING)]
    return storable("\n".join(texts)).strip() or None


def responses_in(result: Iterable[Region], labeling: Labeling) -> list[str]:
    """The responses among `result`'s regions, without failures shown there."""
    return [storable(t) for t in labeling.texts(result, labeling.response) if not t.startswith(WARNING)]


def work_on(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The task's drafts, annotations and predictions that have regions, newest first."""
    kinds = [task.get(kind) for kind in ("drafts", "annotations", "predictions")]
    records = [record for kind in kinds if isinstance(kind, list) for record in kind]
    work = [record for record in records if isinstance(record, Mapping) and isinstance(record.get("result"), list)]
    return sorted(
        work, key=lambda record: str(record.get("updated_at") or record.get("created_at") or ""), reverse=True
    )


def prompt_of_task(task: Mapping[str, Any], labeling: Labeling) -> str | None:
    """The prompt of the task's newest draft, annotation or prediction that holds one."""
    return next((prompt for record in work_on(task) if (prompt := prompt_in(record["result"], labeling))), None)
