"""Text that databases, JSON and terminals can hold, and whole numbers in text."""

from __future__ import annotations

LONGEST_ID = 200
"""Characters of a project's or a task's id: databases bound what they index."""


def storable(text: str) -> str:
    """`text` without what UTF-8 and databases cannot hold: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def one_line(text: str) -> str:
    """`text` as one line that every page and terminal can show."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def whole_number(text: str) -> int | None:
    """The number that the digits of `text` write; None where it is anything else, or longer than any number needs."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
