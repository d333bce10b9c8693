from typing import Any

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.tags import ControlTag, Label, ObjectTag
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.scalars import Rating
from llm_interactive.outputs.spans import Spans

TEXT = ObjectTag("Text", "text", "$text")
PERSON, PLACE = Label("Person", "PER", "people only"), Label("Place", "LOC")
DATA = {"text": "Bob met Bob in Paris 😀."}


def labels(*objects: ObjectTag, tag: str = "Labels", **attributes: str) -> ControlTag:
    return ControlTag(tag, "entities", objects or (TEXT,), attributes, (PERSON, PLACE))


def per_region(tag: str = "Choices", name: str = "mood") -> ControlTag:
    return ControlTag(tag, name, (TEXT,), {"perregion": "true"}, (Label("good", "good"), Label("bad", "b")))


def span(quote: Any, label: Any = "Person", **rest: Any) -> dict[str, Any]:
    return {"quote": quote, "label": label} | rest


def test_the_schema_asks_for_quotes_and_labels() -> None:
    assert Spans(labels()).schema({}) == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"quote": {"type": "string"}, "label": {"type": "string", "enum": ["Person", "Place"]}},
            "required": ["quote", "label"],
            "additionalProperties": False,
        },
    }


def test_the_schema_has_numbers_paragraphs_and_per_region_values_where_they_are_wanted() -> None:
    turns = ObjectTag("Paragraphs", "turns", "$turns")
    item = Spans(labels(turns), [Choices(per_region())], numbered=True).schema({})["items"]
    assert item["required"] == ["n", "quote", "label", "paragraph", "mood"]
    assert item["properties"]["paragraph"] == {"type": ["integer", "null"]}
    assert item["properties"]["mood"] == {"type": ["string", "null"], "enum": ["good", "bad", None]}


def test_the_guide_is_one_line_with_labels_and_hints() -> None:
    guide = Spans(labels(), [Choices(per_region())], numbered=True).guide({})
    assert "\n" not in guide
    for part in ('"quote"', '"Person" (people only)', '"Place"', '"n"', '"mood"'):
        assert part in guide


def test_a_span_on_text_has_code_points_and_the_stored_label() -> None:
    first, second, third = Spans(labels()).regions([span("Bob"), span("Bob"), span("Paris", "Place")], DATA)
    assert {key: first[key] for key in ("from_name", "to_name", "type", "value")} == {
        "from_name": "entities",
        "to_name": "text",
        "type": "labels",
        "value": {
            "start": 0,
            "end": 3,
            "text": "Bob",
            "globalOffsets": {"start": 0, "end": 3},
            "labels": ["PER"],
        },
    }
    assert second["value"]["start"] == 8
    assert third["value"]["labels"] == ["LOC"]
    assert len({first["id"], second["id"], third["id"]}) == 3


@pytest.mark.parametrize(
    ("tag", "target", "data", "start"),
    [
        ("HyperTextLabels", ObjectTag("HyperText", "h", "$h"), {"h": "<p>Bob</p>"}, "/p[1]/text()[1]"),
        ("Labels", ObjectTag("HyperText", "h", "$h"), {"h": "<p>Bob</p>"}, "/p[1]/text()[1]"),
        ("ParagraphLabels", ObjectTag("Paragraphs", "h", "$h"), {"h": [{"text": "Bob"}]}, "0"),
        ("Labels", ObjectTag("Paragraphs", "h", "$h"), {"h": [{"text": "Bob"}]}, "0"),
        ("HyperTextLabels", ObjectTag("Text", "h", "$h"), {"h": "Bob"}, 0),
    ],
)
def test_the_place_goes_by_the_object_and_the_key_by_the_control(
    tag: str, target: ObjectTag, data: dict[str, Any], start: Any
) -> None:
    (made,) = Spans(labels(target, tag=tag)).regions([span("Bob")], data)
    assert made["type"] == tag.lower()
    assert made["value"][tag.lower()] == ["PER"]
    assert made["value"]["start"] == start


def test_a_second_answer_has_the_same_ids() -> None:
    spans = Spans(labels())
    assert spans.regions([span("Paris"), span("Bob")], DATA)[1] == spans.regions([span("Bob")], DATA)[0]


def test_another_label_is_another_id() -> None:
    spans = Spans(labels())
    one, other = (spans.regions([span("Paris", label)], DATA)[0]["id"] for label in ("Person", "Place"))
    assert one != other


def test_what_is_not_found_is_dropped_and_no_fault() -> None:
    spans = Spans(labels())
    assert spans.regions([span("Alice"), span("Bob"), span("Bob"), span("Bob")], DATA)[1:] != []
    assert len(spans.regions([span("Alice"), span("Bob"), span("Bob"), span("Bob")], DATA)) == 2
    assert spans.check([span("Alice")], DATA).fault is None


def made(*spans: dict[str, Any], text: str = "Apple and Pear.") -> list[tuple[str, int]]:
    regions = Spans(labels()).regions(list(spans), {"text": text})
    assert len({entry["id"] for entry in regions}) == len(regions)
    return [(entry["value"]["labels"][0], entry["value"]["start"]) for entry in regions]


