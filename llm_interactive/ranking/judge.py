"""An LLM ranks the replies that people rank, in both orders: what stands first pleases it more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from string import ascii_lowercase
from typing import Any

from llm_interactive.export.comparisons import LEFT, RIGHT, SAME, SOURCE
from llm_interactive.label_studio.records import NewPrediction, Task
from llm_interactive.label_studio.records import Project as StudioProject
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.base import Checked, Data, region
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.ranking import Ranker
from llm_interactive.predict.bulk import BulkRun
from llm_interactive.predict.label_run import as_sent
from llm_interactive.predict.prepare import Owner
from llm_interactive.predict.prepare import Task as SentTask
from llm_interactive.predict.project import Project
from llm_interactive.ranking.form import CONTEXT, MESSAGES, REPLIES, comparison_of, judging_config, verdict_region
from llm_interactive.services import Services
from llm_interactive.settings import SPEC_TEMPLATE
from llm_interactive.store.rankings import Order
from llm_interactive.store.store import StoredProject

PROMPT = (
    "Rank the replies to the last message, the best first. Better is what is right, helpful and harmless, keeps to the "
    "point and to the form that was asked for. A longer reply is no better for its length."
)


NEITHER = "neither"
"""What a judge says of two replies that are as good as each other."""


@dataclass(frozen=True)
class Verdict:
    """What a judge says of a task's replies; see store.rankings.Order."""

    task: Task
    order: Order

    @property
    def decided(self) -> float:
        """The share of pairs of replies of which one is better."""
        count = sum(map(len, self.order))
        tied = sum(len(group) * (len(group) - 1) for group in self.order)
        return 1 - tied / (count * (count - 1))


class _Better(Choices):
    """Which of two replies is better, or NEITHER where the model answers that by null."""

    def check(self, value: Any, data: Data) -> Checked:
        checked = super().check(value, data)
        return checked if checked.value or checked.fault else Checked(NEITHER)

    def regions(self, value: Any, data: Data) -> list[Region]:
        return [region(self.control, {self.key: [value]})] if value else []


class Judge:
    """Asks `model` about the tasks of a ranking; `failed` counts causes, `verdicts` are of those that succeeded."""

    def __init__(self, services: Services, ranking: StudioProject, source: str, model: str, prompt: str) -> None:
        """`source` is the `<id>.<created>` of the project whose tasks, and files, the `ranking` shows.

        Raises:
            LabelingConfigError: it is no ranking.
        """
        self._services = services
        self._comparison = comparison_of(ranking.labeling_config)
        settings = services.settings
        asked = judging_config(ranking.labeling_config, settings.prompt_prefix)
        project = Project.of(ranking.key, asked, settings, StoredProject({"": prompt}, {}))
        # Asked in its own words, whatever the operator set for annotators' prompts.
        options = replace(
            project.options,
            model=model,
            num_responses=1,
            prompt_template=SPEC_TEMPLATE,
            system_prompt=None,
            structured_output=True,
        )
        [form] = project.forms
        [output] = form.outputs
        if isinstance(output, Choices):
            form = replace(form, outputs=(_Better(output.control),))
        self.project = replace(project, forms=(form,), options=options, owner_of=partial(_owner, source))
        self.failed: Counter[str] = Counter()
        self.verdicts: list[Verdict] = []

    def asked(self, task: Task, *, backwards: bool = False) -> SentTask:
        """The task as the judge sees it: its replies are numbered as they stand."""
        texts = list(self._comparison.replies(task.data).values())
        placed = enumerate(reversed(texts) if backwards else texts, start=1)
        listed = [{"id": str(place), "body": text} for place, text in placed]
        said = "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in task.data[MESSAGES])
        return as_sent(replace(task, data={**task.data, CONTEXT: said, REPLIES: listed}))

    def ask(self, tasks: Sequence[Task]) -> Iterator[int]:
        """Ask about all tasks, in both orders; gives how many are through, once for each order."""
        [output] = self.project.forms[0].outputs
        orders: defaultdict[int, list[list[int]]] = defaultdict(list)
        for backwards in (False, True):
            sent = (self.asked(task, backwards=backwards) for task in tasks)
            for entries in BulkRun(self._services, self.project).entries(sent):
                for task, entry in entries:
                    order = _order(output.value_of(entry.get("result", ())))
                    if order is not None:
                        numbers = [len(order) - place if backwards else place - 1 for place in order]
                        orders[int(task["id"])].append(numbers)
                    else:
                        self.failed[entry.get("error", "The judge did not rank the replies.")] += 1
                yield len(entries)
        self.verdicts = [
            Verdict(task, _agreed(list(self._comparison.replies(task.data)), orders[task.id]))
            for task in tasks
            if len(orders[task.id]) == 2
        ]

    @property
    def orders(self) -> dict[int, Order]:
        """How it ranks the replies, by the task's id."""
        return {verdict.task.id: verdict.order for verdict in self.verdicts}

    def predictions(self, *, shown: bool) -> Iterator[NewPrediction]:
        """The verdicts as predictions of the ranking; the score is the share of pairs that are decided.

        Label Studio fills a task that is opened from the list with its prediction, whatever the project's settings say:
        where the verdict is not to be `shown`, the prediction has a score and nothing else.
        """
        for verdict in self.verdicts:
            regions = self._regions(verdict) if shown else []
            yield NewPrediction(verdict.task.id, regions, self.project.version, verdict.decided)

    def _regions(self, verdict: Verdict) -> list[Region]:
        control = self._comparison.control
        ids = [id for group in verdict.order for id in group]
        if control.tag == "Ranker":
            return Ranker(control).regions(ids, verdict.task.data)
        if len(verdict.order) == 1:
            return [verdict_region(SAME)]
        return [verdict_region(LEFT if ids[0] == control.objects[0].name else RIGHT)]


def _owner(source: str, task: SentTask) -> Owner:
    return Owner(source, str(task["data"][SOURCE]))


def _order(value: Any) -> list[int] | None:
    """The places of replies as they were shown, the best first: of the better one of two, or of a list.

    It is empty where neither of two is better, None where nothing can be read.
    """
    if value == NEITHER:
        return []
    if isinstance(value, str):
        return [int(value), 3 - int(value)]
    return [int(id) for id in value] if value else None


def _agreed(ids: Sequence[str], orders: Sequence[Sequence[int]]) -> Order:
    """`ids` by their mean place in the orders; what is at the same place is as good as each other.

    So are all where one of the orders is empty.
    """
    if not all(orders):
        return [list(ids)]
    total: Counter[str] = Counter()
    for order in orders:
        total.update({ids[number]: place for place, number in enumerate(order)})
    ranked = sorted(ids, key=total.__getitem__)
    return [list(group) for _, group in groupby(ranked, key=total.__getitem__)]


def relatives(judge: str, models: Iterable[str]) -> list[str]:
    """Those of `models` that are of the judge's family, as far as the names tell: it likes their style."""
    return sorted(model for model in set(models) if _family(model) == _family(judge))


def _family(model: str) -> str:
    name = model.rpartition("/")[2].lower().removeprefix("ft:")  # as OpenAI names what is tuned
    return name[: len(name) - len(name.lstrip(ascii_lowercase))]
