"""What labelled regions have in common, on texts and on images: labels, and the values of per-region controls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.labeling.tags import ControlTag, ObjectTag, Region
from llm_interactive.outputs.base import Data, Output, Schema
from llm_interactive.outputs.options import Option, Options, labels_of

_OWN_KEYS = frozenset("label quote n paragraph page left top right bottom".split())


@dataclass(eq=False)
class Labelled:
    """A control whose regions have labels: a list of objects with a "label" and a value for each of `per_region`."""

    control: ControlTag
    per_region: Sequence[Output] = ()

    @property
    def depends_on_task(self) -> bool:
        """Whether the task brings labels."""
        return brings_labels(self.control) or any(output.depends_on_task for output in self.per_region)

    @property
    def key(self) -> str:
        """Under which the labels stand in a region's value."""
        return self.control.tag.lower()

    def array(self, properties: Mapping[str, Schema], data: Data) -> Schema:
        """The schema of the list: objects with `properties` and the per-region values."""
        return array_of({**properties, **{key_of(output): output.schema(data) for output in self.per_region}})

    def form(self, parts: Sequence[str], data: Data) -> str:
        """The form of the list in words: `parts` and the per-region values."""
        values = [
            f"{json.dumps(key_of(output), ensure_ascii=False)} ({output.guide(data)})" for output in self.per_region
        ]
        return f"list of objects {{{', '.join([*parts, *values])}}}"

    def label_part(self, data: Data) -> str:
        """The label in words."""
        return f'"label" (one of {label_options(self.control, data).listed()})'

    def labels_in(self, value: Mapping[str, Any]) -> list[str]:
        """The names of the labels in a region's value; those that the config does not know as they are."""
        names = Options(Option(label.name, (label.stored,)) for label in self.control.labels).name_of
        labels = value.get(self.key)
        return [names.get((str(label),), str(label)) for label in labels] if isinstance(labels, list) else []


def key_of(output: Output) -> str:
    """The key of a per-region value in an object: the control's name, unless objects have that key themselves."""
    control = output.control
    return f"{control.name} ({control.tag})" if control.name in _OWN_KEYS else control.name


def brings_labels(control: ControlTag) -> bool:
    """Whether the task's data bring labels of a control (`value="$field"`)."""
    return "$" in control.attributes.get("value", "")


def label_options(control: ControlTag, data: Data) -> Options:
    """The labels that a control's regions can have.

    Raises:
        TaskDataError: the task does not bring them.
    """
    labels = labels_of(control, data) if brings_labels(control) else control.labels
    return Options(Option(label.name, (label.stored,), label.hint) for label in labels)


def array_of(properties: Mapping[str, Schema]) -> Schema:
    """The schema of a list of objects."""
    required = list(properties)
    item = {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}
    return {"type": "array", "items": item}


def items_of(value: Any, faults: list[str]) -> list[Mapping[str, Any]]:
    """The objects of a list; one object counts as a list of it, null as an empty one."""
    items = [] if value is None else [value] if isinstance(value, Mapping) else value
    objects = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    if not isinstance(items, list) or len(objects) < len(items):
        faults.append("must be a list of objects")
    return objects


def checked_labels(item: Mapping[str, Any], options: Options, faults: list[str]) -> list[str]:
    """The names of an object's label, or of several in a list; those that do not exist are left out."""
    given = item.get("label")
    found = [
        options.find(str(label)) if isinstance(label, str | int | float) else None
        for label in (given if isinstance(given, list) else [given])
    ]
    if not found or None in found:
        faults.append(f'must have one of {options.listed(50)} as "label" in each object')
    return list(dict.fromkeys(option.name for option in found if option))


def checked_values(
    per_region: Sequence[Output], item: Mapping[str, Any], data: Data, faults: list[str]
) -> dict[str, Any]:
    """The values of the per-region controls in an object."""
    values: dict[str, Any] = {}
    for output in per_region:
        key = key_of(output)
        checked = output.check(item.get(key), data)
        values[key] = checked.value
        if checked.fault:
            faults.append(f'has a "{key}" that {checked.fault}')
    return values


def joined(faults: Sequence[str]) -> str | None:
    """One phrase for the first few different faults; None for none."""
    return "; ".join(list(dict.fromkeys(faults))[:3]) or None


def regions_of(
    per_region: Sequence[Output], item: Mapping[str, Any], data: Data, target: ObjectTag, id: str
) -> list[Region]:
    """The regions of an object's per-region values: they have the id and the object of the region they belong to."""
    made = [entry for output in per_region for entry in output.regions(item.get(key_of(output)), data)]
    return [{**entry, "id": id, "to_name": target.name} for entry in made]


def values_of(per_region: Sequence[Output], regions: Sequence[Region], id: Any) -> dict[str, Any]:
    """The inverse: the per-region values of the region with that id."""
    same = [entry for entry in regions if entry.get("id") == id]
    return {
        key_of(output): output.value_of([e for e in same if e.get("from_name") == output.control.name])
        for output in per_region
    }
