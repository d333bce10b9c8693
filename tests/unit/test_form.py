"""A prompt's outputs: which controls are filled, what is asked for, and the regions that replies make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.config import PromptSpec
from llm_interactive.outputs.form import Form
from testing.region_rules import faults

Make = Callable[[str], Form]
Parse = Callable[[str], PromptSpec]
Config = Callable[[str], str]

OBJECT = '<Text name="text" value="$text"/>'
PROMPT = '<TextArea name="prompt" toName="text"/>'
RESPONSE = '<TextArea name="response" toName="text"/>'
NOTES = '<TextArea name="notes" toName="text"/>'
AREAS = OBJECT + PROMPT + RESPONSE
RELATIONS = "<Relations/>"


def choices(*names: str, more: str = "") -> str:
    inside = "".join(f'<Choice value="{name}"/>' for name in names)
    return f'<Choices name="c" toName="text" {more}>{inside}</Choices>'


def labels(name: str = "spans", tag: str = "Labels", to_name: str = "text", more: str = "") -> str:
    return f'<{tag} name="{name}" toName="{to_name}" {more}><Label value="PER"/><Label value="LOC"/></{tag}>'


def filled(form: Form, *replies: str | dict[str, Any], data: dict[str, Any] | None = None) -> dict[str, Any]:
    """What is filled by control: name → the region's choices or texts."""
    texts = [reply if isinstance(reply, str) else json.dumps(reply) for reply in replies]
    regions = form.filled(texts, data or {"text": "x"}).regions
    return {region["from_name"]: region["value"].get("choices") or region["value"].get("text") for region in regions}


# ------------------------------------------------------------------------------------------------ which are filled


def names(form: Form) -> list[str]:
    return [output.control.name for output in form.outputs]


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("text-classification", ["response", "sentiment"]),
        ("chat", ["response"]),
        ("image-receipts", ["category", "summarization-response"]),
    ],
)
def test_each_example_is_filled_as_a_whole(example: Parse, name: str, outputs: list[str]) -> None:
    form = Form.of(example(name))
    assert (names(form), form.unfilled) == (outputs, ())


@pytest.mark.parametrize(
    "inside",
    [
        RESPONSE,
        choices("Yes", "No"),
        '<Taxonomy name="t" toName="text"><Choice value="A"/></Taxonomy>',
        '<Rating name="r" toName="text"/>',
        '<Number name="n" toName="text"/>',
        '<DateTime name="d" toName="text"/>',
        labels(),
        labels(tag="HyperTextLabels"),
    ],
)
def test_every_control_of_a_text_that_a_model_can_fill_is_filled(form: Make, inside: str) -> None:
    found = form(OBJECT + PROMPT + inside)
    assert (len(found.outputs), found.unfilled) == (1, ())


@pytest.mark.parametrize(
    ("tag", "drawn"),
    [
        ("Text", "Labels"),
        ("HyperText", "Labels"),
        ("HyperText", "HyperTextLabels"),
        ("Paragraphs", "ParagraphLabels"),
        ("Paragraphs", "Labels"),
        ("Image", "RectangleLabels"),
    ],
)
def test_labels_are_filled_on_what_they_are_drawn_on(form: Make, tag: str, drawn: str) -> None:
    assert names(form(f'<{tag} name="text" value="$x"/>' + PROMPT + labels(tag=drawn))) == ["spans"]


def test_labels_beside_a_rectangle_are_one_output(form: Make) -> None:
    inside = '<Image name="text" value="$x"/>' + PROMPT + labels() + '<Rectangle name="box" toName="text"/>'
    found = form(inside)
    assert (names(found), found.unfilled) == (["spans"], ())


def reasons(form: Form) -> dict[str, str]:
    return {control.name: reason for control, reason in form.unfilled}


OTHERS = '<Audio name="audio" value="$a"/><Image name="image" value="$i"/>'


@pytest.mark.parametrize(
    ("inside", "name", "reason"),
    [
        (f'<Repeater on="$pages">{choices("Yes")}</Repeater>', "c", "it stands in a Repeater"),
        ('<Rating name="r" toName="nothing"/>', "r", "its toName names no object"),
        ('<Rating name="r" toName="audio"/>', "r", "a chat model cannot be sent Audio"),
        ('<Rating name="r" toName="text" perRegion="true"/>', "r", "no regions are made that it could belong to"),
        (labels("b", "BrushLabels", "image"), "b", "a chat model cannot fill BrushLabels on Image"),
        (labels("l", to_name="image"), "l", "a chat model cannot fill Labels on Image"),
        ('<Ranker name="r" toName="text"/>', "r", "a chat model cannot fill Ranker on Text"),
        ('<Rectangle name="b" toName="image"/>', "b", "a chat model cannot fill Rectangle on Image"),
        (labels("b", "RectangleLabels"), "b", "a chat model cannot fill RectangleLabels on Text"),
        (RELATIONS, "relations", "no labels are filled that it could join"),
        ('<Choices name="c" toName="text"/>', "c", "it has no labels"),
        ('<Taxonomy name="t" toName="text"/>', "t", "it has no labels"),
        ('<Labels name="l" toName="text"/>', "l", "it has no labels"),
    ],
)
def test_what_is_left_alone_is_said_with_its_reason(form: Make, inside: str, name: str, reason: str) -> None:
    assert reasons(form(OTHERS + AREAS + inside)) == {name: reason}


