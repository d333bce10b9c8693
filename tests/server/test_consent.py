"""What commands answer who says no, nothing, or Ctrl-C to their question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from testing.llm import FakeLLM
from tests.server.bodies import texts_region
from tests.server.statements import Make

Run = Callable[[str, str], Result]

COMMANDS = ["label", "clean", "rank"]
OPTIONS = {
    "label": ["--project", "1", "--prompt-file"],
    "rank": ["create", "--from", "1", "--models", "a,b", "--prompt-file"],
}


@pytest.fixture
def run(statements: Make, environment: dict[str, str], prompt: Path, llm: FakeLLM) -> Iterator[Run]:
    """Runs a command of which nothing may come."""
    studio = statements(2)
    studio.annotate(1, [texts_region("response", "⚠ The model is away.")])

    def run(command: str, typed: str) -> Result:
        options = [*OPTIONS[command], str(prompt)] if command in OPTIONS else ["--project", "1"]
        env = {**environment, "LABEL_STUDIO_URL": studio.url}
        return CliRunner().invoke(app, [command, *options], env=env, input=typed)

    yield run
    assert (llm.calls, studio.predictions) == ([], {})
    assert studio.tasks[0]["annotations"][0]["result"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("typed", "said"), [("n\n", "[y/N]"), ("", "--yes starts without the question")])
def test_without_a_yes_nothing_is_done(run: Run, command: str, typed: str, said: str) -> None:
    done = run(command, typed)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Aborted" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_at_the_question_stops(run: Run, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise typer.Abort from None  # as typer does

    monkeypatch.setattr(typer, "confirm", interrupted)
    done = run(command, "")
    assert done.exit_code == 130
    assert "Aborted" not in done.stderr
