"""visibleWhen and whenLabelValue: what a page shows of the regions that are put into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.labeling.tags import Condition, ControlTag, Label, ObjectTag, Region
from llm_interactive.outputs.base import Output
from llm_interactive.outputs.choices import Choices, Taxonomy
from llm_interactive.outputs.form import Form
from llm_interactive.outputs.spans import Spans
from llm_interactive.outputs.visibility import Page, saved
from testing.region_rules import faults

TEXT = ObjectTag("Text", "text", "$text")
LABELS = (Label("Yes", "y"), Label("No", "n", children=(Label("Never", "nn"),)))
DATA = {"text": "Ann met Bob"}


def control(tag: str, name: str, *conditions: Condition, **attributes: str) -> ControlTag:
    labels = LABELS if tag in ("Choices", "Taxonomy") else ()
    return ControlTag(tag, name, (TEXT,), attributes, labels, conditions=conditions)


ALL: list[Output] = [
    Taxonomy(control("Taxonomy", "tree")),
    Choices(control("Choices", "paths", allownested="true")),
    Choices(control("Choices", "several", choice="multiple")),
    Choices(control("Choices", "one")),
]


def visible(asked: ControlTag, answer: Mapping[str, Any], outputs: Sequence[Output]) -> bool:
    """Whether `asked` is shown where `answer` is filled in."""
    regions: list[Region] = []
    for output in outputs:
        regions += output.regions(answer.get(output.control.name), DATA)
    return Page(regions, [output.control for output in outputs]).shows(asked)


CHOSEN = Condition("choice-selected", "one", ("Yes", "nn"))


@pytest.mark.parametrize(
    ("condition", "answer", "shown"),
    [
        (CHOSEN, {"one": "Yes"}, True),
        (CHOSEN, {"one": "No"}, False),
        (CHOSEN, {"one": None}, False),
        (CHOSEN, {}, False),
        (Condition("choice-selected", "one", ("y",)), {"one": "Yes"}, True),
        (Condition("choice-selected", "several", ("No",)), {"several": ["Yes", "No"]}, True),
        (Condition("choice-selected", "paths", ("Never",)), {"paths": "No / Never"}, True),
        (Condition("choice-selected", "tree", ("nn",)), {"tree": ["Yes", "No / Never"]}, True),
        (Condition("choice-selected", "one"), {"one": "No"}, True),
        (Condition("choice-selected", None), {"one": "No"}, True),
        (Condition("choice-selected", None), {"tree": ["Yes"]}, False),
        (Condition("choice-selected", None, ("No",)), {"one": "Yes", "several": ["No"]}, True),
        (Condition("choice-selected", None, ("No",)), {"one": "Yes"}, False),
        (Condition("choice-selected", "elsewhere", ("Yes",)), {}, True),
        (Condition("choice-unselected", "one", ("Yes",)), {"one": "Yes"}, False),
        (Condition("choice-unselected", "one", ("Yes",)), {"one": "No"}, True),
        (Condition("choice-unselected", "elsewhere", ("Yes",)), {}, True),
        (Condition("no-region-selected", None), {}, True),
        (Condition("something-new", None), {}, True),
    ],
)
def test_a_control_is_shown_when_the_page_shows_it(
    condition: Condition, answer: dict[str, Any], *, shown: bool
) -> None:
    assert visible(control("TextArea", "why", condition), answer, ALL) == shown


def test_all_conditions_must_hold_and_what_hangs_on_a_hidden_control_is_hidden() -> None:
    why = Choices(control("Choices", "why", CHOSEN))
    deep = control("TextArea", "deep", Condition("choice-selected", "why"), Condition("choice-selected", "several"))
    answer = {"one": "Yes", "why": "No", "several": ["Yes"]}
    outputs = [*ALL, why]
    assert visible(deep, answer, outputs)
    assert not visible(deep, answer | {"several": []}, outputs)
    assert not visible(deep, answer | {"one": "No"}, outputs)


def test_a_circle_of_conditions_shows_nothing() -> None:
    first = Choices(control("Choices", "first", Condition("choice-selected", "second")))
    second = Choices(control("Choices", "second", Condition("choice-selected", "first")))
    assert not visible(first.control, {"first": "Yes", "second": "Yes"}, [first, second])


@pytest.mark.parametrize(
    ("values", "label", "is_shown"),
    [((), "Person", True), (("per",), "Person", True), (("Person",), "Person", False), ((), None, False)],
)
def test_a_control_that_needs_a_region_needs_one_with_the_stored_label(
    values: tuple[str, ...], label: str | None, *, is_shown: bool
) -> None:
    ner = Spans(ControlTag("Labels", "ner", (TEXT,), labels=(Label("Person", "per"), Label("Place", "Place"))))
    answer = {"ner": [{"quote": "Ann", "label": label}] if label else []}
    assert visible(control("TextArea", "why", Condition("region-selected", "ner", values)), answer, [ner]) == is_shown


# ------------------------------------------------------------------------------------------------ regions and items

AREAS = '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/>'
NER = '<Labels name="ner" toName="text"><Label value="Person" alias="PER"/><Label value="Place"/></Labels>'
WHY = '<TextArea name="why" toName="text" perRegion="true" {}/>'
IF_OTHER = 'visibleWhen="choice-selected" whenTagName="kind" whenChoiceValue="Other"'


def kinds(on: str, more: str = "") -> str:
    inside = '<Choice value="Other"/><Choice value="Cat"/>'
    return f'<Choices name="kind" toName="{on}" {more}>{inside}</Choices>'


def made(form: Callable[[str], Form], inside: str, answer: Mapping[str, Any], **data: Any) -> list[Any]:
    """What is filled: control and the values, by region and item."""
    regions: list[Any] = form(inside).filled([json.dumps(answer)], DATA | data).regions
    assert faults(f"<View>{inside}</View>", DATA | data, regions) == []
    named = [entry for entry in regions if entry["type"] in ("choices", "textarea")]
    return [(entry["from_name"], entry.get("item_index"), *next(iter(entry["value"].values()))) for entry in named]


def test_a_value_of_a_region_hangs_on_the_choice_of_the_same_region(form: Callable[[str], Form]) -> None:
    spans = [
        {"quote": "Ann", "label": "Person", "kind": "Cat", "why": "hidden"},
        {"quote": "Bob", "label": "Place", "kind": "Other", "why": "shown"},
    ]
    inside = AREAS + NER + kinds("text", 'perRegion="true"') + WHY.format(IF_OTHER)
    assert made(form, inside, {"ner": spans}) == [
        ("kind", None, "Cat"),
        ("kind", None, "Other"),
        ("why", None, "shown"),
    ]


@pytest.mark.parametrize(("kind", "is_shown"), [("Other", True), ("Cat", False)])
def test_a_value_of_a_region_may_hang_on_a_choice_of_the_task(
    form: Callable[[str], Form], kind: str, *, is_shown: bool
) -> None:
    answer = {"kind": kind, "ner": [{"quote": "Ann", "label": "Person", "why": "x"}]}
    inside = AREAS + NER + kinds("text") + WHY.format(IF_OTHER)
    assert (("why", None, "x") in made(form, inside, answer)) == is_shown


@pytest.mark.parametrize(
    ("when", "is_shown"),
    [
        ('whenLabelValue="PER"', True),
        ('whenLabelValue="Place,PER"', True),
        ('whenLabelValue="Person"', False),
        ('visibleWhen="region-selected" whenTagName="ner" whenLabelValue="PER"', True),
        ('visibleWhen="region-selected" whenLabelValue="Person"', False),
        ('visibleWhen="region-selected" whenTagName="other"', False),
        ('visibleWhen="no-region-selected"', False),
    ],
)
def test_a_value_of_a_region_hangs_on_the_stored_label_and_on_whose_it_is(
    form: Callable[[str], Form], when: str, *, is_shown: bool
) -> None:
    inside = AREAS + NER + NER.replace("ner", "other") + WHY.format(when)
    answer = {"ner": [{"quote": "Ann", "label": "Person", "why": "x"}], "other": []}
    assert made(form, inside, answer) == [("why", None, "x")] * is_shown


def test_a_value_of_a_page_hangs_on_the_choice_of_the_same_page(form: Callable[[str], Form]) -> None:
    pages = '<Image name="image" valueList="$pages"/>'
    which = f'<TextArea name="which" toName="image" perItem="true" {IF_OTHER}/>'
    inside = AREAS + pages + kinds("image", 'perItem="true"') + which
    answer = {
        "kind": [{"page": 1, "value": "Cat"}, {"page": 2, "value": "Other"}],
        "which": [{"page": 1, "value": "hidden"}, {"page": 2, "value": "dog"}],
    }
    assert made(form, inside, answer, pages=["http://a/1.png", "http://a/2.png"]) == [
        ("kind", 0, "Cat"),
        ("kind", 1, "Other"),
        ("which", 1, "dog"),
    ]


def test_what_belongs_to_a_hidden_region_goes_with_it() -> None:
    unless = Condition("choice-selected", "one", ("Yes",))
    ner = Spans(ControlTag("Labels", "ner", (TEXT,), labels=(Label("P", "P"),), conditions=(unless,)))
    sure = control("Choices", "sure", perregion="true")
    spans = ner.regions([{"quote": "Ann", "label": "P"}, {"quote": "Bob", "label": "P"}], DATA)
    ann, bob = (span["id"] for span in spans)
    of_ann = {**Choices(sure).regions("Yes", {})[0], "id": ann}
    relation = {"type": "relation", "from_id": ann, "to_id": bob}
    controls = [ner.control, sure, ALL[3].control]
    for answer, kept in (("Yes", 4), ("No", 0)):
        one = ALL[3].regions(answer, {})
        assert saved([*spans, of_ann, relation, *one], controls) == [*[*spans, of_ann, relation][:kept], *one]


def test_long_and_forked_chains_of_conditions_are_followed_at_once() -> None:
    before = (Condition("choice-selected", None), Condition("choice-selected", None, ("y",)))
    chain: list[Output] = [
        Choices(control("Choices", f"c{n}", *(replace(one, control=f"c{n - 1}") for one in before if n)))
        for n in range(2_000)
    ]
    yes = {output.control.name: "Yes" for output in chain}
    assert visible(chain[-1].control, yes, chain)
    assert not visible(chain[-1].control, yes | {"c0": "No"}, chain)
