"""The report of a ranking: the sentence that decides, cautions, agreement, and its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from lxml import html

from llm_interactive.evaluation.documents import Heading
from llm_interactive.evaluation.spending import Spent
from llm_interactive.label_studio.records import Project
from llm_interactive.ranking.ballots import Ballot, Ballots, Reply
from llm_interactive.ranking.documents import ranking_json, ranking_page
from llm_interactive.ranking.report import RankingReport, ranking_report


def ballot(task: int, order: str, voter: int = 1, shown: str = "") -> Ballot:
    """One by the models' names, best first; they are shown in this order or another."""
    ids = {model: f"r{place}" for place, model in enumerate(shown or order, 1)}
    replies = {id: Reply(model * 10, [f"{model}/1"]) for model, id in ids.items()}
    return Ballot(task, voter, replies, [[ids[model]] for model in order], is_list=len(order) > 2)


def report(*cast: Ballot, spent: Mapping[str, Spent] | None = None, **fields: Any) -> RankingReport:
    found = ranking_report(Ballots(cast, **fields), spent or {})
    assert found
    return found


def duel(won: int, lost: int) -> list[Ballot]:
    """Model a wins and loses so many tasks, on both sides as often."""
    orders = ["ab"] * won + ["ba"] * lost
    return [ballot(task, order, shown=("ab", "ba")[task % 2]) for task, order in enumerate(orders)]


def test_of_two_models_the_better_one_is_named_with_its_rate_and_cost() -> None:
    spent = {"a/1": Spent(0.4), "b/1": Spent(1.0)}
    assert report(*duel(30, 10), spent=spent).sentence == (
        "a/1 is better: it wins 75.0 % [60.5, 87.1] of 40 tasks at 0.4 × the cost"
    )
    assert report(*duel(10, 30)).sentence.startswith("b/1 is better: it wins 75.0 % ")


def test_what_chance_may_have_made_is_no_difference() -> None:
    found = report(*duel(12, 8), spent={"a/1": Spent(2.0), "b/1": Spent(1.0)})
    assert found.sentence == (
        "no difference that 20 tasks could show; about 194 would be needed. b/1 costs 0.5 × as much"
    )
    assert report(*duel(20, 20)).sentence.startswith("no difference that 40 tasks could show; a win rate of ")
    assert report(*duel(2, 2)).sentence == "no difference that 4 tasks could show; 6 are the fewest that show any"


def test_of_three_models_the_best_is_the_one_that_beats_all_others() -> None:
    orders = ["abc"] * 20 + ["acb"] * 10
    found = report(*(ballot(task, order, shown="cba") for task, order in enumerate(orders)))
    assert [one.version for one in found.contestants] == ["a/1", "b/1", "c/1"]
    assert [(one.first, one.second) for one in found.duels] == [("a/1", "b/1"), ("a/1", "c/1"), ("b/1", "c/1")]
    assert found.sentence.startswith("a/1 is the best: it wins 100.0 % ")


def test_a_model_that_is_ahead_of_one_only_is_not_the_best() -> None:
    orders = ["abc"] * 11 + ["bac"] * 9
    found = report(*(ballot(task, order, shown="cba") for task, order in enumerate(orders)))
    assert found.sentence.startswith("a/1 is ahead, but against b/1 there is no difference that 20 tasks could show")


def test_a_model_that_is_ahead_only_for_beating_the_last_one_more_clearly_is_not_the_best() -> None:
    orders = ["bac"] * 60 + ["acb"] * 35
    found = report(*(ballot(task, order, shown="cba") for task, order in enumerate(orders)))
    assert found.sentence == "a/1 is ahead on the whole, but loses against b/1: none is the best"


def test_of_two_that_never_met_none_is_the_best() -> None:
    replies = {"r1": Reply("Strong.", ["a/1", "z/1"]), "r2": Reply("Weak.", ["m/1"])}
    found = report(*(Ballot(task, 1, replies, [["r1"], ["r2"]]) for task in range(20)))
    assert found.sentence == "none is the best: nothing was voted on between a/1 and z/1"
    assert found.cautions[0] == "Nothing was voted on between a/1 and z/1."


def test_untouched_lists_do_not_count_and_are_told_beside_what_chance_makes() -> None:
    found = report(ballot(1, "abc"), ballot(2, "abc"), ballot(3, "abc", shown="bca"))
    assert (found.rankings, found.untouched) == (1, 2)
    assert found.cautions == [
        "2 of 3 rankings are just the order shown and do not count; by chance about 0 would be."
    ]  # fmt: skip


