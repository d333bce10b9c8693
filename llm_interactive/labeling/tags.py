"""The tags of a labeling config, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Region = Mapping[str, Any]
"""An entry of a `result` list: id, from_name, to_name, type, value (https://labelstud.io/guide/task_format)."""


@dataclass(frozen=True)
class Label:
    """A Choice, Label, Relation or Bucket: the `name` that people see, and the `stored` value (alias, else name).

    `is_default`: the Bucket for items that are in no other one.
    """

    name: str
    stored: str
    hint: str = ""
    is_default: bool = False
    children: tuple[Label, ...] = ()


@dataclass(frozen=True)
class ObjectTag:
    """A tag that shows a part of the task: Text, Image, … `value` is `$field`, or a text with fields in it.

    `attributes` has lower-case names, as Label Studio's page reads them. `title` is the nearest Header above.
    """

    tag: str
    name: str
    value: str
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    title: str = ""


@dataclass(frozen=True)
class Condition:
    """A `visibleWhen`: its kind ("choice-selected", …), the control it looks at, and the values it looks for.

    No `values` stands for any value. The page knows: region-selected, no-region-selected, choice-selected,
    choice-unselected.
    """

    kind: str
    control: str | None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class ControlTag:
    """A tag that an annotator fills. `conditions` must all hold for it to be shown: its own and its Views'.

    `attributes` has lower-case names. `objects` are those of `toName`, as far as they exist. A Relations tag has no
    name and no object; it is called "relations" here. `repeated`: it stands in a Repeater.
    """

    tag: str
    name: str
    objects: tuple[ObjectTag, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    labels: tuple[Label, ...] = ()
    title: str = ""
    conditions: tuple[Condition, ...] = ()
    repeated: bool = False

    def is_set(self, attribute: str) -> bool:
        """Whether a yes-or-no attribute, given in lower case, is "true"."""
        return self.attributes.get(attribute, "").lower() == "true"

    @property
    def per_region(self) -> bool:
        """Whether it belongs to a region instead of the task."""
        return self.is_set("perregion")

    @property
    def per_item(self) -> bool:
        """Whether it is filled for each image of a `valueList`."""
        return self.is_set("peritem")
