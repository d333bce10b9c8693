"""Names that stand in a row in a text, and how clearly the text says that they are its answer."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from llm_interactive.matching.catalog import Mention


class Strength(IntEnum):
    """How clearly a text names a choice."""

    MENTIONED = 0  # "The positive reviews …": names nothing, but leaves a weak answer in doubt
    STATED = 1  # "It is Positive."
    OPENED = 2  # "It is Positive. …"
    CONCLUDED = 3  # "Overall, it is Positive."
    LED = 4  # "Positive, because …"
    ALONE = 5  # a line or sentence of its own
    ANSWERED = 6  # "Label: Positive"
    FINAL = 7  # "Final answer: Positive"


class Row(NamedTuple):
    """Names in a row ("A, B and C"), from word `first` to `last`."""

    mentions: list[Mention]
    alternatives: bool
    strength: Strength = Strength.MENTIONED

    @property
    def first(self) -> int:
        """The first name's first word."""
        return self.mentions[0].first

    @property
    def last(self) -> int:
        """The end of the last name."""
        return self.mentions[-1].last


def choices_of(rows: Iterable[Row]) -> set[int]:
    """The choices that any of the rows names."""
    return {mention.choice for row in rows for mention in row.mentions}


def weakened(row: Row, *strengths: Strength) -> Row:
    """A row of one of these strengths as one that is only stated."""
    return row._replace(strength=Strength.STATED) if row.strength in strengths else row
