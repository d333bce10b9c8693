"""From annotations of two people in a real Label Studio to files that a strict checker takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.label_studio import Json
from demo.processes import Child
from testing.fine_tuning import check
from testing.llm import Call, FakeLLM, Reply
from tests.e2e.stack import Project, Stack, example, make_project, own_backend, url_of

pytestmark = pytest.mark.e2e

PROMPT = "Go on with it."
COMMAND = [sys.executable, "-c", "from llm_interactive.cli.app import app; app()", "export"]


def dialogue(number: int) -> Json:
    turns = [("user", f"What is {number} + 1?"), ("assistant", f"{number + 1}."), ("user", "And one more?")]
    return {"dialogue": [{"role": role, "content": content} for role, content in turns]}


def reply_to(call: Call) -> Reply:
    return Reply(texts=[f"The model's word on: {call.messages[0]['content']}"])


@pytest.fixture
def backend(stack: Stack, fixed_llm: FakeLLM, tmp_path: Path) -> Iterator[Child]:
    """A backend whose store the command reads as well."""
    fixed_llm.answer = reply_to
    with own_backend(stack, tmp_path / "data") as child:
        yield child


@pytest.fixture
def project(stack: Stack, backend: Child) -> Project:
    return make_project(
        stack.studio, example("chat"), [dialogue(number) for number in range(6)], url_of(backend), "Export"
    )


@pytest.fixture
def colleague(stack: Stack) -> int:
    """The id of a second user."""
    body = {"email": "colleague@example.com", "username": "colleague", "password": "colleague-password"}
    return int(stack.studio.call("POST", "/api/users/", json=body)["id"])


def regions(prompt: str, response: str) -> list[Json]:
    texts = {"prompt": prompt, "response": response}
    return [
        {"id": name, "from_name": name, "to_name": "chat", "type": "textarea", "value": {"text": [text]}}
        for name, text in texts.items()
    ]


def annotate(project: Project, task: int, response: str, **fields: Any) -> None:
    body = {"result": regions(PROMPT, response), **fields}
    project.studio.call("POST", f"/api/tasks/{task}/annotations/", json=body)


def exported(backend: Child, file: Path, project: Project, format: str, *arguments: str) -> tuple[list[Json], Json]:
    """The checked lines of the file that the command writes, and its summary."""
    command = [*COMMAND, "--project", str(project.id), "--format", format, "-o", str(file), "--json", *arguments]
    done = subprocess.run(command, env=backend.env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return check(format, file), json.loads(done.stdout)


def test_what_two_people_submitted_and_corrected_becomes_files_that_trainers_take(
    backend: Child, project: Project, colleague: int, tmp_path: Path
) -> None:
    first, edited, twice, typed, skipped, failed = project.tasks
    # Asked in the page; of the task that is edited there, only the backend keeps what the model said.
    shown = project.ask(PROMPT, typed)["data"]["result"]
    assert shown
    project.studio.retrieve_predictions(project.id, [first, edited, twice])
    said = {task: found[0] for task, found in project.predictions().items() if found}
    words = {task: made["result"][0]["value"]["text"][0] for task, made in said.items()}
    assert set(said) == {first, edited, twice}

    annotate(project, first, words[first], parent_prediction=said[first]["id"])
    annotate(project, edited, "The first one's edit.", parent_prediction=said[edited]["id"])
    annotate(project, twice, "The first one's view.", parent_prediction=said[twice]["id"])
    annotate(project, twice, "The colleague's view.", parent_prediction=said[twice]["id"], completed_by=colleague)
    annotate(project, typed, "An edit in the page.")
    annotate(project, skipped, "Never mind.", was_cancelled=True)
    annotate(project, failed, "⚠ The model did not reply in time. Try again.")

    lines, summary = exported(backend, tmp_path / "chat.jsonl", project, "chat")
    assert [line["messages"][-1]["content"] for line in lines] == [
        words[first],
        "The first one's edit.",
        "The first one's view.",
        "The colleague's view.",
        "An edit in the page.",
    ]
    assert [message["content"] for message in lines[0]["messages"][:-1]] == [
        "What is 0 + 1?",
        "1.",
        f"And one more?\n\n{PROMPT}",
    ]
    assert (summary["tasks"], summary["annotations"]) == (6, 7)
    assert summary["left_out"] == {"the task was skipped": 1, "the response is an error text": 1}
    users = [json.loads(line)["user"] for line in (tmp_path / "chat.meta.jsonl").read_text().splitlines()]
    assert users[3] == colleague != users[2]

    pairs, summary = exported(backend, tmp_path / "pairs.jsonl", project, "dpo-openai")
    assert [(pair["preferred_output"][0]["content"], pair["non_preferred_output"][0]["content"]) for pair in pairs] == [
        ("The first one's edit.", words[edited]),
        ("The first one's view.", words[twice]),
        ("The colleague's view.", words[twice]),
        ("An edit in the page.", "The model's word on: What is 3 + 1?"),
    ]
    assert summary["left_out"]["the reply was left as it was"] == 1

    for format in ("prompt-completion", "sharegpt", "vision", "dpo-trl", "dpo-axolotl", "kto"):
        lines, summary = exported(backend, tmp_path / f"{format}.jsonl", project, format)
        assert len(lines) == summary["examples"] >= 4
