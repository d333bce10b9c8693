"""JSON objects in a reply: whole, broken off, and in the forms that models write besides JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_DECODER = json.JSONDecoder(strict=False)
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
    """The fields from `place` on, up to the first that breaks off; a number counts only where something follows it."""
    fields: dict[str, Any] = {}
    try:
        while True:
            key, place = _DECODER.raw_decode(text, _blank(text, place))
            place = _blank(text, place)
            if not isinstance(key, str) or text[place] != ":":
                return fields
            value, place = _DECODER.raw_decode(text, _blank(text, place + 1))
            ends = place == len(text) and not isinstance(value, int | float)
            place = _blank(text, place)
            if not ends and text[place] not in ",}":
                return fields
            fields[key] = value
            if ends or text[place] == "}":
                return fields
            place += 1
    except (ValueError, RecursionError, IndexError):
        return fields


def _blank(text: str, place: int) -> int:
    blank = _SPACE.match(text, place)
    return blank.end() if blank else place
