"""Replies read back: whole, wrapped, cut off, or no JSON at all."""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_interactive.labeling.tags import Condition, ControlTag, Label, ObjectTag
from llm_interactive.outputs.base import Output
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.reading import read
from llm_interactive.outputs.scalars import Number, Rating
from llm_interactive.outputs.textarea import TextArea

TEXT = ObjectTag("Text", "text", "$text")


def labels(*names: str) -> tuple[Label, ...]:
    return tuple(Label(name, name) for name in names)


RESPONSE = TextArea(ControlTag("TextArea", "response", (TEXT,)))
SENTIMENT = Choices(ControlTag("Choices", "Sentiment", (TEXT,), labels=labels("Positive", "Negative")))
TOPICS = Choices(
    ControlTag("Choices", "main-topics", (TEXT,), {"choice": "multiple"}, labels("Sports", "Tech", "Arts"))
)
STARS = Rating(ControlTag("Rating", "stars", (TEXT,)))
BOTH: list[Output] = [RESPONSE, SENTIMENT]
FOUR: list[Output] = [RESPONSE, SENTIMENT, TOPICS, STARS]
GOOD = {"response": "Fine.", "Sentiment": "Positive"}
GOOD_JSON = json.dumps(GOOD)


def test_an_object_fills_the_outputs() -> None:
    reply = '{"response": "Fine.", "Sentiment": "positive", "main-topics": ["Tech", "Sports"], "stars": "4"}'
    answer = read(reply, FOUR, {})
    assert answer.values == GOOD | {"main-topics": ["Sports", "Tech"], "stars": 4}
    assert (answer.faults, answer.is_json) == ((), True)


@pytest.mark.parametrize(
    "reply",
    [
        f"```json\n{GOOD_JSON}\n```",
        f"Sure! Here it is:\n\n{GOOD_JSON}\n\nAnything else?",
        f"[{GOOD_JSON}]",
        f'{{"type": "object", "properties": {GOOD_JSON}}}',
        f'{{"answer": {{"result": [{GOOD_JSON}]}}}}',
        f"The set {{1, 2}} and {{}} say: {GOOD_JSON}",
        f'{{"thought": "hm"}}\n{GOOD_JSON}\n{{"Sentiment": "Negative"}}',
        '{"Response": "Fine.", "SENTIMENT": "Positive", "confidence": 0.9}',
        '{"res ponse": "Fine.", "senti_ment": "Positive"}',
        '{"sentiment": "Negative", "response": "Fine.", "Sentiment": "Positive"}',
        '{"response": "Fine.", "Sentiment": "Positive"',
        '{"response": "Fine.", "Sentiment": "Positive", }',
        '{"response": "Fine.", "Sentiment": "Positive", oops}',
    ],
)
def test_the_object_is_found_whatever_stands_around_it(reply: str) -> None:
    answer = read(reply, BOTH, {})
    assert (answer.values, answer.faults, answer.is_json) == (GOOD, (), True)


@pytest.mark.parametrize(
    "reply",
    [
        '{"Sentiment": "Positive"}\nWait, it is sarcastic. Corrected:\n{"Sentiment": "Negative"}',
        'For example {"Sentiment": "Positive"} would be a good review. Here: {"Sentiment": "Negative"}',
        '[{"Sentiment": "Positive"}, {"Sentiment": "Negative"}]',
        '{"draft": {"Sentiment": "Positive"}, "final": {"Sentiment": "Negative"}}',
        '{"Sentiment": "Positive or so"} {"Sentiment": "Negative"}',
    ],
)
def test_objects_that_say_different_things_give_nothing_and_are_asked_about(reply: str) -> None:
    answer = read(reply, [SENTIMENT], {})
    assert answer.values == {}
    assert answer.faults == ('"Sentiment" is given several times, with different values',)


@pytest.mark.parametrize("end", ["}", "", ", oops}"])
def test_a_field_that_stands_twice_in_an_object_is_given_if_both_agree(end: str) -> None:
    start = '{"response": "Fine.", "Sentiment": "Positive", "Sentiment": '
    assert read(f'{start}"Positive"{end}', BOTH, {}).values == GOOD
    answer = read(f'{start}"Negative"{end}', BOTH, {})
    assert (answer.values, answer.faults) == ({"response": "Fine."}, ('"Sentiment" is missing',))


@pytest.mark.parametrize("reply", [f"{GOOD_JSON} {GOOD_JSON}", '{"response": "Fine."}\n{"Sentiment": "positive"}'])
def test_objects_that_agree_are_one(reply: str) -> None:
    assert (read(reply, BOTH, {}).values, read(reply, BOTH, {}).faults) == (GOOD, ())


