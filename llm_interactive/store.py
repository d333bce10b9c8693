"""What must survive a restart and be the same for all workers: prompts, projects' parameters, paid replies.

SQLite in `MODEL_DIR` by default; any SQLAlchemy database for replicas. Writes go through one thread that commits
them in groups, so that a batch of thousands pays for few commits, and a reply counts as kept only once committed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateIndex, CreateTable

from llm_interactive.llm import Reply

log = logging.getLogger(__name__)

_metadata = sa.MetaData()
_prompts = sa.Table(
    "prompts",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("project", sa.Text, nullable=False, index=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)
_projects = sa.Table(
    "projects",
    _metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("params", sa.JSON, nullable=False),
)
_versions = sa.Table(
    "versions",
    _metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
)
_replies = sa.Table(
    "replies",
    _metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("reply", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)
_answered = sa.Table(
    "answered",
    _metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("prompt", sa.String(16), nullable=False),
    sa.Column("replies", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

_SCHEMA_LOCK = 7_305_090
_GROUP = 500
_READ_CHUNK = 500
_SWEEP_SECONDS = 600
_ANSWERED_DAYS = 30
_MAX_REPLIES = 1_000_000
_REPLIES_PER_TASK = 50
_VERSIONS_SHOWN = 100


@dataclass(frozen=True)
class Answered:
    """The last answer to a task, as hashes: of its prompt, and of all replies ever given to the task."""

    prompt: str
    replies: tuple[str, ...]


_Write = tuple[sa.Table, list[dict[str, Any]], Future[None]]


def fingerprint(text: str) -> str:
    """Hash (16 hex digits) by which a text is known again without keeping it; white space makes no difference."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]


