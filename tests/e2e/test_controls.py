"""Every kind of control in the real page: as a stored prediction, and as the answer to Shift+Enter."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from demo.label_studio import Json
from llm_interactive.cli.app import app
from testing.llm import FakeLLM
from testing.region_rules import faults
from tests.e2e import forms
from tests.e2e.forms import Filled, FormPage, Read, read
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import LOGIN, Project, Stack, eventually, make_project

pytestmark = pytest.mark.e2e

# The page takes answers of Shift+Enter in as suggestions, which it does not do for boxes before they are accepted, nor
# for more than one page of a document.
TYPED = (forms.FIELDS, forms.SPANS, forms.PAGES, forms.PAIR, forms.RANKS, forms.OTHERS)


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
    # What the page saves of a span in a Text is without the offsets that it needs in what it is given, and it saves a
    # Rating that was filled before its View was hidden.
    theirs = ("globalOffsets None", "(urgency): its control is hidden")
    return [fault for fault in faults(form.config, form.data, result) if not any(one in fault for one in theirs)]


def _shares_right(project: Project) -> dict[str, float]:
    """Which share of the annotated tasks is predicted right, by output, as `evaluate` measures it."""
    env = {"LABEL_STUDIO_URL": project.studio.url, "LABEL_STUDIO_API_KEY": LOGIN.token}
    done = CliRunner().invoke(app, ["evaluate", "--project", str(project.id), "--json", "-"], env=env)
    assert done.exit_code == 0, done.stderr
    measured = {one["output"]: one["versions"][0]["figures"] for one in json.loads(done.stdout)["outputs"]}
    return {output: figures.get("accuracy", figures.get("exact_match")) for output, figures in measured.items()}


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
    assert set(_shares_right(project).values()) == {1.0}


@pytest.mark.parametrize("form", TYPED, ids=_named)
def test_a_second_prompt_replaces_what_the_first_one_filled(
    form: FormPage, stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    project = make_project(stack.studio, form.config, [form.data], stack.fixed_backend, f"{form.name}, typed twice")
    page.open(project.id, project.tasks[0])
    _answer(fixed_llm, form.first)
    page.ask("First?")
    _shown(page, form.first)
    _answer(fixed_llm, form.second)
    page.edit("prompt", "Second?")
    _shown(page, form.second)
    result = _submitted(page, project, project.tasks[0])
    assert _said(result) == form.second.expected
    assert _faults(form, result) == []


@pytest.mark.parametrize("form", TYPED, ids=_named)
def test_the_answer_to_a_typed_prompt_is_submitted_as_the_model_gave_it_and_once_if_given_twice(
    form: FormPage, stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    _answer(fixed_llm, form.first)
    project = make_project(stack.studio, form.config, [form.data], stack.fixed_backend, f"{form.name}, asked twice")
    page.open(project.id, project.tasks[0])
    page.ask("First?")
    _shown(page, form.first)
    page.edit("prompt", "Second?")
    eventually(lambda: len(fixed_llm.calls) == 2)
    _shown(page, form.first)
    result = _submitted(page, project, project.tasks[0])
    assert _said(result) == form.first.expected
    assert _faults(form, result) == []


def test_words_of_a_page_that_browsers_mend_in_their_own_way_are_saved_where_they_stand(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    html = "<p>Team:<ul><li>Zed</li></ul></p><p>Ann met</p><p>Bob in <b>Łódź</b>.</p><p>Ann</p>"
    data = {**forms.PAGES.data, "html": html}
    _answer(fixed_llm, forms.PAGES.first)
    project = make_project(stack.studio, forms.PAGES.config, [data], stack.fixed_backend, "broken page")
    page.open(project.id, project.tasks[0])
    page.ask("First?")
    _shown(page, forms.PAGES.first)
    page.edit("prompt", "Second?")
    eventually(lambda: len(fixed_llm.calls) == 2)
    _shown(page, forms.PAGES.first)
    result = _submitted(page, project, project.tasks[0])
    places = [region["value"]["start"] for region in result if region["from_name"] == "html-entity"]
    assert places == [f"/p[{step}]/text()[1]" for step in ("3", "4", "4]/b[1", "5")]
    assert _said(result)["html-entity"] == forms.PAGES.first.expected["html-entity"]


def test_values_on_lists_tables_and_pdfs_are_seen_at_once_at_every_prompt(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    form = forms.OTHERS
    boxes = ("Valid", "Invalid", "Complete", "Partial", "Letter", "Bill")
    project = make_project(stack.studio, form.config, [form.data], stack.fixed_backend, "seen at once")
    page.open(project.id, project.tasks[0])
    _answer(fixed_llm, form.first)
    page.ask("First?")
    page.expect_ticked("Valid", "Partial", "Bill", of=boxes)
    expect(page.texts("remark")).to_contain_text(["a child"])
    _answer(fixed_llm, form.second)
    page.edit("prompt", "Second?")
    page.expect_ticked("Invalid", "Complete", "Letter", of=boxes)
    expect(page.texts("remark")).to_contain_text(["too young"])


@pytest.mark.parametrize("form", [forms.PAIR, forms.RANKS, forms.OTHERS], ids=_named)
def test_a_typed_prompt_replaces_what_a_stored_prediction_filled(
    form: FormPage, stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    _answer(fixed_llm, form.first)
    project = make_project(stack.studio, form.config, [form.data] * 2, stack.fixed_backend, f"{form.name}, stored")
    page.open(project.id, project.tasks[0])
    page.ask("First?")
    project.studio.retrieve_predictions(project.id, project.tasks[1:])
    page.open(project.id, project.tasks[1])
    _shown(page, form.first)
    _answer(fixed_llm, form.second)
    page.edit("prompt", "Second?")
    _shown(page, form.second)
    result = _submitted(page, project, project.tasks[1])
    assert _said(result) == form.second.expected
    assert _faults(form, result) == []


def test_a_choice_about_a_table_that_was_ticked_by_hand_is_kept_and_stays_the_only_one(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    form = forms.OTHERS
    _answer(fixed_llm, form.first)
    project = make_project(stack.studio, form.config, [form.data], stack.fixed_backend, "ticked by hand")
    page.open(project.id, project.tasks[0])
    page.choice("Invalid").click()
    eventually(lambda: project.studio.task(project.tasks[0])["drafts"])
    page.ask("First?")
    _shown(page, form.first)
    page.expect_ticked("Invalid", "Partial", of=("Valid", "Invalid", "Complete", "Partial"))
    result = _submitted(page, project, project.tasks[0])
    assert _said(result) == {**form.first.expected, "valid": [["Invalid"]]}
    assert _faults(form, result) == []


ON_A_TABLE = """<View>
  <Table name="table" value="$table"/>
  <TextArea name="prompt" toName="table" maxSubmissions="1" editable="true" showSubmitButton="false"/>
  <TextArea name="response" toName="table" editable="true"/>
  <Choices name="valid" toName="table"><Choice value="Valid"/><Choice value="Invalid"/></Choices>
