"""What a provider's failure means: kind, and one message that says what to do.

Sources: https://platform.openai.com/docs/guides/error-codes, https://learn.microsoft.com/azure/ai-foundry/openai
(content filter), and what Ollama and llama.cpp answer.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import openai

from llm_interactive.errors import (
    AccountError,
    LLMError,
    NoImagesError,
    RateLimitError,
    RejectedError,
    TransientLLMError,
)
from llm_interactive.llm.completion import Completion

log = logging.getLogger(__name__)

_MAX_DETAIL = 160
_MAX_READ = 10_000
_TOO_LONG = re.compile(r"context.?(length|window|size)|too long|too many tokens|maximum.{0,20}tokens", re.IGNORECASE)
# As OpenAI, llama.cpp, vLLM, Ollama, Groq, DeepSeek, Mistral and OpenRouter say that a model takes no images; the last
# two alternatives are servers that know no content but a text.
_NO_IMAGES = re.compile(
    r"only supported by certain models|at most 0 image|missing data required for image|mmproj|unknown variant .?image"
    r"|not a (multi-?modal|vision)|\bsupports? (image|vision)|\bnot support\w* .{0,20}(image|vision|multi-?modal)"
    r"|(image|vision)\w*( input| url| content)?s? (is|are) not (supported|enabled|available)"
    r"|content must be a string|should be a valid string",
    re.IGNORECASE,
)
_BAD_IMAGE = re.compile(
    r"too (large|big|many|small)|download|fetch|decod|corrupt|damaged|unsupported (image|format)"
    r"|image (format|size|type)|invalid (image|base64)|timed? ?out",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(r"(api.?key|token)( is)? (not valid|invalid)|invalid (api.?key|token)", re.IGNORECASE)
_KEY_LIKE = re.compile(r"(?<!\S)\S*\*{3,}\S*|\bsk-\S+|[A-Za-z0-9_-]{20,}")
_SHORTEST_KEY = 8
_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}


@dataclass(frozen=True)
class Provider:
    """How messages name the provider, and the settings that hold its address and model."""

    name: str
    address: str
    model: str


def translate(error: Exception, provider: Provider, *, with_images: bool = False) -> LLMError:
    """The project's error for one of the openai client's; `with_images` says that images were sent."""
    if isinstance(error, openai.APIStatusError):
        found = (_no_images(error, provider) if with_images else None) or _status(error, provider)
        log.warning("%s (request id %s)", found.message, found.request_id or "not given")
        return found
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return TransientLLMError(f"{provider.name} did not answer in time.")
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError):
        return TransientLLMError(f"{provider.name} cannot be reached. Check {provider.address} and the network.")
    return no_completion(provider)


def no_completion(provider: Provider, request_id: str | None = None) -> TransientLLMError:
    """The error for an answer that is no chat completion: HTML with status 200, JSON of another shape."""
    text = f"{provider.name} answered with something that is not a chat completion. Check {provider.address}."
    log.warning("%s (request id %s)", text, request_id or "not given")
    return TransientLLMError(text, request_id=request_id)


def truncated(completion: Completion, provider: Provider) -> str:
    """The message for a completion without any text, which is logged with the provider's id of the request."""
    text = _without_text(completion, provider)
    log.warning("%s (request id %s)", text, completion.request_id or "not given")
    return text


_CUT = {
    "length": "A reply was cut off at the limit of tokens and is kept as far as it came. Raise MAX_TOKENS.",
    "content_filter": "The content filter cut a reply off; it is kept as far as it came.",
}


def log_cut(completion: Completion) -> None:
    """Log that a reply with text is not whole, with the provider's id of the request."""
    for cause, text in _CUT.items():
        if any(choice.finish_reason == cause for choice in completion.choices):
            log.warning("%s (request id %s)", text, completion.request_id or "not given")


def _without_text(completion: Completion, provider: Provider) -> str:
    choice = completion.choices[0] if completion.choices else None
    if choice is None:
        return f"{provider.name} answered without any reply."
    if choice.refusal:
        return f"The model refused: {_short(choice.refusal)}"
    if choice.finish_reason == "content_filter":
        return f"{provider.name}'s content filter withheld the reply."
    if choice.finish_reason == "length":
        return "The reply was cut off before any text came. Raise MAX_TOKENS."
    if choice.calls_tool:
        return "The model called a tool instead of replying."
    return "The model's reply was empty."


