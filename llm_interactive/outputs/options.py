"""Labels that can be given, and how an answer names one."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.pages import readable
from llm_interactive.labeling.tags import ControlTag, Label
from llm_interactive.outputs.base import Data, Schema
from llm_interactive.outputs.spelling import plain

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
