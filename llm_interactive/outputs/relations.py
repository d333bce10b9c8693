"""Relations: arrows from one span to another, which are told by their numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.labeling.tags import ControlTag, Region
from llm_interactive.outputs.base import Checked, Data, Schema
from llm_interactive.outputs.labelled import array_of, brings_labels, items_of, joined, label_options
from llm_interactive.outputs.places import number
from llm_interactive.outputs.spans import Spans, region_numbers


@dataclass(eq=False)
class Relations:
    """A list of {"from", "to"} with numbers of `spans`, and "label" where the config has Relation labels."""

    control: ControlTag
    spans: Sequence[Spans]

    @property
    def depends_on_task(self) -> bool:
        """Whether the task brings labels."""
        return brings_labels(self.control)

    def schema(self, data: Data) -> Schema:
        """An array of relations."""
        properties: dict[str, Schema] = {"from": {"type": "integer"}, "to": {"type": "integer"}}
        options = label_options(self.control, data)
        return array_of(properties | ({"label": options.schema(null=True)} if options.names else {}))

    def guide(self, data: Data) -> str:
        """The form of a relation, and the labels with their hints."""
        options = label_options(self.control, data)
        label = f', "label" (one of {options.listed()}, or null)' if options.names else ""
        names = ", ".join(spans.control.name for spans in self.spans)
        return f'list of objects {{"from", "to" (numbers "n" of two objects in {names}){label}}}'

    def check(self, value: Any, data: Data) -> Checked:
        """The relations with two different numbers; a label that does not exist is left out."""
        options = label_options(self.control, data)
        relations: list[dict[str, Any]] = []
        faults: list[str] = []
        for item in items_of(value, faults):
            relation: dict[str, Any] = {"from": number(item.get("from")), "to": number(item.get("to"))}
            if None in relation.values() or relation["from"] == relation["to"]:
                faults.append('must have two different numbers as "from" and "to" in each object')
                continue
            labels = item.get("label") if options.names else None
            for label in labels if isinstance(labels, list) and labels else [labels]:
                option = options.find(label) if isinstance(label, str) else None
                if option is None and label is not None:
                    faults.append(f'must have one of {options.listed(50)} or null as "label" in each object')
                labelled = relation | ({"label": option.name if option else None} if options.names else {})
                if labelled not in relations:
                    relations.append(labelled)
        return Checked(relations, joined(faults))

    def regions(self, value: Any, data: Data) -> list[Region]:
        """None: what a relation joins is known with the spans' values (`relations`)."""
        return []

    def relations(self, value: Any, data: Data, values: Mapping[str, Any]) -> list[Region]:
        """The relations between regions that the spans' `values` (by control name) make; none by an ambiguous number.

        Each pair has one, with all its labels: the page takes no second one.
        """
        ids, ambiguous = self._ids(data, values)
        options = label_options(self.control, data)
        labels: dict[tuple[str, str], list[str]] = {}
        for relation in self.check(value, data).value:
            pair = ids.get(relation["from"], ""), ids.get(relation["to"], "")
            if not all(pair) or pair[0] == pair[1] or ambiguous & {relation["from"], relation["to"]}:
                continue
            given = labels.setdefault(pair, [])
            if relation.get("label") is not None and (not given or self.control.attributes.get("choice") != "single"):
                stored = options.by_name[relation["label"]].stored[0]
                given += [stored] if stored not in given else []
        return [
            {"type": "relation", "from_id": start, "to_id": end, "direction": "right", "labels": given}
            for (start, end), given in labels.items()
        ]

    def fault(self, value: Any, data: Data, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the numbers that relations refer to; None if nothing is."""
        _, ambiguous = self._ids(data, values)
        used = {relation[side] for relation in self.check(value, data).value for side in ("from", "to")}
        several = ", ".join(map(str, sorted(used & ambiguous)))
        return f'must refer to numbers "n" of one object each, unlike {several}' if several else None

    def _ids(self, data: Data, values: Mapping[str, Any]) -> tuple[dict[int, str], set[int]]:
        """The region of each number, and the numbers that stand for several places."""
        places: dict[int, Hashable] = {}
        ids: dict[int, str] = {}
        ambiguous: set[int] = set()
        for spans in self.spans:
            for n, place, id in spans.places_by_number(values.get(spans.control.name), data):
                if places.setdefault(n, place) != place:
                    ambiguous.add(n)
                ids.setdefault(n, id)
        return ids, ambiguous

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The relations in the regions of a whole annotation, by the numbers that `Spans.value_of` gives these."""
        numbers = region_numbers(regions)
        names = {label.stored: label.name for label in self.control.labels}
        found: list[dict[str, Any]] = []
        for entry in regions:
            ends = numbers.get(str(entry.get("from_id"))), numbers.get(str(entry.get("to_id")))
            if entry.get("type") != "relation" or None in ends:
                continue
            relation: dict[str, Any] = dict(zip(("from", "to"), ends, strict=True))
            if entry.get("direction") == "left":
                relation = {"from": ends[1], "to": ends[0]}
            if not names:
                found.append(relation)
                continue
            given = entry.get("labels")
            labels = given if isinstance(given, list) and given else [None]
            found += [relation | {"label": label and names.get(str(label), str(label))} for label in labels]
        return found
