"""The schema of all outputs, and the field guide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from llm_interactive.errors import LabelingConfigError
from llm_interactive.labeling.tags import Condition, ControlTag, Label, ObjectTag
from llm_interactive.outputs.base import Output
from llm_interactive.outputs.choices import Choices, Taxonomy
from llm_interactive.outputs.per_item import PerItem
from llm_interactive.outputs.ranking import Pairwise, Ranker
from llm_interactive.outputs.scalars import DateTime, Number, Rating
from llm_interactive.outputs.schema import MAX_ENUM_VALUES, guide, object_schema, ordered
from llm_interactive.outputs.spans import Spans
from llm_interactive.outputs.textarea import TextArea

TEXT = ObjectTag("Text", "text", "$text")
LIST = ObjectTag("List", "list", "$items")
PAGES = ObjectTag("Image", "pages", "", {"valuelist": "$images"})
DATA = {"items": [{"id": "x"}, {"id": "y"}], "images": ["1.png", "2.png"], "options": ["On", "Off"]}
LABELS = (Label("Yes", "y"), Label("No", "n", children=(Label("Never", "nn"),)))


def control(
    tag: str, name: str, *conditions: Condition, on: ObjectTag = TEXT, title: str = "", **attributes: str
) -> ControlTag:
    labels = LABELS if tag in ("Choices", "Taxonomy") else ()
    return ControlTag(tag, name, (on,), attributes, labels, title, conditions)


ALL: list[Output] = [
    Ranker(control("Ranker", "rank", on=LIST)),
    Ranker(ControlTag("Ranker", "groups", (LIST,), labels=LABELS)),
    PerItem(Choices(control("Choices", "pages", on=PAGES, peritem="true"))),
    Taxonomy(control("Taxonomy", "tree")),
    Choices(control("Choices", "paths", allownested="true")),
    Choices(control("Choices", "several", choice="multiple")),
    Choices(control("Choices", "dynamic", value="$options")),
    Rating(control("Rating", "stars")),
    Number(control("Number", "count")),
    DateTime(control("DateTime", "when")),
    Choices(control("Choices", "one")),
    Pairwise(ControlTag("Pairwise", "pair", (TEXT, LIST))),
    TextArea(control("TextArea", "response")),
    TextArea(control("TextArea", "more")),
]
ORDER = "response more dynamic one pair stars count when several tree paths rank groups pages".split()


def names(outputs: Sequence[Output]) -> list[str]:
    return [output.control.name for output in outputs]


def test_texts_come_first_then_the_simple_then_the_composed() -> None:
    assert names(ordered(ALL)) == ORDER
    schema = object_schema(ALL, DATA)
    assert list(schema["properties"]) == schema["required"] == ORDER


def test_what_is_hidden_comes_after_what_it_hangs_on() -> None:
    why = TextArea(control("TextArea", "why", Condition("choice-selected", "one", ("No",))))
    deep = TextArea(
        control("TextArea", "deep", Condition("choice-selected", "several"), Condition("choice-selected", "why"))
    )
    outputs = [deep, why, *ALL[5:]]
    order = names(ordered(outputs))
    assert order.index("one") < order.index("why")
    assert max(order.index("why"), order.index("several")) < order.index("deep")
    assert sorted(order) == sorted(names(outputs))


def test_conditions_in_a_circle_or_on_nothing_lose_no_output() -> None:
    first = TextArea(control("TextArea", "first", Condition("choice-selected", "second")))
    second = TextArea(control("TextArea", "second", Condition("choice-selected", "first")))
    own = TextArea(
        control("TextArea", "own", Condition("choice-selected", "own"), Condition("choice-selected", "gone"))
    )
    assert sorted(names(ordered([first, second, own]))) == ["first", "own", "second"]


def strict_faults(schema: Any, path: str = "$") -> list[str]:
    """What OpenAI's strict mode refuses."""
    faults = [
        f"{path}: {key}"
        for key in schema
        if key not in ("type", "enum", "properties", "required", "items", "additionalProperties")
    ]
    if schema["type"] == "object":
        if schema.get("additionalProperties") is not False or schema.get("required") != list(schema["properties"]):
            faults.append(f"{path}: all properties must be required and no others allowed")
        for name, part in schema["properties"].items():
            faults += strict_faults(part, f"{path}.{name}")
    elif schema["type"] == "array":
        faults += strict_faults(schema["items"], f"{path}[]")
    elif schema.get("enum") == []:
        faults.append(f"{path}: an empty enum")
    return faults


@pytest.mark.parametrize("data", [DATA, {"items": [], "images": [], "options": []}])
def test_every_schema_obeys_the_strict_mode(data: dict[str, Any]) -> None:
    assert strict_faults(object_schema(ALL, data)) == []


def test_the_largest_enums_become_plain_strings_where_all_together_are_too_many() -> None:
    sizes = {"a": 200, "b": 10, "c": 249, "d": 240}
    outputs = [
        Choices(ControlTag("Choices", name, (TEXT,), labels=tuple(Label(f"{name}{n}", f"{n}") for n in range(size))))
        for name, size in sizes.items()
    ]
    properties = object_schema(outputs, {})["properties"]
    assert {name for name, schema in properties.items() if "enum" not in schema} == {"c"}
    assert sum(len(schema.get("enum", [])) for schema in properties.values()) <= MAX_ENUM_VALUES


def test_long_names_count_as_well() -> None:
    outputs = [
        Choices(ControlTag("Choices", f"c{k}", (TEXT,), labels=tuple(Label(f"{n}" + "x" * 100, "") for n in range(60))))
        for k in range(4)
    ]
    properties = object_schema(outputs, {})["properties"]
    assert sum("enum" in schema for schema in properties.values()) == 2


def test_the_guide_has_a_line_for_each_field_in_the_order_of_the_schema() -> None:
    outputs: list[Output] = [
        Choices(control("Choices", "one", title='Is it  "new"?')),
        TextArea(control("TextArea", "response")),
        Rating(
            control(
                "Rating",
                "stars",
                Condition("choice-selected", "one", ("Yes", "n")),
                Condition("choice-unselected", "one"),
            )
        ),
    ]
    assert guide(outputs, {}).splitlines() == [
        "Answer with exactly one JSON object on a single line, without any other text. Its keys, in this order:",
        '"response": text, or null',
        '"one" (Is it "new"?): one of "Yes", "No", or null',
        '"stars": a whole number from 1 to 5, or null; only if "one" is "Yes" or "n" and "one" is not given',
        "Where there is no answer, give null, or [] for a list.",
    ]


def test_the_guide_names_every_field() -> None:
    lines = guide(ALL, DATA).splitlines()[1:-1]
    assert [json.loads(line.partition(":")[0]) for line in lines] == ORDER


def test_only_labels_and_items_of_tasks_make_outputs_depend_on_them() -> None:
    assert [output.control.name for output in ALL if output.depends_on_task] == ["rank", "groups", "dynamic"]


def test_labels_that_multiply_beyond_what_a_model_reads_are_the_configs_error() -> None:
    values = tuple(Label(f"value {number}", f"value {number}") for number in range(100))
    per_region = [Choices(ControlTag("Choices", f"c{number}", (TEXT,), labels=values)) for number in range(100)]
    spans: list[Output] = [
        Spans(ControlTag("Labels", f"l{number}", (TEXT,), labels=LABELS), per_region) for number in range(100)
    ]
    with pytest.raises(LabelingConfigError, match="over 1,000,000 characters"):
        guide(spans, {})
