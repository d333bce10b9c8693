"""`evaluate --suggest`, against a Label Studio and a model on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from llm_interactive.labeling.split import is_held_out
from testing.label_studio import FakeLabelStudio
from testing.llm import FakeLLM, Reply
from tests.server.bodies import choices_region, texts_region
from tests.server.conftest import KEY

CONFIG = (Path(__file__).parents[2] / "examples" / "text-classification.xml").read_text()
BETTER = {"prompt": "Is the speaker mocking?", "reasons": ["Irony was not named.", "It was too short."]}
COUNT = 80

Evaluate = Callable[..., Result]


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(json.dumps(BETTER)) as server:
        yield server


@pytest.fixture
def studio() -> Iterator[FakeLabelStudio]:
    """Tasks of which people and model always think otherwise; one task in ten gets a rare answer."""
    with FakeLabelStudio(CONFIG, [{"text": f"Statement {number}."} for number in range(1, COUNT + 1)]) as server:
        for number in range(1, COUNT + 1):
            right = "Sarcastic" if number % 10 else "Not Sarcastic"
            wrong = "Not Sarcastic" if number % 10 else "Sarcastic"
            server.annotate(number, [texts_region("response", f"gold {number}"), choices_region(right)])
            result = [texts_region("prompt", "Sarcastic?"), choices_region(wrong)]
            server.predictions[number] = {
                "id": number,
                "task": number,
                "result": result,
                "model_version": "one/12345678",
                "created_at": "2026-01-01T00:00:00Z",
            }
        yield server


@pytest.fixture
def better(tmp_path: Path) -> Path:
    return tmp_path / "better.txt"


@pytest.fixture
def evaluate(llm: FakeLLM, studio: FakeLabelStudio, tmp_path: Path, better: Path) -> Evaluate:
    environment = {
        "LABEL_STUDIO_URL": studio.url,
        "LABEL_STUDIO_API_KEY": "0123456789abcdef0123456789abcdef01234567",
        "OPENAI_BASE_URL": llm.base_url,
        "OPENAI_API_KEY": KEY,
        "MODEL_DIR": str(tmp_path / "data"),
    }

    def run(*options: str) -> Result:
        return CliRunner().invoke(
            app, ["evaluate", "--project", "1", "--suggest", str(better), *options], env=environment
        )

    return run


def sent(llm: FakeLLM) -> list[dict[str, str]]:
    [call] = llm.calls
    return [json.loads(line) for line in call.prompt.splitlines() if line.startswith("{")]


def test_a_better_prompt_is_written_with_reasons_and_how_to_try_it(evaluate: Evaluate, better: Path) -> None:
    done = evaluate()
    assert done.exit_code == 0, done.stderr
    assert better.read_text() == "Is the speaker mocking?\n"
    assert "- Irony was not named." in done.stdout
    assert f"llm-interactive label --project 1 --prompt-file {better}" in done.stdout


def test_the_model_sees_the_prompt_and_few_mistakes_none_of_them_held_out(llm: FakeLLM, evaluate: Evaluate) -> None:
    evaluate()
    assert "The prompt:\nSarcastic?" in llm.calls[0].prompt
    mistakes = sent(llm)
    assert len(mistakes) == 20
    numbers = [int(number) for number in re.findall(r"Statement (\d+)", json.dumps(llm.calls[0].json))]
    assert len(numbers) == 20
    assert not any(map(is_held_out, numbers))
    assert "gold" not in llm.calls[0].prompt


def test_rare_mistakes_are_among_them(llm: FakeLLM, evaluate: Evaluate) -> None:
    evaluate()
    rare = [number for number in range(10, COUNT + 1, 10) if not is_held_out(number)]
    assert sum(mistake["right"] == "Not Sarcastic" for mistake in sent(llm)) == len(rare)


def test_nothing_changes_in_label_studio(evaluate: Evaluate, studio: FakeLabelStudio) -> None:
    before = dict(studio.predictions)
    evaluate()
    assert studio.predictions == before


def test_json_on_the_output_is_not_mixed_with_it(evaluate: Evaluate) -> None:
    done = evaluate("--json", "-")
    assert json.loads(done.stdout)["outputs"]
    assert "Irony was not named." in done.stderr


@pytest.mark.parametrize(
    "answer", ["I would rather not.", '{"prompt": " ", "reasons": []}', Reply(status=500, body=b"")]
)
def test_without_a_prompt_in_the_reply_nothing_is_written(
    llm: FakeLLM, evaluate: Evaluate, better: Path, answer: str | Reply
) -> None:
    llm.answer = answer
    done = evaluate()
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("llm-interactive: ")
    assert not better.exists()


def test_without_mistakes_the_model_is_not_asked(llm: FakeLLM, evaluate: Evaluate, studio: FakeLabelStudio) -> None:
    for prediction in studio.predictions.values():
        right = "Sarcastic" if prediction["task"] % 10 else "Not Sarcastic"
        prediction["result"] = [texts_region("prompt", "Sarcastic?"), choices_region(right)]
    done = evaluate()
    assert done.exit_code == 1
    assert "nothing wrong" in done.stderr
    assert llm.calls == []
