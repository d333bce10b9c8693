"""Replies → choices: rows by hand, a fixed corpus whose figures the README quotes, and properties of any reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_interactive.matching import match_choices
from llm_interactive.matching.replies import MAX_READ
from llm_interactive.matching.wording import Sense, lists

CORPUS = Path(__file__).with_name("matching_corpus.json")

SENTIMENT = ["Positive", "Negative", "Neutral"]
SARCASM = ["Sarcastic", "Not Sarcastic"]
TOPICS = ["Sports", "Politics", "Tech", "Arts"]


# ------------------------------------------------------------------------------------------------ the corpus


class Row(NamedTuple):
    about: str
    reply: str
    choices: list[str]
    single: bool
    expected: list[str]


class Figures(NamedTuple):
    """What the matching makes of the corpus: rows, those that name a choice, wrong ones, missed ones."""

    rows: int
    named: int
    wrong: list[Row]
    missed: list[Row]


def corpus() -> Iterator[Row]:
    for group in json.loads(CORPUS.read_text("utf-8")):
        for reply, expected in group["rows"]:
            yield Row(group["about"], reply, group["choices"], group["single"], expected)


def is_usual(row: Row) -> bool:
    """Whether models write such replies every day; most of the corpus' free prose was written to mislead."""
    return not row.about.startswith("free prose: ") or "natural" in row.about


def corpus_figures() -> tuple[Figures, Figures]:
    """The figures of the replies that are usual, and of those that were written to mislead."""
    usual, misleading = Figures(0, 0, [], []), Figures(0, 0, [], [])
    for row in corpus():
        figures = usual if is_usual(row) else misleading
        found = match_choices(row.reply, row.choices, single=row.single)
        if set(found) - set(row.expected):
            figures.wrong.append(row)
        elif found != row.expected:
            figures.missed.append(row)
        figures = figures._replace(rows=figures.rows + 1, named=figures.named + bool(row.expected))
        usual, misleading = (figures, misleading) if is_usual(row) else (usual, figures)
    return usual, misleading


@pytest.mark.parametrize(("kind", "most_missed"), [(0, 0.05), (1, 0.33)], ids=["usual", "misleading"])
def test_the_corpus_has_no_wrong_label_and_few_missed_ones(kind: int, most_missed: float) -> None:
    figures = corpus_figures()[kind]
    print(f"{figures.rows} replies, {figures.named} name a choice, {len(figures.missed)} missed")
    assert figures.wrong == []
    assert len(figures.missed) <= most_missed * figures.named, figures.missed


def test_the_corpus_is_large_and_expects_only_what_can_be_given() -> None:
    rows = list(corpus())
    assert len(rows) >= 250
    assert len({(row.reply, *row.choices, row.single) for row in rows}) > 0.98 * len(rows)
    for row in rows:
        assert set(row.expected) <= set(row.choices), row
        assert not row.single or len(row.expected) <= 1, row


# ------------------------------------------------------------------------------------------------ rows by hand


def name(reply: str, choices: Sequence[str] = SENTIMENT) -> list[str]:
    return match_choices(reply, choices, single=True)


@pytest.mark.parametrize("reply", ["Negative", "NEGATIVE", " negative. ", "**Negative**", '"Negative"', "1. Negative"])
def test_case_punctuation_and_markup_do_not_matter(reply: str) -> None:
    assert name(reply) == ["Negative"]


@pytest.mark.parametrize(
    "reply", ["", " \n", "Lorem ipsum dolor sit amet", "None of the above", "正面", "\x00", "\ud800"]
)
def test_a_reply_that_names_nothing_gives_nothing(reply: str) -> None:
    assert name(reply) == []


@pytest.mark.parametrize(
    "reply",
    [
        "Not Sarcastic",
        "not sarcastic",
        "The text is not sarcastic.",
        "NotSarcastic",
        "not_sarcastic",
        "**Not** Sarcastic",
    ],
)
def test_a_longer_choice_wins_over_the_one_inside_it(reply: str) -> None:
    assert name(reply, SARCASM) == ["Not Sarcastic"]


