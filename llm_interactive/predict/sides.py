"""Two responses to a task in one form, of which people say which is better.

They come from two models, in an order that chance gives each task, or are two replies of one model. Whose they are
stands in the store alone, so that nobody who chooses sees it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from llm_interactive.deadline import Deadline
from llm_interactive.media.image_input import ImageInput
from llm_interactive.outputs.form import Form
from llm_interactive.predict.prepare import PreparedTask, Task, prepare
from llm_interactive.settings import ChatOptions
from llm_interactive.store.rankings import Ranked, Rankings
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
        self, task: Task, prompt: str, images: ImageInput, deadline: Deadline, *, project: str, urgent: bool = False
    ) -> PreparedTask:
        """The request; see `prepare.prepare`."""
        prepared = prepare(task, prompt, self.form, self.options, images, deadline, project=project, urgent=urgent)
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


def keep_whose(rankings: Rankings, forms: Sequence[Form], asked: Iterable[PreparedTask], origin: Origin) -> None:
    """Keep which version gave which of the responses that people compare, by the names of their fields."""
    compared = {rival.control.name for form in forms for rival in form.rivals}
    found: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for prepared in asked:
        version = origin.by(prepared.request.model).version
        for area in prepared.form.texts:
            if area.name in compared:
                found[prepared.task][area.name] = [version]
    if found:
        rankings.save(
            origin.project,
            [Ranked(task, origin.project, dict(sorted(versions.items()))) for task, versions in found.items()],
        )
