"""Which prompt holds for a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llm_interactive.errors import is_error_text
from llm_interactive.labeling.config import texts_in
from llm_interactive.labeling.tags import ControlTag
from llm_interactive.text import storable


def prompt_in(result: Iterable[Any], field: ControlTag) -> str | None:
    """The prompt in `field` among `result`'s regions, the newest where it holds several; None if there is none.

    A field without maxSubmissions="1" gathers the texts typed into it, the newest last.
    """
    texts = [text.strip() for text in written_in(result, [field])]
    return next((text for text in reversed(texts) if text), None)


def written_in(result: Iterable[Any], fields: Iterable[ControlTag]) -> list[str]:
    """The texts in `fields` among `result`'s regions, without failures shown there."""
    regions = list(result)
    texts = [text for field in fields for text in texts_in(regions, field)]
    return [storable(text) for text in texts if not is_error_text(text)]


def work_on(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The task's drafts, annotations and predictions that have regions, newest first."""
    kinds = [task.get(kind) for kind in ("drafts", "annotations", "predictions")]
    records = [record for kind in kinds if isinstance(kind, list) for record in kind]
    work = [record for record in records if isinstance(record, Mapping) and isinstance(record.get("result"), list)]
    return sorted(
        work, key=lambda record: str(record.get("updated_at") or record.get("created_at") or ""), reverse=True
    )


def prompt_of_task(task: Mapping[str, Any], field: ControlTag) -> str | None:
    """The prompt of the task's newest draft, annotation or prediction that holds one."""
    return next((prompt for record in work_on(task) if (prompt := prompt_in(record["result"], field))), None)
