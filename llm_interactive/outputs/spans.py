"""Labels on text: the model quotes, the code finds the place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llm_interactive.labeling.tags import ObjectTag, Region
from llm_interactive.outputs.base import Checked, Data, Schema, region, region_id
from llm_interactive.outputs.labelled import (
    Labelled,
    checked_labels,
    checked_values,
    items_of,
    joined,
    label_options,
    regions_of,
    values_of,
)
from llm_interactive.outputs.places import number
from llm_interactive.outputs.texts import TEXT_OBJECTS, Mention, ParagraphsText, SpanText, span_text

Placed = tuple[ObjectTag, dict[str, Any]]
"""An object and the part of a region's value that says where in it."""


def region_numbers(regions: Sequence[Region]) -> dict[str, int]:
    """The number of each labelled region by its id, from 1 in their order: "n" in spans, "from" and "to" in relations.

    Numbers of several controls are different ones where `regions` has those of all controls.
    """
    ids = (entry.get("id") for entry in regions if str(entry.get("type")).endswith("labels"))
    return {id: index for index, id in enumerate(dict.fromkeys(id for id in ids if isinstance(id, str)), start=1)}


@dataclass(eq=False)
class Spans(Labelled):
    """Labels, HyperTextLabels and ParagraphLabels: a list of {"quote", "label"} in reading order.

    A span also has "paragraph" where the text is made of paragraphs, "n" where relations refer to spans (`numbered`),
    and a value for each of `per_region`, whose regions share the span's id and follow it.
    """

    numbered: bool = False

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
        return self.array(properties, data)

    def guide(self, data: Data) -> str:
        """The form of a span, and the labels with their hints."""
        parts = ['"quote" (the words exactly as they stand in the text)', self.label_part(data)]
        if self.numbered:
            parts.insert(0, '"n" (the number of the object, counted from 1 over all lists)')
        if self._in_paragraphs:
            parts.append('"paragraph" (the number of its paragraph, counted from 1, or null)')
        return f"{self.form(parts, data)}, one for each mention, in reading order"

    def check(self, value: Any, data: Data) -> Checked:
        """The spans with a quote and a label that exists; whether the text has the quote does not matter here.

        The label of a span with several is a list.
        """
        options = label_options(self.control, data)
        spans: list[dict[str, Any]] = []
        faults: list[str] = []
        for item in items_of(value, faults):
            quote = item.get("quote")
            if not isinstance(quote, str) or not quote.strip():
                faults.append('must have a text as "quote" in each object')
                continue
            labels = checked_labels(item, options, faults)
            if labels:
                rest = self._references(item, faults) | checked_values(self.per_region, item, data, faults)
                spans.append({"quote": quote, "label": labels if len(labels) > 1 else labels[0]} | rest)
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
        """For each span that the text has, by label: its region, and those of its per-region controls."""
        options = label_options(self.control, data)
        found: dict[str, list[Region]] = {}
        for span, placed in self._placed(value, data):
            if placed is None:
                continue
            target, place = placed
            for label in _labels(span):
                id = self._id(label, target, place)
                stored = list(options.by_name[label].stored)
                main = region(self.control, {**place, self.key: stored}, target=target, id=id)
                found.setdefault(id, [main, *regions_of(self.per_region, span, data, target, id)])
        return [entry for entries in found.values() for entry in entries]

    def places_by_number(self, value: Any, data: Data) -> Iterator[tuple[int, Hashable, str]]:
        """The number of each span, its place, and the id of the region that `regions` makes of it.

        Of a span that the text does not have, the place is None and the id empty.
        """
        for span, placed in self._placed(value, data):
            if span.get("n") is not None:
                position = (placed[0].name, _position(placed[1])) if placed else None
                yield span["n"], position, self._id(_labels(span)[0], *placed) if placed else ""

    def _placed(self, value: Any, data: Data) -> Iterator[tuple[dict[str, Any], Placed | None]]:
        """The spans, each with the object that has it and the place in that."""
        spans = self.check(value, data).value
        places: list[Placed | None] = [None] * len(spans)
        for target in self._objects:
            waiting = [index for index, place in enumerate(places) if place is None]
            mentions: list[Mention] = [(spans[index]["quote"], spans[index].get("paragraph")) for index in waiting]
            found = span_text(target, data).find(mentions) if mentions else []
            for index, place in zip(waiting, found, strict=True):
                if place is not None:
                    places[index] = target, place
        yield from zip(spans, _shared(spans, places), strict=True)

    def _id(self, label: str, target: ObjectTag, place: Mapping[str, Any]) -> str:
        return region_id(self.control.name, target.name, *_position(place), label)

    def value_of(self, regions: Sequence[Region], data: Data | None = None) -> Any:
        """The spans of the regions, in reading order. `data` has the paragraphs, and quotes that regions do not have.

        `regions` are those of all controls where spans are numbered or have per-region values.
        """
        numbers = region_numbers(regions)
        own = [entry for entry in regions if entry.get("from_name") == self.control.name]
        spans: list[dict[str, Any]] = []
        for entry in sorted(own, key=lambda entry: _reading_order(_value(entry))):
            value, id = _value(entry), entry.get("id")
            quote = self._quote(entry, data)
            for label in self.labels_in(value) if quote else []:
                span: dict[str, Any] = {"quote": quote, "label": label}
                if self.numbered:
                    span["n"] = numbers.get(str(id))
                if self._in_paragraphs:
                    span["paragraph"] = self._paragraph(entry, data)
                spans.append(span | values_of(self.per_region, regions, id))
        return spans

    def _quote(self, entry: Region, data: Data | None) -> str | None:
        quote = _value(entry).get("text")
        if isinstance(quote, str) and quote.strip():
            return quote.replace("\\n", "\n")  # the page writes line breaks as a backslash and an n
        text = self._text(entry, data)
        return text.quote(_value(entry)) if text else None

    def _paragraph(self, entry: Region, data: Data | None) -> int | None:
        text = self._text(entry, data)
        return text.number_of(number(_value(entry).get("start"))) if isinstance(text, ParagraphsText) else None

    def _text(self, entry: Region, data: Data | None) -> SpanText | None:
        target = next((target for target in self._objects if target.name == entry.get("to_name")), None)
        return span_text(target, data) if target and data is not None else None


def _shared(spans: Sequence[Mapping[str, Any]], places: Sequence[Placed | None]) -> list[Placed | None]:
    """The places, with that of the same quote under another label for spans that have none."""
    taken: defaultdict[str, list[tuple[Placed, set[str]]]] = defaultdict(list)
    for span, place in zip(spans, places, strict=True):
        if place:
            taken[span["quote"]].append((place, set(_labels(span))))
    shared = list(places)
    for index, span in enumerate(spans):
        free = (item for item in taken[span["quote"]] if not item[1].issuperset(_labels(span)))
        if places[index] is None and (item := next(free, None)):
            shared[index] = item[0]
            item[1].update(_labels(span))
    return shared


def _labels(span: Mapping[str, Any]) -> list[str]:
    label = span["label"]
    return label if isinstance(label, list) else [label]


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
