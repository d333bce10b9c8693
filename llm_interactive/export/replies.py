"""What was asked about a task, and what the model should have replied to it, as its annotations have it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError, is_error_text
from llm_interactive.export.records import Messages
from llm_interactive.label_studio.records import Annotation, Prediction, Task
from llm_interactive.labeling.config import texts_in
from llm_interactive.labeling.tags import ControlTag, Region
from llm_interactive.media.image_input import ImageInput
from llm_interactive.outputs.annotated import LeftOut, only_text, reply_in
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.form import Form
from llm_interactive.outputs.textarea import TextArea
from llm_interactive.predict.example_sets import Examples
from llm_interactive.predict.prepare import PreparedTask, prepare
from llm_interactive.predict.project import Project
from llm_interactive.prompts.current import prompt_in
from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import Store, fingerprint

_SECONDS_PER_TASK = 120.0
_SYSTEM = ("system", "developer")


@dataclass(frozen=True)
class Asked:
    """What was asked about a task by one prompt, and how replies to it look."""

    prepared: PreparedTask
    messages: Messages

    def reply(self, regions: Sequence[Region]) -> str:
        """The reply that the regions stand for: the text, or the JSON object that the messages ask for.

        Raises:
            LeftOut: there is none, there are several, or it is not what the model is asked for.
        """
        prepared = self.prepared
        return reply_in(prepared.form, regions, prepared.data, structured=self._is_structured)

    def labels_in(self, reply: str) -> str:
        """What a reply says beside texts, however several labels are ordered; empty for a text alone."""
        form = self.prepared.form
        if not self._is_structured or form.is_plain:
            return ""
        values, outputs = json.loads(reply), {output.control.name: output for output in form.outputs}
        return json.dumps(
            {
                name: sorted(value) if isinstance(outputs[name], Choices) and isinstance(value, list) else value
                for name, value in values.items()
                if not isinstance(outputs[name], TextArea)
            }
        )

    @property
    def _is_structured(self) -> bool:
        return self.prepared.request.schema is not None


class Replies:
    """Prompts and replies of a project's annotations, and the models' own replies that these were made from."""

    def __init__(
        self,
        project: Project,
        images: ImageInput,
        store: Store | None,
        endpoint: str,
        examples: Examples | None = None,
    ) -> None:
        """`store`: the backend's, None where there is none; `endpoint`: whom it asks, as part of the keys there.

        `examples`: those that its requests showed.
        """
        self._examples = examples
        self._project = examples.added_to(project) if examples else project
        self._images = images
        self._store = store
        self._endpoint = endpoint

    @property
    def forms(self) -> Sequence[Form]:
        """The project's prompts with what they fill."""
        return self._project.forms

    @cached_property
    def _whose(self) -> Mapping[str, Ranked]:
        return self._store.rankings.of(self._project.id) if self._store else {}

    def version_of(self, reply: str, task: Task) -> str:
        """Whose a reply is that people compared in a task; empty where nobody knows, as of a rewritten one."""
        known = self._whose.get(str(task.id))
        return ", ".join(known.versions.get(fingerprint(reply), ())) if known else ""

    def asked(self, task: Task, annotation: Annotation, form: Form, *, plain: bool = False) -> Asked:
        """What was asked: the messages as they are sent, with the annotation's own prompt, else the project's.

        `plain`: as for a form that is a response alone, without the field guide.

        Raises:
            LeftOut: there is no prompt, or the messages cannot be made.
        """
        prompt = prompt_in(annotation.result, form.spec.prompt) or self._project.prompt_of(form)
        if not prompt:
            raise LeftOut("there is no prompt")
        options = self._project.options
        if plain:
            options = replace(options, structured_output=False)
        try:
            whole = {"id": task.id, "data": task.data}
            prepared = prepare(whole, prompt, form, options, self._images, Deadline.after(_SECONDS_PER_TASK))
        except BackendError as error:
            raise LeftOut(error.message) from None
        return Asked(prepared, in_turns(prepared.request.messages))

    def original(self, task: Task, annotation: Annotation, asked: Asked) -> tuple[str, str]:
        """The model's reply that the annotation was made from, and the version of the model.

        It is the prediction that Label Studio names, else the newest before the annotation with the same prompt, else
        the reply that the backend keeps.

        Raises:
            LeftOut: it is not known any more, or is no single reply.
        """
        before = [
            one
            for one in task.predictions
            if one.id == annotation.parent_prediction or one.created_at <= annotation.updated_at
        ]
        before.sort(key=lambda one: (one.id == annotation.parent_prediction, one.created_at))
        for prediction in reversed(before):
            if _is_of(prediction, asked.prepared):
                return asked.reply(prediction.result), prediction.model_version
        key = self._as_sent(task, asked.prepared).request.key(self._endpoint)
        kept = self._store.replies([key]).get(key) if self._store else None
        if kept is None:
            raise LeftOut("the model's own reply is not known any more")
        return asked.reply(asked.prepared.regions(kept)), self._project.version_with(
            {asked.prepared.form.name: asked.prepared.prompt}
        )

    def _as_sent(self, task: Task, prepared: PreparedTask) -> PreparedTask:
        if self._examples is None:
            return prepared
        shown = self._examples.shown_before(self._project, {"id": task.id, "data": task.data})
        try:
            return prepared.with_examples(shown, self._project.options)
        except BackendError as error:
            raise LeftOut(error.message) from None


def text_in(regions: Sequence[Region], area: ControlTag) -> str:
    """The text in one field.

    Raises:
        LeftOut: there is none, there are several, or it is an error text.
    """
    text = only_text(texts_in(regions, area))
    if is_error_text(text):
        raise LeftOut("the response is an error text")
    return text


def in_turns(messages: Sequence[Mapping[str, Any]]) -> Messages:
    """The same messages for trainers, which know system, user and assistant, and refuse two of a role in a row."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "system" if message["role"] in _SYSTEM else message["role"]
        content = message["content"]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] = _joined(turns[-1]["content"], content)
        else:
            turns.append({"role": role, "content": content})
    return turns


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [
        part
        for content in (first, second)
        for part in ([{"type": "text", "text": content}] if isinstance(content, str) else content)
    ]


def _is_of(prediction: Prediction, prepared: PreparedTask) -> bool:
    prompt = prompt_in(prediction.result, prepared.form.spec.prompt)
    return prompt is not None and fingerprint(prompt) == fingerprint(prepared.prompt)