def test_the_same_quote_with_another_label_and_no_place_left_shares_the_first_place() -> None:
    assert made(span("Apple"), span("Apple", "Place")) == [("PER", 0), ("LOC", 0)]
    assert made(span("Apple"), span("Apple", "Place"), text="Apple, Apple") == [("PER", 0), ("LOC", 7)]
    both = span("Apple"), span("Apple", "Place"), span("Apple", "Place"), span("Apple")
    assert made(*both, span("Apple"), text="Apple, Apple") == [("PER", 0), ("LOC", 7), ("LOC", 0), ("PER", 7)]


def test_a_list_of_labels_is_as_many_regions_of_one_mention() -> None:
    both = span("Apple", ["Person", "Place"])
    assert Spans(labels()).check([both], DATA).value == [both]
    assert made(both, both, text="Apple, Apple") == [("PER", 0), ("LOC", 0), ("PER", 7), ("LOC", 7)]


def test_an_unknown_label_in_a_list_costs_no_other_one() -> None:
    checked = Spans(labels()).check([span("Bob", ["Person", "Animal"]), span("Bob", [])], DATA)
    assert checked.value == [span("Bob")]
    assert checked.fault


def test_overlapping_spans_stay() -> None:
    made = Spans(labels()).regions([span("Bob in Paris", "Person"), span("Paris", "Place")], DATA)
    assert [entry["value"]["text"] for entry in made] == ["Bob in Paris", "Paris"]


@pytest.mark.parametrize("label", ["Person", "PER", "person", "per", ["Person"]])
def test_a_label_is_known_by_name_and_stored_value(label: Any) -> None:
    assert Spans(labels()).check([span("Bob", label)], DATA).value == [span("Bob")]


@pytest.mark.parametrize(
    "garbage",
    [
        "Bob",
        5,
        True,
        ["Bob"],
        [None],
        [[]],
        [{}],
        [span(5)],
        [span("  ")],
        [span("Bob", "Animal")],
        [span("Bob", None)],
    ],
)
def test_garbage_is_left_out_with_a_fault(garbage: Any) -> None:
    checked = Spans(labels(), [Choices(per_region())], numbered=True).check(garbage, DATA)
    assert checked.value == []
    assert checked.fault
    assert Spans(labels()).regions(garbage, DATA) == []


@pytest.mark.parametrize("nothing", [None, []])
def test_nothing_is_an_answer(nothing: Any) -> None:
    spans = Spans(labels())
    assert spans.check(nothing, DATA).value == []
    assert spans.check(nothing, DATA).fault is None
    assert spans.regions(nothing, DATA) == []


def test_what_fits_stays_beside_garbage() -> None:
    checked = Spans(labels()).check([span("Bob", "Animal"), span("Bob"), 7], DATA)
    assert checked.value == [span("Bob")]
    assert checked.fault is not None
    assert '"Person"' in checked.fault


def test_one_object_counts_as_a_list_of_it() -> None:
    assert Spans(labels()).check(span("Bob"), DATA).value == [span("Bob")]


def test_per_region_values_follow_their_region_under_its_id() -> None:
    spans = Spans(labels(), [Choices(per_region()), Rating(per_region("Rating", "sure"))])
    made = spans.regions([span("Bob", mood="bad", sure=4), span("Paris", "Place", mood=None, sure=None)], DATA)
    assert [entry["type"] for entry in made] == ["labels", "choices", "rating", "labels"]
    assert made[0]["id"] == made[1]["id"] == made[2]["id"] != made[3]["id"]
    assert made[1]["value"] == {"choices": ["b"]}
    assert made[1]["to_name"] == "text"


def test_a_wrong_per_region_value_costs_no_span() -> None:
    checked = Spans(labels(), [Choices(per_region())]).check([span("Bob", mood="odd")], DATA)
    assert checked.value == [span("Bob", mood=None)]
    assert checked.fault is not None
    assert '"mood"' in checked.fault


@pytest.mark.parametrize("name", ["label", "quote", "n", "paragraph"])
def test_a_per_region_control_with_the_name_of_a_spans_own_key_has_another_one(name: str) -> None:
    target = ObjectTag("Paragraphs", "text", "$turns")
    spans = Spans(labels(target), [Choices(per_region(name=name))], numbered=True)
    key = f"{name} (Choices)"
    assert spans.schema({})["items"]["required"] == ["n", "quote", "label", "paragraph", key]
    assert f'"{key}"' in spans.guide({})
    value, data = [span("Bob", n=1, paragraph=1, **{key: "bad"})], {"turns": [{"text": "Bob"}]}
    made = spans.regions(value, data)
    assert [(entry["from_name"], entry["type"]) for entry in made] == [("entities", "labels"), (name, "choices")]
    assert made[1]["value"] == {"choices": ["b"]}
    assert spans.value_of(made, data) == value


