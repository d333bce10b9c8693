"""A provider's answer → a completion, whatever a compatible server makes of the shape."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from llm_interactive.llm.completion import Choice, Completion, read_completion, without_reasoning

STOPPED = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Positive"}}


def read(body: Any, **headers: str) -> Completion:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_completion(httpx2.Response(200, content=content, headers=headers))


def choice(**message: Any) -> Choice:
    [found] = read({"choices": [{"finish_reason": "stop", "message": message}]}).choices
    return found


def test_texts_tokens_and_the_requests_id_are_read() -> None:
    body = {"choices": [STOPPED, STOPPED], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    positive = Choice("Positive", finish_reason="stop")
    assert read(body, **{"x-request-id": "req_1"}) == Completion((positive, positive), 7, 3, "req_1")


def test_the_content_type_does_not_matter() -> None:
    assert read({"choices": [STOPPED]}, **{"content-type": "text/plain"}).choices[0].text == "Positive"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        (7, ""),
        ([], ""),
        ([{"type": "text", "text": "Posi"}, {"type": "text", "text": "tive"}], "Positive"),
        ([{"type": "image_url"}, "tive", {"text": None}], ""),
        ("half a pair \ud83d", "half a pair \ud83d"),
    ],
    ids=repr,
)
def test_the_text_of_a_message_is_what_is_text_in_its_content(content: Any, text: str) -> None:
    assert choice(content=content).text == text


def test_what_stands_in_the_place_of_a_text_is_read() -> None:
    assert choice(content=None, refusal="I can't.").refusal == "I can't."
    assert choice(content=None, tool_calls=[{"id": "1"}]).calls_tool
    assert choice(content="a", refusal=["odd"], tool_calls=[]) == Choice("a", finish_reason="stop")


def test_a_choice_without_a_message_has_no_text() -> None:
    assert read({"choices": [{"message": None, "finish_reason": ["odd"]}]}).choices == (Choice(""),)


@pytest.mark.parametrize("tokens", [None, -1, "7", 1e20, 10**20, {}])
def test_tokens_that_nobody_can_count_are_none(tokens: Any) -> None:
    for usage in (tokens, {"prompt_tokens": tokens}):
        assert read({"choices": [STOPPED], "usage": usage}).prompt_tokens == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        None,
        [],
        "choices",
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": [None]},
        {"choices": ["Positive"]},
        {"choices": [{"text": "Positive"}]},
        {"choices": [{"message": "Positive"}]},
    ],
    ids=lambda body: repr(body)[:40],
)
def test_what_is_no_completion_is_told_from_one(body: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(body)


@pytest.mark.parametrize(("reason", "cut"), [("length", True), ("stop", False), ("content_filter", False)])
def test_a_reply_that_ended_at_the_limit_of_tokens_is_cut(reason: str, cut: bool) -> None:
    assert read({"choices": [STOPPED, {**STOPPED, "finish_reason": reason}]}).is_cut is cut


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>Hm, is it?</think>Friendly", "Friendly"),
        ("\n<think>\nHm.\n</think>\n\nFriendly\n", "Friendly"),
        ("<thinking>Hm.</thinking> Friendly", "Friendly"),
        ('<think step="1">Hm.</think>\n<think step="2">Yes.</think>Friendly', "Friendly"),
        ("<seed:think>Hm.</seed:think>Friendly", "Friendly"),
        ("◁think▷Hm.◁/think▷Friendly", "Friendly"),
        ("Hm.◁/think▷Friendly", "Friendly"),
        ("<|begin_of_thought|>Hm.<|end_of_thought|>\n<|begin_of_solution|>Friendly<|end_of_solution|>", "Friendly"),
        ("<reasoning>Hm.</reasoning> Friendly", "Friendly"),
        ("<THINK>Hm.</THINK>Friendly", "Friendly"),
        ("<think></think>Friendly", "Friendly"),
        ("Hm, is it? Yes.\n</think>\nFriendly", "Friendly"),
        ("<think>Hm, and then it was cut off", ""),
        ("[THINK]Hm.[/THINK]Friendly", "Friendly"),
        ("[THINK]Hm, and then it was cut off", ""),
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Friendly", "Friendly"),
        ("<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>Friendly<|return|>", "Friendly"),
        ("<|channel|>final<|message|>Friendly<|end|>", "Friendly"),
        ("<|channel|>analysis<|message|>Hm, and then it was cut off", ""),
        ("analysisHm, is it? Yes.assistantfinalFriendly", "Friendly"),
    ],
)
def test_what_a_model_thinks_aloud_is_no_part_of_its_reply(text: str, said: str) -> None:
    assert (without_reasoning(text), choice(content=text).text) == (said, said)


@pytest.mark.parametrize(
    "text",
    [
        "Friendly",
        "two\n\nparagraphs",
        '{"response": "R", "c": null}',
        "It says <b>think</b>.",
        "Use the tag <think> for it.",
        "[thinking] no mark of any model",
        "analysis of the text: friendly",
        "analysis: the assistant is final",
        "",
    ],
)
def test_any_other_reply_stays_as_it_is(text: str) -> None:
    assert without_reasoning(text) == text


def test_cached_tokens_and_those_of_reasoning_are_read_where_the_provider_tells() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 80},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    told = read({"choices": [], "usage": usage})
    assert (told.cached_tokens, told.reasoning_tokens) == (80, 30)
    odd = read({"choices": [], "usage": {"prompt_tokens_details": [], "completion_tokens": 1}})
    assert (odd.cached_tokens, odd.reasoning_tokens) == (0, 0)
