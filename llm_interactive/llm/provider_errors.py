"""What a provider's error means: its kind, and one message that says what to do.

Meaning is read from the codes and words inside, as gateways and compatible servers wrap one error in another's status:
https://platform.openai.com/docs/guides/error-codes, https://learn.microsoft.com/azure/ai-foundry/openai (content
filter), https://openrouter.ai/docs/api-reference/errors, and what Ollama, llama.cpp and vLLM answer.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import openai

from llm_interactive.deadline import Deadline
from llm_interactive.errors import (
    AccountError,
    LLMError,
    NoImagesError,
    RateLimitError,
    RejectedError,
    TransientLLMError,
)
from llm_interactive.llm.completion import Completion
from llm_interactive.llm.retry_after import retry_after

log = logging.getLogger(__name__)

LONGEST_WAIT = 300.0
"""Seconds; a provider that asks for more is not waited for."""

_LATELY = 60.0
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
_NO_RIGHT = re.compile("scope|permission", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model\b.{0,80}\b(not found|does(n't| not) exist|not exist|no longer|deprecated|decommissioned|not a valid)"
    r"|(unknown|invalid|no such) model|not a valid model|model_not_found",
    re.IGNORECASE,
)
_NO_QUOTA = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|exceeded your current quota|billing_hard_limit|credit balance"
    r"|payment required|out of credits",
    re.IGNORECASE,
)
_RATE = re.compile(r"rate.?limit|too many requests|resource.?exhausted", re.IGNORECASE)
# "Limit 30000, Requested 31538": more than the limit allows at any time.
_LARGER_THAN_LIMIT = re.compile(r"limit:? (\d+).{0,40}?requested:? (\d+)", re.IGNORECASE)
_FOR_THE_DAY = re.compile(r"per.?(day|month|week)|\b[RT]PD\b|daily|monthly", re.IGNORECASE)
_KEY_LIKE = re.compile(
    r"(?<!\S)\S*\*{3,}\S*|\b(sk|gsk|xai|hf|pk|key)[-_]\S+|\bAIza\S+|\beyJ\S+|\b[0-9a-fA-F]{32,}\b"
    r"|(?<!\S)(?=\S*\d)(?=\S*[A-Z])(?=\S*[a-z])[A-Za-z0-9+/=]{32,}(?!\S)"
)
_SHORTEST_KEY = 8


class Lately:
    """What was logged in the last minute. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, Deadline] = {}

    def holds(self, text: str) -> bool:
        """Whether `text` was logged lately; if not, it is now."""
        with self._lock:
            self._until = {other: until for other, until in self._until.items() if until.left > 0}
            return self._until.setdefault(text, until := Deadline.after(_LATELY)) is not until


@dataclass(frozen=True)
class Provider:
    """How messages name the provider, and the settings that hold its address and model.

    `default_model` is the model that nobody chose, or empty. `lists_other_names`: its list has no names for requests.
    """

    name: str
    address: str
    model: str
    default_model: str = ""
    lists_other_names: bool = False
    lately: Lately = field(default_factory=Lately, compare=False)


@dataclass(frozen=True)
class _Answer:
    """An error as the provider sent it. `said` is its codes and words, `message` its words alone, without the key."""

    status: int
    message: str
    said: str
    headers: Mapping[str, str]
    request_id: str | None


def translate(error: Exception, provider: Provider, *, with_images: bool = False) -> LLMError:
    """The project's error for one of the openai client's; `with_images` says that images were sent."""
    if isinstance(error, openai.APIStatusError):
        return _told(_answer_of(error.status_code, error.body, error.response), provider, with_images=with_images)
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return TransientLLMError(f"{provider.name} did not answer in time.")
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError):
        return TransientLLMError(f"{provider.name} cannot be reached. Check {provider.address} and the network.")
    return no_completion(provider)


