"""Every labeling template that Label Studio ships and a chat model can fill, against six kinds of servers.

Regions are judged by `testing.region_rules`, which was written from what Label Studio was seen to take and show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from llm_interactive.settings import Settings
from llm_interactive.web.app import create_app
from testing.llm import Call, FakeLLM
from testing.region_rules import faults
from testing.schema_model import SERVERS, schema_faults
from testing.templates import KINDS, NOT_FILLABLE, Template, ask, folder, not_shown, shipped, template, templates

Json = dict[str, Any]

# Controls that stay empty although they could be filled, each with the reason.
LEFT_EMPTY: dict[str, set[str]] = {}

OWN_CONFIGS = {
    "numbers": """<View><Text name="text" value="$text"/>
      <Header value="How many?"/><Number name="count" toName="text" min="1" max="9" step="0.5"/>
      <Number name="share" toName="text"/><Rating name="stars" toName="text" maxRating="3"/>
      <!-- {"text": "Anna has 2.5 apples."} --></View>""",
    "dates": """<View><Text name="text" value="$text"/>
      <DateTime name="moment" toName="text"/><DateTime name="day" toName="text" only="date"/>
      <DateTime name="hour" toName="text" only="time"/><DateTime name="year" toName="text" only="year"/>
      <DateTime name="month" toName="text" only="month,year"/>
      <DateTime name="german" toName="text" only="date" format="%d.%m.%Y"/>
      <!-- {"text": "It was on the 17th of May 2024 at half past eight."} --></View>""",
    "paths": """<View><Text name="text" value="$text"/>
      <Choices name="animal" toName="text" allowNested="true" choice="multiple">
        <Choice value="Cat"><Choice value="Siamese" alias="siam"/><Choice value="Persian / long"/></Choice>
        <Choice value="Dog" alias="dog"/></Choices>
      <Taxonomy name="leaf" toName="text" leafsOnly="true" maxUsages="1">
        <Choice value="Life" alias="life"><Choice value="Cat"/><Choice value="Dog"/></Choice>
        <Choice value="Stone"><Choice value="Cat"/></Choice></Taxonomy>
      <Taxonomy name="tree" toName="text" value="$tree"/>
      <!-- {"text": "A cat.", "tree": [{"value": "A", "alias": "a", "children": [{"value": "B"}]}, {"value": "C"}]} -->
      </View>""",
    "hidden": """<View><Text name="text" value="$text"/>
      <Choices name="is" toName="text" required="true"><Choice value="Yes" alias="y"/><Choice value="No"/></Choices>
      <Choices name="why" toName="text" visibleWhen="choice-selected" whenTagName="is" whenChoiceValue="Yes">
        <Choice value="Because" alias="b"/><Choice value="Whatever"/></Choices>
      <View visibleWhen="choice-unselected" whenTagName="is" whenChoiceValue="Yes">
        <Rating name="stars" toName="text"/><TextArea name="else" toName="text"/></View>
      <View visibleWhen="choice-selected" whenTagName="why" whenChoiceValue="Because">
        <Number name="much" toName="text"/></View>
      <!-- {"text": "Is it?"} --></View>""",
    "said of spans": """<View><Text name="text" value="$text"/>
      <Labels name="ner" toName="text"><Label value="Person" alias="PER"/><Label value="Place"/></Labels>
      <Choices name="sure" toName="text" perRegion="true" required="true"><Choice value="Yes"/><Choice value="No"/>
      </Choices><TextArea name="note" toName="text" perRegion="true"/>
      <Rating name="fame" toName="text" perRegion="true" whenTagName="ner" whenLabelValue="Place"/>
      <Relations><Relation value="lives in"/><Relation value="knows"/></Relations>
      <!-- {"text": "😀 Anna met Bob.\\r\\nAnna and Bob lived in Rome.\\n\\nRome, Rome, Rome!"} --></View>""",
    "a page": """<View><HyperText name="page" value="$html"/>
      <Labels name="ner" toName="page"><Label value="Person"/><Label value="Place"/></Labels>
      <Choices name="sure" toName="page" perRegion="true"><Choice value="Yes"/></Choices>
      <!-- {"html": "<h1>😀 Anna</h1><pre>\\nmet Bob</pre><table><tr><td>in <b>Ro</b>me</td><td>A&amp;B<br>Anna</td>\
</tr></table><p>Caf&eacute; <i>Lau</i>ra</p>"} --></View>""",
    "a talk": """<View><Paragraphs name="talk" value="$talk" layout="dialogue" nameKey="who" textKey="said"/>
      <Labels name="ner" toName="talk"><Label value="Person"/></Labels>
      <ParagraphLabels name="part" toName="talk"><Label value="Question" alias="q"/></ParagraphLabels>
      <TextArea name="note" toName="talk" perRegion="true"/>
      <!-- {"talk": [{"who": "A", "said": "😀😀 Anna?"}, {"who": "B", "said": "😀 Anna, Anna."}]} --></View>""",
    "pages": """<View><Image name="pages" valueList="$pages"/>
      <Choices name="seen" toName="pages" perItem="true"><Choice value="Yes"/><Choice value="No"/></Choices>
      <Choices name="all" toName="pages"><Choice value="Yes"/></Choices>
      <!-- {"pages": ["", ""]} --></View>""",
    "orders": """<View><Text name="a" value="$a"/><Text name="b" value="$b"/><List name="list" value="$items"/>
      <Pairwise name="pair" toName="a,b"/><Ranker name="rank" toName="list"/>
      <Ranker name="sort" toName="list"><Bucket name="in" title="Good"/><Bucket name="out" default="true"/></Ranker>
      <!-- {"a": "one", "b": "two", "items": [{"id": 1, "title": "x"}, {"id": "2", "title": "y"}, {"id": 3}]} -->
      </View>""",
    "of the task": """<View><Text name="text" value="$text"/>
      <Labels name="ner" toName="text" value="$labels"/><Choices name="one" toName="text" value="$options"/>
      <!-- {"text": "Anna met Bob.", "labels": [{"value": "P", "alias": "p"}], "options": [{"value": "X"}]} -->
      </View>""",
    "nothing of the task": """<View><Text name="text" value="$text"/>
      <Choices name="mood" toName="text"><Choice value="Good"/></Choices>
      <Labels name="ner" toName="text" value="$labels"/><Choices name="one" toName="text" value="$options"/>
      <Taxonomy name="tree" toName="text" value="$options"/><Ranker name="rank" toName="list"/>
      <List name="list" value="$items"/>
      <!-- {"text": "Anna met Bob.", "labels": [], "options": [], "items": []} --></View>""",
}
# What cannot have a value: hidden by another's, on condition of a label, or without any options.
OWN_MAY_BE_EMPTY = {
    "hidden": {"why", "stars", "else", "much"},
    "said of spans": {"fame"},
    "nothing of the task": {"ner", "one", "tree", "rank"},
}

OWN = tuple(template(f"own/{name}", "text", config) for name, config in OWN_CONFIGS.items())
ALL = (*templates(), *OWN)
FILLABLE = tuple(one for one in ALL if one.kind != "shapes")

needs_label_studio = pytest.mark.skipif(folder() is None, reason="Label Studio is not installed in .venv-label-studio")


@dataclass(frozen=True)
class Asked:
    """What came of one batch, and what the model was asked for it."""

    status: int
    entries: list[Json]
    calls: list[Call]


Asking = Callable[[Template, str], Asked]


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Asks one app for a template's tasks, with a model behind it of a kind of server; each only once."""
    done: dict[tuple[str, str], Asked] = {}
    with FakeLLM() as llm:
        settings = Settings(
            openai_api_key="sk-any",
            openai_base_url=llm.base_url,
            model_dir=tmp_path_factory.mktemp("templates") / "data",
            default_prompt="Fill in all that the labeling interface asks for.",
            image_mode="vision",
            temperature=0,
            reply_ttl=0,
        )
        app = create_app(settings)
        client: FlaskClient = app.test_client()

        def asked(template: Template, server: str) -> Asked:
            key = (template.name, server)
            if key not in done:
                llm.forget()
                llm.answer = SERVERS[server]()
                status, entries = ask(client, template, f"{template.name}-{server}".replace("/", "-").replace(" ", "-"))
                done[key] = Asked(status, entries, list(llm.calls))
            return done[key]

        yield asked
        app.extensions["llm_interactive"].close()


