"""What counts of a project's annotations and predictions."""

from __future__ import annotations

from typing import Any

import pytest

from demo.paths import EXAMPLES
from llm_interactive.errors import InvalidRequest
from llm_interactive.evaluation.answers import GROUND_TRUTH, MAJORITY, Answers, Given, Material, gather
from llm_interactive.evaluation.values import Kind, Span
from llm_interactive.label_studio.records import Annotation, Prediction, Task
from llm_interactive.predict.project import forms_of

CONFIG = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="prompt" toName="text"/>
  <TextArea name="response" toName="text"/>
  <Choices name="tone" toName="text"><Choice value="Good" alias="g"/><Choice value="Bad"/></Choices>
  <Choices name="topics" toName="text" choice="multiple"><Choice value="Price"/><Choice value="Taste"/></Choices>
  <Rating name="stars" toName="text"/>
</View>"""


def regions(text: str | None = None, **values: Any) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for name, value in values.items():
        kind = "rating" if name == "stars" else "choices"
        found.append({"id": name, "from_name": name, "to_name": "text", "type": kind, "value": {kind: value}})
    if text is not None:
        value = {"text": [text]}
        found.append({"id": "r", "from_name": "response", "to_name": "text", "type": "textarea", "value": value})
    return tuple(found)


def annotation(id: int, user: int, text: str | None = None, /, **values: Any) -> Annotation:
    marks = {name: values.pop(name) for name in ("ground_truth", "cancelled") if name in values}
    return Annotation(id, user, regions(text, **values), **marks)


def prediction(
    id: int, version: str, text: str | None = None, /, score: float | None = None, **values: Any
) -> Prediction:
    return Prediction(id, 1, regions(text, **values), version, score, "")


def task(*made: Annotation | Prediction, id: int = 1, text: str = "Tasty.") -> Task:
    annotations = tuple(one for one in made if isinstance(one, Annotation))
    return Task(id, {"text": text}, annotations, tuple(one for one in made if isinstance(one, Prediction)))


def gathered(*tasks: Task, config: str = CONFIG) -> Material:
    return gather(forms_of(config, "prompt", "response"), tasks)


def answers(material: Material, output: str) -> Answers:
    return next(one for one in material.outputs if one.output == output)


def test_values_are_read_by_what_people_see_of_them() -> None:
    found = gathered(
        task(
            annotation(1, 7, "Because.", tone=["g"], topics=["Taste", "Price"], stars=4),
            prediction(1, "m/1", tone=["Bad"]),
        )
    )
    people = {one.output: one.people[7][1] for one in found.outputs}
    assert people == {"response": "Because.", "tone": "Good", "topics": frozenset({"Price", "Taste"}), "stars": 4.0}
    assert {one.output: one.versions["m/1"][1] for one in found.outputs} == {
        "response": Given(None),
        "tone": Given("Bad"),
        "topics": Given(None),
        "stars": Given(None),
    }


def test_texts_come_last() -> None:
    assert [one.output for one in gathered().outputs] == ["tone", "topics", "stars", "response"]


def test_skipped_annotations_are_out() -> None:
    found = gathered(task(annotation(1, 7, tone=["Bad"], cancelled=True), annotation(2, 8, tone=["g"])))
    assert answers(found, "tone").people == {8: {1: "Good"}}


def test_the_newest_annotation_of_a_user_counts() -> None:
    found = gathered(task(annotation(1, 7, tone=["Bad"]), annotation(2, 7, tone=["g"])))
    assert answers(found, "tone").people == {7: {1: "Good"}}


def test_the_newest_prediction_of_a_version_counts_with_its_score() -> None:
    made = prediction(1, "m/1", score=0.5, tone=["g"]), prediction(2, "m/1", score=0.9, tone=["Bad"])
    found = gathered(task(annotation(1, 7, tone=["g"]), *made))
    assert answers(found, "tone").versions["m/1"] == {1: Given("Bad", 0.9)}


def test_an_outputs_own_score_goes_before_the_predictions() -> None:
    made = prediction(1, "m/1", score=0.5, tone=["g"], stars=3)
    scored = ({**made.result[0], "score": 0.8}, made.result[1])
    found = gathered(task(annotation(1, 7, tone=["g"]), Prediction(1, 1, scored, "m/1", 0.5, "")))
    assert answers(found, "tone").versions["m/1"] == {1: Given("Good", 0.8)}
    assert answers(found, "stars").versions["m/1"] == {1: Given(3.0, 0.5)}


def test_a_text_does_not_have_the_score_of_the_labels_beside_it() -> None:
    found = gathered(task(annotation(1, 7, tone=["g"]), prediction(1, "m/1", "Because.", score=0.5, tone=["g"])))
    assert answers(found, "tone").versions["m/1"] == {1: Given("Good", 0.5)}
    assert answers(found, "response").versions["m/1"] == {1: Given("Because.", None)}


def test_a_prediction_that_is_an_error_text_has_failed() -> None:
    found = gathered(task(annotation(1, 7, tone=["g"]), prediction(1, "m/1", "⚠ No key.")))
    assert answers(found, "tone").failed == {"m/1": frozenset({1})}
    assert answers(found, "tone").versions == {}


def test_of_several_prompts_only_what_the_failed_one_fills_has_failed() -> None:
    config = """<View><Text name="text" value="$text"/>
      <TextArea name="prompt1" toName="text"/><TextArea name="response1" toName="text"/>
      <TextArea name="prompt2" toName="text"/><TextArea name="response2" toName="text"/></View>"""
    texts = (("response1", "Because."), ("response2", "⚠ No key."))
    result = tuple(
        {"id": name, "from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [text]}}
        for name, text in texts
    )
    found = gathered(task(annotation(1, 7), Prediction(1, 1, result, "m/1", None, "")), config=config)
    assert answers(found, "response1").versions == {"m/1": {1: Given("Because.")}}
    assert answers(found, "response2").versions == {}
    assert answers(found, "response2").failed == {"m/1": frozenset({1})}


def test_an_error_text_that_was_submitted_is_no_text() -> None:
    found = gathered(task(annotation(1, 7, "⚠ No key.", tone=["g"])))
    assert answers(found, "response").people == {}
    assert answers(found, "tone").people == {7: {1: "Good"}}


def test_what_was_left_empty_beside_an_error_text_is_no_answer() -> None:
    found = gathered(task(annotation(1, 7, tone=["g"]), annotation(2, 7, "⚠ No key."), annotation(3, 8, "⚠ No key.")))
    assert answers(found, "tone").people == {7: {1: "Good"}}
    assert answers(found, "stars").people == {7: {1: None}}


@pytest.mark.parametrize("stored", ["12,50", ["x"], float("nan")])
def test_a_number_that_another_backend_stored_and_nobody_can_read_is_no_answer(stored: Any) -> None:
    found = gathered(task(annotation(1, 7, stars=4), prediction(1, "m/1", stars=stored)))
    assert answers(found, "stars").versions["m/1"] == {1: Given(None)}


def test_versions_are_known_newest_first() -> None:
    made = prediction(1, "m/1"), prediction(2, "m/2"), prediction(3, "m/0")
    assert gathered(task(annotation(1, 7), *made)).versions == ["m/0", "m/2", "m/1"]


def test_several_labels_that_never_come_together_are_single_ones() -> None:
    found = gathered(task(annotation(1, 7, topics=["Price"]), prediction(1, "m/1", topics=["Taste"])))
    assert answers(found, "topics").kind is Kind.LABEL
    assert answers(found, "topics").people == {7: {1: "Price"}}
    assert answers(found, "topics").versions["m/1"] == {1: Given("Taste")}


def test_the_text_and_the_reply_are_kept_to_be_shown() -> None:
    found = gathered(task(annotation(1, 7), prediction(1, "m/1", "Because."), text="It was tasty."))
    assert found.subjects[1].text == "It was tasty."
    assert found.subjects[1].replies == {"m/1": "Because."}


def test_an_annotation_that_counts_is_kept_to_find_the_task_by() -> None:
    found = gathered(task(annotation(5, 7), annotation(6, 8, cancelled=True)))
    assert found.subjects[1].annotation == 5


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ({"start": 2, "end": 5}, Span(2, 5, "Person")),
        ({"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 2, "endOffset": 5,
          "globalOffsets": {"start": 12, "end": 15}}, Span(12, 15, "Person")),
        ({"start": "1", "end": "1", "startOffset": 2, "endOffset": 5}, Span(1_000_002, 1_000_005, "Person")),
    ],
)  # fmt: skip
def test_spans_are_the_same_where_place_and_label_are(offsets: dict[str, Any], expected: Span) -> None:
    value = {**offsets, "text": "Ann", "labels": ["Person"]}
    made = Annotation(
        1, 7, ({"id": "x", "from_name": "entities", "to_name": "text", "type": "labels", "value": value},)
    )
    found = gathered(task(made), config=(EXAMPLES / "entities.xml").read_text())
    assert answers(found, "entities").people[7][1] == frozenset({expected})


def three(*values: str | None, truth: str | None = None) -> Answers:
    people = {user: {1: value} for user, value in enumerate(values, start=1)}
    return Answers("tone", Kind.LABEL, people, {1: truth} if truth else {}, {})


def test_the_majority_is_right_and_a_tie_is_none() -> None:
    assert three("Good", "Bad", "Good").reference(MAJORITY) == {1: "Good"}
    assert three("Good", "Bad").reference(MAJORITY) == {}


def test_ground_truth_is_right_whoever_else_says_what() -> None:
    assert three("Good", "Good", truth="Bad").reference(GROUND_TRUTH) == {1: "Bad"}


def test_a_single_user_can_be_right() -> None:
    assert three("Good", "Bad").reference("2") == {1: "Bad"}


def test_an_unknown_reference_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="ground-truth, majority or the id of a user who annotated: 1, 2"):
        three("Good", "Bad").reference("ann")


def test_a_task_without_a_text_has_no_right_text() -> None:
    assert Answers("response", Kind.TEXT, {1: {1: None, 2: "Yes."}}, {}, {}).reference(MAJORITY) == {2: "Yes."}


def test_some_of_the_tasks_are_looked_at_alone() -> None:
    found = gathered(
        task(annotation(1, 7, tone=["Bad"]), prediction(1, "m/1", tone=["Bad"])),
        task(annotation(2, 8, tone=["g"], ground_truth=True), id=2),
    ).only(lambda id: id == 1)
    assert answers(found, "tone").people == {7: {1: "Bad"}}
    assert answers(found, "tone").versions == {"m/1": {1: Given("Bad")}}
    assert list(found.subjects) == [1]
    assert not found.has_ground_truth


def test_the_prompt_of_most_predictions_is_the_versions() -> None:
    def asked(id: int, prompt: str) -> Prediction:
        region = {"from_name": "prompt", "to_name": "text", "type": "textarea", "value": {"text": [prompt]}}
        return Prediction(id, id, (region,), "m/1", None, "")

    tasks = [task(asked(id, prompt), id=id) for id, prompt in enumerate(["Old", "New", "New"], 1)]
    assert gathered(*tasks).prompts == {"m/1": {"prompt": "New"}}
