"""The answers of people and of model versions, output by output, and what counts as the right ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from llm_interactive.errors import InvalidRequest
from llm_interactive.evaluation.values import Kind, Value, kind_of, value_in
from llm_interactive.label_studio.records import Annotation, Prediction, Task
from llm_interactive.labeling.config import texts_in
from llm_interactive.labeling.contents import shown_text
from llm_interactive.outputs.base import Output
from llm_interactive.outputs.form import Form
from llm_interactive.prompts.current import prompt_in

T = TypeVar("T")

MAJORITY = "majority"
GROUND_TRUTH = "ground-truth"

_LONGEST_TEXT = 1_000


@dataclass(frozen=True)
class Given:
    """What a version says: the value and its score (0…1), the output's own one where its regions have it."""

    value: Value
    score: float | None = None


@dataclass(frozen=True)
class Answers:
    """All answers for one output: values by task, of each person (by user id) and of each version.

    `failed`: the tasks for which a version has an error text instead of an answer.
    """

    output: str
    kind: Kind
    people: Mapping[int, Mapping[int, Value]]
    ground_truth: Mapping[int, Value]
    versions: Mapping[str, Mapping[int, Given]]
    failed: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def reference(self, wanted: str) -> dict[int, Value]:
        """The right value of each task by GROUND_TRUTH, by MAJORITY (a tie is none), or by a user's id.

        Free texts are never wrong by being empty: a task without one has no right text.

        Raises:
            InvalidRequest: it is none of these, or nobody with that id annotated.
        """
        if wanted == GROUND_TRUTH:
            found = dict(self.ground_truth)
        elif wanted == MAJORITY:
            found = self._majority()
        elif wanted.isdecimal() and int(wanted) in self.people:
            found = dict(self.people[int(wanted)])
        else:
            users = ", ".join(map(str, sorted(self.people))) or "nobody"
            raise InvalidRequest(
                f'No annotations are by "{wanted}". A reference is {GROUND_TRUTH}, {MAJORITY} or the id of a user '
                f"who annotated: {users}."
            )
        return {task: value for task, value in found.items() if value is not None or self.kind is not Kind.TEXT}

    def by_task(self) -> dict[int, list[Value]]:
        """What people say of each task, in the order of their ids."""
        found: defaultdict[int, list[Value]] = defaultdict(list)
        for user in sorted(self.people):
            for task, value in self.people[user].items():
                found[task].append(value)
        return dict(found)

    def only(self, keep: Callable[[int], bool]) -> Answers:
        """The answers for those tasks that `keep` holds for, by their ids."""
        people = {user: some for user, found in self.people.items() if (some := _some(found, keep))}
        versions = {version: _some(found, keep) for version, found in self.versions.items()}
        failed = {version: frozenset(filter(keep, tasks)) for version, tasks in self.failed.items()}
        truth = _some(self.ground_truth, keep)
        return replace(self, people=people, ground_truth=truth, versions=versions, failed=failed)

    def _majority(self) -> dict[int, Value]:
        found: dict[int, Value] = {}
        for task, values in self.by_task().items():
            (value, most), *others = Counter(values).most_common(2)
            if not others or others[0][1] < most:
                found[task] = value
        return found


@dataclass
class Subject:
    """What a task is about, to be shown: its text, and the reply of each version. `annotation` is the id of one."""

    text: str
    replies: dict[str, str] = field(default_factory=dict)
    annotation: int = 0


