"""One export: from a project's annotations to checked lines in files, and a count of what was left out, and why."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from llm_interactive.errors import LabelingConfigError
from llm_interactive.export import sources
from llm_interactive.export.comparisons import Comparison, Rankings, compared
from llm_interactive.export.files import Files, beside
from llm_interactive.export.records import Completion, Example, Judged, Messages, Pair, Vote
from llm_interactive.export.replies import Replies
from llm_interactive.export.shapes import SHAPES, Format
from llm_interactive.export.sources import Source
from llm_interactive.export.validation import Validator
from llm_interactive.label_studio.records import Task
from llm_interactive.labeling.split import Split
from llm_interactive.outputs.annotated import LeftOut


@dataclass
class Summary:
    """What came of an export, in numbers of tasks, annotations and lines; `left_out` by the reason."""

    tasks: int = 0
    annotations: int = 0
    written: int = 0
    held_out: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def examples(self) -> int:
        """How many lines there are in both files."""
        return self.written + self.held_out


@dataclass(frozen=True)
class Destination:
    """The files of an export: the examples, those of the part that is held out, and where each comes from."""

    file: Path
    holdout: float

    @property
    def held_out(self) -> Path | None:
        """The file of the examples that are held out; None if none are."""
        return beside(self.file, "holdout") if self.holdout else None

    @property
    def meta(self) -> Path:
        """The file that says of each line of the others where it comes from."""
        return beside(self.file, "meta")


def sources_of(
    names: Sequence[str], format: Format, config: str, replies: Callable[[], Replies], rankings: Rankings
) -> list[Source]:
    """The sources that are asked for. `replies` are those of the project, which must have a prompt field for them.

    Without `names` they are what annotators corrected, or submitted where a format takes single replies; in a project
    without a prompt field, what is ranked there.

    Raises:
        LabelingConfigError: the labeling config does not have what one of them needs.
    """
    if not (names and format.judged):
        ranked = [*_compared("pairwise", config, rankings), *_compared("ranker", config, rankings)]
        try:
            known = replies()
        except LabelingConfigError:
            if ranked:
                return ranked
            raise
        if not format.judged:
            return [
                partial(sources.preference if form.rivals else sources.submitted, known, form) for form in known.forms
            ]
        names = ("corrections",)
    found: list[Source] = []
    for name in names:
        made = _compared(name, config, rankings) if name in ("pairwise", "ranker") else _replied(name, replies())
        if not made:
            raise LabelingConfigError(f"The project's labeling config has nothing that {name} could be read from.")
        found += made
    return found


def _compared(name: str, config: str, rankings: Rankings) -> list[Source]:
    comparison = Comparison.of(config, name.capitalize())
    return [partial(compared, comparison, rankings)] if comparison else []


def _replied(name: str, replies: Replies) -> list[Source]:
    if name == "preference":
        fit = [f for f in replies.forms if f.rivals]
        return [partial(sources.preference, replies, form) for form in fit]
    if name == "rating":
        fit = [f for f in replies.forms if f.texts and any(tag.tag == "Rating" for tag in f.spec.controls)]
        return [partial(sources.rating, replies, form) for form in fit]
    return [partial(sources.corrections, replies, form) for form in replies.forms if not form.rivals]


def export(
    tasks: Iterable[Task], config: str, found_by: Sequence[Source], format: Format, destination: Destination
) -> Summary:
    """Write the examples of annotated tasks; the files are there only when there is at least one example.

    Raises:
        OSError: a file cannot be written.
    """
    summary = Summary()
    paths = [path for path in (destination.file, destination.held_out, destination.meta) if path]
    validator, seen = Validator(SHAPES[format]), set[bytes]()
    split = Split(config, destination.holdout)
    # Where the prompt does not show all that the task does, tasks that differ are asked the same.
    side_of: dict[str, bool] = {}
    with Files(*paths) as files:
        for task in tasks:
            summary.tasks += 1
            for record in _examples(list(_judged(task, found_by, summary)), format, summary):
                try:
                    line = validator.line(record)
                except LeftOut as error:
                    summary.left_out[str(error)] += 1
                    continue
                digest = hashlib.sha256(json.dumps(line).encode()).digest()
                if digest in seen:
                    summary.left_out["it is there already"] += 1
                    continue
                seen.add(digest)
                prompt = _hash(record.messages)
                held_out = side_of.setdefault(prompt, split.holds_out(task.data, prompt))
                path = (held_out and destination.held_out) or destination.file
                files.write(path, line)
                files.write(destination.meta, {"file": path.name, **asdict(record.origin), "prompt": prompt[:16]})
                summary.written += path == destination.file
                summary.held_out += path == destination.held_out
        if seen:
            files.commit()
    return summary


def _judged(task: Task, found_by: Sequence[Source], summary: Summary) -> Iterator[Judged]:
    for annotation in task.annotations:
        summary.annotations += 1
        if annotation.cancelled:
            summary.left_out["the task was skipped"] += 1
            continue
        for source in found_by:
            try:
                yield from source(task, annotation)
            except LeftOut as error:
                summary.left_out[str(error)] += 1


def _examples(records: Sequence[Judged], format: Format, summary: Summary) -> Iterator[Example]:
    """What a task's records give in a format: first it is settled what is better, then what is good."""
    votes = [record for record in records if isinstance(record, Vote)]
    examples = [record for record in records if not isinstance(record, Vote)]
    pairs = _settled((one for one in examples if isinstance(one, Pair)), records, summary)
    alone = (one for one in examples if isinstance(one, Completion))
    # Whoever is overruled on a pair still finds one reply good and the other one bad.
    voters = [*votes, *_fitting(examples, format, Summary())]
    return _settled(_fitting(chain(pairs, alone), format, summary), voters, summary)


