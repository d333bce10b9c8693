"""The database's tables, and what each version of the schema added.

To add a table, column or index, declare it here and append an entry to `MIGRATIONS`: `(calls,)`, `(calls.c.cost,)`.
It is made at the next start, in new databases and in old ones; older releases no longer start on them. A column that
is added to a table is nullable or has a `server_default`. What is here is never changed; a table that nobody needs any
more is taken out, and older databases go on having it. What grows is bounded by `Store._stale`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from llm_interactive.llm.completion import BATCHED_TOKENS
from llm_interactive.store.database import ADDED_UP, REPLACED_IF
from llm_interactive.store.schema import Migrations

LEASE_SECONDS = 10.0
"""How long a lease holds unless its owner renews it."""

metadata = sa.MetaData()

prompts = sa.Table(
    "prompts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("project", sa.Text, nullable=False, index=True),
    # The prompt field's name; "", as in rows of before there could be several, is any field.
    sa.Column("field", sa.Text, nullable=False, server_default=""),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("saved_at", sa.Float, nullable=False, server_default="0"),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
)

replies = sa.Table(
    "replies",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("reply", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

answered = sa.Table(
    "answered",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("prompt", sa.String(16), nullable=False),
    sa.Column("replies", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)


def _may_be_taken(new: Any) -> Any:
    # It has lapsed, or is the owner's own; one that lasts longer than any lease was made by a clock that jumped.
    old = leases.c
    lapsed = old.until < new.until - LEASE_SECONDS
    impossible = sa.and_(old.until > new.until + LEASE_SECONDS, new.until > 0)
    return sa.or_(old.owner == new.owner, lapsed, impossible)


leases = sa.Table(
    "leases",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(32), nullable=False),
    sa.Column("until", sa.Float, nullable=False),
    info={REPLACED_IF: _may_be_taken},
)

# A call to the model that was paid for, whatever came of it; its tokens and `seconds` as the provider told them.
calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("cached_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("reasoning_tokens", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    # Made through the provider's Batch API.
    sa.Column("batched", sa.Boolean, nullable=False),
    sa.Index("calls_of_version", "project", "version"),
)

COUNTS = (
    *("batch_done", "batch_failed", "batch_late", "interactive_done", "interactive_failed", "from_store"),
    *("calls_ok", "calls_failed", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens"),
    *BATCHED_TOKENS,
)
"""What `totals` counts, besides the seconds that calls took."""

totals = sa.Table(
    "totals",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
    sa.Column("seconds", sa.Float, nullable=False),
    info={ADDED_UP: True},
)

# A batch, or an interactive request that failed; see runs.Run.
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    *(sa.Column(n, sa.Integer, nullable=False) for n in ("tasks", "from_store", "done", "failed", "late", "left")),
    sa.Column("errors", sa.JSON, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False, index=True),
    sa.Column("told_at", sa.Float, nullable=False),
)

# Batches that somebody wants to end, for the processes that they are of.
cancelled = sa.Table(
    "cancelled",
    metadata,
    sa.Column("run", sa.String(32), primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
)

# The prompts that hold whatever annotators type; an empty text pins none.
pins = sa.Table(
    "pins",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)

# What Label Studio told of a project; see projects.Facts.
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("title", sa.Text),
    sa.Column("config", sa.Text),
    sa.Column("tasks", sa.Integer),
    sa.Column("labelled", sa.Integer),
    sa.Column("told_at", sa.Float, nullable=False),
)

# Annotations that hold an error as a response, or did until somebody mended it.
error_texts = sa.Table(
    "error_texts",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("annotation", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)

# What is, or was, at the provider's Batch API; see batches.Batch.
batches = sa.Table(
    "batches",
    metadata,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("version", "model", "endpoint", "error")),
    *(sa.Column(name, sa.JSON, nullable=False) for name in ("prompts", "tasks")),
    sa.Column("state", sa.String(16), nullable=False),
    *(sa.Column(name, sa.Text) for name in ("file", "id")),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("requests", "lines_read")),
    sa.Column("created_at", sa.Float, nullable=False),
)

# The newest request of each reply's key that was in a batch; see batches.Request.
batch_requests = sa.Table(
    "batch_requests",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("batch", sa.String(32), nullable=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("task", "error")),
    sa.Column("refused", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

# The newest evaluation of each project; see evaluations.Evaluation.
evaluations = sa.Table(
    "evaluations",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("html", sa.Text, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
)

# Whose replies people rank in a project: a row for each model version that gave one; see rankings.Ranked.
ranked = sa.Table(
    "ranked",
    metadata,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("project", "task", "reply", "version")),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

# What the model versions were asked whose replies a project shows.
ranked_prompts = sa.Table(
    "ranked_prompts",
    metadata,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("project", "version")),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

# How judges rank replies; see rankings.Order.
verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("judge", sa.Text, primary_key=True),
    sa.Column("task", sa.Integer, primary_key=True),
    sa.Column("ranked", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

# The annotated tasks that a project's prompts show as examples, the newest set now; see predict.examples.ExampleSet.
example_sets = sa.Table(
    "example_sets",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
)

# Which examples were chosen for a task: the ids of theirs.
chosen_examples = sa.Table(
    "chosen_examples",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("tasks", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

# Annotations with replies of the model, and whether the annotator edited one.
submissions = sa.Table(
    "submissions",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("annotation", sa.Text, primary_key=True),
    sa.Column("edited", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

MIGRATIONS: Migrations = (
    # 1: release 0.2.0, and what files of before it lack.
    (
        *(prompts, prompts.c.field, projects, projects.c.saved_at, versions, replies, answered, leases),
        *(calls, totals, runs, cancelled, pins, facts, error_texts, submissions),
        *(batches, batch_requests, evaluations, ranked, ranked_prompts, verdicts, example_sets, chosen_examples),
    ),
)
"""What version 1, 2, … of the schema added; only ever appended to."""
