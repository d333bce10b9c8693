"""The commands evaluate and compare: what they say and how they end. Measuring is tested on a real Label Studio."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from demo.paths import EXAMPLES
from llm_interactive.cli.annotated import write_whole
from llm_interactive.cli.app import app
from testing.label_studio import FakeLabelStudio
from tests.fresh_interpreter import loaded

run = CliRunner().invoke
COMMANDS = pytest.mark.parametrize("command", ["evaluate", "compare"])


def arguments(command: str) -> list[str]:
    return [command, "--project", "1", *(["a", "b"] if command == "compare" else [])]


@COMMANDS
def test_help_has_an_example_and_the_exit_codes(command: str) -> None:
    said = run(app, [command, "--help"]).stdout
    assert f"llm-interactive {command} --project 12" in said
    assert "Exits with 0" in " ".join(said.split())


@COMMANDS
def test_without_the_extra_it_says_how_to_install_it(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("llm_interactive.evaluation")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run(app, arguments(command))
    assert result.exit_code == 2
    assert result.stderr.strip().endswith("pip install 'llm-interactive[evaluation]'")


@COMMANDS
def test_without_an_address_it_names_the_setting(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    result = run(app, arguments(command))
    assert result.exit_code == 2
    assert "LABEL_STUDIO_URL is not set" in result.stderr


@COMMANDS
def test_a_label_studio_that_is_away_is_one_sentence(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    result = run(app, arguments(command))
    assert result.exit_code == 2
    assert "cannot be reached" in result.stderr


@COMMANDS
@pytest.mark.parametrize("option", ["--html", "--json"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_read(command: str, option: str, tmp_path: Path) -> None:
    result = run(app, [*arguments(command), option, str(tmp_path / "no" / "report")])
    assert result.exit_code == 2
    assert "There is no folder" in result.stderr


@pytest.mark.parametrize("bound", ["accuracy", "accuracy=good", "accuracy=nan", "accuracy=-inf"])
def test_a_bound_without_a_value_is_told_before_anything_is_read(bound: str) -> None:
    result = run(app, [*arguments("evaluate"), "--fail-under", bound])
    assert result.exit_code == 2
    assert "accuracy=0.9" in result.stderr


@COMMANDS
def test_a_reference_that_says_nothing_is_told_as_the_cause(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    label: Any = {"from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": ["Sarcastic"]}}
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    with FakeLabelStudio((EXAMPLES / "text-classification.xml").read_text(), [{"text": "One"}]) as studio:
        monkeypatch.setenv("LABEL_STUDIO_URL", studio.url)
        studio.annotate(1, [label])
        for version in "ab":
            made = {"task": 1, "result": [label], "model_version": version}
            httpx2.post(f"{studio.url}/api/predictions/", json=made).raise_for_status()
        result = run(app, [*arguments(command), "--reference", "ground-truth"])
    assert result.exit_code == 1
    assert "no annotation is marked as ground truth" in result.stderr


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Path, *_: object, **__: object) -> None:
        self.touch()
        raise KeyboardInterrupt

    file = tmp_path / "report.html"
    write_whole(file, "old")
    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    file, link = tmp_path / "real" / "report.json", tmp_path / "latest.json"
    file.parent.mkdir()
    link.symlink_to(file)
    for content in ("old", "new"):
        write_whole(link, content)
        assert (link.is_symlink(), file.read_text(), list(file.parent.iterdir())) == (True, content, [file])


def test_a_pipe_stays_one_and_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, "figures")
    assert os.read(reader, 100) == b"figures"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report").mkdir()
    with pytest.raises(typer.Exit):
        write_whole(tmp_path / "report", "new")
    assert "cannot be written" in capsys.readouterr().err


def test_the_server_and_the_command_import_nothing_of_it() -> None:
    heavy = {"sklearn", "scipy", "nervaluate", "nltk", "llm_interactive.evaluation"}
    assert loaded("import llm_interactive.cli.app, llm_interactive.web.app", heavy) == set()
