"""Images → chat messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.config import PromptSpec
from llm_interactive.labeling.contents import addresses_of
from llm_interactive.media.image_input import ImageContent, ImagePart
from llm_interactive.prompts.messages import Prompt, build_messages
from llm_interactive.settings import ChatOptions

Parse = Callable[[str], PromptSpec]

CONTROLS = '<TextArea name="prompt" toName="x"/><TextArea name="response" toName="x"/>'
IMAGE = '<Image name="x" value="$image"/>' + CONTROLS
IMAGES = '<Image name="x" valueList="$images"/>' + CONTROLS
DATA = {"image": "/data/upload/1/a.png", "caption": "A cat."}

INTERNAL = ChatOptions()
OWN = ChatOptions(prompt_template=None)
FRENCH = ChatOptions(prompt_template="Answer in French. {text} {prompt}")


def part(url: str) -> ImagePart:
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def content(found: PromptSpec, prompt: str, options: ChatOptions, images: ImageContent) -> Any:
    """The content of the one message that is built."""
    built: list[Any] = list(build_messages(DATA, Prompt(prompt), found.objects, options, {"x": images}))
    [message] = built
    return message["content"]


def test_images_come_as_parts_in_order_before_the_prompt(spec: Parse) -> None:
    first, second = part("data:image/png;base64,AA"), part("https://example.com/b.png")
    sent = content(spec(IMAGE), "What is this?", INTERNAL, ImageContent(parts=(first, second)))
    assert sent == [first, second, {"type": "text", "text": "What is this?"}]


def test_a_template_of_the_operators_keeps_its_words_beside_an_image(spec: Parse) -> None:
    sent = content(spec(IMAGE), "What is this?", FRENCH, ImageContent(parts=(part("https://e.com/a"),)))
    assert sent[-1]["text"] == "Answer in French. (see the image) What is this?"


def test_a_text_beside_an_image_is_sent_with_it(spec: Parse) -> None:
    both = spec(IMAGE + '<Text name="caption" value="$caption"/>')
    sent = content(both, "Does it fit?", INTERNAL, ImageContent(parts=(part("https://e.com/a"),)))
    expected = "Source Text: x:\n(see the image)\n\ncaption:\nA cat.\n\nTask Directive: Does it fit?"
    assert sent[-1]["text"] == expected


@pytest.mark.parametrize(
    ("options", "prompt", "sent"),
    [
        (INTERNAL, "What is this?", "Source Text: TOTAL 5\n\nTask Directive: What is this?"),
        (OWN, "Sum up {text}!", "Sum up TOTAL 5!"),
        (OWN, "What is this?", "TOTAL 5\n\nWhat is this?"),
    ],
)
def test_the_text_read_in_an_image_is_always_sent(spec: Parse, options: ChatOptions, prompt: str, sent: str) -> None:
    assert content(spec(IMAGE), prompt, options, ImageContent(text="TOTAL 5")) == sent


def test_several_images_keep_their_order(spec: Parse) -> None:
    assert addresses_of(spec(IMAGES).objects[0], {"images": ["b", "a"]}) == ["b", "a"]


@pytest.mark.parametrize("value", [5, "", "  ", [], ["a", 5], {"a": 1}, None])
def test_what_is_no_address_of_an_image_is_the_tasks_error(spec: Parse, value: object) -> None:
    with pytest.raises(TaskDataError):
        addresses_of(spec(IMAGE).objects[0], {"image": value})


def test_images_in_hypertext_are_left_out(spec: Parse) -> None:
    html = spec('<HyperText name="x" value="$html"/>' + CONTROLS)
    data = {"html": '<p>A shop</p><img src="https://e.com/a.png" alt=""><img src="data:image/png;base64,iVBORw0">'}
    [message] = build_messages(data, Prompt("Which?"), html.objects, INTERNAL, {})
    assert str(message["content"]).split() == "Source Text: A shop Task Directive: Which?".split()


def test_the_audio_of_paragraphs_is_left_out(spec: Parse) -> None:
    paragraphs = spec('<Paragraphs name="x" value="$turns" audioUrl="$audio"/>' + CONTROLS)
    data = {"turns": [{"author": "Anna", "text": "Hello", "start": 0.0}], "audio": "/data/upload/1/a.mp3"}
    [message] = build_messages(data, Prompt("Who?"), paragraphs.objects, INTERNAL, {})
    assert message["content"] == "Source Text: Anna: Hello\n\nTask Directive: Who?"
