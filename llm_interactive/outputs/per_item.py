"""A control with `perItem`: a value for each page of an object with `valueList`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.base import Checked, Data, Output, Schema, region_id
from llm_interactive.outputs.labelled import array_of, items_of, joined
from llm_interactive.outputs.places import number


class PerItem:
    """A list of {"page", "value"}, where pages count from 1 and values are those of the output `inner`."""

    def __init__(self, inner: Output) -> None:
        self.inner = inner
        self.control = inner.control

    @property
    def depends_on_task(self) -> bool:
        """Whether the values' labels come from the task."""
        return self.inner.depends_on_task

    def schema(self, data: Data) -> Schema:
        """An array of pages and values."""
        return array_of({"page": {"type": "integer"}, "value": self.inner.schema(data)})

    def guide(self, data: Data) -> str:
        """The form, and the values' own guide."""
        value = self.inner.guide(data)
        return f'list of {{"page": 1, 2, …, "value": …}} for the pages that have one, where value is: {value}'

    def check(self, value: Any, data: Data) -> Checked:
        """The entries that fit, by page; of several for one page the first."""
        found: dict[int, Any] = {}
        pages = self._pages(data)
        faults: list[str] = []
        for entry in items_of(value, faults):
            page = number(entry.get("page"))
            if page is None or not 1 <= page <= pages:
                faults.append(f'must have a "page" from 1 to {pages} in each entry')
                continue
            checked = self.inner.check(entry.get("value"), data)
            faults += [f"on page {page} {checked.fault}"] if checked.fault else []
            if checked.value not in (None, [], {}):
                found.setdefault(page, checked.value)
        return Checked([{"page": page, "value": found[page]} for page in sorted(found)], joined(faults))

    def _pages(self, data: Data) -> int:
        pages = object_value(self.control.objects[0].attributes.get("valuelist", ""), data)
        return len(pages) if isinstance(pages, list) else 1

    def regions(self, value: Any, data: Data) -> list[Region]:
        """The regions of each page, under ids of their own."""
        return [
            {**made, "id": region_id(made["id"], entry["page"]), "item_index": entry["page"] - 1}
            for entry in value or []
            for made in self.inner.regions(entry["value"], data)
        ]

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The entries that the regions hold, by page."""
        pages: defaultdict[int, list[Region]] = defaultdict(list)
        for made in regions:
            pages[made.get("item_index") or 0].append(made)
        entries = [{"page": page + 1, "value": self.inner.value_of(pages[page])} for page in sorted(pages)]
        return [entry for entry in entries if entry["value"] not in (None, [], {})]
