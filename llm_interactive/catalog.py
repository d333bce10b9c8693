"""The choices of a labeling config, prepared for finding their names in replies."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import regex
from rapidfuzz import process
from rapidfuzz.distance import OSA

from llm_interactive.replies import BREAKS, Words, normal, words_of

INTERJECTIONS = frozenset("yes no ja nein oui non si sí no да нет yeah nope sim não tak nie ano ne evet hayır".split())
_COMMON = INTERJECTIONS | frozenset(
    """
    a all always and any as at be best better bad both by can correct different do either end every few first for fine
    general good great he her here high him his how i in is it its last left less like likely low may maybe me mixed more
    most much my neither never new next none nor not nothing now of off often ok okay old on one only open or other others
    our out part right same several she so some still such than that the their them then there they this to true false
    two three four five under unknown unclear up us very was we well what when where which who why will with wrong you your
    autre autres otro otra otros andere anderes sonstiges outro outra altro altri другое другой diğer inny inne
    是 否 对 错 有 无 無 好 坏 其他 其它 はい いいえ その他 他 기타 예 네 아니오 아니요 นั่น ใช่ ไม่ใช่ อื่นๆ نعم لا أخرى כן לא אחר हाँ नहीं अन्य
    """.split()
)
_KOREAN_ENDING = regex.compile(
    r"(?:적|적인|적으로)?(?:입니다|이에요|예요|이다|이며|이고|이라고|라고|임|은|는|이|가|을|를|의|에|으로|로|과|와|도|인|만)?$"
)
_SYMBOL = regex.compile(r"\p{S}+")
_GLUE = regex.compile(r"[-_/'@&+\\]")


class Mention(NamedTuple):
    """A choice's name in a text: words `first` up to `last`, characters `start` up to `end`."""

    choice: int
    first: int
    last: int
    start: int
    end: int


