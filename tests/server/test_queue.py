"""`llm-interactive queue`, against a Label Studio on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from testing.label_studio import FakeLabelStudio
from tests.server.bodies import TEXT

Queue = Callable[..., Result]


@pytest.fixture
def studio() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio(TEXT, [{"text": "a"}, {"text": "b"}, {"text": "c"}]) as studio:
        yield studio


@pytest.fixture
def queue(studio: FakeLabelStudio) -> Queue:
    env = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": "0123456789abcdef0123456789abcdef01234567"}
    return lambda *options: CliRunner().invoke(app, ["queue", "--project", "1", *options], env=env)


def predicted(studio: FakeLabelStudio, task: int, version: str, score: float | None) -> None:
    id = len(studio.predictions) + 1
    studio.predictions[id] = {
        "id": id,
        "project": 1,
        "task": task,
        "result": [],
        "model_version": version,
        "score": score,
        "created_at": "2026-01-01T00:00:00Z",
    }


def test_the_newest_version_with_scores_decides_who_comes_first(studio: FakeLabelStudio, queue: Queue) -> None:
    for task in (1, 2, 3):
        predicted(studio, task, "old/1", 0.5)
    predicted(studio, 1, "new/2", 0.5)
    predicted(studio, 2, "new/2", 0.9)
    predicted(studio, 3, "new/3", None)
    done = queue("--uncertainty")
    assert done.exit_code == 0, done.stderr
    assert "first what new/2 is least sure of; 2 of 3 tasks have its score" in done.stdout
    assert "several people" in done.stdout
    assert (studio.project["sampling"], studio.project["model_version"]) == ("Uncertainty sampling", "new/2")
    assert "show_collab_predictions" not in studio.project


def test_json_says_the_same(studio: FakeLabelStudio, queue: Queue) -> None:
    predicted(studio, 1, "new/2", 0.5)
    assert json.loads(queue("--uncertainty", "--json").stdout) == {
        "order": "uncertainty",
        "model_version": "new/2",
        "scored": 1,
        "tasks": 3,
    }
    assert json.loads(queue("--sequential", "--json").stdout) == {"order": "sequential"}


def test_a_version_may_be_named(studio: FakeLabelStudio, queue: Queue) -> None:
    predicted(studio, 1, "old/1", 0.5)
    predicted(studio, 1, "new/2", 0.5)
    assert queue("--uncertainty", "--version", "old/1").exit_code == 0
    assert studio.project["model_version"] == "old/1"


def test_the_way_back_leaves_the_rest_as_it_is(studio: FakeLabelStudio, queue: Queue) -> None:
    predicted(studio, 1, "new/2", 0.5)
    queue("--uncertainty")
    done = queue("--sequential")
    assert "in the Data Manager's order" in done.stdout
    assert (studio.project["sampling"], studio.project["model_version"]) == ("Sequential sampling", "new/2")


def test_without_scores_nothing_changes_and_it_is_said_what_gives_some(studio: FakeLabelStudio, queue: Queue) -> None:
    predicted(studio, 1, "new/2", None)
    done = queue("--uncertainty")
    assert done.exit_code == 2
    assert "NUM_RESPONSES" in done.stderr
    assert "of gone/1 has a score" in queue("--uncertainty", "--version", "gone/1").stderr
    assert "sampling" not in studio.project


def test_one_of_the_two_orders_must_be_asked_for(studio: FakeLabelStudio, queue: Queue) -> None:
    assert queue().exit_code == 2
    assert "sampling" not in studio.project
