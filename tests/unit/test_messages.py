"""Task data and prompt → chat messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.labeling.config import PromptSpec
from llm_interactive.media.image_input import ImageContent, ImagePart
from llm_interactive.prompts.messages import Prompt, alternating, build_messages
from llm_interactive.settings import ChatOptions

Parse = Callable[[str], PromptSpec]

CONTROLS = '<TextArea name="prompt" toName="x"/><TextArea name="response" toName="x"/>'
TEXT = '<Text name="x" value="$text"/>' + CONTROLS
HTML = '<HyperText name="x" value="$html"/>' + CONTROLS
DIALOGUE = '<Paragraphs name="x" value="$dialogue" nameKey="role" textKey="content"/>' + CONTROLS

INTERNAL = ChatOptions()
OWN = ChatOptions(prompt_template=None)

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
]


def sent(
    found: PromptSpec, data: dict[str, Any], prompt: str, options: ChatOptions, *labels: str, guide: str = ""
) -> list[Any]:
    """The messages as (role, content)."""
    built: list[Any] = list(build_messages(data, Prompt(prompt, guide, labels), found.objects, options, {}))
    return [(message["role"], message["content"]) for message in built]


def asked(found: PromptSpec, data: dict[str, Any], prompt: str, options: ChatOptions, *labels: str) -> str:
    """The content of the one message that was built."""
    [(role, content)] = sent(found, data, prompt, options, *labels)
    assert role == "user"
    assert isinstance(content, str)
    return content


def test_the_default_template_is_exactly_the_specs(spec: Parse) -> None:
    content = asked(spec(TEXT), {"text": "I love it."}, "Sarcastic or not?", INTERNAL)
    assert content == "Source Text: I love it.\n\nTask Directive: Sarcastic or not?"


@pytest.mark.parametrize(
    ("template", "content"),
    [
        ("{prompt}", "P {text} {"),
        ("{text}|{prompt}", "T|P {text} {"),
        ("{prompt}|{author}", "P {text} {|A"),
        ("{prompt}|{meta.lang}", "P {text} {|en"),
        ("{prompt}|{labels}", "P {text} {|Yes, No"),
        ('{prompt} as {"a": 1}', 'P {text} { as {"a": 1}'),
    ],
)
def test_inside_the_internal_template_the_prompt_is_a_value(spec: Parse, template: str, content: str) -> None:
    data = {"text": "T", "author": "A", "meta": {"lang": "en"}}
    options = ChatOptions(prompt_template=template)
    assert asked(spec(TEXT), data, "P {text} {", options, "Yes", "No") == content


@pytest.mark.parametrize(
    ("prompt", "content"),
    [
        ("Source Text: {text}, for {author}", "Source Text: T, for A"),
        ("Language {meta.lang}: {text}", "Language en: T"),
        ("One of {labels}: {text}", "One of Yes, No: T"),
        ('{text} as {"label": "…"}', 'T as {"label": "…"}'),
        ("{{text}}", "{text}"),
        ("Without any field", "Without any field"),
    ],
)
def test_without_the_internal_template_the_prompt_is_the_template(spec: Parse, prompt: str, content: str) -> None:
    data = {"text": "T", "author": "A", "meta": {"lang": "en"}}
    assert asked(spec(TEXT), data, prompt, OWN, "Yes", "No") == content


def test_the_specs_example_of_an_own_template_works(spec: Parse) -> None:
    data = {"input_text": "user text", "instruction": "user instruction"}
    prompt = "Source Text: {input_text}, Custom instruction : {instruction}"
    content = asked(spec(TEXT.replace("$text", "$input_text")), data, prompt, OWN)
    assert content == "Source Text: user text, Custom instruction : user instruction"


@pytest.mark.parametrize("options", [INTERNAL, OWN])
def test_text_is_the_objects_content_whatever_its_field_is_called(spec: Parse, options: ChatOptions) -> None:
    assert "the body" in asked(spec(TEXT.replace("$text", "$body")), {"body": "the body"}, "{text}", options)


def test_a_nested_field_can_be_the_objects_value(spec: Parse) -> None:
    found = spec(TEXT.replace("$text", "$doc.body"))
    assert asked(found, {"doc": {"body": "deep"}}, "{text}", OWN) == "deep"


@pytest.mark.parametrize(("value", "content"), [(5, "5"), (0, "0"), (False, "false"), (1.5, "1.5")])
def test_a_text_that_is_a_number_is_sent_as_it_is_written(spec: Parse, value: object, content: str) -> None:
    assert asked(spec(TEXT), {"text": value}, "{text}", OWN) == content


@pytest.mark.parametrize(
    ("value", "content"),
    [("Write a poem.", "Write a poem."), ("About $topic.", "About rain."), ("Price in $", "Price in $")],
)
def test_a_literal_object_value_is_the_content(spec: Parse, value: str, content: str) -> None:
    assert asked(spec(TEXT.replace("$text", value)), {"topic": "rain"}, "{text}", OWN) == content


@pytest.mark.parametrize("inside", [TEXT, HTML.replace("$html", "$text")])
@pytest.mark.parametrize("options", [INTERNAL, OWN])
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"other": "x"},
        {"text": None},
        {"text": ""},
        {"text": " \n\t"},
        {"text": [5]},
        {"text": [[]]},
        {"text": {"a": "b"}},
    ],
)
def test_content_that_is_missing_or_no_text_is_the_tasks_error(
    spec: Parse, inside: str, options: ChatOptions, data: dict[str, Any]
) -> None:
    with pytest.raises(TaskDataError):
        sent(spec(inside), data, "Judge {text}", options)


@pytest.mark.parametrize("options", [ChatOptions(prompt_template="{prompt} {author}"), OWN])
def test_a_null_field_never_becomes_the_word_none(spec: Parse, options: ChatOptions) -> None:
    with pytest.raises(TaskDataError, match='"author" is null'):
        sent(spec(TEXT), {"text": "T", "author": None}, "{author}", options)


@pytest.mark.parametrize(("lines", "text"), [(["one", "two"], "one\ntwo"), (["one"], "one")])
def test_a_text_in_lines_is_joined_by_lines(spec: Parse, lines: list[str], text: str) -> None:
    assert asked(spec(TEXT), {"text": lines}, "{text}", OWN) == text


@pytest.mark.parametrize("lines", [[], [""], ["", " "]])
def test_a_text_in_lines_that_are_blank_is_the_tasks_error(spec: Parse, lines: list[str]) -> None:
    with pytest.raises(TaskDataError, match="empty"):
        asked(spec(TEXT), {"text": lines}, "P", INTERNAL)


def test_a_content_that_the_template_does_not_ask_for_need_not_be_there(spec: Parse) -> None:
    assert asked(spec(TEXT), {"question": "Q"}, "{question}", OWN) == "Q"


def test_an_unknown_placeholder_is_named_with_the_fields_there_are(spec: Parse) -> None:
    with pytest.raises(PromptError) as caught:
        sent(spec(TEXT), {"text": "T", "author": "A"}, "{question}", OWN)
    assert "{question}" in caught.value.message
    assert "author" in caught.value.message
    assert "text" in caught.value.message


def test_labels_without_any_choices_are_an_unknown_placeholder(spec: Parse) -> None:
    with pytest.raises(PromptError, match="labels"):
        sent(spec(TEXT), {"text": "T"}, "{labels}", OWN)


@pytest.mark.parametrize(
    "data",
    [
        {"text": "T", "prompt": "the task's own"},
        {"text": "T", "prompt": None},
        {"text": "T", "labels": "the task's own"},
        {"text": "T", "author": {"prompt": "a nested one"}},
    ],
)
def test_what_was_typed_reaches_the_model_whatever_the_tasks_fields_are_called(
    spec: Parse, data: dict[str, Any]
) -> None:
    assert asked(spec(TEXT), data, "typed", INTERNAL, "Yes") == "Source Text: T\n\nTask Directive: typed"


def test_what_was_typed_reaches_the_model_even_where_the_object_shows_a_field_called_prompt(spec: Parse) -> None:
    content = asked(spec(TEXT.replace("$text", "$prompt")), {"prompt": "shown"}, "typed", INTERNAL)
    assert content == "Source Text: shown\n\nTask Directive: typed"


def test_the_internal_templates_text_is_the_objects_content_beside_a_field_called_text(spec: Parse) -> None:
    data = {"body": "the body", "text": "another field"}
    content = asked(spec(TEXT.replace("$text", "$body")), data, "P", INTERNAL)
    assert content == "Source Text: the body\n\nTask Directive: P"


def test_the_internal_templates_labels_are_the_choices_beside_a_field_called_labels(spec: Parse) -> None:
    options = ChatOptions(prompt_template="{prompt} {labels}")
    assert asked(spec(TEXT), {"text": "T", "labels": "its own"}, "P", options, "Yes", "No") == "P Yes, No"


@pytest.mark.parametrize(
    ("prompt", "content"),
    [("{prompt}", "its own prompt"), ("{text}", "its own text"), ("{labels}", "its own labels"), ("{body}", "shown")],
)
def test_in_an_own_template_a_name_is_the_tasks_field_of_that_name(spec: Parse, prompt: str, content: str) -> None:
    data = {"body": "shown", "prompt": "its own prompt", "text": "its own text", "labels": "its own labels"}
    assert asked(spec(TEXT.replace("$text", "$body")), data, prompt, OWN, "Yes") == content


@pytest.mark.parametrize(
    ("html", "readable"),
    [
        ("<p>One</p><p>Two</p>", ["One", "Two"]),
        ("a<br>b", ["a", "b"]),
        ("Fish &amp; chips &lt;3&nbsp;€", ["Fish & chips <3 €"]),
        ("<ul><li>first</li><li>second</li></ul>", ["* first", "* second"]),
        ("<p>seen</p><script>evil()</script><style>p {color: red}</style><!-- no -->", ["seen"]),
        ("<b>not closed <i>at all", ["not closed at all"]),
        ("plain text", ["plain text"]),
        ("a < b", ["a < b"]),
    ],
)
def test_hypertext_is_sent_as_readable_text(spec: Parse, html: str, readable: list[str]) -> None:
    content = asked(spec(HTML), {"html": html}, "{text}", OWN)
    assert [line.strip() for line in content.splitlines() if line.strip()] == readable


def test_hypertext_by_its_fields_name_is_readable_too(spec: Parse) -> None:
    assert asked(spec(HTML), {"html": "<b>bold</b>"}, "{html}", OWN).strip() == "bold"


@pytest.mark.parametrize("html", ["<!-- only a comment -->", "<p> </p>", "<script>1</script>", "<img src='x'>"])
def test_hypertext_without_any_text_is_the_tasks_error(spec: Parse, html: str) -> None:
    with pytest.raises(TaskDataError):
        sent(spec(HTML), {"html": html}, "{text}", OWN)


@pytest.mark.parametrize("options", [INTERNAL, OWN])
def test_a_dialogue_between_chat_roles_is_a_real_chat_with_the_prompt_last(spec: Parse, options: ChatOptions) -> None:
    assert sent(spec(DIALOGUE), {"dialogue": CHAT}, "And of Spain?", options) == [
        ("system", "Be brief."),
        ("user", "What is the capital of France?"),
        ("assistant", "Paris."),
        ("user", "And of Spain?"),
    ]


def test_the_chat_example_is_a_real_chat(example: Parse) -> None:
    roles = [role for role, _ in sent(example("chat"), {"dialogue": CHAT}, "Go on.", INTERNAL)]
    assert roles == ["system", "user", "assistant", "user"]


def test_roles_are_known_in_any_case(spec: Parse) -> None:
    data = {"dialogue": [{"role": "User", "content": "Hi"}, {"role": "ASSISTANT", "content": "Hello"}]}
    assert [role for role, _ in sent(spec(DIALOGUE), data, "P", INTERNAL)] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "one\ntwo"),
        ([{"type": "text", "text": "one"}], "one"),
        ({"answer": 5}, '{"answer": 5}'),
        ([], "[]"),
        (5, "5"),
    ],
)
def test_what_is_said_in_parts_is_joined(spec: Parse, content: Any, text: str) -> None:
    data = {"dialogue": [{"role": "user", "content": content}]}
    assert sent(spec(DIALOGUE), data, "P", INTERNAL) == [("user", text), ("user", "P")]


def test_a_turn_that_says_nothing_is_left_out(spec: Parse) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    messages = sent(spec(DIALOGUE), {"dialogue": [CHAT[1], call, CHAT[2]]}, "P", INTERNAL)
    assert [content for _, content in messages] == ["What is the capital of France?", "Paris.", "P"]


def test_a_chat_beside_another_object_is_a_transcript(spec: Parse) -> None:
    inside = '<Text name="facts" value="$facts"/>' + DIALOGUE
    content = asked(spec(inside), {"facts": "Paris is big.", "dialogue": CHAT[1:]}, "Right?", INTERNAL)
    assert "x:\nuser: What is the capital of France?\nassistant: Paris." in content


def test_an_own_template_puts_the_chat_in_as_text_where_it_asks_for_it(spec: Parse) -> None:
    content = asked(spec(DIALOGUE), {"dialogue": CHAT[1:]}, "Judge:\n{dialogue}", OWN)
    assert content == "Judge:\nuser: What is the capital of France?\nassistant: Paris."


def test_a_custom_internal_template_keeps_its_own_words_with_a_chat(spec: Parse) -> None:
    options = ChatOptions(prompt_template="Reply in French. {text} {prompt}")
    messages = sent(spec(DIALOGUE), {"dialogue": CHAT}, "Go on.", options)
    assert "Reply in French." in " ".join(content for _, content in messages)


@pytest.mark.parametrize(
    ("dialogue", "transcript"),
    [
        ([{"role": "Alice", "content": "Hi"}, {"role": "Bob", "content": "Ho"}], "Alice: Hi\nBob: Ho"),
        ([{"role": "user", "content": "Hi"}, {"role": "Bob", "content": "Ho"}], "user: Hi\nBob: Ho"),
        ([{"content": "Hi"}, {"role": "Bob", "content": "Ho"}], "Hi\nBob: Ho"),
        ([{"role": None, "content": "Hi"}], "Hi"),
        ([{"role": 1, "content": 2}], "1: 2"),
    ],
)
def test_a_dialogue_between_others_is_a_transcript(
    spec: Parse, dialogue: list[dict[str, Any]], transcript: str
) -> None:
    content = asked(spec(DIALOGUE), {"dialogue": dialogue}, "Who?", INTERNAL)
    assert content == f"Source Text: {transcript}\n\nTask Directive: Who?"


def test_paragraphs_name_author_and_text_by_label_studios_defaults(spec: Parse) -> None:
    found = spec('<Paragraphs name="x" value="$d"/>' + CONTROLS)
    assert asked(found, {"d": [{"author": "Alice", "text": "Hi"}]}, "{text}", OWN) == "Alice: Hi"


@pytest.mark.parametrize("options", [INTERNAL, OWN])
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"dialogue": None},
        {"dialogue": "a text"},
        {"dialogue": {"role": "user", "content": "Hi"}},
        {"dialogue": ["Hi"]},
        {"dialogue": [{"role": "user"}]},
    ],
)
def test_paragraphs_of_another_shape_are_the_tasks_error(
    spec: Parse, options: ChatOptions, data: dict[str, Any]
) -> None:
    with pytest.raises(TaskDataError, match="dialogue"):
        sent(spec(DIALOGUE), data, "P", options)


def test_a_content_behind_an_address_is_not_fetched(spec: Parse) -> None:
    found = spec('<Text name="x" value="$text" valueType="url"/>' + CONTROLS)
    with pytest.raises(TaskDataError, match="does not fetch"):
        sent(found, {"text": "http://127.0.0.1/"}, "P", INTERNAL)


@pytest.mark.parametrize(("inside", "data"), [(TEXT, {"text": "T"}), (DIALOGUE, {"dialogue": CHAT})])
def test_a_system_prompt_comes_before_everything_else(spec: Parse, inside: str, data: dict[str, Any]) -> None:
    first = sent(spec(inside), data, "P", ChatOptions(system_prompt="You label texts."))[0]
    assert first == ("system", "You label texts.")


@pytest.mark.parametrize("text", ["half a pair \ud83d", "a \x00 in it"])
def test_every_content_can_be_sent_as_utf8(spec: Parse, text: str) -> None:
    content = asked(spec(TEXT), {"text": text}, "P", INTERNAL)
    assert content.encode("utf-8")


def test_what_the_model_must_know_of_the_outputs_is_a_system_message(spec: Parse) -> None:
    messages = sent(spec(TEXT), {"text": "T"}, "P", INTERNAL, guide="Answer in JSON.")
    assert messages == [("system", "Answer in JSON."), ("user", "Source Text: T\n\nTask Directive: P")]


def test_the_operators_system_prompt_comes_before_it_in_the_same_message(spec: Parse) -> None:
    options = ChatOptions(system_prompt="You label texts.")
    first, _ = sent(spec(TEXT), {"text": "T"}, "P", options, guide="Answer in JSON.")
    assert first == ("system", "You label texts.\n\nAnswer in JSON.")


def test_braces_in_a_system_message_are_no_placeholders(spec: Parse) -> None:
    options = ChatOptions(system_prompt="Mind {text}.")
    assert sent(spec(TEXT), {"text": "T"}, "P", options, guide='{"n": 1}')[0][1] == 'Mind {text}.\n\n{"n": 1}'


# ------------------------------------------------------------------------------------------------ several objects

TITLED = (
    '<Header value="The question:"/><Text name="q" value="$question"/>'
    '<Header value="The answer"/><Text name="a" value="$answer"/><TextArea name="prompt" toName="q"/>'
)
UNTITLED = TITLED.replace("Header", "Style")
TWO = {"question": "Why?", "answer": "So."}


def test_several_objects_come_under_the_headers_above_them(spec: Parse) -> None:
    content = asked(spec(TITLED), TWO, "Right?", INTERNAL)
    assert content == "Source Text: The question:\nWhy?\n\nThe answer:\nSo.\n\nTask Directive: Right?"


def test_without_headers_several_objects_come_under_their_names(spec: Parse) -> None:
    assert asked(spec(UNTITLED), TWO, "{text}", OWN) == "q:\nWhy?\n\na:\nSo."


def test_objects_under_headers_of_the_same_words_come_under_their_names(spec: Parse) -> None:
    inside = TITLED.replace("The question:", "Read").replace("The answer", "Read")
    assert asked(spec(inside), TWO, "{text}", OWN) == "q:\nWhy?\n\na:\nSo."


def test_a_header_is_that_of_the_first_object_below_it(spec: Parse) -> None:
    inside = '<Header value="Read both"/>' + UNTITLED
    assert asked(spec(inside), TWO, "{text}", OWN) == "Read both:\nWhy?\n\na:\nSo."


@pytest.mark.parametrize(
    ("prompt", "content"),
    [("{question}|{answer}", "Why?|So."), ("Is {answer} right?", "Is So. right?"), ("{text}!", "{text}!")],
)
def test_a_template_may_name_one_of_several_objects(spec: Parse, prompt: str, content: str) -> None:
    both = "The question:\nWhy?\n\nThe answer:\nSo."
    assert asked(spec(TITLED), TWO, prompt, OWN) == content.replace("{text}", both)


def test_an_object_that_is_blank_is_left_out_of_several(spec: Parse) -> None:
    content = asked(spec(UNTITLED), {"question": "Why?", "answer": " "}, "{text}", OWN)
    assert content == "q:\nWhy?"


@pytest.mark.parametrize("data", [{"question": " ", "answer": ""}, {"question": "Why?"}, {**TWO, "answer": None}])
def test_several_objects_of_which_all_are_blank_or_one_is_missing_are_the_tasks_error(
    spec: Parse, data: dict[str, Any]
) -> None:
    with pytest.raises(TaskDataError):
        asked(spec(UNTITLED), data, "P", INTERNAL)


def test_each_object_is_read_in_its_own_way(spec: Parse) -> None:
    inside = (
        '<HyperText name="page" value="$page"/><Table name="table" value="$table"/>'
        '<List name="hits" value="$hits"/><TextArea name="prompt" toName="page"/>'
    )
    data = {"page": "<b>Bold</b>", "table": {"total": 5}, "hits": [{"id": "h1", "title": "First", "body": "…"}]}
    content = asked(spec(inside), data, "{text}", OWN)
    assert content == "page:\nBold\n\ntable:\ntotal: 5\n\nhits:\n[h1] First\n…"


# ------------------------------------------------------------------------------------------------ images among them

PART: ImagePart = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "auto"}}
SCANNED = '<Image name="scan" value="$scan"/><Text name="note" value="$note"/><TextArea name="prompt" toName="scan"/>'


def content_with(found: PromptSpec, image: ImageContent) -> Any:
    """The user message's content where the object "scan" has `image`."""
    data = {"scan": "/data/upload/1/a.png", "note": "N"}
    [message] = build_messages(data, Prompt("P"), found.objects, INTERNAL, {"scan": image})
    return message.get("content")


