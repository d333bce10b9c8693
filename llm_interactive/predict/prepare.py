"""A task and a prompt → the request to the model, and how its reply becomes regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from llm_interactive.deadline import Deadline
from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.contents import addresses_of, pictures_in
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.tags import Region
from llm_interactive.llm.client import ChatRequest, Reply
from llm_interactive.llm.logprobs import probability
from llm_interactive.media.image_input import ImageInput
from llm_interactive.outputs.base import region_id
from llm_interactive.outputs.form import Filled, Form
from llm_interactive.predict.examples import Example, takes_examples, told
from llm_interactive.predict.predictions import with_prompt
from llm_interactive.prompts.messages import Prompt, build_messages, with_examples
from llm_interactive.settings import ChatOptions
from llm_interactive.text import LONGEST_ID, storable

Task = Mapping[str, Any]
"""A task as Label Studio sends it: id, data, and its annotations, predictions and drafts."""


class Owner(NamedTuple):
    """Whose files a task shows: the ids of a project, `<number>.<created>`, and of a task."""

    project: str
    task: str


@dataclass(frozen=True)
class PreparedTask:
    """What is asked about a task by one prompt. `shows_prompt`: the reply's regions come with that of the prompt."""

    task: str
    data: Mapping[str, Any]
    form: Form
    prompt: str
    request: ChatRequest
    shows_prompt: bool = True

    def faults(self, text: str) -> tuple[str, ...]:
        """What of a reply does not fit the schema, in words for the model."""
        if self.request.schema is None:
            return ()
        return self.form.read(text, self.data).faults

    def filled(self, reply: Reply) -> Filled:
        """What the reply makes, with the region of the prompt field."""
        known = partial(probability, reply.tokens, reply.texts[0]) if reply.tokens else None
        found = self.form.filled(reply.texts, self.data, known, cut=reply.cut)
        regions = found.regions
        if self.shows_prompt:
            regions = with_prompt(regions, self.form.prompt_region(self.prompt), self.form)
        return Filled([_of_task(self.task, region) for region in regions], found.scores)

    def regions(self, reply: Reply) -> list[Region]:
        """The regions of what the reply makes."""
        return self.filled(reply).regions

    def with_examples(self, examples: Sequence[Example], options: ChatOptions) -> PreparedTask:
        """The same with examples told before the task, as far as the form takes them.

        Raises:
            TaskDataError: it is all too long.
        """
        if not examples or not takes_examples(self.form):
            return self
        shown = [message for one in examples for message in told(one, self.prompt, self.form, options)]
        messages = with_examples(self.request.messages, shown, options)
        return replace(self, request=replace(self.request, messages=messages))


def _of_task(task: str, region: Region) -> Region:
    """`region` with ids that no other task's regions have."""
    return {**region, **{name: region_id(task, region[name]) for name in ("id", "from_id", "to_id") if name in region}}


def prepare(
    task: Task,
    prompt: str,
    form: Form,
    options: ChatOptions,
    images: ImageInput,
    deadline: Deadline,
    *,
    owner: Owner | None = None,
    urgent: bool = False,
) -> PreparedTask:
    """The request that `prompt` makes of a task; its files are there by `deadline`. `urgent`: an annotator waits.

    `owner` says whose files it may show: of no project and of the task itself, if not given.

    Raises:
        PromptError: a placeholder names no field of the task.
        TaskDataError: the task's data cannot be sent.
        DeadlineError: its files did not come in time.
        SetupError: an image's text is needed and the OCR extra is not installed.
    """
    if len(id_of(task)) > LONGEST_ID:
        raise TaskDataError(f"The task's id is longer than {LONGEST_ID} characters.")
    data = data_of(task)
    addresses = {tag.name: addresses_of(tag, data) for tag in form.spec.objects if tag.tag in ("Image", "Pdf")}
    for name, field in form.picture_fields.items():
        addresses[name] = pictures_in(object_value(field, data))
    project, task_id = owner or Owner("", id_of(task))
    seen = {
        name: images.content(found, task_id, options.model, deadline, project=project.partition(".")[0], urgent=urgent)
        for name, found in addresses.items()
        if found
    }
    structured = options.structured_output and not form.is_plain
    asked = Prompt(prompt, form.guide(data) if structured else "", form.labels(data))
    request = ChatRequest(
        model=options.model,
        messages=build_messages(data, asked, form.spec.objects, options, seen),
        temperature=options.temperature,
        num_responses=max(options.num_responses, len(form.rivals)),
        max_tokens=options.max_tokens,
        schema=form.schema(data) if structured else None,
        logprobs=form.has_labels,
    )
    return PreparedTask(id_of(task), data, form, prompt, request)


def id_of(task: Task) -> str:
    """The task's id as text, "None" if it has none."""
    return storable(str(task.get("id")))


def data_of(task: Task) -> Mapping[str, Any]:
    """The task's data; none if they are no object."""
    data = task.get("data")
    return data if isinstance(data, Mapping) else {}
