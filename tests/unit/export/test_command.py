"""The command: what it refuses, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from tests.media_server import Answer, Asked, MediaServer

TEXT = (
    '<View><Text name="text" value="$text"/><TextArea name="prompt" toName="text"/>'
    '<TextArea name="response" toName="text"/></View>'
)


def region(name: str, text: str) -> Any:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [text]}}


def task(id: int, reply: str) -> Any:
    result = [region("prompt", "P"), region("response", reply)]
    annotation = {"id": id, "completed_by": 1, "result": result, "was_cancelled": False}
    return {"id": id, "data": {"text": f"T{id}"}, "annotations": [annotation], "predictions": []}


class Studio(MediaServer):
    """A Label Studio with one project, its tasks on one page; where it `hangs`, the next page never comes."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[Any] = []
        self.hangs = False
        self.reached = threading.Event()

    def answer(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        if parts.path == "/api/projects/7/":
            return _json({"id": 7, "title": "Seven", "label_config": TEXT, "created_at": "2026-01-02T03:04:05Z"})
        if parts.path == "/api/tasks/":
            first = parse_qs(parts.query)["page"] == ["1"]
            if not first and self.hangs:
                self.reached.set()
                self.stopping.wait(60)
            return _json({"tasks": self.tasks if first else [], "total": len(self.tasks)})
        return Answer(b'{"detail": "none"}', 404)


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode())


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Studio]:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "data"))
    with Studio() as studio:
        monkeypatch.setenv("LABEL_STUDIO_URL", studio.url)
        yield studio


def run(tmp_path: Path, *arguments: str, project: int = 7, format: str = "chat") -> Result:
    file = tmp_path / "train.jsonl"
    return CliRunner().invoke(
        app, ["export", "--project", str(project), "--format", format, "-o", str(file), *arguments]
    )


def test_a_summary_says_what_was_written_and_what_was_not(studio: Studio, tmp_path: Path) -> None:
    studio.tasks = [task(1, "One."), task(2, "Two."), task(3, "⚠ No key.")]
    done = run(tmp_path)
    assert done.exit_code == 0
    assert f"2 examples written to {tmp_path / 'train.jsonl'}." in done.stdout
    assert "     1  the response is an error text" in done.stdout
    assert "at least 10 examples" in done.stdout


def test_no_database_is_made_where_there_is_none(studio: Studio, tmp_path: Path) -> None:
    studio.tasks = [task(1, "One.")]
    assert run(tmp_path).exit_code == 0
    assert not (tmp_path / "data").exists()


def test_json_says_the_same_for_scripts(studio: Studio, tmp_path: Path) -> None:
    studio.tasks = [task(number, f"Reply {number}") for number in range(40)]
    done = run(tmp_path, "--json", "--holdout", "0.5")
    said = json.loads(done.stdout)
    assert said["examples"] + said["holdout_examples"] == 40
    assert said["examples"] == len((tmp_path / "train.jsonl").read_text().splitlines())
    assert said["holdout_examples"] == len(Path(said["holdout_file"]).read_text().splitlines())
    assert (said["tasks"], said["annotations"], said["left_out"]) == (40, 40, {})


def test_with_nothing_to_export_no_file_is_written_and_the_code_is_1(studio: Studio, tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.exit_code == 1
    assert "Nothing to export" in done.stdout
    assert list(tmp_path.glob("*.jsonl")) == []


def test_a_project_that_is_not_there_is_one_sentence_and_the_code_1(studio: Studio, tmp_path: Path) -> None:
    done = run(tmp_path, project=8)
    assert done.exit_code == 1
    assert done.stderr.startswith("llm-interactive: Label Studio at")
    assert "has no project 8" in done.stderr


def test_a_source_that_the_project_lacks_is_one_sentence_and_the_code_1(studio: Studio, tmp_path: Path) -> None:
    done = run(tmp_path, "--from", "pairwise", format="dpo-trl")
    assert done.exit_code == 1
    assert "nothing that pairwise could be read from" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "format", "says"),
    [
        (["--from", "guesses"], "dpo-trl", "guesses"),
        (["--from", "corrections"], "chat", "chat takes what was submitted"),
        (["--holdout", "2"], "chat", "--holdout"),
        ([], "csv", "csv"),
        (["-o", "/no/such/folder/file"], "chat", "does not exist"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_read(
    studio: Studio, tmp_path: Path, arguments: list[str], format: str, says: str
) -> None:
    done = run(tmp_path, *arguments, format=format)
    assert done.exit_code == 2
    assert says in done.stderr
    assert studio.asked == []


@pytest.mark.parametrize("name", ["LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"])
def test_a_setting_that_is_missing_is_named(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    done = run(tmp_path)
    assert done.exit_code == 2
    assert f"{name} is not set" in done.stderr


def test_ctrl_c_leaves_nothing_half_done(studio: Studio, tmp_path: Path) -> None:
    studio.tasks, studio.hangs = [task(1, "One.")], True
    file = tmp_path / "train.jsonl"
    file.write_text("of before\n")
    # Whoever runs the tests in the background of a shell has SIGINT ignored.
    started = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{started}; from llm_interactive.cli.app import app; app()", "export"]
    command += ["--project", "7", "--format", "chat", "-o", str(file)]
    with subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE) as process:
        assert studio.reached.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert file.read_text() == "of before\n"
    assert [path.name for path in tmp_path.iterdir() if "jsonl" in path.name] == ["train.jsonl"]