def test_an_image_among_several_objects_is_a_part_that_the_text_refers_to(spec: Parse) -> None:
    sent_text = "Source Text: scan:\n(see the image)\n\nnote:\nN\n\nTask Directive: P"
    found = content_with(spec(SCANNED), ImageContent(parts=(PART,)))
    assert found == [PART, {"type": "text", "text": sent_text}]


def test_the_text_read_in_an_image_among_several_objects_stands_in_its_place(spec: Parse) -> None:
    found = content_with(spec(SCANNED), ImageContent(text="TOTAL 5"))
    assert found == "Source Text: scan:\nTOTAL 5\n\nnote:\nN\n\nTask Directive: P"


@pytest.mark.parametrize(
    ("roles", "merged"),
    [
        ("system user", [("user", "0\n\n1")]),
        ("system user assistant user", [("user", "0\n\n1"), ("assistant", "2"), ("user", "3")]),
        ("user user assistant assistant user", [("user", "0\n\n1"), ("assistant", "2\n\n3"), ("user", "4")]),
        ("system assistant user", [("user", "0"), ("assistant", "1"), ("user", "2")]),
        ("assistant user", [("user", "0\n\n1")]),
    ],
)
def test_a_chat_is_merged_into_turns_for_models_that_take_no_other(roles: str, merged: list[tuple[str, str]]) -> None:
    messages: Any = [{"role": role, "content": str(number)} for number, role in enumerate(roles.split())]
    assert [(turn["role"], turn.get("content")) for turn in alternating(messages)] == merged


