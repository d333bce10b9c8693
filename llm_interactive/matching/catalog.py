"""The choices of a labeling config, prepared for finding their names in replies."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from llm_interactive.matching.replies import normal
from llm_interactive.matching.text import BREAKS, Text
from llm_interactive.matching.wording import COMMON, DEGREES

_KOREAN_ENDING = re.compile(
    r"(?:적|적인|적으로)?(?:입니다|이에요|예요|이다|이며|이고|이라고|라고|임|은|는|이|가|을|를|의|에|으로|로|과|와|도|인|만)?$"
)
_ARABIC_BEGINNING = re.compile(r"(?:وال|ال|و)(\w{4,})$")
# What joins words into a compound, and which of it may also stand between two names.
_GLUE = frozenset("-_/@&+\\")
_AND = frozenset("/&")
_LONGEST = 30
"""Words of a name that is looked for inside a text; a longer one is found as the whole reply."""


class Mention(NamedTuple):
    """A choice's name in a text: words `first` to `last`."""

    choice: int
    first: int
    last: int


class Catalog:
    """Choices by their names in all the ways that a name may be written."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices
        self._exact = {choice.strip(): place for place, choice in reversed([*enumerate(choices)]) if choice.strip()}
        self._normal = [normal(choice).strip() for choice in choices]
        names = [Text(name).words for name in self._normal]
        self._plain = [" ".join(_spoken(name)) for name in names]
        self._phrases = _phrases(names)
        self._lengths = _lengths(self._phrases)
        self._words = {word for phrase in self._phrases for word in phrase}
        self._joined: defaultdict[str, set[int]] = defaultdict(set)
        for phrase, places in self._phrases.items():
            self._joined[_join(phrase)] |= places
        self._bare: defaultdict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(self._plain):
            self._bare[_bare(name)].append(place)
        self._longer = self._longer_names()
        self._graded = {
            choice
            for choice, sizes in self._longer.items()
            if any(name.split()[0] in DEGREES for names in sizes.values() for name in names)
        }
        self._numbers = [int(word) for word in self._words if word.isascii() and word.isdigit() and len(word) < 9]
        self.common = frozenset(place for place, name in enumerate(names) if _is_common(name))

    def exact(self, reply: str) -> int | None:
        """The choice that `reply` is, character by character."""
        return self._exact.get(reply.strip())

    def whole(self, text: Text) -> int | None:
        """The choice that is all of `text`, whatever the case and punctuation."""
        key = tuple(self._known(word) for word in text.words if word not in BREAKS)
        places = self._phrases.get(key)
        if places and len(key) < len(text.words) and self._is_list(text.words):
            return None
        if not places and len(text.text.split()) == 1:
            places = self._joined.get(_join(key))
        return self._one(places, text.text.strip(" \n.,;:!?\"'*_`()[]")) if places else None

    def mentions(self, text: Text) -> tuple[list[Mention], bytearray]:
        """The names in `text` from left to right, the longest first where they overlap, none inside a longer word.

        And for each word of `text` a one if it is part of a name and not a common word, else a zero.
        """
        words = [self._known(word) for word in text.words]
        spans = [
            (length, first)
            for first, word in enumerate(words)
            for length in self._lengths.get(word, ())
            if first + length <= len(words) and tuple(words[first : first + length]) in self._phrases
        ]
        taken, named = bytearray(len(words)), bytearray(len(words))
        found = []
        for length, first in sorted(spans, key=lambda span: (-span[0], span[1])):
            last = first + length
            if any(taken[first:last]):
                continue
            taken[first:last] = b"\1" * length
            choice = self._one(self._phrases[tuple(words[first:last])], text.written(first, last))
            if choice is not None and not self._is_misread(choice, words, first):
                found.append(Mention(choice, first, last))
            if choice not in self.common:
                named[first:last] = b"\1" * length
        found = [mention for mention in found if not _is_glued(mention, text, taken)]
        return sorted(found, key=lambda mention: mention.first), named

    def misspelled(self, words: list[str]) -> int | None:
        """The only choice that `words` are but for accents, or for one typo in a word of five letters or more."""
        given = _spoken(words)
        if not given or tuple(given) in self._phrases:
            return None
        line = " ".join(given)
        bare = self._bare.get(_bare(line), ())
        if len(bare) == 1:
            return bare[0]
        close = process.extract(line, self._plain, scorer=OSA.distance, score_cutoff=2, limit=2)
        if len(close) != 1 or any(character.isdigit() for character in line):
            return None
        name, _, place = close[0]
        meant = name.split()
        wrong = [pair for pair in zip(given, meant, strict=False) if pair[0] != pair[1]]
        return int(place) if len(given) == len(meant) and len(wrong) == 1 and _is_typo(*wrong[0]) else None

    def _is_list(self, words: list[str]) -> bool:
        """Whether breaks part `words` into names: "Clothing, Apparel" is not "Clothing/Apparel"."""
        if tuple(words) in self._phrases:
            return False
        parts = "\0".join("\n" if word in BREAKS - {"/"} else word for word in words).split("\n")
        return sum(tuple(part.strip("\0").split("\0")) in self._phrases for part in parts) > 1

    def _one(self, places: Iterable[int], written: str) -> int | None:
        """The choice among those of one name ("US", "us"): the one written so, if there are several."""
        several = list(places)
        if len(several) > 1:
            # In small letters too: "sınır" is "Sınır" and not "Sinir".
            several = [place for place in several if self._normal[place] == written] or [
                place for place in several if self._normal[place].lower() == written
            ]
        return several[0] if len(several) == 1 else None

    def _shares_end(self, word: str, following: list[str]) -> bool:
        """Whether `word` instead of the first word of the name that begins `following` makes a name."""
        return any(
            len(following) >= size > 1 and (word, *following[1:size]) in self._phrases
            for size in self._lengths.get(word, ())
        )

    def _known(self, word: str) -> str:
        """`word` as the choices have it: without a Korean ending or an Arabic "and the".

        "4/5" is 4 where 5 is the highest number.
        """
        if word in self._words or (word.isascii() and "/" not in word):
            return word
        number, _, highest = word.partition("/")
        if highest:
            return number if number in self._words and highest == str(max(self._numbers, default="")) else word
        if bare := _ARABIC_BEGINNING.match(word):
            return bare[1] if bare[1] in self._words else word
        if "가" <= word[-1] <= "힣":
            for size in range(len(word) - 1, 0, -1):
                if word[:size] in self._words and _KOREAN_ENDING.fullmatch(word, size):
                    return word[:size]
        return word

    def _longer_names(self) -> defaultdict[int, defaultdict[tuple[int, int], list[str]]]:
        """For a choice whose name is part of longer ones ("Not Sarcastic"): those, by their size and where it is."""
        longer: defaultdict[int, defaultdict[tuple[int, int], list[str]]] = defaultdict(lambda: defaultdict(list))
        for phrase in (phrase for phrase in self._phrases if len(phrase) <= _LONGEST):
            for first, word in enumerate(phrase):
                for length in self._lengths.get(word, ()):
                    if length < len(phrase):
                        for place in self._phrases.get(phrase[first : first + length], ()):
                            longer[place][len(phrase), first].append(" ".join(phrase))
        return longer

    def _is_misread(self, choice: int, words: list[str], first: int) -> bool:
        """Whether the words around a name are another name, misspelled: "Nto Sarcastic", "Java Script"."""
        if words[first] >= "\u0e00":
            return False
        previous = words[first - 1] if first else ""
        if previous in DEGREES and choice in self._graded:
            return True
        # "low to medium risk", where "Low risk" is a choice.
        if first > 1 and previous in ("and", "or", "to", "/") and self._shares_end(words[first - 2], words[first:]):
            return True
        for (size, offset), names in self._longer[choice].items() if choice in self._longer else ():
            around = " ".join(words[max(0, first - offset) : first - offset + size])
            close = process.extractOne(around, names, scorer=OSA.distance, score_cutoff=2)
            if close and close[1] <= (2 if len(close[0]) > 10 else 1):
                return True
        pairs = (words[first : first + 2], words[first - 1 : first + 1] if first else [])
        return any(self._joined.get(_join(pair), {choice}) != {choice} for pair in pairs)


@lru_cache(maxsize=128)
def catalog_of(choices: tuple[str, ...]) -> Catalog:
    """The catalog of `choices`, made once."""
    return Catalog(choices)


def _phrases(names: list[list[str]]) -> dict[tuple[str, ...], set[int]]:
    phrases: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for place, name in enumerate(names):
        for phrase in _ways_to_write(name):
            phrases[phrase].add(place)
    # "👍 Positive" is also "Positive", where no other choice is.
    bare: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for place, name in enumerate(names):
        for phrase in _ways_to_write([word for word in name if word.isascii() or any(map(str.isalnum, word))]):
            if phrase not in phrases:
                bare[phrase].add(place)
    return {**bare, **phrases}


def _ways_to_write(name: list[str]) -> Iterator[tuple[str, ...]]:
    """A name's words with and without its punctuation; "Clothing/Apparel" also with "and", "or" or nothing."""
    while name and name[-1] in BREAKS:
        name = name[:-1]
    while name and name[0] in BREAKS:
        name = name[1:]
    if not name:
        return
    yield tuple(name)
    yield tuple(_spoken(name))
    joints = {"/": ("and", "or", ""), "and": ("/", ""), "or": ("/",)}
    for joint in joints.keys() & set(name[1:-1]):
        for other in joints[joint]:
            inner = (other if word == joint else word for word in name[1:-1])
            yield (name[0], *filter(None, inner), name[-1])


