"""Whether browsers make the same tree of a page as lxml does: they mend what is broken in other ways."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from lxml import etree

from llm_interactive.labeling.pages import BLOCKS

_END_TAG = re.compile(r"</([a-zA-Z][^\s/>]*)")
_MOST_ERRORS = 100  # that lxml keeps
_WITHOUT_END = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# What lxml or a browser adds, or puts into the head.
_NOT_COUNTED = _WITHOUT_END | frozenset("body head html script style tbody title".split())
# End tags that the standard lets out, and elements whose own end tag then ends them for every parser.
_END_MAY_LACK = frozenset("dd dt li p td tfoot th thead tr".split())
_CLOSED_AT_ONCE = re.compile(rf"<(?:{'|'.join(_END_MAY_LACK)})\b[^<>]*/>", re.IGNORECASE)
_ENDS_ALL = frozenset(
    "article aside blockquote body center dd div dl dt li main ol section table tbody td tfoot th thead tr ul".split()
)
_PARENTS = {
    tag: frozenset(parents.split())
    for tags, parents in {
        "li": "ol ul",
        "dd dt": "div dl",
        "caption colgroup tbody tfoot thead": "table",
        "tr": "tbody tfoot thead",
        "td th": "tr",
        "col": "colgroup",
    }.items()
    for tag in tags.split()
}
_ROWS = frozenset("colgroup table tbody tfoot thead tr".split())
_ENDS_PARAGRAPH = BLOCKS - {"br", "option", "textarea"}
_NOT_IN_ITSELF = frozenset("a button form nobr".split())
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_READ_OTHERWISE = frozenset(
    "dir frameset hgroup image listing math menu noscript plaintext search select svg template xmp".split()
)


def is_well_nested(html: str, body: etree._Element) -> bool:
    """Whether the tags of a page are closed, and stand where the HTML standard lets them.

    `body` is what `body_of` makes of it. True means that there is one way to read the page.
    """
    tree: Any = body.getroottree()
    errors = tree.parser.error_log
    if len(errors) >= _MOST_ERRORS or any(error.type == etree.ErrorTypes.ERR_TAG_NAME_MISMATCH for error in errors):
        return False
    begun = Counter(str(element.tag) for element in tree.iter())
    ended = Counter(tag.lower() for tag in _END_TAG.findall(html))
    lacking = {tag for tag in (begun | ended).keys() - _NOT_COUNTED if begun[tag] != ended[tag]}
    if any(tag not in _END_MAY_LACK or ended[tag] > begun[tag] for tag in lacking) or _CLOSED_AT_ONCE.search(html):
        return False
    open_tags: Counter[str] = Counter()
    for event, element in etree.iterwalk(body, events=("start", "end")):
        if event == "end":
            open_tags[str(element.tag)] -= 1
        elif element is not body and not _is_in_place(element, open_tags, lacking):
            return False
        else:
            open_tags[str(element.tag)] += 1
    return True


def _is_in_place(element: etree._Element, open_tags: Counter[str], lacking: set[str]) -> bool:
    tag, above = str(element.tag), element.getparent()
    parent = str(above.tag) if above is not None else ""
    text = (element.text if tag in _ROWS else None, element.tail if parent in _ROWS else None)
    return not (
        tag in _READ_OTHERWISE
        or (tag in lacking and parent not in _ENDS_ALL)
        or ((tag in _PARENTS or parent in _ROWS) and parent not in _PARENTS.get(tag, ()))
        or (tag in _ENDS_PARAGRAPH and open_tags["p"])
        or (tag in _NOT_IN_ITSELF and open_tags[tag])
        or (tag in _HEADINGS and parent in _HEADINGS)
        or any((part or "").strip() for part in text)
    )
