"""The Label Studio ML backend model: the adapter between label-studio-ml and `llm_interactive.predict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from llm_interactive.predict.predictor import Predictor
from llm_interactive.services import of_process


class LLMInteractive(LabelStudioMLBase):  # type: ignore[misc]  # the SDK is untyped
    """One project's view of the backend; made anew for every request, as label-studio-ml 2.x does.

    `project_id` is Label Studio's `<id>.<created>` (under 2.x only the id), `label_config` the project's XML.
    """

    def __init__(self, project_id: str | None = None, label_config: str | None = None, **kwargs: Any) -> None:
        # Not the base class's constructor: 1.0.9 parses the config its own way, 2.x writes it into a cache file.
        self._predictor = Predictor(of_process(), project_id or "", label_config or "")

    @property
    def model_version(self) -> str:
        """Name of what a batch's predictions are made by, now."""
        return self._predictor.project.version

    def get(self, key: str) -> Any:
        """`model_version` under the name by which label-studio-ml 2.x asks for it."""
        return self.model_version if key == "model_version" else None

    def set_extra_params(self, extra_params: Any) -> None:
        """Keep what the project's connection form says."""
        self._predictor.set_up(extra_params)

    def predict(
        self, tasks: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[Any]:
        """One entry for each of `tasks`, in order: a prediction, or `{"error": message}` where there is none.

        `context` is `{"result": [regions…]}` when an annotator waits for it, else None. Raises as `Predictor.predict`.
        """
        return self._predictor.predict(tasks, context)

    def fit(self, event: str, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Make the prompts of a submitted or updated annotation the project's current ones."""
        self._predictor.learn(event, data.get("annotation"))
