"""What a provider answered, read without trust in its shape.

The shape: https://platform.openai.com/docs/api-reference/chat/object. Compatible servers leave out, add and change
fields; of what they send, only what is used here must be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from llm_interactive.llm.logprobs import tokens_of

_WORD = r"(?:seed:)?(?:think|thinking|thought|reasoning|reflection)"
_BLOCKS = (
    rf"<(?P<word>{_WORD})(?:\s[^>]*)?>.*?(?:</(?P=word)>|\Z)",  # DeepSeek, Qwen, Seed
    r"\[THINK\].*?(?:\[/THINK\]|\Z)",  # Mistral
    r"◁think▷.*?(?:◁/think▷|\Z)",  # Kimi
    r"<\|begin_of_thought\|>.*?(?:<\|end_of_thought\|>|\Z)",  # OpenThinker
)
_REASONING = (
    re.compile(rf"\A(?:\s*(?:{'|'.join(_BLOCKS)}))+", re.DOTALL | re.IGNORECASE),
    # The first tag stands in the chat template, or was cut off.
    re.compile(rf"\A((?!<{_WORD}).)*?(</{_WORD}>|◁/think▷)", re.DOTALL | re.IGNORECASE),
    # The channels of gpt-oss, with their marks and as they read when the marks are stripped.
    re.compile(r"\A(.*<\|channel\|>final<\|message\|>|\s*<\|channel\|>analysis.*)", re.DOTALL),
    re.compile(r"\Aanalysis.*?assistantfinal", re.DOTALL),
    # Marks around what is said in the end.
    re.compile(r"\A\s*<\|begin_of_solution\|>"),
    re.compile(r"<\|(return|end|end_of_solution)\|>\s*\Z"),
)
TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
"""The counts of tokens by name, in a completion as everywhere else."""

BATCHED_TOKENS = ("batched_prompt_tokens", "batched_cached_tokens", "batched_completion_tokens")
"""Those among them that went through the provider's Batch API and cost half."""


@dataclass(frozen=True)
class Choice:
    """One of the answers: its text, empty where there is none, and what stands in its place.

    `tokens` are the text's, as `logprobs` keeps them; empty where the provider does not give their probabilities.
    """

    text: str
    finish_reason: str | None = None
    refusal: str | None = None
    calls_tool: bool = False
    tokens: str = ""


@dataclass(frozen=True)
class Completion:
    """A chat completion with its cost in tokens, and the id by which the provider's support knows the request.

    Cached tokens are among the prompt's, those of reasoning among the completion's.
    """

    choices: tuple[Choice, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    request_id: str | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether a reply ended at the limit of tokens."""
        return any(choice.finish_reason == "length" for choice in self.choices)


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
        cached_tokens=_count(_part(usage, "prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(_part(usage, "completion_tokens_details"), "reasoning_tokens"),
        request_id=request_id(response),
    )


def _choice(choice: Any) -> Choice:
    if not isinstance(choice, dict) or not isinstance(choice.get("message", ""), dict | None):
        raise ValueError("A choice has no message")
    said: Mapping[str, Any] = choice["message"] or {}
    text = without_reasoning(_text(said.get("content")))
    return Choice(
        text,
        finish_reason=_string(choice.get("finish_reason")),
        refusal=_string(said.get("refusal")),
        calls_tool=bool(said.get("tool_calls")),
        tokens=tokens_of(text, choice.get("logprobs")),
    )


def without_reasoning(text: str) -> str:
    """What a model says in the end, without the thinking aloud that some servers leave in the text."""
    for pattern in _REASONING:
        text = pattern.sub("", text, count=1)
    return text.strip()


def _text(content: Any) -> str:
    # Some servers send it in parts, as they take it.
    parts = content if isinstance(content, list) else [{"text": content}]
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _part(usage: Any, name: str) -> Any:
    return usage.get(name) if isinstance(usage, dict) else None


def _count(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else 0
    return count if isinstance(count, int) and 0 <= count < 10**12 else 0
