"""One project as a request finds it: what its labeling config asks for, and what is known of its prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import LabelingConfigError, NoPromptYet
from llm_interactive.labeling.config import PromptSpec, parse_labeling_config
from llm_interactive.media.image_input import ImageInput
from llm_interactive.outputs.form import Form
from llm_interactive.predict.examples import Example, ExampleSet
from llm_interactive.predict.predictions import WITHOUT_REGIONS
from llm_interactive.predict.prepare import Owner, PreparedTask, Task, id_of
from llm_interactive.predict.sides import Side, sides_of
from llm_interactive.predict.versions import model_version, models_of
from llm_interactive.prompts.current import prompt_of_task
from llm_interactive.settings import ChatOptions, ProjectParams, Settings
from llm_interactive.store.store import StoredProject
from llm_interactive.store.usage import Origin


@dataclass(frozen=True)
class Project:
    """A project's id, the forms of its labeling config, the options of its chats, and what is stored of it.

    `examples` are what those for a task are chosen from; None if none are shown. `owner_of` says whose files a task
    shows, if they are not its own. `idle` are the names of prompts that fill nothing.
    """

    id: str
    forms: tuple[Form, ...]
    options: ChatOptions
    stored: StoredProject
    examples: ExampleSet | None = None
    owner_of: Callable[[Task], Owner] | None = None
    idle: tuple[str, ...] = ()

    @classmethod
    def of(cls, id: str, config: str, settings: Settings, stored: StoredProject) -> Project:
        """The project that a request names.

        Raises:
            LabelingConfigError: the config lacks a prompt field, or anything that a model can fill.
        """
        prefixes = settings.prompt_prefix, settings.response_prefix
        forms = forms_of(config, *prefixes)
        options = settings.chat_options(ProjectParams.model_validate(stored.params))
        names = [spec.prompt.name for spec in parse_labeling_config(config, *prefixes)]
        live = [form.name for form in forms]
        return cls(id, forms, options, stored, idle=tuple(name for name in names if name not in live))

    @property
    def shows_images(self) -> bool:
        """Whether tasks may have images."""
        return any(form.shows_images for form in self.forms)

    @property
    def models(self) -> list[str]:
        """The models that are asked."""
        return models_of(self.forms, self.options)

    @property
    def version(self) -> str:
        """Name of what a batch's predictions are made by, now."""
        return self.version_with({})

    def version_with(self, prompts: Mapping[str, str | None]) -> str:
        """The version that other `prompts` make, by the prompt field's name."""
        current = {form.name: self.prompt_of(form) for form in self.forms}
        examples = self.examples.digest if self.examples else None
        return model_version({**current, **prompts}, self.forms, self.options, examples)

    def prompt_of(self, form: Form) -> str | None:
        """The form's prompt in a batch: what was used last, else DEFAULT_PROMPT."""
        return self.stored.prompt(form.name) or self.options.default_prompt

    def origin(self, version: str) -> Origin:
        """Whom a reply is counted for."""
        return Origin(self.id, version)

    @property
    def payers(self) -> list[Origin]:
        """Whom the calls of a batch are counted for: one for each model."""
        return [self.origin(self.version).by(model) for model in self.models]

    def batch_prompts(self, task: Task) -> dict[str, str]:
        """The prompts for a task of a batch: the project's first, so that a batch is made by one.

        Raises:
            NoPromptYet: there is none.
        """
        found = {form.name: self.stored.prompt(form.name) or self.own_prompt(task, form) for form in self.forms}
        prompts = {name: text for name, text in found.items() if text}
        if not prompts:
            raise NoPromptYet
        return prompts

    def prepare(
        self, task: Task, images: ImageInput, deadline: Deadline, examples: Sequence[Example]
    ) -> dict[str, PreparedTask]:
        """What each prompt asks about a task of a batch, after `examples` of it, by the names of `sides`.

        Raises:
            NoPromptYet: as `batch_prompts`.
            BackendError: as `prepare.prepare`.
        """
        prompts = self.batch_prompts(task)
        asked = {
            side.name: side.prepare(task, prompts[form.name], images, deadline, owner=self.owner(task))
            for form in self.forms
            if form.name in prompts
            for side in self.sides(task, form)
        }
        return {name: prepared.with_examples(examples, self.options) for name, prepared in asked.items()}

    def owner(self, task: Task) -> Owner:
        """Whose files a task shows."""
        return self.owner_of(task) if self.owner_of else Owner(self.id, id_of(task))

    def sides(self, task: Task, form: Form) -> list[Side]:
        """What is to be asked for a form about a task."""
        return sides_of(form, self.options, self.id, id_of(task))

    def own_prompt(self, task: Task, form: Form) -> str | None:
        """The prompt for an annotator who opens a task: the task's own first."""
        return prompt_of_task(task, form.spec.prompt) or self.prompt_of(form)

    def with_params(self, params: Mapping[str, Any], settings: Settings) -> Project:
        """The same project after it chose other params in Label Studio's connection form."""
        options = settings.chat_options(ProjectParams.model_validate(params))
        return replace(self, options=options, stored=replace(self.stored, params=params))

    @property
    def unfilled(self) -> dict[str, str]:
        """Why controls are not filled, by their names."""
        left = [{control.name: reason for control, reason in form.unfilled} for form in self.forms]
        # A control may belong to several prompts, and one of them fill it.
        filled = {
            control.name
            for form, unfilled in zip(self.forms, left, strict=True)
            for control in form.spec.controls
            if control.name not in unfilled
        }
        return {name: reason for reasons in left for name, reason in reasons.items() if name not in filled}

    @property
    def summary(self) -> str:
        """What each prompt fills, what is left alone, and what the open page shows late, in one line."""
        filled = [
            f"{form.name} fills {', '.join(output.control.name for output in form.outputs)}" for form in self.forms
        ]
        idle = [f"{name} fills nothing: no control that a model can fill belongs to it" for name in self.idle]
        left = [f"{name} is not filled: {reason}" for name, reason in self.unfilled.items()]
        late = [
            f"{form.name} is on a {tag.tag}: the open page shows answers after a reload only; let its toName be a Text"
            for form in self.forms
            for tag in form.spec.prompt.objects[:1]
            if tag.tag in WITHOUT_REGIONS
        ]
        return "; ".join([*filled, *idle, *left, *late])

    def answered_key(self, task: str, form: Form) -> str:
        """What the last answer of a form to a task is kept under."""
        return task if len(self.forms) == 1 else f"{task} {form.name}"


@lru_cache(maxsize=16)
def forms_of(config: str, prompt_prefix: str, response_prefix: str) -> tuple[Form, ...]:
    """The forms of a labeling config.

    Raises:
        LabelingConfigError: it lacks a prompt field, or anything that a model can fill.
    """
    specs = parse_labeling_config(config, prompt_prefix, response_prefix)
    forms = tuple(form for spec in specs if (form := Form.of(spec)).outputs)
    if not forms:
        raise LabelingConfigError(_nothing_to_fill(specs, response_prefix))
    return forms


def _nothing_to_fill(specs: Sequence[PromptSpec], response_prefix: str) -> str:
    left = sorted({tag.tag for spec in specs for tag in spec.controls})
    others = f" ({', '.join(left)} cannot be filled by a chat model)" if left else ""
    name = specs[0].prompt.objects[0].name
    return (
        f'There is nothing to fill{others}. Add a TextArea tag with name="{response_prefix}" and toName="{name}", or a '
        f'Choices tag with name="choices" and toName="{name}", to the labeling config.'
    )
