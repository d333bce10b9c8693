"""Every kind of control in the real page: as a stored prediction, and as the answer to Shift+Enter."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from demo.label_studio import Json
from testing.llm import FakeLLM
from testing.region_rules import faults
from tests.e2e import forms
from tests.e2e.forms import Filled, FormPage, Read, read
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import Project, Stack, eventually, make_project

pytestmark = pytest.mark.e2e

# The page takes answers of Shift+Enter in as suggestions, which it does not do for lists, tables and PDFs, for boxes
# before they are accepted, nor for more than one page of a document.
TYPED = (forms.FIELDS, forms.SPANS, forms.PAGES, forms.PAIR)


def _named(form: FormPage) -> str:
    return form.name


def _answer(llm: FakeLLM, filled: Filled) -> None:
    llm.answer = json.dumps(filled.answer, ensure_ascii=False)


def _shown(page: LabelingPage, filled: Filled) -> None:
    first_line = filled.answer["response"].splitlines()[0]
    expect(page.texts("response")).to_contain_text([first_line], timeout=20_000)


def _submitted(page: LabelingPage, project: Project, task: int) -> list[Json]:
    page.submit()
    [annotation] = eventually(lambda: project.studio.annotations(task))
    result: list[Json] = annotation["result"]
    return result


def _said(result: list[Json]) -> Read:
    found = read(result)
    found.pop("prompt", None)
    return found


def _faults(form: FormPage, result: list[Json]) -> list[str]:
    # What the page saves of a span in a Text is without the offsets that it needs in what it is given.
    return [fault for fault in faults(form.config, form.data, result) if "globalOffsets None" not in fault]


@pytest.mark.parametrize("form", forms.ALL, ids=_named)
def test_a_stored_prediction_is_shown_and_submitted_as_the_model_gave_it(
    form: FormPage, stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    _answer(fixed_llm, form.first)
    project = make_project(stack.studio, form.config, [form.data] * 2, stack.fixed_backend, form.name)
    page.open(project.id, project.tasks[0])
    page.ask("First?")
    project.studio.retrieve_predictions(project.id, project.tasks[1:])
    page.open(project.id, project.tasks[1])
    _shown(page, form.first)
    result = _submitted(page, project, project.tasks[1])
    assert _said(result) == form.first.expected
    assert _faults(form, result) == []


@pytest.mark.parametrize("form", TYPED, ids=_named)
def test_the_answer_to_a_typed_prompt_is_filled_and_submitted_as_the_model_gave_it(
    form: FormPage, stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    _answer(fixed_llm, form.first)
    project = make_project(stack.studio, form.config, [form.data], stack.fixed_backend, f"{form.name}, typed")
    page.open(project.id, project.tasks[0])
    page.ask("First?")
    _shown(page, form.first)
    result = _submitted(page, project, project.tasks[0])
    assert _said(result) == form.first.expected
    assert _faults(form, result) == []


def test_the_same_answer_to_another_prompt_doubles_nothing(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    form = forms.SPANS
    _answer(fixed_llm, form.first)
    project = make_project(stack.studio, form.config, [form.data], stack.fixed_backend, "asked twice")
    page.open(project.id, project.tasks[0])
    page.ask("First?")
    _shown(page, form.first)
    page.edit("prompt", "Second?")
    eventually(lambda: len(fixed_llm.calls) == 2)
    _shown(page, form.first)
    result = _submitted(page, project, project.tasks[0])
    assert _said(result) == form.first.expected
    assert _faults(form, result) == []


TWO_PROMPTS = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="summary-prompt" toName="text" maxSubmissions="1" editable="true" showSubmitButton="false"/>
  <TextArea name="summary" toName="text" editable="true"/>
  <TextArea name="tone-prompt" toName="text" maxSubmissions="1" editable="true" showSubmitButton="false"/>
  <TextArea name="tone" toName="text" editable="true"/>
</View>"""


def test_of_two_prompts_only_the_one_that_was_pressed_is_asked(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    project = make_project(stack.studio, TWO_PROMPTS, [{"text": "It rains."}], stack.fixed_backend, "two prompts")
    fixed_llm.answer = "Rain."
    page.open(project.id, project.tasks[0])
    page.ask("Sum up.", field="summary-prompt")
    expect(page.texts("summary")).to_contain_text(["Rain."])
    fixed_llm.answer = "Gloomy."
    page.ask("Which tone?", field="tone-prompt")
    expect(page.texts("tone")).to_contain_text(["Gloomy."])
    expect(page.texts("summary")).to_contain_text(["Rain."])
    assert [call.prompt.split("Directive: ")[1] for call in fixed_llm.calls] == ["Sum up.", "Which tone?"]
    said = read(_submitted(page, project, project.tasks[0]))
    assert (said["summary"], said["tone"]) == ([["Rain."]], [["Gloomy."]])