def _lengths(phrases: Iterable[tuple[str, ...]]) -> dict[str, list[int]]:
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for phrase in phrases:
        if len(phrase) <= _LONGEST:
            lengths[phrase[0]].add(len(phrase))
    return {word: sorted(sizes, reverse=True) for word, sizes in lengths.items()}


def _spoken(words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in BREAKS]


def _join(words: Iterable[str]) -> str:
    """The words in one ("NotSarcastic"), but "1 1" is not 11."""
    return re.sub(r"(?<!\d) | (?!\d)", "", " ".join(words))


def _is_common(name: list[str]) -> bool:
    """Whether a name is a word, letter or number that prose is full of and so says little there."""
    words = _spoken(name)
    joined = "".join(words)
    return (
        (joined.isalnum() and len(joined) <= (1 if joined >= "\u3000" else 2))
        or joined in COMMON
        or all(w.strip("+-%").isdigit() for w in words)
    )


def _is_glued(mention: Mention, text: Text, taken: bytearray) -> bool:
    """Whether a name is a part of a compound: "semi-formal", "is_spam"; "Sports/Politics" are two names."""
    start, end = text.starts[mention.first], text.ends[mention.last - 1]
    left, right = text.text[max(0, start - 2) : start], text.text[end : end + 2]
    if len(left) == 2 and left[0].isalnum() and left[1] in _GLUE:
        return left[1] not in _AND or not taken[max(0, mention.first - 2)]
    if len(right) == 2 and right[1].isalnum() and right[0] in _GLUE:
        return right[0] not in _AND or not taken[min(len(taken) - 1, mention.last + 1)]
    return False


def _bare(name: str) -> str:
    """A name without the accents of Latin and Greek letters; capitals often come without."""
    return re.sub(r"([a-z\u0370-\u03ff])[\u0300-\u036f]+", r"\1", unicodedata.normalize("NFD", name))


def _is_typo(given: str, meant: str) -> bool:
    """One letter too many, missing, or swapped with its neighbour; another letter only inside a long word.

    First letters count ("atypical" is not "typical"), and so do last ones ("larger" is not "large", nor is an employee
    an employer), but for a plural and where a long word was cut short.
    """
    if len(meant) < 5 or given[0] != meant[0] or OSA.distance(given, meant) != 1:
        return False
    if given.startswith(meant):
        return given[-1] in ("s", meant[-1])
    if meant.startswith(given):
        return len(meant) >= 7
    return len(given) != len(meant) or sorted(given) == sorted(meant) or (len(meant) >= 7 and given[-1] == meant[-1])
