"""One pooled client for OpenAI, Azure and every compatible server; failures as the project's own errors."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

from llm_interactive.connections import ending_at, timed_client
from llm_interactive.content import Messages
from llm_interactive.errors import LLMError, RejectedError
from llm_interactive.failures import Provider, log_cut, no_completion, translate, truncated
from llm_interactive.settings import Settings

log = logging.getLogger(__name__)

_REASONING = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class ChatRequest:
    """Everything a reply depends on, apart from where it is sent."""

    model: str
    messages: Messages
    temperature: float
    num_responses: int
    max_tokens: int | None

    @property
    def has_images(self) -> bool:
        """Whether a message has image parts."""
        return any(isinstance(message.get("content"), list) for message in self.messages)

    def key(self, endpoint: str) -> str:
        """Hash (64 hex digits) of the request and the endpoint that serves it: equal keys, equal worth."""
        parts = [endpoint, self.model, self.messages, self.temperature, self.num_responses, self.max_tokens]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What was paid for: `num_responses` texts and the tokens they cost."""

    texts: tuple[str, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatClient:
    """Asks the operator's provider. Safe for threads; holds one pool of connections.

    The client makes one attempt: trying again is the dispatcher's, which knows the deadline and the other callers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._refused: dict[str, set[str]] = {}

    @cached_property
    def endpoint(self) -> str:
        """Provider and address, as part of a reply's key."""
        settings = self._settings
        azure = f"{settings.azure_resource_endpoint}?{settings.azure_api_version}"
        return f"{settings.openai_provider} {azure if settings.openai_provider == 'azure' else self._base_url}"

    @property
    def _base_url(self) -> str:
        # Of every provider but Azure, whose client builds its own.
        settings = self._settings
        if settings.openai_provider == "ollama":
            return _ollama_url(settings.ollama_endpoint)
        return settings.openai_base_url or "https://api.openai.com/v1"

    @cached_property
    def provider(self) -> Provider:
        """Names for messages: who answers, and which settings to look at."""
        settings = self._settings
        if settings.openai_provider == "azure":
            return Provider("Azure OpenAI", "AZURE_RESOURCE_ENDPOINT", "AZURE_DEPLOYMENT_NAME")
        if settings.openai_provider == "ollama":
            return Provider("Ollama", "OLLAMA_ENDPOINT", "OPENAI_MODEL")
        name = "The LLM server" if settings.openai_base_url else "OpenAI"
        return Provider(name, "OPENAI_BASE_URL", "OPENAI_MODEL")

    def complete(self, request: ChatRequest, timeout: float) -> Reply:
        """The reply to `request`, with as many texts as it asks for; one attempt of at most `timeout` seconds.

        Servers that ignore or refuse `n` are asked again for the texts that are missing; if that fails, those that are
        paid for already are the reply.

        Raises:
            SetupError: key or endpoint is not set.
            LLMError: the provider failed, in one of the kinds of `errors`.
        """
        self._settings.require_access()
        give_up = time.monotonic() + timeout
        texts: list[str] = []
        prompt_tokens = completion_tokens = 0
        while len(texts) < request.num_responses:
            missing = request.num_responses - len(texts)
            try:
                completion = self._create(request, missing, give_up)
                texts += _texts(completion, self.provider)[:missing]
            except LLMError as error:
                if not texts:
                    raise
                log.warning("%d of %d responses, then: %s", len(texts), request.num_responses, error.sentence)
                break
            prompt_tokens += _count(completion.usage, "prompt_tokens")
            completion_tokens += _count(completion.usage, "completion_tokens")
        return Reply(tuple(texts), prompt_tokens, completion_tokens)

    def close(self) -> None:
        """Close the pooled connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def _create(self, request: ChatRequest, n: int, give_up: float) -> ChatCompletion:
        for _ in range(4):
            parameters = self._parameters(request, n)
            try:
                # chat.completions.create posts the same, after a walk through all messages: ours are JSON already.
                with ending_at(give_up):
                    answer = self._client.post(
                        "/chat/completions",
                        cast_to=ChatCompletion,
                        body={"model": request.model, "messages": request.messages, **parameters},
                        options={"timeout": max(0.001, give_up - time.monotonic())},
                    )
                return _checked(answer, self.provider)
            except openai.BadRequestError as error:
                if not self._refuses(request.model, error, parameters):
                    raise self._translated(error, request) from None
            except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
                # The last three are what the SDK raises over a body that is no completion.
                raise self._translated(error, request) from None
        raise RejectedError(f"{self.provider.name} refuses the parameters of the request.")

    def _parameters(self, request: ChatRequest, n: int) -> dict[str, Any]:
        refused = self._refused.get(request.model, set())
        wanted: dict[str, Any] = {"temperature": request.temperature}
        if n > 1:
            wanted["n"] = n
        if request.max_tokens:
            # Reasoning models take max_completion_tokens instead and say so with a 400.
            wanted["max_completion_tokens" if "max_tokens" in refused else "max_tokens"] = request.max_tokens
        return {name: value for name, value in wanted.items() if name not in refused}

    def _refuses(self, model: str, error: openai.BadRequestError, sent: dict[str, Any]) -> bool:
        """Whether the error names a parameter that was sent; then it is not sent to this model again."""
        name = error.param if error.param in sent else None
        if name is None:
            return False
        log.info("%s does not take %s; asking without it from now on", model, name)
        with self._lock:
            self._refused[model] = self._refused.get(model, set()) | {name}
        return True

    def _translated(self, error: Exception, request: ChatRequest) -> LLMError:
        return translate(error, self.provider, with_images=request.has_images)

    @cached_property
    def _client(self) -> openai.OpenAI:
        settings = self._settings
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "unused"
        http = timed_client(settings.max_concurrency + 8)
        if settings.openai_provider == "azure":
            return _azure(settings, key, http)
        return openai.OpenAI(api_key=key, base_url=self._base_url, max_retries=0, http_client=http)


def _count(usage: Any, name: str) -> int:
    # Nothing has checked what the server counts.
    count = getattr(usage, name, 0)
    return count if isinstance(count, int) and 0 <= count < 10**12 else 0


def _azure(settings: Settings, key: str, http: httpx2.Client) -> openai.OpenAI:
    endpoint = settings.azure_resource_endpoint or ""
    if urlsplit(endpoint).path.rstrip("/").endswith("/openai/v1"):
        return openai.OpenAI(api_key=key, base_url=endpoint, max_retries=0, http_client=http)
    return openai.AzureOpenAI(
        api_key=key,
        azure_endpoint=endpoint,
        api_version=settings.azure_api_version,
        max_retries=0,
        http_client=http,
    )


def _ollama_url(endpoint: str) -> str:
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint}/v1"


def _checked(answer: Any, provider: Provider) -> ChatCompletion:
    # The SDK does not validate: HTML with status 200 arrives as str, foreign JSON with choices=None.
    choices = answer.choices if isinstance(answer, ChatCompletion) else None
    if not isinstance(choices, list) or not all(_is_choice(choice) for choice in choices):
        raise no_completion(provider, getattr(answer, "_request_id", None))
    completion: ChatCompletion = answer
    return completion


def _is_choice(choice: Any) -> bool:
    return isinstance(choice, Choice) and isinstance(choice.message, ChatCompletionMessage | None)


def _texts(completion: ChatCompletion, provider: Provider) -> list[str]:
    """The texts of a completion's choices, without the model's reasoning."""
    texts: list[str] = []
    for choice in completion.choices:
        content = _text(choice.message.content if choice.message else None)
        if not content.strip():
            continue
        texts.append(_REASONING.sub("", content, count=1).strip() or content.strip())
    if not texts:
        raise RejectedError(truncated(completion, provider), request_id=completion._request_id)
    log_cut(completion)
    return texts


def _text(content: Any) -> str:
    """The text of a message's content; some servers send it in parts, as they take it."""
    parts = content if isinstance(content, list) else [{"text": content}]
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))
