"""Two responses to a task in one form, of which people say which is better.

They come from two models, in an order that chance gives each task, or are two replies of one model. Whose they are
stands in the store alone, so that nobody who chooses sees it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from llm_interactive.deadline import Deadline
from llm_interactive.labeling.tags import Region
from llm_interactive.media.image_input import ImageInput
from llm_interactive.outputs.form import Form
from llm_interactive.predict.prepare import Owner, PreparedTask, Task, prepare
from llm_interactive.prompts.current import written_in
from llm_interactive.settings import ChatOptions
from llm_interactive.store.rankings import Ranked, Rankings
from llm_interactive.store.store import fingerprint
from llm_interactive.store.usage import Origin


@dataclass(frozen=True)
class Side:
    """What one request fills: a whole form, or one of two rivals.

    Attributes:
        name: differs among the sides of a project.
        is_first: whether the prompt field is filled with it.
    """

    name: str
    form: Form
    options: ChatOptions
    is_first: bool = True

    def prepare(
        self, task: Task, prompt: str, images: ImageInput, deadline: Deadline, *, owner: Owner, urgent: bool = False
    ) -> PreparedTask:
        """The request; see `prepare.prepare`."""
        prepared = prepare(task, prompt, self.form, self.options, images, deadline, owner=owner, urgent=urgent)
        return replace(prepared, shows_prompt=self.is_first)


def sides_of(form: Form, options: ChatOptions, project: str, task: str) -> list[Side]:
    """What is to be asked for a form about a task."""
    if not form.sides or options.second_model in (None, options.model):
        return [Side(form.name, form, options)]
    # The same order for a task at all times, so that a batch asked again finds what it has paid for.
    models = random.Random(f"{project} {task} {form.name}").sample([options.model, options.second_model], 2)  # noqa: S311
    return [
        Side(side.texts[0].name, side, replace(options, model=model, num_responses=1), is_first=side == form.sides[0])
        for side, model in zip(form.sides, models, strict=True)
    ]


def keep_whose(
    rankings: Rankings,
    forms: Sequence[Form],
    answered: Iterable[tuple[PreparedTask, Sequence[Region]]],
    origin: Origin,
) -> None:
    """Keep which version gave which of the responses that people compare: what was asked, and the task's regions.

    They are known by their texts: another model may fill the same fields next time, and annotators write into them.
    """
    compared = {rival.control.name for form in forms for rival in form.rivals}
    if not compared:
        return
    found = []
    for prepared, regions in answered:
        version = origin.by(prepared.request.model).version
        texts = written_in(regions, [area for area in prepared.form.texts if area.name in compared])
        found.append(Ranked(prepared.task, origin.project, {fingerprint(text): [version] for text in texts}))
    rankings.save(origin.project, found)