def test_keys_that_differ_by_case_are_told_apart() -> None:
    lower = Number(ControlTag("Number", "sentiment", (TEXT,)))
    answer = read('{"sentiment": 3, "Sentiment": "Positive"}', [SENTIMENT, lower], {})
    assert answer.values == {"Sentiment": "Positive", "sentiment": 3}


def test_keys_are_found_by_their_letters() -> None:
    assert read('{"Main Topics": ["Arts"]}', [TOPICS], {}).values == {"main-topics": ["Arts"]}


def test_what_does_not_fit_or_is_missing_is_said() -> None:
    answer = read('{"response": "Fine.", "Sentiment": "Great", "stars": 9}', FOUR, {})
    assert answer.values == {"response": "Fine.", "Sentiment": None, "stars": None}
    assert answer.faults == (
        '"Sentiment" must be one of "Positive", "Negative" or null',
        '"main-topics" is missing',
        '"stars" must be a whole number from 1 to 5, or null',
    )


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"response": "Fine.", "Sentiment": "Posi', {"response": "Fine."}),
        ('{"response": "Fine.", "Sentiment": "Positive"', GOOD),
        ('{"response": "Fine.", "Sentiment"', {"response": "Fine."}),
        ('{"response": "Fine.", "Sentiment": ', {"response": "Fine."}),
        ('{"response": "Fine.", "stars": 4', {"response": "Fine."}),
        ('{"response": "Fine.", "stars": 4,', {"response": "Fine.", "stars": 4}),
        ('{"response": "Fine.", "stars": 4 }', {"response": "Fine.", "stars": 4}),
        ('{"response": "Fine.", "main-topics": ["Tech", "Ar', {"response": "Fine."}),
        ('{"response": "Fine.", "main-topics": ["Tech"]', {"response": "Fine.", "main-topics": ["Tech"]}),
        ('```json\n{"response": "Fi', {}),
        ("{", {}),
    ],
)
def test_a_reply_that_was_cut_off_gives_its_whole_fields(reply: str, expected: dict[str, Any]) -> None:
    answer = read(reply, FOUR, {}, cut=True)
    assert answer.values == expected
    assert answer.is_json
    assert answer.faults[0] == "the answer was too long and was cut off"


def test_a_label_is_not_taken_from_a_text_that_was_cut_off() -> None:
    answer = read("It is good.\n\nPositive", BOTH, {}, cut=True)
    assert answer.values == {"response": "It is good.\n\nPositive"}


def test_a_text_fills_the_first_area_and_the_labels_that_it_clearly_names() -> None:
    answer = read("It is good.\n\nSentiment: **Positive**", FOUR, {})
    assert answer.values == {
        "response": "It is good.\n\nSentiment: **Positive**",
        "Sentiment": "Positive",
        "main-topics": [],
    }
    assert (answer.faults, answer.is_json) == ((), False)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("Yes", (None, None)), ("Label: Yes", (None, None)), ("spam: Yes", (None, "Yes")), ("toxic: No", ("No", None))],
)
def test_a_label_that_two_controls_have_needs_the_controls_name(reply: str, expected: tuple[Any, Any]) -> None:
    names = ("toxic", "spam")
    outputs = [Choices(ControlTag("Choices", name, (TEXT,), labels=labels("Yes", "No"))) for name in names]
    values = read(reply, outputs, {}).values
    assert tuple(values[name] for name in names) == expected


@pytest.mark.parametrize("reply", ["It is good.", "[1, 2]", ""])
def test_a_text_without_labels_is_the_response_and_is_no_fault_where_there_is_one(reply: str) -> None:
    answer = read(reply, BOTH, {})
    assert answer.values == {"response": reply or None, "Sentiment": None}
    assert (answer.faults, answer.is_json) == ((), False)
    assert read(reply, [SENTIMENT], {}).faults == ("the answer is not a JSON object with the keys that were asked for",)


@pytest.mark.parametrize("reply", ['{"other": 1}', "{broken", "{}"])
def test_an_object_without_any_of_the_keys_is_kept_as_text_and_is_asked_for_again(reply: str) -> None:
    answer = read(reply, BOTH, {})
    assert answer.values["response"] == reply
    assert answer.faults == ("the answer is not a JSON object with the keys that were asked for",)


@pytest.mark.parametrize("nothing", ["null", "NaN", "-Infinity", '"null"', "None"])
def test_what_is_no_value_in_json_is_no_text(nothing: str) -> None:
    assert read(f'{{"response": {nothing}, "Sentiment": "Positive"}}', BOTH, {}).values["response"] is None


def test_a_reply_for_one_text_needs_no_object() -> None:
    assert read("It is good.", [RESPONSE], {}).faults == ()


