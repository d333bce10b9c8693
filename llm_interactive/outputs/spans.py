"""Labels on text: the model quotes, the code finds the place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llm_interactive.labeling.tags import ControlTag, ObjectTag, Region
from llm_interactive.outputs.base import Checked, Data, Output, Schema, region, region_id
from llm_interactive.outputs.choices import Option, Options, labels_of
from llm_interactive.outputs.places import number
from llm_interactive.outputs.texts import TEXT_OBJECTS, Mention, span_text


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


def region_numbers(regions: Sequence[Region]) -> dict[str, int]:
    """The number of each labelled region by its id, from 1 in their order: "n" in spans, "from" and "to" in relations.

    Numbers of several controls are different ones where `regions` has those of all controls.
    """
    ids = (entry.get("id") for entry in regions if str(entry.get("type")).endswith("labels"))
    return {id: index for index, id in enumerate(dict.fromkeys(id for id in ids if isinstance(id, str)), start=1)}


@dataclass(eq=False)
class Spans:
    """Labels, HyperTextLabels and ParagraphLabels: a list of {"quote", "label"} in reading order.

    A span also has "paragraph" where the text is made of paragraphs, "n" where relations refer to spans (`numbered`),
    and a value for each of `per_region`, whose regions share the span's id and follow it.
    """

    control: ControlTag
    per_region: Sequence[Output] = ()
    numbered: bool = False

    @property
    def depends_on_task(self) -> bool:
        """Whether the task brings labels."""
        return brings_labels(self.control) or any(output.depends_on_task for output in self.per_region)

    @property
    def key(self) -> str:
        """Under which the labels stand in a region's value."""
        return self.control.tag.lower()

    @cached_property
    def _objects(self) -> list[ObjectTag]:
        return [target for target in self.control.objects if target.tag in TEXT_OBJECTS]

    @cached_property
    def _in_paragraphs(self) -> bool:
        return any(target.tag == "Paragraphs" for target in self._objects)

    def schema(self, data: Data) -> Schema:
        """An array of spans.

        Raises:
            TaskDataError: the task does not bring the labels.
        """
        label = label_options(self.control, data).schema(null=False)
        properties: dict[str, Schema] = {"quote": {"type": "string"}, "label": label}
        if self.numbered:
            properties = {"n": {"type": "integer"}, **properties}
        if self._in_paragraphs:
            properties["paragraph"] = {"type": ["integer", "null"]}
        return array_of(properties | {output.control.name: output.schema(data) for output in self.per_region})

    def guide(self, data: Data) -> str:
        """The form of a span, and the labels with their hints."""
        parts = ['"quote" (the words exactly as they stand in the text)']
        parts.append(f'"label" (one of {label_options(self.control, data).listed()})')
        if self.numbered:
            parts.insert(0, '"n" (the number of the object, counted from 1 over all lists)')
        if self._in_paragraphs:
            parts.append('"paragraph" (the number of its paragraph, counted from 1, or null)')
        form = ", ".join(parts + guides(self.per_region, data))
        return f"list of objects {{{form}}}, one for each mention, in reading order"

    def check(self, value: Any, data: Data) -> Checked:
        """The spans with a quote and a label that exists; whether the text has the quote does not matter here."""
        options = label_options(self.control, data)
        spans: list[dict[str, Any]] = []
        faults: list[str] = []
        for item in items_of(value, faults):
            quote = item.get("quote")
            if not isinstance(quote, str) or not quote.strip():
                faults.append('must have a text as "quote" in each object')
                continue
            label = checked_label(item, options, faults)
            if label is not None:
                rest = self._references(item, faults) | checked_values(self.per_region, item, data, faults)
                spans.append({"quote": quote, "label": label} | rest)
        return Checked(spans, joined(faults))

    def _references(self, item: Mapping[str, Any], faults: list[str]) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        if self.numbered:
            found["n"] = number(item.get("n"))
            if found["n"] is None:
                faults.append('must have a whole number as "n" in each object')
        if self._in_paragraphs:
            found["paragraph"] = number(item.get("paragraph"))
        return found

    def regions(self, value: Any, data: Data) -> list[Region]:
        """For each span that the text has: its region, and those of its per-region controls."""
        options = label_options(self.control, data)
        found: dict[str, list[Region]] = {}
        for span, target, place, id in self._placed(value, data):
            if id not in found:
                labels = list(options.by_name[span["label"]].stored)
                main = region(self.control, {**place, self.key: labels}, target=target, id=id)
                found[id] = [main, *regions_of(self.per_region, span, data, target, id)]
        return [entry for entries in found.values() for entry in entries]

    def numbered_ids(self, value: Any, data: Data) -> dict[int, str]:
        """The ids of the regions that `regions` makes, by the numbers of their spans; the first of a number counts."""
        ids: dict[int, str] = {}
        for span, _, _, id in self._placed(value, data):
            if span.get("n") is not None:
                ids.setdefault(span["n"], id)
        return ids

    def _placed(self, value: Any, data: Data) -> Iterator[tuple[dict[str, Any], ObjectTag, dict[str, Any], str]]:
        """The spans that a text has, with the object, the place in it, and the region's id."""
        spans = self.check(value, data).value
        places: list[tuple[ObjectTag, dict[str, Any]] | None] = [None] * len(spans)
        for target in self._objects:
            waiting = [index for index, place in enumerate(places) if place is None]
            mentions: list[Mention] = [(spans[index]["quote"], spans[index].get("paragraph")) for index in waiting]
            found = span_text(target, data).find(mentions) if mentions else []
            for index, place in zip(waiting, found, strict=True):
                if place is not None:
                    places[index] = target, place
        for span, placed in zip(spans, places, strict=True):
            if placed is not None:
                target, place = placed
                id = region_id(self.control.name, target.name, *_position(place), span["label"])
                yield span, target, place, id

    def value_of(self, regions: Sequence[Region], data: Data | None = None) -> Any:
        """The spans of the regions, in reading order. `data` is where a quote is read that a region does not have.

        `regions` are those of all controls where spans are numbered or have per-region values.
        """
        names = Options(Option(label.name, (label.stored,)) for label in self.control.labels).name_of
        numbers = region_numbers(regions)
        own = [entry for entry in regions if entry.get("from_name") == self.control.name]
        spans: list[dict[str, Any]] = []
        for entry in sorted(own, key=lambda entry: _reading_order(_value(entry))):
            value, id = _value(entry), entry.get("id")
            quote = self._quote(entry, data)
            labels = value.get(self.key)
            for label in labels if isinstance(labels, list) and quote else []:
                span: dict[str, Any] = {"quote": quote, "label": names.get((str(label),), str(label))}
                if self.numbered:
                    span["n"] = numbers.get(str(id))
                if self._in_paragraphs:
                    index = number(value.get("start"))
                    span["paragraph"] = None if index is None else index + 1
                spans.append(span | values_of(self.per_region, regions, id))
        return spans

    def _quote(self, entry: Region, data: Data | None) -> str | None:
        text = _value(entry).get("text")
        if isinstance(text, str) and text.strip():
            return text.replace("\\n", "\n")  # the page writes line breaks as a backslash and an n
        target = next((target for target in self._objects if target.name == entry.get("to_name")), None)
        return span_text(target, data).quote(_value(entry)) if target and data is not None else None


