"""Whether the provider takes the key, and what it says of the model: asked in the background, kept for a while."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from typing import Any

from llm_interactive.deadline import Deadline
from llm_interactive.errors import UNEXPECTED, AccountError, BackendError, LLMError
from llm_interactive.llm.client import ChatClient

log = logging.getLogger(__name__)

_PATIENCE = 2.0  # Label Studio gives /setup 3 s
_ASK_SECONDS = 10.0
_KEPT_SECONDS = 600.0
_FAILURE_KEPT_SECONDS = 30.0

# OpenAI (developers.openai.com/api/reference, List models), Mistral (docs.mistral.ai/api) and OpenRouter.
_SHUTDOWN_FIELDS = ("shutdown_date", "deprecation", "expiration_date")

Models = Mapping[str, Mapping[str, Any]]


class Access:
    """What the provider's list of models tells. Safe for threads."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        # Guards what follows.
        self._lock = threading.Lock()
        self._answer: Future[Models] | None = None
        self._again = Deadline(float("-inf"))
        self._told: set[str] = set()

    def check(self, asked: Iterable[str]) -> None:
        """Check the key, for two seconds at most; what the list says of the models that are `asked` is logged once.

        A provider that is slow, away or without a list is no reason not to connect.

        Raises:
            AccountError: the provider refuses the key.
        """
        answer = self._asked()
        wait([answer], timeout=_PATIENCE)
        if not answer.done():
            return
        try:
            models = answer.result()
        except AccountError:
            raise
        except BackendError as error:
            self._tell(f"The models could not be listed: {error.message}")
        else:
            for model in asked:
                self._tell(self._warning(model, models))

    def _asked(self) -> Future[Models]:
        with self._lock:
            if self._answer is None or (self._answer.done() and self._again.left <= 0):
                self._answer = Future()
                threading.Thread(target=self._ask, args=(self._answer,), daemon=True).start()
            return self._answer

    def _ask(self, answer: Future[Models]) -> None:
        kept = _FAILURE_KEPT_SECONDS
        try:
            models = self._client.models(Deadline.after(_ASK_SECONDS))
            kept = _KEPT_SECONDS
        except LLMError as error:
            failure: BackendError = error
        except Exception:
            log.exception("The models could not be listed in a way that nobody thought of")
            failure = BackendError(UNEXPECTED)
        with self._lock:
            self._again = Deadline.after(kept)
        if kept == _KEPT_SECONDS:
            answer.set_result(models)
        else:
            answer.set_exception(failure)

    def _warning(self, model: str, models: Models) -> str:
        provider = self._client.provider
        described = models.get(model)
        if described is None:
            # Ollama adds a tag to the name, and Azure lists no deployments.
            if not models or provider.lists_other_names or any(name.startswith(f"{model}:") for name in models):
                return ""
            return f"{provider.name} does not list the model {model}. Check {provider.model}."
        dates = (described.get(name) for name in _SHUTDOWN_FIELDS)
        day = next((date[:10] for date in dates if isinstance(date, str)), None)
        if day is None:
            return ""
        verb = "has shut down" if day <= datetime.now(UTC).date().isoformat() else "shuts down"
        return f"{provider.name} {verb} the model {model} on {day}. Set {provider.model} to another."

    def _tell(self, text: str) -> None:
        with self._lock:
            is_news = bool(text) and text not in self._told
            self._told.add(text)
        if is_news:
            log.warning("%s", text)
