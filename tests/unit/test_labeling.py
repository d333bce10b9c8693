"""Labeling config → prompt specs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.errors import LabelingConfigError
from llm_interactive.labeling.config import READABLE, PromptSpec, parse_labeling_config, texts_in
from llm_interactive.labeling.tags import Condition, ControlTag, Label

Parse = Callable[[str], PromptSpec]
ParseAll = Callable[[str], tuple[PromptSpec, ...]]

TEXT = '<Text name="text" value="$text"/>'
OTHER = '<Text name="other" value="$other"/>'
AUDIO = '<Audio name="audio" value="$audio"/>'
PROMPT = '<TextArea name="prompt" toName="text"/>'
RESPONSE = '<TextArea name="response" toName="text"/>'
CHOICES = '<Choices name="choices" toName="text"><Choice value="Yes"/><Choice value="No"/></Choices>'


def area(name: str, to_name: str = "text", more: str = "") -> str:
    return f'<TextArea name="{name}" toName="{to_name}" {more}/>'


def choices(name: str, to_name: str = "text", more: str = "") -> str:
    return f'<Choices name="{name}" toName="{to_name}" {more}><Choice value="Yes"/><Choice value="No"/></Choices>'


def names(spec: PromptSpec) -> list[str]:
    return [control.name for control in spec.controls]


def response_of(spec: PromptSpec) -> str | None:
    return spec.response.name if spec.response else None


def control(spec: PromptSpec, name: str) -> ControlTag:
    return next(tag for tag in spec.controls if tag.name == name)


# ------------------------------------------------------------------------------------------------ one prompt


@pytest.mark.parametrize(
    ("name", "shown", "prompt", "response", "controls"),
    [
        ("text-classification", [("Text", "$text")], "prompt", "response", ["response", "sentiment"]),
        ("chat", [("Paragraphs", "$dialogue")], "prompt", "response", ["response"]),
        (
            "image-receipts",
            [("Image", "$image")],
            "classification-prompt",
            "summarization-response",
            ["category", "summarization-response"],
        ),
    ],
)
def test_each_example_is_one_prompt_with_what_it_fills(
    example: Parse, name: str, shown: list[tuple[str, str]], prompt: str, response: str, controls: list[str]
) -> None:
    found = example(name)
    objects = [(tag.tag, tag.value) for tag in found.objects]
    assert (objects, found.prompt.name, response_of(found), names(found)) == (shown, prompt, response, controls)


@pytest.mark.parametrize(
    ("areas", "prefix", "expected"),
    [
        (["prompt", "answer"], "prompt", ["prompt"]),
        (["answer", "prompt"], "prompt", ["prompt"]),
        (["prompt-2", "prompt"], "prompt", ["prompt"]),
        (["my-prompt", "prompt-2"], "prompt", ["prompt-2"]),
        (["my-prompt", "prompter"], "prompt", ["prompter"]),
        (["answer", "classification-prompt"], "prompt", ["classification-prompt"]),
        (["answer", "the prompt here"], "prompt", ["the prompt here"]),
        (["answer", "text_prompt"], "prompt", ["text_prompt"]),
        (["answer", "My Prompt"], "prompt", ["My Prompt"]),
        (["unprompted", "my-prompt"], "prompt", ["my-prompt"]),
        (["prompt", "my-prompt"], "my-prompt", ["my-prompt"]),
        (["prompt", "question"], "question", ["question"]),
        (["answer", "a.b"], "a.b", ["a.b"]),
        (["prompt-1", "notes", "prompt-2"], "prompt", ["prompt-1", "prompt-2"]),
        (["one-prompt", "another prompt"], "prompt", ["one-prompt", "another prompt"]),
    ],
)
def test_prompts_are_named_so_or_begin_so_or_hold_it_as_a_word(
    areas: list[str], prefix: str, expected: list[str]
) -> None:
    config = f"<View>{TEXT}{''.join(map(area, areas))}{CHOICES}</View>"
    assert [spec.prompt.name for spec in parse_labeling_config(config, prefix, "response")] == expected


@pytest.mark.parametrize(
    ("areas", "prefix", "expected"),
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
    areas: list[str], prefix: str, expected: str
) -> None:
    [found] = parse_labeling_config(f"<View>{TEXT}{PROMPT}{''.join(map(area, areas))}</View>", "prompt", prefix)
    assert response_of(found) == expected


def test_the_response_is_never_the_prompt_itself(spec: Parse) -> None:
    assert response_of(spec(TEXT + area("prompt-response") + area("notes"))) == "notes"


@pytest.mark.parametrize("more", ['perRegion="true"', 'perItem="true"', 'PERREGION="True"'])
def test_a_text_of_single_regions_or_items_is_no_response(spec: Parse, more: str) -> None:
    assert response_of(spec(TEXT + PROMPT + area("notes", more=more) + RESPONSE)) == "response"


@pytest.mark.parametrize("more", ['perRegion="true"', 'perItem="true"'])
def test_a_text_of_single_regions_or_items_is_no_prompt(spec: Parse, more: str) -> None:
    assert spec(TEXT + area("prompt", more=more) + area("my-prompt") + RESPONSE).prompt.name == "my-prompt"


def test_a_text_in_a_repeater_is_neither_prompt_nor_response(spec: Parse) -> None:
    repeated = f'<Repeater on="$pages">{area("prompt")}{area("response")}</Repeater>'
    found = spec(TEXT + repeated + area("my-prompt") + area("notes"))
    assert (found.prompt.name, response_of(found)) == ("my-prompt", "notes")


def test_choices_alone_are_enough(spec: Parse) -> None:
    found = spec(TEXT + PROMPT + CHOICES)
    assert (response_of(found), names(found)) == (None, ["choices"])


def test_one_prompt_gets_all_controls_of_the_config_in_its_order(spec: Parse) -> None:
    inside = (
        f"{choices('before')}{OTHER}{AUDIO}{TEXT}{area('notes', 'other')}{PROMPT}"
        f'<Rating name="heard" toName="audio"/>{choices("after")}<Labels name="labels" toName="text"/><Relations/>'
    )
    assert names(spec(inside)) == ["before", "notes", "heard", "after", "labels", "relations"]


@pytest.mark.parametrize("tag", READABLE)
def test_every_readable_object_can_have_a_prompt(spec: Parse, tag: str) -> None:
    assert [shown.tag for shown in spec(f'<{tag} name="text" value="$x"/>' + PROMPT + RESPONSE).objects] == [tag]


def test_readable_are_texts_pages_dialogues_pictures_lists_tables_and_pdfs() -> None:
    assert set(READABLE) == {"Text", "HyperText", "Paragraphs", "Image", "List", "Table", "Pdf"}


def test_all_readable_objects_are_shown_in_the_configs_order(spec: Parse) -> None:
    inside = OTHER + AUDIO + '<Image name="scan" value="$scan"/>' + TEXT + PROMPT + RESPONSE
    assert [tag.name for tag in spec(inside).objects] == ["other", "scan", "text"]


def test_the_names_of_tags_have_any_case_as_on_the_page(spec: Parse) -> None:
    found = spec(
        '<Hypertext name="text" value="$text"/><Textarea name="prompt" toName="text"/>'
        '<choices name="kind" toName="text"><choice value="A"/></choices><RATING name="stars" toName="text"/>'
    )
    assert ([tag.tag for tag in found.objects], found.prompt.tag) == (["HyperText"], "TextArea")
    assert [(tag.tag, len(tag.labels)) for tag in found.controls] == [("Choices", 1), ("Rating", 0)]


def test_tags_are_found_inside_nested_views(spec: Parse) -> None:
    found = spec(f"<View><View>{TEXT}</View></View><View>{PROMPT}<View>{RESPONSE}</View></View>{CHOICES}")
    assert (found.prompt.name, names(found)) == ("prompt", ["response", "choices"])


def test_a_list_of_objects_in_to_name_is_taken_apart(spec: Parse) -> None:
    found = spec(OTHER + TEXT + PROMPT + area("response", "other, text"))
    assert [tag.name for tag in control(found, "response").objects] == ["other", "text"]


def test_a_prompt_that_belongs_to_something_readable_besides_is_taken(spec: Parse) -> None:
    found = spec(AUDIO + TEXT + area("prompt", "audio,text") + RESPONSE)
    assert [tag.name for tag in found.objects] == ["text"]


def test_an_object_may_hold_a_literal_text(spec: Parse) -> None:
    [shown] = spec('<Text name="text" value="Write a poem."/>' + PROMPT + RESPONSE).objects
    assert shown.value == "Write a poem."


def test_an_object_may_hold_a_list_of_values(spec: Parse) -> None:
    [shown] = spec('<Image name="text" valueList="$pages"/>' + PROMPT + RESPONSE).objects
    assert (shown.value, shown.attributes["valuelist"]) == ("$pages", "$pages")


def test_a_rating_without_any_to_name_belongs_to_the_first_object(spec: Parse) -> None:
    found = spec(TEXT + OTHER + PROMPT + '<Rating name="stars"/>')
    assert [tag.name for tag in control(found, "stars").objects] == ["text"]


# ------------------------------------------------------------------------------------------------ several prompts


def pairs(found: tuple[PromptSpec, ...]) -> dict[str, list[str]]:
    """The names of what each prompt fills."""
    return {spec.prompt.name: names(spec) for spec in found}


@pytest.mark.parametrize(
    ("inside", "paired"),
    [
        pytest.param(
            area("summary-prompt") + area("topic-prompt") + area("summary-response") + choices("topic"),
            {"summary-prompt": ["summary-response"], "topic-prompt": ["topic"]},
            id="the other words of the name",
        ),
        pytest.param(
            area("summary-prompt") + area("topic-prompt") + area("response-summary") + area("TOPIC_response"),
            {"summary-prompt": ["response-summary"], "topic-prompt": ["TOPIC_response"]},
            id="in any order and case",
        ),
        pytest.param(
            area("topic-prompt") + area("topic-of-day-prompt") + choices("topic-of-day") + choices("topic-now"),
            {"topic-prompt": ["topic-now"], "topic-of-day-prompt": ["topic-of-day"]},
            id="the longest name wins",
        ),
        pytest.param(
            area("prompt-1") + area("prompt-2") + area("response-2") + area("response-1"),
            {"prompt-1": ["response-1"], "prompt-2": ["response-2"]},
            id="numbers are words",
        ),
        pytest.param(
            area("prompt1") + area("prompt2") + area("response1") + area("response2"),
            {"prompt1": ["response1"], "prompt2": ["response2"]},
            id="what follows the prefix is a word",
        ),
        pytest.param(
            area("topic-prompt") + area("summary-prompt") + choices("topics"),
            {"topic-prompt": [], "summary-prompt": ["topics"]},
            id="a part of a word is no word",
        ),
    ],
)
def test_of_several_prompts_each_gets_what_shares_its_name(
    specs: ParseAll, inside: str, paired: dict[str, list[str]]
) -> None:
    assert pairs(specs(TEXT + inside)) == paired


@pytest.mark.parametrize(
    ("inside", "paired"),
    [
        pytest.param(
            area("a-prompt") + area("notes") + area("b-prompt") + choices("kind") + area("remarks"),
            {"a-prompt": ["notes"], "b-prompt": ["kind", "remarks"]},
            id="the nearest one above",
        ),
        pytest.param(
            area("a-prompt") + area("b-prompt", "other") + choices("kind"),
            {"a-prompt": ["kind"], "b-prompt": []},
            id="of the same object",
        ),
        pytest.param(
            choices("kind", "other") + area("a-prompt") + area("b-prompt", "other"),
            {"a-prompt": [], "b-prompt": ["kind"]},
            id="below, for want of one above of the same object",
        ),
        pytest.param(
            AUDIO + area("a-prompt") + area("b-prompt", "other") + choices("heard", "audio"),
            {"a-prompt": [], "b-prompt": ["heard"]},
            id="the nearest above, where none is of the same object",
        ),
        pytest.param(
            choices("kind") + area("a-prompt") + area("b-prompt"),
            {"a-prompt": ["kind"], "b-prompt": []},
            id="the first, where none is above",
        ),
    ],
)
def test_what_shares_no_name_goes_to_the_nearest_prompt_above(
    specs: ParseAll, inside: str, paired: dict[str, list[str]]
) -> None:
    assert pairs(specs(TEXT + OTHER + inside)) == paired


def test_a_shared_name_goes_before_nearness(specs: ParseAll) -> None:
    inside = TEXT + area("summary-prompt") + area("topic-prompt") + area("summary") + choices("kind")
    assert pairs(specs(inside)) == {"summary-prompt": ["summary"], "topic-prompt": ["kind"]}


@pytest.mark.parametrize("inner", [choices("sure", more='perRegion="true"'), "<Relations/>"])
def test_what_belongs_to_regions_goes_to_every_prompt_that_may_make_some(specs: ParseAll, inner: str) -> None:
    spans = '<Labels name="people" toName="text"/><Labels name="places" toName="text"/>'
    found = specs(TEXT + area("people-prompt") + area("places-prompt") + spans + inner)
    name = names(found[0])[-1]
    assert pairs(found) == {"people-prompt": ["people", name], "places-prompt": ["places", name]}


def test_what_belongs_to_regions_of_one_object_does_not_go_to_a_prompt_of_another(specs: ParseAll) -> None:
    inside = TEXT + OTHER + area("a-prompt") + area("b-prompt", "other") + choices("sure", "other", 'perRegion="true"')
    assert pairs(specs(inside)) == {"a-prompt": [], "b-prompt": ["sure"]}


def test_every_prompt_is_shown_all_objects(specs: ParseAll) -> None:
    found = specs(TEXT + OTHER + area("a-prompt") + area("b-prompt", "other"))
    assert [[tag.name for tag in spec.objects] for spec in found] == [["text", "other"]] * 2


def test_each_prompt_has_a_response_of_its_own(specs: ParseAll) -> None:
    found = specs(TEXT + area("a-prompt") + area("a-response") + area("b-prompt") + area("notes") + area("b-response"))
    assert [response_of(spec) for spec in found] == ["a-response", "b-response"]


def test_the_stem_is_what_is_left_without_the_prefixes_in_force() -> None:
    config = f"<View>{TEXT}{area('topic-question')}{area('mood-question')}{area('topic-answer')}</View>"
    found = parse_labeling_config(config, "question", "answer")
    assert pairs(found) == {"topic-question": ["topic-answer"], "mood-question": []}


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("inside", "add"),
    [
        (TEXT + CHOICES, 'name="prompt" and toName="text"'),
        (TEXT + area("notes") + CHOICES, 'name="prompt" and toName="text"'),
        (AUDIO + OTHER + area("notes"), 'name="prompt" and toName="other"'),
        ("", 'name="prompt" and toName="text"'),
        (TEXT.replace("text", "prompt", 1) + CHOICES, 'name="prompt-input" and toName="prompt"'),
        (TEXT + choices("prompt"), 'name="prompt-input" and toName="text"'),
        (PROMPT + RESPONSE, 'toName "text" names no object'),
        (PROMPT + RESPONSE, "Text, HyperText, Paragraphs, Image, List, Table, Pdf"),
        (AUDIO + area("prompt", "audio"), "belongs to a tag Audio"),
        (AUDIO + area("prompt", "audio"), "Text, HyperText, Paragraphs, Image, List, Table, Pdf"),
        (TEXT + AUDIO + area("prompt-1") + area("prompt-2", "audio"), '"prompt-2" belongs to a tag Audio'),
    ],
)
def test_a_config_that_cannot_be_asked_about_is_told_what_to_add(specs: ParseAll, inside: str, add: str) -> None:
    with pytest.raises(LabelingConfigError) as caught:
        specs(inside)
    assert add in caught.value.message


def test_a_response_that_belongs_to_no_tag_is_none(specs: ParseAll) -> None:
    [spec] = specs(TEXT + area("prompt") + area("response", "nothing") + area("answer"))
    assert spec.response is not None
    assert spec.response.name == "answer"


def test_a_config_in_which_two_tags_share_a_name_is_refused(specs: ParseAll) -> None:
    with pytest.raises(LabelingConfigError, match='the name "text"'):
        specs(TEXT + area("prompt") + '<Rating name="text" toName="text"/>')


def test_what_to_add_is_named_by_the_prefixes_in_force() -> None:
    with pytest.raises(LabelingConfigError, match='name="question"'):
        parse_labeling_config(f"<View>{TEXT}{CHOICES}</View>", "question", "answer")


_BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10))
FINE = f"<View>{TEXT}{PROMPT}{RESPONSE}</View>"
_MANY = " ".join(f'a{n}="x"' for n in range(2000))
UNSAFE = [
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
    pytest.param(FINE.replace("<Text ", f"<Text {_MANY} "), id="attributes"),
    pytest.param(f"<View><!-- {'x' * 2_000_000} -->{FINE}</View>", id="large"),
]


@pytest.mark.parametrize("config", UNSAFE)
def test_what_is_no_safe_xml_is_refused_in_one_line(config: str) -> None:
    with pytest.raises(LabelingConfigError) as caught:
        parse_labeling_config(config, "prompt", "response")
    assert "\n" not in caught.value.message
    assert "root:" not in caught.value.message


@pytest.mark.parametrize(
    "config", [*UNSAFE, "<View/>", f"<View>{TEXT}</View>", f"<View>{PROMPT}</View>", f"<View>{AUDIO}{PROMPT}</View>"]
)
def test_no_message_holds_an_angle_bracket_which_label_studio_would_render(config: str) -> None:
    with pytest.raises(LabelingConfigError) as caught:
        parse_labeling_config(config, "prompt", "response")
    assert not set("<>") & set(caught.value.message)


def test_an_xml_declaration_is_no_harm() -> None:
    declared = f'<?xml version="1.0" encoding="utf-8"?>\n<!-- a comment -->\n{FINE}'
    assert len(parse_labeling_config(declared, "prompt", "response")) == 1


# ------------------------------------------------------------------------------------------------ labels and titles


@pytest.mark.parametrize(
    ("inside", "labels"),
    [
        (
            '<Choices name="c" toName="text"><Choice value="Bad" alias="neg"/><Choice value="Good"/></Choices>',
            (Label("Bad", "neg"), Label("Good", "Good")),
        ),
        (
            '<Choices name="c" toName="text"><Choice value="A" hint="the first"/></Choices>',
            (Label("A", "A", "the first"),),
        ),
        (
            '<Choices name="c" toName="text"><View><Choice value="A"/></View><Choice value="B"/></Choices>',
            (Label("A", "A"), Label("B", "B")),
        ),
        (
            '<Taxonomy name="c" toName="text"><Choice value="A"><Choice value="B" alias="b"/></Choice></Taxonomy>',
            (Label("A", "A", children=(Label("B", "b"),)),),
        ),
        ('<Labels name="c" toName="text"><Label value="PER" alias="p"/></Labels>', (Label("PER", "p"),)),
        (
            '<Ranker name="c" toName="text"><Bucket name="best" title="The best"/></Ranker>',
            (Label("best", "best", "The best"),),
        ),
        ('<Choices name="c" toName="text"><Choice value=""/><Choice/></Choices>', ()),
        ('<Choices name="c" toName="text" value="$options"/>', ()),
    ],
)
def test_a_label_has_the_name_that_is_seen_and_what_is_stored(
    spec: Parse, inside: str, labels: tuple[Label, ...]
) -> None:
    assert control(spec(TEXT + PROMPT + inside), "c").labels == labels


def test_the_labels_of_relations_are_found(spec: Parse) -> None:
    inside = '<Relations><Relation value="works for"/></Relations>'
    assert control(spec(TEXT + PROMPT + inside), "relations").labels == (Label("works for", "works for"),)


def test_the_nearest_header_above_is_a_tags_title(spec: Parse) -> None:
    inside = (
        f'<Header value="Read this:"/>{TEXT}<Header value="Ask"/>{PROMPT}'
        f'<View><Header value="Is it so?"/></View>{CHOICES}'
    )
    found = spec(inside)
    titles = (found.objects[0].title, found.prompt.title, found.controls[0].title)
    assert titles == ("Read this:", "Ask", "Is it so?")


def test_a_header_above_an_object_is_no_title_of_the_controls_below_that(spec: Parse) -> None:
    found = spec('<Header value="Read this:"/>' + TEXT + PROMPT + CHOICES)
    assert (found.objects[0].title, found.controls[0].title) == ("Read this:", "")


def test_without_a_header_above_there_is_no_title(spec: Parse) -> None:
    assert spec(TEXT + PROMPT + CHOICES + '<Header value="Below"/>').controls[0].title == ""


def test_a_header_that_shows_a_field_is_no_title_of_a_control(spec: Parse) -> None:
    assert spec(TEXT + PROMPT + '<Header value="$question"/>' + CHOICES).controls[0].title == ""


def test_a_tag_is_shown_under_its_own_condition_and_those_around_it(spec: Parse) -> None:
    inside = (
        f'{TEXT}{PROMPT}{CHOICES}<View visibleWhen="choice-selected" whenTagName="choices" whenChoiceValue="Yes, No">'
        '<TextArea name="why" toName="text" visibleWhen="region-selected" whenLabelValue="PER"/></View>'
    )
    assert control(spec(inside), "why").conditions == (
        Condition("region-selected", None, ("PER",)),
        Condition("choice-selected", "choices", ("Yes", "No")),
    )


@pytest.mark.parametrize(("inside", "repeated"), [("{}", False), ('<Repeater on="$pages">{}</Repeater>', True)])
def test_what_stands_in_a_repeater_is_known(spec: Parse, inside: str, repeated: bool) -> None:
    assert control(spec(TEXT + PROMPT + RESPONSE + inside.format(CHOICES)), "choices").repeated is repeated


# ------------------------------------------------------------------------------------------------ texts of a control


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
def test_the_texts_of_a_control_are_gathered_and_stripped(result: list[Any], texts: list[str]) -> None:
    assert texts_in(result, ControlTag("TextArea", "response")) == texts
