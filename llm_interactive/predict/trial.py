"""Whether a model takes images is learned from one task, so that not all of a batch are sent to be refused."""

from __future__ import annotations

from collections.abc import Sequence

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError, NoImagesError
from llm_interactive.predict.budget import Budget
from llm_interactive.predict.prepare import Task
from llm_interactive.predict.project import Project
from llm_interactive.services import Services

_TRIALS = 5


def try_an_image(
    services: Services, project: Project, tasks: Sequence[Task], deadline: Deadline, budget: Budget | None = None
) -> None:
    """Ask about one of `tasks`, unless it is known how the models take images; the reply waits in the store."""
    for model in project.models:
        if not services.images.knows(model):
            _try(services, project, model, tasks, deadline, budget)


def _try(
    services: Services,
    project: Project,
    model: str,
    tasks: Sequence[Task],
    deadline: Deadline,
    budget: Budget | None,
) -> None:
    images = services.images
    for task in tasks[:_TRIALS]:
        try:
            [examples] = services.examples.nearest(project, [task], deadline)
            asked = project.prepare(task, images, deadline, examples).values()
            prepared = next(one for one in asked if one.request.model == model)
            services.replies.ask_for_one(prepared, deadline, project.origin(project.version), budget)
        except NoImagesError:
            images.learn(model, sees=False)
        except BackendError:
            continue  # another task may do; the batch will tell what is wrong with this one
        else:
            if prepared.request.has_images:
                images.learn(model, sees=True)
        return
