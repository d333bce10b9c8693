"""What must survive a restart and be the same for all workers: prompts, projects' parameters, paid replies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from llm_interactive.llm.client import Reply
from llm_interactive.store.database import Database, Rows
from llm_interactive.store.tables import (
    LEASE_SECONDS,
    answered,
    claims,
    metadata,
    processes,
    projects,
    prompts,
    replies,
    versions,
)

_READ_CHUNK = 500
_ANSWERED_DAYS = 30
_PROCESS_SECONDS = 3600
_MOST_UNWRITTEN = 20_000
_MAX_REPLIES = 1_000_000
_REPLIES_PER_TASK = 50
_VERSIONS_SHOWN = 100

# Built once: building a statement takes longer than reading a row.
_project: sa.BindParameter[str] = sa.bindparam("project")
_wanted: sa.BindParameter[list[str]] = sa.bindparam("wanted", expanding=True)
_prompt = sa.select(prompts.c.text).where(prompts.c.project == _project).order_by(prompts.c.id.desc()).limit(1)
_params = sa.select(projects.c.params).where(projects.c.project == _project)
_of_task = sa.and_(answered.c.project == _project, answered.c.task == sa.bindparam("task"))
_of_project = sa.select(
    _prompt.scalar_subquery().label("prompt"),
    _params.scalar_subquery().label("params"),
    sa.select(answered.c.prompt).where(_of_task).scalar_subquery().label("answered"),
    sa.select(answered.c.replies).where(_of_task).scalar_subquery().label("replies"),
)
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
class Project:
    """A project's current `prompt`, None before the first one, and what it chose in Label Studio's connection form.

    `answered` is the last answer to the task that was asked for, if it has one.
    """

    prompt: str | None
    params: Mapping[str, Any]
    answered: Answered | None = None


def fingerprint(text: str) -> str:
    """Hash (16 hex digits) by which a text is known again without keeping it; white space makes no difference."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]


class Store:
    """The database behind a few questions. Safe for threads and for several processes.

    A database that fails never fails a prediction: reads find nothing, writes wait until it is back.
    """

    def __init__(self, url: str, reply_ttl: float) -> None:
        """Open the database at `url`; keep replies for `reply_ttl` hours."""
        self._reply_seconds = reply_ttl * 3600
        self._last_prompts: dict[str, str] = {}
        self._unwritten: dict[str, Reply] = {}
        self.database = Database(url, metadata, self._sweep)

    @property
    def failure(self) -> str | None:
        """Why the database fails now."""
        return self.database.failure

    def project(self, project: str, task: str | None = None) -> Project:
        """What is known of the project, and of one of its tasks, in one read."""
        found = self.database.rows(_of_project, project=project, task=task)
        row = found[0] if found else None
        prompt: str | None = row.prompt if row else None
        if self.failure:
            # Not asking by another prompt, and paying for it, only because the database is away.
            prompt = self._last_prompts.get(project, prompt)
        elif prompt is not None:
            self._last_prompts[project] = prompt
        last = Answered(row.answered, tuple(row.replies)) if row and row.answered else None
        return Project(prompt, (row and row.params) or {}, last)

    def save_prompt(self, project: str, text: str) -> None:
        """Make `text` the project's current prompt."""
        self._last_prompts[project] = text
        self.database.write({prompts: [{"project": project, "text": text, "created_at": time.time()}]})

    def save_params(self, project: str, params: Mapping[str, Any]) -> None:
        """Keep what the project chose for itself in Label Studio's connection form."""
        self.database.write({projects: [{"project": project, "params": dict(params)}]})

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

    def save_reply(self, key: str, reply: Reply, *, wait: bool = True) -> None:
        """Keep a paid reply under `key`; returns when it is committed.

        Without `wait` it is committed together with the next write that somebody waits for.
        """
        if not self._reply_seconds:
            return
        row = {"key": key, "reply": {**asdict(reply), "texts": list(reply.texts)}, "created_at": time.time()}
        self.database.write({replies: [row]}, wait=wait)
        if not self.failure:
            self._unwritten = {}
        elif len(self._unwritten) < _MOST_UNWRITTEN:
            # It is paid for, and the database will have it only when it is back.
            self._unwritten[key] = reply

    def answered(self, project: str, tasks: Iterable[str]) -> dict[str, Answered]:
        """The last answer to each of `tasks` that has one."""
        found = self._rows_of(_answered, tasks, project=project)
        return {row.task: Answered(row.prompt, tuple(row.replies)) for row in found}

    def save_answered(
        self,
        project: str,
        prompts: Mapping[str, str],
        replies: Mapping[str, Iterable[str]],
        before: Mapping[str, Answered] | None = None,
    ) -> None:
        """Remember (as hashes) prompt and replies that tasks were given; both map a task's id.

        `before` is what the caller has just read of these tasks, if it has.
        """
        before = self.answered(project, replies) if before is None else before
        now = time.time()
        rows = []
        for task, texts in replies.items():
            known = [*(before[task].replies if task in before else ()), *map(fingerprint, texts)]
            kept = list(dict.fromkeys(known))[-_REPLIES_PER_TASK:]
            row = {"project": project, "task": task, "prompt": fingerprint(prompts[task]), "replies": kept}
            rows.append({**row, "created_at": now})
        self.database.write({answered: rows})

    def close(self) -> None:
        """Commit what is waiting and let go of the database."""
        self.database.close()

    def _rows_of(self, statement: sa.Executable, wanted: Iterable[str], **values: Any) -> Iterator[Any]:
        names = list(dict.fromkeys(wanted))
        for start in range(0, len(names), _READ_CHUNK):
            found: Rows = self.database.rows(statement, wanted=names[start : start + _READ_CHUNK], **values)
            yield from found

    def _sweep(self, connection: sa.Connection) -> None:
        now = time.time()
        connection.execute(sa.delete(replies).where(replies.c.created_at < now - self._reply_seconds))
        connection.execute(sa.delete(answered).where(answered.c.created_at < now - _ANSWERED_DAYS * 86400))
        connection.execute(sa.delete(claims).where(claims.c.until < now - 10 * LEASE_SECONDS))
        connection.execute(sa.delete(processes).where(processes.c.at < now - _PROCESS_SECONDS))
        newest = sa.select(replies.c.created_at).order_by(replies.c.created_at.desc()).offset(_MAX_REPLIES).limit(1)
        if (bound := connection.execute(newest).scalar()) is not None:
            connection.execute(sa.delete(replies).where(replies.c.created_at <= bound))
