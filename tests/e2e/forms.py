"""Labeling configs that together hold every kind of control that is filled, each with a task and two answers to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.label_studio import Json
from testing.templates import picture

Read = dict[str, list[Any]]
"""What a result says, by control: see `read`."""


@dataclass(frozen=True)
class Filled:
    """An answer of the model, and what the page then holds of it."""

    answer: Mapping[str, Any]
    expected: Read


@dataclass(frozen=True)
class FormPage:
    """A labeling config, a task's data, the answer to the first press and that to the second."""

    name: str
    config: str
    data: Json
    first: Filled
    second: Filled


def read(result: list[Json]) -> Read:
    """Each control's values in the result's order; spans as "label: words", relations as "words, label, words"."""
    words = {region["id"]: _words(region["value"]) for region in result if region["type"].endswith("labels")}
    found: Read = {}
    for region in result:
        if region["type"] == "relation":
            said = [words[region["from_id"]], *region.get("labels", []), words[region["to_id"]]]
            found.setdefault("relations", []).append(", ".join(said))
            continue
        value, kind = region["value"], region["type"]
        given = value.get("text" if kind == "textarea" else "selected" if kind == "pairwise" else kind)
        if kind.endswith("labels"):
            given = f"{' '.join(given)}: {words[region['id']]}"
        elif kind == "rectangle":
            given = _words(value)
        if "item_index" in region:
            given = (region["item_index"], given)
        found.setdefault(region["from_name"], []).append(given)
    return found


def _words(value: Json) -> str:
    if "text" in value:
        return str(value["text"])
    return " ".join(f"{value[side]:.1f}" for side in ("x", "y", "width", "height"))


_PROMPT = '<TextArea name="prompt" toName="{to}" maxSubmissions="1" editable="true" showSubmitButton="false"/>'
_RESPONSE = '<TextArea name="response" toName="{to}" editable="true"/>'


def _asking(to: str) -> str:
    return (_PROMPT + _RESPONSE).format(to=to)


