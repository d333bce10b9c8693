"""The checker of regions catches each kind of fault, and lets pass what Label Studio shows and saves."""

from __future__ import annotations

from typing import Any

import pytest

from testing.region_rules import faults

Json = dict[str, Any]

CONFIG = """<View>
  <Text name="text" value="$text"/>
  <HyperText name="page" value="$html"/>
  <Paragraphs name="talk" value="$talk" textKey="said" nameKey="who"/>
  <Image name="image" value="$image"/>
  <Image name="pages" valueList="$pages"/>
  <List name="list" value="$items"/>
  <Table name="table" value="$table"/>
  <Choices name="mood" toName="text"><Choice value="Good" alias="good"/><Choice value="Bad"/></Choices>
  <Choices name="many" toName="text" choice="multiple"><Choice value="A"/><Choice value="B"/></Choices>
  <Choices name="why" toName="text" visibleWhen="choice-selected" whenTagName="mood" whenChoiceValue="Good">
    <Choice value="Because"/>
  </Choices>
  <View visibleWhen="choice-unselected" whenTagName="mood">
    <Choices name="else" toName="text"><Choice value="X"/></Choices>
  </View>
  <Choices name="animal" toName="text" allownested="true" choice="multiple">
    <Choice value="Cat"><Choice value="Siamese"/><Choice value="Persian" alias="pers"/></Choice><Choice value="Dog"/>
  </Choices>
  <Choices name="own" toName="text" value="$options"/>
  <Choices name="seen" toName="pages" perItem="true"><Choice value="Yes"/></Choices>
  <Choices name="right" toName="table"><Choice value="Yes"/></Choices>
  <TextArea name="note" toName="table"/>
  <Taxonomy name="kind" toName="text" maxUsages="2"><Choice value="Life"><Choice value="Cat"/></Choice></Taxonomy>
  <Taxonomy name="leaf" toName="text" leafsOnly="true"><Choice value="Life"><Choice value="Cat"/></Choice></Taxonomy>
  <Rating name="stars" toName="text" maxRating="7"/>
  <Number name="count" toName="text" min="1" max="9" step="0.5"/>
  <DateTime name="moment" toName="text"/>
  <DateTime name="day" toName="text" only="date" min="2020-01-01"/>
  <DateTime name="hour" toName="text" only="time"/>
  <DateTime name="year" toName="text" only="year"/>
  <DateTime name="german" toName="text" format="%d.%m.%Y"/>
  <TextArea name="response" toName="text"/>
  <Pairwise name="pair" toName="text,page"/>
  <Ranker name="rank" toName="list"/>
  <Ranker name="sort" toName="list"><Bucket name="in"/><Bucket name="out"/></Ranker>
  <Labels name="ner" toName="text"><Label value="Person" alias="PER"/><Label value="Place"/></Labels>
  <HyperTextLabels name="html" toName="page"><Label value="Name"/></HyperTextLabels>
  <ParagraphLabels name="para" toName="talk"><Label value="Name"/></ParagraphLabels>
  <TextArea name="remark" toName="text" perRegion="true"/>
  <Rating name="sure" toName="text" perRegion="true" whenLabelValue="Place"/>
  <RectangleLabels name="box" toName="image"><Label value="Car"/></RectangleLabels>
  <RectangleLabels name="part" toName="pages"><Label value="Title"/></RectangleLabels>
  <Rectangle name="shape" toName="image"/>
  <Labels name="thing" toName="image"><Label value="Hand"/></Labels>
  <TextArea name="transcription" toName="image" perRegion="true"/>
  <Relations><Relation value="knows"/></Relations>
</View>"""

DATA: Json = {
    "text": "😀 Anna met Bob in Rome.",
    "html": "<p>😀 Hi<br>Anna</p>\n<table><tr><td>a <b>Bob</b> c</td></tr></table>",
    "talk": [{"who": "A", "said": "😀 I am Anna"}, {"who": "B", "said": "Bob here"}],
    "image": "data:",
    "pages": ["data:", "data:"],
    "items": [{"id": 1, "title": "one"}, {"id": "b", "title": "two"}],
    "table": {"a": 1},
    "options": [{"value": "First", "alias": "1st"}, {"value": "Second"}],
}

