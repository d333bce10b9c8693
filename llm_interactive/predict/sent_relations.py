"""Relations that an open page has already: Label Studio's editor breaks when it is given one a second time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from llm_interactive.labeling.tags import Region
from llm_interactive.predict.prepare import Task, id_of
from llm_interactive.prompts.current import work_on

_UNSAVED_SECONDS = 30.0
"""The page saves its draft every five seconds; until then only we know what it was sent."""

_MOST = 10_000

_Key = tuple[str, str, str, str]
_lock = threading.Lock()
_sent: OrderedDict[_Key, float] = OrderedDict()


def new_only(regions: Sequence[Region], project: str, task: Task) -> list[Region]:
    """`regions` without the relations that the task's newest draft holds or that were just sent to its page."""
    drafted = _drafted(task)
    now = time.monotonic()
    found: list[Region] = []
    with _lock:
        while _sent and (len(_sent) > _MOST or next(iter(_sent.values())) < now - _UNSAVED_SECONDS):
            _sent.popitem(last=False)
        for region in regions:
            if region["type"] == "relation":
                key = (project, id_of(task), region["from_id"], region["to_id"])
                if key[2:] in drafted or key in _sent:
                    continue
                _sent[key] = now
            found.append(region)
    return found


def _drafted(task: Task) -> set[tuple[Any, Any]]:
    drafts = work_on({"drafts": task.get("drafts")})
    relations = [entry for entry in drafts[0]["result"] if isinstance(entry, Mapping)] if drafts else []
    return {(entry.get("from_id"), entry.get("to_id")) for entry in relations if entry.get("type") == "relation"}