def array_of(properties: Mapping[str, Schema]) -> Schema:
    """The schema of a list of objects."""
    required = list(properties)
    item = {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}
    return {"type": "array", "items": item}


def guides(per_region: Sequence[Output], data: Data) -> list[str]:
    """What is said of the values that belong to each region."""
    return [f"{json.dumps(out.control.name, ensure_ascii=False)} ({out.guide(data)})" for out in per_region]


def items_of(value: Any, faults: list[str]) -> list[Mapping[str, Any]]:
    """The objects of a list; one object counts as a list of it, null as an empty one."""
    items = [] if value is None else [value] if isinstance(value, Mapping) else value
    objects = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    if not isinstance(items, list) or len(objects) < len(items):
        faults.append("must be a list of objects")
    return objects


def checked_label(item: Mapping[str, Any], options: Options, faults: list[str]) -> str | None:
    """The name of an object's label; None where it has none that exists."""
    label = item.get("label")
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    option = options.find(str(label)) if isinstance(label, str | int | float) else None
    if option is None:
        faults.append(f'must have one of {options.listed(50)} as "label" in each object')
    return option.name if option else None


def checked_values(
    per_region: Sequence[Output], item: Mapping[str, Any], data: Data, faults: list[str]
) -> dict[str, Any]:
    """The values of the per-region controls in an object."""
    values: dict[str, Any] = {}
    for output in per_region:
        checked = output.check(item.get(output.control.name), data)
        values[output.control.name] = checked.value
        if checked.fault:
            faults.append(f'has a "{output.control.name}" that {checked.fault}')
    return values


def joined(faults: Sequence[str]) -> str | None:
    """One phrase for the first few different faults; None for none."""
    return "; ".join(list(dict.fromkeys(faults))[:3]) or None


def regions_of(
    per_region: Sequence[Output], item: Mapping[str, Any], data: Data, target: ObjectTag, id: str
) -> list[Region]:
    """The regions of an object's per-region values: they have the id and the object of the region they belong to."""
    made = [
        entry
        for output in per_region
        if _goes_with(output.control, item["label"])
        for entry in output.regions(item.get(output.control.name), data)
    ]
    return [{**entry, "id": id, "to_name": target.name} for entry in made]


def _goes_with(control: ControlTag, label: str) -> bool:
    """Whether the page shows a per-region control for a region with that label (`whenLabelValue`)."""
    wanted = [set(condition.values) for condition in control.conditions if condition.kind == "region-selected"]
    # On the control itself it counts without a `visibleWhen`, too (regions/Result.js, canBeSubmitted).
    wanted.append({text.strip() for text in control.attributes.get("whenlabelvalue", "").split(",") if text.strip()})
    return all(not labels or label in labels for labels in wanted)


def values_of(per_region: Sequence[Output], regions: Sequence[Region], id: Any) -> dict[str, Any]:
    """The inverse: the per-region values of the region with that id."""
    same = [entry for entry in regions if entry.get("id") == id]
    return {
        output.control.name: output.value_of([e for e in same if e.get("from_name") == output.control.name])
        for output in per_region
    }


def _value(entry: Region) -> Mapping[str, Any]:
    value = entry.get("value")
    return value if isinstance(value, Mapping) else {}


def _position(place: Mapping[str, Any]) -> tuple[Any, ...]:
    return place["start"], place.get("startOffset", ""), place["end"], place.get("endOffset", "")


def _reading_order(value: Mapping[str, Any]) -> tuple[int, int, int]:
    offsets = value.get("globalOffsets")
    place = offsets if isinstance(offsets, Mapping) else value
    start, end = number(place.get("start")) or 0, number(place.get("end")) or 0
    return start, number(value.get("startOffset")) or 0, end
