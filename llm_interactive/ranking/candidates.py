"""Replies of several models or prompts to the same tasks, to be ranked by people."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from llm_interactive.errors import LabelingConfigError
from llm_interactive.label_studio.records import Task
from llm_interactive.labeling.config import texts_in
from llm_interactive.outputs.form import Form
from llm_interactive.predict.bulk import BulkRun
from llm_interactive.predict.label_run import as_sent
from llm_interactive.predict.project import Project
from llm_interactive.services import Services

_MARKS = ".,;:"
"""What may end a word without changing what is said."""


@dataclass
class Candidate:
    """A reply, and the model versions that gave it: several where they say the same."""

    text: str
    versions: list[str]


def maker(project: Project, field: str | None, model: str, prompt: str | None, replies: int) -> Project:
    """The project as it is asked for candidates: its response alone, by a model, `replies` times for each task.

    `field` is the prompt field's name, None for the first one with a response; `prompt` takes the place of its own.

    Raises:
        LabelingConfigError: no prompt of it fills a response.
    """
    form = next((form for form in project.forms if form.texts and field in (None, form.name)), None)
    if form is None:
        raise LabelingConfigError("The labeling config has no response field for the prompt: there is nothing to rank.")
    alone = Form.of(replace(form.spec, controls=form.texts[:1], response=form.texts[0]))
    options = replace(project.options, model=model, num_responses=replies)
    stored = project.stored if prompt is None else replace(project.stored, prompts={form.name: prompt}, pinned={})
    return replace(project, forms=(alone,), options=options, stored=stored)


class Candidates:
    """Asks `makers` about tasks, one after the other; `failed` counts causes, `replies` are by the task's id."""

    def __init__(self, services: Services, makers: Sequence[Project]) -> None:
        self._services = services
        self.makers = makers
        self.failed: Counter[str] = Counter()
        self.replies: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)

    @property
    def prompts(self) -> dict[str, str]:
        """The prompt of each maker, by its version."""
        return {one.version: one.prompt_of(one.forms[0]) or "" for one in self.makers}

    def ask(self, tasks: Sequence[Task]) -> Iterator[int]:
        """Ask about all tasks; gives how many are through, once by each maker."""
        for project in self.makers:
            [form] = project.forms
            for entries in BulkRun(self._services, project).entries(map(as_sent, tasks)):
                for task, entry in entries:
                    if "error" in entry:
                        self.failed[entry["error"]] += 1
                    for text in texts_in(entry.get("result", ()), form.texts[0]):
                        self.replies[int(task["id"])].append((project.version, text))
                yield len(entries)


def different(replies: Iterable[tuple[str, str]]) -> list[Candidate]:
    """The candidates among `replies` (version and text): those are one that say the same in the same words.

    One word, digit or sign may turn what is said into its opposite, so only case, white space and marks at the ends of
    words do not count.
    """
    found: dict[str, Candidate] = {}
    for version, text in replies:
        words = (word.rstrip(_MARKS) or word for word in text.casefold().split())
        same = found.setdefault(" ".join(words), Candidate(text, []))
        if version not in same.versions:
            same.versions.append(version)
    return list(found.values())


def shuffled(candidates: Sequence[Candidate], seed: str) -> dict[str, Candidate]:
    """The candidates by the ids r1, r2, … in the order in which they are shown: by chance, the same for each `seed`."""
    order = random.Random(seed).sample(candidates, len(candidates))  # noqa: S311
    return {f"r{place}": candidate for place, candidate in enumerate(order, start=1)}


def dialogue(messages: Iterable[Mapping[str, object]]) -> list[dict[str, str]]:
    """Messages as people read them: role and text, without pictures."""
    return [{"role": str(one["role"]), "content": text} for one in messages if (text := _text(one["content"]))]


def _text(content: object) -> str:
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return "\n".join(str(part["text"]) for part in parts if part["type"] == "text")
