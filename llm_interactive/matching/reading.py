"""A reply's text with the names in it, and how clearly it states them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, zip_longest

from llm_interactive.matching.catalog import Catalog, Mention
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
from llm_interactive.matching.text import BREAKS, Text
from llm_interactive.matching.wording import HEADINGS, INTERJECTIONS, Sense, Wording

_VERSUS = frozenset({"vs", "versus"})
_GRADED = frozenset({"severity", "priority", "urgency", "risk"})
_THE = frozenset({"the", "these", "those"})
_IN: frozenset[Sense] = frozenset({"closing", "of", "tail", "lead", "plain", "common"})


class Reading:
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
        # "Answer: …" where "Answer" is a choice.
        if text.words[row.last : row.last + 1] == [":"] and text.words[row.last - 1] in HEADINGS:
            return True
        if row.first == 0 or text.words[row.first - 1] not in _THE or row.last >= len(text.words):
            return False
        written = text.written(row.first, row.last)
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
        written = text.written(row.first, row.last)
        return (
            not self._several
            and written in self.catalog.choices
            and text.is_emphasised(row.first, row.last)
            and is_closed(text, self.wording.senses, row.last)
        )

    def _is_last_word(self, row: Row) -> bool:
        """Whether the text ends with a sentence that only says it: "… This is Positive."."""
        start, _ = self.text.sentence(row.first)
        if start == 0 or self.text.says(row.last, len(self.text.words)):
            return False
        # "… Cause: Water damage", if nothing else is listed so.
        headed = self.text.words[row.first - 1] == ":" and row.first - start < 6 and self.text.words.count(":") == 1
        return headed or is_plain(self.text, self.wording.senses, range(start, row.first))

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
        if leads and follows == "," and "reason" not in self.wording.senses[min(row.last + 1, len(text.words) - 1)]:
            return False
        choice = self.catalog.choices[name.choice].strip()
        if len(choice) <= 2 and choice.isupper():
            written = text.written(name.first, name.last)
            # "I, for one", "a dog", but "a) Paris".
            if (leads and follows == ",") or (written != choice and follows != "—"):
                return False
            ends = ends or (leads and follows == "is")
        return ends and (leads or self._comes_after(name, ":=", {"states", "conclusion", "is"}))

    def _is_grade(self, last: int) -> bool:
        """Whether the name before word `last` is said to be a grade, and no more: "Low severity."."""
        words = self.text.words
        if last >= len(words) or words[last] not in _GRADED:
            return False
        return last + 1 == len(words) or words[last + 1] in BREAKS

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