def test_leans_that_chance_hardly_makes_are_cautions() -> None:
    found = report(*(ballot(task, ("ab", "ba")[task % 2]) for task in range(20)))
    assert found.cautions == ["The reply that is shown first wins more often than by chance: 100.0 % of tasks."]


def test_agreement_is_of_people_with_each_other_and_of_a_judge_with_them() -> None:
    # Two people agree on three of four tasks, by chance on half of them: kappa is (3/4 − 1/2) / (1/2).
    first = [ballot(task, order, shown="ab") for task, order in enumerate(["ab", "ab", "ba", "ba"])]
    second = [ballot(task, order, 2, shown="ab") for task, order in enumerate(["ab", "ba", "ba", "ba"])]
    found = ranking_report(Ballots([*first, *second]), {}, {"judge/1": first})
    assert found
    people, judge = found.agreement
    assert (people.pairs, people.likeness, people.kappa) == (4, 0.75, 0.5)
    assert (judge.version, judge.pairs, judge.likeness) == ("judge/1", 8, 7 / 8)


def test_rankings_that_a_judge_filled_in_count_but_tell_nothing_of_agreement_and_places() -> None:
    begun = [replace(one, prefilled=True) for one in (ballot(1, "abc"), ballot(2, "abc"), ballot(2, "bac", 2))]
    found = ranking_report(Ballots(begun), {}, {"judge/1": begun[:2]})
    assert found
    assert (found.rankings, found.untouched, found.untouched_by_chance) == (3, 0, 0)
    assert (found.agreement, found.first.n) == ([], 0)
    assert found.cautions == [
        "3 of 3 rankings began with what a judge had filled in: they lean to it, so that agreement is measured without "
        "them."
    ]


def test_replies_of_one_model_decide_nothing() -> None:
    same = Ballot(1, 1, {"r1": Reply("So.", ["a/1"]), "r2": Reply("No.", ["a/1"])}, [["r1"], ["r2"]])
    assert ranking_report(Ballots([same]), {}) is None


def test_length_money_and_time_stand_beside_each_model() -> None:
    spent = Spent(1.0, 0.5, 2.0)
    better, other = report(*duel(3, 1), spent={"a/1": spent}).contestants
    assert (better.version, better.characters, better.spent) == ("a/1", 10, spent)
    assert other.spent == Spent()


HOSTILE = "<script>alert(1)</script>"
HEADING = Heading(Project(31, HOSTILE, "", "", "31.0"), "", lambda task: f"http://studio.test/{task}", {})
THREE = report(*(ballot(task, "abc", shown="cba") for task in range(1, 21)), silent=2, unknown=3)


def test_the_page_shows_the_decision_and_fetches_nothing() -> None:
    tree: Any = html.fromstring(ranking_page(HEADING, THREE, as_pairs=False))
    assert tree.xpath("//script | //link | //img | //@src") == []
    assert HOSTILE in tree.xpath("string(//h1)")
    assert tree.xpath("string(//*[@class='decision'])") == f"{THREE.sentence}."


@pytest.mark.parametrize(("as_pairs", "first"), [(True, "The left one"), (False, "The one shown first")])
def test_the_page_names_the_first_place_as_people_see_it(as_pairs: bool, first: str) -> None:
    tree: Any = html.fromstring(ranking_page(HEADING, THREE, as_pairs=as_pairs))
    assert tree.xpath("//td[@data-name='Which reply']/text()") == [first]


def test_the_tasks_that_each_side_wins_are_links() -> None:
    tree: Any = html.fromstring(ranking_page(HEADING, THREE, as_pairs=False))
    assert tree.xpath("//details")[0].xpath(".//a/@href") == [f"http://studio.test/{task}" for task in range(1, 21)]


def test_the_json_has_all_that_the_page_shows() -> None:
    found = json.loads(ranking_json(HEADING, THREE))
    assert found["sentence"] == THREE.sentence
    assert found["contestants"][0]["chance"].keys() == {"value", "low", "high"}
    assert (found["duels"][0]["first"], found["duels"][0]["tasks"], found["duels"][0]["lost"]) == ("a/1", 20, [])
    assert found["longer"]["share"] is None
    assert (found["silent"], found["unknown"]) == (2, 3)
