"""The prompts that a project has had: by which version each was used, and what it changed."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from llm_interactive.predict.project import Project

_MOST_COMPARED = 5000
"""Words, signs and blanks of the longest prompts that are compared: a page is to be there at once."""

_PIECE = re.compile(r"\w+|\s|[^\w\s]")


@dataclass(frozen=True)
class Change:
    """Text of a prompt that the one before has as well, or is `gone` from it, or `added` to it."""

    text: str
    gone: bool = False
    added: bool = False


@dataclass(frozen=True)
class EarlierPrompt:
    """A prompt of a field, from the moment `since` (seconds) on, as `changes` of the field's prompt before.

    `version` is the one by which tasks were labelled with it; None where none was, or it can no longer be told.
    """

    field: str
    since: float
    version: str | None
    changes: list[Change]


def history(
    project: Project | None, prompts: Iterable[tuple[str, str, float]], versions: Container[str]
) -> list[EarlierPrompt]:
    """The prompts (field, text, since; newest first), of a `project` that is known to have had these `versions`."""
    found: list[EarlierPrompt] = []
    current: dict[str, str] = {}
    for field, text, since in reversed(list(prompts)):
        changes = list(_changes(current[field], text)) if field in current else [Change(text)]
        current[field] = text
        version = _version(project, current) if project else None
        found.append(EarlierPrompt(field, since, version if version in versions else None, changes))
    return found[::-1]


def _version(project: Project, prompts: Mapping[str, str]) -> str:
    default = project.options.default_prompt
    return project.version_with({form.name: prompts.get(form.name, prompts.get("", default)) for form in project.forms})


def _changes(before: str, after: str) -> Iterator[Change]:
    # Most processes never show a page.
    from rapidfuzz.distance import Indel

    old, new = _PIECE.findall(before), _PIECE.findall(after)
    if max(len(old), len(new)) > _MOST_COMPARED:
        yield Change(after)
        return
    for is_equal, run in groupby(Indel.opcodes(old, new), key=lambda one: one.tag == "equal"):
        found = list(run)
        gone = "".join(old[found[0].src_start : found[-1].src_end])
        added = "".join(new[found[0].dest_start : found[-1].dest_end])
        if is_equal:
            yield Change(added)
            continue
        if gone:
            yield Change(gone, gone=True)
        if added:
            yield Change(added, added=True)
