"""Which process buys a reply, so that several processes over one database never buy the same one."""

from __future__ import annotations

import threading
import time
import uuid

import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.tables import LEASE_SECONDS, leases

_owner = sa.select(leases.c.owner).where(leases.c.key == sa.bindparam("key"))


class Leases:
    """The replies that this process is buying, by key. Safe for threads.

    A lease is a row in the database, renewed while it is held; those of a process that was killed lapse after
    `LEASE_SECONDS`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._me = uuid.uuid4().hex
        self._held: set[str] = set()
        self._closed = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="leases", daemon=True)
        self._renewing.start()

    def take(self, key: str) -> bool:
        """Whether the reply under `key` is this process's to buy, from now on until it is `free`."""
        self._held.add(key)
        self._write(key)
        # A database that does not answer holds nobody back.
        mine: bool = self._database.value(_owner, key=key) in (self._me, None)
        if not mine:
            self._held.discard(key)
        return mine

    def free(self, key: str) -> None:
        """Let go of a lease, after the reply is kept or the call has failed."""
        self._held.discard(key)
        self._database.write({leases: [self._row(key, 0)]})

    def close(self) -> None:
        """Renew no more."""
        self._closed.set()

    def _renew(self) -> None:
        while not self._closed.wait(LEASE_SECONDS / 3):
            self._write(*tuple(self._held))

    def _write(self, *keys: str) -> None:
        until = time.time() + LEASE_SECONDS
        self._database.write({leases: [self._row(key, until) for key in keys]})

    def _row(self, key: str, until: float) -> dict[str, object]:
        return {"key": key, "owner": self._me, "until": until}
