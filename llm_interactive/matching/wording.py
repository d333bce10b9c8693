"""What the words around a name say of it: denied, announced as the answer, a conclusion. wording.toml lists them."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, cast

from llm_interactive.matching.replies import normal
from llm_interactive.matching.text import BREAKS, SENTENCE_ENDS, Text

# fmt: off
Sense = Literal[
    "not", "aside", "condition", "before", "after", "at_end", "link", "nothing_denied", "turn", "opener", "offer",
    "order", "task", "noun", "nouns", "praise", "final", "think", "of", "is", "act", "tail", "filler", "conclusion",
    "reason", "states", "and", "or", "refusal", "revision", "cross", "tick", "interjection", "common", "verdict",
    "degree", "lead", "closing", "modal", "article", "touch", "approval", "chat", "plain", "claims", "own",
    "unsure", "retraction", "person", "reported", "asks", "shows", "that",
]
# fmt: on
"""What a word or phrase does to the names near it."""


def lists() -> dict[Sense, list[str]]:
    """The phrases of each sense."""
    phrases = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {cast("Sense", sense): " ".join(text.split()).split(", ") for sense, text in phrases.items()}


def _lexicon() -> dict[tuple[str, ...], frozenset[Sense]]:
    lexicon: defaultdict[tuple[str, ...], frozenset[Sense]] = defaultdict(frozenset)
    for sense, phrases in lists().items():
        for phrase in phrases:
            lexicon[tuple(Text(normal(phrase)).words)] |= {sense}
    return dict(lexicon)


_LEXICON = _lexicon()
_SIZES: defaultdict[str, list[int]] = defaultdict(list)
for _phrase in sorted(_LEXICON, key=len, reverse=True):
    if len(_phrase) not in _SIZES[_phrase[0]]:
        _SIZES[_phrase[0]].append(len(_phrase))
_SIZES.default_factory = None


def _words_of(sense: Sense) -> frozenset[str]:
    return frozenset("".join(phrase) for phrase, senses in _LEXICON.items() if sense in senses)


INTERJECTIONS = _words_of("interjection")
COMMON = _words_of("common") | INTERJECTIONS
DEGREES = _words_of("degree")
HEADINGS = _words_of("noun") | _words_of("nouns") | _words_of("task")

_NOTHING: frozenset[Sense] = frozenset()
_DENIAL: frozenset[Sense] = frozenset({"not", "after"})
_KOREAN_DENIAL: frozenset[Sense] = frozenset({"at_end"})
_KOREAN_NOT = ("아니", "아닙", "아닌", "않", "없")
# What may stand between "Answer" and the answer, and what ends a part of a sentence.
_JOINTS = frozenset(":=|→\n")
_CLAUSE_ENDS = SENTENCE_ENDS | frozenset(",:—–-=|(")

# What the label may be "of": "the sentiment of this review".
_KNOWN: frozenset[Sense] = frozenset({"of", "plain", "praise", "task", "tail", "noun", "filler", "article", "closing"})

OPINIONS = frozenset(
    {"think", "believe", "say", "said", "conclude", "concluded", "feel", "guess", "see", "sense", "find"}
)
"""What the model says of itself ("I think"), and may say of others."""

_MEMORY = 100
"""Words of a sentence that are looked back over."""


class Head(NamedTuple):
    """What announces an answer: "Final answer:", "The labels are", "I would classify it as"."""

    final: bool
    plural: bool


class Wording:
    """The senses of a text's words, those within names left out, and what they say of the names."""

    def __init__(self, text: Text, named: bytearray) -> None:
        """`named` has a one for each word that is part of a name."""
        self._text = text
        self._words = text.words
        self._named = named
        self.senses = [_NOTHING] * len(text.words)
        self._scan()
        self.parts: dict[int, Head] = {}
        self.heads = self._heads()

    def _scan(self) -> None:
        place = 0
        while place < len(self._words):
            place += 1 if self._named[place] else self._mark(place)

    def _mark(self, place: int) -> int:
        """Give the words at `place` the senses of the phrases that begin there; how many words are done with."""
        word = self._words[place]
        for length in _SIZES.get(word, ()):
            phrase = tuple(self._words[place : place + length])
            if len(phrase) == length and phrase in _LEXICON and not any(self._named[place : place + length]):
                senses = _LEXICON[phrase]
                if "nothing_denied" in senses:
                    self.senses[place : place + length] = [senses] * length
                    return length
                for inner in range(place, place + length):
                    self.senses[inner] |= senses
        if word.endswith("n't"):
            self.senses[place] |= _DENIAL
        elif word.startswith(_KOREAN_NOT):
            self.senses[place] |= _KOREAN_DENIAL
        return 1

    # -------------------------------------------------------------------------------------------- denied

    def denied_before(self, start: int, name: int) -> bool:
        """Whether the words from `start`, a sentence's first, to `name` deny what begins there."""
        start = max(start, name - _MEMORY)
        denied = aside = supposed = reported = False
        for place in range(start, name):
            sense = self.senses[place]
            if self._words[place] in _CLAUSE_ENDS:
                aside = False
            elif "turn" in sense or ("opener" in sense and place > start and self._opens_clause(place)):
                denied = aside = False
            reported = (reported and not {"turn", "conclusion"} & sense) or "reported" in sense
            denied = denied or "not" in sense
            aside = aside or "aside" in sense
            supposed = supposed or "condition" in sense
        right_before = name > start and "before" in self.senses[name - 1]
        return denied or aside or supposed or reported or right_before or self._repeats_question(start, name)

    def _opens_clause(self, place: int) -> bool:
        previous = place - 2 if self._words[place - 1] == "and" and place > 1 else place - 1
        return self._words[previous] in _CLAUSE_ENDS

    def _repeats_question(self, start: int, name: int) -> bool:
        """Whether the words are the prompt's: "Options:", "Classify the …", "Text: …"."""
        while start < name and self._words[start] in BREAKS:
            start += 1
        if start < name and "order" in self.senses[start]:
            return True
        if start + 1 < name and "task" in self.senses[start] and self._words[start + 1] == ":":
            return True
        offer = next((place for place in range(start, name) if "offer" in self.senses[place]), name)
        return any(self._words[place] in ":-=|" or "is" in self.senses[place] for place in range(offer, name))

    def denied_after(self, name: int, end: int, *, followed: bool) -> bool:
        """Whether the words from `name`'s end to `end` deny it; `followed`: a "not" at their end is another name's."""
        while name < end and "closing" in self.senses[name] and self._words[name + 1 : name + 2] == [":"]:
            name += 1
        joined = name < end and self._words[name] in ":=|-—–→("
        if self._is_verdict(name + joined, end):
            return True
        while followed and end > name and ("not" in self.senses[end - 1] or self._words[end - 1] in _CLAUSE_ENDS):
            end -= 1
        if joined and self._words[name] != "(":
            return name + 1 < end and self._words[name + 1] == "not"
        near = True
        for place in range(name, end):
            sense = self.senses[place]
            if self._words[place] in _CLAUSE_ENDS:
                return False
            if "at_end" in sense or (near and "after" in sense):
                return True
            near = near and place < name + 5 and "link" not in sense
        return False

    def _is_verdict(self, place: int, end: int) -> bool:
        """Whether "no" stands at `place`: "Positive: no", but not "Positive - no complaints"."""
        after = place
        while after < end and "verdict" in self.senses[after]:
            after += 1
        return place < after and (after >= len(self._words) or self._words[after] in _CLAUSE_ENDS)

    def crossed_out(self, start: int, first: int, last: int, end: int) -> bool:
        """Whether the name from `first` to `last`, in the sentence from `start` to `end`, has a cross or an empty box.

        Marks stand after the names unless the line begins with one.
        """
        words, senses = self._words, self.senses
        while start < first - 1 and words[start] in BREAKS:
            start += 1
        if {"cross", "tick"} & senses[start]:
            return "cross" in senses[first - 1]
        while last < end and words[last] in BREAKS:
            last += 1
        return last < end and "cross" in senses[last]

    def breaks_off_denied(self, end: int) -> bool:
        """Whether the line that ends before word `end` ends in a denial, which then holds for the next line."""
        broken = end > 1 and self._words[end - 1] == "\n" and "not" in self.senses[end - 2]
        # "Negative: no", and the next label on the next line.
        verdict = end > 2 and "verdict" in self.senses[end - 2] and self._words[end - 3] in ":=|-—–→("
        return broken and not verdict

    # -------------------------------------------------------------------------------------------- announced

    def _heads(self) -> dict[int, Head]:
        """Heads by the words right after them, where an answer may begin; into `parts`, those about another text."""
        heads: dict[int, Head] = {}
        for place, sense in enumerate(self.senses):
            if "noun" in sense or "nouns" in sense:
                self._after_noun(place, heads)
            if "act" in sense and self._is_own(place):
                after = place + 1
                while after < min(len(self._words), place + 10) and self._is_tail(after):
                    after += 1
                self._open(range(place + 1, after + 1), Head(final=False, plural=False), heads)
        return heads

    def _is_tail(self, place: int) -> bool:
        """Whether the word may stand between "I would classify" and the answer: also the noun of "this clause as"."""
        around = (*self._words[place - 1 : place], *self._words[place + 1 : place + 2])
        return bool({"act", "tail", "filler"} & self.senses[place]) or around == ("this", "as")

    def _is_own(self, place: int) -> bool:
        """Whether it is the model that classifies at `place`: "I would classify", not "people classify"."""
        place -= 1
        while place >= 0 and {"modal", "filler", "act"} & self.senses[place] and not {"own", "is"} & self.senses[place]:
            place -= 1
        return (
            place < 0
            or self._words[place] in BREAKS
            or bool({"is", "own", "conclusion", "turn", "think"} & self.senses[place])
        )

    def _after_noun(self, place: int, heads: dict[int, Head]) -> None:
        words, senses = self._words, self.senses
        final = "final" in senses[place]
        before = place
        while before > max(0, place - 8) and senses[before - 1] & {"praise", "final", "noun", "nouns"}:
            before -= 1
            final = final or "final" in senses[before]
        if before > 0 and words[before - 1] not in BREAKS and not self._is_thought(before - 1):
            return
        after = place + ("is" not in senses[place])
        after += after < len(words) and words[after].isdigit()
        while after < len(words) and "praise" in senses[after] and not {"of", "is"} & senses[after]:
            after += 1
        if after < len(words) and "of" in senses[after]:
            limit = min(len(words), after + 8)
            while after < limit and words[after] not in _CLAUSE_ENDS and "is" not in senses[after]:
                if words[after].isascii() and not _KNOWN & senses[after]:
                    heads = self.parts
                after += 1
        if after < len(words) and (words[after] in _JOINTS or "is" in senses[after]):
            self._open(range(after + 1, after + 10), Head(final, "nouns" in senses[place]), heads)

    def _is_thought(self, place: int) -> bool:
        """Whether an answer may be announced after `place`: "I think that", "but", and not "many believe"."""
        sense = self.senses[place]
        if "turn" in sense or "think" not in sense:
            return "turn" in sense
        before = self.senses[place - 1] if place > 0 and self._words[place - 1] not in BREAKS else None
        if self._words[place] == "that" and before is not None:
            return "shows" in before and (self._words[place - 1] not in OPINIONS or self._is_thought(place - 1))
        return self._words[place] not in OPINIONS or before is None or bool({"own", "conclusion"} & before)

    def _open(self, places: range, head: Head, heads: dict[int, Head]) -> None:
        for place in places:
            heads[place] = head
            if place >= len(self._words) or self._named[place]:
                break
            word = self._words[place]
            passed = word in ":=|(-—–\n" or (not word.isalnum() and word not in BREAKS) or self._is_enumerator(place)
            if not passed and "is" not in self.senses[place] and not self._is_tail(place):
                break

    def _is_enumerator(self, place: int) -> bool:
        """Whether the word numbers what follows: "Answer: 2) Positive"."""
        return len(self._words[place]) < 3 and self._text.text[self._text.ends[place] :][:1] == ")"

    # -------------------------------------------------------------------------------------------- the whole text

    def chats(self, start: int, end: int) -> bool:
        """Whether the words from `start` to `end` make a "Yes" before them small talk: "Yes, I can help"."""
        return any("chat" in sense for sense in self.senses[start:end])

    def retracts(self, start: int) -> bool:
        """Whether the words from `start` on take back what stands before them: "Wait, …", "… no."."""
        words = self._words
        for place in range(start, len(words)):
            alone = words[place - 1] in SENTENCE_ENDS and words[place + 1 : place + 2] in ([], ["."], ["!"])
            if words[place] == "wait" and place > 0 and words[place - 1] not in BREAKS:
                continue
            if "retraction" in self.senses[place] or (words[place] == "no" and alone):
                return True
        return False

    def places(self, sense: Sense) -> Iterator[int]:
        """The words that have `sense`."""
        return (place for place, senses in enumerate(self.senses) if sense in senses)

    def next_task(self) -> int | None:
        """The word at which a small model goes on with a task of its own making ("Text: …")."""
        if self.senses and "task" in self.senses[0]:
            return None
        for place in range(1, len(self._words) - 1):
            if "task" in self.senses[place] and self._words[place - 1] == "\n" and self._words[place + 1] == ":":
                return place
        return None
