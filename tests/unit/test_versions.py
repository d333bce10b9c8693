"""The name of what makes a batch's predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.labeling.config import PromptSpec
from llm_interactive.outputs.form import Form
from llm_interactive.predict.versions import model_version, shows_examples
from llm_interactive.settings import ChatOptions, ProjectParams, Settings

Make = Callable[[str], Form]
ParseAll = Callable[[str], tuple[PromptSpec, ...]]

AREAS = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)
CHOICES = '<Choices name="c" toName="text"><Choice value="Yes"/><Choice value="No"/></Choices>'
OPTIONS = ChatOptions()
NO_PARAMS = ProjectParams()
DYNAMIC = '<Choices name="c" toName="text" value="$options"/>'


def version(form: Form, prompt: str | None = "P", options: ChatOptions = OPTIONS, examples: str | None = None) -> str:
    return model_version({form.name: prompt}, [form], options, examples)


def test_a_version_is_the_model_and_eight_hex_digits(form: Make) -> None:
    name, digest = version(form(AREAS), options=ChatOptions(model="gpt-4o")).split("/")
    assert name == "gpt-4o"
    assert len(digest) == 8
    assert set(digest) <= set("0123456789abcdef")


@pytest.mark.parametrize("inside", [AREAS, AREAS + CHOICES, AREAS + DYNAMIC])
def test_a_version_is_the_same_for_the_same_things(form: Make, inside: str) -> None:
    assert version(form(inside)) == version(form(inside))


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "gpt-4o"},
        {"temperature": 0.1},
        {"temperature": None},
        {"num_responses": 2},
        {"max_tokens": 5},
        {"prompt_template": "{prompt}"},
        {"prompt_template": None},
        {"system_prompt": "You label texts."},
        {"structured_output": False},
        {"image_mode": "ocr"},
        {"image_detail": "low"},
    ],
)
def test_another_option_that_changes_replies_is_another_version(form: Make, changed: Mapping[str, Any]) -> None:
    found = form(AREAS)
    assert version(found, options=replace(OPTIONS, **changed)) != version(found)


def test_another_bound_of_prompts_is_no_other_version(form: Make) -> None:
    found = form(AREAS)
    assert version(found, options=ChatOptions(max_prompt_characters=5_000)) == version(found)


def test_another_default_prompt_is_another_version_only_where_it_is_the_prompt(form: Make) -> None:
    found = form(AREAS)
    assert version(found, options=ChatOptions(default_prompt="D")) == version(found)


@pytest.mark.parametrize(
    "changed",
    [
        Settings(port=1234),
        Settings(max_concurrency=1),
        Settings(log_level="DEBUG"),
        Settings(openai_api_key="sk-other"),
        Settings(reply_ttl=1),
        Settings(predict_deadline=10),
    ],
)
def test_a_setting_that_changes_no_reply_keeps_the_options(changed: Settings) -> None:
    assert changed.chat_options(NO_PARAMS) == Settings().chat_options(NO_PARAMS)


@pytest.mark.parametrize("prompt", ["Q", "p", "P.", None])
def test_another_prompt_is_another_version(form: Make, prompt: str | None) -> None:
    found = form(AREAS)
    assert version(found, prompt) != version(found, "P")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('<Choice value="No"/>', '<Choice value="No"/><Choice value="Maybe"/>', id="another label"),
        pytest.param('<Choice value="No"/>', "", id="a label less"),
        pytest.param('<Choice value="No"/>', '<Choice value="No" hint="not at all"/>', id="a hint"),
        pytest.param('<Choices name="c"', '<Choices name="c" choice="multiple"', id="several"),
        pytest.param('<Choices name="c"', '<Header value="Is it?"/><Choices name="c"', id="a title"),
        pytest.param('name="c"', 'name="d"', id="a control's name"),
        pytest.param('name="response"', 'name="response-2"', id="the response's name"),
        pytest.param('name="prompt"', 'name="prompt-2"', id="the prompt's name"),
        pytest.param("$text", "$body", id="another field"),
        pytest.param("<Text name", "<HyperText name", id="another kind of object"),
        pytest.param("<TextArea name", '<Image name="i" value="$i"/><TextArea name', id="another object"),
        pytest.param("</Choices>", '</Choices><Rating name="r" toName="text"/>', id="another control"),
        pytest.param(CHOICES, "", id="a control less"),
    ],
)
def test_another_config_with_another_outcome_is_another_version(form: Make, old: str, new: str) -> None:
    before = AREAS + CHOICES
    assert old in before
    prompt = dict.fromkeys(("prompt", "prompt-2"), "P")
    versions = {model_version(prompt, [form(inside)], OPTIONS) for inside in (before, before.replace(old, new, 1))}
    assert len(versions) == 2


def test_another_alias_is_another_version(form: Make) -> None:
    alias = CHOICES.replace('value="No"', 'value="No" alias="n"')
    assert version(form(AREAS + alias)) != version(form(AREAS + CHOICES))


def test_another_object_of_the_response_is_another_version(form: Make) -> None:
    other = AREAS + '<Text name="other" value="$text"/>' + CHOICES
    moved = other.replace('name="response" toName="text"', 'name="response" toName="other"')
    assert version(form(moved)) != version(form(other))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("$options", "$labels"),
        ("<Choices ", '<Choices choice="multiple" '),
        ("/>", '><Choice value="None of them"/></Choices>'),
    ],
)
def test_choices_that_tasks_bring_make_another_version_where_they_differ(form: Make, old: str, new: str) -> None:
    assert version(form(AREAS + DYNAMIC.replace(old, new, 1))) != version(form(AREAS + DYNAMIC))


TWO = AREAS.replace("$text", "$a") + '<Header value="The other"/><Text name="other" value="$b"/>' + CHOICES


def test_another_heading_of_several_objects_is_another_version(form: Make) -> None:
    assert version(form(TWO.replace("The other", "The second"))) != version(form(TWO))


@pytest.mark.parametrize("inside", [AREAS, AREAS + CHOICES, AREAS + DYNAMIC])
@pytest.mark.parametrize(
    "layout",
    [
        '<Style>.a { color: red }</Style><View style="margin: 0">{}</View>',
        '<Header value="Hello"/>{}',
        '{}<Header value="Goodbye"/>',
    ],
)
def test_another_layout_keeps_the_version(form: Make, inside: str, layout: str) -> None:
    assert version(form(layout.replace("{}", inside))) == version(form(inside))


@pytest.mark.parametrize("inside", [AREAS, AREAS + CHOICES, AREAS + DYNAMIC])
@pytest.mark.parametrize(
    "look", ['rows="5"', 'editable="true"', 'placeholder="Write here"', 'showSubmitButton="false"']
)
def test_another_look_of_the_response_keeps_the_version(form: Make, inside: str, look: str) -> None:
    assert version(form(inside.replace('name="response"', f'name="response" {look}'))) == version(form(inside))


@pytest.mark.parametrize("look", ['showInLine="true"', 'layout="select"', 'required="true"'])
def test_another_look_of_choices_keeps_the_version(form: Make, look: str) -> None:
    assert version(form(AREAS + CHOICES.replace("<Choices ", f"<Choices {look} "))) == version(form(AREAS + CHOICES))


SEVERAL = (
    '<Text name="text" value="$text"/><TextArea name="a-prompt" toName="text"/><TextArea name="a" toName="text"/>'
    '<TextArea name="b-prompt" toName="text"/><TextArea name="b" toName="text"/>'
)


def several(forms: list[Form], **prompts: str) -> str:
    return model_version({name.replace("_", "-"): text for name, text in prompts.items()}, forms, OPTIONS)


@pytest.mark.parametrize(
    "changed",
    [{"a_prompt": "A", "b_prompt": "C"}, {"a_prompt": "C", "b_prompt": "B"}, {"a_prompt": "B", "b_prompt": "A"}],
)
def test_of_several_prompts_each_counts_for_its_own_field(specs: ParseAll, changed: dict[str, str]) -> None:
    forms = [Form.of(spec) for spec in specs(SEVERAL)]
    assert several(forms, **changed) != several(forms, a_prompt="A", b_prompt="B")


def test_a_prompt_of_a_field_that_the_config_does_not_have_makes_no_version(specs: ParseAll) -> None:
    forms = [Form.of(spec) for spec in specs(SEVERAL)]
    assert several(forms, a_prompt="A", gone="G") == several(forms, a_prompt="A")


def test_other_examples_are_another_version_that_says_how_many_are_shown(form: Make) -> None:
    four = ChatOptions(few_shot=4)
    versions = [version(form(AREAS), options=four, examples=digest) for digest in ("a", "b")]
    versions.append(version(form(AREAS), options=ChatOptions(few_shot=2), examples="a"))
    assert [name.rpartition("-")[2] for name in versions] == ["4shot", "4shot", "2shot"]
    assert len(set(versions)) == 3
    assert all(map(shows_examples, versions))


def test_without_a_set_of_examples_it_makes_no_difference_how_many_are_wanted(form: Make) -> None:
    assert version(form(AREAS), options=ChatOptions(few_shot=4)) == version(form(AREAS))
    assert not shows_examples(version(form(AREAS), options=ChatOptions(few_shot=4)))
    assert not shows_examples("a-model-4shot/12345678")
