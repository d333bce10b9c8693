"""Whether a sentence states a name ("It is Positive.") or only uses it ("the positive reviews")."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_interactive.matching.text import BREAKS, Text
from llm_interactive.matching.wording import OPINIONS, Sense

Senses = Sequence[frozenset[Sense]]

_LEADS: frozenset[Sense] = frozenset({"is", "states", "lead", "act", "conclusion", "turn", "noun", "nouns", "at_end"})
_APPROVES: frozenset[Sense] = frozenset({"approval", "reason"})
_CLOSES: frozenset[Sense] = _APPROVES | {"closing", "link", "conclusion", "turn", "at_end", "cross", "tick"}
_PASSED: frozenset[Sense] = frozenset({"degree", "filler", "article", "nothing_denied"})
_TURNS: frozenset[Sense] = frozenset({"conclusion", "turn"})
_PLAIN: frozenset[Sense] = (
    _PASSED | _LEADS | {"plain", "own", "praise", "task", "of", "claims", "tail", "modal", "person"}
)
_JOINS = frozenset({"and", "because", "since", "that", "but"})
_MYSELF = frozenset({"i", "i'd", "i'll", "we", "we'd"})
_BEING = frozenset({"be", "was", "were", "are"})
_PARTS = frozenset({"toward", "towards", "regarding", "about"})
_ADVERB = re.compile(r".{2,}(?:ly|mente)")
_SCORE = re.compile(r"[01]?\.\d|\d+(?:\.\d+)?%|\d+/\d+")
_BRACKET = re.compile(r"[\[\](){}<>#]")


def is_statement(text: Text, senses: Senses, first: int, last: int, *, several: bool) -> bool:
    """Whether the words around those from `first` to `last` say that they are so.

    What only touches upon something ("mentions") says so where `several` choices may be given.
    """
    leads = _LEADS | {"touch"} if several else _LEADS
    place = first - 1
    while not _begins(text, place) and not leads & senses[place] and _is_passed(text.words[place], senses[place]):
        place -= 1
    if not _begins(text, place):
        # "There is a cat in it": no answer, where there is to be one.
        if not several and "is" in senses[place] and text.words[place - 1 : place] == ["there"]:
            return False
        claims = bool(leads & senses[place]) and is_closed(text, senses, last)
        return claims and _is_understood(text, senses, place, last)
    # "Slow, negative staff" is not "Although slow, negative.", nor is "In Germany, negative".
    if place >= 0 and text.words[place] == ",":
        if text.words[text.sentence(place)[0]] == "in" and not is_plain(
            text, senses, range(text.sentence(place)[0], place)
        ):
            return False
        return _ends(text, last) or (bool(_APPROVES & senses[last]) and is_closed(text, senses, last))
    # "Sentiment toward the staff: Positive" is about a part.
    if place >= 0 and text.words[place] == ":" and _PARTS & set(text.words[text.sentence(place)[0] : place]):
        return False
    return not (place + 1 < first and "article" in senses[place + 1]) and is_closed(text, senses, last)


def _is_understood(text: Text, senses: Senses, place: int, last: int) -> bool:
    """Whether all words of a clause, up to `place`, are known to be about the text: "the review is", not "he was"."""
    words = text.words
    start = place
    while start > 0 and not (
        _begins(text, start - 1) or _TURNS & senses[start - 1] or (words[start - 1] in _JOINS and start < place)
    ):
        start -= 1
    if not _is_own(text, senses, start):
        return False
    supposes = [at for at in range(start, place + 1) if "modal" in senses[at]]
    if any(words[at - 1] not in ("i", "we") for at in supposes):
        return False
    if "claims" not in senses[place]:
        return True
    # "A review is Positive when …", "I'd be dissatisfied".
    if words[start] in ("a", "an", "your") or (words[place - 1] in _MYSELF and words[place] in _BEING):
        return False
    # "The author sees it as Positive", "The author is happy. …"; but "The author is dissatisfied." is a whole answer.
    whole = start == 0 and not text.says(last, len(words)) and words[place] == "is"
    if ("is" in senses[place] or words[place] == "as") and any("person" in senses[at] for at in range(start, place)):
        return whole
    return is_plain(text, senses, range(start, place))


def _is_own(text: Text, senses: Senses, start: int) -> bool:
    """Whether a clause that begins with or after a "that" is the model's: "this means that", not "he insists that"."""
    words = text.words
    that = start - (words[start - 1 : start] == ["that"])
    if "that" not in senses[that]:
        return True
    before = that - 2 if words[that - 1 : that] == [","] else that - 1
    if before <= 0 or words[before] in BREAKS:
        return True
    if words[before] in OPINIONS:
        return bool({"own", "conclusion"} & senses[before - 1])
    return bool({"shows", "conclusion", "turn", "think"} & senses[before])


