"""Replies of two models stand side by side in a real Label Studio, and the one that is chosen is the better one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from llm_interactive.cli.app import app
from testing.fine_tuning import check
from testing.llm import Call, FakeLLM, Reply
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import LOGIN, Stack, example

pytestmark = pytest.mark.e2e

SECOND = {"second_model": "second"}


def reply_to(call: Call) -> Reply:
    return Reply(texts=[f"The word of model {call.json['model']}."])


def test_the_response_that_is_chosen_is_the_better_one(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_llm.answer = reply_to
    project = stack.studio.create_project("Two replies", example("two-replies"))
    [task] = stack.studio.import_tasks(project, [{"question": "What is 1 + 1?"}])
    stack.studio.connect_backend(project, stack.fixed_backend, extra_params=json.dumps(SECOND))

    page.open(project, task)
    page.ask("Answer in one word.")
    expect(page.texts("response-a")).to_contain_text("The word of model")
    shown = [page.texts(name).inner_text() for name in ("response-a", "response-b")]
    assert len(set(shown)) == 2
    assert "The word of model second." in shown
    page.page.locator("input[type=radio][name=B]").check()
    page.submit()

    monkeypatch.setenv("LABEL_STUDIO_URL", stack.studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LOGIN.token)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    file = tmp_path / "pairs.jsonl"
    options = ["--project", str(project), "--from", "preference", "--format", "dpo-trl", "-o", str(file)]
    done = CliRunner().invoke(app, ["export", *options])
    assert done.exit_code == 0, done.output
    [pair] = check("dpo-trl", file)
    assert [pair[side][0]["content"] for side in ("rejected", "chosen")] == shown
