"""How sure a reply is: of each output, by the probabilities of its labels or by replies that agree."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from llm_interactive.llm.logprobs import probability, tokens_of
from llm_interactive.outputs.form import Filled, Form

Make = Callable[[str], Form]

PROMPT = '<Text name="t" value="$t"/><TextArea name="prompt" toName="t"/><TextArea name="response" toName="t"/>'
LABELS = "".join(f'<Choice value="{name}"/>' for name in ("Yes", "No", "Not sure"))
ONE = f'{PROMPT}<Choices name="c" toName="t">{LABELS}</Choices>'
SEVERAL = ONE.replace('name="c"', 'name="c" choice="multiple"')
STARS = '<Rating name="stars" toName="t"/>'
SPANS = f'{PROMPT}<Labels name="spans" toName="t"><Label value="PER"/><Label value="LOC"/></Labels>'


def filled(form: Form, *replies: str | dict[str, Any], sure: Mapping[str, float], cut: bool = False) -> Filled:
    """What `replies` fill: words of the first one have the probabilities that `sure` names, others 1."""
    texts = [reply if isinstance(reply, str) else json.dumps(reply) for reply in replies]
    words = [(word, sure.get(word, 1)) for word in re.findall(r"\w+|\W", texts[0])]
    content = [{"token": word, "logprob": math.log(share)} for word, share in words]
    known = partial(probability, tokens_of(texts[0], {"content": content}), texts[0])
    return form.filled(texts, {"t": "Ann saw Rome."}, known, cut=cut)


def test_the_score_is_the_probability_of_the_label_and_stands_at_its_region(form: Make) -> None:
    found = filled(form(ONE), {"response": "Yes or No?", "c": "No"}, sure={"No": 0.9, "Yes": 0.1})
    assert found.scores == {"c": 0.9}
    assert {region["from_name"]: region.get("score") for region in found.regions} == {"response": None, "c": 0.9}


def test_a_label_of_several_tokens_is_as_probable_as_all_of_them(form: Make) -> None:
    assert filled(form(ONE), {"response": "R", "c": "Not sure"}, sure={"Not": 0.5, "sure": 0.5}).scores == {"c": 0.25}


def test_of_several_labels_the_least_counts(form: Make) -> None:
    assert filled(form(SEVERAL), {"response": "R", "c": ["Yes", "No"]}, sure={"Yes": 0.9, "No": 0.6}).scores["c"] == 0.6


@pytest.mark.parametrize(("config", "reply", "word"), [(ONE, None, "null"), (SEVERAL, [], "[")])
def test_that_there_is_no_label_has_its_score_too(form: Make, config: str, reply: Any, word: str) -> None:
    assert filled(form(config), {"response": "R", "c": reply}, sure={word: 0.7}).scores == {"c": 0.7}


def test_each_output_has_its_own(form: Make) -> None:
    found = filled(form(ONE + STARS), {"response": "R", "c": "No", "stars": 4}, sure={"No": 0.9, "4": 0.3})
    assert found.scores == {"c": 0.9, "stars": 0.3}


def test_of_spans_the_labels_count_and_not_the_quotes(form: Make) -> None:
    spans = [{"quote": "Ann", "label": "PER"}, {"quote": "Rome", "label": "LOC"}]
    sure = {"Ann": 0.1, "PER": 0.9, "LOC": 0.8}
    found = filled(form(SPANS), {"response": "R", "spans": spans}, sure=sure)
    assert found.scores == {"spans": 0.8}
    assert [region.get("score") for region in found.regions] == [None, 0.8, 0.8]


def test_a_form_of_texts_has_no_scores(form: Make) -> None:
    assert filled(form(PROMPT), "No", sure={"No": 0.9}).scores == {}
    assert not form(PROMPT).has_labels
    assert not form(PROMPT + '<TextArea name="other" toName="t"/>').has_labels
    assert form(ONE).has_labels


def test_a_plain_reply_is_as_sure_as_the_label_in_it(form: Make) -> None:
    assert filled(form(ONE), "Not sure.", sure={"Not": 0.5, "sure": 0.5}).scores == {"c": 0.25}
    assert filled(form(ONE), "Label: no", sure={"no": 0.5}).scores == {"c": 0.5}


def test_the_object_may_stand_within_others_and_among_words(form: Make) -> None:
    reply = 'No {idea}. ```json\n{"answer": {"response": "No", "c": "No"}}\n```'
    assert filled(form(ONE), reply, sure={"No": 0.5}).scores == {"c": 0.5}


@pytest.mark.parametrize(
    "reply",
    [
        {"response": "R", "c": "Perhaps"},
        {"response": "R"},
        "No, that is, no.",
        "It is hard to say.",
        "{'response': 'R', 'c': 'No'}",
    ],
    ids=["no label", "left out", "twice", "prose", "no JSON"],
)
def test_where_the_label_cannot_be_found_there_is_no_score(form: Make, reply: Any) -> None:
    found = filled(form(ONE), reply, sure={})
    assert found.scores == {"c": None}
    assert not [region for region in found.regions if "score" in region]


def test_a_reply_that_was_cut_off_has_no_score(form: Make) -> None:
    assert filled(form(ONE), {"response": "R", "c": "No"}, sure={}, cut=True).scores == {"c": None}


def test_without_probabilities_the_replies_that_agree_are_counted(form: Make) -> None:
    replies = [json.dumps({"response": "R", "c": label}) for label in ("No", "Yes", "No", "No")]
    assert form(ONE).filled(replies, {"t": "x"}).scores == {"c": 0.75}
    assert form(ONE).filled(replies[:1], {"t": "x"}).scores == {"c": None}


def test_replies_that_cannot_be_read_do_not_agree(form: Make) -> None:
    assert form(ONE).filled(["Hm.", "Hm."], {"t": "x"}).scores == {"c": None}