def _fitting(records: Iterable[Example], format: Format, summary: Summary) -> Iterator[Example]:
    """The records as the format takes them: pairs, or each reply by itself."""
    for record in records:
        if isinstance(record, Pair) and not issubclass(Pair, SHAPES[format].takes):
            chosen = replace(record.origin, model_version=record.origin.chosen_version, chosen_version="")
            yield Completion(record.messages, record.chosen, chosen, shown=record.shown)
            if format.judged:
                rejected = replace(record.origin, chosen_version="")
                yield Completion(record.messages, record.rejected, rejected, good=False, shown=record.shown)
        elif isinstance(record, Completion) and not (
            issubclass(Completion, SHAPES[format].takes) and (record.good or format.judged)
        ):
            summary.left_out[record.reason] += 1
        else:
            yield record


def _settled(examples: Iterable[Example], voters: Iterable[Judged], summary: Summary) -> Iterator[Example]:
    """The examples of a task that more of its annotators hold than anything else; where as many do, none."""
    votes: defaultdict[Any, Counter[Any]] = defaultdict(Counter)
    for record in voters:
        about, says = _opinion(record)
        votes[about][says] += 1
    for example in examples:
        about, says = _opinion(example)
        same = votes[about][says]
        others = max((count for other, count in votes[about].items() if other != says), default=0)
        if others < same:
            yield example
        else:
            summary.left_out["annotators disagree" if others == same else "more annotators hold otherwise"] += 1


def _opinion(record: Judged) -> tuple[Any, Any]:
    """What a record is about, and what it says of it: which of two replies is better, or whether one is good."""
    prompt = _hash(record.messages if isinstance(record, Vote) else record.shown or record.messages)
    if isinstance(record, Completion):
        return (prompt, record.reply), record.good
    replies = record.replies if isinstance(record, Vote) else (record.chosen, record.rejected)
    return (prompt, frozenset(replies)), record.chosen


def _hash(messages: Messages) -> str:
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()