@dataclass(frozen=True)
class Material:
    """All answers in a project, those of texts last."""

    outputs: Sequence[Answers]
    subjects: Mapping[int, Subject]
    versions: Sequence[str]
    """Newest first."""

    prompts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The prompts that made most of each version's predictions, by the prompt field's name."""

    @property
    def has_ground_truth(self) -> bool:
        """Whether any annotation is marked as ground truth."""
        return any(answers.ground_truth for answers in self.outputs)

    def only(self, keep: Callable[[int], bool]) -> Material:
        """The same of those tasks that `keep` holds for, by their ids."""
        outputs = [answers.only(keep) for answers in self.outputs]
        return replace(self, outputs=outputs, subjects=_some(self.subjects, keep))


def gather(forms: Sequence[Form], tasks: Iterable[Task]) -> Material:
    """The answers in `tasks`, for the outputs of a project's forms.

    Skipped annotations are left out; of several by one user, and of several predictions by one version, the newest
    counts. What a form does not hold beside an error text was not asked of anybody, so it is no answer.
    """
    columns = {output.control.name: _Columns(output, form) for form in forms for output in form.outputs}
    subjects: dict[int, Subject] = {}
    newest: dict[str, int] = {}
    prompts = _Prompts(forms)
    for task in tasks:
        subject = subjects[task.id] = Subject(_text(forms, task))
        for annotation in task.annotations:
            if not annotation.cancelled:
                subject.annotation = annotation.id
                for column in columns.values():
                    column.add_annotation(task, annotation)
        for prediction in {made.model_version: made for made in task.predictions}.values():
            version = prediction.model_version
            newest[version] = max(newest.get(version, 0), prediction.id)
            subject.replies[version] = _reply(forms, prediction)
            prompts.add(prediction)
            for column in columns.values():
                column.add_prediction(task, prediction)
    versions = sorted(newest, key=lambda version: -newest[version])
    answers = sorted((column.answers() for column in columns.values()), key=lambda one: one.kind is Kind.TEXT)
    return Material(answers, subjects, versions, prompts.most_frequent())


class _Prompts:
    """The prompts of each version as its predictions are read."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._fields = [form.spec.prompt for form in forms]
        self._counts: defaultdict[str, defaultdict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))

    def add(self, prediction: Prediction) -> None:
        for asked in self._fields:
            if prompt := prompt_in(prediction.result, asked):
                self._counts[prediction.model_version][asked.name][prompt] += 1

    def most_frequent(self) -> dict[str, dict[str, str]]:
        return {
            version: {name: counts.most_common(1)[0][0] for name, counts in found.items()}
            for version, found in self._counts.items()
        }


class _Columns:
    """The answers for one output as they are read."""

    def __init__(self, output: Output, form: Form) -> None:
        self._output = output
        self._form = form
        self._kind = kind_of(output)
        self._people: defaultdict[int, dict[int, Value]] = defaultdict(dict)
        self._ground_truth: dict[int, Value] = {}
        self._versions: defaultdict[str, dict[int, Given]] = defaultdict(dict)
        self._failed: defaultdict[str, set[int]] = defaultdict(set)

    def add_annotation(self, task: Task, annotation: Annotation) -> None:
        value = value_in(self._output, annotation.result, task.data)
        if value is None and self._form.has_failed(annotation.result):
            return
        self._people[annotation.user or 0][task.id] = value
        if annotation.ground_truth:
            self._ground_truth[task.id] = value

    def add_prediction(self, task: Task, prediction: Prediction) -> None:
        if self._form.has_failed(prediction.result):
            self._failed[prediction.model_version].add(task.id)
            return
        own = [entry for entry in prediction.result if entry.get("from_name") == self._output.control.name]
        scores = [entry["score"] for entry in own if isinstance(entry.get("score"), int | float)]
        value = value_in(self._output, prediction.result, task.data)
        # The prediction's score is of labels: it says nothing of a text beside them.
        score = None if self._kind is Kind.TEXT else prediction.score
        self._versions[prediction.model_version][task.id] = Given(value, min(scores, default=score))

    def answers(self) -> Answers:
        """The columns; several labels that never come together are single ones."""
        kind = self._kind
        if kind is Kind.LABELS and all(len(value) <= 1 for value in self._values() if isinstance(value, frozenset)):
            kind = Kind.LABEL
            self._people = defaultdict(dict, {user: _single(found) for user, found in self._people.items()})
            self._ground_truth = _single(self._ground_truth)
            for found in self._versions.values():
                found.update({task: Given(_label(given.value), given.score) for task, given in found.items()})
        failed = {version: frozenset(tasks) for version, tasks in self._failed.items()}
        return Answers(self._output.control.name, kind, self._people, self._ground_truth, self._versions, failed)

    def _values(self) -> Iterable[Value]:
        yield from (value for found in self._people.values() for value in found.values())
        yield from (given.value for found in self._versions.values() for given in found.values())


def _some(found: Mapping[int, T], keep: Callable[[int], bool]) -> dict[int, T]:
    return {task: value for task, value in found.items() if keep(task)}


def _single(found: Mapping[int, Value]) -> dict[int, Value]:
    return {task: _label(value) for task, value in found.items()}


def _label(value: Value) -> Value:
    return str(next(iter(value))) if isinstance(value, frozenset) else value


def _reply(forms: Sequence[Form], prediction: Prediction) -> str:
    """The texts of a prediction, the response's first."""
    texts = [text for form in forms for control in form.texts for text in texts_in(prediction.result, control)]
    return next(iter(texts), "")


def _text(forms: Sequence[Form], task: Task) -> str:
    """What the forms show, as far as it is text."""
    tags = dict.fromkeys(tag for form in forms for tag in form.spec.objects)
    return shown_text(tags, task.data)[:_LONGEST_TEXT]
