"""What must survive a restart and be the same for all workers: prompts, projects' parameters, paid replies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from llm_interactive.llm.client import Reply
from llm_interactive.store.batches import Batch, Batches, Request
from llm_interactive.store.database import Database, Rows
from llm_interactive.store.evaluations import Evaluations
from llm_interactive.store.example_sets import ExampleSets
from llm_interactive.store.projects import Projects
from llm_interactive.store.rankings import Rankings
from llm_interactive.store.runs import Runs
from llm_interactive.store.sweep import Stale, Sweeper, beyond, beyond_each
from llm_interactive.store.tables import (
    LEASE_SECONDS,
    MIGRATIONS,
    answered,
    batch_requests,
    batches,
    calls,
    cancelled,
    chosen_examples,
    error_texts,
    evaluations,
    example_sets,
    facts,
    leases,
    pins,
    projects,
    prompts,
    ranked,
    ranked_prompts,
    replies,
    runs,
    submissions,
    verdicts,
    versions,
)
from llm_interactive.store.usage import Call, Origin, Usage

_READ_CHUNK = 500
_ANSWERED_DAYS = 30
_EXAMPLE_DAYS = 60
_SETS_KEPT = 5
_MOST_RUNS = 20_000
_MOST_EVALUATIONS = 1000
_MOST_BATCHES = 10_000
_MOST_UNWRITTEN = 20_000
_PROMPTS_SHOWN = 20
_MOST_ROWS = 1_000_000
_MOST_PROJECTS = 100_000
_REPLIES_PER_TASK = 50
_VERSIONS_SHOWN = 100

# Built once: building a statement takes longer than reading a row.
_project: sa.BindParameter[str] = sa.bindparam("project")
_wanted: sa.BindParameter[list[str]] = sa.bindparam("wanted", expanding=True)
_newest = sa.select(sa.func.max(prompts.c.id)).where(prompts.c.project == _project).group_by(prompts.c.field)
_prompts = sa.union_all(
    sa.select(prompts.c.field, prompts.c.text, sa.literal(0).label("pinned")).where(prompts.c.id.in_(_newest)),
    sa.select(pins.c.field, pins.c.text, sa.literal(1)).where(pins.c.project == _project, pins.c.text != ""),
)
_earlier = (
    sa.select(prompts.c.field, prompts.c.text, prompts.c.created_at).order_by(prompts.c.id.desc()).limit(_PROMPTS_SHOWN)
)
_earlier_prompts = _earlier.where(prompts.c.project == _project, prompts.c.text != "")
_params = sa.select(projects.c.params).where(projects.c.project == _project)
_all_versions = sa.select(versions.c.version).order_by(versions.c.created_at.desc()).limit(_VERSIONS_SHOWN)
_versions = _all_versions.where(versions.c.project == _project)
_replies = sa.select(replies.c.key, replies.c.reply).where(
    replies.c.key.in_(_wanted), replies.c.created_at >= sa.bindparam("oldest")
)
_answered = sa.select(answered.c.task, answered.c.prompt, answered.c.replies).where(
    answered.c.project == _project, answered.c.task.in_(_wanted)
)


@dataclass(frozen=True)
class Answered:
    """The last answer to a task, as hashes: of its prompt, and of all replies ever given to the task."""

    prompt: str
    replies: tuple[str, ...]


@dataclass(frozen=True)
class StoredProject:
    """A project's `prompts` that were used last and those `pinned`, by the prompt field's name.

    The prompt of the field "" is that of every field without one of its own; an empty text is none. `params` are its
    choices in Label Studio's connection form.
    """

    prompts: Mapping[str, str]
    params: Mapping[str, Any]
    pinned: Mapping[str, str] = field(default_factory=dict)

    def prompt(self, field: str) -> str | None:
        """The current prompt of a field, None before the first one: the pinned one, else what was used last."""
        return self.pinned.get(field) or self.used(field)

    def used(self, field: str) -> str | None:
        """The prompt that an annotator submitted or used last."""
        return (self.prompts[field] if field in self.prompts else self.prompts.get("")) or None


def _row_of(key: str, reply: Reply) -> dict[str, Any]:
    return {"key": key, "reply": {**vars(reply), "texts": list(reply.texts)}, "created_at": time.time()}


def fingerprint(text: str) -> str:
    """Hash (16 hex digits) by which a text is known again without keeping it; white space makes no difference."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]


