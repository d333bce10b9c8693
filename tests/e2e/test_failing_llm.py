"""An LLM that fails: the annotator is told why in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from llm_interactive.cli.app import app
from testing.llm import FakeLLM, Reply, error
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import LOGIN, Project, Stack, make_project

pytestmark = pytest.mark.e2e

CHOICES = ["Sarcastic", "Not Sarcastic"]
SENTENCE = re.compile(r"^⚠ [A-Z].*\.$")
NO_RESPONSE = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="prompt" toName="text"/>
  <Choices name="sentiment" toName="text"><Choice value="Sarcastic"/><Choice value="Not Sarcastic"/></Choices>
</View>"""
WRONG_KEY = error(401, "Incorrect API key provided: local.", code="invalid_api_key")


@pytest.mark.parametrize(("failure", "said"), [(WRONG_KEY, "API key"), (Reply(texts=[None]), "reply")])
def test_the_sentence_is_in_the_response_field_and_no_box_is_ticked(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage, failure: Reply, said: str
) -> None:
    fixed_llm.answer = failure
    project = fixed_project("text-classification")
    page.open(project.id, project.tasks[0])

    page.ask("Sarcastic?")

    expect(page.texts("response")).to_have_text([SENTENCE])
    expect(page.texts("response")).to_contain_text([said])
    page.expect_ticked(of=CHOICES)


def test_the_next_try_replaces_the_sentence(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    fixed_llm.answer = WRONG_KEY
    project = fixed_project("text-classification")
    page.open(project.id, project.tasks[0])
    page.ask("Sarcastic?")
    expect(page.texts("response")).to_have_text([SENTENCE])
    fixed_llm.answer = "Not Sarcastic"

    page.edit("prompt", "Is it sarcastic?")

    expect(page.texts("response")).to_have_text(["Not Sarcastic"])
    page.expect_ticked("Not Sarcastic", of=CHOICES)


def test_without_a_response_field_the_interactive_api_gives_the_sentence(stack: Stack, fixed_llm: FakeLLM) -> None:
    fixed_llm.answer = WRONG_KEY
    project = make_project(stack.studio, NO_RESPONSE, [{"text": "any"}], stack.fixed_backend)

    [reason] = project.ask("Sarcastic?")["errors"]

    assert re.search(r"^50\d Server Error: .*API key.*for url", reason)


def test_a_failed_batch_stores_nothing_and_keeps_no_error_as_a_reply(
    fixed_project: Callable[[str], Project], fixed_llm: FakeLLM, prompt: str
) -> None:
    project = fixed_project("text-classification")
    project.ask(prompt)
    fixed_llm.answer = WRONG_KEY

    project.studio.retrieve_predictions(project.id)

    assert [len(predictions) for predictions in project.predictions().values()] == [1, 0]
    fixed_llm.answer = "Sarcastic"
    project.studio.retrieve_predictions(project.id)
    assert [len(predictions) for predictions in project.predictions().values()] == [1, 1]


def test_an_error_text_that_was_submitted_can_be_cleaned(
    fixed_project: Callable[[str], Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = fixed_project("text-classification")
    [first, *_] = project.tasks
    result = [
        {"id": name, "from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [text]}}
        for name, text in (("prompt", "Why?"), ("response", "⚠ The model did not reply in time. Try again."))
    ]
    project.studio.call("POST", f"/api/tasks/{first}/annotations/", json={"result": result})
    monkeypatch.setenv("LABEL_STUDIO_URL", project.studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LOGIN.token)

    done = CliRunner().invoke(app, ["clean", "--project", str(project.id), "--yes"])

    assert "Cleaned: 1." in done.stdout, done.output
    [annotation] = project.studio.annotations(first)
    assert [region["from_name"] for region in annotation["result"]] == ["prompt"]
