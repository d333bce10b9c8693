"""The reports as files."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from lxml import html

from llm_interactive.evaluation.answers import MAJORITY, Answers, Given, Material, Subject
from llm_interactive.evaluation.comparison import compare
from llm_interactive.evaluation.documents import (
    Heading,
    comparison_json,
    comparison_page,
    evaluation_json,
    evaluation_page,
)
from llm_interactive.evaluation.report import evaluate
from llm_interactive.evaluation.values import Kind, Span
from llm_interactive.label_studio.records import Project

HOSTILE = "<script>alert(1)</script>"
RIGHT = {task: "Good" if task % 2 else "Bad" for task in range(1, 9)}
LABELS = Answers(
    "tone",
    Kind.LABEL,
    {1: RIGHT},
    {},
    {
        "m/1": {task: Given("Good", task / 10) for task in RIGHT},
        "m/2": {task: Given(value, 0.5) for task, value in RIGHT.items()},
    },
)
SPANS = Answers(
    "entities",
    Kind.SPANS,
    {1: {1: frozenset({Span(0, 3, "Person", "Ann")})}},
    {},
    {"m/1": {1: Given(None)}, "m/2": {1: Given(frozenset({Span(0, 3, "Person", "Ann")}))}},
)
MATERIAL = Material(
    [LABELS, SPANS],
    {task: Subject(f"{HOSTILE} {task}", {"m/1": "Because <b>", "m/2": ""}) for task in RIGHT},
    ["m/2", "m/1"],
)
HEADING = Heading(
    Project(12, HOSTILE, "", "", "12.0"),
    "what most annotators say",
    lambda task: f"http://studio.test/{task}",
    MATERIAL.subjects,
)


def _evaluation_page() -> str:
    reports = evaluate(MATERIAL, MAJORITY, MATERIAL.versions)
    return evaluation_page(HEADING, reports, tab="http://studio.test/tab", tab_version="m/2")


def _kept_page() -> str:
    return evaluation_page(HEADING, evaluate(MATERIAL, MAJORITY, MATERIAL.versions), is_kept=True)


def _comparison_page() -> str:
    return comparison_page(HEADING, compare(MATERIAL, MAJORITY, "m/1", "m/2"), "m/1", "m/2")


PAGES = pytest.mark.parametrize("page", [_evaluation_page(), _comparison_page()], ids=["evaluation", "comparison"])


@pytest.mark.parametrize("page", [_evaluation_page(), _kept_page(), _comparison_page()])
def test_a_page_runs_and_fetches_nothing(page: str) -> None:
    tree: Any = html.fromstring(page)
    assert tree.xpath("//script | //link | //img | //iframe | //@src | //@onclick") == []
    assert not re.search(r"@import|url\(", page)


@PAGES
def test_what_tasks_and_models_say_is_shown_as_it_is(page: str) -> None:
    tree: Any = html.fromstring(page)
    assert HOSTILE in tree.xpath("string(//h1)")
    assert f"{HOSTILE} 1" in tree.xpath("string(//body)")


@PAGES
def test_every_link_within_a_page_leads_somewhere(page: str) -> None:
    tree: Any = html.fromstring(page)
    ids = set(tree.xpath("//@id"))
    assert {link[1:] for link in tree.xpath("//@href") if link.startswith("#")} <= ids


def test_the_cells_of_the_confusion_lead_to_their_tasks() -> None:
    tree: Any = html.fromstring(_evaluation_page())
    [cell] = tree.xpath("//h3[contains(., 'm/1')]/following::table[contains(@class, 'matrix')][1]//tr[2]/td[2]/a")
    row = tree.get_element_by_id(cell.get("href")[1:])
    assert cell.text == "4"
    assert row.xpath(".//a/@href") == [f"http://studio.test/{task}" for task in (2, 4, 6, 8)]


def test_disagreements_are_shown_with_text_values_reply_score_and_link() -> None:
    tree: Any = html.fromstring(_evaluation_page())
    [row] = tree.xpath("//h4[.='Disagreements']/following::table[1]//tr[td[@data-name='Task']/a[.='8']]")
    cells = {cell.get("data-name"): cell.text_content() for cell in row.xpath("td")}
    assert cells == {
        "Task": "8", "Text": f"{HOSTILE} 8", "People": "Bad", "Model": "Good", "Reply": "Because <b>", "Score": "0.800",
    }  # fmt: skip


def test_what_is_kept_names_the_wrong_tasks_without_their_texts() -> None:
    tree: Any = html.fromstring(_kept_page())
    assert tree.xpath("//h4[.='Disagreements']/following::p[1]")[0].xpath(".//a/text()") == ["8", "6", "4", "2"]
    assert not re.search(f"{re.escape(HOSTILE)} \\d|Because", tree.xpath("string(//body)"))


def test_the_json_has_all_figures_and_all_wrong_tasks() -> None:
    found = json.loads(evaluation_json(HEADING, evaluate(MATERIAL, MAJORITY, MATERIAL.versions)))
    tone, entities = found["outputs"]
    best, other = tone["versions"]
    assert best["figures"] == {"accuracy": 1.0, "macro_f1": 1.0, "kappa": 1.0, "answered": 1.0}
    assert [wrong["task"] for wrong in other["wrong"]] == [8, 6, 4, 2]
    assert other["wrong"][0]["link"] == "http://studio.test/8"
    assert other["confusion"][0] == {"human": "Bad", "model": "Good", "tasks": [2, 4, 6, 8]}
    assert entities["versions"][1]["wrong"][0]["human"] == "Person: Ann"


def test_the_json_of_a_comparison_has_the_decision_and_all_flips() -> None:
    found = json.loads(comparison_json(HEADING, compare(MATERIAL, MAJORITY, "m/1", "m/2")))
    tone = found["outputs"][0]
    assert (tone["n"], tone["better"], tone["p"]) == (8, None, 0.125)
    assert [flip["task"] for flip in tone["won"]] == [2, 4, 6, 8]
    assert tone["won"][0] == {"task": 2, "human": "Bad", "first": "Good", "second": "Bad"}
    assert tone["difference"]["value"] == 0.5