def test_a_control_that_the_page_hides_is_left_out_without_a_fault() -> None:
    condition = Condition("choice-selected", "Sentiment", ("Negative",))
    why = TextArea(ControlTag("TextArea", "why", (TEXT,), conditions=(condition,)))
    outputs: list[Output] = [SENTIMENT, why]
    assert read('{"Sentiment": "Positive", "why": "rude"}', outputs, {}).values == {"Sentiment": "Positive"}
    assert read('{"Sentiment": "Positive"}', outputs, {}).faults == ()
    assert read('{"Sentiment": "Negative", "why": "rude"}', outputs, {}).values["why"] == "rude"
    assert read('{"Sentiment": "Negative"}', outputs, {}).faults == ('"why" is missing',)


PIECES = [
    GOOD_JSON,
    '{"response": ',
    '"Sentiment"',
    ":",
    ",",
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "\n",
    "Positive",
    "1",
    "```",
    "</think>",
]


@settings(deadline=None)
@given(reply=st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=15).map("".join), cut=st.booleans())
def test_any_reply_is_read(reply: str, *, cut: bool) -> None:
    answer = read(reply, FOUR, {}, cut=cut)
    assert set(answer.values) <= {output.control.name for output in FOUR}
    for output in FOUR:
        if output.control.name in answer.values:
            value = answer.values[output.control.name]
            assert output.check(value, {}).value == value


@settings(deadline=None)
@given(text=st.text(max_size=30), cut_at=st.integers(1, 100))
def test_a_cut_never_changes_a_value(text: str, cut_at: int) -> None:
    whole = {"response": text, "Sentiment": "Positive", "main-topics": ["Tech", "Arts"], "stars": 4}
    values = read(json.dumps(whole), FOUR, {}).values
    cut = read(json.dumps(whole)[:cut_at], FOUR, {}, cut=True).values
    assert {name: values[name] for name in cut} == cut


@pytest.mark.parametrize("piece", ["{", '{"a":', '{"response":', "[", '"', "}{", "{} ", '{"response": "', "Positive\n"])
def test_a_megabyte_of_anything_is_read(piece: str) -> None:
    start = perf_counter()
    read(piece * (1_000_000 // len(piece)), FOUR, {})
    assert perf_counter() - start < 5


def test_a_usual_reply_is_read_in_less_than_a_tenth_of_a_millisecond() -> None:
    read(GOOD_JSON, BOTH, {})
    start = perf_counter()
    for _ in range(1000):
        read(GOOD_JSON, BOTH, {})
    # Ten times of what it takes, for slow machines.
    assert perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("reply", "response"),
    [
        ('{"response": "It is go', "It is go"),
        ('Here: {"response": "It is good.", "Sentiment": "Neg', "It is good."),
        ('{"response": "', None),
        ('{"resp', None),
    ],
)
def test_a_response_that_was_cut_off_is_kept_as_far_as_it_came(reply: str, response: str | None) -> None:
    outputs: list[Output] = [TextArea(RESPONSE.control, is_response=True), SENTIMENT]
    values = read(reply, outputs, {}, cut=True).values
    assert (values.get("response"), values.get("Sentiment")) == (response, None)


@pytest.mark.parametrize(
    "reply",
    [
        '{"response": "Fine.", // a comment\n "Sentiment": "Positive"}',
        '{"response": "Fine.", /* it\'s good */ "Sentiment": "Positive", // end\n}',
        "{'response': 'Fine.', 'Sentiment': 'Positive', 'sure': True, 'why': None}",
        "Here's the answer: {'response': \"Fine.\", 'Sentiment': 'Positive'} It's all.",
        '{response: "Fine.", Sentiment: "Positive"}',
        "{response: 'Fine.', Sentiment: Positive}",
        json.dumps(GOOD_JSON),
        json.dumps({"result": GOOD_JSON}),
        GOOD_JSON.replace('"', "&quot;"),
        f'The form {{"Sentiment": "Negative"}} becomes {GOOD_JSON}',
    ],
)
def test_what_is_meant_as_json_is_read_as_json(reply: str) -> None:
    answer = read(reply, BOTH, {})
    assert (answer.values, answer.is_json) == (GOOD, True)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("'It\\'s \"good\"'", 'It\'s "good"'),
        ('"no // comment, /* nor this */,}"', "no // comment, /* nor this */,}"),
        ("\"None, True: 'x'\"", "None, True: 'x'"),
        ("'line\\nbreak'", "line\nbreak"),
    ],
)
def test_a_text_in_loose_json_is_left_as_it_is(written: str, text: str) -> None:
    assert read(f"{{response: {written}, Sentiment: 'Positive',}}", BOTH, {}).values == GOOD | {"response": text}
