"""Where a quoted text stands in a text. Spelling may differ in form, never in a letter or a digit."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from llm_interactive.outputs.spelling import Form, Place, fold

_MOST_OVERLAPPING = 200
# What ends a word: no letter or digit, or a letter of a script that puts no blanks between words, or before endings
# (Thai, Lao, Burmese, Hangul, Khmer, kana, Chinese).
_BREAK = re.compile(
    r"[\W\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7ff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
# Words like "in", "and" and "the" that Hebrew and Arabic write together with the next one.
_PROCLITIC = re.compile(r"(?:\A|\W)(?:[והבלמשכ]{1,2}|[وفبلكس]|[وف]?[بلكس]?ال|[وف]?لل)\Z")
_NO_DIGIT = re.compile(r"\D")
_PART_OF_A_QUOTE = frozenset("%‰&@#§¶/\\")


def find_quotes(text: str, quotes: Sequence[str], within: Sequence[Place | None] = ()) -> list[Place | None]:
    """The place of each quote in `text`, None where there is none (left).

    The n-th same quote is the n-th place. Exactly as written is looked for first, then but for the form of characters
    (NFKD, quotes, dashes, zero-width characters, white space), then for upper and lower case, then without punctuation
    around the quote; as whole words first. Places that no other quote has taken go before places within them.
    `within` has the part of the text that is looked at first, for each quote or none.
    """
    taken: set[Place] = set()
    covered = bytearray(len(text))
    searches: dict[Place, _Search] = {}
    seekers: dict[tuple[str, Place], _Seeker] = {}
    found: list[Place | None] = []
    for number, quote in enumerate(quotes):
        part = within[number] if within else None
        place = None
        for start, end in ([part] if part else []) + [(0, len(text))]:
            if (start, end) not in searches:
                searches[start, end] = _Search(text[start:end])
            key = (quote, (start, end))
            if key not in seekers:
                seekers[key] = _Seeker(searches[start, end].places(quote), start)
            place = seekers[key].next(taken, covered)
            if place:
                break
        if place:
            taken.add(place)
            covered[place[0] : place[1]] = b"\x01" * (place[1] - place[0])
        found.append(place)
    return found


class _Seeker:
    """The places of one quote, one after the other."""

    def __init__(self, places: Iterator[Place], offset: int) -> None:
        self._places = places
        self._offset = offset
        self._overlapping: deque[Place] = deque()

    def next(self, taken: set[Place], covered: bytearray) -> Place | None:
        """The next place that no quote has; one that overlaps another quote's place only if all do."""
        for start, end in self._places:
            place = start + self._offset, end + self._offset
            if covered.find(1, *place) < 0:
                return place
            self._overlapping.append(place)
            if len(self._overlapping) > _MOST_OVERLAPPING:
                break
        while self._overlapping:
            place = self._overlapping.popleft()
            if place not in taken:
                return place
        return None


class _Search:
    """A text that quotes are looked for in. Its other forms are made when they are needed."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _exact(self) -> Form:
        return Form(self._text, range(len(self._text)), range(1, len(self._text) + 1))

    @cached_property
    def _folded(self) -> Form:
        return fold(self._text)

    @cached_property
    def _caseless(self) -> Form:
        return fold(self._text, caseless=True)

    def places(self, quote: str) -> Iterator[Place]:
        """The places of `quote` in the text's order, of the first way to look for it that finds any."""
        quote = quote.strip()
        folded = fold(quote).text.strip()
        if not folded:
            return
        seen: set[Place] = set()
        # Both of these are the same text: it may mix straight and curly quotes.
        yield from _unseen(_occurrences(self._exact, quote, whole=True), seen)
        yield from _unseen(_occurrences(self._folded, folded, whole=True), seen)
        bare = _without_outer_punctuation(folded)
        for wanted, caseless in ((folded, True), (bare, False), (bare, True)):
            if not seen and wanted:
                form = self._caseless if caseless else self._folded
                same_form = fold(wanted, caseless=caseless).text
                yield from _unseen(_occurrences(form, same_form, whole=True), seen)
        if not seen:
            # Not without case: "us" is in too many words.
            yield from _unseen(_occurrences(self._exact, quote, whole=False), seen)
            yield from _unseen(_occurrences(self._folded, folded, whole=False), seen)


def _unseen(places: Iterator[Place], seen: set[Place]) -> Iterator[Place]:
    for place in places:
        if place not in seen:
            seen.add(place)
            yield place


def _occurrences(form: Form, wanted: str, whole: bool) -> Iterator[Place]:
    """Places in the source where `wanted` stands in `form`, as whole words or anywhere; never within a number."""
    text, length = form.text, len(wanted)
    position = text.find(wanted)
    while position >= 0:
        end = position + length
        following = position + 1
        if whole and _in_one_word(text, position) and not _PROCLITIC.search(text[max(position - 6, 0) : position]):
            # Nothing before the word's end can be a word's begin.
            following = _next(_BREAK, text, following)
        elif _in_one_number(text, position):
            following = _next(_NO_DIGIT, text, following)
        elif not (_cuts_off(text, end) or _in_one_number(text, end) or (whole and _in_one_word(text, end))):
            place = form.source(position, end)
            if place:
                yield place
                following = end
        position = text.find(wanted, following)


def _next(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.search(text, position)
    return match.start() if match else len(text)


def _in_one_word(text: str, position: int) -> bool:
    """Whether the characters before and at `position` belong to one word."""
    if not 0 < position < len(text) or _BREAK.match(text, position):
        return False
    return not _BREAK.match(text, position - 1) or _is_mark(text[position - 1])


def _in_one_number(text: str, position: int) -> bool:
    """Whether the characters before and at `position` belong to one number, as those of "1,250.5" do."""
    if not 0 < position < len(text):
        return False
    before, at = text[position - 1], text[position]
    if before.isdigit():
        return at.isdigit() or (at in ".," and text[position + 1 : position + 2].isdigit())
    return before in ".," and at.isdigit() and text[max(position - 2, 0) : position - 1].isdigit()


def _cuts_off(text: str, end: int) -> bool:
    """Whether `end` stands between a letter and its mark."""
    return end < len(text) and _is_mark(text[end])


def _is_mark(character: str) -> bool:
    return character > "\x7f" and unicodedata.category(character).startswith("M")


def _without_outer_punctuation(quote: str) -> str:
    """`quote` without the punctuation around it; a sign or a point before a number belongs to the number."""
    start, end = 0, len(quote)
    while end > start and _is_outer(quote[end - 1]):
        end -= 1
    while start < end and _is_outer(quote[start]):
        if quote[start] in "-." and quote[start + 1 : start + 2].isdigit():
            break
        start += 1
    return quote[start:end] if any(character.isalnum() for character in quote[start:end]) else ""


def _is_outer(character: str) -> bool:
    if character in _PART_OF_A_QUOTE:
        return False
    return character == " " or unicodedata.category(character).startswith("P")


def utf16(text: str) -> int:
    """How many UTF-16 units `text` has, which is how JavaScript counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def number(value: Any) -> int | None:
    """A whole number from 0 on, also one that is written as a string; None for everything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
