"""A strict checker of fine-tuning files, written from the trainers' public rules and from nothing of the package's own.

- chat, dpo-openai: Together's file check (together-python, utils/files.py) and OpenAI's cookbook on preparing data
- vision: OpenAI's guide to vision fine-tuning; Together's check, which takes no mixture of texts and parts
- prompt-completion, dpo-trl, kto: TRL's docs/source/dataset_formats.md
- dpo-axolotl: Axolotl's docs/rlhf.qmd
- sharegpt: LLaMA-Factory's data/README.md
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image

Json = Any


class Refused(AssertionError):
    """A trainer would refuse the file, or learn nothing from a line of it."""


def check(format: str, file: Path) -> list[Json]:
    """The file's lines, if a trainer takes them all.

    Raises:
        Refused: it does not; the first cause.
    """
    text = file.read_bytes().decode("utf-8")
    if not text.endswith("\n") or "\n\n" in text:
        raise Refused("lines are empty, or the last one is not ended")
    lines = [json.loads(line) for line in text.splitlines()]
    for number, line in enumerate(lines, start=1):
        try:
            _CHECKS[format](line)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Refused(f"line {number}: {error!r}") from error
        except Refused as error:
            raise Refused(f"line {number}: {error}") from None
    if len({json.dumps(line) for line in lines}) != len(lines):
        raise Refused("a line is there twice")
    return lines


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Refused(message)


def _keys(value: Json, *names: str) -> None:
    _require(isinstance(value, dict) and list(value) == list(names), f"{list(value)} must be {list(names)}")


def _text(value: Json) -> None:
    _require(isinstance(value, str) and value.strip() != "", f"{value!r} must be a text that says something")


def _roles(roles: Iterable[str], last: str) -> None:
    found = list(roles)
    turns = found[1:] if found[0] == "system" else found
    _require(bool(turns) and turns[0] == "user" and turns[-1] == last, f"{found} must be turns that end with {last}")
    _require(set(turns) <= {"user", "assistant"}, f"{found} has unknown roles")
    _require(all(one != two for one, two in pairwise(turns)), f"{found} must alternate")


def _messages(messages: Json, last: str, *, images: bool = False) -> None:
    for message in messages:
        _keys(message, "role", "content")
        if images:
            shown = [part for part in message["content"] if part["type"] == "image_url"]
            _require(message["role"] == "user" or not shown, "only users show images")
            _parts(message["content"])
        else:
            _text(message["content"])
    _roles((message["role"] for message in messages), last)


def _parts(parts: Json) -> None:
    shown = [part for part in parts if part["type"] == "image_url"]
    _require(len(shown) <= 64, "at most 64 images")
    for part in parts:
        if part["type"] == "text":
            _keys(part, "type", "text")
            _text(part["text"])
            continue
        _keys(part, "type", "image_url")
        url = part["image_url"]["url"]
        if url.startswith("https://"):
            continue
        head, _, data = url.partition(",")
        content = base64.b64decode(data, validate=True)
        _require(len(content) <= 10 * 1024 * 1024, "an image of more than 10 MB")
        kind = (Image.open(io.BytesIO(content)).format or "").lower()
        _require(head == f"data:image/{kind};base64" and kind in ("jpeg", "png", "webp"), f"{head} holds a {kind}")


def _reply(reply: Json) -> str:
    _keys(reply, "role", "content")
    _require(reply["role"] == "assistant", "a reply is an assistant's")
    _text(reply["content"])
    return str(reply["content"])


def _sides(chosen: Json, rejected: Json) -> None:
    _require(_reply(chosen).split() != _reply(rejected).split(), "both sides are the same: it would train nothing")


def _chat(line: Json) -> None:
    _keys(line, "messages")
    _messages(line["messages"], "assistant")


def _vision(line: Json) -> None:
    _keys(line, "messages")
    _messages(line["messages"], "assistant", images=True)


def _prompt_completion(line: Json) -> None:
    _keys(line, "prompt", "completion")
    _messages(line["prompt"], "user")
    [reply] = line["completion"]
    _reply(reply)


def _kto(line: Json) -> None:
    _keys(line, "prompt", "completion", "label")
    _require(isinstance(line["label"], bool), "a label is true or false")
    _prompt_completion({name: line[name] for name in ("prompt", "completion")})


def _sharegpt(line: Json) -> None:
    _keys(line, "conversations")
    for turn in line["conversations"]:
        _keys(turn, "from", "value")
        _text(turn["value"])
    roles = {"system": "system", "human": "user", "gpt": "assistant"}
    _roles((roles[turn["from"]] for turn in line["conversations"]), "assistant")


def _openai_pair(line: Json) -> None:
    _keys(line, "input", "preferred_output", "non_preferred_output")
    _keys(line["input"], "messages", "tools", "parallel_tool_calls")
    _messages(line["input"]["messages"], "user")
    [chosen], [rejected] = line["preferred_output"], line["non_preferred_output"]
    _sides(chosen, rejected)


def _trl_pair(line: Json) -> None:
    _keys(line, "prompt", "chosen", "rejected")
    _messages(line["prompt"], "user")
    [chosen], [rejected] = line["chosen"], line["rejected"]
    _sides(chosen, rejected)


def _axolotl_pair(line: Json) -> None:
    _keys(line, "messages", "chosen", "rejected")
    _messages(line["messages"], "user")
    _sides(line["chosen"], line["rejected"])


_CHECKS = {
    "chat": _chat,
    "vision": _vision,
    "prompt-completion": _prompt_completion,
    "sharegpt": _sharegpt,
    "dpo-openai": _openai_pair,
    "dpo-trl": _trl_pair,
    "dpo-axolotl": _axolotl_pair,
    "kto": _kto,
}
