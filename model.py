"""The Label Studio ML backend model: how a prediction comes about, from the labeling config to the regions."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from llm_interactive import services as process_services
from llm_interactive.answers import Prediction, build_prediction, model_version, shown_failure, unchanged
from llm_interactive.content import build_messages
from llm_interactive.errors import BackendError, PromptError
from llm_interactive.labeling import Label, Labeling, parse_labeling_config
from llm_interactive.llm import ChatRequest, Reply
from llm_interactive.metrics import Origin
from llm_interactive.prompts import prompt_in, prompt_of_task, responses_in
from llm_interactive.services import Services
from llm_interactive.settings import ProjectParams, Settings
from llm_interactive.store import Answered, fingerprint

log = logging.getLogger("llm_interactive")

Task = Mapping[str, Any]
"""A task as Label Studio sends it: id, data, and its annotations, predictions and drafts."""

_NO_PROMPT = (
    "There is no prompt yet. Type one into the prompt field of a task and press Shift+Enter, or set DEFAULT_PROMPT."
)


@dataclass(frozen=True)
class _Question:
    """A task with everything that its answer needs."""

    task: str
    prompt: str
    labels: list[Label]
    request: ChatRequest


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
        params = ProjectParams.model_validate(self.services.store.params(self.project))
        return self.services.settings.for_project(params)

    @property
    def model_version(self) -> str:
        """Name of what a batch's predictions are made by, now."""
        return self._version_of(self._project_prompt() or self.settings.default_prompt)

    def get(self, key: str) -> Any:
        """`model_version` under the name by which label-studio-ml 2.x asks for it."""
        return self.model_version if key == "model_version" else None

    def set_extra_params(self, extra_params: Any) -> None:
        """Keep what the project's connection form says.

        Raises:
            InvalidRequest: it is no JSON object, or a value in it is not allowed.
        """
        params = ProjectParams.parse(extra_params)
        self.services.store.save_params(self.project, params.model_dump(exclude_none=True))
        self.__dict__.pop("settings", None)

    def predict(self, tasks: Sequence[Task], context: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """One entry for each of `tasks`, in order: a prediction, or `{"error": sentence}` where there is none.

        `context` is `{"result": [regions…]}` when an annotator waits for it, else None.

        Raises:
            LabelingConfigError: the config lacks a role.
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
                self.services.store.save_prompt(self.project, prompt)

    def _answer_annotator(self, task: Task, regions: Sequence[Any]) -> Prediction:
        prompt = prompt_in(regions, self.labeling)
        if self._is_only_an_edit(task, prompt, regions):
            return unchanged(self.model_version)
        try:
            return self._ask_now(task, prompt)
        except BackendError as error:
            self.services.metrics.tasks(self._origin(self.model_version), "interactive", failed=1)
            self.services.activity.error(self.project, error.sentence)
            log.warning("Project %s, interactive request: %s", self.project, error.sentence)
            if self.labeling.response is None or not self.settings.show_errors_in_response:
                raise
            return shown_failure(error, self.labeling, self.model_version)

    def _ask_now(self, task: Task, typed_prompt: str | None) -> Prediction:
        prompt = typed_prompt or prompt_of_task(task, self.labeling) or self._project_prompt()
        question = self._question(task, prompt or self.settings.default_prompt)
        if typed_prompt:
            self.services.store.save_prompt(self.project, typed_prompt)
        version = self._version_of(question.prompt)
        origin = self._origin(version)
        reply = self.services.replies.ask_now(question.request, self.settings.predict_deadline, origin)
        self._remember([(question, reply)])
        self.services.metrics.tasks(origin, "interactive", done=1)
        return self._prediction(question, reply, version)

    def _is_only_an_edit(self, task: Task, prompt: str | None, regions: Sequence[Any]) -> bool:
        """Whether the annotator wrote a response by hand instead of asking; Label Studio's page tells no difference.

        It is one if the prompt is the one answered last for this task and a response is not among those given.
        """
        responses = responses_in(regions, self.labeling)
        if not responses or prompt is None:
            return bool(responses)
        last = self.services.store.answered(self.project, [str(task.get("id"))]).get(str(task.get("id")))
        last = last or self._answered_by_prediction(task)
        if last is None or last.prompt != fingerprint(prompt):
            return False
        return any(fingerprint(response) not in last.replies for response in responses)

    def _answered_by_prediction(self, task: Task) -> Answered | None:
        for prediction in task.get("predictions") or []:
            result = prediction.get("result") if isinstance(prediction, Mapping) else None
            if isinstance(result, list) and (prompt := prompt_in(result, self.labeling)):
                return Answered(fingerprint(prompt), tuple(map(fingerprint, responses_in(result, self.labeling))))
        return None

    def _answer_batch(self, tasks: Sequence[Task]) -> list[Any]:
        project_prompt = self._project_prompt()
        version = self._version_of(project_prompt or self.settings.default_prompt)
        questions = [self._question_or_error(task, project_prompt) for task in tasks]
        if questions and all(isinstance(question, PromptError) for question in questions):
            raise questions[0]  # type: ignore[misc]
        asked = [question for question in questions if isinstance(question, _Question)]
        origin = self._origin(version)
        replies = self.services.replies.ask_all([q.request for q in asked], self.settings.predict_deadline, origin)
        self._remember([(q, reply) for q, reply in zip(asked, replies, strict=True) if isinstance(reply, Reply)])
        outcomes = iter(replies)
        entries = [self._entry(q, next(outcomes) if isinstance(q, _Question) else q, version) for q in questions]
        self._report(entries, origin)
        return entries

    def _entry(self, question: _Question | BackendError, outcome: Reply | BackendError, version: str) -> dict[str, Any]:
        if isinstance(question, BackendError):
            return {"error": question.sentence}
        if isinstance(outcome, BackendError):
            return {"error": outcome.sentence}
        try:
            return self._prediction(question, outcome, version)
        except BackendError as error:
            return {"error": error.sentence}

    def _question_or_error(self, task: Task, project_prompt: str | None) -> _Question | BackendError:
        try:
            own = None if project_prompt else prompt_of_task(task, self.labeling)
            return self._question(task, project_prompt or own or self.settings.default_prompt)
        except BackendError as error:
            return error

    def _question(self, task: Task, prompt: str | None) -> _Question:
        if not prompt:
            raise PromptError(_NO_PROMPT)
        data = task.get("data")
        data = data if isinstance(data, Mapping) else {}
        labels = self.labeling.labels(data)
        settings = self.settings
        request = ChatRequest(
            model=settings.model,
            messages=build_messages(data, prompt, labels, self.labeling, settings),
            temperature=settings.temperature,
            num_responses=settings.num_responses,
            max_tokens=settings.max_tokens,
        )
        return _Question(str(task.get("id")), prompt, labels, request)

    def _prediction(self, question: _Question, reply: Reply, version: str) -> Prediction:
        return build_prediction(reply.texts, question.prompt, question.labels, self.labeling, version)

    def _remember(self, answers: Sequence[tuple[_Question, Reply]]) -> None:
        self.services.store.save_answered(
            self.project,
            prompts={question.task: question.prompt for question, _ in answers},
            replies={question.task: reply.texts for question, reply in answers},
        )

    def _report(self, entries: Sequence[Mapping[str, Any]], origin: Origin) -> None:
        failures = Counter(entry["error"] for entry in entries if "error" in entry)
        failed = failures.total()
        self.services.metrics.tasks(origin, "batch", done=len(entries) - failed, failed=failed)
        for sentence, count in failures.items():
            self.services.activity.error(self.project, sentence, count)
            log.warning("Project %s: %d of %d tasks failed: %s", self.project, count, len(entries), sentence)

    def _project_prompt(self) -> str | None:
        return self.services.store.prompt(self.project)

    def _origin(self, version: str) -> Origin:
        return Origin(self.project, version)

    def _version_of(self, prompt: str | None) -> str:
        return model_version(prompt, self.labeling, self.settings)
