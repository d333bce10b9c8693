"""Reply → the choices it names: what can't be matched is not guessed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

import regex

from llm_interactive import wording
from llm_interactive.catalog import INTERJECTIONS, Catalog, Mention, catalog_of
from llm_interactive.replies import MAX_READ, SENTENCE_ENDS, Words, fold, plain_text, words_of


def match_choices(reply: str, choices: Sequence[str], *, single: bool) -> list[str]:
    """Choices that `reply` clearly names, in the config's order; empty when it names none.

    Matching is exact, then case- and punctuation-insensitive, then by phrase (longest first), then within one typo.
    Names that are denied, doubted, quoted or alternatives ("A or B") do not count, and an answer that is marked as one
    ("Label: X", a line of its own, the first sentence) beats other names. With `single`, two different matches are
    none: Label Studio stores what it is given unchecked. Any string will do; of more than 20,000 characters
    (reasoning in <think> tags not counted) the first and last 10,000 are read, for a marked answer only.
    """
    catalog = catalog_of(tuple(dict.fromkeys(choices)))
    exact = catalog.exact(reply)
    if exact is not None:
        return [catalog.choices[exact]]
    text = plain_text(reply)
    words = words_of(text)
    whole = catalog.whole(text, words)
    named = {whole} if whole is not None else _named(text, words, catalog, single)
    return [catalog.choices[place] for place in sorted(named)]


class _Strength(IntEnum):
    """How clearly a text names a choice; the strongest names are what it says."""

    MENTIONED = 0
    CONCLUDED = 1
    LED = 2
    ALONE = 3
    ANSWERED = 4
    FINAL = 5


class _Claim(NamedTuple):
    strength: _Strength
    choice: int


def _named(text: str, words: Words, catalog: Catalog, single: bool) -> set[int]:
    task_end = wording.next_task(text)
    if task_end < len(text):
        # What a small model makes up after its answer is about another text.
        own = text[:task_end]
        if named := _claimed(_Reading(own, words_of(own), catalog), single):
            return named
    reading = _Reading(text, words, catalog)
    return _claimed(reading, single) or (set() if reading.claims else reading.misspelled())


def _claimed(reading: _Reading, single: bool) -> set[int]:
    claims = reading.claims
    if not single:
        # A sentence of several labels has no first or last one that beats the others.
        weak = (_Strength.LED, _Strength.CONCLUDED)
        claims = [_Claim(_Strength.MENTIONED, claim.choice) if claim.strength in weak else claim for claim in claims]
    strongest = max((claim.strength for claim in claims), default=_Strength.MENTIONED)
    if strongest == _Strength.MENTIONED and (len(reading.text) > MAX_READ or wording.refuses(reading.text)):
        return set()
    names = {claim.choice for claim in claims if claim.strength == strongest}
    if single:
        doubtful = len({claim.choice for claim in claims}) > 1 and wording.revises(reading.text)
        return names if len(names) == 1 and (strongest == _Strength.FINAL or not doubtful) else set()
    # All labels amid other words are the question repeated.
    repeated = strongest == _Strength.MENTIONED and 2 < len(names) == len(reading.catalog.choices)
    return set() if repeated else names


class _Group(NamedTuple):
    """Names in a row: "A, B and C"."""

    mentions: list[Mention]
    alternatives: bool

    @property
    def start(self) -> int:
        return self.mentions[0].start

    @property
    def end(self) -> int:
        return self.mentions[-1].end


_AND = frozenset("and und et y e i och og en и та і と や も でも 和 与 與 及 以及 및 와 과 و plus also ve và dan".split())
_OR = frozenset("or oder ou o ó ili или або lub nebo veya hoặc atau of eller tai vagy 或 或者 还是 または か 또는 혹은 หรือ أو או या maybe".split())
_QUOTATION = regex.compile(r'"[^"\n]{1,500}"|“[^”\n]{1,500}”|«[^»\n]{1,500}»|„[^“”\n]{1,500}[“”]|「[^」\n]{1,500}」')
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*")
_BULLET = regex.compile(r"\s*[-*•☐☑✓✔✅]")
_LETTER_OR_DIGIT = regex.compile(r"[\p{L}\p{N}]")
_LEADS_TO = regex.compile(r"""[\s"'*_`)\]”]*(?:[.:;!(,\n—–]|-+\s|$|(?:because|since|as|due|weil|car|porque|parce|потому)\b)""", regex.I)
_STATES = regex.compile(
    r"""(?:\b(?:is|was|are|be|as|it's|that's|say|think|answer|option|choice|choose|chose|pick|select|with|rate|give|class|label
    |category|grade|type|level|under|into|ist|est|es|è|é) | [:=])[\s"'*_`(\[“]*$""",
    regex.I | regex.X,
)
_ENDS = regex.compile(
    r"""[\s"'*_`)\]”]*(?:$|[.!,;:(\n—–]|-+\s|(?:because|since|as|due|for|stars?|points?|weil|car|porque|parce)\b)""", regex.I
)


