"""Which parameter of a request a provider refused.

Servers say it in many ways: by `error.param`, by a validation error's `loc`, or only in words
(https://platform.openai.com/docs/guides/error-codes; vLLM, llama.cpp, LM Studio, Anthropic and Moonshot likewise).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import openai

_WORDS = {
    "temperature": re.compile(r"\btemperature\b", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax_tokens\b", re.IGNORECASE),
    "max_completion_tokens": re.compile(r"\bmax_completion_tokens\b", re.IGNORECASE),
    "n": re.compile(r"['\"`]n['\"`]|\bn (must|should|is|parameter)\b|\bparameter n\b", re.IGNORECASE),
    "response_format": re.compile(
        r"response_format|json_schema|text\.format|\bschema\b|grammar|structured", re.IGNORECASE
    ),
}
# As the chat templates of Gemma and Mistral say it through vLLM and llama.cpp.
_ROLES = re.compile(
    r"roles must alternate|system role (is )?not supported|only user and assistant roles", re.IGNORECASE
)
_MAX_READ = 10_000
_TOO_LONG = re.compile(r"context.?(length|window|size)|too long|too many tokens|too large", re.IGNORECASE)


def refused_parameter(error: openai.APIStatusError, sent: Collection[str]) -> str | None:
    """The one of the parameters `sent` that the provider does not take; None if the error is about something else."""
    body: Any = error.body
    code = str(error.code or "")
    param = str(error.param or "").split(".")[0]
    if param in sent:
        return param
    for name in _locations(body):
        if name in sent:
            return name
    words = _words(error.body)
    if code == "context_length_exceeded" or _TOO_LONG.search(words):
        return None
    if param == "text" and "response_format" in sent:
        return "response_format"
    return next((name for name, pattern in _WORDS.items() if name in sent and pattern.search(words)), None)


def refuses_roles(error: openai.APIStatusError) -> bool:
    """Whether the model's chat template takes only users and assistants in turn."""
    return bool(_ROLES.search(_words(error.body)))


def _words(body: Any) -> str:
    """What an error says; in OpenAI's form the client has unwrapped it, others say it in a word of their own."""
    if isinstance(body, dict):
        body = next((body[name] for name in ("message", "detail", "error") if isinstance(body.get(name), str)), "")
    return body[:_MAX_READ] if isinstance(body, str) else ""


def _locations(body: Any) -> list[str]:
    """The field names in a validation error as FastAPI servers send it."""
    if isinstance(body, dict) and isinstance(body.get("message"), dict):
        body = body["message"]
    details = body.get("detail") if isinstance(body, dict) else None
    places = [detail.get("loc") for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    return [str(part) for place in places if isinstance(place, list) for part in place]
