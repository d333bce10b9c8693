"""What annotators hold of replies, counted over a whole export."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from llm_interactive.export.records import Completion, Judged, Vote

Opinion = tuple[str, str]
"""What it is about, and what it says of that, as hashes."""


def opinions(record: Judged) -> Iterator[Opinion]:
    """Which of two replies is better; of a single one, whether it is good, and what it says beside texts."""
    prompt = hash_of(record.messages if isinstance(record, Vote) else record.shown or record.messages)
    if not isinstance(record, Completion):
        replies = record.replies if isinstance(record, Vote) else (record.chosen, record.rejected)
        yield hash_of([prompt, sorted(replies)]), hash_of(record.chosen)
        return
    yield hash_of([prompt, record.reply]), hash_of(record.good)
    if record.labels:
        yield hash_of([prompt]), hash_of(record.labels)


class Votes:
    """Counts opinions. Where the ground truth has one, nobody else's counts."""

    def __init__(self) -> None:
        self._of_all: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._of_truth: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, given: Iterable[Opinion], *, is_truth: bool) -> None:
        """Count the opinions of an annotation, which may be the ground truth."""
        for about, says in given:
            self._of_all[about][says] += 1
            if is_truth:
                self._of_truth[about][says] += 1

    def against(self, given: Iterable[Opinion]) -> str | None:
        """Why one of some opinions is not what most hold; None where all are."""
        for about, says in given:
            is_truth = about in self._of_truth
            counts = (self._of_truth if is_truth else self._of_all)[about]
            others = max((count for other, count in counts.items() if other != says), default=0)
            if others == counts[says]:
                return "annotators disagree"
            if others > counts[says]:
                return "the ground truth is otherwise" if is_truth else "more annotators hold otherwise"
        return None


def hash_of(value: Any) -> str:
    """A hash of what JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
