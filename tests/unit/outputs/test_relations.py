import json
from typing import Any

import pytest

from llm_interactive.labeling.tags import ControlTag, Label, ObjectTag
from llm_interactive.outputs.base import Output
from llm_interactive.outputs.reading import read
from llm_interactive.outputs.relations import Relations
from llm_interactive.outputs.spans import Spans

TEXT = ObjectTag("Text", "text", "$text")
DATA = {"text": "Bob works at Acme in Paris."}
KINDS = (Label("works for", "works for"), Label("in", "in"))
PEOPLE = Spans(ControlTag("Labels", "people", (TEXT,), labels=(Label("Person", "P"),)), numbered=True)
PLACES = Spans(ControlTag("Labels", "places", (TEXT,), labels=(Label("Firm", "F"), Label("Town", "T"))), numbered=True)
VALUES = {
    "people": [{"n": 1, "quote": "Bob", "label": "Person"}],
    "places": [{"n": 2, "quote": "Acme", "label": "Firm"}, {"n": 3, "quote": "Rome", "label": "Town"}],
}


def relations(labels: tuple[Label, ...] = KINDS, **attributes: str) -> Relations:
    return Relations(ControlTag("Relations", "relations", attributes=attributes, labels=labels), [PEOPLE, PLACES])


def made(value: Any, labels: tuple[Label, ...] = KINDS, **attributes: str) -> list[Any]:
    return list(relations(labels, **attributes).relations(value, DATA, VALUES))


def relation(start: Any, end: Any, label: Any = None) -> dict[str, Any]:
    return {"from": start, "to": end, "label": label}


def test_the_schema_has_a_label_only_where_there_are_labels() -> None:
    item = relations().schema({})["items"]
    assert item["required"] == ["from", "to", "label"]
    assert item["properties"]["label"] == {"type": ["string", "null"], "enum": ["works for", "in", None]}
    assert relations(()).schema({})["items"]["required"] == ["from", "to"]


def test_the_guide_names_the_lists_and_the_labels() -> None:
    guide = relations().guide({})
    assert "people, places" in guide
    assert '"works for"' in guide
    assert "\n" not in guide


def test_a_relation_joins_the_regions_of_its_numbers() -> None:
    assert made([relation(1, 2, "works for")]) == [
        {
            "type": "relation",
            "from_id": PEOPLE.regions(VALUES["people"], DATA)[0]["id"],
            "to_id": PLACES.regions(VALUES["places"], DATA)[0]["id"],
            "direction": "right",
            "labels": ["works for"],
        }
    ]


def test_a_relation_without_label_is_one() -> None:
    assert made([{"from": 1, "to": 2}])[0]["labels"] == []
    assert made([{"from": 1, "to": 2}], ())[0]["labels"] == []


def test_numbers_of_spans_that_are_not_there_are_dropped() -> None:
    assert made([relation(1, 3), relation(1, 9)]) == []
    assert list(relations().relations([relation(1, 2)], DATA, {})) == []


@pytest.mark.parametrize(
    "again", [{"n": 1, "quote": "Acme", "label": "Firm"}, {"n": 1, "quote": "Rome", "label": "Town"}]
)
def test_a_number_of_several_places_joins_nothing_and_is_a_fault(again: dict[str, Any]) -> None:
    values = {"people": VALUES["people"], "places": [again, {"n": 2, "quote": "Paris", "label": "Town"}]}
    assert list(relations().relations([relation(1, 2)], DATA, values)) == []
    fault = relations().fault([relation(1, 2)], DATA, values)
    assert fault
    assert fault.endswith("unlike 1")
    assert relations().fault([relation(2, 3)], DATA, values) is None


def test_a_number_of_one_place_with_two_labels_is_clear() -> None:
    values = VALUES | {
        "people": [{"n": 1, "quote": "Bob", "label": "Person"}, {"n": 2, "quote": "Acme", "label": "Person"}]
    }
    assert len(relations().relations([relation(1, 2)], DATA, values)) == 1
    assert relations().fault([relation(1, 2)], DATA, values) is None


def test_the_same_relation_counts_once() -> None:
    assert len(made([relation(1, 2, "in"), relation("1", 2.0, "in")])) == 1


def test_several_labels_of_one_pair_stand_in_one_relation() -> None:
    both = [relation(1, 2, "in"), relation(1, 2, "works for")]
    assert [entry["labels"] for entry in made(both)] == [["in", "works for"]]
    assert [entry["labels"] for entry in made([relation(1, 2, ["in", "works for"])])] == [["in", "works for"]]
    assert [entry["labels"] for entry in made(both, choice="single")] == [["in"]]


def test_the_other_direction_is_another_relation() -> None:
    assert len(made([relation(1, 2), relation(2, 1)])) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        5,
        "x",
        [5],
        [{}],
        [relation(1, 1)],
        [relation(None, 2)],
        [relation("a", "b")],
        [relation([], {})],
        [relation(True, 2)],
    ],
)
def test_garbage_is_left_out_with_a_fault(garbage: Any) -> None:
    checked = relations().check(garbage, DATA)
    assert checked.value == []
    assert checked.fault
    assert made(garbage) == []


def test_an_unknown_label_costs_no_relation() -> None:
    checked = relations().check([relation(1, 2, "hates")], DATA)
    assert checked.value == [relation(1, 2)]
    assert checked.fault


def test_without_the_spans_there_is_nothing_to_join() -> None:
    assert relations().regions([relation(1, 2)], DATA) == []


def test_the_value_is_read_back_with_the_numbers_of_the_spans() -> None:
    entries = [*PEOPLE.regions(VALUES["people"], DATA), *PLACES.regions(VALUES["places"], DATA)]
    value = [relation(1, 2, "works for"), relation(2, 1)]
    entries += made(value)
    assert relations().value_of(entries) == value
    assert PLACES.value_of(entries) == [{"quote": "Acme", "label": "Firm", "n": 2}]


def test_a_relation_to_the_left_is_turned_round() -> None:
    entries = [*PEOPLE.regions(VALUES["people"], DATA), *PLACES.regions(VALUES["places"], DATA)]
    entries += [entry | {"direction": "left"} for entry in made([relation(1, 2)])]
    assert relations(()).value_of(entries) == [{"from": 2, "to": 1}]


def test_relations_of_unknown_regions_are_passed_over() -> None:
    assert relations().value_of([{"type": "relation", "from_id": "a", "to_id": None}, {}]) == []


def test_an_ambiguous_number_is_a_fault_of_the_reply() -> None:
    reply = json.dumps({"people": VALUES["people"] * 2, "places": VALUES["places"], "relations": [relation(1, 2)]})
    outputs: list[Output] = [PEOPLE, PLACES, relations()]
    (fault,) = read(reply, outputs, DATA | {"text": "Bob works with Bob at Acme."}).faults
    assert fault.startswith('"relations" must refer to numbers')