_TYPE = {
    "text": "textarea",
    "selected": "pairwise",
    "rectangle": "rectangle",
}


def region(name: str, to: str = "text", /, **value: Any) -> Json:
    """A region of a control; its type is the value's last key, and its id the control's name unless `id` is given."""
    more: Json = {key: value.pop(key) for key in ("id", "type", "item_index", "score") if key in value}
    kind = next(reversed(value))
    return {
        "id": name,
        "from_name": name,
        "to_name": to,
        "type": _TYPE.get(kind, kind),
        "value": value,
        **more,
    }


def span(start: int, end: int, text: str, *labels: str, **more: Any) -> Json:
    offsets = {"start": start, "end": end}
    return region("ner", **{**offsets, "text": text, "globalOffsets": offsets, "labels": list(labels), **more})


def html(start: str, begins: int, end: str, ends: int, text: str, whole: tuple[int, int] | None, **more: Any) -> Json:
    offsets = {"globalOffsets": {"start": whole[0], "end": whole[1]}} if whole else {}
    place = {"start": start, "startOffset": begins, "end": end, "endOffset": ends, "text": text}
    return region("html", "page", **{**place, **offsets, "hypertextlabels": ["Name"], **more})


def said(start: Any, end: Any, begins: Any, ends: Any, text: str) -> Json:
    place = {"start": start, "end": end, "startOffset": begins, "endOffset": ends, "text": text}
    return region("para", "talk", **place, paragraphlabels=["Name"])


def box(x: Any, y: Any, width: Any, height: Any, name: str = "box", to: str = "image", **more: Any) -> Json:
    label = {"box": "Car", "part": "Title"}[name]
    place = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    return region(name, to, **place, **more, rectanglelabels=[label])


def relation(start: str, end: str, *labels: str, direction: str = "right") -> Json:
    return {"type": "relation", "from_id": start, "to_id": end, "direction": direction, "labels": list(labels)}


ANNA = span(2, 6, "Anna", "PER")
ROME = span(18, 22, "Rome", "Place", id="rome")
SHAPE = {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0}
HAND: list[Json] = [
    {"id": "h", "from_name": "shape", "to_name": "image", "type": "rectangle", "value": SHAPE},
    {"id": "h", "from_name": "thing", "to_name": "image", "type": "labels", "value": {**SHAPE, "labels": ["Hand"]}},
]

CELL = "/table[1]/tbody[1]/tr[1]/td[1]"

