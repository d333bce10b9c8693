"""Labels in replies that are no JSON: rows by hand, and the corpus, in which no label may be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_interactive.outputs.plain_text import match
from testing.corpus import figures

SENTIMENT = ["Positive", "Negative", "Neutral"]
TOPICS = ["Sports", "Politics", "Tech", "Arts"]


def name(reply: str, names: list[str] = SENTIMENT) -> list[str]:
    return match(reply, names, single=True, control_name="sentiment")


def names(reply: str) -> list[str]:
    return match(reply, TOPICS, single=False, control_name="topics")


def test_no_label_of_the_corpus_is_wrong_and_many_are_found() -> None:
    total = figures()
    assert total.wrong == []
    assert total.found >= 550


@pytest.mark.parametrize(
    "reply",
    [
        "Negative",
        "NEGATIVE",
        " negative. ",
        "**Negative**",
        '"Negative"',
        "`Negative`",
        "- Negative",
        "1. Negative",
        "(Negative)",
        "```\nNegative\n```",
        "Label: Negative",
        "**Label:** Negative",
        "Answer: **Negative**",
        "Sentiment: negative",
        '{"label": "Negative"}',
        "The waiter was rude.\n\nNegative",
        "The waiter was rude.\nSentiment: Negative",
        "Sentiment: Negative\nTopic: Sports",
    ],
)
def test_a_reply_or_line_that_is_nothing_but_a_label_names_it(reply: str) -> None:
    assert name(reply) == ["Negative"]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "The sentiment is Negative.",
        "It is not\nNegative",
        "Not Negative",
        "Positive\nNegative",
        "Sentiment: Positive\nSentiment: Negative",
        "Sentiment: Positive\nNo, Negative fits better: it is rude",
        "Negative\n\nThe waiter was rude, but the rest was fine.",
        "Sentiment of the second text: Negative",
        "Positive, Negative",
        "Negative-ish",
        "[ ] Negative",
        "~~Negative~~",
    ],
)
def test_prose_denials_and_two_labels_name_none(reply: str) -> None:
    assert name(reply) == []


@pytest.mark.parametrize(
    "reply", ["Tech, Sports", "- Tech\n- Sports", '["Tech", "Sports"]', "Topics: Tech, Sports", "tech; sports"]
)
def test_a_list_of_labels_names_them_in_their_order(reply: str) -> None:
    assert names(reply) == ["Sports", "Tech"]


@pytest.mark.parametrize(
    "reply", ["Sports, Politics, Tech, Arts", "Sports, Poetry", "Sports and Tech", "Sports\nTech\nand more", "Sports?"]
)
def test_the_question_repeated_and_lists_with_other_words_name_none(reply: str) -> None:
    assert names(reply) == []


@pytest.mark.parametrize(
    ("reply", "labels", "expected"),
    [
        ("B", ["A) Sports", "B) Politics"], ["B) Politics"]),
        ("B)", ["A) Sports", "B) Politics"], ["B) Politics"]),
        ("B. Politics", ["A) Sports", "B) Politics"], ["B) Politics"]),
        ("Politics", ["A) Sports", "B) Politics"], ["B) Politics"]),
        ("A) Politics", ["A) Sports", "B) Politics"], []),
        ("A) Paris", ["A", "B"], ["A"]),
        ("A. Smith", ["A", "B"], []),
        ("a dog", ["A", "B"], []),
        ("C", ["C", "C++", "C#"], ["C"]),
        ("**C++**", ["C", "C++", "C#"], ["C++"]),
        ("us", ["US", "us"], ["us"]),
        ("Us", ["US", "us"], []),
        ("Yes, always", ["Yes, always", "No"], ["Yes, always"]),
        ("not sarcastic", ["Sarcastic", "Not Sarcastic"], ["Not Sarcastic"]),
    ],
)
def test_codes_and_signs_are_told_apart(reply: str, labels: list[str], expected: list[str]) -> None:
    assert name(reply, labels) == expected


PIECES = st.sampled_from(
    [*SENTIMENT, "not", "label:", ",", ".", "\n", "- ", "**", '"', "{", "[", "(", "A)", "1.", " ", "<think>"]
)


@given(
    reply=st.lists(PIECES | st.text(max_size=9), max_size=20).map("".join),
    labels=st.lists(st.sampled_from([*SENTIMENT, "A", "1", "", " ", "."]) | st.text(max_size=5), max_size=6),
    single=st.booleans(),
)
def test_any_text_gives_labels_in_their_order(reply: str, labels: list[str], *, single: bool) -> None:
    found = match(reply, labels, single=single, control_name="label")
    assert found == [label for label in dict.fromkeys(labels) if label in found]
    assert not single or len(found) <= 1


@pytest.mark.parametrize(
    "piece",
    ["Positive\n", "Label: Positive\n", "a, ", "(((", "**", "1. ", "- ", "<think>", "\u200b", "x: y\n", "</think"],
)
def test_a_megabyte_of_anything_is_read(piece: str) -> None:
    assert name(piece * (1_000_000 // len(piece))) in ([], ["Positive"])
