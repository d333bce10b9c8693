"""What annotators say of replies: corrections, preferences, comparisons, ratings."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.errors import LabelingConfigError
from llm_interactive.export.comparisons import Rankings
from llm_interactive.label_studio.records import Prediction, Task
from llm_interactive.labeling.tags import Region
from llm_interactive.llm.client import Reply
from llm_interactive.media.image_input import ImageInput
from llm_interactive.ranking.form import labeling_config, verdict_region
from llm_interactive.settings import Settings
from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import Store, fingerprint
from tests.unit.export.conftest import Export, annotation, area, filled, prediction

TEXT = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)
DATA = {"text": "It rains."}


def sides(lines: list[Any]) -> list[tuple[str, str]]:
    return [(line["chosen"][0]["content"], line["rejected"][0]["content"]) for line in lines]


def judged(lines: list[Any]) -> list[tuple[str, bool]]:
    return [(line["completion"][0]["content"], line["label"]) for line in lines]


class TestCorrections:
    def test_the_edited_reply_is_better_than_the_predicted_one(self, exporting: Export) -> None:
        task = Task(
            1,
            DATA,
            (annotation(1, filled("P", "Edited."), parent_prediction=5),),
            (prediction(5, filled("P", "Old.")),),
        )
        assert sides(exporting(TEXT)("dpo-trl", task)) == [("Edited.", "Old.")]

    def test_the_prediction_that_was_edited_goes_before_a_newer_one(self, exporting: Export) -> None:
        predictions = (prediction(5, filled("P", "Seen.")), prediction(6, filled("P", "Newer."), "2026-01-01T12"))
        task = Task(1, DATA, (annotation(1, filled("P", "Edited."), parent_prediction=5),), predictions)
        assert sides(exporting(TEXT)("dpo-trl", task)) == [("Edited.", "Seen.")]

    def test_without_a_name_it_is_the_newest_one_before_the_annotation_and_of_the_same_prompt(
        self, exporting: Export
    ) -> None:
        predictions = (
            prediction(5, filled("P", "First."), "2026-01-01"),
            prediction(6, filled("P", "Second."), "2026-01-01T12"),
            prediction(7, filled("Another prompt", "Third."), "2026-01-01T13"),
            prediction(8, filled("P", "Later."), "2026-01-03"),
        )
        task = Task(1, DATA, (annotation(1, filled("P", "Edited.")),), predictions)
        assert sides(exporting(TEXT)("dpo-trl", task)) == [("Edited.", "Second.")]

    def test_a_reply_that_only_the_backend_keeps_is_found_there(self, exporting: Export, store: Store) -> None:
        export = exporting(TEXT)
        one, task = annotation(1, filled("P", "Edited.")), Task(1, DATA)
        images = ImageInput(Settings())
        replies = export.replies(images)
        request = replies.asked(task, one, replies.forms[0]).prepared.request
        images.close()
        store.save_reply(request.key("endpoint"), Reply(("Kept.",)))
        assert sides(export("dpo-trl", Task(1, DATA, (one,)))) == [("Edited.", "Kept.")]

    def test_an_unknown_original_is_counted(self, exporting: Export) -> None:
        export = exporting(TEXT)
        assert export("dpo-trl", Task(1, DATA, (annotation(1, filled("P", "Edited.")),))) == []
        assert export.summary.left_out == {"the model's own reply is not known any more": 1}

    def test_an_error_text_is_nobodys_reply(self, exporting: Export) -> None:
        export = exporting(TEXT)
        task = Task(1, DATA, (annotation(1, filled("P", "Edited.")),), (prediction(5, filled("P", "⚠ No key.")),))
        assert export("dpo-trl", task) == []
        assert export.summary.left_out == {"the response is an error text": 1}

    def test_a_reply_left_as_it_was_is_no_pair_but_a_good_reply(self, exporting: Export) -> None:
        task = Task(1, DATA, (annotation(1, filled("P", "Fine. ")),), (prediction(5, filled("P", "Fine.")),))
        export = exporting(TEXT)
        assert export("dpo-trl", task) == []
        assert export.summary.left_out == {"the reply was left as it was": 1}
        assert judged(export("kto", task)) == [("Fine.", True)]

    @pytest.mark.parametrize("format", ["dpo-openai", "dpo-trl", "dpo-axolotl", "kto"])
    def test_every_format_takes_them(self, exporting: Export, format: str) -> None:
        task = Task(1, DATA, (annotation(1, filled("P", "Edited.")),), (prediction(5, filled("P", "Old.")),))
        assert len(exporting(TEXT)(format, task)) == (2 if format == "kto" else 1)


PREFERENCE = (
    TEXT + '<TextArea name="other" toName="text"/><Choices name="preference" toName="text" choice="single-radio">'
    '<Choice value="A"/><Choice value="B"/><Choice value="Same"/><Choice value="Both bad"/></Choices>'
)


def preferring(label: str) -> Task:
    choice = {"from_name": "preference", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
    return Task(1, DATA, (annotation(1, (*filled("P", "One."), area("other", "Two."), choice)),))


class TestPreference:
    def test_the_meta_file_says_whose_they_are(self, exporting: Export, store: Store) -> None:
        versions = {fingerprint("One."): ["two/1"], fingerprint("Two."): ["one/1"]}
        store.rankings.save("7.1", [Ranked("1", "7.1", versions)])
        export = exporting(PREFERENCE)
        export("dpo-trl", preferring("B"), sources="preference")
        [meta] = map(json.loads, export.destination.meta.read_text().splitlines())
        assert (meta["chosen_version"], meta["model_version"]) == ("one/1", "two/1")

    def test_a_response_that_somebody_rewrote_is_no_models(self, exporting: Export, store: Store) -> None:
        versions = {fingerprint("One."): ["two/1"], fingerprint("Before."): ["one/1"]}
        store.rankings.save("7.1", [Ranked("1", "7.1", versions)])
        export = exporting(PREFERENCE)
        export("dpo-trl", preferring("B"), sources="preference")
        [meta] = map(json.loads, export.destination.meta.read_text().splitlines())
        assert (meta["chosen_version"], meta["model_version"]) == ("", "two/1")

    @pytest.mark.parametrize(("label", "pair"), [("A", ("One.", "Two.")), ("B", ("Two.", "One."))])
    def test_the_chosen_response_is_better(self, exporting: Export, label: str, pair: tuple[str, str]) -> None:
        [line] = exporting(PREFERENCE)("dpo-trl", preferring(label), sources="preference")
        assert sides([line]) == [pair]
        assert [message["role"] for message in line["prompt"]] == ["user"]

    def test_a_tie_says_nothing(self, exporting: Export) -> None:
        export = exporting(PREFERENCE)
        assert export("dpo-trl", preferring("Same"), sources="preference") == []
        assert export.summary.left_out == {"neither reply is preferred": 1}

    def test_a_pair_that_more_people_find_alike_is_none(self, exporting: Export) -> None:
        task, same = preferring("B"), preferring("Same")
        task = replace(task, annotations=task.annotations + same.annotations * 2)
        assert exporting(PREFERENCE)("dpo-trl", task, sources="preference") == []

    @pytest.mark.parametrize("format", ["dpo-trl", "dpo-openai", "dpo-axolotl", "kto"])
    def test_annotators_of_different_tasks_with_the_same_text_are_counted_together(
        self, exporting: Export, format: str
    ) -> None:
        export = exporting(PREFERENCE)
        tasks = [replace(preferring(label), id=id) for id, label in enumerate("ABA")]
        assert export(format, *tasks[:2], sources="preference") == []
        assert export.summary.left_out == {"annotators disagree": 2}
        assert export(format, *tasks, sources="preference")
        assert export.summary.left_out["more annotators hold otherwise"] == 1

    def test_two_bad_ones_are_two_bad_replies(self, exporting: Export) -> None:
        lines = exporting(PREFERENCE)("kto", preferring("Both bad"), sources="preference")
        assert judged(lines) == [("One.", False), ("Two.", False)]

    def test_the_preferred_one_is_what_a_model_is_to_say(self, exporting: Export) -> None:
        export = exporting(PREFERENCE)
        [line] = export("chat", preferring("B"), replace(preferring("Both bad"), data={"text": "Other"}))
        assert line["messages"][-1]["content"] == "Two."
        assert export.summary.left_out == {"both replies are bad": 2}

    def test_of_both_what_more_people_prefer_is_what_a_model_is_to_say(self, exporting: Export) -> None:
        task, other = preferring("B"), preferring("A")
        task = replace(task, annotations=task.annotations * 2 + other.annotations)
        assert [line["messages"][-1]["content"] for line in exporting(PREFERENCE)("chat", task)] == ["Two."]


PAIRWISE = (
    '<Text name="q" value="$q"/><Pairwise name="better" toName="a,b"/>'
    '<Text name="a" value="$a"/><Text name="b" value="$b"/>'
)


class TestComparisons:
    @pytest.mark.parametrize("to_name", ["better", "a"])
    def test_the_selected_side_is_better_in_a_project_without_a_prompt(self, exporting: Export, to_name: str) -> None:
        region = {"from_name": "better", "to_name": to_name, "type": "pairwise", "value": {"selected": "right"}}
        task = Task(1, {"q": "Why?", "a": "So.", "b": "Because."}, (annotation(1, (region,)),))
        [line] = exporting(PAIRWISE)("dpo-trl", task, sources="pairwise")
        assert line["prompt"] == [{"role": "user", "content": "Why?"}]
        assert sides([line]) == [("Because.", "So.")]

    def test_a_dialogue_that_is_replied_to_keeps_its_turns(self, exporting: Export) -> None:
        config = PAIRWISE.replace(
            '<Text name="q" value="$q"/>', '<Paragraphs name="q" value="$q" nameKey="role" textKey="content"/>'
        )
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
        turns.append({"role": "user", "content": "Why?"})
        region = {"from_name": "better", "to_name": "a", "type": "pairwise", "value": {"selected": "left"}}
        task = Task(1, {"q": turns, "a": "So.", "b": "Because."}, (annotation(1, (region,)),))
        [line] = exporting(config)("dpo-trl", task, sources="pairwise")
        assert line["prompt"] == turns

    def test_what_is_ranked_without_a_prompt_field_need_not_be_named(self, exporting: Export) -> None:
        export = exporting(RANKER)
        assert sides(export("dpo-trl", ranked("cab"), sources="")) == [("Reply c", "Reply b")]
        [line] = export("chat", ranked("cab"))
        assert [message["content"] for message in line["messages"]] == ["Why?", "Reply c"]

    def test_of_a_ranking_the_best_and_the_last_are_a_pair(self, exporting: Export) -> None:
        lines = exporting(RANKER)("dpo-trl", ranked("cab"), sources="ranker")
        assert sides(lines) == [("Reply c", "Reply b")]

    def test_of_buckets_the_first_and_the_last_that_hold_anything_are(self, exporting: Export) -> None:
        buckets = '<Bucket name="good"/><Bucket name="poor"/><Bucket name="bad"/>'
        config = f'<Text name="q" value="$q"/><List name="l" value="$i"/><Ranker name="r" toName="l">{buckets}</Ranker>'
        items = [{"id": name, "html": f"<b>Reply {name}</b>"} for name in "ab"]
        value = {"ranker": {"good": ["b"], "poor": ["a"], "bad": []}}
        task = Task(1, {"q": "Why?", "i": items}, (annotation(1, ({"from_name": "r", "value": value},)),))
        assert sides(exporting(config)("dpo-trl", task, sources="ranker")) == [("Reply b", "Reply a")]

    def test_a_task_without_the_items_gives_none(self, exporting: Export) -> None:
        export = exporting(RANKER)
        region = {"from_name": "r", "to_name": "l", "type": "ranker", "value": {"ranker": {"r": ["a", "b"]}}}
        task = Task(1, {"q": "Why?", "items": 7}, (annotation(1, (region,)),))
        assert export("dpo-trl", task, sources="ranker") == []
        assert export.summary.left_out == {"$items is not a list of items with ids.": 1}


RANKING = labeling_config([], as_pair=False)


def listed(number: int, *order: str, count: int = 3, **given: Any) -> Task:
    """A task of `rank create` that shows the replies r1, r2, …, and how they are ranked."""
    items = [{"id": f"r{place}", "body": f"Reply {place}"} for place in range(1, count + 1)]
    data = {"messages": [{"role": "user", "content": f"Why {number}?"}], "replies": items, "source": 40 + number}
    value = {"ranker": {"order": list(order)}}
    region = {"from_name": "order", "to_name": "replies", "type": "ranker", "value": value}
    origin = {"origin": "prediction" if given else "manual"}
    return Task(
        number,
        data,
        (annotation(number, ({**region, **origin},), **given),),
        (Prediction(9, number, (region,), "j", 1, ""),),
    )


PAIR = {"messages": [{"role": "user", "content": "Why?"}], "r1": "So.", "r2": "Because.", "source": 41}
CLICKED: Region = {"from_name": "better", "to_name": "r1", "type": "pairwise", "value": {"selected": "left"}}


class TestRankings:
    def test_a_list_that_was_left_as_it_was_shown_says_nothing(self, exporting: Export) -> None:
        export = exporting(RANKING)
        tasks = [listed(1, "r1", "r2", "r3"), listed(2, "r3", "r1", "r2"), listed(3, "r1", "r2", count=2)]
        assert sides(export("dpo-trl", *tasks, sources="ranker")) == [("Reply 3", "Reply 2")]
        assert export.summary.left_out == {"the ranking was left as it was shown": 2}
        assert len(export("dpo-trl", *tasks, sources="ranker", rankings=Rankings(untouched=True))) == 3

    @pytest.mark.parametrize("parent", [9, 8, None])
    def test_of_one_that_a_judge_began_what_it_said_is_what_was_shown(
        self, exporting: Export, parent: int | None
    ) -> None:
        export = exporting(RANKING)
        tasks = [
            listed(1, "r3", "r1", "r2", parent_prediction=parent),
            replace(listed(2, "r1", "r2", "r3", parent_prediction=parent), predictions=listed(1, "r3").predictions),
        ]
        assert sides(export("dpo-trl", *tasks, sources="ranker")) == [("Reply 1", "Reply 3")]
        assert export.summary.left_out == {"the ranking was left as it was shown": 1}

    def test_all_pairs_are_each_two_replies_of_which_one_is_better(self, exporting: Export) -> None:
        every = Rankings(all_pairs=True)
        lines = exporting(RANKING)("dpo-trl", listed(1, "r3", "r1", "r2"), sources="ranker", rankings=every)
        assert sides(lines) == [("Reply 3", "Reply 1"), ("Reply 3", "Reply 2"), ("Reply 1", "Reply 2")]

    @pytest.mark.parametrize(
        ("orders", "pairs"),
        [
            (["r1 r2 r3", "r1 r2 r3", "r2 r3 r1"], [("Reply 1", "Reply 3")]),
            (["r1 r3 r2", "r3 r2 r1"], []),
            (["r1 r3 r2", "r3 r1 r2", "r2 r3 r1"], [("Reply 1", "Reply 2"), ("Reply 3", "Reply 2")]),
            (["r1 r2 r3", "r3 r1 r2", "r2 r3 r1"], []),
        ],
    )
    def test_a_best_and_a_last_one_are_no_pair_where_more_people_hold_the_opposite_or_as_many(
        self, exporting: Export, orders: list[str], pairs: list[tuple[str, str]]
    ) -> None:
        annotations = [
            replace(listed(1, *order.split()).annotations[0], user=user) for user, order in enumerate(orders)
        ]
        task = replace(listed(1), annotations=tuple(annotations))
        found = exporting(RANKING)("dpo-trl", task, sources="ranker", rankings=Rankings(untouched=True))
        assert sides(found) == pairs

    def test_a_prompt_that_people_did_not_see_goes_with_the_better_reply_and_divides_no_votes(
        self, exporting: Export
    ) -> None:
        versions = {"r1": ["m/1"], "r2": ["m/2"]}
        hidden = Rankings(known={"41": Ranked("41", "7.1", versions)}, prompts={"m/1": "Briefly.", "m/2": "At length."})
        export = exporting(labeling_config([], as_pair=True))
        votes = [annotation(user, (verdict_region(side),), user=user) for user, side in enumerate(["Left", "Right"])]
        task = Task(1, PAIR, (votes[0], *votes))
        [line] = export("dpo-trl", task, sources="pairwise", rankings=hidden)
        assert line["prompt"] == [{"role": "user", "content": "Why?\n\nBriefly."}]
        assert export("dpo-trl", Task(1, PAIR, tuple(votes)), sources="pairwise", rankings=hidden) == []

    def test_the_meta_file_says_which_model_gave_them(self, exporting: Export) -> None:
        export = exporting(RANKING)
        known = {"41": Ranked("41", "7.1", {"r1": ["a/1"], "r2": ["b/1", "c/1"], "r3": ["d/1"]})}
        export("dpo-trl", listed(1, "r3", "r1", "r2"), sources="ranker", rankings=Rankings(known=known))
        [meta] = export.destination.meta.read_text().splitlines()
        assert (json.loads(meta)["chosen_version"], json.loads(meta)["model_version"]) == ("d/1", "b/1, c/1")

    @pytest.mark.parametrize("format", ["dpo-trl", "kto", "chat"])
    @pytest.mark.parametrize(
        "votes",
        [
            [[CLICKED, verdict_region("About the same")]],
            [[CLICKED, verdict_region("Both bad")]],
            [[CLICKED, verdict_region("Right")]],
            [[CLICKED], [verdict_region("About the same")], [verdict_region("About the same")]],
            [[CLICKED], [verdict_region("About the same")]],
        ],
    )
    def test_a_contradiction_says_nothing_and_ties_are_votes(
        self, exporting: Export, votes: list[list[Region]], format: str
    ) -> None:
        annotations = tuple(annotation(user, tuple(regions), user=user) for user, regions in enumerate(votes))
        task = Task(1, PAIR, annotations)
        assert exporting(labeling_config([], as_pair=True))(format, task, sources="") == []

    def test_replies_that_more_people_find_bad_are_bad(self, exporting: Export) -> None:
        bad = (verdict_region("Both bad"),)
        votes = (annotation(1, (CLICKED,)), annotation(2, bad), annotation(3, bad))
        lines = exporting(labeling_config([], as_pair=True))("kto", Task(1, PAIR, votes), sources="pairwise")
        assert judged(lines) == [("So.", False), ("Because.", False)]

    def test_a_reply_that_as_many_find_better_is_not_written_as_bad(self, exporting: Export) -> None:
        votes = (annotation(1, (CLICKED,)), annotation(2, (verdict_region("Both bad"),)))
        lines = exporting(labeling_config([], as_pair=True))("kto", Task(1, PAIR, votes), sources="pairwise")
        assert judged(lines) == [("Because.", False)]

    @pytest.mark.parametrize(("label", "count"), [("About the same", 0), ("Both bad", 2)])
    def test_of_two_none_is_better_but_both_may_be_bad(self, exporting: Export, label: str, count: int) -> None:
        task = Task(1, PAIR, (annotation(1, (verdict_region(label),)),))
        lines = exporting(labeling_config([], as_pair=True))("kto", task, sources="pairwise")
        assert judged(lines) == [("So.", False), ("Because.", False)][:count]


RANKER = '<Text name="q" value="$q"/><List name="l" value="$items"/><Ranker name="r" toName="l"/>'


def ranked(order: str) -> Task:
    """A task that shows replies a, b and c, and its annotation with this order."""
    items = [{"id": name, "title": f"model {name}", "body": f"Reply {name}"} for name in "abc"]
    region = {"from_name": "r", "to_name": "l", "type": "ranker", "value": {"ranker": {"r": list(order)}}}
    return Task(1, {"q": "Why?", "items": items}, (annotation(1, (region,)),))


RATING = TEXT + '<Rating name="stars" toName="text" maxRating="5"/>'


def rated(id: int, response: str, stars: int) -> Any:
    region = {"from_name": "stars", "to_name": "text", "type": "rating", "value": {"rating": stars}}
    return annotation(id, filled("P", response, region), user=id)


class TestRating:
    def test_many_stars_are_good_few_are_bad_and_the_middle_says_nothing(self, exporting: Export) -> None:
        tasks = [Task(stars, {"text": f"{stars}"}, (rated(stars, "Reply.", stars),)) for stars in range(1, 6)]
        lines = exporting(RATING)("kto", *tasks, sources="rating")
        assert [label for _, label in judged(lines)] == [False, False, True, True]

    def test_two_stars_more_make_a_reply_better(self, exporting: Export) -> None:
        export = exporting(RATING)
        lines = export("dpo-trl", Task(1, DATA, (rated(1, "Good.", 3), rated(2, "Bad.", 1))), sources="rating")
        assert sides(lines) == [("Good.", "Bad.")]
        assert export("dpo-trl", Task(1, DATA, (rated(1, "Good.", 3), rated(2, "Bad.", 2))), sources="rating") == []


@pytest.mark.parametrize("source", ["preference", "pairwise", "ranker", "rating"])
def test_a_source_that_the_labeling_config_has_nothing_for_is_refused(exporting: Export, source: str) -> None:
    with pytest.raises(LabelingConfigError, match=f"nothing that {source} could be read from"):
        exporting(TEXT)("kto", sources=source)
