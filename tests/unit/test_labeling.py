"""Labeling config → roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.errors import LabelingConfigError, TaskDataError
from llm_interactive.labeling.config import Label, Labeling, parse_labeling_config

Parse = Callable[[str], Labeling]

TEXT = '<Text name="text" value="$text"/>'
OTHER = '<Text name="other" value="$other"/>'
PROMPT = '<TextArea name="prompt" toName="text"/>'
RESPONSE = '<TextArea name="response" toName="text"/>'
CHOICES = '<Choices name="choices" toName="text"><Choice value="Yes"/><Choice value="No"/></Choices>'


def area(name: str, to_name: str = "text", more: str = "") -> str:
    return f'<TextArea name="{name}" toName="{to_name}" {more}/>'


def response_of(labeling: Labeling) -> str | None:
    return str(labeling.response.name) if labeling.response else None


def choices_of(labeling: Labeling) -> str | None:
    return str(labeling.choices.name) if labeling.choices else None


@pytest.mark.parametrize(
    ("name", "object_type", "value", "prompt", "response", "choices"),
    [
        ("text-classification", "Text", "$text", "prompt", "response", "sentiment"),
        ("chat", "Paragraphs", "$dialogue", "prompt", "response", None),
        ("image-receipts", "Image", "$image", "classification-prompt", "summarization-response", "category"),
    ],
)
def test_the_examples_have_their_roles(
    example: Parse, name: str, object_type: str, value: str, prompt: str, response: str, choices: str | None
) -> None:
    found = example(name)
    roles = (found.object_type, found.object_value, found.prompt.name, response_of(found), choices_of(found))
    assert roles == (object_type, value, prompt, response, choices)


@pytest.mark.parametrize(
    ("names", "prefix", "expected"),
    [
        (["prompt", "answer"], "prompt", "prompt"),
        (["answer", "prompt"], "prompt", "prompt"),
        (["prompt-2", "prompt"], "prompt", "prompt"),
        (["my-prompt", "prompt-2"], "prompt", "prompt-2"),
        (["my-prompt", "prompter"], "prompt", "prompter"),
        (["answer", "classification-prompt"], "prompt", "classification-prompt"),
        (["answer", "the prompt here"], "prompt", "the prompt here"),
        (["answer", "text_prompt"], "prompt", "text_prompt"),
        (["unprompted", "my-prompt"], "prompt", "my-prompt"),
        (["prompt", "my-prompt"], "my-prompt", "my-prompt"),
        (["prompt", "question"], "question", "question"),
        (["answer", "a.b"], "a.b", "a.b"),
    ],
)
def test_the_prompt_is_named_so_or_begins_so_or_holds_it_as_a_word(
    names: list[str], prefix: str, expected: str
) -> None:
    config = f"<View>{TEXT}{''.join(map(area, names))}{CHOICES}</View>"
    assert parse_labeling_config(config, prefix, "response").prompt.name == expected


@pytest.mark.parametrize(
    ("names", "prefix", "expected"),
    [
        (["response"], "response", "response"),
        (["notes", "response"], "response", "response"),
        (["response-2", "response"], "response", "response"),
        (["my-response", "response-2"], "response", "response-2"),
        (["notes", "summarization-response"], "response", "summarization-response"),
        (["response", "answer"], "answer", "answer"),
        (["notes", "remarks"], "response", "notes"),
    ],
)
def test_the_response_is_found_likewise_among_the_others_else_it_is_the_first_of_them(
    names: list[str], prefix: str, expected: str
) -> None:
    config = f"<View>{TEXT}{PROMPT}{''.join(map(area, names))}</View>"
    assert response_of(parse_labeling_config(config, "prompt", prefix)) == expected


def test_the_response_is_never_the_prompt_itself(labeling: Parse) -> None:
    assert response_of(labeling(TEXT + area("prompt-response") + area("notes"))) == "notes"


def test_a_response_of_another_object_is_found_by_its_name(labeling: Parse) -> None:
    assert response_of(labeling(TEXT + OTHER + PROMPT + area("response", "other"))) == "response"


def test_a_textarea_of_another_object_is_not_a_response_for_want_of_a_better_one(labeling: Parse) -> None:
    assert response_of(labeling(TEXT + OTHER + PROMPT + area("notes", "other") + CHOICES)) is None


def test_choices_alone_are_enough(labeling: Parse) -> None:
    found = labeling(TEXT + PROMPT + CHOICES)
    assert (response_of(found), choices_of(found)) == (None, "choices")


def test_choices_of_another_object_are_left_alone(labeling: Parse) -> None:
    assert choices_of(labeling(TEXT + OTHER + PROMPT + RESPONSE + CHOICES.replace('"text"', '"other"'))) is None


def test_the_object_is_the_one_that_the_prompt_names(labeling: Parse) -> None:
    assert labeling(OTHER + TEXT + PROMPT + RESPONSE).object.name == "text"


@pytest.mark.parametrize("tag", ["Text", "HyperText", "Paragraphs", "Image"])
def test_every_object_of_the_spec_is_supported(labeling: Parse, tag: str) -> None:
    assert labeling(f'<{tag} name="text" value="$x"/>' + PROMPT + RESPONSE).object_type == tag


def test_tags_are_found_inside_nested_views(labeling: Parse) -> None:
    found = labeling(f"<View><View>{TEXT}</View></View><View>{PROMPT}<View>{RESPONSE}</View></View>{CHOICES}")
    assert (found.prompt.name, response_of(found), choices_of(found)) == ("prompt", "response", "choices")


def test_a_list_of_objects_in_to_name_is_taken_apart(labeling: Parse) -> None:
    to_both = CHOICES.replace('toName="text"', 'toName="other,text"')
    found = labeling(OTHER + TEXT + PROMPT + area("response", "other,text") + to_both)
    assert (found.object.name, response_of(found), choices_of(found)) == ("text", "response", "choices")


def test_the_first_supported_object_of_the_prompts_list_is_taken(labeling: Parse) -> None:
    audio = '<Audio name="audio" value="$audio"/>'
    assert labeling(audio + TEXT + area("prompt", "audio,text") + RESPONSE).object.name == "text"


def test_an_object_may_hold_a_literal_text(labeling: Parse) -> None:
    found = labeling('<Text name="text" value="Write a poem."/>' + PROMPT + RESPONSE)
    assert found.object_value == "Write a poem."


@pytest.mark.parametrize(
    "per_region", [area("notes", more='perRegion="true"'), CHOICES[:9] + 'perRegion="true" ' + CHOICES[9:]]
)
def test_controls_of_single_regions_are_not_filled(labeling: Parse, per_region: str) -> None:
    found = labeling(TEXT + PROMPT + per_region + RESPONSE)
    assert (response_of(found), choices_of(found)) == ("response", None)


@pytest.mark.parametrize(
    ("inside", "add"),
    [
        (TEXT + CHOICES, '<TextArea name="prompt"'),
        (TEXT + area("notes") + CHOICES, '<TextArea name="prompt"'),
        (TEXT + PROMPT, '<TextArea name="response" toName="text"'),
        (TEXT + PROMPT, "<Choices"),
        (PROMPT + RESPONSE, "<Text>, <HyperText>, <Paragraphs>, <Image>"),
        ('<Audio name="text" value="$audio"/>' + PROMPT + RESPONSE, "<Text>, <HyperText>, <Paragraphs>, <Image>"),
        ("", '<TextArea name="prompt"'),
    ],
)
def test_a_config_that_lacks_a_role_is_told_what_to_add(labeling: Parse, inside: str, add: str) -> None:
    with pytest.raises(LabelingConfigError) as caught:
        labeling(inside)
    assert add in caught.value.message


def test_what_to_add_is_named_by_the_prefixes_in_force() -> None:
    with pytest.raises(LabelingConfigError, match='name="question"'):
        parse_labeling_config(f"<View>{TEXT}{CHOICES}</View>", "question", "answer")


_BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10))
FINE = f"<View>{TEXT}{PROMPT}{RESPONSE}</View>"


@pytest.mark.parametrize(
    "config",
    [
        "",
        "  \n ",
        "no xml",
        "<View>",
        "<View></Wiev>",
        "<View/><View/>",
        "\x00",
        "<View>\ud800</View>",
        "{}",
        pytest.param("<View>" * 5000 + "</View>" * 5000, id="very-deep"),
        f"<!DOCTYPE View>{FINE}",
        f'<!DOCTYPE View SYSTEM "http://127.0.0.1:9/x.dtd">{FINE}',
        f'<!DOCTYPE View [<!ENTITY x SYSTEM "file:///etc/passwd">]>{FINE.replace("$text", "&x;")}',
        pytest.param(f"<!DOCTYPE View [{_BOMB}]>{FINE.replace('$text', '&e9;')}", id="entity-bomb"),
        FINE.replace("$text", "&undefined;"),
    ],
)
def test_what_is_no_safe_xml_is_refused_in_one_line(config: str) -> None:
    with pytest.raises(LabelingConfigError) as caught:
        parse_labeling_config(config, "prompt", "response")
    assert "\n" not in caught.value.message
    assert "root:" not in caught.value.message


def test_an_xml_declaration_is_no_harm() -> None:
    declared = f'<?xml version="1.0"?>\n<!-- a comment -->\n{FINE}'
    assert parse_labeling_config(declared, "prompt", "response").prompt.name == "prompt"


@pytest.mark.parametrize(("attribute", "single"), [("", True), ('choice="single"', True), ('choice="multiple"', False)])
def test_a_choice_is_single_unless_the_config_says_multiple(labeling: Parse, attribute: str, single: bool) -> None:
    found = labeling(TEXT + PROMPT + CHOICES.replace("<Choices ", f"<Choices {attribute} "))
    assert found.single_choice is single


def test_a_label_is_stored_by_its_alias_and_seen_by_its_value(labeling: Parse) -> None:
    inside = (
        '<Choices name="c" toName="text"><Choice value="Negative" alias="neg"/><Choice value="Positive"/></Choices>'
    )
    assert labeling(TEXT + PROMPT + inside).labels({}) == [Label("Negative", "neg"), Label("Positive", "Positive")]


def test_labels_inside_a_view_of_the_choices_are_found(labeling: Parse) -> None:
    inside = '<Choices name="c" toName="text"><View><Choice value="A"/></View><Choice value="B"/></Choices>'
    assert [label.name for label in labeling(TEXT + PROMPT + inside).labels({})] == ["A", "B"]


def test_without_choices_there_are_no_labels(labeling: Parse) -> None:
    assert labeling(TEXT + PROMPT + RESPONSE).labels({}) == []


DYNAMIC = '<Choices name="c" toName="text" value="$options"/>'


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["A", "B"], [Label("A", "A"), Label("B", "B")]),
        ([{"value": "A"}, {"value": "B", "alias": "b"}], [Label("A", "A"), Label("B", "b")]),
        ([1, 2], [Label("1", "1"), Label("2", "2")]),
        ([], []),
    ],
)
def test_dynamic_choices_stand_in_the_tasks_data(labeling: Parse, options: list[Any], labels: list[Label]) -> None:
    assert labeling(TEXT + PROMPT + DYNAMIC).labels({"text": "x", "options": options}) == labels


@pytest.mark.parametrize(
    "data",
    [{}, {"options": None}, {"options": "A"}, {"options": {"value": "A"}}, {"options": [None]}, {"options": [{}]}],
)
def test_dynamic_choices_that_cannot_be_read_are_the_tasks_error(labeling: Parse, data: dict[str, Any]) -> None:
    with pytest.raises(TaskDataError, match="options"):
        labeling(TEXT + PROMPT + DYNAMIC).labels(data)


def region(name: str, text: object) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": text}}


@pytest.mark.parametrize(
    ("result", "texts"),
    [
        ([region("response", ["a", "b"])], ["a", "b"]),
        ([region("response", "one text")], ["one text"]),
        ([region("response", [" a \n"]), region("response", ["b"])], ["a", "b"]),
        ([region("response", ["", "  ", "a"])], ["a"]),
        ([region("prompt", ["not mine"])], []),
        ([], []),
        ([region("response", [1, None, "a"])], ["a"]),
        ([region("response", None)], []),
        ([region("response", 5)], []),
        ([{"from_name": "response"}, {"from_name": "response", "value": None}, "x", None], []),
    ],
)
def test_the_texts_of_a_control_are_gathered_and_stripped(labeling: Parse, result: list[Any], texts: list[str]) -> None:
    found = labeling(TEXT + PROMPT + RESPONSE)
    assert found.texts(result, found.response) == texts


def test_a_control_that_the_config_does_not_have_holds_no_texts(labeling: Parse) -> None:
    assert labeling(TEXT + PROMPT + CHOICES).texts([region("response", ["a"])], None) == []
