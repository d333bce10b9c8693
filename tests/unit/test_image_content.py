"""Images → chat messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.config import Labeling
from llm_interactive.media.image_input import ImageContent, ImagePart
from llm_interactive.prompts.messages import build_messages, image_addresses
from llm_interactive.settings import Settings

Parse = Callable[[str], Labeling]

CONTROLS = '<TextArea name="prompt" toName="x"/><TextArea name="response" toName="x"/>'
IMAGE = '<Image name="x" value="$image"/>' + CONTROLS
IMAGES = '<Image name="x" valueList="$images"/>' + CONTROLS
DATA = {"image": "/data/upload/1/a.png"}

INTERNAL = Settings()
OWN = Settings(use_internal_prompt_template=False)
FRENCH = Settings(prompt_template="Answer in French. {text} {prompt}")


def part(url: str) -> ImagePart:
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def content(found: Labeling, prompt: str, settings: Settings, images: ImageContent) -> Any:
    """The content of the one message that is built."""
    built: list[Any] = list(build_messages(DATA, prompt, [], found, settings, images))
    [message] = built
    return message["content"]


def test_images_come_as_parts_in_order_before_the_prompt(labeling: Parse) -> None:
    first, second = part("data:image/png;base64,AA"), part("https://example.com/b.png")
    sent = content(labeling(IMAGE), "What is this?", INTERNAL, ImageContent(parts=(first, second)))
    assert sent == [first, second, {"type": "text", "text": "What is this?"}]


def test_a_template_of_the_operators_keeps_its_words_beside_an_image(labeling: Parse) -> None:
    sent = content(labeling(IMAGE), "What is this?", FRENCH, ImageContent(parts=(part("https://e.com/a"),)))
    assert sent[-1]["text"] == "Answer in French. (see the image) What is this?"


@pytest.mark.parametrize(
    ("settings", "prompt", "sent"),
    [
        (INTERNAL, "What is this?", "Source Text: TOTAL 5\n\nTask Directive: What is this?"),
        (OWN, "Sum up {text}!", "Sum up TOTAL 5!"),
        (OWN, "What is this?", "TOTAL 5\n\nWhat is this?"),
    ],
)
def test_the_text_read_in_an_image_is_always_sent(labeling: Parse, settings: Settings, prompt: str, sent: str) -> None:
    assert content(labeling(IMAGE), prompt, settings, ImageContent(text="TOTAL 5")) == sent


def test_several_images_keep_their_order(labeling: Parse) -> None:
    assert image_addresses(labeling(IMAGES), {"images": ["b", "a"]}) == ["b", "a"]


@pytest.mark.parametrize("value", [5, "", "  ", [], ["a", 5], {"a": 1}, None])
def test_what_is_no_address_of_an_image_is_the_tasks_error(labeling: Parse, value: object) -> None:
    with pytest.raises(TaskDataError):
        image_addresses(labeling(IMAGE), {"image": value})


def test_images_in_hypertext_are_left_out(labeling: Parse) -> None:
    html = '<HyperText name="x" value="$html"/>' + CONTROLS
    data = {"html": '<p>A shop</p><img src="https://e.com/a.png" alt=""><img src="data:image/png;base64,iVBORw0">'}
    [message] = build_messages(data, "Which?", [], labeling(html), INTERNAL)
    assert str(message["content"]).split() == "Source Text: A shop Task Directive: Which?".split()


def test_the_audio_of_paragraphs_is_left_out(labeling: Parse) -> None:
    paragraphs = '<Paragraphs name="x" value="$turns" audioUrl="$audio"/>' + CONTROLS
    data = {"turns": [{"author": "Anna", "text": "Hello", "start": 0.0}], "audio": "/data/upload/1/a.mp3"}
    [message] = build_messages(data, "Who?", [], labeling(paragraphs), INTERNAL)
    assert message["content"] == "Source Text: Anna: Hello\n\nTask Directive: Who?"