FIELDS = FormPage(
    "fields",
    f"""<View>
  <Text name="text" value="$text"/>
  {_asking("text")}
  <TextArea name="keywords" toName="text" editable="true"/>
  <Choices name="tone" toName="text" choice="single" showInLine="true" required="true">
    <Choice value="Glad" alias="positive"/><Choice value="Cross" alias="negative"/>
  </Choices>
  <Choices name="topics" toName="text" choice="multiple" showInLine="true">
    <Choice value="Price" hint="what it costs"/><Choice value="Delivery"/><Choice value="Quality"/>
  </Choices>
  <Choices name="kind" toName="text" allowNested="true" choice="multiple">
    <Choice value="Animal"><Choice value="Cat" alias="cat"/><Choice value="Dog"/></Choice>
    <Choice value="Plant"><Choice value="Tree"/></Choice>
  </Choices>
  <Choices name="owner" toName="text" value="$teams" choice="single-radio" showInLine="true"/>
  <Choices name="urgent" toName="text" choice="single" layout="select">
    <Choice value="Yes"/><Choice value="No"/>
  </Choices>
  <View visibleWhen="choice-selected" whenTagName="urgent" whenChoiceValue="Yes">
    <TextArea name="why-urgent" toName="text" editable="true"/>
    <Rating name="urgency" toName="text" maxRating="10"/>
  </View>
  <Taxonomy name="place" toName="text">
    <Choice value="Europe"><Choice value="Poland" alias="PL"/><Choice value="France"/></Choice>
    <Choice value="Asia"/>
  </Taxonomy>
  <Rating name="stars" toName="text" maxRating="5"/>
  <Number name="amount" toName="text" min="0" max="1000" step="0.5"/>
  <DateTime name="moment" toName="text"/>
  <DateTime name="day" toName="text" only="date" format="%d.%m.%Y"/>
  <DateTime name="hour" toName="text" only="time"/>
  <DateTime name="year" toName="text" only="year"/>
  <DateTime name="month" toName="text" only="month,year"/>
</View>""",
    {
        "text": "😀 The cat Mruczek came by post to Łódź on 17 May 2024 at 8:30 and cost 12.50.",
        "teams": [{"value": "Shipping", "alias": "team-1"}, {"value": "Billing"}],
    },
    Filled(
        {
            "response": 'A cat, sent "by post".\nTwo lines; 𝔘 and <b>.',
            "keywords": "cat, post",
            "tone": "Glad",
            "topics": ["Delivery", "Price"],
            "kind": ["Animal / Cat"],
            "owner": "Shipping",
            "urgent": "Yes",
            "why-urgent": "It is hungry.",
            "urgency": 9,
            "place": ["Europe / Poland", "Asia"],
            "stars": 4,
            "amount": 12.5,
            "moment": "2024-05-17T08:30",
            "day": "2024-05-17",
            "hour": "08:30",
            "year": "2024",
            "month": "2024-05",
        },
        {
            "response": [['A cat, sent "by post".\nTwo lines; 𝔘 and <b>.']],
            "keywords": [["cat, post"]],
            "tone": [["positive"]],
            "topics": [["Price", "Delivery"]],
            "kind": [[["Animal", "cat"]]],
            "owner": [["team-1"]],
            "urgent": [["Yes"]],
            "why-urgent": [["It is hungry."]],
            "urgency": [9],
            "place": [[["Europe", "PL"], ["Asia"]]],
            "stars": [4],
            "amount": [12.5],
            "moment": ["2024-05-17T08:30"],
            "day": ["17.05.2024"],
            "hour": ["08:30"],
            "year": ["2024-01-01"],
            "month": ["2024-05-01"],
        },
    ),
    Filled(
        {
            "response": "On second thought: a tree.",
            "keywords": None,
            "tone": "Cross",
            "topics": ["Quality"],
            "kind": ["Plant / Tree", "Animal / Dog"],
            "owner": "Billing",
            "urgent": "No",
            "why-urgent": "must not be kept",
            "urgency": 1,
            "place": ["Europe / France"],
            "stars": 1,
            "amount": 0,
            "moment": "2023-01-02T03:04",
            "day": "2023-01-02",
            "hour": "23:59",
            "year": "2023",
            "month": "2023-12",
        },
        {
            "response": [["On second thought: a tree."]],
            "keywords": [["cat, post"]],
            "tone": [["negative"]],
            "topics": [["Quality"]],
            "kind": [[["Animal", "Dog"], ["Plant", "Tree"]]],
            "owner": [["Billing"]],
            "urgent": [["No"]],
            "urgency": [9],
            "place": [[["Europe", "France"]]],
            "stars": [1],
            "amount": [0],
            "moment": ["2023-01-02T03:04"],
            "day": ["02.01.2023"],
            "hour": ["23:59"],
            "year": ["2023-01-01"],
            "month": ["2023-12-01"],
        },
    ),
)

