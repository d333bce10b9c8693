"""A model's reply → the values of the outputs, and what was wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from llm_interactive.outputs.base import Data, Output
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.json_objects import objects_in
from llm_interactive.outputs.options import fold
from llm_interactive.outputs.plain_text import match
from llm_interactive.outputs.relations import Relations
from llm_interactive.outputs.textarea import is_response
from llm_interactive.outputs.visibility import Page

_CUT = "the answer was too long and was cut off"
_NOT_JSON = "the answer is not a JSON object with the keys that were asked for"
_MAX_DEPTH = 3


@dataclass(frozen=True)
class Answer:
    """What a reply fills: checked values by control name, without those of controls that are hidden or not answered.

    `faults` are phrases for the model, for asking again. `is_json`: whether an object with known keys was there.
    """

    values: Mapping[str, Any]
    faults: tuple[str, ...] = ()
    is_json: bool = True


def read(reply: str, outputs: Sequence[Output], data: Data, *, cut: bool = False) -> Answer:
    """The values in `reply`, whatever it is; a `cut` one (finish_reason "length") gives its whole fields, and of the
    response what there is.

    Looked for is the JSON object with the most known keys, whatever stands around it; where several have as many and
    say different things, nothing is given. Without one, the reply is the text of the response, else of the first
    TextArea, and labels are taken from it where it clearly names them.
    """
    text = reply.strip()
    objects = _objects(text, outputs)
    if not objects and not (cut and text.startswith(("{", "```"))):
        return _from_text(text, outputs, data, cut=cut)
    broken_off = _broken_off(text, outputs) if cut else {}
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for output in outputs:
        name = output.control.name
        given = [fields[name] for fields in objects if name in fields]
        if not given and name in broken_off:
            given = [broken_off[name]]
        if not given:
            faults[name] = f'"{name}" is missing'
            continue
        checked, *others = (output.check(value, data) for value in given)
        if any(other.value != checked.value for other in others):
            faults[name] = f'"{name}" is given several times, with different values'
            continue
        values[name] = checked.value
        if checked.fault:
            faults[name] = f'"{name}" {checked.fault}'
    for output in outputs:
        name = output.control.name
        if isinstance(output, Relations) and (fault := output.fault(values.get(name), data, values)):
            faults.setdefault(name, f'"{name}" {fault}')
    shown = _shown(values, outputs, data)
    said = [_CUT] if cut else []
    said += [fault for output in shown if (fault := faults.get(output.control.name))]
    return Answer(_of(shown, values), tuple(said))


def _broken_off(text: str, outputs: Sequence[Output]) -> dict[str, Any]:
    """The response of a reply that was cut off within it, as far as it came."""
    names = [output.control.name for output in outputs if is_response(output)]
    try:
        found = from_json(text[text.find("{") :], allow_partial="trailing-strings")
    except ValueError:
        return {}
    return {name: found[name] for name in names if isinstance(found, dict) and isinstance(found.get(name), str)}


def _from_text(text: str, outputs: Sequence[Output], data: Data, *, cut: bool) -> Answer:
    values: dict[str, Any] = {}
    areas = [output for output in outputs if output.control.tag == "TextArea" and not output.control.per_item]
    for area in sorted(areas, key=is_response, reverse=True)[:1]:
        values[area.control.name] = area.check(text, data).value
    # The last word of a text that was cut off may be the beginning of another label.
    choices = [] if cut else [output for output in outputs if isinstance(output, Choices) and not output.nested]
    for output in choices:
        others = {name for other in choices if other is not output for name in other.names(data)}
        found = match(text, output.names(data), single=output.single, control_name=output.control.name)
        if others.intersection(found) and f"{fold(output.control.name)}:" not in fold(text):
            found = []
        values[output.control.name] = next(iter(found), None) if output.single else found
    labelled = any(values[output.control.name] for output in choices)
    faults = [_CUT] if cut else []
    if (not labelled and not areas) or text.startswith("{"):
        faults.append(_NOT_JSON)
    return Answer(_of(_shown(values, outputs, data), values), tuple(faults), is_json=False)


def _shown(values: Mapping[str, Any], outputs: Sequence[Output], data: Data) -> Sequence[Output]:
    if not any(output.control.conditions for output in outputs):
        return outputs
    regions = [made for output in outputs for made in output.regions(values.get(output.control.name), data)]
    page = Page(regions, [output.control for output in outputs])
    return [output for output in outputs if page.shows(output.control)]


def _of(outputs: Sequence[Output], values: Mapping[str, Any]) -> dict[str, Any]:
    names = [output.control.name for output in outputs]
    return {name: values[name] for name in names if name in values}


def _objects(text: str, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """The objects in `text` that have the most fields of the outputs, by control name; none without any of them."""
    names = [output.control.name for output in outputs]
    keys = {name: name for name in names}
    for key in (str.casefold, _folded):
        keys |= {key(name): name for name in reversed(names) if key(name) not in keys}
    found = [fields for entry in objects_in(text) for fields in _known(entry, keys)]
    most = max(map(len, found), default=0)
    return [fields for fields in found if len(fields) == most]


def _known(value: Any, keys: Mapping[str, str], depth: int = 0) -> list[dict[str, Any]]:
    """The fields that `value` has, or else those of each object within it: some models wrap their answer."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = next(objects_in(value), None)
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        return []
    fields: dict[str, Any] = {}
    for key, item in value.items():
        name = keys.get(key) or keys.get(key.casefold()) or keys.get(_folded(key))
        if name and (name not in fields or key == name):
            fields[name] = item
    return [fields] if fields else [inner for item in value.values() for inner in _known(item, keys, depth + 1)]


def _folded(name: str) -> str:
    return re.sub(r"[-_\s]+", "", name).casefold()
