"""What has been logged of each project, so that it is logged again only when it changes."""

from __future__ import annotations

import threading
from collections import OrderedDict

_PROJECTS = 1_000


class News:
    """The last line of each of the newest thousand projects. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: OrderedDict[str, str] = OrderedDict()

    def is_new(self, project: str, line: str) -> bool:
        """Whether `line` differs from the last one of `project`, which it then is."""
        with self._lock:
            last = self._last.pop(project, None)
            self._last[project] = line
            if len(self._last) > _PROJECTS:
                self._last.popitem(last=False)
            return line != last