GOOD: dict[str, list[Json]] = {
    "nothing": [],
    "a choice by its alias": [region("mood", choices=["good"])],
    "two choices": [region("many", choices=["A", "B"])],
    "a nested choice": [region("animal", choices=[["Cat", "pers"]])],
    "a parent with all it holds": [region("animal", choices=[["Cat"], ["Cat", "Siamese"], ["Cat", "pers"]])],
    "a choice of the task's own": [region("own", choices=["1st"])],
    "a choice that another one shows": [region("why", choices=["Because"]), region("mood", choices=["good"])],
    "a choice shown without another one": [region("else", choices=["X"])],
    "one choice for each page": [
        region("seen", "pages", id="a", item_index=0, choices=["Yes"]),
        region("seen", "pages", id="b", item_index=1, choices=["Yes"]),
    ],
    "one id for all about a table": [
        region("right", "table", id="t", choices=["Yes"]),
        region("note", "table", id="t", text=["x"]),
    ],
    "a table, a list and a pair in a text's region": [
        region("response", id="p", text=["x"]),
        region("right", "table", id="p", choices=["Yes"]),
        region("rank", "list", id="p", ranker={"rank": ["b", "1"]}),
        region("pair", id="p", selected="left"),
    ],
    "a path": [region("kind", taxonomy=[["Life"], ["Life", "Cat"]])],
    "a leaf": [region("leaf", taxonomy=[["Life", "Cat"]])],
    "a rating": [region("stars", rating=7)],
    "a number": [region("count", number=2.5)],
    "a moment": [region("moment", datetime="2024-05-17T08:30")],
    "a day": [region("day", datetime="2024-05-17")],
    "an hour": [region("hour", datetime="08:30")],
    "a year": [region("year", datetime="2024-01-01")],
    "a date in its own form": [region("german", datetime="17.05.2024")],
    "a text": [region("response", text=["one", "two"])],
    "the left one": [region("pair", selected="left")],
    "a ranking": [region("rank", "list", ranker={"rank": ["b", "1"]})],
    "some in buckets": [region("sort", "list", ranker={"in": ["b"], "out": []})],
    "a span": [ANNA],
    "a span with what is said of it": [
        ROME,
        region("remark", id="rome", text=["x"]),
        region("sure", id="rome", rating=1),
    ],
    "spans one over another": [ANNA, span(2, 14, "Anna met Bob", "Place", id="x")],
    "words of a page": [html("/p[1]/text()[1]", 3, "/p[1]/text()[1]", 5, "Hi", (2, 4))],
    "words by global offsets alone": [html("/nowhere[1]/p[1]", 0, "/nowhere[1]/p[1]", 0, "Hi", (2, 4))],
    "words after a line break": [html("/p[1]/text()[2]", 0, "/p[1]/text()[2]", 4, "Anna", (5, 9))],
    "words in a table without body": [
        html(f"{CELL}/b[1]/text()[1]", 0, f"{CELL}/text()[2]", 2, "Bob c", (12, 17))
    ],
    "words of a talk": [said("0", "0", 8, 12, "Anna")],
    "words over two paragraphs": [said("0", "1", 8, 3, "Anna Bob")],
    "a box": [box(0, 0, 100, 100.0)],
    "a box on a page": [box(1, 1, 5, 5, "part", "pages", item_index=1)],
    "a box with its text": [box(1, 1, 5, 5), region("transcription", "image", id="box", text=["x"])],
    "a labeled rectangle": HAND,
    "a relation": [ANNA, ROME, relation("ner", "rome", "knows")],
    "a relation without label": [ANNA, ROME, relation("ner", "rome")],
}  # fmt: skip

