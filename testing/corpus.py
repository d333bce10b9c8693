"""A fixed corpus of replies in plain text, in many scripts and forms, each with the labels that it gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from llm_interactive.outputs.plain_text import match

_FILE = Path(__file__).with_name("plain_text_corpus.json")


@dataclass(frozen=True)
class Row:
    """A reply to a question with these choices, and the labels that a person reads in it."""

    about: str
    reply: str
    choices: list[str]
    single: bool
    expected: list[str]

    @property
    def found(self) -> list[str]:
        """The labels that the product reads in it."""
        return match(self.reply, self.choices, single=self.single, control_name="label")


@dataclass
class Figures:
    """How the replies are read: all of them, those that give a label, those read right, those read wrong."""

    rows: int = 0
    named: int = 0
    found: int = 0
    wrong: list[Row] = field(default_factory=list)


def corpus() -> Iterator[Row]:
    """All rows."""
    for group in json.loads(_FILE.read_text("utf-8")):
        for reply, expected in group["rows"]:
            yield Row(group["about"], reply, group["choices"], group["single"], expected)


def figures() -> Figures:
    """The figures of the whole corpus."""
    total = Figures()
    for row in corpus():
        found = row.found
        total.rows += 1
        total.named += bool(row.expected)
        total.found += bool(row.expected) and found == row.expected
        if set(found) - set(row.expected):
            total.wrong.append(row)
    return total
