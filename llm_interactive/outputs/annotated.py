"""An annotation's regions → the reply that the model should have given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llm_interactive.labeling.config import texts_in
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.base import Data, Output
from llm_interactive.outputs.form import Form
from llm_interactive.outputs.spans import Spans
from llm_interactive.outputs.textarea import TextArea
from llm_interactive.text import storable


class LeftOut(Exception):
    """An annotation, or a part of it, that is no example of a reply; the message is the reason that is counted."""


def reply_in(form: Form, regions: Sequence[Region], data: Data, *, structured: bool) -> str:
    """The reply that the regions stand for: the text, or, if `structured`, the JSON object that is asked for.

    Raises:
        LeftOut: there is none, there are several, or it is not what the model is asked for.
        TaskDataError: labels or items that the task should bring are missing.
    """
    if form.has_failed(regions):
        raise LeftOut("the response is an error text")
    if not structured or form.is_plain:
        return only_text(texts_in(regions, form.texts[0]) if form.texts else [])
    outputs = {output.control.name: output for output in form.outputs}
    values = {name: _value(outputs[name], regions, data) for name in form.schema(data)["properties"]}
    reply = json.dumps(values, ensure_ascii=False)
    if faults := form.read(reply, data).faults:
        raise LeftOut(f"the annotation is not what the model is asked for: {faults[0]}")
    return reply


def only_text(texts: Sequence[str]) -> str:
    """The one text there is.

    Raises:
        LeftOut: there is none, or there are several.
    """
    if not texts:
        raise LeftOut("there is no response")
    if len(texts) > 1:
        raise LeftOut("there are several responses, and nothing says which one is meant")
    return storable(texts[0])


def _value(output: Output, regions: Sequence[Region], data: Data) -> Any:
    if isinstance(output, Spans):
        return output.value_of(regions, data)
    value = output.value_of(regions)
    if isinstance(output, TextArea):
        return only_text(value) if output.is_response else "\n".join(value) or None
    return value
