"""Connecting the model to a project, as Label Studio's form does it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from demo.label_studio import Refused
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import Project, Stack, make_project

pytestmark = pytest.mark.e2e

NO_PROMPT = """<View>
  <Text name="text" value="$text"/>
  <Choices name="sentiment" toName="text"><Choice value="Sarcastic"/><Choice value="Not Sarcastic"/></Choices>
</View>"""

NOTHING_TO_FILL = """<View>
  <Image name="image" value="$image"/>
  <TextArea name="prompt" toName="image"/>
  <KeyPointLabels name="points" toName="image"><Label value="Point"/></KeyPointLabels>
</View>"""
ON_AUDIO = """<View>
  <Audio name="audio" value="$audio"/>
  <TextArea name="prompt" toName="audio"/>
  <Choices name="mood" toName="audio"><Choice value="Good"/><Choice value="Bad"/></Choices>
</View>"""


@pytest.mark.parametrize("name", ["text-classification", "chat"])
def test_an_example_connects_with_its_webhook(fixed_project: Callable[[str], Project], stack: Stack, name: str) -> None:
    project = fixed_project(name)

    [backend] = stack.studio.backends(project.id)
    assert (backend["state"], backend["error_message"]) == ("CO", None)
    assert backend["model_version"]
    webhooks = stack.studio.call("GET", f"/api/webhooks/?project={project.id}")
    assert [webhook["url"] for webhook in webhooks] == [f"{stack.fixed_backend}/webhook"]


def test_a_config_without_a_prompt_field_is_refused_with_what_to_add(stack: Stack) -> None:
    with pytest.raises(Refused, match=r"(?i)textarea.*prompt|prompt.*textarea"):
        make_project(stack.studio, NO_PROMPT, [{"text": "any"}], stack.fixed_backend)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (NO_PROMPT, 'There is no prompt field. Add a TextArea tag to the labeling config, with name="prompt"'),
        (
            NOTHING_TO_FILL,
            "There is nothing to fill (KeyPointLabels cannot be filled by a chat model). Add a TextArea tag",
        ),
        (ON_AUDIO, 'The prompt "prompt" belongs to a tag Audio, which cannot be sent to a chat model'),
    ],
    ids=["no-prompt", "nothing-to-fill", "audio"],
)
def test_the_connection_form_shows_the_cause_as_it_was_written(
    stack: Stack, page: LabelingPage, config: str, said: str
) -> None:
    project = stack.studio.create_project("Form", config)
    form = page.page
    form.goto(f"{page.url}/projects/{project}/settings/ml")
    form.locator("button", has_text="Connect Model").click()
    form.fill("input[name=title]", "LLM")
    form.fill("input[name=url]", stack.fixed_backend)
    form.locator("button", has_text="Validate and Save").click()
    expect(form.locator(".lsf-error-message__message").first).to_contain_text(said)


def test_connecting_asks_the_llm_nothing(fixed_project: Callable[[str], Project], stack: Stack) -> None:
    fixed_project("text-classification")

    assert stack.fixed_llm.calls == []