def _named(one: Template) -> str:
    return one.name


@needs_label_studio
def test_every_shipped_template_is_filled_or_has_a_reason_not_to_be() -> None:
    fillable = [name for names in KINDS.values() for name in names]
    assert sorted(shipped()) == sorted([*fillable, *NOT_FILLABLE])


@needs_label_studio
def test_there_are_as_many_templates_and_controls_as_the_facts_say() -> None:
    assert len(templates()) == 45
    assert sum(len(one.controls) for one in templates()) == 84
    assert sum(len(one.fillable) for one in templates()) == 80


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("template", FILLABLE, ids=_named)
def test_each_task_has_an_entry_without_faults(asking: Asking, template: Template, server: str) -> None:
    asked = asking(template, server)
    assert asked.status == 200
    assert len(asked.entries) == len(template.tasks)
    found = [
        f"task {task['id']}: {fault}"
        for task, entry in zip(template.tasks, asked.entries, strict=True)
        for fault in faults(template.config, task["data"], entry.get("result", []))
    ]
    assert found == []


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("template", [one for one in ALL if one.kind == "shapes"], ids=_named)
def test_a_template_of_shapes_alone_is_refused_or_left_empty(asking: Asking, template: Template, server: str) -> None:
    asked = asking(template, server)
    assert asked.status in (200, 400)
    assert all(not template.filled(entry.get("result", [])) for entry in asked.entries)


