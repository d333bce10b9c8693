"""Task data and prompt → chat messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.errors import PromptError, TaskDataError
from llm_interactive.labeling.config import Label, Labeling
from llm_interactive.prompts.messages import build_messages
from llm_interactive.settings import Settings

Parse = Callable[[str], Labeling]

CONTROLS = '<TextArea name="prompt" toName="x"/><TextArea name="response" toName="x"/>'
TEXT = '<Text name="x" value="$text"/>' + CONTROLS
HTML = '<HyperText name="x" value="$html"/>' + CONTROLS
DIALOGUE = '<Paragraphs name="x" value="$dialogue" nameKey="role" textKey="content"/>' + CONTROLS

INTERNAL = Settings()
OWN = Settings(use_internal_prompt_template=False)

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
]


def sent(labeling: Labeling, data: dict[str, Any], prompt: str, settings: Settings, *labels: str) -> list[Any]:
    """The messages as (role, content)."""
    built: list[Any] = list(build_messages(data, prompt, [Label(name, name) for name in labels], labeling, settings))
    return [(message["role"], message["content"]) for message in built]


def asked(labeling: Labeling, data: dict[str, Any], prompt: str, settings: Settings, *labels: str) -> str:
    """The content of the one message that was built."""
    [(role, content)] = sent(labeling, data, prompt, settings, *labels)
    assert role == "user"
    assert isinstance(content, str)
    return content


def test_the_default_template_is_exactly_the_specs(labeling: Parse) -> None:
    content = asked(labeling(TEXT), {"text": "I love it."}, "Sarcastic or not?", INTERNAL)
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
def test_inside_the_internal_template_the_prompt_is_a_value(labeling: Parse, template: str, content: str) -> None:
    data = {"text": "T", "author": "A", "meta": {"lang": "en"}}
    settings = Settings(prompt_template=template)
    assert asked(labeling(TEXT), data, "P {text} {", settings, "Yes", "No") == content


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
def test_without_the_internal_template_the_prompt_is_the_template(labeling: Parse, prompt: str, content: str) -> None:
    data = {"text": "T", "author": "A", "meta": {"lang": "en"}}
    assert asked(labeling(TEXT), data, prompt, OWN, "Yes", "No") == content


def test_the_specs_example_of_an_own_template_works(labeling: Parse) -> None:
    data = {"input_text": "user text", "instruction": "user instruction"}
    prompt = "Source Text: {input_text}, Custom instruction : {instruction}"
    content = asked(labeling(TEXT.replace("$text", "$input_text")), data, prompt, OWN)
    assert content == "Source Text: user text, Custom instruction : user instruction"


@pytest.mark.parametrize("settings", [INTERNAL, OWN])
def test_text_is_the_objects_content_whatever_its_field_is_called(labeling: Parse, settings: Settings) -> None:
    assert "the body" in asked(labeling(TEXT.replace("$text", "$body")), {"body": "the body"}, "{text}", settings)


def test_a_nested_field_can_be_the_objects_value(labeling: Parse) -> None:
    found = labeling(TEXT.replace("$text", "$doc.body"))
    assert asked(found, {"doc": {"body": "deep"}}, "{text}", OWN) == "deep"


@pytest.mark.parametrize(("value", "content"), [(5, "5"), (0, "0"), (False, "false"), (1.5, "1.5")])
def test_a_text_that_is_a_number_is_sent_as_it_is_written(labeling: Parse, value: object, content: str) -> None:
    assert asked(labeling(TEXT), {"text": value}, "{text}", OWN) == content


@pytest.mark.parametrize(
    ("value", "content"),
    [("Write a poem.", "Write a poem."), ("About $topic.", "About rain."), ("Price in $", "Price in $")],
)
def test_a_literal_object_value_is_the_content(labeling: Parse, value: str, content: str) -> None:
    assert asked(labeling(TEXT.replace("$text", value)), {"topic": "rain"}, "{text}", OWN) == content


@pytest.mark.parametrize("inside", [TEXT, HTML.replace("$html", "$text")])
@pytest.mark.parametrize("settings", [INTERNAL, OWN])
@pytest.mark.parametrize(
    "data",
    [{}, {"other": "x"}, {"text": None}, {"text": ""}, {"text": " \n\t"}, {"text": ["a"]}, {"text": {"a": "b"}}],
)
def test_content_that_is_missing_or_no_text_is_the_tasks_error(
    labeling: Parse, inside: str, settings: Settings, data: dict[str, Any]
) -> None:
    with pytest.raises(TaskDataError):
        sent(labeling(inside), data, "Judge {text}", settings)


@pytest.mark.parametrize("settings", [Settings(prompt_template="{prompt} {author}"), OWN])
def test_a_null_field_never_becomes_the_word_none(labeling: Parse, settings: Settings) -> None:
    with pytest.raises(TaskDataError, match='"author" is null'):
        sent(labeling(TEXT), {"text": "T", "author": None}, "{author}", settings)


def test_a_content_that_the_template_does_not_ask_for_need_not_be_there(labeling: Parse) -> None:
    assert asked(labeling(TEXT), {"question": "Q"}, "{question}", OWN) == "Q"


def test_an_unknown_placeholder_is_named_with_the_fields_there_are(labeling: Parse) -> None:
    with pytest.raises(PromptError) as caught:
        sent(labeling(TEXT), {"text": "T", "author": "A"}, "{question}", OWN)
    assert "{question}" in caught.value.message
    assert "author" in caught.value.message
    assert "text" in caught.value.message


def test_labels_without_any_choices_are_an_unknown_placeholder(labeling: Parse) -> None:
    with pytest.raises(PromptError, match="labels"):
        sent(labeling(TEXT), {"text": "T"}, "{labels}", OWN)


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
def test_hypertext_is_sent_as_readable_text(labeling: Parse, html: str, readable: list[str]) -> None:
    content = asked(labeling(HTML), {"html": html}, "{text}", OWN)
    assert [line.strip() for line in content.splitlines() if line.strip()] == readable


def test_hypertext_by_its_fields_name_is_readable_too(labeling: Parse) -> None:
    assert asked(labeling(HTML), {"html": "<b>bold</b>"}, "{html}", OWN).strip() == "bold"


@pytest.mark.parametrize("html", ["<!-- only a comment -->", "<p> </p>", "<script>1</script>", "<img src='x'>"])
def test_hypertext_without_any_text_is_the_tasks_error(labeling: Parse, html: str) -> None:
    with pytest.raises(TaskDataError):
        sent(labeling(HTML), {"html": html}, "{text}", OWN)


@pytest.mark.parametrize("settings", [INTERNAL, OWN])
def test_a_dialogue_between_chat_roles_is_a_real_chat_with_the_prompt_last(labeling: Parse, settings: Settings) -> None:
    assert sent(labeling(DIALOGUE), {"dialogue": CHAT}, "And of Spain?", settings) == [
        ("system", "Be brief."),
        ("user", "What is the capital of France?"),
        ("assistant", "Paris."),
        ("user", "And of Spain?"),
    ]


def test_the_chat_example_is_a_real_chat(example: Parse) -> None:
    roles = [role for role, _ in sent(example("chat"), {"dialogue": CHAT}, "Go on.", INTERNAL)]
    assert roles == ["system", "user", "assistant", "user"]


def test_roles_are_known_in_any_case(labeling: Parse) -> None:
    data = {"dialogue": [{"role": "User", "content": "Hi"}, {"role": "ASSISTANT", "content": "Hello"}]}
    assert [role for role, _ in sent(labeling(DIALOGUE), data, "P", INTERNAL)] == ["user", "assistant", "user"]


def test_an_own_template_puts_the_chat_in_as_text_where_it_asks_for_it(labeling: Parse) -> None:
    content = asked(labeling(DIALOGUE), {"dialogue": CHAT[1:]}, "Judge:\n{dialogue}", OWN)
    assert content == "Judge:\nuser: What is the capital of France?\nassistant: Paris."


def test_a_custom_internal_template_keeps_its_own_words_with_a_chat(labeling: Parse) -> None:
    settings = Settings(prompt_template="Reply in French. {text} {prompt}")
    messages = sent(labeling(DIALOGUE), {"dialogue": CHAT}, "Go on.", settings)
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
    labeling: Parse, dialogue: list[dict[str, Any]], transcript: str
) -> None:
    content = asked(labeling(DIALOGUE), {"dialogue": dialogue}, "Who?", INTERNAL)
    assert content == f"Source Text: {transcript}\n\nTask Directive: Who?"


def test_paragraphs_name_author_and_text_by_label_studios_defaults(labeling: Parse) -> None:
    found = labeling('<Paragraphs name="x" value="$d"/>' + CONTROLS)
    assert asked(found, {"d": [{"author": "Alice", "text": "Hi"}]}, "{text}", OWN) == "Alice: Hi"


@pytest.mark.parametrize("settings", [INTERNAL, OWN])
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"dialogue": None},
        {"dialogue": "a text"},
        {"dialogue": {"role": "user", "content": "Hi"}},
        {"dialogue": ["Hi"]},
        {"dialogue": [{"role": "user"}]},
        {"dialogue": [{"role": "user", "content": None}]},
    ],
)
def test_paragraphs_of_another_shape_are_the_tasks_error(
    labeling: Parse, settings: Settings, data: dict[str, Any]
) -> None:
    with pytest.raises(TaskDataError, match="dialogue"):
        sent(labeling(DIALOGUE), data, "P", settings)


def test_a_content_behind_an_address_is_not_fetched(labeling: Parse) -> None:
    found = labeling('<Text name="x" value="$text" valueType="url"/>' + CONTROLS)
    with pytest.raises(TaskDataError, match="does not fetch"):
        sent(found, {"text": "http://127.0.0.1/"}, "P", INTERNAL)


@pytest.mark.parametrize(("inside", "data"), [(TEXT, {"text": "T"}), (DIALOGUE, {"dialogue": CHAT})])
def test_a_system_prompt_comes_before_everything_else(labeling: Parse, inside: str, data: dict[str, Any]) -> None:
    first = sent(labeling(inside), data, "P", Settings(system_prompt="You label texts."))[0]
    assert first == ("system", "You label texts.")


@pytest.mark.parametrize("text", ["half a pair \ud83d", "a \x00 in it"])
def test_every_content_can_be_sent_as_utf8(labeling: Parse, text: str) -> None:
    content = asked(labeling(TEXT), {"text": text}, "P", INTERNAL)
    assert content.encode("utf-8")
