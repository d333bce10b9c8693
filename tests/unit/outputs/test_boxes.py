from typing import Any

import pytest

from llm_interactive.labeling.tags import ControlTag, Label, ObjectTag
from llm_interactive.outputs.boxes import Boxes
from llm_interactive.outputs.choices import Choices

IMAGE = ObjectTag("Image", "image", "$image")
PAGES = ObjectTag("Image", "image", "$pages", {"valuelist": "$pages"})
CAT = Label("Cat", "C")
DATA = {"image": "/a.png", "pages": ["/a.png", "/b.png"]}


def control(target: ObjectTag = IMAGE, tag: str = "RectangleLabels") -> ControlTag:
    return ControlTag(tag, "things", (target,), labels=(CAT, Label("Dog", "Dog")))


def box(left: Any = 100, top: Any = 200, right: Any = 300, bottom: Any = 500, **rest: Any) -> dict[str, Any]:
    return {"label": "Cat", "left": left, "top": top, "right": right, "bottom": bottom} | rest


def geometry(value: Any) -> tuple[Any, ...]:
    return tuple(value[key] for key in ("x", "y", "width", "height"))


def test_the_schema_asks_for_whole_numbers() -> None:
    item = Boxes(control()).schema({})["items"]
    assert item["required"] == ["label", "left", "top", "right", "bottom"]
    assert item["properties"]["left"] == {"type": "integer"}
    assert "page" in Boxes(control(PAGES)).schema({})["items"]["required"]


def test_the_guide_is_one_line_with_labels_and_range() -> None:
    guide = Boxes(control(PAGES)).guide({})
    for part in ('"Cat"', "1000", '"page"'):
        assert part in guide
    assert "\n" not in guide


def test_a_box_is_a_region_in_percent() -> None:
    (made,) = Boxes(control()).regions([box()], DATA)
    assert made["type"] == "rectanglelabels"
    assert made["value"] == {
        "x": 10.0,
        "y": 20.0,
        "width": 20.0,
        "height": 30.0,
        "rotation": 0,
        "rectanglelabels": ["C"],
    }
    assert "item_index" not in made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (box(300, 500, 100, 200), (10.0, 20.0, 20.0, 30.0)),
        (box(-9, -1, 1000.4, 1010), (0.0, 0.0, 100.0, 100.0)),
        (box("100", 200.4, "300", 499.6), (10.0, 20.0, 20.0, 30.0)),
    ],
)
def test_sides_are_put_in_order_and_into_the_image(given: dict[str, Any], expected: tuple[float, ...]) -> None:
    (made,) = Boxes(control()).regions([given], DATA)
    assert geometry(made["value"]) == expected


@pytest.mark.parametrize(
    "garbage",
    [
        5,
        "x",
        [5],
        [{}],
        [box(None)],
        [box("a")],
        [box(True)],
        [box([])],
        [box(float("nan"))],
        [box("inf")],
        [box(label="Cow")],
        [box(label=None)],
        [box(100, 200, 100, 500)],
        [box(100, 200, 500, 200.4)],
    ],
)
def test_garbage_is_left_out_with_a_fault(garbage: Any) -> None:
    checked = Boxes(control()).check(garbage, DATA)
    assert checked.value == []
    assert checked.fault
    assert Boxes(control()).regions(garbage, DATA) == []


@pytest.mark.parametrize(
    "counted",
    [
        box(0.1, 0.2, 0.9, 0.8),
        box(0, 0, 1, 1),
        box(500, 300, 1500, 900),
        box(1100, 0, 1200, 10),
        box(-50, 0, 20, 30),
        box(0, 0, 10, 10**400),
    ],
)
def test_fractions_and_pixels_make_no_box(counted: dict[str, Any]) -> None:
    checked = Boxes(control()).check([counted, box()], DATA)
    assert checked.value == [box()]
    assert checked.fault


def test_nothing_is_an_answer() -> None:
    assert Boxes(control()).check([], DATA).fault is None
    assert Boxes(control()).regions(None, DATA) == []


def test_the_same_box_counts_once_and_has_the_same_id_again() -> None:
    boxes = Boxes(control())
    assert boxes.regions([box(), box(300, 500, 100, 200)], DATA) == boxes.regions([box()], DATA)


def test_a_list_of_labels_is_as_many_boxes() -> None:
    made = Boxes(control()).regions([box(label=["Cat", "Dog"])], DATA)
    assert [entry["value"]["rectanglelabels"] for entry in made] == [["C"], ["Dog"]]
    assert geometry(made[0]["value"]) == geometry(made[1]["value"])


def test_a_page_is_the_index_of_an_image() -> None:
    boxes = Boxes(control(PAGES))
    (made,) = boxes.regions([box(page=2), box(page=3), box(page=0), box(page=None)], DATA)
    assert made["item_index"] == 1
    assert "item_index" not in made["value"]
    assert boxes.check([box(page=3)], DATA).fault


def test_a_single_image_needs_no_page() -> None:
    (made,) = Boxes(control(PAGES)).regions([box()], {"pages": ["/a.png"]})
    assert made["item_index"] == 0


def test_a_rectangle_beside_labels_is_two_regions_of_one_id() -> None:
    rectangle = ControlTag("Rectangle", "shape", (IMAGE,))
    shape, label = Boxes(control(tag="Labels"), [], rectangle).regions([box()], DATA)
    assert (shape["type"], shape["from_name"]) == ("rectangle", "shape")
    assert (label["type"], label["from_name"]) == ("labels", "things")
    assert shape["id"] == label["id"]
    assert geometry(shape["value"]) == geometry(label["value"])
    assert label["value"]["labels"] == ["C"]
    assert "labels" not in shape["value"]


def test_per_region_values_follow_under_the_same_id() -> None:
    inner = Choices(ControlTag("Choices", "mood", (IMAGE,), {"perregion": "true"}, (Label("good", "good"),)))
    boxes = Boxes(control(PAGES), [inner])
    made = boxes.regions([box(page=1, mood="good")], DATA)
    assert [entry["type"] for entry in made] == ["rectanglelabels", "choices"]
    assert made[0]["id"] == made[1]["id"]
    assert boxes.value_of(made) == [box(page=1, mood="good")]


def test_the_value_is_read_back() -> None:
    rectangle = ControlTag("Rectangle", "shape", (IMAGE,))
    for boxes in (Boxes(control()), Boxes(control(tag="Labels"), [], rectangle)):
        value = [box(), box(1, 2, 999, 997, label="Dog")]
        assert boxes.value_of(boxes.regions(value, DATA)) == value


@pytest.mark.parametrize("value", [None, {}, {"x": 1}, {"x": "a", "y": 1, "width": 1, "height": 1}, {"x": 10**400}])
def test_broken_regions_are_passed_over(value: Any) -> None:
    assert Boxes(control()).value_of([{"from_name": "things", "value": value}, {}]) == []