def _status(error: openai.APIStatusError, provider: Provider) -> LLMError:
    status, code, request_id = error.status_code, error.code or "", error.request_id
    name = provider.name
    if status == 402 or (status == 429 and {code, error.type} & _NO_QUOTA):
        return AccountError(f"{name}: the quota is used up ({status}). Check plan and billing.", request_id=request_id)
    if status == 429:
        return RateLimitError(
            f"{name} limits the rate of requests (429). Try again in a moment.",
            retry_after=_retry_after(error.response),
            request_id=request_id,
        )
    if status in (408, 409) or status >= 500:
        return TransientLLMError(
            f"{name} failed with status {status}. Try again in a moment.",
            retry_after=_retry_after(error.response),
            request_id=request_id,
        )
    if status == 401 or (status == 400 and _BAD_KEY.search(_message(error))):
        return AccountError(f"{name} rejected the API key ({status}). Set OPENAI_API_KEY.", request_id=request_id)
    if status == 403:
        return AccountError(f"{name} denies access (403). Check what OPENAI_API_KEY may use.", request_id=request_id)
    if status == 404:
        return AccountError(
            f"{name} knows no such model or address (404). Check {provider.model} and {provider.address}.",
            request_id=request_id,
        )
    return RejectedError(_rejected(error, provider), request_id=request_id)


def _no_images(error: openai.APIStatusError, provider: Provider) -> NoImagesError | None:
    """The error if it says that the model takes no images, not that there is something wrong with this one."""
    message = _message(error)
    if (
        error.status_code not in (400, 404, 415, 422, 500, 501)
        or not _NO_IMAGES.search(message)
        or _BAD_IMAGE.search(message)
    ):
        return None
    text = f"The model takes no images ({error.status_code}). Choose another {provider.model} or IMAGE_MODE=ocr."
    return NoImagesError(text, request_id=error.request_id)


def _message(error: openai.APIStatusError) -> str:
    """What the provider says, without the key that it was sent: some repeat it."""
    body = error.body
    words = (str(body.get("message") or body) if isinstance(body, dict) else str(body or ""))[:_MAX_READ]
    for header in ("authorization", "api-key"):
        key = error.request.headers.get(header, "").removeprefix("Bearer ")
        if len(key) >= _SHORTEST_KEY:
            words = re.sub(r"\s*".join(map(re.escape, key)), "…", words)
    return words


def _rejected(error: openai.APIStatusError, provider: Provider) -> str:
    status, code = error.status_code, error.code or ""
    message = _message(error)
    if code == "content_filter" or "content management policy" in message:
        return f"{provider.name}'s content filter refused the prompt ({status}). Change the prompt or the task's text."
    if code == "context_length_exceeded" or status == 413 or _TOO_LONG.search(message):
        return (
            f"Prompt and task are too long for the model ({status}). Shorten them or choose another {provider.model}."
        )
    if 300 <= status < 400:
        return f"{provider.name} answered with a redirect ({status}). Check {provider.address}."
    detail = f": {_short(message)}" if message else "."
    return f"{provider.name} refused the request ({status}){detail}"


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (a number or a date); None where there is nothing usable."""
    headers = response.headers
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = float(headers.get("retry-after", "nan"))
    except ValueError:
        try:
            seconds = max(0.0, _seconds_between(headers.get("date"), headers["retry-after"]))
        except (KeyError, ValueError, TypeError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_between(now: str | None, then: str) -> float:
    # By the provider's own clock: ours may be wrong.
    start = parsedate_to_datetime(now) if now else datetime.now(UTC)
    return (parsedate_to_datetime(then) - start).total_seconds()


def _short(message: str) -> str:
    line = " ".join(_KEY_LIKE.sub("…", message).split())
    return line if len(line) <= _MAX_DETAIL else line[: _MAX_DETAIL - 1] + "…"
