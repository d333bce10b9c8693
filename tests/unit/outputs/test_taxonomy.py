"""Taxonomy: paths in a tree of labels."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.labeling.tags import ControlTag, Label, ObjectTag
from llm_interactive.outputs.choices import Taxonomy

TEXT = ObjectTag("Text", "text", "$text")
TREE = (
    Label("Online", "on", children=(Label("Free", "Free"), Label("Paywall", "pay", children=(Label("NYT", "nyt"),)))),
    Label("Offline", "Offline", children=(Label("Free", "Free"),)),
)


def taxonomy(**attributes: str) -> Taxonomy:
    return Taxonomy(ControlTag("Taxonomy", "media", (TEXT,), attributes, TREE))


def test_every_label_of_the_tree_can_be_given_by_its_whole_path() -> None:
    paths = ["Online", "Online / Free", "Online / Paywall", "Online / Paywall / NYT", "Offline", "Offline / Free"]
    assert taxonomy().schema({}) == {"type": "array", "items": {"type": "string", "enum": paths}}


def test_leafs_only_leaves_the_innermost() -> None:
    leaves = ["Online / Free", "Online / Paywall / NYT", "Offline / Free"]
    assert taxonomy(leafsonly="true").names({}) == leaves


def test_regions_hold_paths_of_stored_values() -> None:
    regions = taxonomy().regions(["Online", "Online / Paywall / NYT"], {})
    assert [region["value"] for region in regions] == [{"taxonomy": [["on"], ["on", "pay", "nyt"]]}]
    assert taxonomy().value_of(regions) == ["Online", "Online / Paywall / NYT"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (["Online / Paywall / NYT"], ["Online / Paywall / NYT"]),
        ([["Online", "Paywall", "NYT"]], ["Online / Paywall / NYT"]),
        (["Online", "Paywall", "NYT"], ["Online / Paywall / NYT"]),
        ("online > paywall > nyt", ["Online / Paywall / NYT"]),
        (["NYT"], ["Online / Paywall / NYT"]),
        (["Free"], []),
        (["Paywall / Free"], []),
        ([], []),
        (None, []),
    ],
)
def test_a_path_is_given_where_it_is_clear(answer: Any, expected: list[str]) -> None:
    assert taxonomy(leafsonly="true").check(answer, {}).value == expected


def test_max_usages_keeps_the_first_of_the_answer_in_the_order_of_the_config() -> None:
    limited = taxonomy(maxusages="2")
    assert limited.check(["Offline", "NYT", "Online"], {}).value == ["Online / Paywall / NYT", "Offline"]
    assert limited.guide({}).startswith("list of at most 2 of ")


def test_a_task_can_bring_the_tree() -> None:
    dynamic = Taxonomy(ControlTag("Taxonomy", "media", (TEXT,), {"value": "$tree"}))
    data = {"tree": [{"value": "A", "alias": "1", "children": [{"value": "B"}]}]}
    assert dynamic.names(data) == ["A", "A / B"]
    assert dynamic.regions(["A / B"], data)[0]["value"] == {"taxonomy": [["1", "B"]]}