SPANS = FormPage(
    "spans",
    f"""<View>
  <Labels name="entity" toName="text">
    <Label value="Person" alias="PER" background="green"/><Label value="City" background="blue"/>
  </Labels>
  <Text name="text" value="$text"/>
  {_asking("text")}
  <Choices name="sure" toName="text" perRegion="true" choice="single">
    <Choice value="Sure"/><Choice value="Unsure"/>
  </Choices>
  <TextArea name="note" toName="text" perRegion="true" editable="true"/>
  <Rating name="weight" toName="text" perRegion="true"/>
  <Relations><Relation value="lives in"/><Relation value="knows"/></Relations>
</View>""",
    {"text": "😀 Ann met Bob.\r\n𝔘𝔫𝔦 Ann lives in Łódź,\r\nBob in Paris."},
    Filled(
        {
            "response": "Two people, two cities.",
            "entity": [
                {"n": 1, "quote": "Ann", "label": "Person", "sure": "Sure", "note": "the first", "weight": 5},
                {"n": 2, "quote": "Bob", "label": "Person", "sure": None, "note": None, "weight": None},
                {"n": 3, "quote": "Ann", "label": "Person", "sure": "Unsure", "note": None, "weight": 1},
                {"n": 4, "quote": "Łódź", "label": "City", "sure": None, "note": "in Poland", "weight": None},
                {"n": 5, "quote": "Nobody", "label": "City", "sure": None, "note": None, "weight": None},
            ],
            "relations": [{"from": 3, "to": 4, "label": "lives in"}, {"from": 1, "to": 2, "label": "knows"}],
        },
        {
            "response": [["Two people, two cities."]],
            "entity": ["PER: Ann", "PER: Bob", "PER: Ann", "City: Łódź"],
            "sure": [["Sure"], ["Unsure"]],
            "note": [["the first"], ["in Poland"]],
            "weight": [5, 1],
            "relations": ["Ann, lives in, Łódź", "Ann, knows, Bob"],
        },
    ),
    Filled(
        {
            "response": "One more city.",
            "entity": [
                {"n": 1, "quote": "Ann", "label": "Person", "sure": "Sure", "note": "the first", "weight": 5},
                {"n": 2, "quote": "Bob", "label": "Person", "sure": None, "note": None, "weight": None},
                {"n": 3, "quote": "Ann", "label": "Person", "sure": "Unsure", "note": None, "weight": 1},
                {"n": 4, "quote": "Łódź", "label": "City", "sure": None, "note": "in Poland", "weight": None},
                {"n": 5, "quote": "Paris", "label": "City", "sure": None, "note": None, "weight": None},
            ],
            "relations": [{"from": 3, "to": 4, "label": "lives in"}, {"from": 1, "to": 2, "label": "knows"}],
        },
        {
            "response": [["One more city."]],
            "entity": ["PER: Ann", "PER: Bob", "PER: Ann", "City: Łódź", "City: Paris"],
            "sure": [["Sure"], ["Unsure"]],
            "note": [["the first"], ["in Poland"]],
            "weight": [5, 1],
            "relations": ["Ann, lives in, Łódź", "Ann, knows, Bob"],
        },
    ),
)

PAGES = FormPage(
    "pages and dialogues",
    f"""<View>
  <HyperTextLabels name="html-entity" toName="html"><Label value="Person"/><Label value="City"/></HyperTextLabels>
  <HyperText name="html" value="$html"/>
  <Labels name="html-mark" toName="html"><Label value="Verb"/></Labels>
  {_asking("html")}
  <ParagraphLabels name="said" toName="chat"><Label value="Question"/><Label value="Answer"/></ParagraphLabels>
  <Paragraphs name="chat" value="$chat" layout="dialogue" textKey="content" nameKey="role"/>
  <Labels name="chat-mark" toName="chat"><Label value="Thing"/></Labels>
  <Choices name="resolved" toName="chat"><Choice value="Solved"/><Choice value="Open"/></Choices>
</View>""",
    {
        "html": "<h1>😀 News &amp; more</h1><p>Ann met<br>Bob in <b>Łódź</b>.</p><table><tr><td>Ann</td></tr></table>",
        "chat": [
            {"role": "customer", "content": "😀 Where is my parcel?"},
            {"role": "agent", "content": "On its way. Which parcel?"},
        ],
    },
    Filled(
        {
            "response": "A page and a chat.",
            "html-entity": [
                {"quote": "Ann", "label": "Person"},
                {"quote": "Bob", "label": "Person"},
                {"quote": "Łódź", "label": "City"},
                {"quote": "Ann", "label": "Person"},
            ],
            "html-mark": [{"quote": "met", "label": "Verb"}],
            "said": [
                {"quote": "Where is my parcel?", "label": "Question", "paragraph": 1},
                {"quote": "On its way.", "label": "Answer", "paragraph": None},
            ],
            "chat-mark": [{"quote": "parcel", "label": "Thing", "paragraph": 2}],
            "resolved": "Open",
        },
        {
            "response": [["A page and a chat."]],
            "html-entity": ["Person: Ann", "Person: Bob", "City: Łódź", "Person: Ann"],
            "html-mark": ["Verb: met"],
            "said": ["Question: Where is my parcel?", "Answer: On its way."],
            "chat-mark": ["Thing: parcel"],
            "resolved": [["Open"]],
        },
    ),
    Filled(
        {
            "response": "The same again.",
            "html-entity": [{"quote": "Ann", "label": "Person"}, {"quote": "Bob", "label": "Person"}],
            "html-mark": [{"quote": "met", "label": "Verb"}],
            "said": [{"quote": "On its way.", "label": "Answer", "paragraph": 2}],
            "chat-mark": [{"quote": "parcel", "label": "Thing", "paragraph": 1}],
            "resolved": "Solved",
        },
        {
            "response": [["The same again."]],
            "html-entity": ["Person: Ann", "Person: Bob", "City: Łódź", "Person: Ann"],
            "html-mark": ["Verb: met"],
            "said": ["Question: Where is my parcel?", "Answer: On its way."],
            "chat-mark": ["Thing: parcel", "Thing: parcel"],
            "resolved": [["Solved"]],
        },
    ),
)

