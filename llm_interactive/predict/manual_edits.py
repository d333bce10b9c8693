"""Telling an annotator's own words from a question: Label Studio's page sends the same request for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llm_interactive.labeling.config import Labeling
from llm_interactive.prompts.current import prompt_in, responses_in, work_on
from llm_interactive.store.store import Answered, fingerprint


def is_only_an_edit(prompt: str | None, responses: Sequence[str], last: Answered | None) -> bool:
    """Whether the annotator wrote a response by hand instead of asking.

    It is so if the prompt is the one that was answered last for this task, and a response is not among the replies
    given to it. A response without any prompt is by hand, too.
    """
    if not responses or prompt is None:
        return bool(responses)
    if last is None or last.prompt != fingerprint(prompt):
        return False
    return any(fingerprint(response) not in last.replies for response in responses)


def has_outcome(task: Mapping[str, Any], labeling: Labeling) -> bool:
    """Whether a draft, annotation or prediction of the task holds more than a prompt: a response, labels."""
    regions = (region for record in work_on(task) for region in record["result"])
    return any(isinstance(region, Mapping) and region.get("from_name") != labeling.prompt.name for region in regions)


def answered_by_prediction(task: Mapping[str, Any], labeling: Labeling) -> Answered | None:
    """The last answer to a task as its stored predictions have it."""
    for prediction in work_on({"predictions": task.get("predictions")}):
        if prompt := prompt_in(prediction["result"], labeling):
            given = responses_in(prediction["result"], labeling)
            return Answered(fingerprint(prompt), tuple(map(fingerprint, given)))
    return None
