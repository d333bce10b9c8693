"""The Label Studio ML backend model: how a prediction comes about, from the labeling config to the regions."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from llm_interactive import services as process_services
from llm_interactive.errors import UNEXPECTED, BackendError, NoImagesError, PromptError
from llm_interactive.labeling.config import Labeling, parse_labeling_config
from llm_interactive.llm.client import Reply
from llm_interactive.predict.answers import Prediction, build_prediction, model_version, shown_failure, unchanged
from llm_interactive.predict.batch import Batch
from llm_interactive.predict.manual_edits import answered_by_prediction, has_outcome, is_only_an_edit
from llm_interactive.predict.metrics import Origin
from llm_interactive.predict.prepare import Question, Task, ask_about, batch_prompt, id_of, interactive_prompt
from llm_interactive.prompts.current import prompt_in, responses_in
from llm_interactive.services import Services
from llm_interactive.settings import ProjectParams, Settings
from llm_interactive.store.store import Answered, Project

log = logging.getLogger("llm_interactive")

_TRIALS = 5
_GROUP = 200


class LLMInteractive(LabelStudioMLBase):  # type: ignore[misc]  # the SDK is untyped
    """One project's view of the backend; made anew for every request, as label-studio-ml 2.x does.

    `project_id` is Label Studio's `<id>.<created>` (under 2.x only the id), `label_config` the project's XML.
    """

    def __init__(self, project_id: str | None = None, label_config: str | None = None, **kwargs: Any) -> None:
        # Not the base class's constructor: 1.0.9 parses the config its own way, 2.x writes it into a cache file.
        self.project = project_id or ""
        self.config = label_config or ""
        self.services: Services = kwargs.get("services") or process_services.of_process()

    @cached_property
    def labeling(self) -> Labeling:
        """The labeling config's tags by role.

        Raises:
            LabelingConfigError: a role is missing.
        """
        settings = self.services.settings
        return parse_labeling_config(self.config, settings.prompt_prefix, settings.response_prefix)

    @cached_property
    def settings(self) -> Settings:
        """The operator's settings with what this project chose for itself."""
        return self.services.settings.for_project(ProjectParams.model_validate(self._known.params))

    @cached_property
    def _known(self) -> Project:
        return self.services.store.project(self.project)

    @property
    def model_version(self) -> str:
        """Name of what a batch's predictions are made by, now."""
        return self._version_of(self._known.prompt)

    def get(self, key: str) -> Any:
        """`model_version` under the name by which label-studio-ml 2.x asks for it."""
        return self.model_version if key == "model_version" else None

    def set_extra_params(self, extra_params: Any) -> None:
        """Keep what the project's connection form says.

        Raises:
            InvalidRequest: it is no JSON object, or a value in it is not allowed.
        """
        params = ProjectParams.parse(extra_params).model_dump(exclude_none=True)
        if params != self._known.params:
            self.services.store.save_params(self.project, params)
            self._known = replace(self._known, params=params)
            self.__dict__.pop("settings", None)

    def predict(self, tasks: Sequence[Task], context: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """One entry for each of `tasks`, in order: a prediction, or `{"error": message}` where there is none.

        `context` is `{"result": [regions…]}` when an annotator waits for it, else None.

        Raises:
            LabelingConfigError: the config lacks a role.
            PromptError: no task has a prompt, or none can fill it.
            BackendError: an annotator waits and the labeling config has no field to show the failure in.
        """
        if context and isinstance(context.get("result"), list):
            return [self._answer_annotator(task, context["result"]) for task in tasks]
        return self._answer_batch(tasks)

    def fit(self, event: str, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Make the prompt of a submitted or updated annotation the project's current one."""
        annotation = data.get("annotation")
        if event not in ("ANNOTATION_CREATED", "ANNOTATION_UPDATED") or not isinstance(annotation, Mapping):
            return
        result = annotation.get("result")
        if isinstance(result, list) and not annotation.get("was_cancelled"):
            prompt = prompt_in(result, self.labeling)
            if prompt:
                self._keep_prompt(prompt)

    def _answer_annotator(self, task: Task, regions: Sequence[Any]) -> Prediction:
        prompt = prompt_in(regions, self.labeling)
        self._known = self.services.store.project(self.project, id_of(task))
        last = self._known.answered
        if not regions and (last or has_outcome(task, self.labeling)):
            # After Submit the page asks with nothing on it, several times; an answer would replace what was submitted.
            return unchanged(self.model_version)
        last = last or answered_by_prediction(task, self.labeling)
        if is_only_an_edit(prompt, responses_in(regions, self.labeling), last):
            return unchanged(self.model_version)
        try:
            return self._ask_now(task, prompt)
        except BackendError as error:
            self.services.metrics.tasks(self._origin(self.model_version), "interactive", failed=1)
            self.services.activity.error(self.project, error.message)
            log.warning("Project %s, interactive request: %s", self.project, error.message)
            if self.labeling.response is None or not self.settings.show_errors_in_response:
                raise
            return shown_failure(error, self.labeling, self.model_version)

    def _ask_now(self, task: Task, typed: str | None) -> Prediction:
        settings = self.settings
        prompt = interactive_prompt(task, typed, self._known.prompt, self.labeling, settings)
        question = ask_about(task, prompt, self.labeling, settings, self.services.images)
        if typed:
            self._keep_prompt(typed)
        version = self._version_of(prompt)
        try:
            reply = self.services.replies.ask_now(question.request, settings.predict_deadline, self._origin(version))
        except NoImagesError:
            if self.services.images.knows(settings.model):
                raise
            self.services.images.learn(settings.model, sees=False)
            return self._ask_now(task, typed)
        if question.request.has_images:
            self.services.images.learn(settings.model, sees=True)
        last = self._known.answered
        self._remember([(question, reply)], {question.task: last} if last else {})
        self.services.metrics.tasks(self._origin(version), "interactive", done=1)
        return self._prediction(question, reply, version)

    def _keep_prompt(self, prompt: str) -> None:
        if prompt != self._known.prompt:
            self.services.store.save_prompt(self.project, prompt)
            self._known = replace(self._known, prompt=prompt)

    def _answer_batch(self, tasks: Sequence[Task]) -> list[Any]:
        ends = time.monotonic() + self.settings.predict_deadline
        project_prompt = self._known.prompt
        version = self._version_of(project_prompt)
        if self.labeling.object_type == "Image" and not self.services.images.knows(self.settings.model):
            self._try_an_image(tasks, project_prompt, self._origin(version), ends)
        batch = self.services.replies.begin(self._origin(version), len(tasks), ends - time.monotonic())
        questions = self._ask_all(tasks, project_prompt, batch)
        outcomes = batch.outcomes(ends - time.monotonic())
        answered = [(questions[n], outcome) for n, outcome in enumerate(outcomes) if isinstance(outcome, Reply)]
        self._remember(answered)
        entries = [self._entry(questions.get(n), outcome, version) for n, outcome in enumerate(outcomes)]
        self._report(entries, self._origin(version))
        if outcomes and all(isinstance(outcome, PromptError) for outcome in outcomes):
            raise outcomes[0]  # type: ignore[misc]
        return entries

    def _try_an_image(self, tasks: Sequence[Task], project_prompt: str | None, origin: Origin, ends: float) -> None:
        """Find out by one task whether the model takes images, so that not all are sent to be refused.

        Its reply waits in the store for the batch.
        """
        images, settings = self.services.images, self.settings
        for task in tasks[:_TRIALS]:
            left = ends - time.monotonic()
            try:
                question = self._batch_question(task, project_prompt)
            except BackendError:
                continue  # another task may do; the batch will tell what is wrong with this one
            trial = self.services.replies.begin(origin, 1, left)
            trial.add({0: question.request})
            [outcome] = trial.outcomes(left)
            if isinstance(outcome, Reply | NoImagesError):
                images.learn(settings.model, sees=isinstance(outcome, Reply))
            return

    def _ask_all(self, tasks: Sequence[Task], project_prompt: str | None, batch: Batch) -> dict[int, Question]:
        """The questions about `tasks` by number, asked; tasks that make none are settled."""
        questions: dict[int, Question] = {}

        def ask(numbers: Iterable[int]) -> None:
            for number in numbers:
                try:
                    questions[number] = self._batch_question(tasks[number], project_prompt)
                except BackendError as error:
                    batch.settle(number, error)
                except Exception:
                    # One task must not take the others along, whatever is in it.
                    log.exception("A task could not be asked about")
                    batch.settle(number, BackendError(UNEXPECTED))
            batch.add({number: questions[number].request for number in numbers if number in questions})

        if self.labeling.object_type == "Image":
            for number in range(len(tasks)):
                self.services.images.in_background(partial(ask, [number]))
        else:
            # Group by group, so that the model works while the rest is made ready.
            for start in range(0, len(tasks), _GROUP):
                ask(range(start, min(start + _GROUP, len(tasks))))
        return questions

    def _batch_question(self, task: Task, project_prompt: str | None) -> Question:
        prompt = batch_prompt(task, project_prompt, self.labeling, self.settings)
        return ask_about(task, prompt, self.labeling, self.settings, self.services.images)

    def _entry(self, question: Question | None, outcome: Reply | BackendError, version: str) -> dict[str, Any]:
        if isinstance(outcome, BackendError) or question is None:
            return {"error": str(outcome)}
        try:
            return self._prediction(question, outcome, version)
        except BackendError as error:
            return {"error": error.message}

    def _prediction(self, question: Question, reply: Reply, version: str) -> Prediction:
        return build_prediction(reply.texts, question.prompt, question.labels, self.labeling, version)

    def _remember(self, answers: Sequence[tuple[Question, Reply]], known: Mapping[str, Answered] | None = None) -> None:
        self.services.store.save_answered(
            self.project,
            prompts={question.task: question.prompt for question, _ in answers},
            replies={question.task: reply.texts for question, reply in answers},
            before=known,
        )

    def _report(self, entries: Sequence[Mapping[str, Any]], origin: Origin) -> None:
        failures = Counter(entry["error"] for entry in entries if "error" in entry)
        failed = failures.total()
        self.services.metrics.tasks(origin, "batch", done=len(entries) - failed, failed=failed)
        for message, count in failures.items():
            self.services.activity.error(self.project, message, count)
            log.warning("Project %s: %d of %d tasks failed: %s", self.project, count, len(entries), message)

    def _origin(self, version: str) -> Origin:
        return Origin(self.project, version)

    def _version_of(self, prompt: str | None) -> str:
        return model_version(prompt or self.settings.default_prompt, self.labeling, self.settings)
