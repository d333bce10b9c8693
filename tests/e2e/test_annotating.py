"""An annotator in the browser: type a prompt, press Shift+Enter, see the reply, submit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from testing.llm import Call, FakeLLM
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import Project, Stack, eventually, sample_tasks, values

pytestmark = pytest.mark.e2e

CHOICES = ["Sarcastic", "Not Sarcastic"]


def labelled(response: str, *labels: str) -> str:
    """A reply that fits the schema of the text classification."""
    return json.dumps({"response": response, "sentiment": labels})


def test_the_reply_is_on_the_page_and_the_box_it_names_is_ticked(
    fixed_project: Callable[..., Project], fixed_llm: FakeLLM, page: LabelingPage, tmp_path: Path
) -> None:
    prompt = "Is this text Sarcastic or Not Sarcastic? Say why in one sentence."
    reply = "Nobody loves a crash, so the praise means its opposite."
    fixed_llm.answer = labelled(reply, "Sarcastic")
    project = fixed_project("text-classification", sample_tasks("text-classification"))
    page.open(project.id, project.tasks[0])

    page.ask(prompt)

    expect(page.texts("prompt")).to_have_text([prompt])
    expect(page.texts("response")).to_have_text([reply])
    page.expect_ticked("Sarcastic", of=CHOICES)
    [call] = fixed_llm.calls
    assert "I love it when my computer crashes" in call.prompt
    assert prompt in call.prompt
    page.screenshot(Path(os.environ.get("README_SCREENSHOT") or tmp_path / "annotating.png"))


def test_submitting_keeps_what_was_on_the_page(
    fixed_project: Callable[[str], Project],
    fixed_llm: FakeLLM,
    page: LabelingPage,
    stack: Stack,
    prompt: str,
) -> None:
    fixed_llm.answer = "Sarcastic."
    fixed_llm.queue(labelled("Clearly not sarcastic.", "Not Sarcastic"))
    project = fixed_project("text-classification")
    page.open(project.id, project.tasks[0])
    page.ask(prompt)
    expect(page.texts("response")).to_have_text(["Clearly not sarcastic."])

    asked_while_loading = page.submit()

    [annotation] = eventually(lambda: stack.studio.annotations(project.tasks[0]))
    expected = {"prompt": [prompt], "response": ["Clearly not sarcastic."], "sentiment": ["Not Sarcastic"]}
    assert values(annotation["result"]) == expected
    # Nobody has asked anything: an answer with regions would replace what was submitted, and be paid for.
    assert asked_while_loading["data"]["result"] == []
    expect(page.texts("response")).to_have_text(["Clearly not sarcastic."])
    page.expect_ticked("Not Sarcastic", of=CHOICES)


def test_a_dialogue_goes_to_the_llm_as_a_chat(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    fixed_llm.answer = "Why did the baguette blush? It saw the salad dressing."
    project = fixed_project("chat")
    page.open(project.id, project.tasks[0])

    page.ask("Answer the last message.")

    expect(page.texts("response")).to_have_text([fixed_llm.answer])
    messages = [(message["role"], message["content"]) for message in fixed_llm.calls[0].messages]
    assert ("assistant", "The capital of France is Paris.") in messages


def test_asking_again_gives_a_fresh_reply(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage, prompt: str
) -> None:
    fixed_llm.queue(
        labelled("Sarcastic, I think.", "Sarcastic"), labelled("On second thought: not sarcastic.", "Not Sarcastic")
    )
    project = fixed_project("text-classification")
    page.open(project.id, project.tasks[0])
    page.ask(prompt)
    expect(page.texts("response")).to_have_text(["Sarcastic, I think."])

    page.edit("prompt", "Think again.")

    expect(page.texts("response")).to_have_text(["On second thought: not sarcastic."])
    page.expect_ticked("Not Sarcastic", of=CHOICES)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("text-classification", "Is this text Sarcastic or Not Sarcastic? Say why."),
        ("chat", "Answer the last message in one short sentence."),
    ],
    ids=["text", "chat"],
)
def test_a_real_llm_answers(
    real_project: Callable[[str], Project], page: LabelingPage, stack: Stack, name: str, prompt: str
) -> None:
    project = real_project(name)
    page.open(project.id, project.tasks[0])

    [reply] = values(page.ask(prompt)["data"]["result"])["response"]

    assert reply.strip()
    assert not reply.startswith("⚠")
    expect(page.texts("response")).to_have_count(1)
    page.submit()
    [annotation] = eventually(lambda: stack.studio.annotations(project.tasks[0]))
    assert values(annotation["result"])["response"] == [reply]


def test_opening_a_task_fills_it_in_by_the_projects_prompt(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage, prompt: str
) -> None:
    fixed_llm.answer = _sarcastic_if_it_says_great
    project = fixed_project("text-classification")
    project.ask(prompt, project.tasks[0])

    page.open(project.id, project.tasks[1])

    expect(page.texts("prompt")).to_have_text([prompt])
    expect(page.texts("response")).to_have_text(["Sarcastic"])
    page.expect_ticked("Sarcastic", of=CHOICES)


def test_opening_a_task_without_any_prompt_leaves_it_empty(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    project = fixed_project("text-classification")

    page.open(project.id, project.tasks[0])

    expect(page.texts("response")).to_have_count(0)
    page.expect_ticked(of=CHOICES)
    assert fixed_llm.calls == []
    assert project.predictions()[project.tasks[0]] == []


def _sarcastic_if_it_says_great(call: Call) -> str:
    return "Sarcastic" if "Great" in call.prompt else "Not Sarcastic"
