"""A project as its lead wants to see it: which prompts hold, and what is filled by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llm_interactive.errors import InvalidRequest, LabelingConfigError
from llm_interactive.predict.project import Project
from llm_interactive.settings import ProjectParams, Settings
from llm_interactive.store.projects import Facts
from llm_interactive.store.store import Store


@dataclass(frozen=True)
class PromptState:
    """The prompts of one prompt field; the first that is there holds."""

    field: str
    pinned: str | None
    used: str | None
    default: str | None

    @property
    def current(self) -> str | None:
        """The prompt of a batch; None where a task's own has to do."""
        return self.pinned or self.used or self.default


@dataclass(frozen=True)
class Overview:
    """`filled` has the controls that each prompt field fills, `unfilled` why others are not.

    `problem` says why nothing is known of that, and there is no `project`: the labeling config cannot be used, or has
    not been seen.
    """

    facts: Facts
    prompts: Sequence[PromptState]
    filled: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unfilled: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    project: Project | None = None

    def prompt(self, name: str | None) -> PromptState:
        """The prompt field of this name; the only one if none is named.

        Raises:
            InvalidRequest: there is none, or there are several; the message names them.
        """
        found = [state for state in self.prompts if name in (state.field, None)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(state.field for state in self.prompts) or "none"
        raise InvalidRequest(f"Name one of the project's prompt fields: {names}.")


def overview(settings: Settings, store: Store, project: str) -> Overview:
    """What is known of a project."""
    facts, stored = store.projects.facts(project), store.project(project)
    default = settings.chat_options(ProjectParams.model_validate(stored.params)).default_prompt
    names = sorted({*stored.prompts, *stored.pinned} - {""})
    filled: dict[str, list[str]] = {}
    unfilled: Mapping[str, str] = {}
    problem, known = "", None
    try:
        if facts.config is None:
            raise LabelingConfigError("The labeling config has not been seen since the backend keeps it.")
        known = Project.of(project, facts.config, settings, stored)
        filled = {form.name: [output.control.name for output in form.outputs] for form in known.forms}
        names, unfilled = list(filled), known.unfilled
    except LabelingConfigError as error:
        problem = error.message
    prompts = [PromptState(name, stored.pinned.get(name) or None, stored.used(name), default) for name in names]
    return Overview(facts, prompts, filled, unfilled, problem, known)


def project_named(store: Store, name: str) -> str:
    """The id of the project that a person calls `name`: its number in Label Studio, or the id itself.

    Raises:
        InvalidRequest: there is no such project, or several Label Studios have one.
    """
    found = [id for id in store.projects.all() if name in (id, id.partition(".")[0])]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidRequest(f"There are several projects {name}: {', '.join(found)}. Name one of these.")
    raise InvalidRequest(f"The backend has not heard of a project {name}. Connect it in Label Studio first.")
