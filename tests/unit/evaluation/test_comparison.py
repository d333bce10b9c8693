"""Two versions on the same tasks, and the sentence that decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llm_interactive.evaluation.answers import MAJORITY, Answers, Given, Material, Subject
from llm_interactive.evaluation.comparison import Comparison, Flip, compare
from llm_interactive.evaluation.spending import Spent
from llm_interactive.evaluation.values import Kind


def compared(kind: Kind, rows: list[tuple[Any, Any, Any]], spent: Mapping[str, Spent] | None = None) -> Comparison:
    """The comparison of rows with what is right, and what versions a and b say."""
    right, first, second = (dict(enumerate(column)) for column in zip(*rows, strict=True))
    versions = {
        name: {task: Given(value) for task, value in found.items()} for name, found in (("a", first), ("b", second))
    }
    answers = Answers("x", kind, {1: right}, {}, versions)
    [found] = compare(Material([answers], dict.fromkeys(right, Subject("")), ["b", "a"]), MAJORITY, "a", "b", spent)
    return found


def rows(both: int, lost: int, won: int, neither: int) -> list[tuple[str, str, str]]:
    table = ((both, "R", "R"), (lost, "R", "W"), (won, "W", "R"), (neither, "W", "W"))
    return [("R", first, second) for count, first, second in table for _ in range(count)]


def test_tasks_are_counted_by_who_has_them_right() -> None:
    found = compared(Kind.LABEL, rows(5, 1, 2, 3))
    assert (found.n, found.both, found.neither) == (11, 5, 3)
    assert found.lost == [Flip(5, "R", "R", "W")]
    assert [flip.task for flip in found.won] == [6, 7]


def test_only_tasks_that_both_answered_count() -> None:
    answers = Answers(
        "x", Kind.LABEL, {1: {1: "R", 2: "R"}}, {}, {"a": {1: Given("R")}, "b": {1: Given("R"), 2: Given("W")}}
    )
    [found] = compare(Material([answers], {}, []), MAJORITY, "a", "b")
    assert found.n == 1


def test_outputs_without_a_common_task_are_left_out() -> None:
    answers = Answers("x", Kind.LABEL, {1: {1: "R"}}, {}, {"a": {1: Given("R")}})
    assert compare(Material([answers], {}, []), MAJORITY, "a", "b") == []


def test_a_better_version_is_named_with_the_difference_its_interval_and_the_cost() -> None:
    found = compared(Kind.LABEL, rows(150, 5, 25, 20), {"a": Spent(0.5), "b": Spent(0.3)})
    assert found.better == "b"
    assert found.sentence == "b is better by 10.0 points [4.6, 15.2] at 0.6 × the cost"


def test_the_first_may_be_the_better_one() -> None:
    found = compared(Kind.LABEL, rows(150, 25, 5, 20), {"a": Spent(0.5), "b": Spent(0.25)})
    assert found.sentence == "a is better by 10.0 points [4.6, 15.2] at 2 × the cost"


def test_too_small_a_difference_says_how_many_tasks_it_would_take() -> None:
    found = compared(Kind.LABEL, rows(140, 10, 16, 14))
    assert found.better is None
    assert found.sentence == f"no difference that 180 tasks could show; about {found.reach.needed:,} would be needed"
    assert found.reach.needed is not None
    assert 1_000 < found.reach.needed < 1_050


def test_without_any_difference_it_says_what_would_have_been_shown() -> None:
    sentence = compared(Kind.LABEL, rows(80, 10, 10, 0)).sentence
    assert sentence.startswith("no difference that 100 tasks could show; ")
    assert sentence.endswith(" points would have been shown")


def test_an_unknown_price_is_not_spoken_of() -> None:
    found = compared(Kind.LABEL, rows(150, 5, 25, 20), {"a": Spent(None), "b": Spent(0.3)})
    assert "cost" not in found.sentence


def test_texts_are_compared_by_similarity() -> None:
    found = compared(Kind.TEXT, [("abcd", "abxx", "abcx"), ("abcd", "axxx", "abxx"), ("abcd", "abcx", "abcd")] * 5)
    assert found.sentence == "b is better by 25.0 points [15.8, 28.3] in similarity"


def test_numbers_are_compared_by_their_error_where_both_have_one() -> None:
    found = compared(Kind.NUMBER, [(3.0, 5.0, 3.0), (3.0, 4.0, 3.0), (3.0, None, 3.0)])
    assert found.nearness is not None
    assert found.nearness.value == 1.5
    assert (found.n, found.nearness.n) == (3, 2)


def test_who_leaves_more_numbers_open_is_not_the_better_one_for_the_few_that_are_given() -> None:
    silent = [(float(n), n + n % 3 / 1, float(n) if n < 12 else None) for n in range(99)]
    found = compared(Kind.NUMBER, silent)
    assert found.better == "a"
    assert found.sentence == (
        "a is better by 21.2 points [9.4, 32.2]. The mean error does not decide: it leaves out 0 tasks of a and "
        "87 of b, where either they or people have no number"
    )


def test_who_gives_numbers_where_people_have_none_is_not_the_better_one() -> None:
    found = compared(Kind.NUMBER, [(1.0, 2.0, 1.0)] * 8 + [(None, None, 9.0)] * 30)
    assert found.better == "a"


def test_large_errors_are_told_in_whole_numbers() -> None:
    sentence = compared(Kind.NUMBER, [(float(n), n + 12345.6, float(n)) for n in range(8)]).sentence
    assert sentence.startswith("b is better by 12,346 [")


def test_numbers_left_open_by_both_alike_leave_the_error_to_decide() -> None:
    found = compared(Kind.NUMBER, [(1.0, 3.0, 2.0), (1.0, 4.0, 2.0)] * 4 + [(1.0, None, None)] * 4)
    assert found.by_nearness
    assert found.better == "b"


@pytest.mark.parametrize("kind", [Kind.LABEL, Kind.NUMBER, Kind.TEXT])
@pytest.mark.parametrize("n", [1, 5])
def test_fewer_than_six_tasks_decide_nothing_and_say_so(kind: Kind, n: int) -> None:
    values = (1.0, 9.0, 1.0) if kind is Kind.NUMBER else ("right", "wrong", "right")
    for rows in ([values] * n, [values[:2] * 2][:1] * n):
        found = compared(kind, [row[:3] for row in rows])
        assert found.better is None
        tasks = "1 task" if n == 1 else "5 tasks"
        assert found.sentence == f"no difference that {tasks} could show; 6 are the fewest that show any"
        assert found.smallest_shown == "–"


def test_versions_that_are_the_same_everywhere_show_no_difference_of_nothing() -> None:
    found = compared(Kind.TEXT, [("abcd", "abcx", "abcx")] * 8)
    assert (found.sentence, found.smallest_shown) == ("no difference on any of 8 tasks", "–")


@pytest.mark.parametrize(("won", "better"), [(5, None), (6, "b")])
def test_six_flips_to_one_side_decide_and_five_do_not(won: int, better: str | None) -> None:
    assert compared(Kind.LABEL, rows(20, 0, won, 0)).better == better