class _Reading:
    """A text with the claims it makes."""

    def __init__(self, text: str, words: Words, catalog: Catalog) -> None:
        self.text = text
        self.catalog = catalog
        mentions = catalog.mentions(text, words)
        ends = [place for place, word in enumerate(words.texts) if word in SENTENCE_ENDS] if mentions else []
        self._starts = [0, *(words.ends[place] for place in ends)]
        self._marks = [*(words.texts[place] for place in ends), ""]
        self._quotations = [match.span() for match in _QUOTATION.finditer(text)] if mentions else []
        self._heads = wording.Heads(text)
        self.claims = list(self._claims(list(self._groups(mentions))))

    def misspelled(self) -> set[int]:
        """The one choice that a line, or an announced answer, is within a typo."""
        lines = [line for line in self.text.splitlines() if _LETTER_OR_DIGIT.search(line)]
        answers = [regex.split(r"[,.;:(\n—]", self.text[end : end + 200].lstrip(), maxsplit=1)[0] for end, *_ in self._heads.ends[-5:]]
        units = [*lines[:1], *lines[-1:], *answers, *(regex.split(r"[.!]\s", line)[0] for line in lines[:1])]
        found = {self.catalog.spelled(unit) for unit in units if len(unit) <= 100}
        found.discard(None)
        return {place for place in found if place is not None} if len(found) == 1 else set()

    # -------------------------------------------------------------------------------------------- rows of names

    def _groups(self, mentions: list[Mention]) -> Iterator[_Group]:
        row: list[Mention] = []
        either = False
        for mention in mentions:
            joints = self._joints(row[-1], mention) if row else None
            if joints is None:
                if row:
                    yield _Group(row, either)
                row, either = [], False
            row.append(mention)
            either = either or bool(joints and joints & _OR)
        if row:
            yield _Group(row, either)

    def _joints(self, left: Mention, right: Mention) -> set[str] | None:
        """The words that join two names into a row; None when they stand apart."""
        gap = self.text[left.end : right.start]
        if len(gap) > 40 or regex.search(r"[.!?;:。]", gap):
            return None
        joints = {fold(word) for word in _WORD.findall(gap)}
        if "\n" in gap and _LETTER_OR_DIGIT.search(self._line_after(right.end)):
            return None
        return joints if joints <= _AND | _OR else None

    # -------------------------------------------------------------------------------------------- what they are worth

    def _claims(self, groups: list[_Group]) -> Iterator[_Claim]:
        stated = [group for place, group in enumerate(groups) if self._is_stated(groups, place)]
        per_sentence: dict[int, int] = {}
        for group in stated:
            per_sentence[self._sentence(group.start)] = per_sentence.get(self._sentence(group.start), 0) + 1
        for group in stated:
            only = per_sentence[self._sentence(group.start)] == 1
            strength = self._strength(group) if only else _Strength.MENTIONED
            for mention in group.mentions:
                if mention.choice not in self.catalog.common or self._is_meant(mention, group, strength, only):
                    yield _Claim(strength, mention.choice)

    def _is_stated(self, groups: list[_Group], place: int) -> bool:
        group = groups[place]
        sentence = self._sentence(group.start)
        if group.alternatives or self._marks[sentence] == "?" or any(self._is_quoted(m) for m in group.mentions):
            return False
        following = groups[place + 1] if place + 1 < len(groups) else None
        end = self._end(self._sentence(group.end))
        followed = following is not None and following.start < end
        after = self.text[group.end : following.start if following and followed else end]
        before = self.text[self._starts[sentence] : group.start]
        heading = self._heading(group)
        return not (
            wording.denied(before[-300:], after[:120], followed=followed)
            or wording.denied(heading[-100:], "")
            or (not _LETTER_OR_DIGIT.search(before) and wording.left_dangling(self.text[:self._starts[sentence]].rstrip()[-20:]))
        )

    def _strength(self, group: _Group) -> _Strength:
        head = self._heads.before(group.start)
        if head:
            final, plural = head
            complete = 2 < len(group.mentions) == len(self.catalog.choices)
            if not (plural and complete):
                return _Strength.FINAL if final else _Strength.ANSWERED
        sentence = self._sentence(group.start)
        opens = not _LETTER_OR_DIGIT.search(self.text[self._starts[sentence] : group.start])
        first = not _LETTER_OR_DIGIT.search(self.text[: group.start])
        closes = not _LETTER_OR_DIGIT.search(self.text[group.end : self._end(self._sentence(group.end))])
        if opens and closes and (first or self._is_line(group)):
            return _Strength.ALONE
        if first and _LEADS_TO.match(self.text, group.end):
            return _Strength.LED
        last = not _LETTER_OR_DIGIT.search(self.text[group.end :])
        if opens and last or wording.concludes(self.text[self._starts[sentence] : group.start]):
            return _Strength.CONCLUDED
        return _Strength.MENTIONED

    def _is_meant(self, mention: Mention, group: _Group, strength: _Strength, only: bool) -> bool:
        """Whether a word that prose is full of ("No", "Other", "A", "1") stands here for the choice."""
        name = self.catalog.choices[mention.choice].strip()
        written = self.text[mention.start : mention.end]
        if strength == _Strength.ALONE:
            return True
        leads = not _LETTER_OR_DIGIT.search(self.text[: mention.start])
        short = len(name) <= 2 and name.isupper()
        ends = _ENDS.match(self.text, group.end)
        if strength >= _Strength.ANSWERED:
            return bool(ends)
        if short and (written != name or leads and ends and "," in ends[0]):
            return False
        if fold(written) in INTERJECTIONS and leads:
            return only and bool(ends or regex.match(r"\s+(?:it|this|that|the|i)\b", self.text[mention.end :], regex.I))
        if short and leads and regex.match(r"\s+is\b", self.text[mention.end : mention.end + 10]):
            return True
        return bool(ends) and (leads or bool(_STATES.search(self.text[max(0, mention.start - 40) : mention.start])))

    # -------------------------------------------------------------------------------------------- where they stand

    def _sentence(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    def _end(self, sentence: int) -> int:
        return self._starts[sentence + 1] if sentence + 1 < len(self._starts) else len(self.text)

    def _line_after(self, place: int) -> str:
        end = self.text.find("\n", place)
        return self.text[place : end if end >= 0 else len(self.text)]

    def _line_before(self, place: int) -> str:
        return self.text[self.text.rfind("\n", 0, place) + 1 : place]

    def _is_line(self, group: _Group) -> bool:
        around = self._line_before(group.start) + self._line_after(group.end)
        return not _LETTER_OR_DIGIT.search(around)

    def _heading(self, group: _Group) -> str:
        """The line that announces the list in which a group stands; empty when it stands in none."""
        if _LETTER_OR_DIGIT.search(self._line_before(group.start)):
            return ""
        for line in reversed(self.text[max(0, group.start - 2000) : group.start].rsplit("\n", 40)[:-1]):
            if line.rstrip(" *_").endswith(":"):
                return line
            if line.strip() and not _BULLET.match(line):
                return ""
        return ""

    def _is_quoted(self, mention: Mention) -> bool:
        """Whether a name stands in a quotation that says more than it, or in an example of the task's text."""
        place = bisect_right(self._quotations, (mention.start, len(self.text))) - 1
        if place < 0 or mention.end > self._quotations[place][1]:
            return False
        start, end = self._quotations[place]
        inside = self.text[start : mention.start] + self.text[mention.end : end]
        around = self.text[:start] + self.text[end:]
        return bool(_LETTER_OR_DIGIT.search(inside) and _LETTER_OR_DIGIT.search(around))
