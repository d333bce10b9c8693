"""What annotations of a ranking project say of the replies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.export.comparisons import Comparison
from llm_interactive.label_studio.records import Annotation, Task
from llm_interactive.labeling.tags import Region
from llm_interactive.ranking.ballots import Ballot, Ballots, Reply, ballots_in
from llm_interactive.ranking.form import labeling_config, task_data, verdict_region
from llm_interactive.store.rankings import Ranked

SOURCE = Task(40, {"text": "Why?"})
ASKED = [{"role": "user", "content": "Why?"}]


def read(texts: dict[str, str], *given: Annotation, known: Ranked | None = None) -> Ballots:
    """The ballots in one task that shows `texts`, whose versions are "model of …"."""
    as_pair = len(texts) == 2
    tag = "Pairwise" if as_pair else "Ranker"
    comparison = Comparison.of(labeling_config([], as_pair=as_pair), tag)
    assert comparison
    known = known or Ranked("40", "7.1", {id: [f"model of {id}"] for id in texts})
    task = Task(1, task_data(SOURCE, "a hash", ASKED, texts, [], as_pair=as_pair), given)
    return ballots_in([task], comparison, {known.task: known})


def annotation(*regions: Region, id: int = 1, user: int | None = 5, **fields: Any) -> Annotation:
    return Annotation(id, user, regions, **fields)


def better(side: str) -> Region:
    return {"from_name": "better", "to_name": "r1", "type": "pairwise", "value": {"selected": side}}


def ranked(*ids: str) -> Region:
    return {"from_name": "order", "to_name": "replies", "type": "ranker", "value": {"ranker": {"order": list(ids)}}}


PAIR = {"r1": "So.", "r2": "Because."}
LIST = {"r1": "So.", "r2": "Because.", "r3": "Thus."}


def scores(ballots: Ballots) -> list[tuple[tuple[str, str], float]]:
    return [(vote.ids, vote.score) for ballot in ballots.cast for vote in ballot.votes]


@pytest.mark.parametrize(
    ("regions", "score"),
    [
        ([better("left")], 1),
        ([better("right")], 0),
        ([verdict_region("Left")], 1),
        ([verdict_region("Right")], 0),
        ([verdict_region("About the same")], 0.5),
        ([verdict_region("Both bad")], 0.5),
        ([better("right"), verdict_region("Right")], 0),
        ([better("right"), {**verdict_region("Left"), "origin": "prediction"}], 0),
    ],
)
def test_a_side_is_better_or_none_is(regions: Sequence[Region], score: float) -> None:
    found = read(PAIR, annotation(*regions))
    assert scores(found) == [(("r1", "r2"), score)]
    assert found.cast[0].replies["r2"] == Reply("Because.", ["model of r2"])
    assert (found.cast[0].task, found.cast[0].voter) == (1, 5)


def test_a_ranking_is_a_vote_on_each_two_replies_in_the_order_shown() -> None:
    assert scores(read(LIST, annotation(ranked("r3", "r1", "r2")))) == [
        (("r1", "r2"), 1), (("r1", "r3"), 0), (("r2", "r3"), 0),
    ]  # fmt: skip


def test_replies_that_a_ranking_leaves_out_have_no_votes() -> None:
    assert scores(read(LIST, annotation(ranked("r3", "gone", "r1")))) == [(("r1", "r3"), 0)]


@pytest.mark.parametrize("label", ["Left", "About the same", "Both bad"])
def test_a_click_and_a_key_that_contradict_each_other_say_nothing(label: str) -> None:
    found = read(PAIR, annotation(better("right"), verdict_region(label)))
    assert (found.cast, found.silent) == ([], 1)


def test_skipped_tasks_and_empty_annotations_say_nothing() -> None:
    found = read(PAIR, annotation(better("left"), cancelled=True), annotation(id=2, user=6))
    assert (found.cast, found.silent) == ([], 2)


def test_of_two_annotations_by_one_person_the_newest_counts() -> None:
    assert scores(read(PAIR, annotation(better("left")), annotation(better("right"), id=2))) == [(("r1", "r2"), 0)]


def test_what_began_with_a_prediction_is_a_judges_first() -> None:
    found = read(PAIR, annotation(better("left")), annotation({**better("left"), "origin": "prediction"}, id=2, user=6))
    assert [ballot.prefilled for ballot in found.cast] == [False, True]


def test_replies_of_which_nobody_knows_whose_they_are_are_counted() -> None:
    found = read(PAIR, annotation(better("left")), known=Ranked("41", "7.1", {"r1": ["a"], "r2": ["b"]}))
    assert (found.cast, found.unknown) == ([], 1)


def ballot(*order: str) -> Ballot:
    return Ballot(1, 1, {id: Reply("", []) for id in sorted(order)}, [[id] for id in order], is_list=True)


def test_a_list_in_the_order_shown_may_not_have_been_touched() -> None:
    assert ballot("r1", "r2", "r3").is_untouched
    assert ballot("r1", "r2").is_untouched
    assert not ballot("r1", "r3", "r2").is_untouched
    assert not replace(ballot("r1", "r2"), is_list=False).is_untouched
    assert [one.is_untouched for one in read(LIST, annotation(ranked("r1", "r2", "r3"))).cast] == [True]
    assert [one.is_untouched for one in read(PAIR, annotation(better("left"))).cast] == [False]
    assert ballot("r1", "r3", "r2").chance_untouched == 1 / 6
