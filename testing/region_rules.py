"""What Label Studio 1.23.2 shows and keeps of a prediction, checked without knowing how predictions are made.

    faults(config, task["data"], entry["result"])        # [] or one line for each fault

The rules are those measured on a running Label Studio and read from its editor's source. Each region is read as the
editor would read it, from the labeling config and the task's data alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeGuard

import lxml.html
from lxml import etree

Json = dict[str, Any]

OBJECTS = frozenset(
    "Text HyperText Paragraphs Image List Table Pdf Audio AudioPlus Video TimeSeries PagedView Chat".split()
)
_TYPES = {
    name: name.lower()
    for name in (
        "Choices Taxonomy Rating Number DateTime TextArea Pairwise Ranker Labels HyperTextLabels ParagraphLabels "
        "RectangleLabels Rectangle"
    ).split()
}
# Which objects a control draws its regions on.
_DRAWN_ON = {
    "Labels": {"Text", "HyperText", "Paragraphs", "Image"},
    "HyperTextLabels": {"HyperText", "Text"},
    "ParagraphLabels": {"Paragraphs"},
    "RectangleLabels": {"Image"},
    "Rectangle": {"Image"},
    "Ranker": {"List"},
}
_CLASSIFYING = frozenset("Choices Taxonomy Rating Number DateTime TextArea Pairwise Ranker".split())
_GEOMETRY = ("x", "y", "width", "height", "rotation")
_PLACE = ("start", "end", "startOffset", "endOffset")
# Begins a path that leads nowhere: the page takes globalOffsets then (RichTextRegion.js, initRangeAndOffsets).
_NO_PATH = "/nowhere[1]/"
# The page cannot take a region on these by itself: only as a further value of one that is there.
_WITHOUT_REGIONS = frozenset("List Table Pdf".split())


def faults(config_xml: str, task_data: Json, result: list[Json]) -> list[str]:
    """Everything in `result` that Label Studio would not show, would show wrongly or would not save; one line each."""
    return _Checker(_Config(config_xml, task_data), result).run()


@dataclass(frozen=True)
class _Tag:
    """A tag of the config; attribute names in lower case, as the editor reads them."""

    element: Any
    data: Json

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        return {str(name).lower(): str(value) for name, value in self.element.attrib.items()}

    @property
    def kind(self) -> str:
        return str(self.element.tag)

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")

    @property
    def to_names(self) -> list[str]:
        return [name.strip() for name in self.attributes.get("toname", "").split(",") if name.strip()]

    def get(self, attribute: str, otherwise: str = "") -> str:
        return self.attributes.get(attribute.lower(), otherwise)

    def on(self, attribute: str) -> bool:
        return self.get(attribute).lower() == "true"

    def chain(self) -> list[_Tag]:
        """The tag and those around it, inmost first."""
        return [self, *(_Tag(element, self.data) for element in self.element.iterancestors())]

    @cached_property
    def shown(self) -> Any:
        """The task's value that the tag shows, or its text with fields put in."""
        value = self.get("value") or self.get("valueList")
        if found := re.fullmatch(r"\$([\w[\].]+)", value):
            return _field(self.data, found[1])
        return re.sub(r"\$([\w[\].]+)", lambda found: str(_field(self.data, found[1])), value)

    @cached_property
    def options(self) -> list[_Option]:
        """Choices, labels, relations or buckets of the control, with those that the task's data adds."""
        own = _options_below(self.element, ())
        dynamic = self.shown if isinstance(self.shown, list) else []
        return own + _options_of(dynamic, ())

    def every_option(self) -> Iterator[_Option]:
        def walk(options: list[_Option]) -> Iterator[_Option]:
            for option in options:
                yield option
                yield from walk(option.children)

        return walk(self.options)


@dataclass(frozen=True)
class _Option:
    """A choice or label: what people see, and the path of stored values that leads to it."""

    value: str
    path: tuple[str, ...]
    children: list[_Option]


def _field(data: Any, path: str) -> Any:
    for part in re.findall(r"[^.[\]]+", path):
        if isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        elif isinstance(data, dict) and part in data:
            data = data[part]
        else:
            return ""
    return data


def _options_below(element: Any, path: tuple[str, ...]) -> list[_Option]:
    found: list[_Option] = []
    for child in element:
        if child.tag in ("Choice", "Label", "Relation"):
            value = str(child.get("value") or "")
            inner = (*path, str(child.get("alias") or value))
            found.append(_Option(value, inner, _options_below(child, inner)))
        elif isinstance(child.tag, str):
            found += _options_below(child, path)
    return found


