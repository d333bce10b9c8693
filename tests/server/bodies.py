"""Requests as Label Studio sends them (see tests/samples), and what an answer holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Json = dict[str, Any]

SAMPLES = Path(__file__).parents[1] / "samples"
PROJECT = "4.1795372442"
CREATED = "2026-11-22T18:34:02.769170Z"  # of project 4, as the webhook names it

TEXT = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="prompt" toName="text"/>
  <TextArea name="response" toName="text"/>
  <Choices name="sentiment" toName="text" choice="multiple">
    <Choice value="Sarcastic"/>
    <Choice value="Not Sarcastic"/>
  </Choices>
</View>"""

ONLY_CHOICES = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="prompt" toName="text"/>
  <Choices name="sentiment" toName="text"><Choice value="Sarcastic"/><Choice value="Not Sarcastic"/></Choices>
</View>"""

CHAT = """<View>
  <Paragraphs name="chat" value="$dialogue" layout="dialogue" textKey="content" nameKey="role"/>
  <TextArea name="prompt" toName="chat"/>
  <TextArea name="response" toName="chat"/>
</View>"""


def sample(name: str) -> Json:
    """A recorded body of tests/samples."""
    body: Json = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return body


def task(number: int = 10, text: str | None = None, **more: Any) -> Json:
    """A task with one text and nothing done to it yet; `more` replaces its parts."""
    data = {"text": f"text {number}" if text is None else text}
    return {"id": number, "data": data, "annotations": [], "drafts": [], "predictions": [], **more}


def tasks(count: int) -> list[Json]:
    """Tasks 1 to `count`, each with a text of its own."""
    return [task(number) for number in range(1, count + 1)]


def texts_region(name: str, *texts: str, to: str = "text") -> Json:
    """A TextArea's region."""
    return {
        "id": f"{name}1",
        "from_name": name,
        "to_name": to,
        "type": "textarea",
        "origin": "manual",
        "value": {"text": list(texts)},
    }


def choices_region(*choices: str) -> Json:
    """A region of the choices called "sentiment"."""
    value = {"choices": list(choices)}
    return {"id": "choi1", "from_name": "sentiment", "to_name": "text", "type": "choices", "value": value}


def batch(asked: Sequence[Any], config: str = TEXT, project: str = PROJECT) -> Json:
    """/predict as a Data Manager action sends it."""
    params = {"login": None, "password": None, "context": None}
    return {"tasks": list(asked), "project": project, "label_config": config, "params": params}


def interactive(
    *regions: Json, about: Json | None = None, config: str = TEXT, project: str = PROJECT, to: str = "text"
) -> Json:
    """/predict as the labeling page sends it on Shift+Enter."""
    body = batch([about or task()], config, project)
    body["params"]["context"] = {"result": list(regions)}
    return body


def typed(prompt: str, **more: Any) -> Json:
    """/predict after an annotator typed `prompt` and pressed Shift+Enter."""
    return interactive(texts_region("prompt", prompt), **more)


def submitted(prompt: str, action: str = "ANNOTATION_CREATED", config: str = TEXT, **annotation: Any) -> Json:
    """/webhook after an annotation with `prompt` was submitted in PROJECT."""
    result = [texts_region("prompt", prompt), texts_region("response", "an answer")]
    return {
        "action": action,
        "annotation": {"id": 1, "result": result, "was_cancelled": False, **annotation},
        "project": {"id": 4, "created_at": CREATED, "label_config": config},
        "task": task(),
    }


def results(client: FlaskClient, body: Json) -> list[Json]:
    """The entries that /predict answers with; it must succeed."""
    response = client.post("/predict", json=body)
    assert response.status_code == 200, response.status
    answer = response.get_json()
    found: list[Json] = answer["results"]
    assert len(found) == len(body["tasks"])
    return found


def press(client: FlaskClient, body: Json) -> Json:
    """The one entry that an interactive request is answered with."""
    [entry] = results(client, body)
    return entry


def setup(client: FlaskClient, config: str = TEXT, project: str = PROJECT, extra_params: Any = None) -> TestResponse:
    """The answer to /setup."""
    body = {
        "project": project,
        "schema": config,
        "hostname": "http://127.0.0.1:8085",
        "access_token": "creators-token",
        "extra_params": extra_params,
    }
    return client.post("/setup", json=body)


def version(client: FlaskClient, config: str = TEXT, project: str = PROJECT) -> str:
    """The model version that /setup answers with; it must succeed."""
    response = setup(client, config, project)
    assert response.status_code == 200, response.status
    found: str = response.get_json()["model_version"]
    return found


def texts(entry: Json, name: str = "response") -> list[str]:
    """Texts of the TextArea `name` in an entry."""
    return [text for region in entry["result"] if region["from_name"] == name for text in region["value"]["text"]]


def chosen(entry: Json) -> list[str]:
    """Choices ticked in an entry."""
    return [choice for region in entry["result"] for choice in region["value"].get("choices", [])]


def sentence_of(response: TestResponse) -> str:
    """The sentence of an error answer, after checking that it is one and that its reason phrase says it too."""
    body = response.get_json()
    assert isinstance(body, dict), body
    sentence: str = body["error"]
    assert sentence
    assert "\n" not in sentence
    assert "Traceback" not in response.get_data(as_text=True)
    assert response.status.split(" ", 1)[1][:20] == sentence.encode("latin-1", "replace").decode("latin-1")[:20]
    return sentence
