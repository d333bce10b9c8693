"""Which regions the page shows and saves, by `visibleWhen` and `whenLabelValue`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from llm_interactive.labeling.tags import Condition, ControlTag, Label, Region

_KEYS = {"relation": ("from_id", "to_id")}
"""Where regions name those that they belong to, other than by their own id."""

_Regions = defaultdict[tuple[str, str | None], list[Region]]
"""Regions by their control's name, and by that and their id."""


def saved(regions: Sequence[Region], controls: Iterable[ControlTag]) -> list[Region]:
    """The regions that the page saves, where `controls` are those that were to be filled.

    What belongs to a region, and relations, go with it. Regions of other controls are kept.
    """
    controls = list(controls)
    if not any(condition for control in controls for condition in _conditions(control)):
        return list(regions)
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
        self._all: _Regions = defaultdict(list)
        self._shown: _Regions = defaultdict(list)
        self._labelled: defaultdict[str | None, list[Region]] = defaultdict(list)
        for entry in regions:
            _add(self._all, entry)
            for id in (None, entry.get("id")) if entry["type"].endswith("labels") else ():
                self._labelled[id].append(entry)
        sorter = TopologicalSorter({name: self._hangs_on(control) for name, control in self._controls.items()})
        with suppress(CycleError):  # what hangs on itself is never ready, and so is hidden
            sorter.prepare()
        while ready := sorter.get_ready():
            for name in ready:
                self._show(self._controls[name])
            sorter.done(*ready)

    def shows(self, control: ControlTag) -> bool:
        """Whether `control` is shown, for one of its regions if it has any."""
        place = control.name, None
        return bool(self._shown[place]) if self._all[place] else self._holds_all(control, {})

    def saves(self, entry: Region) -> bool:
        """Whether a region's own control is shown for it."""
        name = entry.get("from_name", "")
        return name not in self._controls or any(entry is other for other in self._shown[name, entry.get("id")])

    def is_per_region(self, entry: Region) -> bool:
        """Whether a region is a value of another one."""
        control = self._controls.get(entry.get("from_name", ""))
        return control is not None and control.per_region

    def _hangs_on(self, control: ControlTag) -> set[str]:
        return {one.control for one in control.conditions if one.control in self._controls and _is_of_choice(one)}

    def _show(self, control: ControlTag) -> None:
        for entry in self._all[control.name, None]:
            if self._holds_all(control, entry):
                _add(self._shown, entry)

    def _holds_all(self, control: ControlTag, entry: Region) -> bool:
        return all(self._holds(condition, control, entry) for condition in _conditions(control))

    def _holds(self, condition: Condition, control: ControlTag, entry: Region) -> bool:
        if _is_of_choice(condition):
            if condition.control is not None and condition.control not in self._controls:
                return True
            return self._is_chosen(condition, control, entry) == (condition.kind == "choice-selected")
        if condition.kind == "region-selected":
            areas = self._labelled[entry.get("id") if control.per_region else None]
            return any(
                condition.control in (None, area["from_name"])
                and (not condition.values or not set(condition.values).isdisjoint(area["value"][area["type"]]))
                for area in areas
            )
        return not (condition.kind == "no-region-selected" and control.per_region)

    def _is_chosen(self, condition: Condition, control: ControlTag, entry: Region) -> bool:
        if condition.control is not None:
            return self._is_chosen_in(self._controls[condition.control], self._shown, condition, control, entry)
        # Without a name the page looks at all Choices, at hidden ones too.
        others = [tag for tag in self._controls.values() if tag.tag == "Choices" and tag != control]
        return any(self._is_chosen_in(other, self._all, condition, control, entry) for other in others)

    def _is_chosen_in(
        self, source: ControlTag, regions: _Regions, condition: Condition, control: ControlTag, entry: Region
    ) -> bool:
        if source.per_region and not control.per_region:
            return False
        wanted = {label.stored for label in _all(source.labels) if label.name in condition.values}
        wanted.update(condition.values)
        same_item = source.per_item and control.per_item
        return any(
            (not wanted or not wanted.isdisjoint(_chosen(choice)))
            and (not same_item or choice.get("item_index") == entry.get("item_index"))
            for choice in regions[source.name, entry.get("id") if source.per_region else None]
        )


def _add(regions: _Regions, entry: Region) -> None:
    name = entry.get("from_name", "")
    regions[name, None].append(entry)
    regions[name, entry.get("id")].append(entry)


def _is_of_choice(condition: Condition) -> bool:
    return condition.kind in ("choice-selected", "choice-unselected")


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
