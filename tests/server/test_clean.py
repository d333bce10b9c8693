"""`llm-interactive clean`, against a Label Studio on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from testing.label_studio import FakeLabelStudio
from tests.server.bodies import TEXT, texts_region

ERROR = "⚠ The model did not reply in time. Try again."


def submitted(studio: FakeLabelStudio, task: int) -> list[Any]:
    [annotation] = studio.tasks[task - 1]["annotations"]
    return [(region["from_name"], region["value"]["text"]) for region in annotation["result"]]


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    """Three annotated tasks: with an error alone, with an error beside a reply, without one."""
    with FakeLabelStudio(TEXT, [{"text": "x"}] * 3) as studio:
        for task, texts in enumerate(([ERROR], ["A reply.", ERROR], ["A reply."]), 1):
            studio.annotate(task, [texts_region("prompt", "Why?"), texts_region("response", *texts)])
        monkeypatch.setenv("LABEL_STUDIO_URL", studio.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789abcdef0123456789abcdef01234567")
        yield studio


def clean(*options: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["clean", "--project", "1", *options], input=typed)


def test_error_texts_go_and_all_else_stays(studio: FakeLabelStudio) -> None:
    done = clean("--yes")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{studio.url}/projects/1/data?task=1",
        f"{studio.url}/projects/1/data?task=2",
        "Cleaned: 2.",
    ]
    assert submitted(studio, 1) == [("prompt", ["Why?"])]
    assert submitted(studio, 2) == submitted(studio, 3) == [("prompt", ["Why?"]), ("response", ["A reply."])]
    assert "No annotation holds an error text." in clean().stdout


def test_json_names_what_was_cleaned(studio: FakeLabelStudio) -> None:
    found = json.loads(clean("--yes", "--json").stdout)["cleaned"]
    assert [(one["task"], one["link"]) for one in found] == [
        (task, f"{studio.url}/projects/1/data?task={task}") for task in (1, 2)
    ]
    assert json.loads(clean("--yes", "--json").stdout) == {"cleaned": []}


def test_nothing_is_changed_without_a_yes(studio: FakeLabelStudio) -> None:
    done = clean(typed="n\n")
    assert done.exit_code == 2
    assert submitted(studio, 1) == [("prompt", ["Why?"]), ("response", [ERROR])]