def test_labels_may_come_with_the_task() -> None:
    spans = Spans(ControlTag("Labels", "entities", (TEXT,), {"value": "$kinds"}))
    data = DATA | {"kinds": ["Person", {"value": "Town", "alias": "T"}]}
    assert spans.depends_on_task
    assert spans.schema(data)["items"]["properties"]["label"]["enum"] == ["Person", "Town"]
    (made,) = spans.regions([span("Paris", "town")], data)
    assert made["value"]["labels"] == ["T"]
    with pytest.raises(TaskDataError):
        spans.schema(DATA)


def test_paragraphs_without_a_text_are_not_counted_as_models_are_not_sent_them() -> None:
    spans = Spans(labels(ObjectTag("Paragraphs", "turns", "$turns")))
    data = {"turns": [{"text": None}, {"text": "yes"}, {"text": "yes"}]}
    made = spans.regions([span("yes", paragraph=2)], data)
    assert [entry["value"]["start"] for entry in made] == ["2"]
    assert spans.value_of(made, data) == [span("yes", paragraph=2)]


def test_a_paragraph_number_says_which_of_several_is_meant() -> None:
    turns = ObjectTag("Paragraphs", "turns", "$turns")
    data = {"turns": [{"text": "yes"}, {"text": "yes"}]}
    spans = Spans(labels(turns, tag="ParagraphLabels"))
    (made,) = spans.regions([span("yes", paragraph=2)], data)
    assert (made["value"]["start"], made["value"]["end"]) == ("1", "1")
    (made,) = spans.regions([span("yes", paragraph="?")], data)
    assert made["value"]["start"] == "0"


def test_what_one_object_has_not_is_looked_for_in_the_next() -> None:
    other = ObjectTag("Text", "summary", "$summary")
    made = Spans(labels(TEXT, other)).regions([span("Bob"), span("Alice")], DATA | {"summary": "Alice and Bob"})
    assert [entry["to_name"] for entry in made] == ["text", "summary"]


def test_numbers_lead_to_the_places_and_ids_of_regions() -> None:
    spans = Spans(labels(), numbered=True)
    value = [span("Bob", n=1), span("Alice", n=2), span("Paris", "Place", n="3"), span("😀")]
    first, second, _ = spans.regions(value, DATA)
    assert [(n, bool(place), id) for n, place, id in spans.places_by_number(value, DATA)] == [
        (1, True, first["id"]),
        (2, False, ""),
        (3, True, second["id"]),
    ]


def test_a_missing_number_costs_no_span() -> None:
    checked = Spans(labels(), numbered=True).check([span("Bob", n=None)], DATA)
    assert checked.value == [span("Bob", n=None)]
    assert checked.fault


def test_a_task_without_the_text_has_no_spans() -> None:
    assert Spans(labels()).regions([span("Bob")], {}) == []


@pytest.mark.parametrize(
    ("target", "data"),
    [
        (TEXT, {"text": "a\r\nBob 😀 and Bob in Paris"}),
        (ObjectTag("HyperText", "text", "$text"), {"text": "<p>Bob 😀<br>and <b>Bob</b> in Paris"}),
        (ObjectTag("Paragraphs", "text", "$text"), {"text": [{"text": "Bob"}, {"text": "Bob in Paris"}]}),
    ],
)
@pytest.mark.parametrize("with_text", [True, False])
def test_the_value_is_read_back_in_reading_order(target: ObjectTag, data: dict[str, Any], *, with_text: bool) -> None:
    spans = Spans(labels(target), [Choices(per_region())])
    rest = {"paragraph": 1} if target.tag == "Paragraphs" else {}
    value = [span("Bob", mood="good", **rest), span("Bob", mood=None, **dict.fromkeys(rest, 2))]
    value.append(span("Paris", "Place", mood="bad", **dict.fromkeys(rest, 2)))
    made = [dict(entry) for entry in reversed(spans.regions(value, data))]
    for entry in made:
        if not with_text:
            entry["value"] = {key: item for key, item in entry["value"].items() if key != "text"}
    assert spans.value_of(made, data) == value


def test_regions_of_others_and_broken_ones_are_passed_over() -> None:
    spans = Spans(labels())
    own = {"id": "a", "from_name": "entities", "to_name": "text", "type": "labels"}
    assert (
        spans.value_of([{"from_name": "other", "value": {"labels": ["PER"], "text": "x"}}, own, own | {"value": 5}])
        == []
    )
    assert spans.value_of([own | {"value": {"start": 0, "end": 3, "labels": ["PER"]}}]) == []


def test_two_labels_of_one_region_are_two_spans() -> None:
    entry = {"id": "a", "from_name": "entities", "value": {"text": "Bob", "labels": ["PER", "LOC"]}}
    assert Spans(labels()).value_of([entry]) == [span("Bob"), span("Bob", "Place")]


def test_a_line_break_that_the_page_wrote_as_two_characters_is_one() -> None:
    entry = {"id": "a", "from_name": "entities", "value": {"text": "Bob\\nSmith", "labels": ["PER"]}}
    assert Spans(labels()).value_of([entry]) == [span("Bob\nSmith")]
