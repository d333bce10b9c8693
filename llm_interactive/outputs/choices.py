"""Choices and Taxonomy: one label, several, or whole paths of nested ones."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.pages import readable
from llm_interactive.labeling.tags import ControlTag, Label, Region
from llm_interactive.outputs.base import Checked, Data, Schema, region
from llm_interactive.outputs.places import plain
from llm_interactive.outputs.scalars import stored_values

JOINT = " / "
"""Stands between the names of a path."""

MAX_ENUM = 250
_MAX_ENUM_CHARACTERS = 7_500
_MAX_LISTED = 1_000

_QUOTES = " \t\r\n\"'“”„«»‘’`*."
_GAP = re.compile(r"\s*[/>→›]\s*|(?<=\w)[-_\s]+(?=\w)|\s+")
_DESCRIBED = re.compile(r"[(\[]?([^()\[\]:]+?)(?:\s?[)\]:]|\.(?=\s)|\s[-–—=]\s|\s?\()\s*(\W*[^\W\d].*)", re.DOTALL)
_BRACKETED = re.compile(r"[(\[]?([^()\[\]]+)[)\]]")
_CODE = re.compile(r"[^\W\d_]\d{0,3}|\d{1,3}|[ivxIVX]{1,4}")


@dataclass(frozen=True)
class Option:
    """A label that can be given: `name` stands in schemas and answers, `stored` in regions (a path has several)."""

    name: str
    stored: tuple[str, ...]
    hint: str = ""
    last: str = ""
    """The last name of a path."""


class Options:
    """The labels of an output, found by their names. Of several with one name only the first can be given."""

    def __init__(self, options: Iterable[Option]) -> None:
        self.by_name: dict[str, Option] = {}
        for option in options:
            self.by_name.setdefault(option.name, option)
        self.names = list(self.by_name)
        self.name_of = {option.stored: option.name for option in reversed(self.by_name.values())}

    def find(self, answer: str) -> Option | None:
        """The option that `answer` names: by its name, its stored value, regardless of case, or by its code or head.

        "4 - Agree" is also "4" and "Agree", "Support (the text backs it)" is also "Support", and a path is also its
        last name; each only if no other label could be meant.
        """
        if answer in self.by_name:
            return self.by_name[answer]
        key = fold(answer)
        for place, table in enumerate(self._tables):
            text = key if place else answer.strip()
            if text in table:
                return table[text]
        short = self._tables[2]
        if bare := _BRACKETED.fullmatch(key):
            return short.get(bare[1])
        parts = _DESCRIBED.match(answer[:300])
        # "4: Agree" is "4 - Agree", as both parts of it say.
        coded, named = (short.get(fold(parts[part])) if parts else None for part in (1, 2))
        return named if named is coded else None

    @cached_property
    def _tables(self) -> list[dict[str, Option | None]]:
        options = self.by_name.values()
        return [
            _table((JOINT.join(option.stored), option) for option in options),
            _table((fold(text), option) for option in options for text in (option.name, JOINT.join(option.stored))),
            _table((fold(text), option) for option in options for text in _short_names(option)),
        ]

    def schema(self, *, null: bool) -> Schema:
        """A string that is one of the names; any string when there are none or too many for an enum."""
        schema: Schema = {"type": ["string", "null"] if null else "string"}
        if 0 < len(self.names) <= MAX_ENUM and sum(map(len, self.names)) <= _MAX_ENUM_CHARACTERS:
            schema["enum"] = [*self.names, None] if null else list(self.names)
        return schema

    def listed(self, limit: int = _MAX_LISTED) -> str:
        """The names with their hints, as a guide lists them."""
        names = [
            json.dumps(option.name, ensure_ascii=False) + (f" ({option.hint})" if option.hint else "")
            for option in list(self.by_name.values())[:limit]
        ]
        return ", ".join(names) + (", …" if len(self.names) > limit else "")


@dataclass(eq=False)
class Choices:
    """One choice, several (`choice="multiple"`), or with `allowNested` whole paths to the innermost choices.

    The value is a name or None, for several a list of names in the config's order. `value_of` cannot know the names
    of choices that a task brings, and gives what is stored; `check` turns that into names.
    """

    control: ControlTag

    key = "choices"

    @property
    def single(self) -> bool:
        """Whether at most one may be given, which is the default."""
        return self.control.attributes.get("choice") != "multiple"

    @property
    def nested(self) -> bool:
        """Whether values are paths."""
        return self.control.is_set("allownested")

    @property
    def leaves_only(self) -> bool:
        """Whether only innermost labels can be given: the page ticks a parent when all its children are."""
        return True

    @property
    def limit(self) -> int | None:
        """How many may be given."""
        return None

    @property
    def depends_on_task(self) -> bool:
        """Whether the task's data bring labels (`value="$field"`)."""
        return "$" in self.control.attributes.get("value", "")

    def names(self, data: Data) -> list[str]:
        """The names that can be given."""
        return self.options(data).names

    def options(self, data: Data) -> Options:
        """The labels of a task.

        Raises:
            TaskDataError: the task does not bring them.
        """
        return self._options(labels_of(self.control, data)) if self.depends_on_task else self._fixed

    @cached_property
    def _fixed(self) -> Options:
        return self._options(self.control.labels)

    def _options(self, labels: Sequence[Label]) -> Options:
        if not self.nested:
            return Options(Option(label.name, (label.stored,), label.hint) for label in labels)
        return Options(
            Option(
                JOINT.join(label.name for label in path),
                tuple(label.stored for label in path),
                "; ".join(label.hint for label in path if label.hint),
                path[-1].name,
            )
            for path in _paths(labels)
            if not (self.leaves_only and path[-1].children)
        )

    def schema(self, data: Data) -> Schema:
        """A name or null, or an array of names."""
        options = self.options(data)
        return options.schema(null=True) if self.single else {"type": "array", "items": options.schema(null=False)}

    def guide(self, data: Data) -> str:
        """The names with their hints."""
        listed = self.options(data).listed()
        return f"one of {listed}, or null" if self.single else f"list of {self._some} of {listed}"

    @property
    def _some(self) -> str:
        return f"at most {self.limit}" if self.limit else "any"

    def check(self, value: Any, data: Data) -> Checked:
        """The names that `value` gives; what is unclear is left out."""
        options = self.options(data)
        found: list[str] = []
        unknown = False
        for text in self._texts(value, options):
            option = options.find(text)
            if option:
                found.append(option.name)
            else:
                unknown = unknown or fold(text) not in ("", "null", "none")
        found = list(dict.fromkeys(found))
        if self.single:
            fits = len(found) <= 1 and not unknown
            fault = None if fits else f"must be one of {options.listed(50)} or null"
            return Checked(found[0] if found and fits else None, fault)
        kept = set(found[: self.limit])
        names = [name for name in options.names if name in kept] if kept else []
        return Checked(names, f"must be a list of {self._some} of {options.listed(50)}" if unknown else None)

    def _texts(self, value: Any, options: Options) -> list[str]:
        """The answers in `value`: a list's items, several in one text, a path as a list of its names."""
        if self.nested and isinstance(value, list) and options.find(path := JOINT.join(map(_text, value))):
            return [path]
        if isinstance(value, str) and not self.single and not options.find(value):
            return [part.strip() for part in re.split(r"[,;\n]", value)]
        items = value if isinstance(value, list) else [value]
        return [JOINT.join(map(_text, item)) if isinstance(item, list) else _text(item) for item in items]

    def regions(self, value: Any, data: Data) -> list[Region]:
        """One region with the stored values."""
        by_name = self.options(data).by_name
        stored = [by_name[name].stored for name in ([value] if isinstance(value, str) else value or [])]
        values = [list(path) if self.nested else path[0] for path in stored]
        return [region(self.control, {self.key: values})] if values else []

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The names that the regions hold; stored values that the config does not know as they are."""
        values = [value for values in stored_values(self.control, regions, self.key) for value in _listed(values)]
        paths = [tuple(map(_text, value)) if isinstance(value, list) else (_text(value),) for value in values]
        if self.leaves_only:
            paths = [path for path in paths if not any(path == other[: len(path)] != other for other in paths)]
        names = [self._fixed.name_of.get(path, JOINT.join(path)) for path in dict.fromkeys(paths)]
        return (names[0] if names else None) if self.single else names


class Taxonomy(Choices):
    """Paths in a tree of labels: a list, of at most `maxUsages`, with `leafsOnly` of innermost ones only."""

    key = "taxonomy"
    single = False
    nested = True

    @property
    def leaves_only(self) -> bool:
        """Whether only innermost labels can be given."""
        return self.control.is_set("leafsonly")

    @property
    def limit(self) -> int | None:
        """How many may be given."""
        limit = self.control.attributes.get("maxusages", "")
        return int(limit) if limit.isdecimal() and int(limit) else None


def labels_of(control: ControlTag, data: Data) -> tuple[Label, ...]:
    """The config's labels and those that the task's data bring: {"value", "alias", "children"}, or just strings.

    Raises:
        TaskDataError: the field is missing or holds something else.
    """
    source = control.attributes["value"]
    items = object_value(source, data)
    if not isinstance(items, list):
        raise TaskDataError(f"The labels in {source} are not a list.")
    return (*control.labels, *(_label(item, source) for item in items))


def fold(text: str) -> str:
    """`text` for comparing: without case, quotes around it, and the ways to write quotes, dashes, blanks."""
    text = html.unescape(text) if "&" in text else text
    text = plain(text if text.isascii() else unicodedata.normalize("NFKC", text))
    return _GAP.sub(lambda gap: "/" if gap[0].strip(" \t\r\n-_") else " ", text.casefold().strip(_QUOTES))


def _label(item: Any, source: str) -> Label:
    fields = item if isinstance(item, Mapping) else {"value": item}
    name, alias, children = fields.get("value"), fields.get("alias"), fields.get("children")
    if not isinstance(name, str | int | float) or isinstance(name, bool):
        raise TaskDataError(f"A label in {source} has no value.")
    below = tuple(_label(child, source) for child in children) if isinstance(children, list) else ()
    hint = fields.get("hint") or (readable(str(fields["html"]), pictures=True) if fields.get("html") else "")
    return Label(str(name), str(alias or name), str(hint), children=below)


def _paths(labels: Sequence[Label], above: tuple[Label, ...] = ()) -> Iterator[tuple[Label, ...]]:
    for label in labels:
        path = (*above, label)
        yield path
        yield from _paths(label.children, path)


def _short_names(option: Option) -> Iterator[str]:
    if option.last:
        yield option.last
        yield option.stored[-1]
    elif described := _DESCRIBED.match(option.name[:300]):
        yield described[1]
        if _CODE.fullmatch(described[1]):
            yield described[2]


def _table(keys: Iterable[tuple[str, Option]]) -> dict[str, Option | None]:
    """Options by key; None where several options share one."""
    table: dict[str, Option | None] = {}
    for key, option in keys:
        if key:
            table[key] = option if table.get(key, option) is option else None
    return table


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
