"""What the ML backend does for a project: set it up, predict, learn prompts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from llm_interactive.predict.batch import BatchRun
from llm_interactive.predict.interactive import Interactive
from llm_interactive.predict.manual_edits import edited, holds_error
from llm_interactive.predict.prepare import Task
from llm_interactive.predict.project import Project
from llm_interactive.prompts.current import prompt_in, written_in
from llm_interactive.services import Services
from llm_interactive.settings import ProjectParams
from llm_interactive.text import storable

log = logging.getLogger(__name__)


class Predictor:
    """One project's view of the backend, made anew for every request."""

    def __init__(self, services: Services, project_id: str, labeling_config: str) -> None:
        """A view of `project_id` (Label Studio's `<id>.<created>`) with its labeling config (XML)."""
        self._services = services
        self._id = project_id
        self._config = labeling_config
        self._project: Project | None = None
        self._run: BatchRun | None = None
        self._is_late = False

    @property
    def project(self) -> Project:
        """The project as it is known now.

        Raises:
            LabelingConfigError: the config lacks a prompt field, or anything that a model can fill.
        """
        if self._project is None:
            stored = self._services.store.project(self._id)
            found = Project.of(self._id, self._config, self._services.settings, stored)
            self._project = self._services.examples.added_to(found)
        return self._project

    def require_usable(self) -> None:
        """Check that the labeling config can be used.

        Raises:
            LabelingConfigError: as `project`.
        """
        _ = self.project

    def set_up(self, extra_params: Any) -> str:
        """Keep what the project's connection form says; gives the project's model version.

        Raises:
            InvalidRequest: the form's params are no JSON object, or a value in them is not allowed.
            LabelingConfigError: as `project`.
            SetupError: a setting that every call needs is missing.
            AccountError: the provider refuses the key.
        """
        services, project = self._services, self.project
        params = ProjectParams.parse(extra_params).model_dump(exclude_none=True)
        if params != project.stored.params:
            services.store.save_params(self._id, params)
            project = self._project = services.examples.added_to(project.with_params(params, services.settings))
        services.store.projects.tell(self._id, config=storable(self._config))
        services.settings.require_access()
        if project.options.few_shot:
            services.settings.require_examples()
            services.facts.look_up([self._id])
        services.access.check(project.models)
        services.store.save_version(self._id, project.version)
        if services.news.is_new(self._id, project.summary):
            log.info("Project %s: %s", self._id, project.summary)
        return project.version

    def predict(self, tasks: Sequence[Task], context: Mapping[str, Any] | None = None) -> list[Any]:
        """One entry for each of `tasks`, in order: a prediction, or `{"error": message}` where there is none.

        `context` is `{"result": [regions…]}` when an annotator waits for it, else None.

        Raises:
            LabelingConfigError: as `project`.
            PromptError: no task has a prompt, or none can fill it.
            BackendError: an annotator waits and the labeling config has no field to show the failure in.
        """
        if context and isinstance(context.get("result"), list):
            regions = context["result"]
            return [Interactive(self._services, self.project, task).answer(regions) for task in tasks]
        run = self._run = BatchRun(self._services, self.project, tasks)
        self._services.running.begin(run)
        if self._is_late:
            run.answer_now()
        entries = run.entries()
        if entries and (error := run.lacks_prompts):
            raise error
        return entries

    def answer_now(self) -> None:
        """Let `predict` end with what is there, in another thread: nobody waits for the rest."""
        self._is_late = True
        if self._run:
            self._run.answer_now()

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Keep what a webhook event says of the project, by the names of Label Studio's API."""
        title = facts.get("title")
        tasks, labelled = (facts.get(name) for name in ("task_number", "num_tasks_with_annotations"))
        self._services.store.projects.tell(
            self._id,
            title=storable(title) if isinstance(title, str) else None,
            config=storable(self._config),
            tasks=tasks if isinstance(tasks, int) else None,
            labelled=labelled if isinstance(labelled, int) else None,
        )

    def learn(self, event: str, annotation: Any) -> None:
        """Make the prompts of a submitted or updated annotation the project's, and note whether it holds an error.

        Raises:
            LabelingConfigError: as `project`.
        """
        if event not in ("ANNOTATION_CREATED", "ANNOTATION_UPDATED") or not isinstance(annotation, Mapping):
            return
        result = annotation.get("result")
        if not isinstance(result, list):
            return
        self._services.store.projects.tell_annotation(
            self._id, str(annotation.get("id")), str(annotation.get("task", "")), holds_error=holds_error(result)
        )
        if annotation.get("was_cancelled"):
            return
        self._note_edits(str(annotation.get("id")), str(annotation.get("task", "")), result)
        if self.project.options.few_shot:
            self._services.facts.look_up([self._id])
        found = {form.name: prompt_in(result, form.spec.prompt) for form in self.project.forms}
        stored = self.project.stored
        used = {name: prompt for name, prompt in found.items() if prompt and prompt != stored.used(name)}
        self._services.store.save_prompts(self._id, used)

    def _note_edits(self, annotation: str, task: str, result: Sequence[Any]) -> None:
        keys = {form.name: self.project.answered_key(task, form) for form in self.project.forms}
        last = self._services.store.answered(self._id, keys.values())
        found = [edited(written_in(result, form.texts), last.get(keys[form.name])) for form in self.project.forms]
        if any(one is not None for one in found):
            self._services.store.projects.tell_submission(self._id, annotation, edited=any(found))
