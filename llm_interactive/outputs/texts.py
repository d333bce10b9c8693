"""The texts of object tags in which spans are placed, with offsets as Label Studio's page counts them.

Each kind counts in its own way (label-studio, web/libs/editor: regions/RichTextRegion.js, regions/ParagraphsRegion.js,
tags/object/RichText/domManager.ts).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from lxml import etree

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.fields import as_text, object_value
from llm_interactive.labeling.nesting import is_well_nested
from llm_interactive.labeling.pages import BLOCKS, body_of, is_dropped, is_unseen, line_feeds
from llm_interactive.labeling.tags import ObjectTag
from llm_interactive.outputs.places import find_quotes, number, utf16
from llm_interactive.outputs.spelling import Place

TEXT_OBJECTS = ("Text", "HyperText", "Paragraphs")

NOWHERE = "/nowhere[1]"
"""Begins paths that no page has."""

Mention = tuple[str, int | None]
"""A quote, and the number of its paragraph (from 1) where it is known."""


def span_text(tag: ObjectTag, data: Mapping[str, Any]) -> SpanText:
    """The text of an object tag; an empty one where the task has none."""
    try:
        value = None if tag.attributes.get("valuetype") == "url" else object_value(tag.value, data)
        if tag.tag == "HyperText":
            return html_text(_string(value), inline=tag.attributes.get("inline") == "true")
    except TaskDataError:
        value = None
    if tag.tag == "Paragraphs":
        text_key = tag.attributes.get("textkey") or "text"
        items = value if isinstance(value, list) else []
        contents = [item.get(text_key) if isinstance(item, Mapping) else None for item in items]
        sent = [index for index, content in enumerate(contents) if content is not None]
        return ParagraphsText([_string(content) for content in contents], sent)
    return PlainText(_string(value))


@dataclass(frozen=True)
class PlainText:
    """A Text object: offsets are code points of the string as it is, a line break of two characters counts two."""

    text: str

    def find(self, mentions: Sequence[Mention]) -> list[dict[str, Any] | None]:
        """Values of the mentions' places. With globalOffsets the page takes a region a second time."""
        places = find_quotes(self.text, [quote for quote, _ in mentions])
        offsets = [{"start": place[0], "end": place[1]} if place else None for place in places]
        return [
            {**place, "text": self.text[place["start"] : place["end"]], "globalOffsets": place} if place else None
            for place in offsets
        ]

    def quote(self, value: Mapping[str, Any]) -> str | None:
        """The text at a value's place."""
        start, end = number(value.get("start")), number(value.get("end"))
        return None if start is None or end is None else self.text[start:end] or None


Steps = tuple[Any, str]
"""The way to a node: the parent's steps, or (), and the node's own. Paths of a deep page would fill the memory."""


@dataclass(frozen=True)
class TextNode:
    """A text node of a page: the way to it below the body, and its first code point's number (a `<br>` counts 1)."""

    steps: Steps
    text: str
    begin: int

    @property
    def path(self) -> str:
        """The node's XPath below the body."""
        path, steps = "", self.steps
        while steps:
            path = f"/{steps[1]}{path}"
            steps = steps[0]
        return path


@dataclass(frozen=True)
class HyperTextText:
    """A HyperText object: XPath and UTF-16 offset, and code points over all text nodes.

    The page takes the XPath; where that leads nowhere, the code points. `text` is what the `nodes` show, with blanks
    where blocks end, and `starts` is where each node's text begins in it. Unless it `is_certain` that browsers make the
    same tree of the page, paths lead nowhere: then the code points count, and the page saves the right paths.
    """

    text: str
    nodes: Sequence[TextNode]
    starts: Sequence[int]
    is_certain: bool = True

    def find(self, mentions: Sequence[Mention]) -> list[dict[str, Any] | None]:
        """Values of the mentions' places."""
        places = find_quotes(self.text, [quote for quote, _ in mentions])
        return [self._value(*place) if place else None for place in places]

    def _value(self, start: int, end: int) -> dict[str, Any]:
        first, last = (bisect_right(self.starts, position) - 1 for position in (start, end - 1))
        before, through = start - self.starts[first], end - self.starts[last]
        return {
            "start": self._path(self.nodes[first]),
            "end": self._path(self.nodes[last]),
            "startOffset": utf16(self.nodes[first].text[:before]),
            "endOffset": utf16(self.nodes[last].text[:through]),
            "globalOffsets": {"start": self.nodes[first].begin + before, "end": self.nodes[last].begin + through},
            "text": " ".join(self.text[start:end].split()),
        }

    def _path(self, node: TextNode) -> str:
        return node.path if self.is_certain else NOWHERE + node.path

    def quote(self, value: Mapping[str, Any]) -> str | None:
        """The text at a value's place."""
        start = self._at_path(value.get("start"), number(value.get("startOffset")))
        end = self._at_path(value.get("end"), number(value.get("endOffset")))
        offsets = value.get("globalOffsets")
        if (start is None or end is None) and isinstance(offsets, Mapping):
            start, end = (self._at_offset(number(offsets.get(side))) for side in ("start", "end"))
        return None if start is None or end is None else " ".join(self.text[start:end].split()) or None

    @cached_property
    def _by_path(self) -> dict[str, int]:
        return {node.path: index for index, node in enumerate(self.nodes)} if self.is_certain else {}

    def _at_path(self, path: Any, offset: int | None) -> int | None:
        found = self._by_path.get(path) if isinstance(path, str) else None
        if found is None or offset is None:
            return None
        units = self.nodes[found].text.encode("utf-16-le", "surrogatepass")[: 2 * offset]
        return self.starts[found] + len(units.decode("utf-16-le", "replace"))

    def _at_offset(self, offset: int | None) -> int | None:
        if offset is None or not self.nodes or offset < self.nodes[0].begin:
            return None
        found = bisect_right(self.nodes, offset, key=lambda node: node.begin) - 1
        return self.starts[found] + min(offset - self.nodes[found].begin, len(self.nodes[found].text))