PAIR = FormPage(
    "pair",
    f"""<View>
  <Text name="question" value="$question"/>
  {_asking("left")}
  <Pairwise name="better" toName="left,right"/>
  <Text name="left" value="$left"/>
  <Text name="right" value="$right"/>
  <Rating name="left-grade" toName="left"/>
  <Rating name="right-grade" toName="right"/>
</View>""",
    {"question": "What is two and two?", "left": "Five.", "right": "Four."},
    Filled(
        {"response": "Four is right.", "better": "right", "left-grade": 1, "right-grade": 5},
        {"response": [["Four is right."]], "better": ["right"], "left-grade": [1], "right-grade": [5]},
    ),
    Filled(
        {"response": "Five is bolder.", "better": "left", "left-grade": 4, "right-grade": 2},
        {"response": [["Five is bolder."]], "better": ["left"], "left-grade": [4], "right-grade": [2]},
    ),
)

_ITEMS = [{"id": "a", "title": "Apple", "body": "A fruit"}, {"id": "b", "title": "Bolt", "body": "A thing"}]

RANKS = FormPage(
    "ranks",
    f"""<View>
  <Text name="text" value="$text"/>
  {_asking("text")}
  <List name="items" value="$items"/>
  <Ranker name="order" toName="items"/>
  <List name="more" value="$more"/>
  <Ranker name="sorted" toName="more"><Bucket name="good" title="Good"/><Bucket name="bad" title="Bad"/></Ranker>
</View>""",
    {"text": "I am hungry.", "items": _ITEMS, "more": [*_ITEMS, {"id": "c", "title": "Cake", "body": "Sweet"}]},
    Filled(
        {"response": "Eat.", "order": ["b", "a"], "sorted": {"good": ["c"], "bad": ["b"]}},
        {
            "response": [["Eat."]],
            "order": [{"order": ["b", "a"]}],
            "sorted": [{"good": ["c"], "bad": ["b"]}],
        },
    ),
    Filled(
        {"response": "Build.", "order": ["a", "b"], "sorted": {"good": ["b", "a"], "bad": []}},
        {
            "response": [["Build."]],
            "order": [{"order": ["a", "b"]}],
            "sorted": [{"good": ["b", "a"], "bad": []}],
        },
    ),
)