def test_a_control_of_regions_is_filled_with_the_regions_it_belongs_to(form: Make) -> None:
    inside = labels() + '<Rating name="sure" toName="text" perRegion="true"/>'
    found = form(OBJECT + PROMPT + inside)
    assert (names(found), found.unfilled) == (["spans"], ())


def test_a_control_of_regions_of_another_object_is_left_alone(form: Make) -> None:
    other = '<Text name="other" value="$other"/><Rating name="sure" toName="other" perRegion="true"/>'
    assert list(reasons(form(OBJECT + PROMPT + labels() + other))) == ["sure"]


def test_relations_are_filled_where_there_are_labels_to_join(form: Make) -> None:
    found = form(OBJECT + PROMPT + labels() + RELATIONS)
    assert (names(found), found.unfilled) == (["spans", "relations"], ())


# ------------------------------------------------------------------------------------------------ what is asked for


RIVALS = AREAS + NOTES + choices("A", "B", "Same").replace('name="c"', 'name="preference"')


def test_of_responses_to_choose_from_each_is_a_reply_of_its_own_and_the_choice_is_left_to_people(form: Make) -> None:
    made = form(RIVALS)
    assert made.is_plain
    assert filled(made, "One.", "Another one.") == {"response": ["One."], "notes": ["Another one."]}
    assert filled(made, "The only one.") == {"response": ["The only one."]}
    assert {tag.name: why for tag, why in made.unfilled}["preference"].startswith("annotators choose")


def test_what_stands_beside_responses_to_choose_from_is_filled_by_the_first_reply(form: Make) -> None:
    made = form(RIVALS + choices("Yes", "No"))
    replies: list[str | dict[str, Any]] = [{"response": "One.", "c": "Yes"}, {"response": "Two.", "c": "No"}]
    assert filled(made, *replies) == {"response": ["One."], "notes": ["Two."], "c": ["Yes"]}
    assert set(made.schema({"text": "x"})["properties"]) == {"response", "c"}


def test_a_text_alone_needs_no_schema(form: Make) -> None:
    assert form(AREAS).is_plain


@pytest.mark.parametrize("inside", [choices("Yes"), RESPONSE + choices("Yes"), RESPONSE + NOTES])
def test_anything_else_is_asked_for_by_a_schema(form: Make, inside: str) -> None:
    assert not form(OBJECT + PROMPT + inside).is_plain


def test_one_schema_holds_all_outputs_with_the_response_first(form: Make) -> None:
    inside = OBJECT + PROMPT + NOTES + choices("Yes", "No") + RESPONSE
    schema = form(inside).schema({})
    assert list(schema["properties"]) == ["response", "notes", "c"]
    assert schema["required"] == ["response", "notes", "c"]
    assert schema["additionalProperties"] is False


def test_the_guide_names_each_field_with_its_title_choices_and_hints(form: Make) -> None:
    inside = (
        '<Header value="Is it meant?"/><Choices name="c" toName="text">'
        '<Choice value="Yes" hint="clearly"/><Choice value="No"/></Choices>'
    )
    guide = form(OBJECT + PROMPT + inside).guide({})
    assert '"c" (Is it meant?): one of "Yes" (clearly), "No", or null' in guide.splitlines()


def test_schema_and_guide_are_the_same_for_every_task(form: Make) -> None:
    found = form(AREAS + choices("Yes", "No"))
    assert found.schema({"text": "a"}) is found.schema({"text": "b"})
    assert found.guide({"text": "a"}) is found.guide({"text": "b"})


def test_labels_that_the_task_brings_are_in_its_own_schema(form: Make) -> None:
    found = form(AREAS + choices(more='value="$options"'))
    for options in (["A", "B"], ["C"]):
        assert found.schema({"options": options})["properties"]["c"]["enum"] == [*options, None]


def test_what_the_task_brings_no_labels_for_is_not_asked_for(form: Make) -> None:
    found = form(AREAS + choices(more='value="$options"'))
    assert list(found.schema({"options": []})["properties"]) == ["response"]
    assert '"c"' not in found.guide({"options": []})
    assert filled(found, {"response": "R", "c": "A"}, data={"options": []}) == {"response": ["R"]}


