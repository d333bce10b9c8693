"""Who wins: figures against examples that were calculated by hand."""

from __future__ import annotations

import pytest

from llm_interactive.ranking.ballots import Ballot, Reply
from llm_interactive.ranking.standing import Rate, bradley_terry, lean_to_first, lean_to_longer, scores_of_pairs


def ballot(task: int, left: str, right: str, better: str, voter: int = 1) -> Ballot:
    """One that says which of two models is better, "" for neither; replies are as long as the models' names."""
    order = {left: [["r1"], ["r2"]], right: [["r2"], ["r1"]], "": [["r1", "r2"]]}[better]
    return Ballot(task, voter, {"r1": Reply(left, [left]), "r2": Reply(right, [right])}, order)


def test_a_rate_counts_tasks_with_ties_as_half() -> None:
    rate = Rate.of({1: [1], 2: [1], 3: [1], 4: [1], 5: [1], 6: [1], 7: [1], 8: [0.5], 9: [0], 10: [0]})
    assert (rate.won, rate.tied, rate.lost, rate.n) == ([1, 2, 3, 4, 5, 6, 7], [8], [9, 10], 10)
    assert rate.share.value == 0.75
    # Bonett and Price: shares 8/12 and 3/12, difference 0.4167 ± 1.96 × 0.2488, and half of each above 0.5.
    assert rate.share.low == pytest.approx(0.4645, abs=1e-4)
    assert rate.share.high == pytest.approx(0.9522, abs=1e-4)
    # Two or fewer of nine flips, at either side: 2 × (1 + 9 + 36) / 512.
    assert rate.p == pytest.approx(0.1797, abs=1e-4)
    assert not rate.is_shown


def test_a_task_is_one_whoever_votes_on_it_and_goes_to_the_majority() -> None:
    rate = Rate.of({1: [1, 1, 0], 2: [0, 0.5], 3: [1, 0]})
    assert (rate.won, rate.tied, rate.lost, rate.votes) == ([1], [3], [2], 7)


def test_scores_are_told_of_the_first_version_wherever_it_is_shown() -> None:
    found = scores_of_pairs([ballot(1, "a", "b", "a"), ballot(2, "b", "a", "a"), ballot(2, "b", "a", "", voter=2)])
    assert found == {("a", "b"): {1: [1], 2: [1, 0.5]}}


def test_a_reply_that_several_versions_gave_counts_for_all_and_decides_nothing_between_them() -> None:
    shared = Ballot(1, 1, {"r1": Reply("So.", ["a", "c"]), "r2": Reply("No.", ["b", "c"])}, [["r2"], ["r1"]])
    assert scores_of_pairs([shared]) == {("a", "b"): {1: [0]}, ("a", "c"): {1: [0]}, ("b", "c"): {1: [1]}}


def test_leans_are_to_the_one_shown_first_and_to_the_longer_one() -> None:
    ballots = [ballot(1, "long", "a", "long"), ballot(2, "a", "long", "a"), ballot(3, "a", "b", "b")]
    first, longer = lean_to_first(ballots), lean_to_longer(ballots)
    assert (first.won, first.lost) == ([1, 2], [3])
    assert (longer.won, longer.lost) == ([1], [2])


def test_bradley_and_terry_agree_with_the_solution_by_hand() -> None:
    # With the tie that each two start with, a wins 3.5 of 5 against b and against c, who win half of theirs: so the
    # strengths are 7/3, 1 and 1, and b's chance is the mean of 0.3 and 0.5.
    against = {1: [1.0], 2: [1.0], 3: [1.0], 4: [0.0]}
    found = bradley_terry({("a", "b"): against, ("a", "c"): against, ("b", "c"): {1: [1.0], 2: [0.0], 3: [0.5]}})
    assert [round(one.value, 4) for one in found.values()] == [0.7, 0.4, 0.4]
    assert all(one.low <= one.value <= one.high for one in found.values())


def test_a_version_that_never_loses_has_a_place() -> None:
    always = {task: [1.0] for task in range(20)}
    found = bradley_terry({("a", "b"): always, ("a", "c"): always, ("b", "c"): always})
    assert found["a"].value > 0.95 > found["b"].value > found["c"].value


def test_an_interval_is_of_tasks_and_not_of_votes() -> None:
    few = {1: [1.0], 2: [0.0], 3: [1.0]}
    many = {task: votes * 9 for task, votes in few.items()}
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    assert bradley_terry(dict.fromkeys(pairs, few)) == bradley_terry(dict.fromkeys(pairs, many))
