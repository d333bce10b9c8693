"""Where a quoted text stands in a text. Spelling may differ in form, never in a letter or a digit."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import chain, islice, product
from typing import Any

from llm_interactive.outputs.spelling import Form, Place, fold

_MOST_OVERLAPPING = 200
# What ends a word: no letter or digit, or a letter of a script that puts no blanks between words (Thai, Lao, Burmese,
# Khmer, kana, Chinese).
_NO_LETTER = (
    r"\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
# Hangul, too, where it may be an ending that is written together with the word.
_BREAKS = re.compile(f"[{_NO_LETTER}]"), re.compile(rf"[{_NO_LETTER}\u1100-\u11ff\uac00-\ud7ff]")
# Words like "in", "and" and "the" that Hebrew and Arabic write together with the next one.
_PROCLITIC = re.compile(r"(?:\A|\W)(?:[והבלמשכ]{1,2}|[وفبلكس]|[وف]?[بلكس]?ال|[وف]?لل)\Z")
# Where a place cuts a number ("1,250.5", "10:30", "-5") or an emoji (skin tones, families).
_CUT = re.compile(
    r"(?<=\d)[.,:'’٫٬]?\d|(?<=\d[.,:'’٫٬])\d"
    r"|(?:(?<=\A[-+−–])|(?<=\W[-+−–]))\d"
    r"|(?<=\d)(?<!\d{4})[\xa0\u2009\u202f]\d{3}(?!\d)|(?<=\d[\xa0\u2009\u202f])(?<!\d{4}.)\d{3}(?!\d)"
    r"|[\U0001f3fb-\U0001f3ff]|\u200d(?=[^\w\s])|(?<=\u200d)[^\w\s]"
)
# Where it may cut one: "1 250" may be two numbers.
_MAY_CUT = re.compile(r"(?<=\d)(?<!\d{4}) \d{3}(?!\d)|(?<=\d )(?<!\d{4} )\d{3}(?!\d)")
_VARIATION = re.compile("[\ufe00-\ufe0f]*")
_NO_DIGIT = re.compile(r"\D")
_PART_OF_A_QUOTE = frozenset("%‰&@#§¶/\\")

_WORDS, _JOINED, _ANYWHERE = range(3)
"""How a quote stands in a text: as whole words, as words that are written together with others, or within words."""


def find_quotes(text: str, quotes: Sequence[str], within: Sequence[Place | None] = ()) -> list[Place | None]:
    """The place of each quote in `text`, None where there is none (left).

    The n-th same quote is the n-th place. Exactly as written is looked for first, then but for the form of characters
    (NFKD, quotes, dashes, zero-width characters, white space), then without punctuation around the quote, then for
    upper and lower case. Whole words go first; words that others are written together with come in where whole ones
    are too few for the mentions, and parts of words where there is nothing else. Places that no other quote has taken
    go before places within them. `within` has the part of the text that is looked at first, for each quote or none.
    """
    whole = 0, len(text)
    within = within or [None] * len(quotes)
    mentions = Counter((quote, whole) for quote in quotes)
    mentions.update((quote, part) for quote, part in zip(quotes, within, strict=True) if part)
    taken: set[Place] = set()
    covered = bytearray(len(text))
    searches: dict[Place, _Search] = {}
    seekers: dict[tuple[str, Place], _Seeker] = {}
    found: list[Place | None] = []
    for quote, part in zip(quotes, within, strict=True):
        place = None
        for start, end in ([part] if part else []) + [whole]:
            if (start, end) not in searches:
                searches[start, end] = _Search(text[start:end])
            key = (quote, (start, end))
            if key not in seekers:
                seekers[key] = _Seeker(searches[start, end].places(quote, mentions[key]), start)
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

    def places(self, quote: str, mentions: int) -> Iterator[Place]:
        """The places of `quote`, of the first way to look for it that finds any.

        They are in the text's order, but whole words go first where there is one for each of so many `mentions`.
        """
        quote = quote.strip()
        folded = fold(quote).text.strip()
        if not folded:
            return
        bare = _without_outer_punctuation(folded)
        written = partial(self._as_written, quote, folded)
        same_case = [written, partial(self._folded_places, bare)]
        any_case = [partial(self._folded_places, text, caseless=True) for text in (folded, bare)]
        for ways in (same_case, any_case):
            for how, way in product((_WORDS, _JOINED), ways):
                if next(way(how), None):
                    words = list(islice(_different(way(_WORDS)), mentions))
                    yield from _different(chain(way(_WORDS) if len(words) == mentions else (), way(_JOINED)))
                    return
        # Not without case: "us" is in too many words.
        yield from _different(written(_ANYWHERE))

    def _as_written(self, quote: str, folded: str, how: int) -> Iterator[Place]:
        # Both are the same text: it may mix straight and curly quotes.
        yield from self._occurrences(self._exact, quote, how)
        yield from self._occurrences(self._folded, folded, how)

    def _folded_places(self, wanted: str, how: int, *, caseless: bool = False) -> Iterator[Place]:
        if wanted:
            form = self._caseless if caseless else self._folded
            yield from self._occurrences(form, fold(wanted, caseless=caseless).text, how)

    def _occurrences(self, form: Form, wanted: str, how: int) -> Iterator[Place]:
        """Places in the source where `wanted` stands in `form`; never within a number."""
        text, length = form.text, len(wanted)
        position = text.find(wanted)
        while position >= 0:
            end = position + length
            following = position + 1
            if _in_one_word(text, position, how) and not (how == _JOINED and _is_after_proclitic(text, position)):
                # Nothing before the word's end can be a word's begin.
                following = _next(_BREAKS[how], text, following)
            elif _cuts(text, position):
                following = _next(_NO_DIGIT, text, following)
            elif not (_cuts(text, end) or _in_one_word(text, end, how)):
                place = self._source(form, position, end)
                if place:
                    yield place
                    following = end
            position = text.find(wanted, following)

    def _source(self, form: Form, start: int, end: int) -> Place | None:
        """The place in the text as it is, with what only says how the last character looks."""
        place = form.source(start, end)
        if place is None:
            return None
        start, end = place
        if variation := _VARIATION.match(self._text, end):
            end = variation.end()
        return None if _cuts(self._text, start) or _cuts(self._text, end) else (start, end)


def _different(places: Iterator[Place]) -> Iterator[Place]:
    seen: set[Place] = set()
    for place in places:
        if place not in seen:
            seen.add(place)
            yield place


def _next(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.search(text, position)
    return match.start() if match else len(text)


def _in_one_word(text: str, position: int, how: int) -> bool:
    """Whether the characters before and at `position` belong to one word, or may belong to one number."""
    if how == _ANYWHERE or not 0 < position < len(text):
        return False
    begins = bool(_BREAKS[how].match(text, position))
    ended = bool(_BREAKS[how].match(text, position - 1)) and not _is_mark(text[position - 1])
    return not (begins or ended) or bool(_MAY_CUT.match(text, position))


def _is_after_proclitic(text: str, position: int) -> bool:
    return bool(_PROCLITIC.search(text[max(position - 6, 0) : position]))


def _cuts(text: str, position: int) -> bool:
    """Whether the characters before and at `position` belong to one number, one letter with its marks, or one emoji."""
    return 0 < position < len(text) and (bool(_CUT.match(text, position)) or _is_mark(text[position]))


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
