"""One task for an annotator who waits: which prompt was pressed, what it gives, and failures put in sight."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError, NoImagesError, NoPromptYet
from llm_interactive.labeling.tags import Region
from llm_interactive.llm.client import Reply
from llm_interactive.llm.provider_errors import CUT
from llm_interactive.outputs.form import Form
from llm_interactive.predict.examples import Example
from llm_interactive.predict.manual_edits import answered_by_prediction, has_outcome, is_only_an_edit
from llm_interactive.predict.predictions import Prediction, error_region, prediction
from llm_interactive.predict.prepare import PreparedTask, Task, id_of
from llm_interactive.predict.project import Project
from llm_interactive.predict.sides import Side, keep_whose
from llm_interactive.prompts.current import prompt_in, written_in
from llm_interactive.services import Services
from llm_interactive.store.store import Answered, fingerprint

log = logging.getLogger(__name__)

_EMBEDDING_SECONDS = 2.0


class Interactive:
    """A request that Label Studio's page sends for one task while an annotator works on it."""

    def __init__(self, services: Services, project: Project, task: Task) -> None:
        self._services = services
        self._project = project
        self._task = task
        self._deadline = Deadline.after(services.settings.predict_deadline)
        keys = [project.answered_key(id_of(task), form) for form in project.forms]
        self._answered = services.store.answered(project.id, keys)

    def answer(self, regions: Sequence[Any]) -> Prediction:
        """What is to be filled in the page; nothing where the annotator did not ask.

        `regions` are those that the request carries: the prompt, or whatever else was changed.

        Raises:
            BackendError: the prompt failed, and the labeling config has no field to show that in.
        """
        project = self._project
        if regions:
            prompts = self._pressed(regions)
        elif self._answered or has_outcome(self._task, [form.name for form in project.forms]):
            # After Submit the page asks with nothing on it, several times; an answer would replace what was submitted.
            prompts = {}
        else:
            prompts = {form.name: project.own_prompt(self._task, form) for form in project.forms}
            # Those that have a prompt; without any, the first one says so.
            prompts = {name: text for name, text in prompts.items() if text} or {project.forms[0].name: None}
        version = project.version_with(prompts)
        result: list[Region] = []
        for form in project.forms:
            if form.name in prompts:
                result += self._fill(form, prompts[form.name], version, typed=bool(regions))
        return prediction(result, version)

    def _pressed(self, regions: Sequence[Any]) -> dict[str, str | None]:
        """The prompts that the annotator asks with, by the field's name; None where there is none to be had."""
        found: dict[str, str | None] = {}
        names = [region.get("from_name") for region in regions if isinstance(region, Mapping)]
        for form in self._project.forms:
            if form.name not in names:
                continue
            prompt = prompt_in(regions, form.spec.prompt) or self._project.own_prompt(self._task, form)
            last = self._last_answer(form) or answered_by_prediction(self._task, form)
            if prompt and is_only_an_edit(prompt, written_in(regions, form.texts), last):
                continue
            # The request carries all prompts of the page: of several, those that did not change were not pressed.
            if len(self._project.forms) == 1 or not last or (prompt and last.prompt != fingerprint(prompt)):
                found[form.name] = prompt
        return found

    def _last_answer(self, form: Form) -> Answered | None:
        return self._answered.get(self._project.answered_key(id_of(self._task), form))

    def _fill(self, form: Form, prompt: str | None, version: str, *, typed: bool) -> list[Region]:
        """The regions of one prompt, or its failure in the response field.

        A prompt that was `typed` becomes the project's once it has given a reply.
        """
        origin = self._project.origin(version)
        try:
            if not prompt:
                raise NoPromptYet
            asked = self._ask(form, prompt, version)
        except BackendError as error:
            if typed or not isinstance(error, NoPromptYet):
                self._report(error)
            shown = error_region(error, form)
            if shown is None or not self._services.settings.show_errors_in_response:
                raise
            return [shown]
        if any(reply.cut for _, reply in asked):
            log.warning("Project %s, task %s: %s", self._project.id, id_of(self._task), CUT)
        self._services.usage.count(origin, interactive_done=1)
        regions = [region for prepared, reply in asked for region in prepared.regions(reply)]
        last = self._last_answer(form)
        key = self._project.answered_key(id_of(self._task), form)
        given = {key: (prompt, written_in(regions, form.texts))}
        used = {form.name: prompt} if typed and prompt != self._project.stored.used(form.name) else {}
        keep_whose(self._services.store.rankings, [form], [(prepared, regions) for prepared, _ in asked], origin)
        self._services.store.save_answered(self._project.id, given, {key: last} if last else {}, used)
        return self._services.pages.additions(regions, form, self._project.id, self._task)

    def _report(self, error: BackendError) -> None:
        current = self._project.origin(self._project.version)
        self._services.usage.count(current, interactive_failed=1)
        self._services.running.error(current, error.message)
        log.warning("Project %s, task %s: %s", self._project.id, id_of(self._task), error.message)

    def _ask(self, form: Form, prompt: str, version: str) -> list[tuple[PreparedTask, Reply]]:
        soon = min(self._deadline, Deadline.after(_EMBEDDING_SECONDS))
        [examples] = self._services.examples.nearest(self._project, [self._task], soon)
        sides = self._project.sides(self._task, form)
        ask = partial(self._ask_side, prompt, version, examples)
        if len(sides) == 1:
            # A thread takes longer to start than the rest of this.
            return [ask(sides[0])]
        with ThreadPoolExecutor(len(sides)) as pool:
            return list(pool.map(ask, sides))

    def _ask_side(
        self, prompt: str, version: str, examples: Sequence[Example], side: Side
    ) -> tuple[PreparedTask, Reply]:
        images, options = self._services.images, side.options
        origin = self._project.origin(version)
        while True:
            prepared = side.prepare(
                self._task, prompt, images, self._deadline, owner=self._project.owner(self._task), urgent=True
            ).with_examples(examples, options)
            try:
                reply = self._services.replies.ask_now(prepared, self._deadline, origin)
            except NoImagesError:
                if images.knows(options.model):
                    raise
                images.learn(options.model, sees=False)
                continue
            if prepared.request.has_images:
                images.learn(options.model, sees=True)
            return prepared, reply
