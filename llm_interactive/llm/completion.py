"""What a provider answered, read without trust in its shape.

The shape: https://platform.openai.com/docs/api-reference/chat/object. Compatible servers leave out, add and change
fields; of what they send, only what is used here must be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True)
class Choice:
    """One of the answers: its text, empty where there is none, and what stands in its place."""

    text: str
    finish_reason: str | None = None
    refusal: str | None = None
    calls_tool: bool = False


@dataclass(frozen=True)
class Completion:
    """A chat completion with its cost in tokens, and the id by which the provider's support knows the request."""

    choices: tuple[Choice, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    request_id: str | None = None


def request_id(response: httpx2.Response) -> str | None:
    """The provider's id of the request."""
    found: str | None = response.headers.get("x-request-id")
    return found


def read_completion(response: httpx2.Response) -> Completion:
    """The completion in the body of `response`.

    Raises:
        ValueError: there is none: it is HTML, or JSON of another shape.
    """
    try:
        body = response.json()
    except RecursionError:
        raise ValueError("The JSON is nested too deeply") from None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list):
        raise ValueError("There are no choices")
    usage = body.get("usage")
    return Completion(
        tuple(map(_choice, choices)),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        request_id=request_id(response),
    )


def _choice(choice: Any) -> Choice:
    if not isinstance(choice, dict) or not isinstance(choice.get("message", ""), dict | None):
        raise ValueError("A choice has no message")
    said: Mapping[str, Any] = choice["message"] or {}
    return Choice(
        _text(said.get("content")),
        finish_reason=_string(choice.get("finish_reason")),
        refusal=_string(said.get("refusal")),
        calls_tool=bool(said.get("tool_calls")),
    )


def _text(content: Any) -> str:
    # Some servers send it in parts, as they take it.
    parts = content if isinstance(content, list) else [{"text": content}]
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else 0
    return count if isinstance(count, int) and 0 <= count < 10**12 else 0
