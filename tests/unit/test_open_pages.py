"""What of an answer an open page can take in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llm_interactive.outputs.form import Form
from llm_interactive.predict.open_pages import OpenPages

Json = dict[str, Any]

CONFIG = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
    '<Table name="table" value="$table"/><Rating name="grade" toName="table"/><Rating name="mark" toName="table"/>'
)
RELATION = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
BACK = {**RELATION, "from_id": "b", "to_id": "a"}


def region(name: str, id: str) -> Json:
    return {"from_name": name, "id": id, "type": "rating" if name in ("grade", "mark") else "textarea", "value": {}}


ANSWER = [region("response", "r"), region("prompt", "p"), region("grade", "p"), region("mark", "p")]


@pytest.fixture
def additions(form: Callable[[str], Form]) -> Callable[..., list[Any]]:
    """What a task's page is given of an answer; by one backend for the whole test."""
    pages, made = OpenPages(), form(CONFIG)
    return lambda regions, **task: pages.additions(regions, made, "project", {"id": 1, **task})


Additions = Callable[..., list[Any]]


def test_an_untouched_page_takes_everything(additions: Additions) -> None:
    assert additions([*ANSWER, RELATION]) == [*ANSWER, RELATION]


@pytest.mark.parametrize("kind", ["drafts", "annotations", "predictions"])
def test_values_that_the_page_has_in_another_region_are_left_out(additions: Additions, kind: str) -> None:
    work = [{"result": [region("prompt", "page"), region("grade", "hand"), region("response", "r2")]}]
    assert additions(ANSWER, **{kind: work}) == [*ANSWER[:2], ANSWER[3]]


def test_values_that_the_page_has_in_its_prompts_region_are_replaced(additions: Additions) -> None:
    drafts = [{"result": [region("prompt", "page"), region("grade", "page"), region("mark", "page")]}]
    assert additions(ANSWER, drafts=drafts) == ANSWER


@pytest.mark.parametrize("kind", ["drafts", "annotations", "predictions"])
def test_a_relation_that_the_page_has_is_left_out(additions: Additions, kind: str) -> None:
    assert additions([RELATION, BACK], **{kind: [{"result": [None, RELATION]}]}) == [BACK]


def test_a_draft_counts_before_annotations_and_these_before_predictions(additions: Additions) -> None:
    empty, full = [{"result": [region("prompt", "p")]}], [{"result": [region("grade", "hand"), RELATION]}]
    assert additions(ANSWER, drafts=empty, annotations=full) == ANSWER
    assert additions(ANSWER, annotations=empty, predictions=full) == ANSWER
    assert additions([RELATION], annotations=full, predictions=empty) == []


def test_a_relation_that_was_just_sent_is_left_out_before_the_page_saves_it(additions: Additions) -> None:
    assert additions([RELATION]) == [RELATION]
    assert additions([RELATION, BACK]) == [BACK]
    assert additions([RELATION], id=2) == [RELATION]


def test_a_draft_with_odd_ids_and_names_is_no_hindrance(additions: Additions) -> None:
    odd = [{"result": [{"from_name": ["grade"], "id": {}}, {"from_name": "prompt", "id": ["p"]}, {"id": 1}]}]
    assert additions(ANSWER, drafts=odd) == ANSWER
