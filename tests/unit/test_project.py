"""One project as a request finds it: its forms, its prompts and its version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llm_interactive.errors import LabelingConfigError, PromptError
from llm_interactive.predict.project import Project
from llm_interactive.settings import Settings
from llm_interactive.store.store import StoredProject

TEXT = '<Text name="text" value="$text"/>'
PROMPT = '<TextArea name="prompt" toName="text"/>'
ONE = TEXT + PROMPT + '<TextArea name="response" toName="text"/>'
TWO = (
    TEXT + '<TextArea name="a-prompt" toName="text"/><TextArea name="a" toName="text"/>'
    '<TextArea name="b-prompt" toName="text"/><TextArea name="b" toName="text"/>'
)


def project(
    inside: str, prompts: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, **settings: Any
) -> Project:
    stored = StoredProject(prompts or {}, params or {})
    return Project.of("1.1000", f"<View>{inside}</View>", Settings(**settings), stored)


def task(**prompts: str) -> dict[str, Any]:
    """A task whose annotation holds prompts by field."""
    regions = [
        {"from_name": name.replace("_", "-"), "to_name": "text", "type": "textarea", "value": {"text": [text]}}
        for name, text in prompts.items()
    ]
    return {"id": 1, "data": {"text": "x"}, "annotations": [{"result": regions}]}


@pytest.mark.parametrize(
    ("own", "stored", "default", "waiting", "batch"),
    [
        ("own", "stored", "default", "own", "stored"),
        ("own", None, "default", "own", "own"),
        (None, "stored", "default", "stored", "stored"),
        (None, None, "default", "default", "default"),
        ("own", None, None, "own", "own"),
    ],
)
def test_an_annotator_who_waits_gets_the_tasks_own_prompt_first_and_a_batch_the_projects(
    own: str | None, stored: str | None, default: str | None, waiting: str, batch: str
) -> None:
    found = project(ONE, {"prompt": stored} if stored else {}, default_prompt=default)
    asked = task(prompt=own) if own else {"data": {}}
    assert (found.own_prompt(asked, found.forms[0]), found.batch_prompts(asked)) == (waiting, {"prompt": batch})


@pytest.mark.parametrize("inside", [ONE, TWO])
def test_a_batch_without_any_prompt_is_told_where_to_type_one(inside: str) -> None:
    with pytest.raises(PromptError, match="prompt field and press Shift"):
        project(inside).batch_prompts({"data": {}})


def test_an_annotator_who_waits_may_have_no_prompt_yet() -> None:
    found = project(ONE)
    assert found.own_prompt({"data": {}}, found.forms[0]) is None


def test_several_prompt_fields_have_each_its_own_prompt() -> None:
    found = project(TWO, {"a-prompt": "A", "b-prompt": "B"})
    assert found.batch_prompts({"data": {}}) == {"a-prompt": "A", "b-prompt": "B"}


def test_of_several_prompt_fields_those_without_a_prompt_are_left_out() -> None:
    assert project(TWO, {"b-prompt": "B"}).batch_prompts(task(b_prompt="own")) == {"b-prompt": "B"}


def test_a_prompt_of_before_there_could_be_several_fields_is_that_of_every_field() -> None:
    found = project(TWO, {"": "old", "b-prompt": "B"})
    assert found.batch_prompts({"data": {}}) == {"a-prompt": "old", "b-prompt": "B"}


def test_a_projects_own_default_prompt_goes_before_the_operators() -> None:
    found = project(ONE, params={"prompt": "the project's"}, default_prompt="the operator's")
    assert found.batch_prompts({"data": {}}) == {"prompt": "the project's"}


def test_the_version_is_that_of_the_prompts_in_a_batch() -> None:
    versions = {project(ONE, {"prompt": "P"}).version, project(ONE, default_prompt="P").version}
    assert len(versions) == 1


def test_the_version_with_a_typed_prompt_is_that_after_it_became_the_projects() -> None:
    assert project(TWO, {"b-prompt": "B"}).version_with({"a-prompt": "A"}) == (
        project(TWO, {"a-prompt": "A", "b-prompt": "B"}).version
    )


def test_other_params_make_another_version() -> None:
    before = project(ONE, {"prompt": "P"})
    after = before.with_params({"model": "gpt-4o"}, Settings())
    assert (after.version.split("/")[0], after.stored.params) == ("gpt-4o", {"model": "gpt-4o"})


def test_a_prompt_that_fills_nothing_is_no_form() -> None:
    inside = TEXT + '<TextArea name="a-prompt" toName="text"/><TextArea name="b-prompt" toName="text"/>'
    found = project(inside + '<TextArea name="b" toName="text"/>')
    assert [form.name for form in found.forms] == ["b-prompt"]


def test_the_summary_names_a_prompt_that_fills_nothing() -> None:
    inside = TEXT + '<TextArea name="a-prompt" toName="text"/><TextArea name="b-prompt" toName="text"/>'
    assert project(inside + '<TextArea name="b" toName="text"/>').summary == (
        "b-prompt fills b; a-prompt fills nothing: no control that a model can fill belongs to it"
    )


AUDIO = '<Audio name="audio" value="$audio"/>'


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (TEXT + PROMPT, ["nothing to fill.", 'TextArea tag with name="response"', 'toName="text"', "Choices tag"]),
        (TEXT + PROMPT + AUDIO + '<Rating name="r" toName="audio"/>', ["(Rating cannot be filled", "nothing to fill"]),
    ],
)
def test_a_config_without_anything_to_fill_is_told_what_to_add(inside: str, words: list[str]) -> None:
    with pytest.raises(LabelingConfigError) as caught:
        project(inside)
    assert [word for word in words if word not in caught.value.message] == []
    assert not set("<>") & set(caught.value.message)


def test_what_to_add_is_named_by_the_prefixes_in_force() -> None:
    with pytest.raises(LabelingConfigError, match='name="answer"'):
        project(TEXT + '<TextArea name="question" toName="text"/>', prompt_prefix="question", response_prefix="answer")


def test_the_summary_says_what_each_prompt_fills_and_what_is_left_alone() -> None:
    found = project(TWO + AUDIO + '<Rating name="b-rating" toName="audio"/>')
    assert found.summary == (
        "a-prompt fills a; b-prompt fills b; b-rating is not filled: a chat model cannot be sent Audio"
    )


@pytest.mark.parametrize("tag", ["List", "Table", "Pdf"])
def test_the_summary_says_where_the_open_page_shows_answers_late(tag: str) -> None:
    found = project(f'<{tag} name="x" value="$x"/>' + ONE.replace('toName="text"', 'toName="x"'))
    assert found.summary == (
        "prompt fills response; "
        f"prompt is on a {tag}: the open page shows answers after a reload only; let its toName be a Text"
    )


def test_what_one_of_several_prompts_fills_is_not_left_alone() -> None:
    spans = '<Labels name="b-spans" toName="text"><Label value="PER"/></Labels>'
    inside = TWO + spans + '<Rating name="sure" toName="text" perRegion="true"/>'
    assert project(inside).unfilled == {}


def test_the_answers_of_several_prompts_to_one_task_are_kept_apart() -> None:
    one, two = project(ONE), project(TWO)
    keys = [two.answered_key("7", form) for form in two.forms]
    assert (one.answered_key("7", one.forms[0]), len({*keys, "7"})) == ("7", 3)


def test_a_control_without_a_name_is_not_filled() -> None:
    [form] = project(ONE + '<TextArea toName="text"/><Choices toName="text"><Choice value="A"/></Choices>').forms
    assert "textarea" not in [output.control.name for output in form.outputs]
    assert "choices" not in [output.control.name for output in form.outputs]