def is_plain(text: Text, senses: Senses, places: range) -> bool:
    """Whether all words are known to be about the text or the label; any word may describe the text."""
    return all(
        _PLAIN & senses[place]
        or _ADVERB.fullmatch(text.words[place])
        or (place + 1 in places and "plain" in senses[place + 1])
        for place in places
    )


def is_undone(text: Text, senses: Senses, last: int, end: int, *, followed: bool) -> bool:
    """Whether the words from `last` to `end` turn against what stands before them: "…, but that's incorrect".

    `followed`: a "but not" is another name's.
    """
    turned = False
    for place in range(last, end):
        sense = senses[place]
        turned = turned or "turn" in sense or text.words[place] == "yet"
        if "unsure" in sense or (turned and "not" in sense and not followed):
            return True
    return False


def is_conceded(text: Text, senses: Senses, last: int, end: int) -> bool:
    """Whether a "but" comes between `last` and `end`: "It is positive in tone, but …"."""
    return any("turn" in senses[place] or text.words[place] == "yet" for place in range(last, end))


def is_closed(text: Text, senses: Senses, last: int) -> bool:
    """Whether the words before `last` are not part of a longer phrase: "Health", not "Health care"."""
    if _ends(text, last) or ("is" in senses[last] and _ends(text, last + 1)):
        return True
    # "Legal is the right one", but not "Legal is the first that comes to mind".
    if text.words[last : last + 2] == ["is", "the"] and not (last + 2 < len(senses) and _PLAIN & senses[last + 2]):
        return False
    # "More Negative than Positive", but not "more negative than they say".
    if text.words[last] == "than":
        return _ends(text, last + 2)
    # "He is positive that it is Tuesday" is sure, and there is "food for thought".
    return bool(_CLOSES & senses[last]) and text.words[last] not in ("that", "for")


def is_explained(text: Text, first: int, last: int) -> bool:
    """Whether a row begins a sentence and a colon follows: "Positive: the author is happy"."""
    opens = not text.says(text.sentence(first)[0], first)
    return opens and last < len(text.words) and text.words[last] in ":=-—–"


def is_scored(text: Text, last: int) -> bool:
    """Whether a fraction, percentage, cell with a number or "stars" follow a row."""
    after = text.words[last : last + 2]
    if not after or after[0] not in BREAKS:
        return after[:1] in (["star"], ["stars"])
    return bool(_SCORE.match(after[-1])) or (after[0] == "|" and after[-1].isdigit())


def _begins(text: Text, place: int) -> bool:
    """Whether a clause begins after word `place`."""
    if place < 0 or text.words[place] in BREAKS or not text.says(place, place + 1):
        # "Sentence 1: Positive" is about a part.
        return not (place > 0 and text.words[place] == ":" and text.words[place - 1].isdigit())
    return bool(_BRACKET.search(text.text, text.ends[place], text.starts[place + 1]))


def _ends(text: Text, place: int) -> bool:
    """Whether a clause ends before word `place`."""
    if place >= len(text.words) or text.words[place] in BREAKS or not text.says(place, place + 1):
        return True
    return bool(_BRACKET.search(text.text, text.ends[place - 1], text.starts[place]))


def _is_passed(word: str, sense: frozenset[Sense]) -> bool:
    return bool(_PASSED & sense) or bool(_ADVERB.fullmatch(word))
