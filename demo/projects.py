"""The demo's Label Studio projects: one for each labeling config in `examples/`, made once and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.label_studio import Json, LabelStudio, Refused
from demo.paths import EXAMPLES

CONNECTION_TITLE = "LLM Interactive"


@dataclass(frozen=True)
class Example:
    """A labeling config of `examples/` (the file's name without its ending) and what to try with it.

    `params` are the extra params of its connection.
    """

    name: str
    title: str
    prompt: str
    params: str | None = None

    @property
    def label_config(self) -> str:
        return (EXAMPLES / f"{self.name}.xml").read_text()

    @property
    def tasks(self) -> list[Json]:
        """Its sample tasks: their data, or data and annotations."""
        tasks: list[Json] = json.loads((EXAMPLES / f"{self.name}.json").read_text())
        return tasks


ALL_EXAMPLES = (
    Example("text-classification", "Text classification", "Is this text Sarcastic or Not Sarcastic?"),
    Example("chat", "Chat", "Answer the user's last message in one short sentence."),
    Example("entities", "Entities in a text", "Mark every person, organization and place."),
    Example("graded-summary", "Graded summary", "Summarize the article in one sentence."),
    Example("two-prompts", "Two prompts in one form", "Summarize the message in one sentence."),
    Example("document-fields", "Fields of an invoice", "Read number, date, total and category of the invoice."),
    Example("preference-pair", "Preference pair", "Which answer is more helpful, and why?"),
    Example("two-replies", "Two replies to choose from", "Answer in one or two sentences.", '{"temperature": 1}'),
    Example("ranked-list", "Ranked list", "Rank the answers by how helpful they are."),
    Example("reviews", "Reviews, annotated", "Is this positive or negative?"),
    Example("image-receipts", "Receipts", "Which category does this receipt belong to?"),
)


@dataclass(frozen=True)
class Prepared:
    """An example that stands in Label Studio. `problem` is why its model could not be connected, if so."""

    example: Example
    project: int
    problem: str | None = None


def prepare(studio: LabelStudio, backend_url: str, on_step: Callable[[str], None]) -> list[Prepared]:
    """Every example's project, with tasks and connected model. What an earlier start made is kept, not made again."""
    existing = {project["title"]: project for project in studio.projects()}
    prepared = []
    for example in ALL_EXAMPLES:
        on_step(example.title)
        found = existing.get(example.title)
        project = int(found["id"]) if found else studio.create_project(example.title, example.label_config)
        # A start that was interrupted may have left a project without tasks.
        if not found or not found["task_number"]:
            studio.import_tasks(project, _local_tasks(studio, project, example))
        prepared.append(Prepared(example, project, _connect(studio, project, backend_url, example.params)))
    return prepared


def _connect(studio: LabelStudio, project: int, url: str, params: str | None) -> str | None:
    """Connect the model unless it is connected already; the reason where it refuses."""
    for backend in studio.backends(project):
        if backend["title"] == CONNECTION_TITLE:
            if backend["url"] == url and backend["state"] == "CO":
                return None
            # Its port has changed: a new connection also brings the webhook along, an edited one would not.
            studio.disconnect_backend(project, backend)
    try:
        studio.connect_backend(project, url, title=CONNECTION_TITLE, extra_params=params)
    except Refused as refusal:
        return str(refusal)
    return None


def _local_tasks(studio: LabelStudio, project: int, example: Example) -> list[Json]:
    """The example's tasks with their image files uploaded; those with an image on the internet are left out."""
    tasks = []
    for data in example.tasks:
        image = str(data.get("image", ""))
        if image.startswith(("http://", "https://")):
            continue
        file = Path(EXAMPLES / image)
        tasks.append({**data, "image": studio.upload_file(project, file)} if image else data)
    return tasks
