"""Requests as Label Studio sends them, each about tasks whose texts hold a name of their own.

A name (`[t-warm-17]`) is found again by the loopback model in what it is asked, and by `named_results` in the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

PROMPT = "Is this text sarcastic? Answer with one of: Sarcastic, Not Sarcastic."
TEMPLATE = "Source Text: {text}\n\nTask Directive: {prompt}"
MODEL = "loopback"

NAME = re.compile(r"\[(t-[\w-]+)\]")

LABEL_CONFIG = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="prompt" toName="text" editable="true" rows="2" maxSubmissions="1" showSubmitButton="false"/>
  <TextArea name="response" toName="text" editable="true"/>
  <Choices name="sentiment" toName="text" choice="single" showInLine="true">
    <Choice value="Sarcastic"/>
    <Choice value="Not Sarcastic"/>
  </Choices>
</View>"""
SIX_CONFIG = LABEL_CONFIG.replace(
    "</View>",
    """<Labels name="things" toName="text"><Label value="Event"/><Label value="Time"/></Labels>
  <Rating name="strength" toName="text"/>
  <Choices name="topics" toName="text" choice="multiple"><Choice value="Work"/><Choice value="Home"/></Choices>
  <Number name="count" toName="text"/>
</View>""",
)
SIX_REPLY = json.dumps(
    {
        "response": "Sarcastic [NAME]",
        "sentiment": "Sarcastic",
        "strength": 4,
        "count": 2,
        "topics": ["Work"],
        "things": [
            {"quote": "another meeting", "label": "Event"},
            {"quote": "Friday afternoon", "label": "Time"},
            {"quote": "another meeting", "label": "Event"},
        ],
    }
)
RESULT = (
    {"id": "r1", "from_name": "response", "to_name": "text", "type": "textarea", "value": {"text": ["Sarcastic."]}},
    {"id": "s1", "from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": ["Sarcastic"]}},
)
"""A task's regions, as they are stored."""
IMAGE_CONFIG = LABEL_CONFIG.replace('<Text name="text" value="$text"/>', '<Image name="text" value="$image"/>')

_SENTENCE = (
    "Oh great, another meeting that could have been an e-mail. Just what I needed on a Friday afternoon: {braces}! "
)


def names(group: str, count: int) -> list[str]:
    """Names of `count` tasks; another `group` is other tasks, which no store knows."""
    return [f"t-{group}-{number}" for number in range(count)]


def text_of(name: str) -> str:
    """The text of the task called `name`, about 250 characters."""
    return f"{_SENTENCE * 2}[{name}]"


def messages(name: str) -> list[dict[str, str]]:
    """The chat that the backend makes of a task."""
    return [{"role": "user", "content": TEMPLATE.replace("{text}", text_of(name)).replace("{prompt}", PROMPT)}]


def batch(tasks: Sequence[str], config: str = LABEL_CONFIG) -> bytes:
    """/predict as the Data Manager's action sends it."""
    return _predict(config, _texts(tasks), None)


def image_batch(addresses: Mapping[str, str]) -> bytes:
    """The same about images: the address of each task's by the task's name, which is in its field `name`."""
    data = {task: {"image": address, "name": f"[{task}]"} for task, address in addresses.items()}
    return _predict(IMAGE_CONFIG, data, None)


def interactive(task: str) -> bytes:
    """/predict as Shift+Enter sends it."""
    typed = {
        "value": {"text": [PROMPT]},
        "id": "rpgC_EA5po",
        "from_name": "prompt",
        "to_name": "text",
        "type": "textarea",
        "origin": "manual",
    }
    return _predict(LABEL_CONFIG, _texts([task]), {"result": [typed]})


def setup() -> bytes:
    """/setup as it comes before every retrieval."""
    return json.dumps({"project": "1.1795372433", "schema": LABEL_CONFIG, "extra_params": None}).encode()


def named_results(answer: bytes, tasks: Sequence[str]) -> int:
    """How many of `tasks` have a result; fails when an entry is missing or stands in another's place."""
    entries = json.loads(answer)["results"]
    if len(entries) != len(tasks):
        raise AssertionError(f"{len(entries)} entries for {len(tasks)} tasks")
    done = 0
    for task, entry in zip(tasks, entries, strict=True):
        regions = entry.get("result")
        if not regions:
            continue
        if not {region["from_name"] for region in regions} >= {"prompt", "response", "sentiment"}:
            raise AssertionError(f"{task} has other regions than it should")
        if NAME.findall(json.dumps(regions)) != [task]:
            raise AssertionError(f"the reply in the place of {task} is another task's")
        done += 1
    return done


def _texts(tasks: Sequence[str]) -> dict[str, dict[str, str]]:
    return {task: {"text": text_of(task)} for task in tasks}


def _predict(config: str, data: Mapping[str, Mapping[str, str]], context: dict[str, Any] | None) -> bytes:
    body = {
        "tasks": [_task(number, fields) for number, fields in enumerate(data.values(), start=1)],
        "project": "1.1795372433",
        "label_config": config,
        "params": {"login": None, "password": None, "context": context},
    }
    return json.dumps(body).encode()


def _task(number: int, data: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": number,
        "data": data,
        "meta": {},
        "created_at": "2026-11-22T18:33:53.611929Z",
        "updated_at": "2026-11-22T18:33:53.611934Z",
        "is_labeled": False,
        "overlap": 1,
        "inner_id": number,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": 1,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "annotations": [],
        "predictions": [],
    }
