"""Labelled rectangles on images, in thousandths of width and height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.tags import ControlTag, Region
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

_SIDES = ("left", "top", "right", "bottom")
_MOST = 1000
_FAR = 1_000_000
_ROUNDING = 10
"""Sides so far beyond the image are moved to its edge; further ones count something else, as pixels."""


@dataclass(eq=False)
class Boxes(Labelled):
    """RectangleLabels, or Labels with a `rectangle` control beside it: a list of {"label", sides from 0 to 1000}.

    A box also has "page", from 1, where the object shows several images, and a value for each of `per_region`.
    """

    rectangle: ControlTag | None = None

    @property
    def _pages(self) -> str:
        return self.control.objects[0].attributes.get("valuelist", "")

    def schema(self, data: Data) -> Schema:
        """An array of boxes.

        Raises:
            TaskDataError: the task does not bring the labels.
        """
        properties = {"label": label_options(self.control, data).schema(null=False)}
        for name in [*(["page"] if self._pages else []), *_SIDES]:
            properties[name] = {"type": "integer"}
        return self.array(properties, data)

    def guide(self, data: Data) -> str:
        """The form of a box, and the labels with their hints."""
        parts = [self.label_part(data)]
        if self._pages:
            parts.append('"page" (the number of the image, counted from 1)')
        parts.append(f'"left", "top", "right", "bottom" (whole numbers from 0 to {_MOST} of width and height)')
        return f"{self.form(parts, data)}, one for each thing in the image"

    def check(self, value: Any, data: Data) -> Checked:
        """The boxes with a label and a page that exist and an area; sides are put into order."""
        options = label_options(self.control, data)
        boxes: list[dict[str, Any]] = []
        faults: list[str] = []
        count = self._count(data) if self._pages else 1
        for item in items_of(value, faults):
            sides = _sides(item)
            if sides is None:
                faults.append(
                    f"must have numbers from 0 to {_MOST} (thousandths of width and height, no fractions, no pixels) "
                    'around an area as "left", "top", "right", "bottom" in each object'
                )
                continue
            labels = checked_labels(item, options, faults)
            page = number(item.get("page")) if count > 1 or "page" in item else 1
            if self._pages and (page is None or not 1 <= page <= count):
                faults.append(f'must have a number from 1 to {count} as "page" in each object')
                continue
            for label in labels:
                place = {"label": label} | ({"page": page} if self._pages else {}) | sides
                boxes.append(place | checked_values(self.per_region, item, data, faults))
        return Checked(boxes, joined(faults))

    def _count(self, data: Data) -> int:
        try:
            images = object_value(self._pages, data)
        except TaskDataError:
            return 1
        return max(len(images), 1) if isinstance(images, list) else 1

    def regions(self, value: Any, data: Data) -> list[Region]:
        """For each box its region, or the rectangle's and the labels', and those of its per-region controls."""
        options = label_options(self.control, data)
        target = self.control.objects[0]
        found: dict[str, list[Region]] = {}
        for box in self.check(value, data).value:
            sides = [box[side] for side in _SIDES]
            id = region_id(self.control.name, target.name, box.get("page", 1), *sides, box["label"])
            place = _percent(*sides)
            labels = {self.key: list(options.by_name[box["label"]].stored)}
            entries = [region(self.rectangle, place, target=target, id=id)] if self.rectangle else []
            entries.append(region(self.control, place | labels, target=target, id=id))
            entries += regions_of(self.per_region, box, data, target, id)
            found[id] = [{**entry, "item_index": box["page"] - 1} if self._pages else entry for entry in entries]
        return [entry for entries in found.values() for entry in entries]

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The boxes of the regions; those of all controls where boxes have per-region values."""
        boxes: list[dict[str, Any]] = []
        for entry in regions:
            value = entry.get("value")
            if entry.get("from_name") != self.control.name or not isinstance(value, Mapping):
                continue
            sides = _thousandths(value)
            for label in self.labels_in(value) if sides else []:
                page = {"page": (number(entry.get("item_index")) or 0) + 1} if self._pages else {}
                box = {"label": label} | page | (sides or {})
                boxes.append(box | values_of(self.per_region, regions, entry.get("id")))
        return boxes


def _sides(item: Mapping[str, Any]) -> dict[str, int] | None:
    """The sides of a box, each pair in order; None where they are no numbers, enclose nothing, or count otherwise."""
    given = [_finite(item.get(name)) for name in _SIDES]
    values = [value for value in given if value is not None and -_ROUNDING <= value <= _MOST + _ROUNDING]
    # Fractions of the image would be a box of one thousandth.
    if len(values) < len(_SIDES) or max(values) <= 1:
        return None
    left, top, right, bottom = (round(min(max(value, 0), _MOST)) for value in values)
    sides = dict(zip(_SIDES, (min(left, right), min(top, bottom), max(left, right), max(top, bottom)), strict=True))
    return sides if left != right and top != bottom else None


def _finite(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # No float holds the largest whole numbers.
    return float(value) if abs(value) < _FAR else None


def _percent(left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    return {"x": left / 10, "y": top / 10, "width": (right - left) / 10, "height": (bottom - top) / 10, "rotation": 0}


def _thousandths(value: Mapping[str, Any]) -> dict[str, int] | None:
    x, y, width, height = (_finite(value.get(name)) for name in ("x", "y", "width", "height"))
    if x is None or y is None or width is None or height is None:
        return None
    return _sides({"left": 10 * x, "top": 10 * y, "right": 10 * (x + width), "bottom": 10 * (y + height)})