@pytest.mark.parametrize("data", [{}, {"options": None}, {"options": "A"}, {"options": [{}]}])
def test_labels_that_the_task_does_not_bring_are_its_error(form: Make, data: dict[str, Any]) -> None:
    with pytest.raises(TaskDataError, match="options"):
        form(AREAS + choices(more='value="$options"')).schema(data)


def test_a_templates_labels_are_the_names_of_the_first_choices(form: Make) -> None:
    second = choices("Red").replace('name="c"', 'name="d"')
    assert form(AREAS + choices("Yes", "No") + second).labels({}) == ["Yes", "No"]


def test_without_choices_there_are_no_labels(form: Make) -> None:
    assert form(AREAS + labels()).labels({}) == []


def test_the_texts_that_are_filled_begin_with_the_response(form: Make) -> None:
    found = form(OBJECT + PROMPT + NOTES + RESPONSE)
    assert [control.name for control in found.texts] == ["response", "notes"]


@pytest.mark.parametrize(
    ("tag", "shown"), [("Image", True), ("Pdf", True), ("List", True), ("Text", False), ("Table", False)]
)
def test_what_may_have_pictures_is_shown_with_them(form: Make, tag: str, shown: bool) -> None:
    assert form(f'<{tag} name="text" value="$x"/>' + PROMPT + RESPONSE).shows_images is shown


# ------------------------------------------------------------------------------------------------ replies → regions


def test_a_plain_reply_is_the_response(form: Make) -> None:
    assert filled(form(AREAS), "The reply.") == {"response": ["The reply."]}


def test_a_plain_reply_that_looks_like_json_is_the_response_as_it_is(form: Make) -> None:
    reply = '{"response": "not taken apart"}'
    assert filled(form(AREAS), reply) == {"response": [reply]}


def test_all_plain_replies_stand_in_the_response(form: Make) -> None:
    assert filled(form(AREAS), "first", "second", "third") == {"response": ["first", "second", "third"]}


TWO = '<TextArea name="second" toName="text"/>' + choices("A", "B").replace('"c"', '"preference"')


@pytest.mark.parametrize("inside", [AREAS, AREAS + TWO, AREAS + choices("A", "B")])
def test_a_text_that_label_studio_cannot_keep_is_made_one_that_it_can(form: Make, inside: str) -> None:
    reply = "a\x00b\ud800c"
    made = form(inside)
    said = reply if made.is_plain else {"response": reply, "c": "A"}
    assert filled(made, said)["response"] == ["ab?c"]


def test_several_replies_with_several_texts_are_one_list(form: Make) -> None:
    several: list[dict[str, Any]] = [
        {"response": ["a", "b"], "c": "A"},
        {"response": "d", "c": "A"},
        {"response": None, "c": "A"},
    ]
    assert filled(form(AREAS + choices("A", "B")), *several)["response"] == ["a", "b", "d"]


def test_one_reply_fills_all_outputs(form: Make) -> None:
    inside = AREAS + choices("Yes", "No") + NOTES
    reply = {"response": "R", "c": "No", "notes": "N"}
    assert filled(form(inside), reply) == {"response": ["R"], "c": ["No"], "notes": ["N"]}


def test_of_several_replies_the_first_fills_the_form_and_the_response_holds_all(form: Make) -> None:
    first, second = {"response": "first", "c": "Yes"}, {"response": "second", "c": "No"}
    assert filled(form(AREAS + choices("Yes", "No")), first, second) == {"response": ["first", "second"], "c": ["Yes"]}


@pytest.mark.parametrize("nothing", [{"response": None, "c": None}, {"response": "", "c": ""}, {"c": None}])
def test_no_answer_makes_no_region(form: Make, nothing: dict[str, Any]) -> None:
    assert filled(form(AREAS + choices("Yes", "No")), nothing) == {}


def test_a_value_that_does_not_fit_leaves_its_field_empty_and_keeps_the_others(form: Make) -> None:
    assert filled(form(AREAS + choices("Yes", "No")), {"response": "R", "c": "Maybe"}) == {"response": ["R"]}


def test_what_a_choice_hides_is_not_filled(form: Make) -> None:
    hidden = '<TextArea name="why" toName="text" visibleWhen="choice-selected" whenTagName="c" whenChoiceValue="No"/>'
    found = form(AREAS + choices("Yes", "No") + hidden)
    assert "why" not in filled(found, {"response": "R", "c": "Yes", "why": "Because."})


def test_a_reply_that_was_cut_off_gives_its_whole_fields_only(form: Make) -> None:
    found = form(AREAS + choices("Yes", "Yes and no"))
    regions = found.filled(['{"response": "R", "c": "Yes'], {}, cut=True).regions
    assert [region["from_name"] for region in regions] == ["response"]