</View>"""


def test_the_answer_to_a_prompt_on_a_table_is_shown_after_a_reload(
    stack: Stack, fixed_llm: FakeLLM, page: LabelingPage
) -> None:
    fixed_llm.answer = json.dumps({"response": "It is.", "valid": "Valid"})
    project = make_project(stack.studio, ON_A_TABLE, [{"table": {"age": 7}}], stack.fixed_backend, "on a table")
    page.open(project.id, project.tasks[0])
    page.ask("Is it valid?")
    eventually(lambda: project.studio.task(project.tasks[0])["drafts"])
    page.open(project.id, project.tasks[0])
    expect(page.texts("response")).to_contain_text(["It is."])
    page.expect_ticked("Valid", of=("Valid", "Invalid"))


def test_a_span_drawn_by_hand_asks_nothing_and_is_kept(stack: Stack, fixed_llm: FakeLLM, page: LabelingPage) -> None:
    form = forms.SPANS
    _answer(fixed_llm, form.first)
    project = make_project(stack.studio, form.config, [form.data], stack.fixed_backend, "drawn by hand")
    page.open(project.id, project.tasks[0])
    assert page.mark("Person", "Bob")["data"]["result"] == []
    assert fixed_llm.calls == []
    assert _said(_submitted(page, project, project.tasks[0])) == {"entity": ["PER: Bob"]}


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
