"""The set of examples that each project has now, and the choice for each task, both kept so that nothing is paid twice.

Every other set is another model version, and makes Label Studio ask for all predictions again. So a set stays as it
is until twice as many tasks are annotated, thirty days have passed, or somebody asks for a new one.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from llm_interactive.deadline import Deadline
from llm_interactive.llm.embeddings import Embeddings, Vector
from llm_interactive.predict.examples import (
    Example,
    ExampleSet,
    examples_in,
    takes_examples,
    text_to_compare,
)
from llm_interactive.predict.prepare import Task, data_of, id_of
from llm_interactive.predict.project import Project
from llm_interactive.store.store import Store
from llm_interactive.store.usage import Call

if TYPE_CHECKING:
    from llm_interactive.label_studio.client import LabelStudio

_MOST_READ = 2_000
_MOST_KNOWN = 50
_KEPT_SECONDS = 30 * 86400.0
_SECONDS_FOR_SET = 120.0
_SECONDS_FOR_TASKS = 10.0


class Examples:
    """The examples of all projects. Safe for threads."""

    def __init__(self, store: Store, embeddings: Embeddings) -> None:
        self._store = store
        self._embeddings = embeddings
        self._lock = threading.Lock()  # guards what follows
        self._known: dict[str, ExampleSet] = {}

    def added_to(self, project: Project) -> Project:
        """The project with its set of examples, if it wants and has any."""
        wanted = project.options.few_shot > 0 and any(map(takes_examples, project.forms))
        found = self._current(project.id) if wanted else None
        return replace(project, examples=found if found and found.examples else None)

    def renewed(self, project: Project, studio: LabelStudio, *, anew: bool = False) -> Project:
        """`added_to`, after a look at Label Studio: the set is made anew where it is due, or with `anew`.

        Raises:
            LabelStudioError: Label Studio is away or fails.
        """
        if project.options.few_shot:
            number = int(project.id.partition(".")[0])
            annotated = studio.count(number, annotated=True)
            if anew or self._is_due(project, annotated):
                tasks = islice(studio.tasks(number, annotated=True), _MOST_READ)
                self._save(project, examples_in(project.forms, tasks, project.options), annotated)
        return self.added_to(project)

    def as_it_was(self, project: Project, version: str) -> Project:
        """The project with the set that makes it `version`, if that is one of its last ones."""
        for digest in self._store.example_sets.digests(project.id) if project.options.few_shot else []:
            before = replace(project, examples=self._read(project.id, digest))
            if before.version == version:
                return before
        return project

    def nearest(self, project: Project, tasks: Sequence[Task], deadline: Deadline) -> list[list[Example]]:
        """For each of a project's tasks its examples, the most similar last.

        The provider is asked for vectors by `deadline`, and not for long; without them words are compared.
        """
        known = project.examples
        if known is None:
            return [[] for _ in tasks]
        count = project.options.few_shot
        texts = [text_to_compare(project.forms, data_of(task)) for task in tasks]
        if not known.vectors:
            pairs = zip(tasks, texts, strict=True)
            return [known.nearest(count, id_of(task), text, None) if text else [] for task, text in pairs]
        keys = [_key(known, count, id_of(task), text) for task, text in zip(tasks, texts, strict=True)]
        chosen = self._store.example_sets.chosen(keys)
        new = [n for n, key in enumerate(keys) if key not in chosen and texts[n]]
        if new:
            soon = min(deadline, Deadline.after(_SECONDS_FOR_TASKS))
            vectors, paid = self._embedded(project, [texts[n] for n in new], soon)
            found = [
                known.nearest(count, id_of(tasks[n]), texts[n], vectors[place] if vectors else None)
                for place, n in enumerate(new)
            ]
            made = {keys[n]: [one.task for one in examples] for n, examples in zip(new, found, strict=True)}
            # Providers' vectors differ a little from call to call: the same choice makes the same request again.
            # For an annotator it is committed with the answer.
            self._store.example_sets.save_chosen(made, paid, wait=len(tasks) > 1)
            chosen |= made
        return [[known.by_task[task] for task in chosen.get(key, ())] for key in keys]

    def shown_before(self, project: Project, task: Task) -> list[Example]:
        """The examples that a task was asked about with; those that nobody has chosen yet are none."""
        known = project.examples
        if known is None or not known.vectors:
            return self.nearest(project, [task], Deadline.after(0))[0]
        key = _key(known, project.options.few_shot, id_of(task), text_to_compare(project.forms, data_of(task)))
        return [known.by_task[chosen] for chosen in self._store.example_sets.chosen([key]).get(key, ())]

    def _current(self, project: str) -> ExampleSet | None:
        known = self._known.get(project)
        newest = next(iter(self._store.example_sets.digests(project)), None)
        if newest is None:
            # Not asking without examples, and paying for it, only because the database is away.
            return known if self._store.failure else None
        if known is None or known.digest != newest:
            known = self._read(project, newest)
        return self._remembered(project, known) if known else None

    def _read(self, project: str, digest: str) -> ExampleSet | None:
        content = self._store.example_sets.content(project, digest)
        return ExampleSet.of_json(content) if content else None

    def _remembered(self, project: str, known: ExampleSet) -> ExampleSet:
        with self._lock:
            self._known.pop(project, None)
            self._known[project] = known
            if len(self._known) > _MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
        return known

    def _is_due(self, project: Project, annotated: int) -> bool:
        current = self._current(project.id)
        if current is None:
            # Half of the tasks are held out for evaluation.
            return annotated >= 2 * project.options.few_shot
        is_old = current.made_at < time.time() - _KEPT_SECONDS
        return is_old or annotated >= 2 * current.annotated or current.embedding_model != self._embeddings.model

    def _save(self, project: Project, examples: tuple[Example, ...], annotated: int) -> None:
        texts = [example.text for example in examples]
        vectors, paid = self._embedded(project, texts, Deadline.after(_SECONDS_FOR_SET))
        made = ExampleSet(examples, annotated, time.time(), self._embeddings.model, vectors)
        self._store.example_sets.save(project.id, made.digest, made.as_json(), paid)

    def _embedded(
        self, project: Project, texts: Sequence[str], deadline: Deadline
    ) -> tuple[tuple[Vector, ...], list[Call]]:
        """Vectors, none where the provider gives none, and the call that was paid for.

        It is counted for a version of its own, as the model is not the chat's.
        """
        started = time.perf_counter()
        found = self._embeddings.of(texts, deadline) if texts else None
        model, seconds = self._embeddings.model, time.perf_counter() - started
        if found is None or model is None:
            return (), []
        version = f"{model}/embeddings"
        return found.vectors, [Call(project.id, version, "", model, "ok", seconds, prompt_tokens=found.tokens)]


def _key(known: ExampleSet, count: int, task: str, text: str) -> str:
    return hashlib.sha256(json.dumps(["examples", known.digest, count, task, text]).encode()).hexdigest()
