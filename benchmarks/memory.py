"""Memory of a process and everything it started, from /proc."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FIELD = re.compile(r"^(Rss|Pss): +(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Memory:
    """Megabytes (10^6 bytes). `rss` counts a page once for each process that maps it, `pss` once in all."""

    rss: float = 0.0
    pss: float = 0.0


def memory_of_tree(pid: int) -> Memory:
    """What `pid` and its descendants take now; those that end meanwhile count nothing."""
    rss = pss = 0
    for process in tree(pid):
        with contextlib.suppress(OSError):
            found = dict(_FIELD.findall(Path(f"/proc/{process}/smaps_rollup").read_text()))
            rss += int(found.get("Rss", 0))
            pss += int(found.get("Pss", 0))
    return Memory(rss * 1024 / 1e6, pss * 1024 / 1e6)


def tree(pid: int) -> Iterator[int]:
    """`pid` and its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from tree(int(child))


class Peak:
    """The most that a tree takes while the `with` block runs, looked at every `every` seconds."""

    def __init__(self, pid: int, every: float = 0.2) -> None:
        self.most = Memory()
        self._pid = pid
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            self._look()

    def _look(self) -> None:
        now = memory_of_tree(self._pid)
        self.most = Memory(max(self.most.rss, now.rss), max(self.most.pss, now.pss))
