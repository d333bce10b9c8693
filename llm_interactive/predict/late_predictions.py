"""Predictions that were not there when their batch was answered: stored in Label Studio by its API."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from llm_interactive.errors import BackendError
from llm_interactive.settings import Settings

log = logging.getLogger(__name__)


def store_late(settings: Settings, project: str, predictions: Mapping[str, Mapping[str, Any]]) -> None:
    """Store `predictions` (by task id) of the project that Label Studio names `<id>.<created>`, in the background.

    Without LABEL_STUDIO_URL and its token they wait for the next retrieval, as replies that are paid for.
    """
    number = project.partition(".")[0]
    if settings.label_studio_url and settings.label_studio_api_key and number.isdecimal() and predictions:
        threading.Thread(target=_store, args=(settings, int(number), predictions), name="late", daemon=True).start()


def _store(settings: Settings, project: int, predictions: Mapping[str, Mapping[str, Any]]) -> None:
    # Takes half a second to load, and most batches are in time.
    from llm_interactive.label_studio.client import LabelStudio
    from llm_interactive.label_studio.records import NewPrediction

    new = [
        NewPrediction(int(task), one["result"], one["model_version"], one["score"])
        for task, one in predictions.items()
        if task.isdecimal()
    ]
    try:
        with LabelStudio(settings) as studio:
            stored = [task for pushed in studio.push(project, new) for task in pushed.stored]
            # Somebody may have retrieved them meanwhile.
            for version in {prediction.model_version for prediction in new}:
                studio.delete_older(project, stored, version)
    except BackendError as error:
        log.warning("Project %d: %d late predictions wait for the next retrieval: %s", project, len(new), error.message)
    else:
        log.info("Project %d: %d late predictions are stored", project, len(stored))
