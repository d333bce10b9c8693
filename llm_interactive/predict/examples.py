"""Annotated tasks as examples: which can be one, which are the most similar to a task, how they are told."""

from __future__ import annotations

import hashlib
import heapq
import json
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from rapidfuzz import fuzz

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.label_studio.records import Annotation, Task
from llm_interactive.labeling.contents import shown_text
from llm_interactive.labeling.split import is_held_out
from llm_interactive.labeling.tags import Region
from llm_interactive.llm.embeddings import Vector, likeness
from llm_interactive.outputs.annotated import LeftOut, reply_in
from llm_interactive.outputs.form import Form
from llm_interactive.prompts.current import prompt_in
from llm_interactive.prompts.messages import Messages, Prompt, build_messages, is_dialogue, reply_message
from llm_interactive.settings import ChatOptions

_MOST = 200
_LONGEST = 8_000
_COMPARED = 1_000
_COMPARED_BY_WORDS = 300


@dataclass(frozen=True)
class Example:
    """An annotated task: its data and the annotation's regions. By `text` it is compared with other tasks."""

    task: str
    data: Mapping[str, Any]
    result: Sequence[Region]
    ground_truth: bool
    text: str


@dataclass(frozen=True)
class ExampleSet:
    """The examples of a project, those marked as ground truth first.

    Attributes:
        vectors: one for each, or none where they are compared by words.
        annotated: how many tasks were annotated when it was made.
        embedding_model: whom vectors were asked of, whether it gave them or not.
    """

    examples: tuple[Example, ...]
    annotated: int
    made_at: float
    embedding_model: str | None = None
    vectors: tuple[Vector, ...] = ()

    @cached_property
    def digest(self) -> str:
        """What tells it from a set that may bring other examples about (64 hex digits)."""
        compared_by = self.embedding_model if self.vectors else None
        content = [compared_by, [asdict(example) for example in self.examples]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def by_task(self) -> dict[str, Example]:
        """The examples by the ids of their tasks."""
        return {example.task: example for example in self.examples}

    def nearest(self, count: int, task: str, text: str, vector: Vector | None) -> list[Example]:
        """The `count` examples that are the most like a task, the most similar last.

        Of twice as many, those marked as ground truth come first. Neither the task itself is among them nor one that
        says the same: the answer would stand in the question.
        """
        others = [n for n, example in enumerate(self.examples) if example.task != task and example.text != text]
        if vector is not None and self.vectors:
            like = {n: likeness(vector, self.vectors[n]) for n in others}
        else:
            # The time grows with the square of the length.
            start = text[:_COMPARED_BY_WORDS]
            like = {n: fuzz.token_set_ratio(start, self.examples[n].text[:_COMPARED_BY_WORDS]) for n in others}
        near = heapq.nlargest(2 * count, others, key=lambda n: like[n])
        chosen = sorted(near, key=lambda n: not self.examples[n].ground_truth)[:count]
        return [self.examples[n] for n in sorted(chosen, key=lambda n: like[n])]

    def as_json(self) -> dict[str, Any]:
        """What `of_json` takes."""
        return {**asdict(self), "vectors": [b64encode(vector.tobytes()).decode() for vector in self.vectors]}

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> ExampleSet:
        """The set that `as_json` was of."""
        examples = tuple(Example(**one) for one in content["examples"])
        vectors = tuple(array("f", b64decode(text)) for text in content["vectors"])
        return cls(examples, content["annotated"], content["made_at"], content["embedding_model"], vectors)


def text_to_compare(forms: Sequence[Form], data: Mapping[str, Any]) -> str:
    """What tasks are compared by: the text that the forms show, as far as it matters."""
    tags = dict.fromkeys(tag for form in forms for tag in form.spec.objects)
    return shown_text(tags, data)[:_COMPARED]


def examples_in(forms: Sequence[Form], tasks: Iterable[Task], options: ChatOptions) -> tuple[Example, ...]:
    """The examples that annotated tasks give, at most 200: ground truth first, else in the tasks' order.

    Tasks that are held out for evaluation give none, nor do those with pictures, dialogues between chat roles, and
    whatever is longer than 8,000 characters.
    """
    found = [_example(forms, task, options) for task in tasks if not is_held_out(task.id)]
    examples = [example for example in found if example]
    return tuple(sorted(examples, key=lambda example: not example.ground_truth)[:_MOST])


def takes_examples(form: Form) -> bool:
    """Whether examples can be told in a form's prompt: they are texts only, and of one reply."""
    return not form.shows_images and not form.rivals


def told(example: Example, prompt: str, form: Form, options: ChatOptions) -> Messages:
    """The example as a question and its answer; none where it is no example of what the form asks.

    Labels are told under the prompt that is asked with, a text under the one that it was written for.
    """
    own = prompt_in(example.result, form.spec.prompt) if form.texts else None
    asked = Prompt(own or prompt, labels=form.labels(example.data))
    try:
        reply = _reply(form, example.result, example.data, options)
        question = build_messages(
            example.data, asked, form.spec.objects, replace(options, system_prompt=None), images={}
        )
    except (LeftOut, PromptError, TaskDataError):
        return []
    return [*question, reply_message(reply)]


def _example(forms: Sequence[Form], task: Task, options: ChatOptions) -> Example | None:
    text = text_to_compare(forms, task.data)
    newest = sorted(task.annotations, key=lambda one: (one.ground_truth, one.id), reverse=True)
    usable = (one for one in newest if any(_is_usable(form, one, task, options) for form in forms))
    annotation = next(usable, None)
    if not text or annotation is None:
        return None
    example = Example(str(task.id), task.data, list(annotation.result), annotation.ground_truth, text)
    return example if len(json.dumps(asdict(example), ensure_ascii=False)) <= _LONGEST else None


def _is_usable(form: Form, annotation: Annotation, task: Task, options: ChatOptions) -> bool:
    if annotation.cancelled or not takes_examples(form):
        return False
    try:
        _reply(form, annotation.result, task.data, options)
        return not is_dialogue(form.spec.objects, task.data)
    except (LeftOut, TaskDataError):
        return False


def _reply(form: Form, regions: Sequence[Region], data: Mapping[str, Any], options: ChatOptions) -> str:
    names = {output.control.name for output in form.outputs}
    if not any(region.get("from_name") in names for region in regions):
        raise LeftOut("nothing is annotated")
    return reply_in(form, regions, data, structured=options.structured_output)