def test_an_image_stays_a_part_when_turns_are_merged() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    messages: Any = [{"role": "system", "content": "S"}, {"role": "user", "content": [image]}]
    [turn] = alternating(messages)
    assert turn.get("content") == [{"type": "text", "text": "S"}, image]


SHORT = replace(INTERNAL, max_prompt_characters=1_000)
LONG = "x" * 600


@pytest.mark.parametrize(
    ("objects", "data", "prompt", "options", "guide"),
    [
        (TEXT, {"text": LONG}, LONG, SHORT, ""),
        (TEXT, {"text": "T"}, "P", replace(SHORT, system_prompt=LONG), LONG),
        (TEXT, {"text": LONG}, "{text} {text}", replace(SHORT, prompt_template=None), ""),
        (HTML, {"html": f"<p>{LONG}{LONG}</p>"}, "P", SHORT, ""),
        (DIALOGUE, {"dialogue": [{"role": "user", "content": LONG}] * 2}, "P", SHORT, ""),
        ('<Text name="y" value="$text"/>' + TEXT, {"text": LONG}, "P", SHORT, ""),
    ],
)
def test_a_prompt_that_is_longer_than_allowed_is_the_tasks_error(
    spec: Parse, objects: str, data: dict[str, Any], prompt: str, options: ChatOptions, guide: str
) -> None:
    with pytest.raises(TaskDataError, match="more than 1,000 characters"):
        sent(spec(objects), data, prompt, options, guide=guide)
