"""What the tests of `label` share: numbered statements to label, and a model that answers by their numbers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from testing.label_studio import FakeLabelStudio
from testing.llm import Call, Reply

CONFIG = (Path(__file__).parents[2] / "examples" / "text-classification.xml").read_text()
NUMBER = re.compile(r"Statement (\d+):")

Make = Callable[[int], FakeLabelStudio]
Label = Callable[..., Result]


def number_in(call: Call) -> int:
    found = NUMBER.search(call.prompt)
    assert found, call.prompt
    return int(found[1])


def answer(call: Call) -> Reply:
    label = "Sarcastic" if number_in(call) % 3 == 0 else "Not Sarcastic"
    return Reply(texts=[json.dumps({"response": f"statement {number_in(call)}", "sentiment": [label]})])


def costing(reply: Reply, prompt_tokens: int, completion_tokens: int) -> Reply:
    """`reply`, with one text, as a completion that took so many tokens."""
    [text] = reply.texts
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    made = {"id": "c", "object": "chat.completion", "created": 1, "model": "one", "choices": [choice], "usage": usage}
    return Reply(body=json.dumps(made).encode())


def counts(studio: FakeLabelStudio) -> dict[int, int]:
    """How many tasks have how many predictions."""
    return Counter(len(studio.predictions_of(task["id"])) for task in studio.tasks)


def summary(done: Result, status: int = 0) -> dict[str, Any]:
    assert done.exit_code == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