@dataclass(frozen=True)
class ParagraphsText:
    """A Paragraphs object: the paragraph's index as a string, and UTF-16 offsets in it. No place is in two of them.

    Models count the paragraphs that they are `sent` (indexes): those whose text is not null.
    """

    paragraphs: Sequence[str]
    sent: Sequence[int]

    def find(self, mentions: Sequence[Mention]) -> list[dict[str, Any] | None]:
        """Values of the mentions' places: in its own paragraph first, then in all, in reading order."""
        begins = [0, *accumulate(len(paragraph) + 1 for paragraph in self.paragraphs)]
        bounds = list(pairwise(begins))
        parts: dict[int | None, Place] = {number: bounds[index] for number, index in enumerate(self.sent, start=1)}
        # A quote has no NUL, so that none is found over the end of a paragraph.
        quotes = [quote.replace("\x00", " ") for quote, _ in mentions]
        places = find_quotes("\x00".join(self.paragraphs), quotes, [parts.get(part) for _, part in mentions])
        return [self._value(*place, begins) if place else None for place in places]

    def _value(self, start: int, end: int, begins: Sequence[int]) -> dict[str, Any]:
        index = bisect_right(begins, start) - 1
        start, end, text = start - begins[index], end - begins[index], self.paragraphs[index]
        offsets = {"startOffset": utf16(text[:start]), "endOffset": utf16(text[:end])}
        return {"start": str(index), "end": str(index), **offsets, "text": text[start:end]}

    def number_of(self, index: int | None) -> int | None:
        """The number by which a model knows the paragraph with that index."""
        return self.sent.index(index) + 1 if index in self.sent else None

    def quote(self, value: Mapping[str, Any]) -> str | None:
        """The text at a value's place; of the first paragraph where it reaches over several."""
        index, start = number(value.get("start")), number(value.get("startOffset"))
        last, end = number(value.get("end")), number(value.get("endOffset"))
        if index is None or start is None or end is None or index >= len(self.paragraphs):
            return None
        units = self.paragraphs[index].encode("utf-16-le", "surrogatepass")
        stop = 2 * end if last == index else len(units)
        return units[2 * start : stop].decode("utf-16-le", "replace") or None


SpanText = PlainText | HyperTextText | ParagraphsText
"""`find` gives the part of a region's value that says where each mention stands, or None; `quote` is the inverse."""


def _string(value: Any) -> str:
    return "" if value is None or isinstance(value, Mapping | list) else as_text(value)


def html_text(html: str, *, inline: bool = False) -> HyperTextText:
    """What the page shows of `html`, after it has taken out scripts, comments and foreign iframes.

    Text that it hides is not searched, as models are not sent it.

    Raises:
        TaskDataError: it has too many tags.
    """
    reader = _Reader()
    body = body_of(html, inline=inline)
    if body is not None:
        reader.read(body)
    is_certain = body is None or is_well_nested(html, body)
    return HyperTextText("".join(reader.parts), reader.nodes, reader.starts, is_certain)


class _Reader:
    """Goes through a body as the editor's DomManager does."""

    def __init__(self) -> None:
        self.nodes: list[TextNode] = []
        self.starts: list[int] = []
        self.parts: list[str] = []
        self._length = self._position = self._unseen = 0
        self._steps: list[Steps] = []
        self._counters: list[dict[str, int]] = [{}]
        self._pending: list[str] = []

    def read(self, body: etree._Element) -> None:
        """Fill `nodes`, `starts` and `parts`."""
        self._pending = [body.text or ""]
        walk = etree.iterwalk(body, events=("start", "end"))
        for event, element in walk:
            if element is body:
                continue
            if event == "end":
                if not is_dropped(element):
                    self._close(element)
                self._pending.append(element.tail or "")
            elif is_dropped(element):
                walk.skip_subtree()
            else:
                self._open(element)
        self._end_text()

    def _open(self, element: etree._Element) -> None:
        self._end_text()
        self._steps.append(self._step(str(element.tag)))
        self._counters.append({})
        self._unseen += is_unseen(element)
        text = element.text or ""
        self._pending.append(text.removeprefix("\n") if element.tag in ("pre", "textarea", "listing") else text)
        self._position += element.tag == "br"
        self._blank(element)

    def _close(self, element: etree._Element) -> None:
        self._end_text()
        self._unseen -= is_unseen(element)
        self._steps.pop()
        self._counters.pop()
        self._blank(element)

    def _end_text(self) -> None:
        text = line_feeds("".join(self._pending))
        self._pending = []
        if not text:
            return
        steps = self._step("text()")
        if not self._unseen:
            self.nodes.append(TextNode(steps, text, self._position))
            self.starts.append(self._length)
            self.parts.append(text)
            self._length += len(text)
        self._position += len(text)

    def _step(self, name: str) -> Steps:
        number = self._counters[-1][name] = self._counters[-1].get(name, 0) + 1
        return self._steps[-1] if self._steps else (), f"{name}[{number}]"

    def _blank(self, element: etree._Element) -> None:
        if element.tag in BLOCKS and self.parts and not self.parts[-1][-1].isspace():
            self.parts.append(" ")
            self._length += 1
