"""The Data Manager's "Retrieve predictions" on many tasks at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from testing.llm import FakeLLM, Reply, error
from tests.e2e.stack import Project, Stack, eventually, example, make_project, own_backend, url_of, values

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("text-classification", "Is this text Sarcastic or Not Sarcastic?"),
        ("chat", "Answer the last message in one short sentence."),
    ],
    ids=["text", "chat"],
)
def test_every_task_gets_a_valid_prediction_from_a_real_llm(
    real_project: Callable[[str], Project], stack: Stack, name: str, prompt: str
) -> None:
    project = real_project(name)
    project.ask(prompt)

    stack.studio.retrieve_predictions(project.id)

    interface: Any = LabelInterface(project.label_config)  # untyped
    version = project.model_version
    for predictions in project.predictions().values():
        [prediction] = predictions
        assert prediction["model_version"] == version
        assert prediction["score"] is None or 0 <= prediction["score"] <= 1
        assert {"prompt", "response"} <= {region["from_name"] for region in prediction["result"]}
        assert interface.validate_prediction(prediction, return_errors=True) == []


def test_the_same_prompt_is_not_sent_again(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, prompt: str
) -> None:
    project = fixed_project("text-classification")
    project.ask(prompt)
    project.studio.retrieve_predictions(project.id)
    fixed_llm.forget()

    project.studio.retrieve_predictions(project.id)

    assert fixed_llm.calls == []
    assert counts(project) == [1, 1]


def test_another_prompt_is_a_new_version_that_predicts_anew(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, prompt: str
) -> None:
    fixed_llm.answer = lambda call: "Is it irony? Yes." if "Is it irony?" in call.prompt else "Sarcastic"
    project = fixed_project("text-classification")
    project.ask(prompt)
    project.studio.retrieve_predictions(project.id)
    first = project.model_version

    project.ask("Is it irony?")
    project.studio.retrieve_predictions(project.id)

    second = project.model_version
    assert first != second
    for predictions in project.predictions().values():
        assert [prediction["model_version"] for prediction in predictions] == [first, second]
        assert [values(prediction["result"])["response"] for prediction in predictions] == [
            ["Sarcastic"],
            ["Is it irony? Yes."],
        ]


def test_a_task_that_failed_is_asked_again_at_the_next_retrieval(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, prompt: str
) -> None:
    fixed_llm.answer = lambda call: error(400, "no thanks") if "Great" in call.prompt else "Sarcastic"
    project = fixed_project("text-classification")
    project.ask(prompt, project.tasks[0])
    project.studio.retrieve_predictions(project.id)
    assert counts(project) == [1, 0]
    fixed_llm.forget()
    fixed_llm.answer = "Not Sarcastic"

    project.studio.retrieve_predictions(project.id)

    assert counts(project) == [1, 1]
    assert len(fixed_llm.calls) == 1


def counts(project: Project) -> list[int]:
    """How many predictions each task has."""
    return [len(predictions) for predictions in project.predictions().values()]


def test_what_was_late_comes_to_label_studio_by_itself(stack: Stack, fixed_llm: FakeLLM, tmp_path: Path) -> None:
    fixed_llm.answer = lambda call: Reply(["Sarcastic"], hang="number 2" in call.prompt)
    data = [{"text": f"Statement number {number}."} for number in range(5)]
    with own_backend(stack, tmp_path / "own", DEFAULT_PROMPT="Sarcastic or not?", PREDICT_DEADLINE="2") as child:
        project = make_project(stack.studio, example("text-classification"), data, url_of(child), "Late")
        stack.studio.retrieve_predictions(project.id)
        assert [len(found) for found in project.predictions().values()] == [1, 1, 0, 1, 1]
        fixed_llm.release()
        eventually(lambda: [len(found) for found in project.predictions().values()] == [1] * 5)
    assert len(fixed_llm.calls) == 5
    [late], *_ = (project.predictions()[task] for task in project.tasks[2:])
    assert late["model_version"] == project.predictions()[project.tasks[0]][0]["model_version"]
    assert values(late["result"])["sentiment"] == ["Sarcastic"]
