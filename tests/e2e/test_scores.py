"""Scores on a real Label Studio: what comes first in the queue, and what is accepted unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from llm_interactive.cli.app import app
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.settings import Settings
from testing.llm import Call, FakeLLM, Reply
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import LOGIN, Stack, example, for_commands

pytestmark = pytest.mark.e2e

SURE = [0.9, 0.7, 0.95, 0.2, 0.6, 0.3]
TEXTS = [f"Statement {number}: how lovely." for number in range(len(SURE))]


def answer(call: Call) -> Reply:
    sure = SURE[int(call.prompt.partition("Statement ")[2].partition(":")[0])]
    return Reply([json.dumps({"response": "R", "sentiment": ["Sarcastic"]})], sure={"Sarcastic": sure})


def test_the_least_sure_task_comes_first_and_the_sure_ones_are_accepted(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage, tmp_path: Path
) -> None:
    fixed_llm.answer = answer
    studio = stack.studio
    project = studio.create_project("Scores", example("text-classification"))
    tasks = studio.import_tasks(project, [{"text": text} for text in TEXTS])
    (tmp_path / "prompt.txt").write_text("Sarcastic or Not Sarcastic?")
    env = for_commands(studio, fixed_llm.base_url, tmp_path / "data")

    def run(command: str, *options: str) -> str:
        done = CliRunner().invoke(app, [command, "--project", str(project), *options], env=env)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def next_task() -> int:
        return tasks.index(studio.call("GET", f"/api/projects/{project}/next")["id"])

    def submit(number: int) -> None:
        studio.call("POST", f"/api/tasks/{tasks[number]}/annotations/", json={"result": [], "lead_time": 1.0})

    labelling = ("--yes", "--json", "--prompt-file", str(tmp_path / "prompt.txt"), "--accept-above", "0.9")
    found: dict[str, Any] = json.loads(run("label", *labelling))
    assert (found["done"], found["accepted"]) == (6, 2)
    assert [prediction["score"] for prediction in studio.predictions(project)] == SURE
    assert json.loads(run("label", *labelling))["accepted"] == 0
    with LabelStudio(Settings(label_studio_url=studio.url, label_studio_api_key=LOGIN.token)) as client:
        assert [(len(task.annotations), task.accepted) for task in client.tasks(project)] == [
            (0, 1 if score >= 0.9 else 0) for score in SURE
        ]

    assert "6 of 6 tasks have its score" in run("queue", "--uncertainty")
    page.page.goto(f"{studio.url}/projects/{project}/data")
    page.page.get_by_role("button", name="Label All Tasks").click(timeout=60_000)
    expect(page.page.get_by_text(TEXTS[3]).first).to_be_visible(timeout=60_000)
    submit(3)
    assert next_task() == 5
    submit(5)
    run("queue", "--sequential")
    assert next_task() == 1