@pytest.mark.parametrize("reply", ["Yes", "yes.", "**Yes**", "Label: Yes"])
def test_a_plain_reply_that_is_nothing_but_a_label_ticks_it_too(form: Make, reply: str) -> None:
    assert filled(form(AREAS + choices("Yes", "No")), reply) == {"response": [reply], "c": ["Yes"]}


@pytest.mark.parametrize("reply", ["I would say Yes here.", "Yes and No", "It depends.", "There is no Yes in it"])
def test_a_label_inside_prose_ticks_nothing(form: Make, reply: str) -> None:
    assert filled(form(AREAS + choices("Yes", "No")), reply) == {"response": [reply]}


def test_a_list_of_labels_ticks_all_of_a_multiple_choice_in_the_configs_order(form: Make) -> None:
    found = form(OBJECT + PROMPT + choices("Red", "Green", "Blue", more='choice="multiple"'))
    assert filled(found, "Blue, Red") == {"c": ["Red", "Blue"]}


def test_not_sarcastic_is_never_sarcastic(example: Parse) -> None:
    assert filled(Form.of(example("text-classification")), "Not Sarcastic")["sentiment"] == ["Not Sarcastic"]


@pytest.mark.parametrize("answer", ["Negative", "negative", "neg"])
def test_the_alias_is_stored_whichever_name_the_reply_uses(form: Make, answer: str) -> None:
    inside = choices("Positive", "Negative").replace('"Negative"', '"Negative" alias="neg"')
    assert filled(form(AREAS + inside), {"response": None, "c": answer}) == {"c": ["neg"]}


def test_choices_that_the_task_brings_are_ticked(form: Make) -> None:
    data = {"options": [{"value": "Apples", "alias": "a"}, {"value": "Pears"}]}
    found = form(OBJECT + PROMPT + choices("Other", more='value="$options"'))
    assert filled(found, {"c": "Apples"}, data=data) == {"c": ["a"]}


def test_spans_and_the_relations_between_them_are_made_together(form: Make) -> None:
    found = form(OBJECT + PROMPT + labels() + RELATIONS)
    spans = [{"n": 1, "quote": "Ann", "label": "PER"}, {"n": 2, "quote": "Rome", "label": "LOC"}]
    reply = json.dumps({"spans": spans, "relations": [{"from": 1, "to": 2}]})
    ann, rome, relation = found.filled([reply], {"text": "Ann lives in Rome."}).regions
    assert (relation["type"], relation["from_id"], relation["to_id"]) == ("relation", ann["id"], rome["id"])


# ------------------------------------------------------------------------------------------------ regions


def shown(form: Form, *replies: str, data: dict[str, Any] | None = None) -> list[Any]:
    """A whole prediction's regions."""
    return [*form.filled(replies, data or {"text": "x"}).regions, form.prompt_region("P")]


EXAMPLE_DATA: dict[str, Any] = {
    "text": "So great.",
    "image": "/data/upload/1/receipt.png",
    "dialogue": [{"role": "user", "content": "Hi"}],
}
EXAMPLE_REPLIES = [
    ("text-classification", '{"response": "Yes.", "sentiment": ["Sarcastic"]}'),
    ("text-classification", "I cannot say."),
    ("chat", "Why did the chicken cross the road?"),
    ("image-receipts", '{"summarization-response": "Fuel.", "category": "Gasoline/Fuel"}'),
]


@pytest.mark.parametrize(("name", "reply"), EXAMPLE_REPLIES)
def test_label_studio_shows_and_keeps_every_region(example: Parse, name: str, reply: str, config: Config) -> None:
    assert faults(config(name), EXAMPLE_DATA, shown(Form.of(example(name)), reply, "another", data=EXAMPLE_DATA)) == []


@pytest.mark.parametrize(("name", "reply"), EXAMPLE_REPLIES)
def test_every_region_has_an_id_of_its_own(example: Parse, name: str, reply: str) -> None:
    result = shown(Form.of(example(name)), reply, data=EXAMPLE_DATA)
    assert len({region["id"] for region in result}) == len(result)


def test_another_answer_has_the_same_ids_so_that_it_replaces_the_first(form: Make) -> None:
    first, second = (shown(form(AREAS), reply) for reply in ("first", "second"))
    assert [region["id"] for region in first] == [region["id"] for region in second]


def test_each_region_belongs_to_its_controls_own_object(form: Make) -> None:
    inside = AREAS.replace('name="response" toName="text"', 'name="response" toName="other,text"')
    result = shown(form('<Text name="other" value="$other"/>' + inside), "R")
    assert {region["from_name"]: region["to_name"] for region in result} == {"response": "other", "prompt": "text"}


def test_the_prompt_comes_back_in_its_field(form: Make) -> None:
    region = form(AREAS).prompt_region("Is it so?")
    assert (region["from_name"], region["value"]) == ("prompt", {"text": ["Is it so?"]})
