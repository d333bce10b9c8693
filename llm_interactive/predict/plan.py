"""What labeling many tasks would take, from a sample of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError
from llm_interactive.llm.completion import BATCHED_TOKENS
from llm_interactive.llm.prices import total
from llm_interactive.predict.prepare import PreparedTask, Task
from llm_interactive.predict.project import Project
from llm_interactive.predict.size import size_of
from llm_interactive.services import Services

_BYTES_PER_TOKEN = 4
_IMAGE_TOKENS = 1000
_PATIENCE = 60.0
_SHORT_REPLY = 100
"""Tokens of a reply, as long as the model has not been asked."""


@dataclass(frozen=True)
class Plan:
    """About what is ahead: all but `tasks` are estimates. `cost` (US dollars) and `seconds` are None where unknown.

    `paid` tasks have replies already, or will by a batch; `failing` ones cannot be asked about, mostly for `failure`.
    `batched`: by the provider's Batch API.
    """

    tasks: int
    paid: int
    failing: int
    failure: str | None
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float | None
    batched: bool = False


def plan(services: Services, project: Project, sample: Sequence[Task], tasks: int, *, batched: bool = False) -> Plan:
    """The plan for `tasks` tasks like those of `sample`."""
    deadline = Deadline.after(_PATIENCE)
    prepared: list[PreparedTask] = []
    failures: list[str] = []
    for task, examples in zip(sample, services.examples.nearest(project, sample, deadline), strict=True):
        try:
            prepared += project.prepare(task, services.images, deadline, examples).values()
        except BackendError as error:
            failures.append(error.message)
    keys = [services.replies.key(one) for one in prepared]
    paid = {*services.store.replies(keys), *services.store.batches.waiting(keys)}
    share = tasks / max(1, len(sample))
    calls = round(sum(key not in paid for key in keys) * share)
    before = services.store.usage.calls(project.id, [origin.version for origin in project.payers])
    asked = sum(_tokens(one) for one, key in zip(prepared, keys, strict=True) if key not in paid)
    prompt_tokens = round(asked * share)
    completion_tokens = round(calls * (_mean([call.completion_tokens for call in before]) or _SHORT_REPLY))
    tokens = {"prompt_tokens": prompt_tokens, "cached_tokens": 0, "completion_tokens": completion_tokens}
    if batched:
        tokens |= {name: tokens[name.removeprefix("batched_")] for name in BATCHED_TOKENS}
    seconds = _mean([call.seconds for call in before if not call.batched])
    return Plan(
        tasks=tasks,
        paid=round(len(paid) / max(1, len(keys)) * (len(sample) - len(failures)) * share),
        failing=round(len(failures) * share),
        failure=max(failures, key=failures.count, default=None),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost=_cost(services, project.models, tokens, calls),
        seconds=None if batched or seconds is None else seconds * calls / services.settings.max_concurrency,
        batched=batched,
    )


def _cost(services: Services, models: Sequence[str], tokens: Mapping[str, int], calls: int) -> float | None:
    """The cost of calls that the models share equally."""
    each = {name: count // len(models) for name, count in tokens.items()}
    return total(services.prices.cost(model, each, calls // len(models)) for model in models) if calls else 0.0


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _tokens(prepared: PreparedTask) -> int:
    """About how many tokens a request has; an image counts as its usual thousand."""
    size = size_of(prepared.request)
    return size.text_bytes // _BYTES_PER_TOKEN + _IMAGE_TOKENS * size.images
