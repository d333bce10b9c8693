"""Which annotated tasks are examples, which are the most similar, and how they are told."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.label_studio.records import Annotation, Task
from llm_interactive.labeling.split import is_held_out
from llm_interactive.outputs.form import Form
from llm_interactive.predict.examples import Example, ExampleSet, examples_in, told
from llm_interactive.settings import ChatOptions

Make = Callable[[str], Form]

TEXT = '<Text name="text" value="$text"/>'
PROMPT = '<TextArea name="prompt" toName="text"/>'
RESPONSE = '<TextArea name="response" toName="text"/>'
CHOICES = '<Choices name="c" toName="text"><Choice value="Yes"/><Choice value="No"/></Choices>'
LABELS = TEXT + PROMPT + CHOICES
OPTIONS = ChatOptions()
FREE = [number for number in range(1, 1000) if not is_held_out(number)]
HELD_OUT = next(number for number in range(1, 10) if is_held_out(number))


def region(name: str, **value: list[str]) -> dict[str, Any]:
    kind = "choices" if "choices" in value else "textarea"
    return {"id": name, "from_name": name, "to_name": "text", "type": kind, "value": value}


def annotation(*result: dict[str, Any], id: int = 1, **more: Any) -> Annotation:
    return Annotation(id, 1, result or (region("c", choices=["Yes"]),), **more)


def task(*annotations: Annotation, id: int = FREE[0], **data: Any) -> Task:
    return Task(id, data or {"text": f"task {id}"}, annotations or (annotation(),))


def example(number: int, text: str, *, ground_truth: bool = False) -> Example:
    return Example(str(number), {"text": text}, [region("c", choices=["Yes"])], ground_truth, text)


def ids(found: tuple[Example, ...] | list[Example]) -> list[int]:
    return [int(one.task) for one in found]


SET = ExampleSet(
    (
        example(1, "the cat sat", ground_truth=True),
        example(2, "a cat sat down"),
        example(3, "a dog ran"),
        example(4, "prices rose"),
    ),
    annotated=10,
    made_at=0.0,
)


def test_the_most_similar_are_shown_and_stand_last() -> None:
    assert ids(SET.nearest(2, "9", "a dog ran away", None))[-1] == 3
    assert 4 not in ids(SET.nearest(3, "9", "a cat and a dog", None))


def test_of_the_similar_ones_ground_truth_is_preferred() -> None:
    text = "a cat sat down here"
    assert ids(SET.nearest(1, "9", text, None)) == [1]
    plain = replace(SET, examples=tuple(replace(one, ground_truth=False) for one in SET.examples))
    assert ids(plain.nearest(1, "9", text, None)) == [2]


def test_neither_the_task_itself_is_shown_nor_one_that_says_the_same() -> None:
    assert 2 not in ids(SET.nearest(4, "2", "something else", None))
    assert 3 not in ids(SET.nearest(4, "9", "a dog ran", None))


def test_with_vectors_these_decide() -> None:
    vectors = tuple(array("f", numbers) for numbers in ([0, 1], [0, 1], [0, 1], [1, 0]))
    assert ids(replace(SET, vectors=vectors).nearest(2, "9", "a cat sat", array("f", [1, 0])))[-1] == 4


def test_a_set_is_the_same_after_it_was_kept() -> None:
    kept = replace(SET, embedding_model="e", vectors=(array("f", [0.6, 0.8]),) * 4)
    read = ExampleSet.of_json(json.loads(json.dumps(kept.as_json())))
    assert (read, read.digest) == (kept, kept.digest)
    assert read.digest != SET.digest


def test_held_out_tasks_are_no_examples(form: Make) -> None:
    assert ids(examples_in([form(LABELS)], [task(), task(id=HELD_OUT)], OPTIONS)) == [FREE[0]]


@pytest.mark.parametrize(
    "useless",
    [
        task(annotation(cancelled=True)),
        task(annotation(region("prompt", text=["P"]))),
        task(annotation(region("c", choices=["Perhaps"]))),
        task(text="long " * 2_000),
        task(text=" "),
        task(other="field"),
    ],
    ids=["skipped", "nothing but a prompt", "a label that is gone", "too long", "blank", "no content"],
)
def test_what_teaches_nothing_is_no_example(form: Make, useless: Task) -> None:
    assert examples_in([form(LABELS)], [useless], OPTIONS) == ()


def test_an_error_text_is_no_example(form: Make) -> None:
    broken = task(annotation(region("response", text=["⚠ No reply in time."])))
    assert examples_in([form(TEXT + PROMPT + RESPONSE)], [broken], OPTIONS) == ()


def test_pictures_and_dialogues_are_no_examples(form: Make) -> None:
    picture = form('<Image name="text" value="$text"/>' + PROMPT + CHOICES)
    assert examples_in([picture], [task(text="http://a/b.png")], OPTIONS) == ()
    dialogue = form('<Paragraphs name="text" value="$text" nameKey="role"/>' + PROMPT + RESPONSE)
    chat = task(annotation(region("response", text=["Hello."])), text=[{"role": "user", "text": "Hi"}])
    assert examples_in([dialogue], [chat], OPTIONS) == ()


def test_of_several_annotations_ground_truth_counts_else_the_newest(form: Make) -> None:
    no, yes = (region("c", choices=[label]) for label in ("No", "Yes"))
    newest = task(annotation(yes, id=1), annotation(no, id=2))
    truth = task(annotation(yes, id=1, ground_truth=True), annotation(no, id=2), id=FREE[1])
    found = examples_in([form(LABELS)], [newest, truth], OPTIONS)
    assert [one.result for one in found] == [[yes], [no]]
    assert ids(found) == [FREE[1], FREE[0]]


def test_there_are_at_most_two_hundred(form: Make) -> None:
    many = [task(id=number) for number in FREE[:250]]
    assert len(examples_in([form(LABELS)], many, OPTIONS)) == 200


def test_labels_are_told_as_the_reply_that_is_asked_for_under_the_prompt_of_now(form: Make) -> None:
    shown = Example("1", {"text": "T"}, [region("prompt", text=["Old"]), region("c", choices=["Yes"])], False, "T")
    question, reply = told(shown, "New", form(LABELS), OPTIONS)
    assert question == {"role": "user", "content": "Source Text: T\n\nTask Directive: New"}
    assert reply == {"role": "assistant", "content": '{"c": "Yes"}'}


def test_a_text_is_told_under_the_prompt_that_it_was_written_for(form: Make) -> None:
    regions = [region("prompt", text=["Translate."]), region("response", text=["Gut."])]
    shown = Example("1", {"text": "Good."}, regions, False, "Good.")
    question, reply = told(shown, "P", form(TEXT + PROMPT + RESPONSE), OPTIONS)
    assert question["content"] == "Source Text: Good.\n\nTask Directive: Translate."
    assert reply == {"role": "assistant", "content": "Gut."}


def test_what_does_not_fit_the_prompt_is_not_told(form: Make) -> None:
    options = ChatOptions(prompt_template="{title}: {prompt}")
    assert told(example(1, "T"), "P", form(LABELS), options) == []
