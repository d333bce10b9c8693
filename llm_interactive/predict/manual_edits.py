"""Telling an annotator's own words from a question: Label Studio's page sends the same request for both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from llm_interactive.errors import is_error_text
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.form import Form
from llm_interactive.prompts.current import prompt_in, work_on, written_in
from llm_interactive.store.store import Answered, fingerprint


def is_only_an_edit(prompt: str, written: Sequence[str], last: Answered | None) -> bool:
    """Whether the annotator wrote into a response by hand instead of asking.

    It is so if the prompt is the one that was answered last for this task, and a text is not among the replies given
    to it.
    """
    if not written or last is None or last.prompt != fingerprint(prompt):
        return False
    return any(fingerprint(text) not in last.replies for text in written)


def edited(written: Sequence[str], last: Answered | None) -> bool | None:
    """Whether a submitted response is none of the replies given to its task; None where none was given or submitted."""
    if not written or last is None or not last.replies:
        return None
    return any(fingerprint(text) not in last.replies for text in written)


def has_outcome(task: Mapping[str, Any], prompt_fields: Sequence[str]) -> bool:
    """Whether a draft, annotation or prediction of the task holds more than prompts and errors: a response, labels."""
    regions = (region for record in work_on(task) for region in record["result"] if isinstance(region, Mapping))
    return any(region.get("from_name") not in prompt_fields and not _is_error(region, all) for region in regions)


def holds_error(result: Sequence[Any]) -> bool:
    """Whether regions hold a failure that was shown to the annotator, as if it were a response."""
    return any(isinstance(region, Mapping) and _is_error(region, any) for region in result)


def without_errors(result: Iterable[Region]) -> list[Region]:
    """The same regions without failures; those of a text that nothing is left of are gone."""
    found: list[Region] = []
    for region in result:
        if not _is_error(region, any):
            found.append(region)
        elif not _is_error(region, all):
            texts = [text for text in region["value"]["text"] if not (isinstance(text, str) and is_error_text(text))]
            found.append({**region, "value": {**region["value"], "text": texts}})
    return found


def _is_error(region: Mapping[str, Any], count: Callable[[Iterable[bool]], bool]) -> bool:
    value = region.get("value")
    texts = value.get("text") if isinstance(value, Mapping) and region.get("type") == "textarea" else None
    texts = texts if isinstance(texts, list) else [texts]
    return texts != [] and count(isinstance(text, str) and is_error_text(text) for text in texts)


def answered_by_prediction(task: Mapping[str, Any], form: Form) -> Answered | None:
    """The last answer to a task as its stored predictions have it."""
    for prediction in work_on({"predictions": task.get("predictions")}):
        prompt = prompt_in(prediction["result"], form.spec.prompt)
        if prompt and not holds_error(prediction["result"]):
            given = written_in(prediction["result"], form.texts)
            return Answered(fingerprint(prompt), tuple(map(fingerprint, given)))
    return None
