"""Connecting the model to a project, as Label Studio's form does it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from demo.label_studio import Refused
from tests.e2e.stack import Project, Stack, make_project

pytestmark = pytest.mark.e2e

NO_PROMPT = """<View>
  <Text name="text" value="$text"/>
  <Choices name="sentiment" toName="text"><Choice value="Sarcastic"/><Choice value="Not Sarcastic"/></Choices>
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


def test_connecting_asks_the_llm_nothing(fixed_project: Callable[[str], Project], stack: Stack) -> None:
    fixed_project("text-classification")

    assert stack.fixed_llm.calls == []
