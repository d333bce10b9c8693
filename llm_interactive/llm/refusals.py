"""Which parameter of a request a provider refused.

Servers say it in many ways: by `error.param`, by a validation error's `loc`, or only in words
(https://platform.openai.com/docs/guides/error-codes; vLLM, llama.cpp, LM Studio, Anthropic and Moonshot likewise).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

import openai

_WORDS = {
    # First, as it costs no more than scores.
    "logprobs": re.compile(r"log_?probs?(?![a-z])|log probabilities", re.IGNORECASE),
    "temperature": re.compile(r"\btemperature\b", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax_tokens\b", re.IGNORECASE),
    "max_completion_tokens": re.compile(r"\bmax_completion_tokens\b", re.IGNORECASE),
    "n": re.compile(
        r"['\"`]n['\"`]|\bn (must|should|is|parameter)\b|\bparameter n\b|candidate.?count"
        r"|(multiple|number of|only (one|1)) (candidate|choice|completion)",
        re.IGNORECASE,
    ),
    "response_format": re.compile(
        r"response_format|json_schema|text\.format|\bschema\b|grammar|structured", re.IGNORECASE
    ),
}
# As the chat templates of Gemma and Mistral say it through vLLM and llama.cpp, and providers in words of their own.
_ROLES = re.compile(
    r"roles must alternate|only user and assistant roles|(unsupported|unexpected|invalid|unknown) role"
    r"|(system|developer) (role|instruction|message|prompt)s? (is |are )?not (supported|enabled|allowed|available)"
    r"|(does not|doesn't) support (the )?['\"`]?(system|developer)\b",
    re.IGNORECASE,
)
# What local servers answer 500 with, though the request is to blame.
_NO_GRAMMAR = re.compile(r"response_format|json_schema|grammar", re.IGNORECASE)
_MAX_READ = 10_000
_TOO_LONG = re.compile(r"context.?(length|window|size)|too long|too many tokens|too large", re.IGNORECASE)


def refused_parameter(error: openai.APIStatusError, sent: Collection[str]) -> str | None:
    """The one of the parameters `sent` that the provider does not take; None if the error is about something else."""
    body: Any = error.body
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        blamed = {"logprobs": _WORDS["logprobs"], "response_format": _NO_GRAMMAR}
        return next((name for name, pattern in blamed.items() if name in sent and pattern.search(_words(body))), None)
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
    if isinstance(body, list) and body and isinstance(body[0], dict):
        body = body[0].get("error")  # Gemini
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