def _options_of(items: list[Any], path: tuple[str, ...]) -> list[_Option]:
    found = []
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("value"), str):
            inner = (*path, str(item.get("alias") or item["value"]))
            found.append(_Option(item["value"], inner, _options_of(item.get("children") or [], inner)))
    return found


class _Config:
    """Controls and objects of a labeling config by name, for one task."""

    def __init__(self, xml: str, data: Json) -> None:
        tags = [_Tag(e, data) for e in etree.fromstring(xml.strip().encode()).iter() if isinstance(e.tag, str)]
        self.controls = {tag.name: tag for tag in tags if tag.kind in _TYPES and tag.name}
        self.objects = {tag.name: tag for tag in tags if tag.kind in OBJECTS and tag.name}
        self.relations = next((tag for tag in tags if tag.kind == "Relations"), None)


class _Checker:
    """One pass over a result. `_areas` holds the regions so far by id: a region is made by the first with its id."""

    def __init__(self, config: _Config, result: list[Json]) -> None:
        self._config = config
        self._result = result
        self._areas: dict[str, list[Json]] = {}
        self._found: list[str] = []
        self._where = ""

    def run(self) -> list[str]:
        if not isinstance(self._result, list):
            return ["the result is not a list"]
        for number, region in enumerate(self._result):
            if not isinstance(region, dict):
                self._found.append(f"region {number}: not an object")
                continue
            self._where = f"region {number} ({region.get('from_name') or region.get('type')})"
            if region.get("type") == "relation":
                self._relation(region)
            else:
                self._region(region)
        return self._found

    def _say(self, fault: str) -> None:
        self._found.append(f"{self._where}: {fault}")

    def _region(self, region: Json) -> None:
        control = self._config.controls.get(str(region.get("from_name")))
        target = self._config.objects.get(str(region.get("to_name")))
        value = region.get("value")
        if control is None:
            self._say(f"no control is called {region.get('from_name')!r}")
        elif target is None:
            self._say(f"no object is called {region.get('to_name')!r}")
        elif not isinstance(value, dict):
            self._say("the value is not an object")
        else:
            self._fits(region, control, target)
            self._id(region, control, target)
            self._item(region, control, target)
            if self._hidden(control, region):
                self._say("its control is hidden (visibleWhen): the page does not save it")
            _CHECKS[control.kind](self, control, target, value)

    def _fits(self, region: Json, control: _Tag, target: _Tag) -> None:
        if region.get("type") != _TYPES[control.kind]:
            self._say(f"type {region.get('type')!r} of a {control.kind}")
        if control.to_names and target.name not in control.to_names:
            self._say(f"to_name {target.name!r} is not among the control's {control.to_names}")
        if control.kind in _DRAWN_ON and target.kind not in _DRAWN_ON[control.kind]:
            self._say(f"a {control.kind} draws nothing on {target.kind}")
        score = region.get("score")
        if score is not None and not (_is_number(score) and 0 <= score <= 1):
            self._say(f"score {score!r}")

    # Ids

    def _id(self, region: Json, control: _Tag, target: _Tag) -> None:
        given = region.get("id")
        if not isinstance(given, str) or not given:
            self._say(f"id {given!r}")
            return
        earlier = self._areas.setdefault(given, [])
        if control.on("perRegion"):
            self._per_region(control, target, earlier)
        elif control.kind in _CLASSIFYING:
            self._classification(region, control, target, earlier)
        elif control.kind == "Labels" and target.kind == "Image" and not earlier:
            self._say("labels without a rectangle of the same id before them")
        elif earlier and not self._same_place(region, earlier[0]):
            self._say(f"id {given!r} is another region's")
        if any(other["from_name"] == control.name for other in earlier):
            self._say(f"the control has two values in the region {given!r}")
        earlier.append(region)

    def _per_region(self, control: _Tag, target: _Tag, earlier: list[Json]) -> None:
        drawn = [other for other in earlier if self._draws(other)]
        if not drawn:
            self._say("a perRegion value without its region before it")
            return
        if drawn[0]["to_name"] != target.name:
            self._say("a perRegion value about another object than its region")
        wanted = control.get("whenLabelValue")
        if wanted and not set(wanted.split(",")) & {label for other in drawn for label in _labels_in(other)}:
            self._say(f"only for regions labeled {wanted}")

    def _draws(self, region: Json) -> bool:
        return self._config.controls[region["from_name"]].kind not in _CLASSIFYING

    def _classification(self, region: Json, control: _Tag, target: _Tag, earlier: list[Json]) -> None:
        joined = target.kind in _WITHOUT_REGIONS or control.kind == "Pairwise"
        if earlier and (self._draws(earlier[0]) or not joined):
            self._say(f"id {region['id']!r} is another region's")
        item = region.get("item_index")
        others = (other for regions in self._areas.values() for other in regions)
        if any(other["from_name"] == control.name and other.get("item_index") == item for other in others):
            self._say("the control has a value already: the page keeps only the last")

    def _same_place(self, region: Json, first: Json) -> bool:
        """Whether a further control labels the place of the region that has the same id."""
        if region["to_name"] != first["to_name"] or not self._draws(first):
            return False
        own, other = region["value"], first["value"]
        return all(own.get(key) == other.get(key) for key in (*_GEOMETRY, *_PLACE))

    def _item(self, region: Json, control: _Tag, target: _Tag) -> None:
        index = region.get("item_index")
        several = bool(target.get("valueList"))
        if index is None:
            needed = control.on("perItem") or control.kind in ("Rectangle", "RectangleLabels")
            if several and needed and not control.on("perRegion"):
                self._say("no item_index, so it lands on the first page")
        elif not isinstance(index, int) or isinstance(index, bool):
            self._say(f"item_index {index!r}")
        elif not 0 <= index < (len(target.shown) if several else 1):
            self._say(f"item_index {index} of {len(target.shown) if several else 1} items")

    # visibleWhen

    def _hidden(self, control: _Tag, region: Json) -> bool:
        return not all(self._condition(tag, control, region) for tag in control.chain())

    def _condition(self, tag: _Tag, control: _Tag, region: Json) -> bool:
        when = tag.get("visibleWhen")
        if when not in ("choice-selected", "choice-unselected"):
            return True
        return self._is_chosen(tag, control, region) == (when == "choice-selected")

    def _is_chosen(self, tag: _Tag, control: _Tag, region: Json) -> bool:
        wanted = [value for value in tag.get("whenChoiceValue").split(",") if value]
        for other in self._result:
            source = self._config.controls.get(str(other.get("from_name"))) if isinstance(other, dict) else None
            if source is None or source.kind not in ("Choices", "Taxonomy") or other is region:
                continue
            if tag.get("whenTagName") and source.name != tag.get("whenTagName"):
                continue
            if source.on("perRegion") and control.on("perRegion") and other.get("id") != region.get("id"):
                continue
            if any(not wanted or name in wanted for name in _chosen_names(source, other)):
                return source.name == control.name or not self._hidden(source, other)
        return False

    # One for each kind of control

    def _choices(self, control: _Tag, target: _Tag, value: Any) -> None:
        chosen = value.get("choices")
        if not isinstance(chosen, list) or not chosen:
            self._say(f"choices {chosen!r}")
            return
        if control.get("choice") != "multiple" and len(chosen) > 1:
            self._say(f"{len(chosen)} choices where one is allowed")
        if _has_twice(chosen):
            self._say("a choice twice")
        if control.on("allowNested"):
            self._nested(control, chosen)
            return
        known = {option.path[0] for option in control.options}
        for one in chosen:
            if not isinstance(one, str) or one not in known:
                self._say(f"no choice is stored as {one!r}")

    def _nested(self, control: _Tag, chosen: list[Any]) -> None:
        known = {option.path: option for option in control.every_option()}
        paths = [tuple(map(str, one)) if isinstance(one, list) else () for one in chosen]
        for one, path in zip(chosen, paths, strict=True):
            option = known.get(path) if path else None
            if option is None:
                self._say(f"no choice has the path {one!r}")
            elif any(child.path not in paths for child in option.children):
                self._say(f"{one!r} has choices of its own that are not all ticked: the page ticks nothing")

    def _taxonomy(self, control: _Tag, target: _Tag, value: Any) -> None:
        chosen = value.get("taxonomy")
        if not isinstance(chosen, list) or not chosen:
            self._say(f"taxonomy {chosen!r}")
            return
        if _has_twice(chosen):
            self._say("a path twice")
        if (most := control.get("maxUsages")).isdigit() and len(chosen) > int(most):
            self._say(f"{len(chosen)} paths where {most} are allowed")
        known = {option.path: option for option in control.every_option()}
        for path in chosen:
            if not isinstance(path, list) or not path or not all(isinstance(part, str) for part in path):
                self._say(f"{path!r} is no path")
            elif control.get("apiUrl"):
                continue
            elif tuple(path) not in known:
                self._say(f"no item has the whole path {path!r}")
            elif control.on("leafsOnly") and known[tuple(path)].children:
                self._say(f"{path!r} is no leaf")

    def _rating(self, control: _Tag, target: _Tag, value: Any) -> None:
        given, most = value.get("rating"), int(control.get("maxRating", "5"))
        if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= most:
            self._say(f"rating {given!r} of 1 to {most}")

    def _number(self, control: _Tag, target: _Tag, value: Any) -> None:
        given = value.get("number")
        if not _is_number(given):
            self._say(f"number {given!r}")
            return
        least, most, step = (float(control.get(name) or "nan") for name in ("min", "max", "step"))
        if given < least or given > most:
            self._say(f"number {given!r} beyond {least} to {most}")
        basis = 0.0 if math.isnan(least) else least
        if step > 0 and abs(given - (round((given - basis) / step) * step + basis)) > 1e-8:
            self._say(f"number {given!r} is off the step {step}")

    def _datetime(self, control: _Tag, target: _Tag, value: Any) -> None:
        given, only = value.get("datetime"), control.get("only")
        if not isinstance(given, str):
            self._say(f"datetime {given!r}")
            return
        if only == "time":
            if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", given):
                self._say(f"{given!r} is no time HH:MM")
            return
        shows_time = not only or "time" in only
        form = control.get("format") or ("%Y-%m-%dT%H:%M" if shows_time else "%Y-%m-%d")
        moment = _parsed(given, form)
        if moment is None:
            self._say(f"{given!r} has not the form {form}")
            return
        date = f"{moment:%Y}" if "year" in only else f"{moment:%Y-%m-%d}"
        if date < control.get("min") or date > control.get("max", "9999-12-31"):
            self._say(f"{given!r} is before min or after max")

    def _textarea(self, control: _Tag, target: _Tag, value: Any) -> None:
        texts = value.get("text")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            self._say(f"text {texts!r} is not a list of strings")
        elif not all(text.strip() for text in texts):
            self._say("an empty text")
        elif any(0xD800 <= ord(letter) <= 0xDFFF for text in texts for letter in text):
            self._say("half a surrogate pair, which no database stores")

    def _pairwise(self, control: _Tag, target: _Tag, value: Any) -> None:
        if value.get("selected") not in ("left", "right"):
            self._say(f"selected {value.get('selected')!r}")
        if target.name != control.to_names[0]:
            self._say(f"to_name {target.name!r} is not the first of {control.to_names}")

    def _ranker(self, control: _Tag, target: _Tag, value: Any) -> None:
        ranked = value.get("ranker")
        ids = [str(item.get("id")) for item in target.shown if isinstance(item, dict)]
        if not isinstance(ranked, dict) or not all(isinstance(part, list) for part in ranked.values()):
            self._say(f"ranker {ranked!r} is not an object of lists")
            return
        buckets = {str(e.get("name")): str(e.get("default")) for e in control.element.iter("Bucket")}
        columns = {*buckets, "_"} if buckets else {control.name}
        if unknown := set(ranked) - columns:
            self._say(f"no bucket is called {sorted(unknown)}")
        given = [one for part in ranked.values() for one in part]
        if strange := [one for one in given if one not in ids]:
            self._say(f"no item has the id {strange!r}: the page shows nothing")
        if _has_twice(given):
            self._say("an item twice")
        complete = not buckets or "true" in buckets.values()
        if complete and (missing := [one for one in ids if one not in given]):
            self._say(f"items {missing} are lost")

    def _labels(self, control: _Tag, target: _Tag, value: Any) -> None:
        labels, key = value.get(_TYPES[control.kind]), _TYPES[control.kind]
        known = {option.path[0] for option in control.options}
        if not isinstance(labels, list) or not labels:
            self._say(f"{key} {labels!r}")
        else:
            for label in labels:
                if label not in known:
                    self._say(f"no label is stored as {label!r}")
            if control.get("choice") == "single" and len(labels) > 1:
                self._say(f"{len(labels)} labels where one is allowed")
        place = {"Text": self._text_place, "HyperText": self._hypertext_place, "Paragraphs": self._paragraphs_place}
        place.get(target.kind, self._rectangle)(control, target, value)

    # Places

    def _text_place(self, control: _Tag, target: _Tag, value: Any) -> None:
        text = str(target.shown)
        start, end = value.get("start"), value.get("end")
        if not _is_span(start, end) or end > len(text):
            self._say(f"start {start!r} and end {end!r} in {len(text)} characters")
            return
        if text[start:end] != value.get("text"):
            self._say(f"text {value.get('text')!r}, but {text[start:end]!r} stands there")
        if value.get("globalOffsets") != {"start": start, "end": end}:
            self._say(f"globalOffsets {value.get('globalOffsets')!r}")

    def _hypertext_place(self, control: _Tag, target: _Tag, value: Any) -> None:
        page = _Page(str(target.shown))
        ends = [page.offset(value.get(name), value.get(f"{name}Offset")) for name in ("start", "end")]
        offsets = value.get("globalOffsets")
        if all(str(value.get(name)).startswith(_NO_PATH) for name in ("start", "end")) and isinstance(offsets, dict):
            ends = [offsets.get("start"), offsets.get("end")]
        if None in ends:
            self._say(f"the place {[value.get(name) for name in _PLACE]} is nowhere in the page")
            return
        start, end = ends
        if not _is_span(start, end):
            self._say(f"the place from {start} to {end} holds nothing")
        elif not _same_words(page.text[start:end], value.get("text"), value.get("start") == value.get("end")):
            self._say(f"text {value.get('text')!r}, but {page.text[start:end]!r} stands there")
        if value.get("globalOffsets") != {"start": start, "end": end}:
            self._say(f"globalOffsets {value.get('globalOffsets')!r} instead of {start} to {end}")

    def _paragraphs_place(self, control: _Tag, target: _Tag, value: Any) -> None:
        start, end = value.get("start"), value.get("end")
        texts = [str(item.get(target.get("textKey", "text"), "")) for item in target.shown]
        if not (isinstance(start, str) and isinstance(end, str)):
            self._say(f"start {start!r} and end {end!r} must be strings")
            return
        if not (start.isdigit() and end.isdigit() and int(start) <= int(end) < len(texts)):
            self._say(f"paragraphs {start} to {end} of {len(texts)}")
            return
        first, last = int(start), int(end)
        begins = _code_points(texts[first], value.get("startOffset"))
        ends = _code_points(texts[last], value.get("endOffset"))
        if begins is None or ends is None or (first == last and begins >= ends):
            self._say(f"offsets {value.get('startOffset')!r} to {value.get('endOffset')!r} in UTF-16")
            return
        parts = texts[first : last + 1]
        # The end first: a single paragraph is cut on both sides.
        parts[-1] = parts[-1][:ends]
        parts[0] = parts[0][begins:]
        if not _same_words("".join(parts), value.get("text"), first == last):
            self._say(f"text {value.get('text')!r}, but {parts!r} stands there")

    def _rectangle(self, control: _Tag, target: _Tag, value: Any) -> None:
        x, y, width, height = (value.get(name) for name in _GEOMETRY[:4])
        if not all(_is_number(side) for side in (x, y, width, height)):
            self._say(f"the rectangle {[x, y, width, height]} is not made of numbers")
        elif min(x, y) < 0 or min(width, height) <= 0 or max(x + width, y + height) > 100 + 1e-6:
            self._say(f"the rectangle {[x, y, width, height]} is empty or beyond 0 to 100 percent")

    # Relations

    def _relation(self, region: Json) -> None:
        ends = (region.get("from_id"), region.get("to_id"))
        for one in ends:
            if not any(self._draws(other) for other in self._areas.get(str(one), ())):
                self._say(f"no labeled region before it has the id {one!r}")
        if ends[0] == ends[1]:
            self._say("from a region to itself")
        same = [o for o in self._result if isinstance(o, dict) and o.get("type") == "relation"]
        if sum((other.get("from_id"), other.get("to_id")) == ends for other in same) > 1:
            self._say("two relations between the same regions: the page keeps the first")
        if region.get("direction") not in ("left", "right", "bi"):
            self._say(f"direction {region.get('direction')!r}")
        if self._config.relations is None:
            self._say("the config has no Relations")
            return
        known = [option.value for option in self._config.relations.options]
        labels = region.get("labels") or []
        if not isinstance(labels, list) or not all(label in known for label in labels):
            self._say(f"labels {labels!r} of a relation")


