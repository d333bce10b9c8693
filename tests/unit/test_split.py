"""The split between tasks for evaluation and tasks for examples."""

from __future__ import annotations

import pytest

from llm_interactive.labeling.split import CONTENT, Split, is_held_out

TEXT = '<Text name="text" value="$text"/>'
PAIR = '<Pairwise name="better" toName="a,b"/><Text name="a" value="$a"/><Text name="b" value="$b"/>'


def test_about_half_of_all_tasks_are_held_out() -> None:
    assert 4_800 < sum(map(is_held_out, range(10_000))) < 5_200


def test_the_split_goes_by_the_id_alone_and_never_changes() -> None:
    assert [task for task in range(12) if is_held_out(task)] == [0, 1, 4, 5, 6, 7, 9, 11]
    assert is_held_out("5") == is_held_out(5)


def held_out(*contents: str, part: float = 0.2) -> list[int]:
    split = Split(f"<View>{TEXT}</View>", part)
    return [number for number, content in enumerate(contents) if split.holds_out({"text": content, "id": object()})]


def test_about_the_part_that_is_asked_for_is_held_out_of_training() -> None:
    texts = [f"Text {number}" for number in range(2_000)]
    assert 340 < len(held_out(*texts)) < 460
    assert set(held_out(*texts)) < set(held_out(*texts, part=0.4))
    assert held_out(*texts, part=0) == []


def test_what_shows_the_same_is_on_one_side_and_never_changes_it() -> None:
    assert held_out(*"pqrstuvwxyzr") == [2, 10, 11]
    assert held_out("r\ud83d") == held_out("r?")


@pytest.mark.parametrize("config", [TEXT + PAIR, TEXT + '<List name="a" value="$a"/><Ranker name="r" toName="a"/>'])
def test_replies_that_people_compare_do_not_count(config: str) -> None:
    split = Split(f"<View>{config}</View>", 0.2)
    assert split.content({"text": "T", "a": "One.", "b": "Two."}) == split.content({"text": "T", "a": [], "b": ""})
    assert split.content({"text": "T"}) != split.content({"text": "U"})


def test_where_there_is_nothing_but_what_is_ranked_that_counts() -> None:
    split = Split('<View><List name="a" value="$a"/><Ranker name="r" toName="a"/></View>', 0.2)
    assert split.content({"a": [{"id": "1"}]}) != split.content({"a": [{"id": "2"}]})


def test_a_ranking_is_on_the_side_of_the_task_that_is_replied_to() -> None:
    split = Split(f"<View>{TEXT}</View>", 0.2)
    assert split.content({"text": "With its prompt.", CONTENT: split.content({"text": "a"})}) == split.content(
        {"text": "a"}
    )


def test_of_tasks_that_show_nothing_the_prompts_count() -> None:
    split = Split(f"<View>{TEXT}</View>", 0.2)
    sides = [split.holds_out({"text": ""}, f"prompt {number}") for number in range(500)]
    assert 60 < sum(sides) < 140
    assert sides[7] == split.holds_out({"text": " "}, "prompt 7")
