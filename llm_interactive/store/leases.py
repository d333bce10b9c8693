"""Which process buys a reply, so that several processes over one database never buy the same one."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import LEASE_SECONDS, leases, replies

_FRESH_SECONDS = 1.0

_found = sa.select(
    leases.c.key, leases.c.owner, sa.exists().where(replies.c.key == leases.c.key).label("is_bought")
).where(leases.c.key.in_(sa.bindparam("keys", expanding=True)))


@dataclass(frozen=True)
class Lease:
    """Whether a reply is this process's to buy; `is_bought`: the store may have it already."""

    is_mine: bool
    is_bought: bool


class Leases:
    """The replies that this process is buying, by key. Safe for threads.

    A lease is a row in the database, renewed while it is held; those of a process that was killed lapse after
    `LEASE_SECONDS`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._me = uuid.uuid4().hex
        self._held: set[str] = set()
        self._outdated_at = 0.0
        self._closed = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="leases", daemon=True)
        self._renewing.start()

    def take(self, keys: Iterable[str]) -> dict[str, Lease]:
        """The leases of the replies under `keys`; those that are this process's are held until they are `free`."""
        wanted = list(keys)
        self._held.update(wanted)
        self._write(wanted)
        rows = {row.key: row for row in self._database.rows(_found, keys=wanted)}
        # A database that does not answer holds nobody back.
        taken = {
            key: Lease(rows[key].owner == self._me, rows[key].is_bought) if key in rows else Lease(True, True)
            for key in wanted
        }
        self._held.difference_update(key for key, lease in taken.items() if not lease.is_mine)
        return taken

    def free(self, key: str) -> None:
        """Let go of a lease that is held, so that others can take it."""
        if key in self._held:
            self._held.discard(key)
            # Nobody waits for it: others ask again only after a pause.
            self._database.write({leases: [self._row(key, 0)]}, wait=False)

    def forget(self, key: str) -> None:
        """Let a lease lapse that nobody needs to take: the reply is kept."""
        self._held.discard(key)

    def bought_without(self) -> None:
        """Note that a reply was bought without a lease: what was read before may be out of date."""
        self._outdated_at = time.monotonic()

    def is_fresh(self, taken_at: float) -> bool:
        """Whether what was read at `taken_at`, by the monotonic clock, can still be relied on."""
        return max(self._outdated_at, time.monotonic() - _FRESH_SECONDS) < taken_at

    def close(self) -> None:
        """Renew no more."""
        self._closed.set()

    def _renew(self) -> None:
        while not self._closed.wait(LEASE_SECONDS / 3):
            self._write(tuple(self._held))

    def _write(self, keys: Iterable[str]) -> None:
        until = time.time() + LEASE_SECONDS
        self._database.write({leases: [self._row(key, until) for key in keys]})

    def _row(self, key: str, until: float) -> dict[str, object]:
        return {"key": key, "owner": self._me, "until": until}


class LeasesAhead:
    """The leases of calls that are made one soon after the other, taken all at once with the first; for threads."""

    def __init__(self, leases: Leases, keys: Iterable[str]) -> None:
        self._leases = leases
        self._lock = threading.Lock()  # guards what follows
        self._open = set(keys)
        self._taken: Future[dict[str, Lease]] | None = None
        self._taken_at = 0.0

    def take(self, key: str) -> Lease:
        """The lease of the reply under `key`, held until its call is `over`."""
        with self._lock:
            is_first = self._taken is None
            taken = self._taken = self._taken or Future()
            keys = [*self._open]
        if is_first:
            self._taken_at = time.monotonic()
            taken.set_result(self._leases.take(keys))
            with self._lock:
                over = set(keys) - self._open
            for ended in over:
                self._leases.free(ended)
        lease = taken.result().pop(key, None)
        if lease is None or not self._leases.is_fresh(self._taken_at):
            # Others may have bought it since.
            return self._leases.take([key])[key]
        return lease

    def over(self, key: str, future: Future[Any]) -> None:
        """Let go of a lease, taken or not: its call has ended as `future` says."""
        with self._lock:
            self._open.discard(key)
        if future.exception() is None:
            self._leases.forget(key)
        else:
            self._leases.free(key)
