"""HTML pages of tasks: as Label Studio's editor takes them in, and as text for a model."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from llm_interactive.errors import TaskDataError

PICTURE = "(picture)"
"""Stands where a page has a picture; the pictures themselves are sent in this order."""

BLOCKS = frozenset(
    "address article aside blockquote caption center dd details div dl dt fieldset figcaption figure footer form h1 h2"
    " h3 h4 h5 h6 header hr br li main nav ol option p pre section summary table td textarea th tr ul".split()
)
"""Elements that end a line."""

_MOST_TAGS = 200_000
_APART = frozenset("blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul".split())
_CLOSE = frozenset("li ol td th ul".split())
_UNSEEN = frozenset("head style template title".split())
_HIDDEN = re.compile(r"(?:^|;)\s*display\s*:\s*none", re.IGNORECASE)
_IN_HEAD = frozenset("base basefont bgsound link meta noframes noscript script style template title".split())
_SECTIONS = frozenset("caption col colgroup tbody tfoot thead".split())
_SHOWN_IFRAME = re.compile(r"https://((www\.)?youtube(-nocookie)?\.com|youtu\.be)(:\d*)?([/?#]|$)", re.IGNORECASE)
_BEFORE_BODY = re.compile(r"</head\s*>\s*|<html\b[^<>]*>\s*(?!\s|<head\b)", re.IGNORECASE)
_DOCTYPE = re.compile(r"\A\s*<!doctype[^<>]*>", re.IGNORECASE)
_FRAME = re.compile(r"</?(?:html|head|body)\b[^<>]*>", re.IGNORECASE)

# Stand for what is between words while a text is put together.
_LINE, _BREAK, _PARAGRAPH, _CELL, _ITEM, _BLANK, _INDENT = "\x01\x02\x03\x04\x05\x06\x07"
_GAP = re.compile(r" *[\x01-\x06][\x01-\x06 ]*")
_STAND_INS = re.compile(r"[\x01-\x07]")
_WHITE_SPACE = re.compile(r"[ \t\n\f\r\xa0]+")
_DEEPEST_INDENT = 8


def readable(page: str, *, pictures: bool = False) -> str:
    """A page as a person reads it: blocks on lines of their own, marked items, tabs between a table's cells.

    No column is padded and no indent is deep: whatever the page asks for, its text is hardly longer than the page.
    With `pictures` a mark stands for each of them.

    Raises:
        TaskDataError: the page has too many tags.
    """
    body = body_of(page)
    text = "".join(_parts(body, pictures)) if body is not None else ""
    return _GAP.sub(_gap, text).replace(_INDENT, "  ").strip()


def pictures_of(page: str) -> list[str]:
    """The addresses of the pictures that `readable` marks, in order.

    Raises:
        TaskDataError: the page has too many tags.
    """
    body = body_of(page)
    seen = _walk(body) if body is not None else []
    return [element.get("src", "").strip() for event, element in seen if event == "start" and _is_picture(element)]


def _parts(body: etree._Element, pictures: bool) -> Iterator[str]:
    """The words of a page with stand-ins between them."""
    in_pre = 0
    numbers: list[int] = []
    for event, element in _walk(body):
        tag = str(element.tag)
        if event == "start":
            in_pre += tag == "pre"
            if tag == "li" and numbers:
                numbers[-1] += 1
            yield _before(element, numbers)
            if tag in ("ol", "ul"):
                numbers.append(0)
            if pictures and _is_picture(element):
                yield _BLANK + PICTURE + _BLANK
            yield _words((element.text or "").removeprefix("\n") if tag == "pre" else element.text, in_pre)
            continue
        if event == "end":
            in_pre -= tag == "pre"
            if tag in ("ol", "ul"):
                numbers.pop()
            yield _around(element)
        if element is not body:
            yield _words(element.tail, in_pre)


def _walk(body: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """The "start" and "end" of each element that is seen, and "after" for those that are not."""
    walk = etree.iterwalk(body, events=("start", "end"))
    for event, element in walk:
        if not is_unseen(element) and not is_dropped(element):
            yield event, element
        elif event == "start":
            walk.skip_subtree()
        else:
            yield "after", element


def _before(element: etree._Element, numbers: list[int]) -> str:
    if element.tag in ("td", "th"):
        return _CELL if element.getprevious() is not None else ""
    if element.tag == "br":
        return _BREAK
    if element.tag != "li":
        return _around(element)
    parent = element.getparent()
    mark = f"{numbers[-1]}." if numbers and parent is not None and parent.tag == "ol" else "*"
    return _LINE + _INDENT * min(len(numbers) - 1, _DEEPEST_INDENT) + mark + _ITEM


def _around(element: etree._Element) -> str:
    parent = element.getparent()
    if element.tag in ("td", "th", "br"):
        return ""
    if element.tag in _APART and parent is not None and parent.tag not in _CLOSE:
        return _PARAGRAPH
    return _LINE if element.tag in BLOCKS else ""


def _gap(stand_ins: re.Match[str]) -> str:
    gap = stand_ins.group().replace(" ", "")
    if _CELL in gap:
        return "\t" * gap.count(_CELL)
    if gap.startswith(_ITEM) or not gap.strip(_BLANK):
        return " "
    return "\n\n" if _PARAGRAPH in gap or gap.count(_BREAK) > 1 else "\n"


def _words(text: str | None, in_pre: int) -> str:
    text = _STAND_INS.sub("", text or "")
    return text if in_pre else _WHITE_SPACE.sub(" ", text)


def _is_picture(element: etree._Element) -> bool:
    return element.tag == "img" and bool(element.get("src", "").strip())


def body_of(html: str, *, inline: bool = False) -> etree._Element | None:
    """The body that the editor makes of `html`: without scripts, comments and foreign iframes; None for an empty one.

    `inline` pages are a part of Label Studio's own, so that they have no head, and keep the white space before them.

    Raises:
        TaskDataError: there are more tags than memory should be spent on.
    """
    if html.count("<") > _MOST_TAGS:
        raise TaskDataError(f"The task's page has more than {_MOST_TAGS:,} tags.")
    html = _DOCTYPE.sub("", line_feeds(html).replace("\x00", ""))
    whole = not inline and _FRAME.search(html) is not None
    if not whole:
        html = "<html><body>" + (_FRAME.sub("", html) if inline else html.lstrip())
    elif "<body" not in html.lower():
        html = _BEFORE_BODY.sub(lambda match: match[0].rstrip() + "<body>", html, count=1)
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        body = etree.fromstring(html.encode("utf-8", "replace"), parser).find("body")
    except (etree.LxmlError, AttributeError):
        return None
    if body is not None:
        if not whole and not inline:
            _take_head_out(body)
        _put_tbody_in(body)
    return body


def line_feeds(text: str) -> str:
    """`text` with one form of line breaks, which is what pages have."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_dropped(element: etree._Element) -> bool:
    """Whether the editor takes an element out."""
    foreign = element.tag == "iframe" and not _SHOWN_IFRAME.match((element.get("src") or "").strip())
    return foreign or element.tag == "script"


def is_unseen(element: etree._Element) -> bool:
    """Whether a page shows nothing of an element, though its text counts in offsets."""
    return element.tag in _UNSEEN or bool(_HIDDEN.search(element.get("style", "")))


def _take_head_out(body: etree._Element) -> None:
    """Remove what a browser puts into the head when there is none in the text."""
    for element in list(body):
        if (body.text or "").strip() or not (element.tag in _IN_HEAD or is_dropped(element)):
            break
        rest = element.tail or ""
        body.remove(element)
        body.text = rest.lstrip()


def _put_tbody_in(body: etree._Element) -> None:
    for table in list(body.iter("table")):
        section = None
        for child in list(table):
            if child.tag in _SECTIONS:
                section = None
            elif child.tag == "tr" and section is None:
                section = etree.Element("tbody")
                child.addprevious(section)
            if section is not None:
                section.append(child)
