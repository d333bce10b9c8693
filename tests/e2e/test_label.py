"""`llm-interactive label` on a real Label Studio, in a project that no model is connected to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from demo.paths import ROOT
from llm_interactive.cli.app import app
from testing.batch_api import FakeBatchAPI
from testing.llm import Call, FakeLLM, Reply
from tests.e2e.stack import Stack, example, for_commands, values
from tests.server.statements import costing

pytestmark = pytest.mark.e2e

TEXTS = [f"Statement {number}: how lovely, rain again." for number in range(40)]


def answer(call: Call) -> str:
    number = int(call.prompt.partition("Statement ")[2].partition(":")[0])
    label = "Sarcastic" if number % 3 == 0 else "Not Sarcastic"
    return json.dumps({"response": f"statement {number}", "sentiment": [label]})


def test_predictions_are_stored_once_and_those_of_another_prompt_beside_them(
    stack: Stack, fixed_llm: FakeLLM, tmp_path: Path
) -> None:
    fixed_llm.answer = answer
    project = stack.studio.create_project("Statements", example("text-classification"))
    tasks = stack.studio.import_tasks(project, [{"text": text} for text in TEXTS])
    env = {**os.environ, **for_commands(stack.studio, fixed_llm.base_url, tmp_path / "data")}

    def label(prompt: str) -> dict[str, Any]:
        (tmp_path / "prompt.txt").write_text(prompt)
        command = [sys.executable, "-m", "llm_interactive", "label", "--project", str(project), "--yes", "--json"]
        command += ["--prompt-file", str(tmp_path / "prompt.txt")]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    first = label("Sarcastic or not?")
    assert (first["done"], first["filled"]) == (40, {"response": 40, "sentiment": 40})
    stored = stack.studio.predictions(project)
    again = label("Sarcastic or not?")
    assert (again["done"], again["replaced"], len(fixed_llm.calls)) == (40, 0, 40)
    assert [one["id"] for one in stack.studio.predictions(project)] == [one["id"] for one in stored]
    assert Counter(prediction["task"] for prediction in stored) == dict.fromkeys(tasks, 1)
    for prediction in stored:
        assert values(prediction["result"])["response"] == [f"statement {tasks.index(prediction['task'])}"]

    second = label("Is it meant as it is said?")
    versions = Counter(prediction["model_version"] for prediction in stack.studio.predictions(project))
    assert versions == {first["model_version"]: 40, second["model_version"]: 40}


def test_what_a_batch_brings_is_stored_once(stack: Stack, tmp_path: Path) -> None:
    project = stack.studio.create_project("Statements by batch", example("text-classification"))
    tasks = stack.studio.import_tasks(project, [{"text": text} for text in TEXTS[:5]])
    with FakeBatchAPI(answer) as llm:
        env = for_commands(stack.studio, llm.base_url, tmp_path / "data")
        env |= {"OPENAI_MODEL": "one", "DEFAULT_PROMPT": "Sarcastic or not?"}
        command = ["label", "--project", str(project), "--batch-api", "--yes", "--json"]
        for _ in range(2):
            done = CliRunner().invoke(app, command, env=env)
            assert json.loads(done.stdout)["done"] == 5, done.stderr
        assert len(llm.asked) == 4
    stored = stack.studio.predictions(project)
    assert {prediction["task"]: values(prediction["result"])["response"] for prediction in stored} == {
        task: [f"statement {number}"] for number, task in enumerate(tasks)
    }
    assert len(stored) == 5


def test_tasks_can_be_chosen_and_money_limited(stack: Stack, fixed_llm: FakeLLM, tmp_path: Path) -> None:
    fixed_llm.answer = lambda call: costing(Reply([answer(call)]), 1000, 100)
    studio = stack.studio
    project = studio.create_project("Some statements", example("text-classification"))
    tasks = studio.import_tasks(project, [{"text": text} for text in TEXTS])
    ids = {"filter": "filter:tasks:id", "operator": "in", "type": "Number", "value": {"min": tasks[2], "max": tasks[5]}}
    tab = {"project": project, "data": {"title": "Some", "filters": {"conjunction": "and", "items": [ids]}}}
    view = studio.call("POST", "/api/dm/views/", json=tab)["id"]
    env = for_commands(studio, fixed_llm.base_url, tmp_path / "data") | {
        "DEFAULT_PROMPT": "Sarcastic or not?",
        "PRICE_INPUT": "1000",
        "PRICE_OUTPUT": "1000",
        "MAX_TOKENS": "100",
        "MAX_CONCURRENCY": "4",
    }

    def label(*options: str, status: int = 0) -> tuple[Any, set[int]]:
        """The summary, and the places of the tasks that have a prediction then."""
        done = CliRunner().invoke(app, ["label", "--project", str(project), "--yes", "--json", *options], env=env)
        assert done.exit_code == status, done.stderr
        made = Counter(prediction["task"] for prediction in studio.predictions(project))
        assert set(made.values()) <= {1}
        return json.loads(done.stdout), {tasks.index(task) for task in made}

    assert label("--task", f"{tasks[0]},{tasks[39]}")[1] == {0, 39}
    assert label("--filter", str(view))[1] == {0, 39, 2, 3, 4, 5}
    sampled = label("--filter", str(view), "--sample", "2")[0]
    assert (sampled["tasks"], sampled["cost"], len(fixed_llm.calls)) == (2, 0.0, 6)

    stopped, labelled = label("--only-missing", "--max-cost", "11", status=1)
    assert (stopped["tasks"], 9 < stopped["cost"] <= 11) == (34, True)
    assert len(labelled) == 6 + stopped["done"] == len(fixed_llm.calls) < 40
    rest, labelled = label("--only-missing")
    assert (rest["tasks"], len(labelled), len(fixed_llm.calls)) == (34 - stopped["done"], 40, 40)
