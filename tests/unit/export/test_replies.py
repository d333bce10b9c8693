"""What was asked, and what was replied, as an annotation has it."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.label_studio.records import Task
from tests.unit.export.conftest import Export, annotation, area, filled

TEXT = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)
CHOICES = '<Choices name="mood" toName="text"><Choice value="Good"/><Choice value="Bad"/></Choices>'
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg"
    "=="
)
MOOD = {"id": "m", "from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["Bad"]}}


def task(*annotations: Any, data: Any = None) -> Task:
    return Task(1, {"text": "It rains."} if data is None else data, annotations)


def test_the_messages_are_those_that_the_model_is_sent(exporting: Export) -> None:
    export = exporting(TEXT, system_prompt="Be brief.")
    [line] = export("chat", task(annotation(1, filled("How is it?", "Wet."))))
    assert line["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Source Text: It rains.\n\nTask Directive: How is it?"},
        {"role": "assistant", "content": "Wet."},
    ]


def test_where_labels_are_filled_too_the_reply_is_the_object_that_the_messages_ask_for(exporting: Export) -> None:
    [line] = exporting(TEXT + CHOICES)("chat", task(annotation(1, filled("How is it?", "Wet.", MOOD))))
    system, _, reply = line["messages"]
    assert "exactly one JSON object" in system["content"]
    assert reply["content"] == '{"response": "Wet.", "mood": "Bad"}'


def test_with_plain_text_asked_for_the_reply_is_the_response_alone(exporting: Export) -> None:
    export = exporting(TEXT + CHOICES, structured_output="off")
    [line] = export("chat", task(annotation(1, filled("How is it?", "Wet.", MOOD))))
    assert [message["role"] for message in line["messages"]] == ["user", "assistant"]
    assert line["messages"][-1]["content"] == "Wet."


def test_a_dialogue_keeps_its_turns_and_two_of_one_speaker_become_one(exporting: Export) -> None:
    dialogue = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "Tell me a joke."},
    ]
    made = task(annotation(1, filled("A short one.", "No.")), data={"dialogue": dialogue})
    [line] = exporting("chat")("chat", made)
    assert [message["content"] for message in line["messages"]] == [
        "What is the capital of France?",
        "Paris.",
        "Tell me a joke.\n\nA short one.",
        "No.",
    ]


def test_an_annotation_without_a_prompt_was_asked_by_the_projects(exporting: Export) -> None:
    made = task(annotation(1, filled(None, "Wet.")))
    [line] = exporting(TEXT, default_prompt="How is it?")("chat", made)
    assert line["messages"][0]["content"].endswith("How is it?")


def test_pictures_stand_in_the_users_message(exporting: Export) -> None:
    config = TEXT.replace('<Text name="text" value="$text"/>', '<Image name="text" value="$image"/>')
    made = task(annotation(1, filled("What is it?", "A dot.")), data={"image": PIXEL})
    [line] = exporting(config, media_hosts=())("vision", made)
    assert [part["type"] for part in line["messages"][0]["content"]] == ["image_url", "text"]

    other = exporting(config)
    assert other("chat", made) == []
    assert other.summary.left_out == {"it has images, which only the format vision takes": 1}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (filled("P"), "there is no response"),
        (filled("P", " \n"), "there is no response"),
        (filled(None, "Wet."), "there is no prompt"),
        (filled("P", "⚠ OPENAI_API_KEY is not set."), "the response is an error text"),
        (
            (*filled("P"), area("response", "1", "2")),
            "there are several responses, and nothing says which one is meant",
        ),
    ],
)
def test_what_gives_no_example_is_counted_with_its_reason(exporting: Export, result: Any, reason: str) -> None:
    export = exporting(TEXT)
    assert export("chat", task(annotation(1, result))) == []
    assert export.summary.left_out == {reason: 1}
    assert not export.destination.file.exists()


def test_a_prompt_that_cannot_be_sent_is_left_out_with_the_cause(exporting: Export) -> None:
    export = exporting(TEXT, use_internal_prompt_template=False)
    assert export("chat", task(annotation(1, filled("Use {nothing}", "Wet.")))) == []
    [reason] = export.summary.left_out
    assert reason.startswith("Nothing fills {nothing}")


def test_labels_that_the_model_could_not_give_are_left_out(exporting: Export) -> None:
    odd = {**MOOD, "value": {"choices": ["Middling"]}}
    export = exporting(TEXT + CHOICES)
    assert export("chat", task(annotation(1, filled("How is it?", "Wet.", odd)))) == []
    [reason] = export.summary.left_out
    assert reason.startswith('the annotation is not what the model is asked for: "mood" must be')
