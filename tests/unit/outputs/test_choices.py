"""Choices: single, multiple, nested and from the task's data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.tags import ControlTag, Label, ObjectTag
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.options import Option, Options

TEXT = ObjectTag("Text", "text", "$text")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=5), below, max_size=4),
    max_leaves=8,
)


def choices(*labels: str | Label, **attributes: str) -> Choices:
    made = tuple(label if isinstance(label, Label) else Label(label, label) for label in labels)
    return Choices(ControlTag("Choices", "topic", (TEXT,), attributes, made))


SENTIMENT = choices("Positive", "Negative", Label("Not sure", "unsure", hint="mixed or unclear"))
TOPICS = choices("Sports", "Politics", "Tech", choice="multiple")
ANIMALS = (Label("Animal", "a", children=(Label("Cat", "c"), Label("Dog", "d"))), Label("Plant", "p"))
NESTED = choices(*ANIMALS, allownested="true")


def test_a_single_choice_is_a_name_or_null() -> None:
    assert SENTIMENT.schema({}) == {"type": ["string", "null"], "enum": ["Positive", "Negative", "Not sure", None]}
    assert SENTIMENT.guide({}) == 'one of "Positive", "Negative", "Not sure" (mixed or unclear), or null'


def test_several_choices_are_a_list_of_names() -> None:
    items = {"type": "string", "enum": ["Sports", "Politics", "Tech"]}
    assert TOPICS.schema({}) == {"type": "array", "items": items}
    assert TOPICS.guide({}) == 'list of any of "Sports", "Politics", "Tech"'


def test_regions_hold_what_is_stored_and_the_value_is_read_back_by_name() -> None:
    regions = SENTIMENT.regions("Not sure", {})
    assert [(region["type"], region["value"]) for region in regions] == [("choices", {"choices": ["unsure"]})]
    assert SENTIMENT.value_of(regions) == "Not sure"


@pytest.mark.parametrize("answer", ["Not sure", "not_sure", "NOT SURE", "unsure", " “Not sure.” ", ["Not sure"]])
def test_a_name_is_found_by_its_spellings_and_its_stored_value(answer: Any) -> None:
    assert SENTIMENT.check(answer, {}).value == "Not sure"
    assert SENTIMENT.check(answer, {}).fault is None


@pytest.mark.parametrize("answer", [None, "", "null", "None", []])
def test_no_answer_is_no_fault(answer: Any) -> None:
    assert (SENTIMENT.check(answer, {}).value, SENTIMENT.check(answer, {}).fault) == (None, None)


@pytest.mark.parametrize(
    "answer", ["Sure", "Positive or Negative", ["Positive", "Negative"], {"a": 1}, True, 3, "Posit"]
)
def test_what_is_unclear_is_not_given_and_said(answer: Any) -> None:
    checked = SENTIMENT.check(answer, {})
    assert checked.value is None
    assert checked.fault == 'must be one of "Positive", "Negative", "Not sure" (mixed or unclear) or null'


@pytest.mark.parametrize(
    ("labels", "answer", "expected"),
    [
        (["4 - Agree", "5 - Strongly agree"], 4, "4 - Agree"),
        (["4 - Agree", "5 - Strongly agree"], "Agree", "4 - Agree"),
        (["A) Sports", "B) Politics"], "B", "B) Politics"),
        (["A) Sports", "B) Politics"], "politics", "B) Politics"),
        (["Support (the text backs the claim)", "Other"], "Support", "Support (the text backs the claim)"),
        (["Low - later", "High - now"], "High", "High - now"),
        (["Positive (strong)", "Positive (weak)"], "Positive", None),
        (["18 - 24", "25 - 34"], "24", None),
        (["1", "2", "10"], 10.0, "10"),
        (["US", "us"], "us", "us"),
        (["US", "us"], "Us", None),
        (["None", "Some"], "none", "None"),
        (["Non-toxic", "Toxic"], "non toxic", "Non-toxic"),
        (["Yes", "No"], True, None),
        (["C", "C++", "C#"], "c++", "C++"),
        (["A", "A-", "A+"], "a-", "A-"),
    ],
)
def test_a_code_or_head_names_its_label_if_no_other_could_be_meant(
    labels: list[str], answer: Any, expected: str | None
) -> None:
    assert choices(*labels).check(answer, {}).value == expected


def test_several_come_once_each_in_the_order_of_the_config() -> None:
    checked = TOPICS.check(["tech", "Sports", "Tech"], {})
    assert (checked.value, checked.fault) == (["Sports", "Tech"], None)
    assert TOPICS.check("Tech, Sports", {}).value == ["Sports", "Tech"]


def test_of_several_the_unknown_are_left_out_and_said() -> None:
    checked = TOPICS.check(["Tech", "Poetry"], {})
    assert checked.value == ["Tech"]
    assert checked.fault == 'must be a list of any of "Sports", "Politics", "Tech"'


@pytest.mark.parametrize(
    "answer", ['list of any of "Sports", "Politics", "Tech"', "everything except Tech, Sports", "not Tech; Sports"]
)
def test_a_text_with_more_than_names_gives_none(answer: str) -> None:
    checked = TOPICS.check(answer, {})
    assert (checked.value, checked.fault) == ([], 'must be a list of any of "Sports", "Politics", "Tech"')


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Yes, always", ["Yes, always"]),
        ("Yes, always; No", ["Yes, always", "No"]),
        ("Yes, always, No", []),
        ("Yes, No", []),
    ],
)
def test_a_text_is_not_split_where_a_name_may_go_on(answer: str, expected: list[str]) -> None:
    assert choices("Yes", "Yes, always", "No", choice="multiple").check(answer, {}).value == expected


def test_of_two_labels_with_one_name_the_first_is_given() -> None:
    twice = choices(Label("Same", "first"), Label("Same", "second"))
    assert twice.schema({})["enum"] == ["Same", None]
    assert twice.regions("Same", {})[0]["value"] == {"choices": ["first"]}


def test_nested_choices_are_whole_paths_to_the_innermost() -> None:
    assert NESTED.schema({})["enum"] == ["Animal / Cat", "Animal / Dog", "Plant", None]
    regions = NESTED.regions("Animal / Cat", {})
    assert regions[0]["value"] == {"choices": [["a", "c"]]}
    assert NESTED.value_of(regions) == "Animal / Cat"


@pytest.mark.parametrize("answer", ["Animal / Cat", "animal/cat", "Animal > Cat", ["Animal", "Cat"], "Cat", "a / c"])
def test_a_path_is_found_by_its_spellings_and_by_its_end(answer: Any) -> None:
    assert NESTED.check(answer, {}).value == "Animal / Cat"


def test_a_parent_that_the_page_ticks_for_all_its_children_is_no_value() -> None:
    both = choices(*ANIMALS, allownested="true", choice="multiple")
    regions = both.regions(["Animal / Cat", "Animal / Dog"], {})
    ticked = [{**regions[0], "value": {"choices": [["a"], ["a", "c"], ["a", "d"]]}}]
    assert both.value_of(ticked) == ["Animal / Cat", "Animal / Dog"]
    assert both.check("Animal", {}).value == []


def test_nested_labels_of_flat_choices_are_skipped_as_the_page_does() -> None:
    assert choices(*ANIMALS).names({}) == ["Animal", "Plant"]


def test_a_task_can_bring_its_labels() -> None:
    dynamic = choices("Other", value="$options")
    data = {"options": [{"value": "Yes", "alias": "y", "hint": "sure"}, "No", 3]}
    assert dynamic.depends_on_task
    assert dynamic.names(data) == ["Other", "Yes", "No", "3"]
    assert dynamic.guide(data) == 'one of "Other", "Yes" (sure), "No", "3", or null'
    regions = dynamic.regions("Yes", data)
    assert regions[0]["value"] == {"choices": ["y"]}
    assert dynamic.check(dynamic.value_of(regions), data).value == "Yes"


def test_a_task_can_bring_nested_labels() -> None:
    data = {"options": [{"value": "Animal", "children": [{"value": "Cat", "alias": "c"}]}]}
    dynamic = choices(value="$options", allownested="true")
    assert dynamic.names(data) == ["Animal / Cat"]
    assert dynamic.regions("Animal / Cat", data)[0]["value"] == {"choices": [["Animal", "c"]]}


def test_a_task_without_labels_to_bring_has_no_empty_enum() -> None:
    assert choices(value="$options", choice="multiple").schema({"options": []})["items"] == {"type": "string"}


@pytest.mark.parametrize("data", [{}, {"options": "Yes"}, {"options": [{"alias": "y"}]}, {"options": [None]}])
def test_labels_that_a_task_should_bring_and_does_not_are_its_fault(data: dict[str, Any]) -> None:
    with pytest.raises(TaskDataError):
        choices(value="$options").schema(data)


@pytest.mark.parametrize("names", [[f"Label {n}" for n in range(251)], [f"{n} " + "x" * 100 for n in range(80)]])
def test_too_many_labels_are_a_plain_string_and_checked_on_arrival(names: list[str]) -> None:
    many = choices(*names)
    assert many.schema({}) == {"type": ["string", "null"]}
    assert many.check(names[50], {}).value == names[50]
    assert many.check("Label", {}).value is None


@settings(deadline=None)
@given(value=ANY_JSON, output=st.sampled_from([SENTIMENT, TOPICS, NESTED, choices()]))
def test_any_value_is_checked_and_what_is_kept_is_read_back(value: Any, output: Choices) -> None:
    checked = output.check(value, {})
    assert output.value_of(output.regions(checked.value, {})) == checked.value
    assert output.check(checked.value, {}).value == checked.value


@settings(deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8))
def test_every_name_names_itself(names: list[str]) -> None:
    output = choices(*names)
    for name in names:
        assert output.check(name, {}).value == name


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("Semi-formal", ["semi–formal", "SEMI\u2011FORMAL", "Semi formal", "semi—formal"]),
        ("Don't know", ["Don’t know", "don`t know", "Don't\u00a0know", "don't\u200b know"]),
        ("R&D", ["R&amp;D", "r&d"]),
        ('Café "Roma"', ["Cafe\u0301 “Roma”", "café «Roma»"]),
    ],
)
def test_a_label_is_found_however_its_signs_are_written(name: str, answers: list[str]) -> None:
    options = Options([Option(name, (name,)), Option("Other", ("Other",))])
    assert [found and found.name for found in map(options.find, answers)] == [name] * len(answers)


@pytest.mark.parametrize(
    ("names", "answers", "found"),
    [
        (("4 - Agree", "5 - Strongly agree"), ["(4)", "4)", "4: Agree", "4 = agree", "4 – Agree"], "4 - Agree"),
        (("A) Sports", "B) Politics"), ["B)", "(B)", "b.", "B: Politics", "B - politics"], "B) Politics"),
        (("[1] Low", "[2] High"), ["2", "[2]", "(2)", "High", "2. high"], "[2] High"),
        (("A) Sports", "B) Politics"), ["A: Politics", "[ ] Sports", "( ) B", "Option C", "A or B", "C)"], None),
    ],
)
def test_a_code_names_its_label_in_any_brackets_and_before_its_head(
    names: tuple[str, ...], answers: list[str], found: str | None
) -> None:
    options = Options(Option(name, (name,)) for name in names)
    assert [option and option.name for option in map(options.find, answers)] == [found] * len(answers)