class Catalog:
    """Choices by their names in all the ways that a name may be written."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices
        self._exact = {choice.strip(): place for place, choice in reversed([*enumerate(choices)]) if choice.strip()}
        self._normal = [normal(choice).strip() for choice in choices]
        names = [words_of(name).texts for name in self._normal]
        self._plain = [" ".join(_spoken(name)) for name in names]
        self._phrases = _phrases(names)
        self._lengths = _lengths(self._phrases)
        self._words = {word for phrase in self._phrases for word in phrase}
        self._joined: defaultdict[str, set[int]] = defaultdict(set)
        for phrase, places in self._phrases.items():
            self._joined[_join(phrase)] |= places
        self._within = self._longer_names()
        self._numbers = [int(word) for word in self._words if word.isascii() and word.isdigit() and len(word) < 9]
        self.common = frozenset(place for place, name in enumerate(names) if _is_common(name))

    def exact(self, reply: str) -> int | None:
        """The choice that `reply` is, character by character."""
        return self._exact.get(reply.strip())

    def whole(self, text: str, words: Words) -> int | None:
        """The choice that `words`, all those of `text`, make up, whatever the case and punctuation."""
        key = tuple(self._known(word) for word in words.texts if word not in BREAKS)
        places = self._phrases.get(key)
        if not places and " " not in text.strip():
            places = self._joined.get(_join(key))
        return self._one(places or (), text.strip(" \n.,;:!?\"'*_`()[]"))

    def mentions(self, text: str, words: Words) -> list[Mention]:
        """The names in `text` from left to right, the longest first where they overlap, none inside a longer word."""
        texts = [self._known(word) for word in words.texts]
        spans = [
            (length, first)
            for first, word in enumerate(texts)
            for length in self._lengths.get(word, ())
            if tuple(texts[first : first + length]) in self._phrases
        ]
        taken = bytearray(len(texts))
        found = []
        for length, first in sorted(spans, key=lambda span: (-span[0], span[1])):
            last = first + length
            if any(taken[first:last]):
                continue
            taken[first:last] = b"\1" * length
            start, end = words.starts[first], words.ends[last - 1]
            choice = self._one(self._phrases[tuple(texts[first:last])], text[start:end])
            if choice is not None and not self._misspelled(choice, texts, first):
                found.append(Mention(choice, first, last, start, end))
        return [mention for mention in sorted(found, key=lambda m: m.first) if not _glued(mention, text, words, taken)]

    def spelled(self, text: str) -> int | None:
        """The only choice whose name `text` is but for accents, joined words or one typo in a word of five letters."""
        words = words_of(text)
        if (whole := self.whole(text, words)) is not None:
            return whole
        given = _spoken(words.texts)
        line = " ".join(given)
        bare = [place for place, name in enumerate(self._plain) if name and _bare(name) == _bare(line)]
        if len(bare) == 1:
            return bare[0]
        close = process.extract(line, self._plain, scorer=OSA.distance, score_cutoff=2, limit=2)
        if len(close) != 1 or any(character.isdigit() for character in line):
            return None
        meant = close[0][0].split()
        wrong = [pair for pair in zip(given, meant, strict=False) if pair[0] != pair[1]]
        typo = len(given) == len(meant) and len(wrong) == 1 and _is_typo(*wrong[0])
        return int(close[0][2]) if typo else None

    def _one(self, places: Iterable[int], written: str) -> int | None:
        """The choice among those of one name ("US", "us"): the one written so, if there are several."""
        several = list(places)
        if len(several) > 1:
            several = [place for place in several if self._normal[place] == written]
        return several[0] if len(several) == 1 else None

    def _known(self, word: str) -> str:
        """`word` as the choices have it: without a Korean ending; "4/5" is 4 where 5 is the highest number."""
        if word in self._words or word.isascii() and "/" not in word:
            return word
        number, _, highest = word.partition("/")
        if highest:
            return number if number in self._words and highest == str(max(self._numbers, default="")) else word
        if "가" <= word[0] <= "힣":
            for size in range(len(word) - 1, 0, -1):
                if word[:size] in self._words and _KOREAN_ENDING.fullmatch(word, size):
                    return word[:size]
        return word

    def _longer_names(self) -> defaultdict[int, list[tuple[list[str], int]]]:
        """For a choice whose name is part of longer ones ("Not Sarcastic"): those, and where in them it is."""
        longer: defaultdict[int, list[tuple[list[str], int]]] = defaultdict(list)
        for phrase in self._phrases:
            for first, word in enumerate(phrase):
                for length in self._lengths.get(word, ()):
                    if length < len(phrase):
                        for place in self._phrases.get(phrase[first : first + length], ()):
                            longer[place].append((list(phrase), first))
        return longer

    def _misspelled(self, choice: int, texts: list[str], first: int) -> bool:
        """Whether the words around a name are a longer name with a typo: "Nto Sarcastic"."""
        for name, offset in self._within.get(choice, ()):
            around = texts[max(0, first - offset) : first - offset + len(name)]
            if around != name and OSA.distance(" ".join(around), " ".join(name), score_cutoff=1) <= 1:
                return True
        return False


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
        for phrase in _ways_to_write([word for word in name if not _SYMBOL.fullmatch(word)]):
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
    for joint in joints.keys() & set(name):
        for other in joints[joint]:
            yield tuple(word for word in (other if word == joint else word for word in name) if word)


def _lengths(phrases: Iterable[tuple[str, ...]]) -> dict[str, list[int]]:
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for phrase in phrases:
        lengths[phrase[0]].add(len(phrase))
    return {word: sorted(sizes, reverse=True) for word, sizes in lengths.items()}


def _spoken(words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in BREAKS]


def _join(words: Iterable[str]) -> str:
    """The words in one ("NotSarcastic"), but "1 1" is not 11."""
    return regex.sub(r"(?<!\d) | (?!\d)", "", " ".join(words))


def _is_common(name: list[str]) -> bool:
    """Whether a name is a word, letter or number that prose is full of and so says little there."""
    words = _spoken(name)
    joined = "".join(words)
    return len(joined) <= 2 and len(words) <= 1 or joined in _COMMON or all(word.strip("+-%").isdigit() for word in words)


def _glued(mention: Mention, text: str, words: Words, taken: bytearray) -> bool:
    """Whether a name is a part of a compound: "semi-formal", "is_spam"; "Sports/Politics" are two names."""
    before, after = text[max(0, mention.start - 2) : mention.start], text[mention.end : mention.end + 2]
    left = len(before) == 2 and before[0].isalnum() and _GLUE.match(before[1])
    right = len(after) == 2 and after[1].isalnum() and _GLUE.match(after[0])
    if left and before[1] in "/&+":
        left = not taken[max(0, mention.first - 2)] if words.texts[mention.first - 1] in BREAKS | {"and"} else left
    if right and after[0] in "/&+":
        right = not taken[min(len(taken) - 1, mention.last + 1)]
    return bool(left or right)


def _bare(name: str) -> str:
    """A name without the accents of Latin and Greek letters; capitals often come without."""
    return unicodedata.normalize("NFC", regex.sub(r"(?<=[\p{Latin}\p{Greek}])\p{Mn}+", "", unicodedata.normalize("NFD", name)))


def _is_typo(given: str, meant: str) -> bool:
    """One letter too many, missing, or swapped with its neighbour; another letter only inside a long word.

    First letters count: "atypical" is not "typical". So do last ones, where "employee" is not "employer".
    """
    if len(meant) < 5 or given[0] != meant[0] or OSA.distance(given, meant) != 1:
        return False
    return len(given) != len(meant) or sorted(given) == sorted(meant) or len(meant) >= 7 and given[-1] == meant[-1]
