"""A task and a prompt → a question: the request to the model and what its answer needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llm_interactive.errors import PromptError
from llm_interactive.labeling.config import Label, Labeling
from llm_interactive.llm.client import ChatRequest
from llm_interactive.media.image_input import ImageInput
from llm_interactive.prompts.current import prompt_of_task
from llm_interactive.prompts.messages import build_messages, image_addresses
from llm_interactive.settings import Settings
from llm_interactive.text import storable

Task = Mapping[str, Any]
"""A task as Label Studio sends it: id, data, and its annotations, predictions and drafts."""

_NO_PROMPT = "There is no prompt yet. Type one into a task's prompt field and press Shift+Enter, or set DEFAULT_PROMPT."


@dataclass(frozen=True)
class Question:
    """What is asked about the task with the id `task`."""

    task: str
    prompt: str
    labels: list[Label]
    request: ChatRequest


def ask_about(task: Task, prompt: str, labeling: Labeling, settings: Settings, images: ImageInput) -> Question:
    """The question that `prompt` makes of a task.

    Raises:
        PromptError: a placeholder names no field of the task.
        TaskDataError: the task's data cannot be sent.
        SetupError: an image's text is needed and the OCR extra is not installed.
    """
    data = data_of(task)
    seen = None
    if labeling.object_type == "Image":
        seen = images.content(image_addresses(labeling, data), id_of(task), settings.model)
    labels = labeling.labels(data)
    request = ChatRequest(
        model=settings.model,
        messages=build_messages(data, prompt, labels, labeling, settings, seen),
        temperature=settings.temperature,
        num_responses=settings.num_responses,
        max_tokens=settings.max_tokens,
    )
    return Question(id_of(task), prompt, labels, request)


def id_of(task: Task) -> str:
    """The task's id as text, "None" if it has none."""
    return storable(str(task.get("id")))


def data_of(task: Task) -> Mapping[str, Any]:
    """The task's data; none if they are no object."""
    data = task.get("data")
    return data if isinstance(data, Mapping) else {}


def batch_prompt(task: Task, project_prompt: str | None, labeling: Labeling, settings: Settings) -> str:
    """The prompt for a task of a batch: the project's first, so that a batch is made by one.

    Raises:
        PromptError: there is none.
    """
    prompt = project_prompt or prompt_of_task(task, labeling) or settings.default_prompt
    if not prompt:
        raise PromptError(_NO_PROMPT)
    return prompt


def interactive_prompt(
    task: Task, typed: str | None, project_prompt: str | None, labeling: Labeling, settings: Settings
) -> str:
    """The prompt for an annotator who waits: the one just typed first, then the task's own.

    Raises:
        PromptError: there is none.
    """
    prompt = typed or prompt_of_task(task, labeling) or project_prompt or settings.default_prompt
    if not prompt:
        raise PromptError(_NO_PROMPT)
    return prompt
