"""CPU time: of a process tree, and of everything else on the machine, which is the noise in all figures."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

from benchmarks.memory import tree

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds_of_tree(pid: int) -> float:
    """User and system time that `pid` and its descendants have taken so far."""
    seconds = 0.0
    for process in tree(pid):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        seconds += (int(fields[11]) + int(fields[12])) / _TICKS
    return seconds


class Others:
    """How many CPUs other programs took, on average, since this was made.

    Processes that were killed together with their parent count as others: their time is nobody's.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy = _busy_seconds()
        self._ours = _our_seconds()

    def cpus(self) -> float:
        elapsed = time.monotonic() - self._began
        return max(0.0, (_busy_seconds() - self._busy) - (_our_seconds() - self._ours)) / elapsed


def _busy_seconds() -> float:
    user, nice, system, _idle, _waiting, interrupts, soft = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
    )
    return (user + nice + system + interrupts + soft) / _TICKS


def _our_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