BOXES = FormPage(
    "boxes",
    f"""<View>
  {_asking("image")}
  <Image name="image" value="$image"/>
  <RectangleLabels name="thing" toName="image"><Label value="Car"/><Label value="Tree"/></RectangleLabels>
  <TextArea name="said" toName="image" perRegion="true" editable="true"/>
  <Image name="scan" value="$scan"/>
  <Rectangle name="box" toName="scan"/>
  <Labels name="field" toName="scan"><Label value="Total"/><Label value="Date"/></Labels>
  <Choices name="scene" toName="image"><Choice value="Street"/><Choice value="Wood"/></Choices>
</View>""",
    {"image": picture(), "scan": picture(1)},
    Filled(
        {
            "response": "A car on a street.",
            "thing": [
                {"label": "Car", "left": 100, "top": 200, "right": 500, "bottom": 600, "said": "a blue one"},
                {"label": "Tree", "left": 600, "top": 100, "right": 900, "bottom": 900, "said": None},
            ],
            "field": [{"label": "Total", "left": 0, "top": 0, "right": 250, "bottom": 125}],
            "scene": "Street",
        },
        {
            "response": [["A car on a street."]],
            "thing": ["Car: 10.0 20.0 40.0 40.0", "Tree: 60.0 10.0 30.0 80.0"],
            "said": [["a blue one"]],
            "box": ["0.0 0.0 25.0 12.5"],
            "field": ["Total: 0.0 0.0 25.0 12.5"],
            "scene": [["Street"]],
        },
    ),
    Filled(
        {"response": "A wood.", "thing": [], "field": [], "scene": "Wood"},
        {"response": [["A wood."]], "scene": [["Wood"]]},
    ),
)

SEVERAL = FormPage(
    "pages of a document",
    f"""<View>
  {_asking("pages")}
  <Image name="pages" valueList="$pages"/>
  <Choices name="kind" toName="pages" perItem="true"><Choice value="Letter"/><Choice value="Bill"/></Choices>
  <RectangleLabels name="part" toName="pages"><Label value="Head"/></RectangleLabels>
</View>""",
    {"pages": [picture(1), picture(2)]},
    Filled(
        {
            "response": "A letter and a bill.",
            "kind": [{"page": 1, "value": "Letter"}, {"page": 2, "value": "Bill"}],
            "part": [{"label": "Head", "page": 2, "left": 100, "top": 100, "right": 300, "bottom": 200}],
        },
        {
            "response": [["A letter and a bill."]],
            "kind": [(0, ["Letter"]), (1, ["Bill"])],
            "part": [(1, "Head: 10.0 10.0 20.0 10.0")],
        },
    ),
    Filled(
        {"response": "Two bills.", "kind": [{"page": 1, "value": "Bill"}], "part": []},
        {"response": [["Two bills."]], "kind": [(0, ["Bill"]), (1, ["Bill"])]},
    ),
)

OTHERS = FormPage(
    "lists, tables and PDFs",
    f"""<View>
  <Text name="text" value="$text"/>
  {_asking("text")}
  <Table name="table" value="$table"/>
  <Choices name="valid" toName="table"><Choice value="Valid"/><Choice value="Invalid"/></Choices>
  <TextArea name="remark" toName="table" editable="true"/>
  <List name="list" value="$list"/>
  <Choices name="complete" toName="list"><Choice value="Complete"/><Choice value="Partial"/></Choices>
  <Pdf name="pdf" value="$pdf"/>
  <Rating name="legible" toName="pdf"/>
  <Choices name="type" toName="pdf"><Choice value="Letter"/><Choice value="Bill"/></Choices>
</View>""",
    {"text": "See below.", "table": {"name": "Ann", "age": 7}, "list": _ITEMS, "pdf": picture(kind="PDF")},
    Filled(
        {
            "response": "All there.",
            "valid": "Valid",
            "remark": "a child",
            "complete": "Partial",
            "legible": 3,
            "type": "Bill",
        },
        {
            "response": [["All there."]],
            "valid": [["Valid"]],
            "remark": [["a child"]],
            "complete": [["Partial"]],
            "legible": [3],
            "type": [["Bill"]],
        },
    ),
    Filled(
        {
            "response": "Something is missing.",
            "valid": "Invalid",
            "remark": "too young",
            "complete": "Complete",
            "legible": 1,
            "type": "Letter",
        },
        {
            "response": [["Something is missing."]],
            "valid": [["Invalid"]],
            "remark": [["too young"]],
            "complete": [["Complete"]],
            "legible": [1],
            "type": [["Letter"]],
        },
    ),
)

ALL = (FIELDS, SPANS, PAGES, PAIR, RANKS, BOXES, SEVERAL, OTHERS)
