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

from llm_interactive.errors import LLMError, RejectedError
from llm_interactive.llm.completion import Completion, read_completion, request_id
from llm_interactive.llm.http import ending_at, timed_client
from llm_interactive.llm.provider_errors import Provider, log_cut, no_completion, translate, truncated
from llm_interactive.prompts.messages import Messages
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
                log.warning("%d of %d responses, then: %s", len(texts), request.num_responses, error.message)
                break
            prompt_tokens += completion.prompt_tokens
            completion_tokens += completion.completion_tokens
        return Reply(tuple(texts), prompt_tokens, completion_tokens)

    def close(self) -> None:
        """Close the pooled connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def _create(self, request: ChatRequest, n: int, give_up: float) -> Completion:
        for _ in range(4):
            parameters = self._parameters(request, n)
            try:
                # chat.completions.create posts the same, after a walk through all messages (ours are JSON already), and
                # makes objects of the answer without a look at its shape.
                with ending_at(give_up):
                    response = self._client.post(
                        "/chat/completions",
                        cast_to=httpx2.Response,
                        body={"model": request.model, "messages": request.messages, **parameters},
                        options={"timeout": max(0.001, give_up - time.monotonic())},
                    )
            except openai.BadRequestError as error:
                if not self._refuses(request.model, error, parameters):
                    raise self._translated(error, request) from None
            except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
                # The last three are what the SDK raises over an error of an odd shape.
                raise self._translated(error, request) from None
            else:
                return self._read(response)
        raise RejectedError(f"{self.provider.name} refuses the parameters of the request.")

    def _read(self, response: httpx2.Response) -> Completion:
        try:
            return read_completion(response)
        except ValueError:
            raise no_completion(self.provider, request_id(response)) from None

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


def _texts(completion: Completion, provider: Provider) -> list[str]:
    """The texts of a completion's choices, without the model's reasoning."""
    texts = [choice.text for choice in completion.choices if choice.text.strip()]
    if not texts:
        raise RejectedError(truncated(completion, provider), request_id=completion.request_id)
    log_cut(completion)
    return [_REASONING.sub("", text, count=1).strip() or text.strip() for text in texts]
