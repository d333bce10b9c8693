"""One export: from a project's annotations to checked lines in files, and a count of what was left out, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from llm_interactive.errors import LabelingConfigError
from llm_interactive.export import sources
from llm_interactive.export.comparisons import Comparison, Rankings, compared
from llm_interactive.export.files import Files, beside
from llm_interactive.export.records import Completion, Example, Judged, Pair, Vote
from llm_interactive.export.replies import Replies
from llm_interactive.export.shapes import SHAPES, Format
from llm_interactive.export.sources import Source
from llm_interactive.export.validation import Validator
from llm_interactive.export.votes import Votes, hash_of, opinions
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

    What annotators hold of the same replies to the same prompt is counted over all tasks before anything is written.
    Where nothing is held out, a file of held-out examples from before goes: its examples are among the others now.

    Raises:
        OSError: a file cannot be written.
    """
    summary, votes = Summary(), Votes()
    lines = _Lines(config, format, destination.holdout, summary)
    paths = [path for path in (destination.file, destination.held_out, destination.meta) if path]
    with Files(*paths) as files, TemporaryFile("w+", encoding="utf-8") as found:
        for task in tasks:
            summary.tasks += 1
            for record, is_truth in _judged(task, found_by, summary):
                about = [] if isinstance(record, Completion) else list(opinions(record))
                examples = lines.of(task, record)
                votes.add(chain(about, *(example["opinions"] for example in examples)), is_truth=is_truth)
                if examples:
                    found.write(json.dumps({"opinions": about, "examples": examples}) + "\n")
        found.seek(0)
        for row in _settled(map(json.loads, found), votes, summary):
            path = (row["held_out"] and destination.held_out) or destination.file
            files.write(path, row["line"])
            files.write(destination.meta, {"file": path.name, **row["origin"]})
            summary.written += path == destination.file
            summary.held_out += path == destination.held_out
        if summary.examples:
            files.commit()
            if destination.held_out is None:
                beside(destination.file, "holdout").unlink(missing_ok=True)
    return summary


def _judged(task: Task, found_by: Sequence[Source], summary: Summary) -> Iterator[tuple[Judged, bool]]:
    """What a task's annotations say, and whether it is the ground truth."""
    for annotation in task.annotations:
        summary.annotations += 1
        if annotation.cancelled:
            summary.left_out["the task was skipped"] += 1
            continue
        for source in found_by:
            try:
                for record in source(task, annotation):
                    yield record, annotation.ground_truth
            except LeftOut as error:
                summary.left_out[str(error)] += 1


class _Lines:
    """The lines that records give in a format, each with its opinions, its side of the split and where it is from."""

    def __init__(self, config: str, format: Format, holdout: float, summary: Summary) -> None:
        self._format = format
        self._validator = Validator(SHAPES[format])
        self._split = Split(config, holdout)
        # Where the prompt does not show all that the task does, tasks that differ are asked the same.
        self._side_of: dict[str, bool] = {}
        self._summary = summary

    def of(self, task: Task, record: Judged) -> list[dict[str, Any]]:
        """None of a vote; of a pair one line, or in a format of single replies two. What has none is counted."""
        found: list[dict[str, Any]] = []
        for example in [] if isinstance(record, Vote) else self._fitting(record):
            try:
                line = self._validator.line(example)
            except LeftOut as error:
                self._summary.left_out[str(error)] += 1
                continue
            prompt = hash_of(example.messages)
            held_out = self._side_of.setdefault(prompt, self._split.holds_out(task.data, prompt))
            # Whoever is overruled on a pair still finds one reply good and the other one bad.
            own = list(opinions(example)) if isinstance(example, Completion) else []
            origin = {**asdict(example.origin), "prompt": prompt[:16]}
            found.append({"line": line, "opinions": own, "held_out": held_out, "origin": origin})
        return found

    def _fitting(self, record: Example) -> Iterator[Example]:
        """The record as the format takes it: a pair, or each reply by itself."""
        takes, judged = SHAPES[self._format].takes, self._format.judged
        if isinstance(record, Pair) and not issubclass(Pair, takes):
            chosen = replace(record.origin, model_version=record.origin.chosen_version, chosen_version="")
            yield Completion(record.messages, record.chosen, chosen, shown=record.shown)
            if judged:
                rejected = replace(record.origin, chosen_version="")
                yield Completion(record.messages, record.rejected, rejected, good=False, shown=record.shown)
        elif isinstance(record, Completion) and not (issubclass(Completion, takes) and (record.good or judged)):
            self._summary.left_out[record.reason] += 1
        else:
            yield record


def _settled(found: Iterable[Mapping[str, Any]], votes: Votes, summary: Summary) -> Iterator[Mapping[str, Any]]:
    """The examples that more annotators hold than anything else, each once: first what is better, then what is good."""
    seen = set[str]()
    for record in found:
        if reason := votes.against(record["opinions"]):
            summary.left_out[reason] += 1
            continue
        for example in record["examples"]:
            digest = hash_of(example["line"])
            if reason := votes.against(example["opinions"]) or ("it is there already" if digest in seen else None):
                summary.left_out[reason] += 1
            else:
                seen.add(digest)
                yield example
