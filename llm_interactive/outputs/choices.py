"""Choices and Taxonomy: one label, several, or whole paths of nested ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llm_interactive.labeling.tags import ControlTag, Label, Region
from llm_interactive.outputs.base import Checked, Data, Schema, region
from llm_interactive.outputs.options import JOINT, Option, Options, fold, labels_of
from llm_interactive.outputs.scalars import stored_values
from llm_interactive.text import whole_number


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
        # Of a list, what is known counts; a text that says anything else may deny what it names.
        found = [] if unknown and isinstance(value, str) else list(dict.fromkeys(found))
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
            marks = [mark for mark in ",;\n" if not any(mark in name for name in options.names)]
            return [part.strip() for part in re.split("|".join(marks), value)] if marks else [value]
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
        return whole_number(self.control.attributes.get("maxusages", "")) or None


def _paths(labels: Sequence[Label], above: tuple[Label, ...] = ()) -> Iterator[tuple[Label, ...]]:
    for label in labels:
        path = (*above, label)
        yield path
        yield from _paths(label.children, path)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
