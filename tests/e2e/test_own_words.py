"""What the annotator wrote or ticked by hand stays, although Label Studio's page asks the model each time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from testing.llm import FakeLLM
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import Project

pytestmark = pytest.mark.e2e

CHOICES = ["Sarcastic", "Not Sarcastic"]


@pytest.fixture
def answered(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage, prompt: str
) -> LabelingPage:
    """A page on which the model has said "Sarcastic"; anything further it says would be "Not Sarcastic"."""
    fixed_llm.answer = "Not Sarcastic"
    fixed_llm.queue("Sarcastic")
    project = fixed_project("text-classification")
    page.open(project.id, project.tasks[0])
    page.ask(prompt)
    expect(page.texts("response")).to_have_text(["Sarcastic"])
    return page


@pytest.fixture
def filled_in(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage, prompt: str
) -> LabelingPage:
    """A page that opened with a stored prediction, "Sarcastic"; anything further would be "Not Sarcastic"."""
    fixed_llm.answer = "Not Sarcastic"
    fixed_llm.queue("an answer for another task", "Sarcastic")
    project = fixed_project("text-classification")
    project.ask(prompt, project.tasks[1])
    project.studio.retrieve_predictions(project.id, [project.tasks[0]])
    page.open(project.id, project.tasks[0])
    expect(page.texts("response")).to_have_text(["Sarcastic"])
    return page


@pytest.mark.parametrize("start", ["answered", "filled_in"])
def test_an_added_response_stays(start: str, fixed_llm: FakeLLM, request: pytest.FixtureRequest) -> None:
    page: LabelingPage = request.getfixturevalue(start)
    calls = len(fixed_llm.calls)

    page.add("response", "In my own words: irony.")

    expect(page.texts("response")).to_have_text(["Sarcastic", "In my own words: irony."])
    page.expect_ticked("Sarcastic", of=CHOICES)
    assert len(fixed_llm.calls) == calls


@pytest.mark.parametrize("start", ["answered", "filled_in"])
def test_an_edited_response_stays(start: str, fixed_llm: FakeLLM, request: pytest.FixtureRequest) -> None:
    page: LabelingPage = request.getfixturevalue(start)
    calls = len(fixed_llm.calls)

    page.edit("response", "Sarcastic, since nobody loves crashes.")

    expect(page.texts("response")).to_have_text(["Sarcastic, since nobody loves crashes."])
    page.expect_ticked("Sarcastic", of=CHOICES)
    assert len(fixed_llm.calls) == calls


def test_a_hand_ticked_box_stays_when_a_response_is_added(answered: LabelingPage, fixed_llm: FakeLLM) -> None:
    answered.choice("Sarcastic").click()
    answered.choice("Not Sarcastic").click()

    answered.add("response", "I disagree with the model.")

    answered.expect_ticked("Not Sarcastic", of=CHOICES)
    expect(answered.texts("response")).to_have_text(["Sarcastic", "I disagree with the model."])
    assert len(fixed_llm.calls) == 1


def test_own_words_without_any_prompt_ask_nothing(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    project = fixed_project("text-classification")
    page.open(project.id, project.tasks[0])

    page.add("response", "Labeled all by myself.")

    expect(page.texts("response")).to_have_text(["Labeled all by myself."])
    assert fixed_llm.calls == []


def test_a_new_prompt_asks_again_after_own_words(answered: LabelingPage, fixed_llm: FakeLLM) -> None:
    answered.add("response", "In my own words: irony.")

    answered.edit("prompt", "Is it really?")

    expect(answered.texts("prompt")).to_have_text(["Is it really?"])
    expect(answered.texts("response")).to_have_text(["Not Sarcastic"])
    assert len(fixed_llm.calls) == 2


def test_undo_brings_own_words_back_after_a_new_prompt(answered: LabelingPage, fixed_llm: FakeLLM) -> None:
    answered.edit("response", "In my own words: irony.")
    answered.edit("prompt", "Is it really?")
    expect(answered.texts("response")).to_have_text(["Not Sarcastic"])

    answered.undo()

    expect(answered.texts("response")).to_have_text(["In my own words: irony."])