@pytest.mark.parametrize("server", ["obeys", "refuses"])
@pytest.mark.parametrize("template", FILLABLE, ids=_named)
def test_a_model_that_answers_all_fills_every_control(asking: Asking, template: Template, server: str) -> None:
    wanted = set(template.fillable) - LEFT_EMPTY.get(template.name, set())
    wanted -= OWN_MAY_BE_EMPTY.get(template.name.removeprefix("own/"), set())
    entries = asking(template, server).entries
    empty = {f"task {n}": sorted(wanted - template.filled(e.get("result", []))) for n, e in enumerate(entries, 1)}
    assert {task: names for task, names in empty.items() if names} == {}, [entry.get("error") for entry in entries]


@pytest.mark.parametrize("template", FILLABLE, ids=_named)
def test_a_model_is_shown_all_that_it_is_asked_about(asking: Asking, template: Template) -> None:
    calls = asking(template, "obeys").calls
    for task in template.tasks:
        # Calls of a batch come in any order: the one that shows most is the task's own.
        assert min((not_shown(template, task, call.messages) for call in calls), key=len) == []


@pytest.mark.parametrize("template", FILLABLE, ids=_named)
def test_every_server_takes_the_schema(asking: Asking, template: Template) -> None:
    calls = asking(template, "obeys").calls
    assert calls
    assert [fault for call in calls for fault in schema_faults(call)] == []


@pytest.mark.parametrize("template", FILLABLE, ids=_named)
def test_a_task_costs_one_call_where_the_server_obeys(asking: Asking, template: Template) -> None:
    assert len(asking(template, "obeys").calls) == len(template.tasks)


@pytest.mark.parametrize("server", ["ignores", "breaks", "cut", "answers_none"])
@pytest.mark.parametrize("template", FILLABLE, ids=_named)
def test_a_task_is_asked_again_once_at_most(asking: Asking, template: Template, server: str) -> None:
    # One more for the first request: the same without a schema.
    assert len(asking(template, server).calls) <= 2 * len(template.tasks) + 1


@pytest.mark.parametrize("template", FILLABLE, ids=_named)
def test_a_model_that_finds_nothing_labels_nothing(asking: Asking, template: Template) -> None:
    for entry in asking(template, "answers_none").entries:
        labels = [region for region in entry.get("result", []) if str(region.get("type")).endswith("labels")]
        assert labels == []
