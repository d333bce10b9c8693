"""The lines of the files that trainers read: what each shape takes, and its JSON schema.

Sources of the shapes: OpenAI's and Together's fine-tuning guides for chat, vision and dpo-openai; TRL's
docs/source/dataset_formats.md for prompt-completion, dpo-trl and kto; Axolotl's docs/rlhf.qmd (`chat_template.default`)
for dpo-axolotl; LLaMA-Factory's data/README.md for sharegpt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from llm_interactive.export.records import Completion, Example, Messages, Pair

Line = dict[str, Any]

SOURCES = ("corrections", "preference", "ranker", "pairwise", "rating")
"""Where pairs and judged replies come from."""


class Format(StrEnum):
    """The shapes, by the names that the command takes."""

    CHAT = "chat"
    PROMPT_COMPLETION = "prompt-completion"
    SHAREGPT = "sharegpt"
    VISION = "vision"
    DPO_OPENAI = "dpo-openai"
    DPO_TRL = "dpo-trl"
    DPO_AXOLOTL = "dpo-axolotl"
    KTO = "kto"

    @property
    def judged(self) -> bool:
        """Whether a line says which replies are good."""
        return self.startswith("dpo") or self is Format.KTO


@dataclass(frozen=True)
class Shape:
    """How records become lines: `write` one, which `schema` describes.

    `takes` is Pair where a line compares two replies, else Completion. `images`: whether it takes them.
    """

    write: Callable[[Any], Line]
    schema: Mapping[str, Any]
    takes: type[Example]
    images: bool = False


def _said(reply: str) -> Line:
    return {"role": "assistant", "content": reply}


def _turn(message: Mapping[str, Any]) -> Line:
    return {"from": _SPEAKERS[message["role"]], "value": message["content"]}


def _all(record: Completion) -> Messages:
    return [*record.messages, _said(record.reply)]


def _in_parts(message: Mapping[str, Any]) -> Line:
    # All contents of a line in one form: Together refuses a mixture, and tables have one type in a column.
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {"role": message["role"], "content": parts}


def _openai_pair(pair: Pair) -> Line:
    return {
        "input": {"messages": pair.messages, "tools": [], "parallel_tool_calls": True},
        "preferred_output": [_said(pair.chosen)],
        "non_preferred_output": [_said(pair.rejected)],
    }


def _object(**properties: Any) -> Line:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(items: Line, least: int = 1, most: int | None = None) -> Line:
    return {"type": "array", "items": items, "minItems": least} | ({"maxItems": most} if most else {})


_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
_TEXT: Line = {"type": "string", "pattern": r"\S"}
_TURN = _object(role={"enum": ["system", "user", "assistant"]}, content=_TEXT)
_REPLY = _object(role={"const": "assistant"}, content=_TEXT)
_ONE_REPLY = _list(_REPLY, most=1)
_IMAGE = _object(
    type={"const": "image_url"},
    image_url=_object(
        url={"type": "string", "pattern": r"^(https://|data:image/(jpeg|png|webp);base64,)"},
        detail={"enum": ["auto", "low", "high"]},
    ),
)
_TEXT_PART = _object(type={"const": "text"}, text=_TEXT)
_SEEN_TURN = {
    "anyOf": [
        _object(role={"const": "user"}, content=_list({"anyOf": [_TEXT_PART, _IMAGE]})),
        _object(role={"enum": ["system", "assistant"]}, content=_list(_TEXT_PART)),
    ]
}

SHAPES: Mapping[Format, Shape] = {
    Format.CHAT: Shape(lambda one: {"messages": _all(one)}, _object(messages=_list(_TURN, 2)), Completion),
    Format.PROMPT_COMPLETION: Shape(
        lambda one: {"prompt": one.messages, "completion": [_said(one.reply)]},
        _object(prompt=_list(_TURN), completion=_ONE_REPLY),
        Completion,
    ),
    Format.SHAREGPT: Shape(
        lambda one: {"conversations": list(map(_turn, _all(one)))},
        _object(conversations=_list(_object(**{"from": {"enum": list(_SPEAKERS.values())}, "value": _TEXT}), 2)),
        Completion,
    ),
    Format.VISION: Shape(
        lambda one: {"messages": list(map(_in_parts, _all(one)))},
        _object(messages=_list(_SEEN_TURN, 2)),
        Completion,
        images=True,
    ),
    Format.DPO_OPENAI: Shape(
        _openai_pair,
        _object(
            input=_object(
                messages=_list(_TURN), tools={"type": "array", "maxItems": 0}, parallel_tool_calls={"type": "boolean"}
            ),
            preferred_output=_ONE_REPLY,
            non_preferred_output=_ONE_REPLY,
        ),
        Pair,
    ),
    Format.DPO_TRL: Shape(
        lambda pair: {"prompt": pair.messages, "chosen": [_said(pair.chosen)], "rejected": [_said(pair.rejected)]},
        _object(prompt=_list(_TURN), chosen=_ONE_REPLY, rejected=_ONE_REPLY),
        Pair,
    ),
    Format.DPO_AXOLOTL: Shape(
        lambda pair: {"messages": pair.messages, "chosen": _said(pair.chosen), "rejected": _said(pair.rejected)},
        _object(messages=_list(_TURN), chosen=_REPLY, rejected=_REPLY),
        Pair,
    ),
    Format.KTO: Shape(
        lambda one: {"prompt": one.messages, "completion": [_said(one.reply)], "label": one.good},
        _object(prompt=_list(_TURN), completion=_ONE_REPLY, label={"type": "boolean"}),
        Completion,
    ),
}
