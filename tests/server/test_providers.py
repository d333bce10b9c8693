"""Providers that fail: tried again only where that can help, and one sentence that says what to do."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from llm_interactive.settings import Settings
from llm_interactive.web.app import create_app
from testing.llm import Call, FakeLLM, Reply, error
from tests.server.bodies import batch, chosen, press, results, setup, submitted, task, tasks, texts, typed
from tests.server.conftest import KEY, MakeApp
from tests.server.test_batch import PROMPTED, bad_text

SHORT: dict[str, Any] = {"predict_deadline": 1, "llm_timeout": 1}


def completion(message: dict[str, Any] | None, finish_reason: str = "stop") -> Reply:
    """A completion with one choice, whose message is `message`."""
    choice = {"index": 0, "finish_reason": finish_reason, "message": message}
    return Reply(body=json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]}).encode())


def body(content: bytes, content_type: str = "application/json", status: int = 200) -> Reply:
    return Reply(status=status, body=content, headers={"Content-Type": content_type})


TOOL_CALL = {"id": "1", "type": "function", "function": {"name": "label", "arguments": "{}"}}

# One call is made, then the annotator is told; in a batch the other tasks are not concerned.
REJECTED: dict[str, tuple[Reply, list[str]]] = {
    "400": (error(400, "no such thing"), ["(400)", "no such thing"]),
    "400 without JSON": (Reply(status=400, body=b"bad", headers={"Content-Type": "text/plain"}), ["(400)"]),
    "400 empty": (Reply(status=400, body=b""), ["(400)"]),
    "413": (error(413, "too large"), ["(413)", "too long"]),
    "422": (error(422, "unprocessable"), ["(422)", "unprocessable"]),
    "context too long": (
        error(400, "This model's maximum context length is 4097 tokens.", code="context_length_exceeded"),
        ["too long", "OPENAI_MODEL"],
    ),
    "prompt filtered": (
        error(400, "The response was filtered due to the content management policy.", code="content_filter"),
        ["content filter"],
    ),
    "reply filtered": (completion({"role": "assistant", "content": None}, "content_filter"), ["content filter"]),
    "cut off before any text": (completion({"role": "assistant", "content": ""}, "length"), ["MAX_TOKENS"]),
    "refusal": (completion({"role": "assistant", "content": None, "refusal": "I can't."}), ["refused", "I can't."]),
    "tool call": (
        completion({"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}, "tool_calls"),
        ["tool"],
    ),
    "null content": (completion({"role": "assistant", "content": None}), ["empty"]),
    "empty content": (completion({"role": "assistant", "content": ""}), ["empty"]),
    "blank content": (completion({"role": "assistant", "content": " \n"}), ["empty"]),
    "null message": (completion(None), ["empty"]),
    "empty choices": (body(b'{"choices": []}'), ["without any reply"]),
    "larger than the rate limit": (
        error(429, "Request too large for m on tokens per min (TPM): Limit 30000, Requested 31538.", code="rate_limit"),
        ["larger than", "(429)", "Shorten"],
    ),
    "more tokens than the limit": (
        error(429, "Rate limit on tokens per min (TPM): Limit 6000, Requested 8000."),
        ["larger than", "(429)"],
    ),
}

# One call is made, and none for the other tasks of a batch (tests/server/test_batch.py).
EVERYBODYS: dict[str, tuple[Reply, list[str]]] = {
    "401": (error(401, f"Incorrect API key provided: {KEY[:8]}***.", code="invalid_api_key"), ["(401)", "OPENAI_API"]),
    "403": (error(403, "Country not supported"), ["(403)"]),
    "404": (error(404, "The model does not exist", code="model_not_found"), ["(404)", "OPENAI_MODEL"]),
    "404 without JSON": (Reply(status=404, body=b"<html>nginx</html>"), ["(404)", "OPENAI_BASE_URL"]),
    "no quota": (error(429, "You exceeded your quota", code="insufficient_quota"), ["quota", "billing"]),
    "no quota, named by its type": (
        body(b'{"error": {"message": "x", "type": "insufficient_quota"}}', status=429),
        ["quota", "billing"],
    ),
    "no balance": (error(402, "Insufficient Balance"), ["(402)", "quota", "billing"]),
    "no more requests today": (
        error(429, "Rate limit reached on requests per day (RPD): Limit 200, Used 200, Requested 1."),
        ["for a longer time", "(429)", "tomorrow"],
    ),
    "no more for a day by the header": (
        error(429, "slow down", {"Retry-After": "86400"}),
        ["(429)", "Try again after"],
    ),
    "no more today, with 200": (
        body(b'{"error": {"message": "Rate limit exceeded: free-models-per-day", "code": 429}}'),
        ["for a longer time", "tomorrow"],
    ),
    "an unknown model said by 400": (error(400, "The model `x` does not exist"), ["(400)", "OPENAI_MODEL"]),
    "a wrong key as Gemini says it": (
        body(b'[{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}]', status=400),
        ["rejected the API key (400)", "OPENAI_API_KEY"],
    ),
}

# Worth another call.
TRANSIENT: dict[str, tuple[Reply, list[str]]] = {
    "408": (error(408, "timeout"), ["408", "again"]),
    "409": (error(409, "conflict"), ["409", "again"]),
    "500": (error(500, "oops"), ["500", "again"]),
    "502": (Reply(status=502, body=b"<html>bad gateway</html>"), ["502", "again"]),
    "503": (error(503, "overloaded", {"Retry-After": "0.05"}), ["503", "again"]),
    "reset before": (Reply(texts=["OK"], reset="before"), ["cannot be reached", "OPENAI_BASE_URL"]),
    "reset during": (Reply(texts=["OK"], reset="during"), ["OPENAI_BASE_URL"]),
    "an error in a choice, with 200": (
        body(
            b'{"choices": [{"finish_reason": "error", "message": {"content": ""}, '
            b'"error": {"code": 502, "message": "Upstream is down"}}]}'
        ),
        ["502", "again"],
    ),
    "HTML with 200": (body(b"<html>Welcome</html>", "text/html"), ["not a chat completion", "OPENAI_BASE_URL"]),
    "HTML called JSON": (body(b"<html>Welcome</html>"), ["OPENAI_BASE_URL"]),
    "cut JSON": (body(b'{"choices": [{'), ["OPENAI_BASE_URL"]),
    "other JSON": (body(b'{"hello": 1}'), ["not a chat completion"]),
    "a JSON list": (body(b"[1, 2]"), ["not a chat completion"]),
    "a JSON null": (body(b"null"), ["not a chat completion"]),
    "null choices": (body(b'{"choices": null}'), ["not a chat completion"]),
    "choices an object": (body(b'{"choices": {"a": 1}}'), ["not a chat completion"]),
    "choices of null": (body(b'{"choices": [null]}'), ["not a chat completion"]),
    "choices of numbers": (body(b'{"choices": [1]}'), ["not a chat completion"]),
    "message a text": (body(b'{"choices": [{"message": "hi"}]}'), ["not a chat completion"]),
    "no body": (body(b""), ["not a chat completion"]),
}
FOR_GOOD = {**REJECTED, **EVERYBODYS}


def shown(make_app: MakeApp, **changes: Any) -> str:
    """What the annotator is shown after pressing once."""
    [text] = texts(press(make_app(**changes).test_client(), typed("Judge.")))
    return text


@pytest.mark.parametrize(("answer", "fragments"), FOR_GOOD.values(), ids=FOR_GOOD.keys())
def test_a_failure_for_good_is_said_after_one_call(
    shared_client: FlaskClient, shared_llm: FakeLLM, answer: Reply, fragments: list[str]
) -> None:
    shared_llm.forget()
    shared_llm.answer = answer
    [sentence] = texts(press(shared_client, typed("Judge.")))
    assert sentence.startswith("⚠ ")
    assert all(fragment in sentence for fragment in fragments), sentence
    assert KEY[:8] not in sentence
    assert len(shared_llm.calls) == 1


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """For each of TRANSIENT that lasts: what the annotator is told in the end, and how many calls were made.

    All wait for their time to be up at once.
    """
    with FakeLLM(lambda call: TRANSIENT[call.prompt.split("Directive: ")[1]][0]) as llm:
        folder = tmp_path_factory.mktemp("told") / "data"
        app = create_app(Settings(openai_api_key=KEY, openai_base_url=llm.base_url, model_dir=folder, **SHORT))

        def tell(name: str) -> str:
            [sentence] = texts(press(app.test_client(), typed(name)))
            return sentence

        with ThreadPoolExecutor(len(TRANSIENT)) as pool:
            sentences = dict(zip(TRANSIENT, pool.map(tell, TRANSIENT), strict=True))
        app.extensions["llm_interactive"].close()
        calls = Counter(call.prompt.split("Directive: ")[1] for call in llm.calls)
    return {name: (sentence, calls[name]) for name, sentence in sentences.items()}


@pytest.mark.parametrize("name", TRANSIENT)
def test_a_failure_that_may_pass_is_tried_again_and_said_when_time_is_up(
    told: dict[str, tuple[str, int]], name: str
) -> None:
    sentence, calls = told[name]
    assert sentence.startswith("⚠ ")
    assert calls >= 2
    assert all(fragment in sentence for fragment in TRANSIENT[name][1]), sentence


@pytest.mark.parametrize("retry_after", [{"Retry-After-Ms": "50"}, {"Retry-After": "soon"}], ids=str)
def test_a_rate_limit_is_tried_again_and_said_when_time_is_up(
    make_app: MakeApp, llm: FakeLLM, retry_after: dict[str, str]
) -> None:
    llm.answer = error(429, "slow down", retry_after)
    assert "(429)" in shown(make_app, predict_deadline=2)
    assert len(llm.calls) >= 2


@pytest.mark.parametrize("answer", [answer for answer, _ in REJECTED.values()], ids=REJECTED.keys())
def test_one_tasks_rejection_leaves_the_other_tasks_alone(
    shared_client: FlaskClient, shared_llm: FakeLLM, answer: Reply
) -> None:
    shared_client.post("/webhook", json=submitted("Judge."))
    shared_llm.forget()
    shared_llm.answer = bad_text(2, answer)
    entries = results(shared_client, batch(tasks(5)))
    assert ["result" in entry for entry in entries] == [True, False, True, True, True]
    assert len(shared_llm.calls) == 5


@pytest.mark.parametrize("name", ["500", "reset before", "reset during", "HTML with 200"])
def test_one_tasks_passing_failure_in_a_batch_is_overcome(make_app: MakeApp, llm: FakeLLM, name: str) -> None:
    llm.queue(TRANSIENT[name][0])
    entries = results(make_app(**PROMPTED).test_client(), batch(tasks(5)))
    assert all("result" in entry for entry in entries)
    assert len(llm.calls) == 6


def test_a_server_that_does_not_listen_is_named_by_its_setting(make_app: MakeApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    sentence = shown(make_app, openai_base_url=f"http://127.0.0.1:{port}/v1", **SHORT)
    assert "cannot be reached" in sentence
    assert "OPENAI_BASE_URL" in sentence


def test_a_server_that_hangs_is_given_up(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(texts=["OK"], hang=True)
    assert shown(make_app, **SHORT).startswith("⚠ ")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(make_app: MakeApp, llm: FakeLLM, status: int) -> None:
    with FakeLLM("elsewhere") as other:
        llm.answer = Reply(status=status, headers={"Location": f"{other.base_url}/chat/completions"}, body=b"")
        sentence = shown(make_app, **SHORT)
        assert other.calls == []
    assert "redirect" in sentence
    assert "OPENAI_BASE_URL" in sentence


def test_the_log_holds_the_providers_request_id_for_its_support(
    make_app: MakeApp, llm: FakeLLM, caplog: pytest.LogCaptureFixture
) -> None:
    llm.answer = error(400, "no", {"x-request-id": "req_4711"})
    shown(make_app)
    results(make_app(**PROMPTED).test_client(), batch([task(5)]))
    assert [record.name.split(".")[0] for record in caplog.records if "req_4711" in record.getMessage()] == [
        "llm_interactive",
        "llm_interactive",
    ]


def test_the_log_holds_the_request_id_of_a_reply_without_text_too(
    make_app: MakeApp, llm: FakeLLM, caplog: pytest.LogCaptureFixture
) -> None:
    withheld = completion({"role": "assistant", "content": None}, "content_filter")
    llm.answer = replace(withheld, headers={"x-request-id": "req_4712"})
    assert "content filter" in shown(make_app)
    assert "content filter" in "".join(line for line in caplog.messages if "req_4712" in line)


ODD_KEYS = ["proxy.key/7+x=1", "EMPTY-but-secret", "a" * 200]


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: key[:20])
@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_key_of_any_form_that_the_provider_repeats_is_neither_shown_nor_logged(
    make_app: MakeApp, llm: FakeLLM, caplog: pytest.LogCaptureFixture, key: str, status: int
) -> None:
    caplog.set_level("DEBUG", "llm_interactive")
    half = len(key) // 2
    client = make_app(openai_api_key=key, **SHORT).test_client()
    for message in (f"The key {key} is bad", f"The key {key[:half]}\n  {key[half:]} is bad"):
        for answer in (
            error(status, message),
            Reply(status=status, body=message.encode()),
            Reply(status=status, body=json.dumps({"detail": {"authorization": f"Bearer {key}"}}).encode()),
        ):
            llm.answer = answer
            [sentence] = texts(press(client, typed("Judge.")))
            for told in (sentence, caplog.text, client.get("/status").get_data(as_text=True)):
                assert key not in told
                assert key[half:] not in told


@pytest.mark.parametrize("word", [".", "*", "image", "maximum ", "sk-", "ä\n"], ids=repr)
def test_a_long_message_of_the_provider_holds_nobody_up(make_app: MakeApp, llm: FakeLLM, word: str) -> None:
    llm.answer = error(400, word * (2_000_000 // len(word)))
    started = time.monotonic()
    sentence = shown(make_app)
    assert time.monotonic() - started < 5
    assert len(sentence) < 300


@pytest.mark.parametrize(
    ("reply", "choices"),
    [
        ("<think>Not Sarcastic?</think>Sarcastic", ["Sarcastic"]),
        ("<thinking>\nNot Sarcastic?\n</thinking>\nSarcastic", ["Sarcastic"]),
        ("```\nNot Sarcastic\n```", ["Not Sarcastic"]),
        ("```json\nSarcastic\n```", ["Sarcastic"]),
        ("<think>Sarcastic or not", []),
    ],
)
def test_wrapped_replies_tick_what_they_say(make_app: MakeApp, llm: FakeLLM, reply: str, choices: list[str]) -> None:
    llm.answer = reply
    assert chosen(press(make_app().test_client(), typed("Judge."))) == choices


def test_one_models_limit_does_not_hold_up_another_model(make_app: MakeApp, llm: FakeLLM) -> None:
    limit = error(429, "slow down", {"Retry-After": "30"})
    llm.answer = lambda call: limit if call.json["model"] == "a" else Reply(texts=["OK"])
    client = make_app(**PROMPTED, predict_deadline=2).test_client()
    for project, model in (("4.1", "a"), ("5.1", "b")):
        setup(client, project=project, extra_params={"model": model})
    assert "error" in results(client, batch(tasks(1), project="4.1"))[0]
    assert texts(results(client, batch(tasks(1), project="5.1"))[0]) == ["OK"]


def test_a_few_limits_by_chance_do_not_slow_down_a_batch(make_app: MakeApp, llm: FakeLLM) -> None:
    refused: set[str] = set()

    def now_and_then(call: Call) -> Reply:
        # Three of sixty, each once.
        if call.prompt[-60:] not in refused and any(f"text {number}\n" in call.prompt for number in (20, 40, 59)):
            refused.add(call.prompt[-60:])
            return error(429, "slow down", {"Retry-After": "1"})
        return Reply(texts=["OK"])

    llm.answer = now_and_then
    entries = results(make_app(**PROMPTED).test_client(), batch(tasks(60)))
    assert all("result" in entry for entry in entries)
    assert len(llm.calls) == 63
