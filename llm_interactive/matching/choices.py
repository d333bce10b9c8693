"""Reply → the choices it names; what can't be matched is not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, zip_longest

from llm_interactive.matching.catalog import Catalog, Mention, catalog_of
from llm_interactive.matching.replies import BREAKS, MAX_READ, Text, plain_text
from llm_interactive.matching.rows import Row, Strength, choices_of, weakened
from llm_interactive.matching.statements import (
    is_closed,
    is_conceded,
    is_explained,
    is_plain,
    is_scored,
    is_statement,
    is_undone,
)
from llm_interactive.matching.wording import INTERJECTIONS, Sense, Wording


def match_choices(reply: str, choices: Sequence[str], *, single: bool) -> list[str]:
    """Choices that `reply` clearly names, in the config's order; empty when it names none.

    Matching is exact, then case- and punctuation-insensitive, then by phrase (longest first), then within one typo.
    A name amid other words counts only where they say that it is so ("The review is X."), not where it is merely used,
    denied, doubted, quoted, reported or an alternative ("A or B"). An answer marked as such ("Label: X", a line of its
    own, the first sentence) beats other names. With `single`, two different matches are none: Label Studio stores what
    it is given unchecked. Any string will do; of more than 20,000 characters (reasoning in <think> tags not counted)
    the first and last 10,000 are read, for a marked answer only.
    """
    catalog = catalog_of(tuple(dict.fromkeys(choices)))
    exact = catalog.exact(reply)
    if exact is not None:
        return [catalog.choices[exact]]
    text = Text(plain_text(reply))
    whole = catalog.whole(text)
    named = {whole} if whole is not None else _named(text, catalog, single)
    return [catalog.choices[place] for place in sorted(named)]


def _named(text: Text, catalog: Catalog, single: bool) -> set[int]:
    reading = _Reading(text, catalog, single)
    task = reading.wording.next_task()
    if task is not None:
        # What a small model makes up after its answer is about another text.
        own = _Reading(Text(text.text[: text.starts[task]]), catalog, single)
        if named := _claimed(own, single):
            return named
    return _claimed(reading, single) or (set() if reading.claims else reading.misspelled())


def _claimed(reading: _Reading, single: bool) -> set[int]:
    """What the strongest claims of a text name."""
    claims = reading.claims
    if not single:
        # Of several labels in a text, the first or last one is not more than the others.
        claims = [weakened(claim, Strength.LED, Strength.CONCLUDED, Strength.OPENED) for claim in claims]
    strongest = max((claim.strength for claim in claims), default=Strength.MENTIONED)
    if strongest == Strength.MENTIONED or reading.text.words[:2] == ["example", ":"]:
        return set()
    if reading.wording.retracts(max(claim.last for claim in claims)):
        return set()
    if strongest < Strength.ANSWERED and next(reading.wording.places("asks"), None) is not None:
        return set()
    if strongest <= Strength.OPENED and (
        len(reading.text.text) > MAX_READ or reading.refuses() or reading.text.breaks_off()
    ):
        return set()
    best = [claim for claim in claims if claim.strength == strongest]
    names = choices_of(best)
    if single:
        return names if len(names) == 1 and not reading.doubts(best[-1], claims) else set()
    # All labels amid other words are the question repeated.
    repeated = strongest == Strength.STATED and 2 < len(choices_of(claims)) == len(reading.catalog.choices)
    return set() if repeated else names


_VERSUS = frozenset({"vs", "versus"})
_GRADED = frozenset({"severity", "priority", "urgency", "risk"})
_THE = frozenset({"the", "these", "those"})
_IN: frozenset[Sense] = frozenset({"closing", "of", "tail", "lead", "plain", "common"})


class _Reading:
    """A text with its claims: the rows of names that it states, as strong as it states them."""

    def __init__(self, text: Text, catalog: Catalog, single: bool) -> None:
        self.text = text
        self.catalog = catalog
        self._several = not single
        mentions, named = catalog.mentions(text)
        self.wording = Wording(text, named)
        self.named = {mention.choice for mention in mentions}
        self.parts = {mention.choice for mention in mentions if mention.first in self.wording.parts}
        self.claims = self._claims(list(self._rows(mentions)))

    def misspelled(self) -> set[int]:
        """The one choice that a line, the first sentence or an announced answer is, but for a typo."""
        words = self.text.words
        lines = [self.text.line(place) for place in (0, len(words) - 1)] if words else []
        spans = {(start, end - (words[end - 1] in BREAKS)) for start, end in lines}
        for start in (0, *sorted(self.wording.heads)[-20:]):
            end = next((place for place in range(start, len(words)) if words[place] in BREAKS), len(words))
            spans.add((start, end))
        found = {self.catalog.misspelled(words[start:end]) for start, end in spans if start < end < start + 40}
        named = {choice for choice in found if choice is not None}
        return named if len(named) == 1 else set()

    def refuses(self) -> bool:
        """Whether it is said, in the text's own words, that there is no answer."""
        return any(not self.text.is_quoted(place, place + 1) for place in self.wording.places("refusal"))

    def doubts(self, answer: Row, claims: list[Row]) -> bool:
        """Whether what else the text says leaves its one `answer` in doubt."""
        names = choices_of([answer])
        if answer.strength == Strength.FINAL:
            return False
        revised = any(
            place > answer.first or answer.strength < Strength.ANSWERED for place in self.wording.places("revision")
        )
        if (revised and self.named != names) or self.parts - names:
            return True
        return any(self._rivals(answer, claim) for claim in claims if choices_of([claim]) != names)

    def _rivals(self, answer: Row, other: Row) -> bool:
        """Whether the claim of another choice is about as strong as the `answer`, or comes after it and turns away."""
        if answer.strength <= Strength.OPENED and other.strength >= answer.strength - 1:
            return True
        if other.first < answer.first or self.text.is_in_parentheses(other.first, other.last):
            return False
        if answer.strength > Strength.CONCLUDED:
            return other.strength >= Strength.CONCLUDED
        start, _ = self.text.sentence(other.first)
        turns = start > answer.last and "turn" in self.wording.senses[start]
        return turns or other.strength >= Strength.STATED

    # ------------------------------------------------------------------------------------------------ rows of names

    def _rows(self, mentions: list[Mention]) -> Iterator[Row]:
        row: list[Mention] = []
        alternatives = False
        for mention in mentions:
            if row and not self._are_joined(row[-1].last, mention):
                yield Row(row, alternatives)
                row, alternatives = [], False
            elif row:
                alternatives |= any("or" in sense for sense in self.wording.senses[row[-1].last : mention.first])
            row.append(mention)
        if row:
            yield Row(row, alternatives)

    def _are_joined(self, left: int, mention: Mention) -> bool:
        """Whether only commas, "and" and the like stand between word `left` and `mention`."""
        text = self.text
        for place in range(left, mention.first):
            word, sense = text.words[place], self.wording.senses[place]
            if word == "\n" and text.says(mention.last, text.line(mention.last - 1)[1]):
                return False
            if word in BREAKS and word not in ",;/|\n-—–":
                return False
            if text.says(place, place + 1) and not {"and", "or"} & sense:
                return False
            if {"cross", "tick"} & sense or place > left + 6:
                return False
        return left < mention.first

    # ------------------------------------------------------------------------------------------------ claims

    def _claims(self, rows: list[Row]) -> list[Row]:
        # "Positive, Negative, Neutral", all there are, is the question repeated.
        if not self._several:
            rows = [row for row in rows if not 2 < len(choices_of([row])) == len(self.catalog.choices)]
        stated = [row for row, following in zip_longest(rows, rows[1:]) if self._is_stated(row, following)]
        graded = [row._replace(strength=self._strength(row)) for row in stated]
        # "Positive: 0.9, Negative: 0.1" scores all labels.
        if len(choices_of(row for row in graded if is_scored(self.text, row.last))) > 1:
            graded = [row for row in graded if not is_scored(self.text, row.last)]
        claims = [row for row in map(self._without_common, graded) if row.mentions]
        # "Positive: … Negative: …" tells what the labels mean.
        if sum(is_explained(self.text, row.first, row.last) for row in claims) > 1:
            claims = [weakened(row, Strength.LED) for row in claims]
        sentences = groupby(claims, key=lambda row: self.text.sentence(row.first))
        return [claim for _, sentence in sentences for claim in self._weighed(list(sentence))]

    def _is_stated(self, row: Row, following: Row | None) -> bool:
        """Whether a row is said to be so: not denied, asked, quoted, or one of two."""
        text, wording = self.text, self.wording
        start, end = text.sentence(row.first)
        if row.alternatives or text.words[end - 1] == "?" or self._is_in_passing(row):
            return False
        if wording.denied_before(start, row.first) or wording.denied_before(*text.heading(row.first)):
            return False
        if not text.says(start, row.first) and (wording.breaks_off_denied(start) or text.is_numbered_inline(start)):
            return False
        _, end = text.sentence(row.last - 1)
        if text.words[row.first] in INTERJECTIONS and wording.chats(row.last, end):
            return False
        if wording.crossed_out(start, row.first, row.last, end):
            return False
        followed = following is not None and following.first < end
        end = following.first if following and followed else end
        if is_undone(text, wording.senses, row.last, end, followed=followed):
            return False
        return not wording.denied_after(row.last, end, followed=followed)

    def _is_in_passing(self, row: Row) -> bool:
        """Whether a name is quoted, compared ("A vs. B"), or only describes something: "the spam filter"."""
        text = self.text
        if not _VERSUS.isdisjoint(text.words[slice(*text.sentence(row.first))]):
            return True
        # "Travel, travel, travel!"
        if len(row.mentions) > 2 and len(choices_of([row])) == 1 and text.line(row.first) == text.line(row.last - 1):
            return True
        if any(text.is_quoted(name.first, name.last) for name in row.mentions):
            return True
        if row.first == 0 or text.words[row.first - 1] not in _THE or row.last >= len(text.words):
            return False
        written = text.text[text.starts[row.first] : text.ends[row.last - 1]]
        as_given = written in self.catalog.choices and not written.islower()
        return not as_given and text.words[row.last].isalpha() and not self.wording.senses[row.last] - _IN

    def _strength(self, row: Row) -> Strength:
        text = self.text
        head = self.wording.heads.get(row.first) if is_closed(text, self.wording.senses, row.last) else None
        # "Labels: A, B, C", all there are, is the question repeated; in a list below "Labels:", the first is not more.
        listed = len(row.mentions) > 2 and len(row.mentions) == len(self.catalog.choices)
        begins = self._several and not text.says(text.line(row.first)[0], row.first)
        if head and not (head.plural and (listed or begins)):
            return Strength.FINAL if head.final else Strength.ANSWERED
        fills_sentence = self._fills(row, text.sentence) and text.words[text.sentence(row.last - 1)[1] - 1] != ";"
        if fills_sentence or self._fills(row, text.line):
            return Strength.ALONE
        if not text.says(0, row.first) and self._ends(row):
            return Strength.LED
        if (
            text.words[row.first] not in INTERJECTIONS
            and not is_statement(text, self.wording.senses, row.first, row.last, several=self._several)
            and not self._is_marked(row)
        ):
            return Strength.MENTIONED
        start, end = text.sentence(row.last - 1)
        if not self._several and is_conceded(text, self.wording.senses, row.last, end):
            return Strength.MENTIONED
        concludes = self._is_last_word(row) or any(
            "conclusion" in sense for sense in self.wording.senses[start : min(start + 5, row.first)]
        )
        if not concludes and (start > 0 or not self._ends(row)):
            return Strength.STATED
        return Strength.CONCLUDED if concludes else Strength.OPENED

    def _is_marked(self, row: Row) -> bool:
        """Whether a name is written as a label is, and in bold: "the customer is **Satisfied**."."""
        text = self.text
        written = text.text[text.starts[row.first] : text.ends[row.last - 1]]
        return (
            not self._several
            and written in self.catalog.choices
            and text.is_emphasised(row.first, row.last)
            and is_closed(text, self.wording.senses, row.last)
        )

    def _is_last_word(self, row: Row) -> bool:
        """Whether the text ends with a sentence that only says it: "… This is Positive."."""
        start, end = self.text.sentence(row.first)
        last = start > 0 and not self.text.says(row.last, end) and not self.text.says(end, len(self.text.words))
        return last and is_plain(self.text, self.wording.senses, range(start, row.first))

    def _weighed(self, sentence: list[Row]) -> list[Row]:
        """The claims of one sentence: where it makes several, none of them is its answer."""
        rows = [row for row in sentence[1:] if not self.text.is_in_parentheses(row.first, row.last)]
        # "No, this is Positive."
        if not rows or self.text.words[sentence[0].first] not in INTERJECTIONS or self.text.says(0, sentence[0].first):
            rows = [sentence[0], *rows]
        if len(rows) == 1:
            return rows
        *others, last = rows
        between = frozenset[str]().union(*self.wording.senses[others[-1].last : last.first])
        mentioned = [row._replace(strength=min(row.strength, Strength.STATED)) for row in rows]
        # "There is praise and criticism, so the label is Neutral."
        only_answer = max(row.strength for row in others) < Strength.ANSWERED <= last.strength
        if only_answer and (
            {"conclusion", "turn"} & between or (self._concludes(last) and not any(row.strength for row in others))
        ):
            mentioned[-1] = last
        elif last.strength > Strength.MENTIONED and self._concludes(last):
            mentioned[-1] = last._replace(strength=Strength.CONCLUDED)
        return mentioned

    def _concludes(self, row: Row) -> bool:
        """Whether a row ends its sentence as what follows from it: "… twice: Billing."."""
        start, end = self.text.sentence(row.first)
        words = self.text.words[start : row.first]
        ends = words[-1:] in ([":"], ["→"]) and "," not in words and not self.text.says(row.last, end)
        return ends or "conclusion" in self.wording.senses[row.first - 1]

    # ------------------------------------------------------------------------------------------------ common words

    def _without_common(self, row: Row) -> Row:
        """The row without words that prose is full of ("No", "Other", "A", "1") and that do not stand for a choice."""
        common = self.catalog.common
        meant = [name for name in row.mentions if name.choice not in common or self._is_meant(name, row)]
        # Of "yes and no", neither.
        return row._replace(mentions=[] if choices_of([row]) <= common and len(meant) < len(row.mentions) else meant)

    def _is_meant(self, name: Mention, row: Row) -> bool:
        text = self.text
        if row.strength == Strength.ALONE or self._fills(row, text.sentence):
            return True
        ends = self._ends(row) or text.text[text.ends[row.last - 1] :][:1] == ")" or self._is_grade(row.last)
        if row.strength >= Strength.ANSWERED:
            return ends
        leads = not text.says(0, name.first)
        follows = text.words[row.last] if row.last < len(text.words) else ""
        if text.words[name.first] in INTERJECTIONS:
            closes = not text.says(row.last, len(text.words)) and self._comes_after(
                name, ",:", {"filler", "conclusion"}
            )
            return closes or (leads and (ends or follows in ("it", "this", "that", "the", "i")))
        # "True, he said so" only admits it.
        if (
            leads
            and follows == ","
            and not {"reason", "link"} & self.wording.senses[min(row.last + 1, len(text.words) - 1)]
        ):
            return False
        choice = self.catalog.choices[name.choice].strip()
        if len(choice) <= 2 and choice.isupper():
            written = text.text[text.starts[name.first] : text.ends[name.last - 1]]
            # "I, for one", "a dog", but "a) Paris".
            if (leads and follows == ",") or (written != choice and follows != "—"):
                return False
            ends = ends or (leads and follows == "is")
        return ends and (leads or self._comes_after(name, ":=", {"states", "conclusion", "is"}))

    def _is_grade(self, last: int) -> bool:
        """Whether the name before word `last` is said to be a grade, and no more: "Low severity."."""
        words = self.text.words
        return (
            words[last] in _GRADED
            if last + 1 == len(words)
            else last < len(words) and (words[last] in _GRADED and words[last + 1] in BREAKS)
        )

    def _comes_after(self, name: Mention, breaks: str, senses: set[str]) -> bool:
        place = name.first - 1
        while place > 0 and self.text.words[place] == "(":
            place -= 1
        return place >= 0 and (self.text.words[place] in breaks or bool(senses & self.wording.senses[place]))

    # ------------------------------------------------------------------------------------------------ places

    def _fills(self, row: Row, stretch: Callable[[int], tuple[int, int]]) -> bool:
        """Whether a row is all that a sentence or line says."""
        before, after = stretch(row.first)[0], stretch(row.last - 1)[1]
        return not self.text.says(before, row.first) and not self.text.says(row.last, after)

    def _ends(self, row: Row) -> bool:
        """Whether a row is not part of a longer phrase."""
        words = self.text.words
        return row.last >= len(words) or words[row.last] in BREAKS - {"/"} or "reason" in self.wording.senses[row.last]
