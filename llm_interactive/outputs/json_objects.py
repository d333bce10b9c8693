"""JSON objects in a reply: whole, broken off, and in the forms that models write besides JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any

_SPACE = re.compile(r"\s*")
_MAX_OBJECTS = 20
_MAX_LOOSE = 20_000
_LOOSE = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*+")"""
    r"""|'(?P<single>(?:[^'\\]|\\.)*+)'"""
    r"""|(?P<comment>//[^\n]*|/\*[^*]*+\*/)"""
    r"""|(?P<comma>,(?=\s*[}\]]))"""
    r"""|(?P<word>(?<!\w)[^\W\d][\w-]*+)""",
    re.DOTALL,
)
_WORDS = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}


def _agreed(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of an object without those that it has several times, with different values."""
    fields = list(fields)
    found = dict(fields)
    unclear = {key for key, value in fields if value != found[key]}
    return {key: value for key, value in found.items() if key not in unclear}


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_agreed, parse_constant=lambda _: None)  # NaN is nothing


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in `text` from left to right; of one that breaks off, the fields that are whole.

    Where something is no JSON, what it is with comments and trailing commas left out, single quotes, bare keys and
    Python's constants written as JSON, and HTML's entities resolved follows.
    """
    if text.startswith('"'):
        with suppress(ValueError):  # an object in a string
            text = str(json.loads(text))
    broken = False
    for found, is_whole in _objects(text):
        broken = broken or not is_whole
        yield found
    if broken and len(text) <= _MAX_LOOSE:
        # A reply that was cut off may end within a word.
        yield from (found for found, is_whole in _objects(_as_json(text[text.find("{") :])) if is_whole)


def places(text: str, names: Collection[str]) -> dict[str, tuple[int, int]]:
    """Where in `text` the values of the fields `names` stand, in the first object that has most of them."""
    best: dict[str, tuple[int, int]] = {}
    start = text.find("{")
    for _ in range(_MAX_OBJECTS):
        if start < 0:
            break
        found = {key: (first, end) for key, _, first, end in _fields_from(text, start + 1) if key in names}
        best = max(best, found, key=len)
        start = text.find("{", start + 1)
    return best


def _as_json(text: str) -> str:
    """JavaScript's or Python's form of an object as JSON."""
    if "{&quot;" in text:
        text = html.unescape(text)
    for _ in range(2):  # a comma may stand before a comment
        text = _LOOSE.sub(_part_as_json, text)
    return text


def _part_as_json(part: re.Match[str]) -> str:
    if part["single"] is not None:
        return '"' + re.sub(r'(?<!\\)"', r"\"", part["single"].replace("\\'", "'")) + '"'
    if part["word"]:
        return _WORDS.get(part["word"]) or f'"{part["word"]}"'
    return part["string"] or ""


def _objects(text: str) -> Iterator[tuple[dict[str, Any], bool]]:
    """The objects, and whether each is whole."""
    start = text.find("{")
    for _ in range(_MAX_OBJECTS):
        if start < 0:
            return
        end = start + 1
        try:
            found, end = _DECODER.raw_decode(text, start)
            yield found, True
        except (ValueError, RecursionError):
            yield _whole_fields(text, end), False
        start = text.find("{", end)


def _whole_fields(text: str, place: int) -> dict[str, Any]:
    return _agreed((key, value) for key, value, _, _ in _fields_from(text, place))


def _fields_from(text: str, place: int) -> Iterator[tuple[str, Any, int, int]]:
    """The fields from `place` on, up to the first that breaks off: key, value, and where the value begins and ends.

    A number counts only where something follows it.
    """
    with suppress(ValueError, RecursionError, IndexError):
        while True:
            key, place = _DECODER.raw_decode(text, _blank(text, place))
            place = _blank(text, place)
            if not isinstance(key, str) or text[place] != ":":
                return
            start = _blank(text, place + 1)
            value, end = _DECODER.raw_decode(text, start)
            ends = end == len(text) and not isinstance(value, int | float)
            place = _blank(text, end)
            if not ends and text[place] not in ",}":
                return
            yield key, value, start, end
            if ends or text[place] == "}":
                return
            place += 1


def _blank(text: str, place: int) -> int:
    blank = _SPACE.match(text, place)
    return blank.end() if blank else place