@pytest.mark.parametrize(
    "reply", ["Nto Sarcastic", "nott sarcastic", "isn't sarcastic", "non-sarcastic", "unsarcastic"]
)
def test_a_denied_choice_is_not_named_even_where_it_means_the_other(reply: str) -> None:
    assert name(reply, SARCASM) == []


@pytest.mark.parametrize(
    ("reply", "choices"),
    [
        ("Start", ["Art"]),
        ("mother", ["Other"]),
        ("another", ["Other"]),
        ("スタート", ["アート"]),
        ("semi-formal", ["Formal"]),
        ("is_spam", ["Spam"]),
    ],
)
def test_a_choice_inside_a_longer_word_is_not_named(reply: str, choices: list[str]) -> None:
    assert name(reply, choices) == []


@pytest.mark.parametrize(
    "reply",
    [
        "Positive. It is not Negative because the author is happy.",
        "Positive\n\nAlthough there are Negative words, they are few.",
        "Some parts are Negative.\nFinal answer: Positive",
        "Options: Positive, Negative, Neutral\nAnswer: Positive",
        "It could be Positive or Neutral. The answer is Positive.",
        "The text has positive and negative parts. Overall, it is Positive.",
        "<think>Negative? Neutral?</think>Positive",
        '{"label": "Positive", "reason": "It is not Negative."}',
    ],
)
def test_an_answer_marked_as_such_beats_other_names(reply: str) -> None:
    assert name(reply) == ["Positive"]


@pytest.mark.parametrize(
    "reply",
    [
        "The reviewer praises the positive atmosphere.",
        "His friends were positive.",
        "The speaker is positive that it was Tuesday.",
        "A review is Positive when it praises.",
        "Some readers would call it Positive.",
        "My previous answer was Positive.",
        "Sentence 1: Positive",
        "Sentiment toward the staff: Positive",
        "It is positive in tone, yet it hides a threat.",
        "This is a positive review. Wait, no.",
        "Positive vs. Negative",
    ],
)
def test_a_name_that_is_only_used_or_taken_back_is_not_given(reply: str) -> None:
    assert name(reply) == []


@pytest.mark.parametrize(
    ("reply", "choices", "expected"),
    [
        ("No, this is Positive", ["No", "Positive"], ["Positive"]),
        ("No, the text is about cars.", ["Yes", "No"], ["No"]),
        ("There is no one here.", ["Yes", "No"], []),
        ("On the other hand it is short.", ["Praise", "Other"], []),
        ("A dog barks.", ["A", "B"], []),
        ("A) Paris", ["A", "B"], ["A"]),
        ("Answer: A", ["A", "B"], ["A"]),
        ("There are 2 complaints.", ["1", "2"], []),
        ("4/5", ["1", "2", "3", "4", "5"], ["4"]),
        ("4/10", ["1", "2", "3", "4", "5"], []),
        ("It may rain.", ["April", "May"], []),
    ],
)
def test_words_that_prose_is_full_of_count_only_as_an_answer(
    reply: str, choices: list[str], expected: list[str]
) -> None:
    assert name(reply, choices) == expected


@pytest.mark.parametrize("reply", ["Negativ", "Negatve", "Negatiev", "Neggative", "Answer: Negativ", "Négative"])
def test_one_typo_is_forgiven(reply: str) -> None:
    assert name(reply) == ["Negative"]


@pytest.mark.parametrize(
    ("reply", "choices"),
    [
        ("Unlikely", ["Likely"]),
        ("Female", ["Male"]),
        ("Immoral", ["Moral"]),
        ("Atypical", ["Typical"]),
        ("Employee", ["Employer"]),
        ("Class 3", ["Class 1", "Class 2"]),
        ("Class C", ["Class A", "Class B"]),
        ("Nonpositive", ["Positive"]),
        ("Casul", ["Causal", "Casual"]),
        ("Cat", ["Car"]),
    ],
)
def test_another_word_is_not_a_typo(reply: str, choices: list[str]) -> None:
    assert name(reply, choices) == []


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize(
    "reply",
    [
        "Options: Sports, Politics, Tech, Arts",
        "Choose one of: Sports, Politics, Tech, Arts",
        "Labels: Sports, Politics, Tech, Arts\nText: The match was long.",
        "Classify the text as Sports, Politics, Tech or Arts.",
        "Sports or Politics",
        "Is it Sports and Politics?",
        "Neither Sports nor Politics.",
    ],
)
def test_the_question_repeated_names_nothing(reply: str, *, single: bool) -> None:
    assert match_choices(reply, TOPICS, single=single) == []


