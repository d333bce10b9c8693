"""Texts in a form in which only letters and digits tell them apart, and the way back to the text as it is."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Place = tuple[int, int]
"""Start and end in code points, the end not included."""

_FOLDED = str.maketrans(
    dict.fromkeys("‘’‚‛′ʼ`´‹›", "'")
    | dict.fromkeys("“”„‟″«»", '"')
    | dict.fromkeys("‐‑‒–—―−﹘﹣－", "-")
    | dict.fromkeys("\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", "")
    | dict.fromkeys(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFE00, 0xFE10)]), "")
)
_CLUSTER = 32  # characters: a letter with more marks than that is none
_PIECE = re.compile(
    r"(?P<blank>\s+)"
    # Words of ASCII, but for a last character that may have marks behind it.
    r"|(?P<ascii>[^\s\x80-\U0010ffff]+(?: [^\s\x80-\U0010ffff]+)*(?![^\x00-\x7f\s]))"
    r"|[^\s\x80-\U0010ffff]?[^\x00-\x7f\s]+"
)


@dataclass(frozen=True)
class Form:
    """A text in some form, and the place in the source from which each of its characters comes."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def source(self, start: int, end: int) -> Place | None:
        """The place in the source; None where it would cut a character of the source."""
        cuts_first = start > 0 and self.starts[start] == self.starts[start - 1]
        cuts_last = end < len(self.starts) and self.starts[end] == self.starts[end - 1]
        return None if cuts_first or cuts_last else (self.starts[start], self.ends[end - 1])


def plain(text: str) -> str:
    """`text` with one character for all quotes, dashes of a kind, and nothing of no width."""
    return text.translate(_FOLDED)


def fold(text: str, *, caseless: bool = False) -> Form:
    """`text` with one character for all of a kind, and one blank for white space."""
    parts: list[str] = []
    starts, ends = array("q"), array("q")
    known: dict[str, str] = {}
    for piece in _PIECE.finditer(text):
        start, end = piece.span()
        if piece["blank"]:
            if parts and parts[-1] == " ":  # with something of no width between them
                ends[-1] = end
            else:
                parts.append(" ")
                starts.append(start)
                ends.append(end)
        elif piece["ascii"]:
            plain = piece.group().translate(_FOLDED)
            parts.append(plain.lower() if caseless else plain)
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
        else:
            for first, last in _clusters(text, start, end):
                cluster = text[first:last]
                if cluster not in known:
                    known[cluster] = _folded_cluster(cluster, caseless)
                folded = known[cluster]
                if folded:
                    parts.append(folded)
                    starts.extend([first] * len(folded))
                    ends.extend([last] * len(folded))
    return Form("".join(parts), starts, ends)


def _clusters(text: str, start: int, end: int) -> Iterator[Place]:
    """Characters of `text` with the marks behind them, which NFKD puts into an order."""
    for position in range(start + 1, end):
        if not unicodedata.combining(text[position]) or position - start >= _CLUSTER:
            yield start, position
            start = position
    yield start, end


def _folded_cluster(cluster: str, caseless: bool) -> str:
    folded = unicodedata.normalize("NFKD", cluster.translate(_FOLDED)).translate(_FOLDED)
    if caseless:
        folded = unicodedata.normalize("NFKD", folded.casefold())
    return folded