class Store:
    """The database behind a few questions. Safe for threads and for several processes.

    A database that fails never fails a prediction: reads find nothing, writes are dropped with a warning, and
    `failure` holds the cause until an access succeeds.
    """

    def __init__(self, url: str, reply_ttl: float) -> None:
        """Open the database at `url`, make its tables if they are not there; keep replies for `reply_ttl` hours."""
        self.failure: str | None = None
        self._reply_seconds = reply_ttl * 3600
        self._engine = _engine(url)
        self._statements = {table.name: self._upsert(table) for table in (_projects, _versions, _replies, _answered)}
        self._statements[_prompts.name] = sa.insert(_prompts)
        self._writes: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._swept = time.monotonic()
        self._last_prompts: dict[str, str] = {}
        self._ready = False
        self._closed = False
        self._closing = threading.Lock()
        self._guarded(self._prepare, None)
        self._writer = threading.Thread(target=self._write_forever, name="store", daemon=True)
        self._writer.start()

    def prompt(self, project: str) -> str | None:
        """The project's current prompt."""
        newest = sa.select(_prompts.c.text).where(_prompts.c.project == project).order_by(_prompts.c.id.desc())
        found: str | None = self._value(newest)
        if found is None and self.failure:
            # Not asking by another prompt, and paying for it, only because the database is away.
            return self._last_prompts.get(project)
        if found is not None:
            self._last_prompts[project] = found
        return found

    def save_prompt(self, project: str, text: str, *, current: str | None = None) -> None:
        """Make `text` the project's current prompt; nothing is written if it is already.

        `current` is what the caller has just read, if it has.
        """
        if (current or self.prompt(project)) != text:
            row = {"project": project, "text": text, "created_at": time.time()}
            self._write(_prompts, [row])

    def params(self, project: str) -> dict[str, Any]:
        """What the project chose for itself in Label Studio's connection form."""
        statement = sa.select(_projects.c.params).where(_projects.c.project == project)
        return dict(self._value(statement) or {})

    def save_params(self, project: str, params: Mapping[str, Any]) -> None:
        """Keep what the project chose; nothing is written if it is the same."""
        if self.params(project) != dict(params):
            self._write(_projects, [{"project": project, "params": dict(params)}])

    def versions(self, project: str | None) -> list[str]:
        """The model versions that the project has had, newest first; None is for all projects."""
        statement = sa.select(_versions.c.version).order_by(_versions.c.created_at.desc()).limit(_VERSIONS_SHOWN)
        if project is not None:
            statement = statement.where(_versions.c.project == project)
        return list(dict.fromkeys(row.version for row in self._rows(statement)))

    def save_version(self, project: str, version: str) -> None:
        """Note that `version` is the project's current model version."""
        if next(iter(self.versions(project)), None) != version:
            self._write(_versions, [{"project": project, "version": version, "created_at": time.time()}])

    def replies(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies that were paid for under `keys` and are not older than the time to live."""
        wanted = list(dict.fromkeys(keys)) if self._reply_seconds else []
        oldest = time.time() - self._reply_seconds
        found: dict[str, Reply] = {}
        for start in range(0, len(wanted), _READ_CHUNK):
            statement = sa.select(_replies.c.key, _replies.c.reply).where(
                _replies.c.key.in_(wanted[start : start + _READ_CHUNK]), _replies.c.created_at >= oldest
            )
            rows = self._rows(statement)
            found.update((row.key, Reply(**{**row.reply, "texts": tuple(row.reply["texts"])})) for row in rows)
        return found

    def save_reply(self, key: str, reply: Reply, *, wait: bool = True) -> None:
        """Keep a paid reply under `key`; returns when it is committed.

        Without `wait` it is committed before the next write that waits.
        """
        if self._reply_seconds:
            row = {"key": key, "reply": {**asdict(reply), "texts": list(reply.texts)}, "created_at": time.time()}
            self._write(_replies, [row], wait=wait)

    def answered(self, project: str, tasks: Iterable[str]) -> dict[str, Answered]:
        """The last answer to each of `tasks` that has one."""
        wanted = list(dict.fromkeys(tasks))
        found: dict[str, Answered] = {}
        for start in range(0, len(wanted), _READ_CHUNK):
            statement = sa.select(_answered.c.task, _answered.c.prompt, _answered.c.replies).where(
                _answered.c.project == project, _answered.c.task.in_(wanted[start : start + _READ_CHUNK])
            )
            rows = self._rows(statement)
            found.update((row.task, Answered(row.prompt, tuple(row.replies))) for row in rows)
        return found

    def save_answered(self, project: str, prompts: Mapping[str, str], replies: Mapping[str, Iterable[str]]) -> None:
        """Remember (as hashes) prompt and replies that tasks were given; both map a task's id."""
        before = self.answered(project, replies)
        now = time.time()
        rows = []
        for task, texts in replies.items():
            known = [*(before[task].replies if task in before else ()), *map(fingerprint, texts)]
            kept = list(dict.fromkeys(known))[-_REPLIES_PER_TASK:]
            row = {"project": project, "task": task, "prompt": fingerprint(prompts[task]), "replies": kept}
            rows.append({**row, "created_at": now})
        self._write(_answered, rows)

    def close(self) -> None:
        """Commit what is waiting and let go of the database."""
        with self._closing:
            self._closed = True
            self._writes.put(None)
        self._writer.join(timeout=10)
        self._engine.dispose()

    def _rows(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        def read() -> Sequence[sa.Row[Any]]:
            self._prepare()
            with self._engine.connect() as connection:
                return connection.execute(statement).all()

        rows: Sequence[sa.Row[Any]] = self._guarded(read, [])
        return rows

    def _value(self, statement: sa.Select[Any]) -> Any:
        rows = self._rows(statement.limit(1))
        return rows[0][0] if rows else None

    def _write(self, table: sa.Table, rows: list[dict[str, Any]], *, wait: bool = True) -> None:
        done: Future[None] = Future()
        with self._closing:
            if not rows or self._closed:
                return
            self._writes.put((table, rows, done))
        if wait:
            done.result()

    def _write_forever(self) -> None:
        closing = False
        while not closing:
            group = [self._writes.get()]
            while len(group) < _GROUP and not self._writes.empty():
                group.append(self._writes.get())
            closing = None in group
            writes = [write for write in group if write is not None]
            if not self._guarded(partial(self._commit, writes), False):
                # One that cannot be written must not take the others along, nor a moment's failure all of them.
                for write in writes:
                    self._guarded(partial(self._commit, [write]), False)
            for _, _, done in writes:
                done.set_result(None)

    def _commit(self, writes: list[_Write]) -> bool:
        self._prepare()
        rows_of: dict[str, list[dict[str, Any]]] = {}
        for table, rows, _ in writes:
            rows_of.setdefault(table.name, []).extend(rows)
        with self._engine.begin() as connection:
            for name, rows in sorted(rows_of.items()):
                # In the order of their keys: two processes that write the same rows must not wait for each other.
                keys = [column.name for column in _metadata.tables[name].primary_key if column.name in rows[0]]
                rows.sort(key=lambda row, names=keys: [row[key] for key in names])  # type: ignore[misc]
                connection.execute(self._statements[name], rows)
            if time.monotonic() - self._swept > _SWEEP_SECONDS:
                self._swept = time.monotonic()
                self._sweep(connection)
        return True

    def _upsert(self, table: sa.Table) -> sa.Executable:
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement: Any = insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
        upsert: sa.Executable = statement.on_conflict_do_update(index_elements=keys, set_=changed)
        return upsert

    def _sweep(self, connection: sa.Connection) -> None:
        now = time.time()
        connection.execute(sa.delete(_replies).where(_replies.c.created_at < now - self._reply_seconds))
        connection.execute(sa.delete(_answered).where(_answered.c.created_at < now - _ANSWERED_DAYS * 86400))
        newest = sa.select(_replies.c.created_at).order_by(_replies.c.created_at.desc()).offset(_MAX_REPLIES).limit(1)
        if (bound := connection.execute(newest).scalar()) is not None:
            connection.execute(sa.delete(_replies).where(_replies.c.created_at <= bound))

    def _guarded(self, access: Callable[[], Any], otherwise: Any) -> Any:
        try:
            result = access()
        except (sa.exc.SQLAlchemyError, OSError, ValueError) as error:
            cause = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
            if cause != self.failure:
                log.warning("The database failed, predictions go on without it: %s", cause)
            self.failure = cause
            return otherwise
        self.failure = None
        return result

    def _prepare(self) -> None:
        """Make the tables, at the first access that reaches the database."""
        if self._ready:
            return
        if self._engine.dialect.name == "sqlite":
            _private_file(str(self._engine.url.database))
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                # IF NOT EXISTS alone still collides when replicas start together.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            for table in _metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))
        self._ready = True


def _engine(url: str) -> sa.Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # PostgreSQL allows 100 connections unless told otherwise: enough for a handful of processes of this size.
        limits = {"connect_timeout": 3, "options": "-c statement_timeout=5000"}
        return sa.create_engine(
            parsed, pool_pre_ping=True, pool_size=5, max_overflow=10, pool_timeout=5, connect_args=limits
        )
    engine = sa.create_engine(parsed, pool_size=5, max_overflow=15, connect_args={"timeout": 5})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        # In WAL mode this loses nothing when the process is killed, and saves a sync for each commit.
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def _private_file(name: str) -> None:
    # Prompts and replies are the team's; SQLite gives its journal files the same mode.
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