@pytest.mark.parametrize(
    "reply", ["Tech, Sports", "- Tech\n- Sports", '["Tech", "Sports"]', "Labels: Tech, Sports", "Both Sports and Tech."]
)
def test_several_labels_come_in_the_order_of_the_config(reply: str) -> None:
    assert match_choices(reply, TOPICS, single=False) == ["Sports", "Tech"]


@pytest.mark.parametrize(
    "reply", ["Tech, Sports", "- Tech\n- Sports", '["Tech", "Sports"]', "Tech\nSports", "Tech. Sports."]
)
def test_two_labels_for_a_single_choice_are_none(reply: str) -> None:
    assert name(reply, TOPICS) == []


def test_choices_that_differ_only_by_case_are_told_apart_by_it() -> None:
    assert name("**us**", ["US", "us"]) == ["us"]
    assert name("Us", ["US", "us"]) == []


def test_choices_come_back_as_they_were_given() -> None:
    assert name("positive", ["", "  Positive ", "  Positive ", " "]) == ["  Positive "]


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize(
    "piece",
    [
        "Class 1 ",
        "not Class 1, ",
        "class ",
        "[",
        '{"a":',
        "<think>",
        "1. Class 1\n",
        "☐ Class 1 ",
        '"a ',
        "\u200b",
        "\x00",
        "ﷺ",
        "正",
        "a'",
        "-",
    ],
)
def test_a_megabyte_of_anything_is_read_against_a_thousand_choices(piece: str, *, single: bool) -> None:
    choices = [f"Class {number}" for number in range(1000)]
    assert match_choices(piece * (1_000_000 // len(piece)), choices, single=single) in ([], ["Class 1"])


def test_an_answer_at_the_end_of_a_megabyte_is_found() -> None:
    assert name("lorem ipsum " * 90_000 + "\n\nAnswer: Negative") == ["Negative"]
    assert name("<think>" + "Positive? " * 100_000 + "</think>Negative") == ["Negative"]


def test_a_mere_mention_in_a_text_too_long_to_read_does_not_count() -> None:
    assert name("It looks Negative to me. " + "lorem ipsum " * MAX_READ) == []


def test_names_of_hundreds_of_words_are_compared_only_as_a_whole() -> None:
    choices = ["word " * size for size in range(1, 300)]
    assert name("word " * 200, choices) == ["word " * 200]
    assert name("word " * 2000, choices) == []


def test_every_list_of_words_has_a_use() -> None:
    assert set(lists()) == set(get_args(Sense))


# ------------------------------------------------------------------------------------------------ properties

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=200)
ANY_CHOICES = st.lists(
    ANY_TEXT | st.sampled_from([*SENTIMENT, *SARCASM, *TOPICS, "A", "No", "1", "正面", ""]), max_size=8
)
PIECES = [*SENTIMENT, *SARCASM, "not", "is", "label:", "or", ",", ".", "\n", "- ", "**", '"', "{", "[", "no", "A", "1"]
NEAR_TEXT = st.lists(st.sampled_from(PIECES) | ANY_TEXT, max_size=20).map(" ".join)
CHOICE_SETS = [
    SENTIMENT,
    SARCASM,
    TOPICS,
    ["Spam", "Not spam"],
    ["Clothing/Apparel", "Home Improvement", "Other"],
    ["Yes", "No"],
    ["Positiv", "Größe", "Négatif"],
    ["Положительный", "Отрицательный"],
    ["إيجابي", "سلبي"],
    ["正面", "负面"],
    ["ポジティブ", "ネガティブ"],
    ["긍정", "부정"],
    ["सकारात्मक", "नकारात्मक"],
]
PLAIN_SETS = [
    SENTIMENT,
    TOPICS,
    ["Refund request", "Order status", "Cancel order"],
    ["Clothing/Apparel", "Home Improvement"],
]
CHOSEN = st.sampled_from([(choice, choices) for choices in CHOICE_SETS for choice in choices])
PLAIN = st.sampled_from([(choice, choices) for choices in PLAIN_SETS for choice in choices])


@settings(deadline=None)
@given(reply=ANY_TEXT | NEAR_TEXT, choices=ANY_CHOICES, single=st.booleans())
def test_any_text_gives_choices_of_the_config_in_its_order(reply: str, choices: list[str], single: bool) -> None:
    found = match_choices(reply, choices, single=single)
    assert found == [choice for choice in dict.fromkeys(choices) if choice in found]
    assert not single or len(found) <= 1


CASES = st.sampled_from([str, str.upper, str.lower, str.title, str.swapcase])
MARKS = st.sampled_from(["", "*", "**", "_", "__", "`", "~~~\n", "```\n", '"', "'", "***"])
BEFORE = st.sampled_from(
    ["", " ", "\n", "- ", "* ", "> ", "# ", "1. ", "2) ", "• ", "(", "[", "«", "\ufeff", "...", "=> "]
)
AFTER = st.sampled_from(["", " ", "\n", ".", "!", ",", ":", ")", "]", "»", "\u200b", "\u200f", "…", " \r\n"])


@settings(deadline=None)
@given(chosen=CHOSEN, case=CASES, mark=MARKS, before=BEFORE, after=AFTER, single=st.booleans())
def test_a_choice_in_any_dress_is_found(
    chosen: tuple[str, list[str]], case: Callable[[str], str], mark: str, before: str, after: str, single: bool
) -> None:
    choice, choices = chosen
    closing = "\n" + mark.strip() if mark.endswith("\n") else mark
    assert match_choices(before + mark + case(choice) + closing + after, choices, single=single) == [choice]


@settings(deadline=None)
@given(reply=st.text(alphabet="bcdfhjklmquwxyz0123456789 ,.!?:;-*_\"'()[]{}<>/\\\n"))
def test_a_reply_without_a_letter_of_any_choice_names_none(reply: str) -> None:
    assert match_choices(reply, ["Positive", "Negative"], single=False) == []


DENIALS = """
not {}; It isn't {}.; This is not {}; I don't think it is {}; neither {} nor anything else; cannot be called {};
no {} here; rather than {}; anything but {}; {} is not right; {} does not apply.; hardly {}; Is it {}?; Nicht {};
ce n'est pas {}; no es {}; не {}; 不是{}; {}ではありません; {} değil; ليس {}
"""


@settings(deadline=None)
@given(chosen=PLAIN, frame=st.sampled_from([frame.strip() for frame in DENIALS.split(";")]))
def test_a_choice_is_not_named_by_its_denial(chosen: tuple[str, list[str]], frame: str) -> None:
    choice, choices = chosen
    assert name(frame.format(choice), choices) == []
    assert match_choices(frame.format(choice), choices, single=False) == []


ANNOUNCEMENTS = """
Answer: {}; The answer is {}.; **Label:** {}; Label: **{}**; Final answer: {}; I would classify this text as {}.;
The correct category is "{}".; {}. Let me know if you need anything else!; => {}
"""
OTHER_SENTENCES = ["Lorem ipsum dolor sit amet.", "The author wrote it in May.", "Thanks for asking!", ""]


@settings(deadline=None)
@given(
    chosen=PLAIN,
    frame=st.sampled_from([frame.strip() for frame in ANNOUNCEMENTS.split(";")]),
    other=st.sampled_from(OTHER_SENTENCES),
)
def test_an_announced_choice_is_found_amid_other_sentences(
    chosen: tuple[str, list[str]], frame: str, other: str
) -> None:
    choice, choices = chosen
    assert name(frame.format(choice) + "\n" + other, choices) == [choice]


@settings(deadline=None)
@given(chosen=PLAIN, letters=st.sampled_from(["x", "un", "non", "ize", "ness", "q"]), place=st.sampled_from([0, 1]))
def test_a_choice_within_a_longer_word_is_not_named(chosen: tuple[str, list[str]], letters: str, place: int) -> None:
    choice, choices = chosen
    longer = letters + choice if place == 0 else choice + letters
    assert name(f"It is {longer}.", [choice for choice in choices if "/" not in choice and " " not in choice]) == []