def refuses_key(error: openai.APIStatusError) -> bool:
    """Whether an answer says that the key is no good. One without the right to list models may still be."""
    answer = _answer_of(error.status_code, error.body, error.response)
    refused = answer.status == 401 or (answer.status == 400 and _BAD_KEY.search(answer.said))
    return bool(refused) and not _NO_RIGHT.search(answer.said)


def error_inside(response: httpx2.Response, provider: Provider, *, with_images: bool = False) -> LLMError | None:
    """The error that an answer with status 200 holds instead of a completion; None if it holds none."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    choices = body.get("choices") if isinstance(body, dict) else None
    found = body.get("error") if isinstance(body, dict) else None
    if not found and isinstance(choices, list) and choices and isinstance(choices[0], dict):
        found = choices[0].get("error")
    if not found:
        return None
    code = found.get("code") if isinstance(found, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return _told(_answer_of(status, found, response), provider, with_images=with_images)


def no_completion(provider: Provider, request_id: str | None = None) -> TransientLLMError:
    """The error for an answer that is no chat completion: HTML with status 200, JSON of another shape."""
    text = f"{provider.name} answered with something that is not a chat completion. Check {provider.address}."
    _log(provider, text, request_id)
    return TransientLLMError(text)


def truncated(completion: Completion, provider: Provider) -> str:
    """The message for a completion without any text, which is logged with the provider's id of the request."""
    text = _without_text(completion, provider)
    _log(provider, text, completion.request_id)
    return text


CUT = "A reply was cut off at the limit of tokens and is kept as far as it came. Raise MAX_TOKENS."
"""What is said of a reply that has a text, and not all of it."""

_FILTERED = "The content filter cut a reply off; it is kept as far as it came."


def log_cut(completion: Completion) -> None:
    """Log that a reply with text is not whole, with the provider's id of the request."""
    for cause, text in {"length": CUT, "content_filter": _FILTERED}.items():
        if any(choice.finish_reason == cause for choice in completion.choices):
            log.debug("%s (request id %s)", text, completion.request_id or "not given")


def _log(provider: Provider, text: str, request_id: str | None) -> None:
    # Whoever asked logs it in sum: a batch may have a thousand equal ones.
    level = logging.DEBUG if provider.lately.holds(text) else logging.WARNING
    log.log(level, "%s (request id %s)", text, request_id or "not given")


def _without_text(completion: Completion, provider: Provider) -> str:
    choice = completion.choices[0] if completion.choices else None
    if choice is None:
        return f"{provider.name} answered without any reply."
    if choice.refusal:
        return f"The model refused: {short(choice.refusal)}"
    if choice.finish_reason == "content_filter":
        return f"{provider.name}'s content filter withheld the reply."
    if choice.finish_reason == "length":
        return "The reply was cut off before any text came. Raise MAX_TOKENS."
    if choice.calls_tool:
        return "The model called a tool instead of replying."
    return "The model's reply was empty, or nothing but reasoning."


def _told(answer: _Answer, provider: Provider, *, with_images: bool) -> LLMError:
    found = (_no_images(answer, provider) if with_images else None) or _meaning(answer, provider)
    _log(provider, found.message, answer.request_id)
    return found


def _answer_of(status: int, body: Any, response: httpx2.Response) -> _Answer:
    described = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(described, list) and described and isinstance(described[0], dict):
        described = described[0].get("error", described[0])
    fields = described if isinstance(described, dict) else {}
    words = str(fields.get("message") or (body if body is not None else ""))[:_MAX_READ]
    for header in ("authorization", "api-key"):
        key = response.request.headers.get(header, "").removeprefix("Bearer ")
        if len(key) >= _SHORTEST_KEY:
            # Some repeat the key that they were sent.
            words = re.sub(r"\s*".join(map(re.escape, key)), "…", words)
    codes = " ".join(str(fields[name]) for name in ("code", "type", "status") if fields.get(name))
    return _Answer(status, words, f"{codes} {words}", response.headers, response.headers.get("x-request-id"))