BAD: dict[str, tuple[list[Any], str]] = {
    "no object": (["x"], "not an object"),
    "an unknown control": ([region("nobody", choices=["A"])], "no control"),
    "an unknown object": ([region("many", "nothing", choices=["A"])], "no object"),
    "another object": ([region("many", "image", choices=["A"])], "not among"),
    "another type": ([region("many", type="labels", choices=["A"])], "type 'labels'"),
    "no value": ([{**region("many", choices=["A"]), "value": None}], "not an object"),
    "a score beyond 1": ([region("many", score=1.5, choices=["A"])], "score"),
    "no id": ([region("many", id="", choices=["A"])], "id ''"),
    "an id twice": ([region("many", id="a", choices=["A"]), region("own", id="a", choices=["1st"])], "another"),
    "a table's value in a span": ([ANNA, region("right", "table", id="ner", choices=["Yes"])], "another region's"),
    "a text's value in a table's": (
        [region("right", "table", id="a", choices=["Yes"]), region("many", id="a", choices=["A"])],
        "another region's",
    ),
    "a span's id": ([ANNA, region("many", id="ner", choices=["A"])], "another region's"),
    "two places of one id": ([ANNA, span(11, 14, "Bob", "PER")], "another region's"),
    "two values of one control": ([region("many", choices=["A"]), region("many", id="b", choices=["B"])], "already"),
    "the name of a choice with an alias": ([region("mood", choices=["Good"])], "stored as"),
    "an unknown choice": ([region("many", choices=["C"])], "stored as"),
    "two choices of one": ([region("mood", choices=["good", "Bad"])], "one is allowed"),
    "a choice twice": ([region("many", choices=["A", "A"])], "twice"),
    "no choice": ([region("many", choices=[])], "choices []"),
    "a choice that is no list": ([region("many", choices="A")], "choices 'A'"),
    "a path where none is nested": ([region("many", choices=[["A"]])], "stored as"),
    "a nested choice without its path": ([region("animal", choices=["Siamese"])], "no choice has the path"),
    "a leaf for a path": ([region("animal", choices=[["Siamese"]])], "no choice has the path"),
    "a parent alone": ([region("animal", choices=[["Cat"]])], "ticks nothing"),
    "a choice of another task": ([region("own", choices=["Third"])], "stored as"),
    "a hidden choice": ([region("why", choices=["Because"])], "hidden"),
    "a choice hidden by another": ([region("mood", choices=["Bad"]), region("why", choices=["Because"])], "hidden"),
    "a choice hidden by its view": ([region("mood", choices=["Bad"]), region("else", choices=["X"])], "hidden"),
    "no page": ([region("seen", "pages", choices=["Yes"])], "first page"),
    "a page too many": ([region("seen", "pages", item_index=2, choices=["Yes"])], "item_index 2"),
    "a page as text": ([region("seen", "pages", item_index="0", choices=["Yes"])], "item_index '0'"),
    "a leaf without its path": ([region("kind", taxonomy=[["Cat"]])], "whole path"),
    "a flat path": ([region("kind", taxonomy=["Life"])], "no path"),
    "too many paths": ([region("kind", taxonomy=[["Life"], ["Life", "Cat"], ["Life", "Cat"]])], "are allowed"),
    "no leaf": ([region("leaf", taxonomy=[["Life"]])], "no leaf"),
    "no stars": ([region("stars", rating=0)], "rating 0"),
    "too many stars": ([region("stars", rating=8)], "rating 8"),
    "half a star": ([region("stars", rating=2.5)], "rating 2.5"),
    "stars as text": ([region("stars", rating="3")], "rating '3'"),
    "stars as truth": ([region("stars", rating=True)], "rating True"),
    "a number as text": ([region("count", number="2")], "number '2'"),
    "a number too large": ([region("count", number=10)], "beyond"),
    "a number off the step": ([region("count", number=2.3)], "off the step"),
    "no number": ([region("count", number=float("nan"))], "number nan"),
    "a moment with seconds": ([region("moment", datetime="2024-05-17T08:30:00Z")], "form"),
    "a day with a time": ([region("day", datetime="2024-05-17T08:30")], "form"),
    "a day before the first": ([region("day", datetime="2019-05-17")], "before min"),
    "an hour with seconds": ([region("hour", datetime="08:30:00")], "no time"),
    "a year alone": ([region("year", datetime="2024")], "form"),
    "a date in another form": ([region("german", datetime="2024-05-17")], "form"),
    "a text that is no list": ([region("response", text="one")], "not a list"),
    "no text": ([region("response", text=[])], "not a list"),
    "a text of blanks": ([region("response", text=[" "])], "empty text"),
    "half a character": ([region("response", text=["\ud83d"])], "surrogate"),
    "neither of two": ([region("pair", selected="both")], "selected"),
    "a pair at its second": ([region("pair", "page", selected="left")], "not the first"),
    "a ranking with one lost": ([region("rank", "list", ranker={"rank": ["b"]})], "lost"),
    "a ranking by numbers": ([region("rank", "list", ranker={"rank": ["b", 1]})], "no item has the id"),
    "a ranking with a stranger": ([region("rank", "list", ranker={"rank": ["b", "1", "c"]})], "no item has the id"),
    "a ranking with one twice": ([region("rank", "list", ranker={"rank": ["b", "1", "1"]})], "twice"),
    "a ranking as a list": ([region("rank", "list", ranker=["b", "1"])], "not an object"),
    "an unknown bucket": ([region("sort", "list", ranker={"else": ["b"]})], "no bucket"),
    "one in two buckets": ([region("sort", "list", ranker={"in": ["b"], "out": ["b"]})], "twice"),
    "offsets in UTF-16": ([span(3, 7, "Anna", "PER")], "stands there"),
    "offsets beyond the text": ([span(30, 34, "Anna", "PER")], "characters"),
    "offsets as text": ([span("2", "6", "Anna", "PER")], "characters"),  # type: ignore[arg-type]
    "an empty span": ([span(2, 2, "", "PER")], "characters"),
    "no global offsets": ([span(2, 6, "Anna", "PER", globalOffsets=None)], "globalOffsets"),
    "the name of a label with an alias": ([span(2, 6, "Anna", "Person")], "no label"),
    "no label": ([span(2, 6, "Anna")], "labels []"),
    "a remark before its span": ([region("remark", id="rome", text=["x"]), ROME], "without its region"),
    "a remark of its own": ([ROME, region("remark", text=["x"])], "without its region"),
    "a remark twice": ([ROME, *[region("remark", id="rome", text=["x"])] * 2], "two values"),
    "a rating for another label": ([ANNA, region("sure", id="ner", rating=1)], "only for regions labeled"),
    "words of a page elsewhere": ([html("/p[1]/text()[1]", 2, "/p[1]/text()[1]", 4, "Hi", (1, 3))], "stands there"),
    "other words by offsets": ([html("/nowhere[1]/p[1]", 0, "/nowhere[1]/p[1]", 0, "Hi", (1, 3))], "stands there"),
    "a path to no text": ([html("/p[2]/text()[1]", 0, "/p[2]/text()[1]", 2, "Hi", (2, 4))], "nowhere"),
    "a path with body": ([html("/body[1]/p[1]/text()[1]", 3, "/p[1]/text()[1]", 5, "Hi", (2, 4))], "nowhere"),
    "a page without global offsets": ([html("/p[1]/text()[1]", 3, "/p[1]/text()[1]", 5, "Hi", None)], "globalOffsets"),
    "a line break that is not counted": (
        [html("/p[1]/text()[2]", 0, "/p[1]/text()[2]", 4, "Anna", (4, 8))],
        "globalOffsets",
    ),
    "paragraphs as numbers": ([said(0, 0, 8, 12, "Anna")], "must be strings"),
    "a paragraph too many": ([said("2", "2", 0, 1, "x")], "paragraphs 2"),
    "code points in a talk": ([said("0", "0", 7, 11, "Anna")], "stands there"),
    "half a character in a talk": ([said("0", "0", 1, 12, "x")], "UTF-16"),
    "a talk's words elsewhere": ([said("1", "1", 0, 4, "Bob")], "stands there"),
    "a box beyond the image": ([box(50, 0, 51, 10)], "beyond"),
    "a box before the image": ([box(-1, 0, 51, 10)], "beyond"),
    "a box of no size": ([box(5, 5, 0, 10)], "empty"),
    "a box of text": ([box("5", 5, 1, 10)], "numbers"),
    "a box on no page": ([box(1, 1, 5, 5, "part", "pages")], "first page"),
    "a box on a text": ([box(1, 1, 5, 5, "box", "text")], "draws nothing"),
    "labels before their rectangle": (HAND[::-1], "without a rectangle"),
    "labels elsewhere than their rectangle": (
        [HAND[0], {**HAND[1], "value": {**HAND[1]["value"], "x": 9}}],
        "another region's",
    ),
    "a relation to nothing": ([ANNA, relation("ner", "gone", "knows")], "no labeled region"),
    "a relation to a choice": ([ANNA, region("many", choices=["A"]), relation("ner", "many")], "no labeled region"),
    "a relation before its regions": ([relation("ner", "rome"), ANNA, ROME], "no labeled region"),
    "a relation to itself": ([ANNA, relation("ner", "ner")], "to itself"),
    "a relation twice": ([ANNA, ROME, *[relation("ner", "rome")] * 2], "two relations"),
    "a relation with an unknown label": ([ANNA, ROME, relation("ner", "rome", "hates")], "labels"),
    "a relation to nowhere": ([ANNA, ROME, relation("ner", "rome", direction="up")], "direction"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_label_studio_shows_and_saves_has_no_fault(name: str) -> None:
    assert faults(CONFIG, DATA, GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_a_fault_is_found(name: str) -> None:
    result, words = BAD[name]
    found = faults(CONFIG, DATA, result)
    assert any(words in fault for fault in found), found


def test_a_relation_needs_the_tag() -> None:
    config = CONFIG.replace('<Relations><Relation value="knows"/></Relations>', "")
    [fault] = faults(config, DATA, [ANNA, ROME, relation("ner", "rome")])
    assert "no Relations" in fault


def test_all_regions_together_have_no_fault() -> None:
    named = (
        "a choice by its alias",
        "two choices",
        "a path",
        "a rating",
        "a span",
        "words of a page",
        "a box",
        "a ranking",
    )
    assert faults(CONFIG, DATA, [part for name in named for part in GOOD[name]]) == []


def test_a_control_without_to_name_may_stand_at_any_object() -> None:
    config = '<View><Text name="text" value="$text"/><Rating name="stars"/></View>'
    assert faults(config, DATA, [region("stars", rating=1)]) == []