_Check = Callable[[_Checker, _Tag, _Tag, Any], None]
_CHECKS: Mapping[str, _Check] = {
    "Choices": _Checker._choices,
    "Taxonomy": _Checker._taxonomy,
    "Rating": _Checker._rating,
    "Number": _Checker._number,
    "DateTime": _Checker._datetime,
    "TextArea": _Checker._textarea,
    "Pairwise": _Checker._pairwise,
    "Ranker": _Checker._ranker,
    "Labels": _Checker._labels,
    "HyperTextLabels": _Checker._labels,
    "ParagraphLabels": _Checker._labels,
    "RectangleLabels": _Checker._labels,
    "Rectangle": _Checker._rectangle,
}


class _Page:
    """The text of a HyperText as the page counts it: text nodes one after another, one more for each line break."""

    def __init__(self, html: str) -> None:
        self.text = ""
        self._nodes: dict[str, tuple[int, str]] = {}
        document: Any = lxml.html.document_fromstring(html.lstrip() or "<p></p>")
        for strange in document.xpath("//comment()|//processing-instruction()|//script|//iframe"):
            strange.drop_tree()
        for table in document.xpath("//table[tr]"):
            _put_rows_into_body(table)
        for pre in document.iter("pre"):
            pre.text = (pre.text or "").removeprefix("\n")
        for body in document.iter("body"):
            self._walk(body, "")

    def offset(self, path: Any, units: Any) -> int | None:
        """How many code points stand before a place; None where there is no such text node or no such offset."""
        if path not in self._nodes:
            return None
        start, text = self._nodes[path]
        inside = _code_points(text, units)
        return None if inside is None else start + inside

    def _walk(self, element: Any, path: str) -> None:
        if element.tag == "br":
            self.text += "\n"
        counts: dict[str, int] = {}
        self._add(element.text, path, counts)
        for child in element:
            counts[child.tag] = counts.get(child.tag, 0) + 1
            self._walk(child, f"{path}/{child.tag}[{counts[child.tag]}]")
            self._add(child.tail, path, counts)

    def _add(self, text: str | None, path: str, counts: dict[str, int]) -> None:
        if text:
            counts[""] = counts.get("", 0) + 1
            self._nodes[f"{path}/text()[{counts['']}]"] = (len(self.text), text)
            self.text += text


