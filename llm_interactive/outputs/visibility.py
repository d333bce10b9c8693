"""Which regions the page shows and saves, by `visibleWhen` and `whenLabelValue`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from llm_interactive.labeling.tags import Condition, ControlTag, Label, Region

_Asked = frozenset[str]

_KEYS = {"relation": ("from_id", "to_id")}
"""Where regions name those that they belong to, other than by their own id."""


def saved(regions: Sequence[Region], controls: Iterable[ControlTag]) -> list[Region]:
    """The regions that the page saves, where `controls` are those that were to be filled.

    What belongs to a region, and relations, go with it. Regions of other controls are kept.
    """
    page = Page(regions, controls)
    kept = [entry for entry in regions if page.saves(entry)]
    ids = {entry.get("id") for entry in kept if not page.is_per_region(entry)}
    return [entry for entry in kept if ids.issuperset(entry[key] for key in _KEYS.get(entry["type"], ("id",)))]


class Page:
    """A page with `regions` in it.

    As the editor does it (mixins/Visibility.js; regions/Result.js, canBeSubmitted): what hangs on a control that is
    hidden or not filled is hidden; what hangs on one that is not among `controls` is not, as others may fill that.
    A control of a region looks at the values of that region, one of an item at those of that item.
    """

    def __init__(self, regions: Iterable[Region], controls: Iterable[ControlTag]) -> None:
        self._controls = {control.name: control for control in controls}
        self._of: defaultdict[tuple[str, str | None], list[Region]] = defaultdict(list)
        self._labelled: defaultdict[str | None, list[Region]] = defaultdict(list)
        for entry in regions:
            for id in (None, entry.get("id")):
                self._of[entry.get("from_name", ""), id].append(entry)
                if entry["type"].endswith("labels"):
                    self._labelled[id].append(entry)

    def shows(self, control: ControlTag) -> bool:
        """Whether `control` is shown, for one of its regions if it has any."""
        return any(self._shows(control, entry) for entry in self._of[control.name, None] or [{}])

    def saves(self, entry: Region) -> bool:
        """Whether a region's own control is shown for it."""
        control = self._controls.get(entry.get("from_name", ""))
        return control is None or self._shows(control, entry)

    def is_per_region(self, entry: Region) -> bool:
        """Whether a region is a value of another one."""
        control = self._controls.get(entry.get("from_name", ""))
        return control is not None and control.per_region

    def _shows(self, control: ControlTag, entry: Region, asked: _Asked = frozenset()) -> bool:
        asked |= {control.name}
        return all(self._holds(condition, control, entry, asked) for condition in _conditions(control))

    def _holds(self, condition: Condition, control: ControlTag, entry: Region, asked: _Asked) -> bool:
        if condition.kind.startswith("choice-"):
            if condition.control is not None and condition.control not in self._controls:
                return True
            named = [tag for tag in self._controls.values() if tag.name == condition.control]
            sources = named or [tag for tag in self._controls.values() if tag.tag == "Choices"]
            is_chosen = any(self._is_chosen(source, condition, control, entry, asked) for source in sources)
            return is_chosen == (condition.kind == "choice-selected")
        if condition.kind == "region-selected":
            areas = self._labelled[entry.get("id") if control.per_region else None]
            return any(
                condition.control in (None, area["from_name"])
                and (not condition.values or not set(condition.values).isdisjoint(area["value"][area["type"]]))
                for area in areas
            )
        return not (condition.kind == "no-region-selected" and control.per_region)

    def _is_chosen(
        self, source: ControlTag, condition: Condition, control: ControlTag, entry: Region, asked: _Asked
    ) -> bool:
        if source.name in asked or (source.per_region and not control.per_region):
            return False
        wanted = {label.stored for label in _all(source.labels) if label.name in condition.values}
        wanted.update(condition.values)
        same_item = source.per_item and control.per_item
        return any(
            (not wanted or not wanted.isdisjoint(_chosen(choice)))
            and (not same_item or choice.get("item_index") == entry.get("item_index"))
            and self._shows(source, choice, asked)
            for choice in self._of[source.name, entry.get("id") if source.per_region else None]
        )


def _conditions(control: ControlTag) -> Iterator[Condition]:
    yield from control.conditions
    labels = control.attributes.get("whenlabelvalue", "") if control.per_region else ""
    if labels:  # on the control itself it counts without a `visibleWhen`, too
        yield Condition("region-selected", None, tuple(labels.split(",")))


def _chosen(entry: Region) -> Iterator[str]:
    """The stored values of a region of Choices or a Taxonomy, of paths the last one."""
    for value in entry["value"].get("choices") or entry["value"].get("taxonomy") or []:
        yield value[-1] if isinstance(value, list) else value


def _all(labels: Sequence[Label]) -> Iterator[Label]:
    for label in labels:
        yield label
        yield from _all(label.children)