class Store:
    """The database behind a few questions. Safe for threads and for several processes.

    A database that fails never fails a prediction: reads find nothing, writes wait until it is back.
    """

    def __init__(self, url: str, reply_ttl: float) -> None:
        """Open the database at `url`; keep replies for `reply_ttl` hours.

        Raises:
            SchemaError: the database is of a newer release.
        """
        self._reply_seconds = reply_ttl * 3600
        self._last_prompts: dict[str, dict[str, str]] = {}
        self._last_pinned: dict[str, dict[str, str]] = {}
        self._unwritten: dict[str, Reply] = {}
        self.database = Database(url, MIGRATIONS)
        self.usage = Usage(self.database)
        self.runs = Runs(self.database)
        self.projects = Projects(self.database)
        self.evaluations = Evaluations(self.database)
        self.rankings = Rankings(self.database)
        self.batches = Batches(self.database)
        self.example_sets = ExampleSets(self.database)
        self.sweeper = Sweeper(self.database, self._stale)

    @property
    def failure(self) -> str | None:
        """Why the database fails now."""
        return self.database.health.failure

    @property
    def losses(self) -> tuple[str, ...]:
        """What was lost for good since the start."""
        return self.database.health.losses

    def project(self, project: str) -> StoredProject:
        """What is known of the project."""
        rows = self.database.rows(_prompts, project=project)
        found, pinned = ({row.field: row.text for row in rows if row.pinned == kind} for kind in (0, 1))
        params = self.database.value(_params, project=project) or {}
        if self.failure:
            # Not asking by another prompt, and paying for it, only because the database is away.
            found = self._last_prompts.get(project, found)
            pinned = self._last_pinned.get(project, pinned)
        elif rows:
            self._last_prompts[project], self._last_pinned[project] = found, pinned
        return StoredProject(found, params, pinned)

    def save_params(self, project: str, params: Mapping[str, Any]) -> None:
        """Keep what the project chose for itself in Label Studio's connection form."""
        self.database.write({projects: [{"project": project, "params": dict(params), "saved_at": time.time()}]})

    def versions(self, project: str | None) -> list[str]:
        """The model versions that the project has had, newest first; None is for all projects."""
        found = self.database.rows(_all_versions) if project is None else self.database.rows(_versions, project=project)
        return list(dict.fromkeys(row.version for row in found))

    def save_version(self, project: str, version: str) -> None:
        """Note that `version` is the project's current model version."""
        if next(iter(self.versions(project)), None) != version:
            row = {"project": project, "version": version, "created_at": time.time()}
            self.database.write({versions: [row]})

    def replies(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies that were paid for under `keys` and are not older than the time to live."""
        if not self._reply_seconds:
            return {}
        wanted = list(keys)
        rows = self._rows_of(_replies, wanted, oldest=time.time() - self._reply_seconds)
        found = {row.key: Reply(**{**row.reply, "texts": tuple(row.reply["texts"])}) for row in rows}
        unwritten = self._unwritten
        return found | {key: unwritten[key] for key in wanted if key in unwritten}

    def save_reply(self, key: str, reply: Reply, paid: Sequence[Call] = (), *, wait: bool = True) -> None:
        """Keep a reply under `key`, and the calls that were `paid` for it; returns when they are committed.

        Without `wait` they are committed together with the next write that somebody waits for.
        """
        if not self._reply_seconds:
            self.database.write(self.usage.rows_of(paid), wait=False)
            return
        committed = self.database.write({replies: [_row_of(key, reply)], **self.usage.rows_of(paid)}, wait=wait)
        if committed and not self.failure:
            self._unwritten = {}
        elif len(self._unwritten) < _MOST_UNWRITTEN:
            # It is paid for, and the database will have it only when it is back.
            self._unwritten[key] = reply

    def save_batch(
        self,
        batch: Batch,
        found: Mapping[str, Reply],
        paid: Sequence[Call],
        failed: Sequence[Request],
    ) -> bool:
        """Keep what was read of a batch together with how far it was read; False if the database does not answer."""
        unpaid = len(failed) - sum(call.outcome == "unusable" for call in paid)
        usage = self.usage.rows_of(paid, [Origin(batch.project, batch.version)] * unpaid)
        rows = [_row_of(key, reply) for key, reply in found.items()]
        return self.database.write({replies: rows, **usage, **self.batches.rows_of(batch, failed)})

    def answered(self, project: str, tasks: Iterable[str]) -> dict[str, Answered]:
        """The last answer to each of `tasks` that has one."""
        found = self._rows_of(_answered, tasks, project=project)
        return {row.task: Answered(row.prompt, tuple(row.replies)) for row in found}

    def save_answered(
        self,
        project: str,
        given: Mapping[str, tuple[str, Iterable[str]]],
        before: Mapping[str, Answered] | None = None,
        prompts_used: Mapping[str, str] | None = None,
    ) -> None:
        """Remember (as hashes) what tasks were given: prompt and replies by the task's key.

        `before` is what the caller has just read of these tasks, if it has. `prompts_used` become the project's
        current ones, by the prompt field's name.
        """
        before = self.answered(project, given) if before is None else before
        now = time.time()
        rows = []
        for task, (prompt, texts) in given.items():
            known = [*(before[task].replies if task in before else ()), *map(fingerprint, texts)]
            kept = list(dict.fromkeys(known))[-_REPLIES_PER_TASK:]
            rows.append(
                {"project": project, "task": task, "prompt": fingerprint(prompt), "replies": kept, "created_at": now}
            )
        self.database.write({prompts: self._prompt_rows(project, prompts_used or {}), answered: rows})

    def save_prompts(self, project: str, texts: Mapping[str, str]) -> None:
        """Make `texts` the project's current prompts, by the prompt field's name."""
        self.database.write({prompts: self._prompt_rows(project, texts)})

    def pin(self, project: str, field: str, text: str) -> None:
        """Make `text` a field's prompt whatever annotators type; an empty one pins none."""
        self._last_pinned.setdefault(project, {})[field] = text
        row = {"project": project, "field": field, "text": text, "created_at": time.time()}
        self.database.write({pins: [row]})

    def reset(self, project: str, field: str) -> None:
        """Forget a field's prompt, the pinned and the used one: DEFAULT_PROMPT holds until the next one is used."""
        self.pin(project, field, "")
        self.save_prompts(project, {field: ""})

    def earlier_prompts(self, project: str) -> list[tuple[str, str, float]]:
        """The last prompts that a project has had, newest first: field, text, and the time since when."""
        return [(row.field, row.text, row.created_at) for row in self.database.rows(_earlier_prompts, project=project)]

    def _prompt_rows(self, project: str, texts: Mapping[str, str]) -> list[dict[str, Any]]:
        if texts:
            self._last_prompts[project] = {**self._last_prompts.get(project, {}), **texts}
        now = time.time()
        return [{"project": project, "field": field, "text": text, "created_at": now} for field, text in texts.items()]

    def close(self) -> None:
        """Commit what is waiting and let go of the database."""
        self.sweeper.close()
        self.database.close()

    def _rows_of(self, statement: sa.Executable, wanted: Iterable[str], **values: Any) -> Iterator[Any]:
        names = list(dict.fromkeys(wanted))
        for start in range(0, len(names), _READ_CHUNK):
            found: Rows = self.database.rows(statement, wanted=names[start : start + _READ_CHUNK], **values)
            yield from found

    def _stale(self) -> Iterable[Stale]:
        now = time.time()
        yield Stale(replies.c.created_at, replies.c.created_at < now - self._reply_seconds)
        yield Stale(answered.c.created_at, answered.c.created_at < now - _ANSWERED_DAYS * 86400)
        for column in (example_sets.c.made_at, chosen_examples.c.created_at):
            yield Stale(column, column < now - _EXAMPLE_DAYS * 86400)
        yield Stale(leases.c.until, leases.c.until < now - 10 * LEASE_SECONDS)
        yield Stale(cancelled.c.created_at, cancelled.c.created_at < now - 86400)
        yield beyond_each(prompts.c.id, _PROMPTS_SHOWN, prompts.c.project, prompts.c.field)
        yield beyond_each(example_sets.c.made_at, _SETS_KEPT, example_sets.c.project)
        yield beyond_each(versions.c.created_at, _VERSIONS_SHOWN, versions.c.project)
        for table in (
            replies,
            answered,
            batch_requests,
            ranked,
            ranked_prompts,
            submissions,
            verdicts,
            chosen_examples,
        ):
            yield beyond(table.c.created_at, _MOST_ROWS)
        yield beyond(calls.c.id, _MOST_ROWS)
        yield beyond(runs.c.started_at, _MOST_RUNS)
        yield beyond(evaluations.c.made_at, _MOST_EVALUATIONS)
        yield beyond(batches.c.created_at, _MOST_BATCHES)
        ages = (prompts.c.id, pins.c.created_at, versions.c.created_at, projects.c.saved_at, facts.c.told_at)
        for column in (*ages, error_texts.c.created_at):
            yield beyond(column, _MOST_PROJECTS)
