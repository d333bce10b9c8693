"""The project in Label Studio in which people rank candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError, LabelStudioError, SetupError
from llm_interactive.export.comparisons import PICTURES, shown
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import Project as StudioProject
from llm_interactive.label_studio.records import Task
from llm_interactive.labeling.split import Split
from llm_interactive.predict.label_run import as_sent
from llm_interactive.predict.prepare import prepare
from llm_interactive.predict.project import Project
from llm_interactive.ranking.candidates import Candidates, dialogue, different, shuffled
from llm_interactive.ranking.form import labeling_config, task_data
from llm_interactive.services import Services
from llm_interactive.store.rankings import Ranked

_SECONDS = 60.0


@dataclass(frozen=True)
class Made:
    """A project that was made: how many tasks it has, and how many have no two different replies and are left out."""

    project: StudioProject
    tasks: int
    left_out: int


def make_project(
    services: Services,
    studio: LabelStudio,
    asked: Candidates,
    tasks: Sequence[Task],
    split: Split,
    title: str,
    overlap: int,
) -> Made:
    """Make a project in which `overlap` people rank the candidates for each of `tasks`; `split` is of their project.

    Raises:
        SetupError: no task has two different replies, or the database does not answer.
        LabelStudioError: Label Studio refuses, or takes only a part.
    """
    source = asked.makers[0]
    as_pair = len(asked.makers) * source.options.num_responses == 2
    pictures = [tag for tag in source.forms[0].spec.objects if tag.tag in PICTURES]
    data: list[Mapping[str, Any]] = []
    ranked: list[Ranked] = []
    for task in tasks:
        candidates = different(asked.replies[task.id])
        if len(candidates) < 2:
            continue
        shown = shuffled(candidates, f"{source.id} {task.id}")
        texts = {id: candidate.text for id, candidate in shown.items()}
        messages = _messages(services, asked.makers, task)
        data.append(task_data(task, split.content(task.data), messages, texts, pictures, as_pair=as_pair))
        ranked.append(Ranked(str(task.id), source.id, {id: one.versions for id, one in shown.items()}))
    if not data:
        causes = [cause for cause, _ in asked.failed.most_common(1)]
        raise SetupError(" ".join(["No task has two different replies, so there is nothing to rank.", *causes]))
    made = studio.create_project(title, labeling_config(pictures, as_pair=as_pair), overlap)
    try:
        if not services.store.rankings.save(made.key, ranked, asked.prompts):
            raise SetupError("The database does not answer, which alone would know which model gave which reply.")
        if (taken := studio.import_tasks(made.id, data)) != len(data):
            raise LabelStudioError(f"Label Studio took {taken} of {len(data)} tasks.")
    except BaseException as error:
        # Half a project would be ranked as if it were whole.
        try:
            studio.delete_project(made.id)
        except LabelStudioError:
            cause = error.message if isinstance(error, BackendError) else "It was stopped."
            stays = f"Half of it stays in Label Studio as project {made.id}: delete that."
            raise LabelStudioError(f"{cause} {stays}") from error
        raise
    return Made(made, len(data), len(tasks) - len(data))


def _messages(services: Services, makers: Sequence[Project], task: Task) -> list[dict[str, str]]:
    """What is replied to, as it was sent; without the prompts where there are several: a reply would tell its own."""
    [form] = makers[0].forms
    sent = as_sent(task)
    prompts = sorted({maker.batch_prompts(sent)[form.name] for maker in makers})
    if len(prompts) > 1:
        return dialogue(shown(form.spec.objects, task.data))
    prepared = prepare(sent, prompts[0], form, makers[0].options, services.images, Deadline.after(_SECONDS))
    return dialogue(prepared.request.messages)