def _meaning(answer: _Answer, provider: Provider) -> LLMError:
    status, said, name = answer.status, answer.said, provider.name
    if status == 402 or _NO_QUOTA.search(said):
        return AccountError(f"{name}: the quota is used up ({status}). Check plan and billing.")
    if status == 429 or (status not in (401, 403, 404, 413) and _RATE.search(said)):
        return _rate_limit(answer, provider)
    if status == 401 or (status == 400 and _BAD_KEY.search(said)):
        return AccountError(f"{name} rejected the API key ({status}). Set OPENAI_API_KEY.")
    if status == 403:
        return AccountError(f"{name} denies access (403). Check what OPENAI_API_KEY may use.")
    if status == 404 or (status == 400 and _NO_MODEL.search(said)):
        return AccountError(_no_model(status, provider))
    if status in (408, 409) or status >= 500:
        return TransientLLMError(
            f"{name} failed with status {status}. Try again in a moment.",
            retry_after=retry_after(answer.headers, answer.message),
        )
    return RejectedError(_rejected(answer, provider))


def _no_model(status: int, provider: Provider) -> str:
    default = f"{provider.default_model} is only the default: set {provider.model}, or check {provider.address}."
    advice = default if provider.default_model else f"Check {provider.model} and {provider.address}."
    return f"{provider.name} knows no such model or address ({status}). {advice}"


def _rate_limit(answer: _Answer, provider: Provider) -> LLMError:
    """What belongs to the request is rejected, what lasts ends the batch, and the rest is a matter of pace."""
    status = answer.status
    asked = _LARGER_THAN_LIMIT.search(answer.message)
    if "request too large" in answer.message.lower() or (asked and int(asked[2]) > int(asked[1])):
        return RejectedError(
            f"The request is larger than {provider.name}'s rate limit ever allows ({status}). Shorten prompt and task, "
            f"or choose another {provider.model}."
        )
    wait = retry_after(answer.headers, answer.message)
    if (wait or 0) > LONGEST_WAIT or _FOR_THE_DAY.search(answer.said):
        until = (
            "tomorrow" if wait is None else f"after {datetime.now(UTC) + timedelta(seconds=wait):%Y-%m-%d %H:%M} UTC"
        )
        return AccountError(
            f"{provider.name}'s limit for a longer time is used up ({status}). Try again {until}, or check the plan."
        )
    return RateLimitError(
        f"{provider.name} limits the rate of requests ({status}). Try again in a moment.", retry_after=wait
    )


def _no_images(answer: _Answer, provider: Provider) -> NoImagesError | None:
    """The error if it says that the model takes no images, not that there is something wrong with this one."""
    if (
        answer.status not in (400, 404, 415, 422, 500, 501)
        or not _NO_IMAGES.search(answer.message)
        or _BAD_IMAGE.search(answer.message)
    ):
        return None
    text = f"The model takes no images ({answer.status}). Choose another {provider.model} or IMAGE_MODE=ocr."
    return NoImagesError(text)


def _rejected(answer: _Answer, provider: Provider) -> str:
    status, said = answer.status, answer.said
    if "content_filter" in said or "content management policy" in said:
        return f"{provider.name}'s content filter refused the prompt ({status}). Change the prompt or the task's text."
    if "context_length_exceeded" in said or status == 413 or _TOO_LONG.search(said):
        return (
            f"Prompt and task are too long for the model ({status}). Shorten them or choose another {provider.model}."
        )
    if 300 <= status < 400:
        return f"{provider.name} answered with a redirect ({status}). Check {provider.address}."
    detail = f": {short(answer.message)}" if answer.message else "."
    return f"{provider.name} refused the request ({status}){detail}"


def short(message: str) -> str:
    """A provider's words in one line without what looks like a key."""
    line = " ".join(_KEY_LIKE.sub("…", message).split())
    return line if len(line) <= _MAX_DETAIL else line[: _MAX_DETAIL - 1] + "…"
