"""What an open page holds already: given that again, Label Studio's editor breaks or keeps a value twice."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.form import Form
from llm_interactive.predict.prepare import Task, id_of
from llm_interactive.prompts.current import work_on

_UNSAVED_SECONDS = 30.0
"""The page saves its draft every five seconds; until then only we know what it was sent."""

_MOST = 10_000


class OpenPages:
    """The pages that annotators have open, as far as their tasks and our answers tell. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def additions(self, regions: Sequence[Region], form: Form, project: str, task: Task) -> list[Region]:
        """What of an answer a task's page can take in.

        Relations that it has are left out: the editor breaks at a second one. So are values under the prompt's id of
        controls that it has in another region, such as those filled by hand: it would keep both.
        """
        shown = _shown(task)
        prompts = {str(entry.get("id")) for entry in [*shown, *regions] if entry.get("from_name") == form.name}
        elsewhere = {str(entry.get("from_name")) for entry in shown if str(entry.get("id")) not in prompts}
        known = {_ends(entry) for entry in shown if entry.get("type") == "relation"}
        found: list[Region] = []
        for entry in regions:
            if entry["type"] == "relation":
                new = _ends(entry) not in known and self._is_unsent((project, id_of(task), *_ends(entry)))
            else:
                new = entry["id"] not in prompts or entry["from_name"] not in elsewhere
            if new:
                found.append(entry)
        return found

    def _is_unsent(self, relation: tuple[str, ...]) -> bool:
        """Whether a relation was not sent in the last seconds; from now on it was."""
        now = time.monotonic()
        with self._lock:
            while self._sent and (len(self._sent) > _MOST or next(iter(self._sent.values())) < now - _UNSAVED_SECONDS):
                self._sent.popitem(last=False)
            if relation in self._sent:
                return False
            self._sent[relation] = now
            return True


def _shown(task: Task) -> list[Region]:
    """The regions of the task's newest draft, else of its newest annotation, else of its newest prediction."""
    for kind in ("drafts", "annotations", "predictions"):
        if work := work_on({kind: task.get(kind)}):
            return [entry for entry in work[0]["result"] if isinstance(entry, Mapping)]
    return []


def _ends(relation: Region) -> tuple[str, str]:
    return str(relation.get("from_id")), str(relation.get("to_id"))
