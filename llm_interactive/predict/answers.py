"""Replies → regions of a prediction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from label_studio_sdk.label_interface.control_tags import ControlTag

from llm_interactive.errors import BackendError
from llm_interactive.labeling.config import Label, Labeling, objects_of
from llm_interactive.matching import match_choices
from llm_interactive.prompts.current import WARNING
from llm_interactive.settings import Settings

Prediction = dict[str, Any]
"""`result` (regions), `score` and `model_version`; https://labelstud.io/guide/predictions."""


def build_prediction(
    replies: Sequence[str], prompt: str, labels: Sequence[Label], labeling: Labeling, model_version: str
) -> Prediction:
    """The prediction that `replies` make: choices that the first reply names, all replies as text, the prompt.

    Raises:
        BackendError: the SDK's own validation finds fault with a region.
    """
    result = []
    if labeling.choices is not None and (stored := _stored_labels(replies[0], labels, labeling.single_choice)):
        result.append(_region(labeling.choices, labeling, choices=stored))
    if labeling.response is not None:
        result.append(_region(labeling.response, labeling, text=list(replies)))
    result.append(_region(labeling.prompt, labeling, text=[prompt]))
    prediction = _prediction(result, model_version)
    if faults := labeling.faults(prediction):
        raise BackendError(f"The reply does not fit the labeling config: {faults[0][:150]}")
    return prediction


def unchanged(model_version: str) -> Prediction:
    """The answer that leaves the annotator's page as it is."""
    return _prediction([], model_version)


def shown_failure(error: BackendError, labeling: Labeling, model_version: str) -> Prediction:
    """A failure as text in the response field, the only place where the annotator sees anything."""
    assert labeling.response is not None
    return _prediction([_region(labeling.response, labeling, text=[WARNING + error.message])], model_version)


def model_version(prompt: str | None, labeling: Labeling, settings: Settings) -> str:
    """Name of what makes a prediction: `<model>/<8 hex>`, another one as soon as the outcome would be another.

    Label Studio asks only for tasks without a prediction of this version, so it must not change without need.
    """
    choices = labeling.choices
    outcome = {
        "prompt": prompt,
        "template": settings.prompt_template if settings.use_internal_prompt_template else None,
        "system": settings.system_prompt,
        "model": settings.model,
        "temperature": settings.temperature,
        "responses": settings.num_responses,
        "max_tokens": settings.max_tokens,
        "images": [settings.image_mode, settings.image_detail],
        "object": [labeling.object.name, labeling.object_type, labeling.object_value],
        "response": labeling.response and labeling.response.name,
        "choices": choices and [choices.name, choices.labels, choices.get_attr("value"), labeling.single_choice],
    }
    digest = hashlib.sha256(json.dumps(outcome, sort_keys=True).encode()).hexdigest()[:8]
    return f"{settings.model}/{digest}"


def _stored_labels(reply: str, labels: Sequence[Label], single: bool) -> list[str]:
    by_name: Mapping[str, str] = {label.name: label.stored for label in reversed(labels)}
    named = match_choices(reply, list(by_name), single=single) if by_name else []
    if not named:
        # An alias is for machines ("1", "neg"): it counts only where it is the whole reply.
        named = [label.name for label in labels if label.stored == reply.strip()]
    wanted = {by_name[name] for name in named}
    return [stored for stored in dict.fromkeys(label.stored for label in labels) if stored in wanted]


def _prediction(result: list[dict[str, Any]], version: str) -> Prediction:
    return {"result": result, "score": None, "model_version": version}


def _region(control: ControlTag, labeling: Labeling, **value: Any) -> dict[str, Any]:
    target = labeling.object if labeling.object in objects_of(control) else objects_of(control)[0]
    return {
        "id": str(uuid4()),
        "from_name": control.name,
        "to_name": target.name,
        "type": str(control.tag).lower(),
        "value": value,
    }
