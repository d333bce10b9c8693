"""The openai client for the operator's provider, how replies' keys name it, and how messages do."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import urlsplit

import httpx2
import openai

from llm_interactive.llm.http import timed_client
from llm_interactive.llm.provider_errors import Provider
from llm_interactive.settings import Settings

# What the SDK tells of this computer with each request: no provider needs it, and it takes a tenth of a call's time.
_PLATFORM = (
    "Lang",
    "Package-Version",
    "OS",
    "Arch",
    "Runtime",
    "Runtime-Version",
    "Async",
    "Read-Timeout",
    "Retry-Count",
)
UNSENT = {f"X-Stainless-{name}": openai.Omit() for name in _PLATFORM}
"""Headers of a request that leave those out."""


class Connections:
    """The provider's API over kept connections, which want `ending_at`, as they know no other end. Safe for threads.

    Each of the calls that are made at once has a client of its own: a pool walks through all its connections for each
    request, while other threads wait.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._all: list[openai.OpenAI] = []
        self._free: list[openai.OpenAI] = []  # the last one used is the next one: its connection is still open

    @cached_property
    def sdk(self) -> openai.OpenAI:
        """For now and then a request."""
        return self._new()

    @contextmanager
    def for_a_call(self) -> Iterator[openai.OpenAI]:
        """For one of many calls that are made at once."""
        try:
            sdk = self._free.pop()
        except IndexError:
            sdk = self._new()
        try:
            yield sdk
        finally:
            self._free.append(sdk)

    def close(self) -> None:
        """Close all of them."""
        for sdk in self._all:
            sdk.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context()

    def _new(self) -> openai.OpenAI:
        sdk = openai_client(self._settings, timed_client(1, tls=self._tls))
        self._all.append(sdk)
        return sdk


def openai_client(settings: Settings, http: httpx2.Client) -> openai.OpenAI:
    """A client that makes one attempt over `http`."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "unused"
    if speaks_azure(settings):
        return openai.AzureOpenAI(
            api_key=key,
            azure_endpoint=settings.azure_resource_endpoint or "",
            api_version=settings.azure_api_version,
            max_retries=0,
            http_client=http,
        )
    return openai.OpenAI(api_key=key, base_url=_base_url(settings), max_retries=0, http_client=http)


def speaks_azure(settings: Settings) -> bool:
    """Whether the provider has Azure's own paths and names; its v1 endpoint is asked like OpenAI's."""
    path = urlsplit(settings.azure_resource_endpoint or "").path
    return settings.openai_provider == "azure" and not path.rstrip("/").endswith("/openai/v1")


def endpoint(settings: Settings) -> str:
    """Provider and address, as part of a reply's key."""
    azure = f"{settings.azure_resource_endpoint}?{settings.azure_api_version}"
    return f"{settings.openai_provider} {azure if settings.openai_provider == 'azure' else _base_url(settings)}"


def provider(settings: Settings) -> Provider:
    """Names for messages: who answers, and which settings to look at."""
    default = "" if "openai_model" in settings.model_fields_set else settings.openai_model
    if settings.openai_provider == "azure":
        return Provider("Azure OpenAI", "AZURE_RESOURCE_ENDPOINT", "AZURE_DEPLOYMENT_NAME", lists_other_names=True)
    if settings.openai_provider == "ollama":
        return Provider("Ollama", "OLLAMA_ENDPOINT", "OPENAI_MODEL", default)
    name = "The LLM server" if settings.openai_base_url else "OpenAI"
    return Provider(name, "OPENAI_BASE_URL", "OPENAI_MODEL", default)


def _base_url(settings: Settings) -> str:
    if settings.openai_provider == "azure":
        return settings.azure_resource_endpoint or ""
    if settings.openai_provider == "ollama":
        address = settings.ollama_endpoint
        return address if urlsplit(address).path.strip("/") else f"{address}/v1"
    return settings.openai_base_url or "https://api.openai.com/v1"