def _put_rows_into_body(table: Any) -> None:
    """Put `<tr>`s that stand in a table itself into a `<tbody>`, as a browser does."""
    body = None
    for child in list(table):
        if child.tag != "tr":
            body = None
            continue
        if body is None:
            body = etree.Element("tbody")
            table.insert(table.index(child), body)
        body.append(child)


def _code_points(text: str, units: Any) -> int | None:
    """How many code points the first `units` UTF-16 units of `text` are; None inside a character or beyond the end."""
    if not isinstance(units, int) or isinstance(units, bool) or units < 0:
        return None
    encoded = text.encode("utf-16-le", "surrogatepass")
    if 2 * units > len(encoded):
        return None
    try:
        return len(encoded[: 2 * units].decode("utf-16-le"))
    except UnicodeDecodeError:
        return None


def _is_span(start: Any, end: Any) -> bool:
    numbers = all(isinstance(one, int) and not isinstance(one, bool) for one in (start, end))
    return numbers and bool(0 <= start < end)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _same_words(there: str, given: Any, in_one_piece: bool) -> bool:
    """Whether a region's text is what stands at its place; between pieces of a page there may be any white space."""
    if in_one_piece or not isinstance(given, str):
        return bool(there == given)
    return "".join(there.split()) == "".join(given.split())


def _has_twice(values: list[Any]) -> bool:
    return len({repr(value) for value in values}) < len(values)


def _parsed(text: str, form: str) -> datetime | None:
    """The moment that `text` is by a format of d3; formats are Python's but for three letters."""
    for theirs, ours in (("%L", "%f"), ("%e", "%d"), ("%-", "%")):
        form = form.replace(theirs, ours)
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - as the tag's form has none
    except ValueError:
        return None


def _labels_in(region: Json) -> list[str]:
    value = region["value"]
    return [
        str(label) for key in value if key.endswith("labels") and isinstance(value[key], list) for label in value[key]
    ]


def _chosen_names(control: _Tag, region: Json) -> set[str]:
    """Values and stored values of the choices that a region ticks; of a path its last."""
    value = region.get("value")
    chosen = value.get(_TYPES[control.kind]) if isinstance(value, dict) else None
    ends = [one[-1] if isinstance(one, list) and one else one for one in chosen] if isinstance(chosen, list) else []
    names = {str(one) for one in ends}
    return names | {option.value for option in control.every_option() if option.path[-1] in names}
