"""Examples from annotations, on a real Label Studio."""

from __future__ import annotations

import json

import pytest

from llm_interactive.labeling.split import is_held_out
from testing.llm import Call, FakeLLM
from tests.e2e.stack import Project, Stack, eventually, example, values

pytestmark = pytest.mark.e2e

COUNT = 20


def examples_of(call: Call) -> list[str]:
    """The responses that are shown to the model before the task."""
    told = [message["content"] for message in call.messages if message["role"] == "assistant"]
    return [json.loads(text)["response"] for text in told]


def test_what_is_annotated_is_shown_at_shift_enter_and_in_a_batch(
    stack: Stack, fixed_llm: FakeLLM, prompt: str
) -> None:
    fixed_llm.answer = json.dumps({"response": "a reply", "sentiment": ["Sarcastic"]})
    studio, config = stack.studio, example("text-classification")
    id = studio.create_project("Few-shot", config)
    tasks = studio.import_tasks(id, [{"text": f"Statement {number} is lovely."} for number in range(COUNT)])
    for task in tasks:
        response = {"from_name": "response", "to_name": "text", "type": "textarea", "value": {"text": [f"gold {task}"]}}
        label = {"from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": ["Sarcastic"]}}
        studio.call("POST", f"/api/tasks/{task}/annotations/", json={"result": [response, label]})
    backend = studio.connect_backend(id, stack.fixed_backend, extra_params='{"few_shot": 2}')
    project = Project(studio, id, tasks, backend, config)
    eventually(lambda: project.model_version.endswith("-2shot"))

    asked = project.ask(prompt)
    studio.retrieve_predictions(id)

    assert values(asked["data"]["result"])["response"] == ["a reply"]
    assert [len(found) for found in project.predictions().values()] == [1] * COUNT
    assert {found[0]["model_version"] for found in project.predictions().values()} == {project.model_version}
    shown = [examples_of(call) for call in fixed_llm.calls]
    assert [len(examples) for examples in shown] == [2] * COUNT
    free = {f"gold {task}" for task in tasks if not is_held_out(task)}
    assert {example for examples in shown for example in examples} <= free
