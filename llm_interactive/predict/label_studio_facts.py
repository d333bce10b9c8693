"""Titles, progress and examples of projects from Label Studio's API, where its address and a token are set."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from llm_interactive.deadline import Deadline
from llm_interactive.errors import BackendError
from llm_interactive.predict.example_sets import Examples
from llm_interactive.predict.project import Project
from llm_interactive.settings import Settings
from llm_interactive.store.store import Store

if TYPE_CHECKING:
    from llm_interactive.label_studio.client import LabelStudio

log = logging.getLogger(__name__)

_FRESH_SECONDS = 60.0


class LabelStudioFacts:
    """Looks projects up in the background, so that nothing waits for Label Studio longer than it wants to."""

    def __init__(self, settings: Settings, store: Store, examples: Examples) -> None:
        self._settings = settings
        self._store = store
        self._examples = examples
        self._can_ask = bool(settings.label_studio_url and settings.label_studio_api_key)
        self._lock = threading.Lock()  # guards what follows
        self._fresh: dict[str, Deadline] = {}
        self._thread: threading.Thread | None = None

    def look_up(self, projects: Iterable[str], *, wait: float = 0.0) -> None:
        """Ask about those projects that were not asked about just now; wait at most so many seconds for the answers."""
        if not self._can_ask:
            return
        with self._lock:
            due = [project for project in projects if project not in self._fresh or self._fresh[project].left < 0]
            if due and not (self._thread and self._thread.is_alive()):
                self._fresh |= dict.fromkeys(due, Deadline.after(_FRESH_SECONDS))
                self._thread = threading.Thread(target=self._ask, args=(due,), name="label-studio", daemon=True)
                self._thread.start()
            thread = self._thread
        if thread:
            thread.join(wait)

    def _ask(self, projects: Iterable[str]) -> None:
        # The SDK takes a second to load.
        from llm_interactive.label_studio.client import LabelStudio

        for project in projects:
            try:
                with LabelStudio(self._settings) as studio:
                    self._ask_about(project, studio)
            except (BackendError, ValueError) as error:
                log.info("Project %s could not be looked up: %s", project, error)
            except Exception:
                log.exception("Project %s could not be looked up", project)

    def _ask_about(self, project: str, studio: LabelStudio) -> None:
        number = int(project.partition(".")[0])
        found = studio.project(number)
        # Another Label Studio may use this backend, too.
        if found.key == project:
            tasks, labelled = studio.count(number), studio.count(number, annotated=True)
            config = found.labeling_config
            self._store.projects.tell(project, title=found.title, config=config, tasks=tasks, labelled=labelled)
            self._examples.renewed(Project.of(project, config, self._settings, self._store.project(project)), studio)
