"""Pairwise and Ranker: which of two is better, and the order or the groups of a List's items."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.tags import ControlTag, Region
from llm_interactive.outputs.base import Checked, Data, Schema, region
from llm_interactive.outputs.options import Option, Options
from llm_interactive.outputs.scalars import stored_values


@dataclass(eq=False)
class Pairwise:
    """ "left" or "right", as the two objects of `toName` stand in it; None where neither is better."""

    control: ControlTag

    depends_on_task = False

    def _sides(self) -> Options:
        sides = zip(("left", "right"), self.control.objects, strict=False)
        return Options(Option(side, (tag.name,), last=tag.title or tag.name) for side, tag in sides)

    def schema(self, data: Data) -> Schema:
        """A side or null."""
        return {"type": ["string", "null"], "enum": ["left", "right", None]}

    def guide(self, data: Data) -> str:
        """The sides, and what stands there."""
        sides = zip(("left", "right"), self.control.objects, strict=False)
        return " or ".join(f'"{side}" ({tag.title or tag.name})' for side, tag in sides) + ", or null if neither"

    def check(self, value: Any, data: Data) -> Checked:
        """The side, also where the object is named."""
        side = self._sides().find(value) if isinstance(value, str) else None
        fault = None if side or value is None else f"must be {self.guide(data)}"
        return Checked(side.name if side else None, fault)

    def regions(self, value: Any, data: Data) -> list[Region]:
        """One region on the left object."""
        return [region(self.control, {"selected": value})] if value else []

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The side."""
        sides = stored_values(self.control, regions, "selected")
        return sides[0] if sides and sides[0] != "none" else None


@dataclass(eq=False)
class Ranker:
    """The ids of a List's items, best first; with Buckets (whose hint is their title) a list of ids for each of these.

    The editor goes blank at an unknown id, and an order without some of the items loses them.
    """

    control: ControlTag

    depends_on_task = True

    def items(self, data: Data) -> Options:
        """The List's items by id.

        Raises:
            TaskDataError: the task does not bring them.
        """
        items = object_value(self.control.objects[0].value, data)
        if not isinstance(items, list) or not all(isinstance(item, Mapping) and "id" in item for item in items):
            raise TaskDataError(f"{self.control.objects[0].value} is not a list of items with ids.")
        ids = [item["id"] if isinstance(item["id"], str) else json.dumps(item["id"]) for item in items]
        return Options(
            Option(id, (id,), last=str(item.get("title") or "")) for id, item in zip(ids, items, strict=True)
        )

    def schema(self, data: Data) -> Schema:
        """An array of ids, with Buckets one for each."""
        ids: Schema = {"type": "array", "items": self.items(data).schema(null=False)}
        if not self.control.labels:
            return ids
        buckets = {bucket.name: ids for bucket in self.control.labels}
        return {"type": "object", "properties": buckets, "required": list(buckets), "additionalProperties": False}

    def guide(self, data: Data) -> str:
        """The buckets and the ids."""
        listed = self.items(data).listed()
        if not self.control.labels:
            return f"list of all these ids, the best first: {listed}; or []"
        buckets = Options(Option(bucket.name, (bucket.name,), bucket.hint) for bucket in self.control.labels).listed()
        other = "" if any(bucket.is_default for bucket in self.control.labels) else " or in none"
        return f"object with a list of ids for each of {buckets}; each id in one of them{other}: {listed}"

    def check(self, value: Any, data: Data) -> Checked:
        """The ids, each once. An order of some items alone is none: the others' places would be made up."""
        items = self.items(data)
        if not self.control.labels:
            ids = self._known(value, items, set())
            whole = value in (None, []) or (isinstance(value, list) and len(value) == len(ids) == len(items.names))
            fault = None if whole else f"must be a list of {items.listed(50)}, each once"
            return Checked(ids if len(ids) == len(items.names) else [], fault)
        given, is_whole = self._by_bucket(value)
        taken: set[str] = set()
        buckets = {bucket.name: self._known(given.get(bucket.name), items, taken) for bucket in self.control.labels}
        is_whole = is_whole and sum(map(len, given.values())) == len(taken)
        rest = next((bucket.name for bucket in self.control.labels if bucket.is_default), None)
        if rest and taken:
            # Beside a default bucket the page shows only the items that the result names.
            buckets[rest] += [id for id in items.names if id not in taken]
        fault = None if is_whole else f"must hold each of {items.listed(50)} at most once"
        return Checked(buckets if taken else {}, fault)

    def _by_bucket(self, value: Any) -> tuple[dict[str, list[Any]], bool]:
        """What is given for each bucket, named or described by its hint, and whether that is all that is given."""
        buckets = Options(Option(label.name, (label.name,), last=label.hint) for label in self.control.labels)
        given: dict[str, list[Any]] = {}
        is_whole = value is None or isinstance(value, Mapping)
        for key, ids in value.items() if isinstance(value, Mapping) else ():
            bucket = buckets.find(str(key))
            if bucket and bucket.name not in given:
                given[bucket.name] = ids if isinstance(ids, list) else [ids] if ids is not None else []
            else:
                is_whole = False
        return given, is_whole

    def _known(self, value: Any, items: Options, taken: set[str]) -> list[str]:
        """The ids in `value` that are not yet `taken`, and are from then on."""
        found = []
        for given in value if isinstance(value, list) else []:
            item = items.find(given if isinstance(given, str) else json.dumps(given))
            if item and item.name not in taken:
                taken.add(item.name)
                found.append(item.name)
        return found

    def regions(self, value: Any, data: Data) -> list[Region]:
        """One region on the List."""
        ranks = value if self.control.labels else {self.control.name: value}
        return [region(self.control, {"ranker": ranks})] if value else []

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The order, or the ids of each bucket."""
        ranks: Mapping[str, Any] = next(iter(stored_values(self.control, regions, "ranker")), {})
        if not self.control.labels:
            return list(ranks.get(self.control.name, []))
        return {bucket.name: list(ranks.get(bucket.name, [])) for bucket in self.control.labels} if ranks else {}
