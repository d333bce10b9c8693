"""What a provider's failure means, from the openai client's real exceptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import openai
import pytest

from llm_interactive.errors import AccountError, LLMError, RateLimitError, RejectedError, TransientLLMError
from llm_interactive.llm.completion import Choice, Completion
from llm_interactive.llm.provider_errors import Provider, translate, truncated

OPENAI = Provider("OpenAI", "OPENAI_BASE_URL", "OPENAI_MODEL")
AZURE = Provider("Azure OpenAI", "AZURE_RESOURCE_ENDPOINT", "AZURE_DEPLOYMENT_NAME")
KEY = "sk-proj-Abc123Def456Ghi789"


class Wire(httpx2.BaseTransport):
    """Answers the next request with `outcome`, or breaks with it."""

    outcome: httpx2.Response | httpx2.TransportError

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if isinstance(self.outcome, httpx2.TransportError):
            raise self.outcome
        return self.outcome


WIRE = Wire()
CLIENT = openai.OpenAI(
    api_key=KEY, base_url="http://llm.test/v1", max_retries=0, http_client=httpx2.Client(transport=WIRE)
)


def raised(outcome: httpx2.Response | httpx2.TransportError) -> Exception:
    """What the openai client raises when this comes over the wire."""
    WIRE.outcome = outcome
    with pytest.raises(openai.OpenAIError) as caught:
        CLIENT.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    return caught.value


def answered(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Exception:
    """What the client raises when the provider answers so; `body` is JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raised(httpx2.Response(status, content=content, headers=dict(headers or {})))


def error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "some_error", "param": None, "code": code}}


@pytest.mark.parametrize(
    ("exception", "kind", "words"),
    [
        (answered(401, error("Incorrect API key")), AccountError, ["API key", "401", "OPENAI_API_KEY"]),
        (answered(403, error("Country not supported")), AccountError, ["denies access", "403"]),
        (answered(404, error("No such model", "model_not_found")), AccountError, ["404", "OPENAI_MODEL"]),
        (answered(404, b"<html>not found</html>"), AccountError, ["404", "OPENAI_BASE_URL"]),
        (answered(429, error("Quota", "insufficient_quota")), AccountError, ["quota", "429", "billing"]),
        (answered(402, error("Insufficient Balance")), AccountError, ["quota", "402", "billing"]),
        (answered(400, [{"error": {"message": "API key not valid."}}]), AccountError, ["API key", "400"]),
        (answered(429, error("Slow down", "rate_limit_exceeded")), RateLimitError, ["429", "Try again"]),
        (answered(429, b"slow down"), RateLimitError, ["429"]),
        (answered(408, error("Timeout")), TransientLLMError, ["408"]),
        (answered(409, error("Conflict")), TransientLLMError, ["409"]),
        (answered(500, error("Server error")), TransientLLMError, ["500"]),
        (answered(502, b"<html>bad gateway</html>"), TransientLLMError, ["502"]),
        (answered(503, error("Overloaded")), TransientLLMError, ["503"]),
        (answered(529, error("Overloaded")), TransientLLMError, ["529"]),
        (answered(400, error("Too many tokens", "context_length_exceeded")), RejectedError, ["too long", "Shorten"]),
        (
            answered(400, error("the request exceeds the available context size")),
            RejectedError,
            ["too long", "OPENAI_MODEL"],
        ),
        (answered(413, b"too large"), RejectedError, ["too long", "413"]),
        (answered(400, error("Filtered", "content_filter")), RejectedError, ["content filter", "400"]),
        (
            answered(400, error("The response was filtered due to Azure's content management policy.")),
            RejectedError,
            ["content filter"],
        ),
        (answered(400, error("messages: at least one is needed")), RejectedError, ["400", "at least one is needed"]),
        (answered(422, error("Wrong type")), RejectedError, ["422", "Wrong type"]),
        (answered(400, b""), RejectedError, ["400"]),
        (answered(400, {"error": "a bare string"}), RejectedError, ["400"]),
        (answered(400, {"detail": "not OpenAI's form"}), RejectedError, ["400"]),
        (answered(400, ["a", "list"]), RejectedError, ["400"]),
        (answered(302, b"", {"Location": "http://elsewhere/"}), RejectedError, ["redirect", "OPENAI_BASE_URL"]),
        (raised(httpx2.ConnectError("it broke")), TransientLLMError, ["cannot be reached", "OPENAI_BASE_URL"]),
        (raised(httpx2.RemoteProtocolError("it broke")), TransientLLMError, ["cannot be reached"]),
        (raised(httpx2.ConnectTimeout("it broke")), TransientLLMError, ["in time"]),
        (raised(httpx2.ReadTimeout("it broke")), TransientLLMError, ["in time"]),
        (
            openai.APIResponseValidationError(httpx2.Response(200, request=httpx2.Request("POST", "http://x")), None),
            TransientLLMError,
            ["chat completion", "OPENAI_BASE_URL"],
        ),
    ],
)
def test_a_failure_has_its_kind_and_a_message_that_says_what_to_do(
    exception: Exception, kind: type[LLMError], words: list[str]
) -> None:
    translated = translate(exception, OPENAI)
    assert type(translated) is kind
    assert [word for word in words if word not in translated.message] == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, ["Azure OpenAI"]), (404, ["AZURE_DEPLOYMENT_NAME", "AZURE_RESOURCE_ENDPOINT"]), (413, ["DEPLOYMENT_NAME"])],
)
def test_the_message_names_the_settings_of_the_provider_in_use(status: int, words: list[str]) -> None:
    told = translate(answered(status, error("No")), AZURE).message
    assert [word for word in words if word not in told] == []


STATUSES = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("message", "secret"),
    [
        (f"Incorrect API key provided: {KEY}. You can find yours at …", "Abc123"),
        ("Incorrect API key provided: sk-proj-********i789.", "i789"),
        ("Authentication failed for Bearer 0123456789abcdef0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_no_message_holds_a_part_of_a_key(status: int, message: str, secret: str) -> None:
    assert secret not in translate(answered(status, error(message)), OPENAI).message


def test_a_key_too_short_to_be_one_is_left_in_the_words() -> None:
    client = openai.OpenAI(api_key="any", base_url="http://llm.test/v1", max_retries=0, http_client=CLIENT._client)
    WIRE.outcome = httpx2.Response(400, json=error("many words"))
    with pytest.raises(openai.OpenAIError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert "many words" in translate(caught.value, OPENAI).message


@pytest.mark.parametrize("status", STATUSES)
def test_every_message_is_one_short_line(status: int) -> None:
    told = translate(answered(status, error("first line\nsecond line " + "x" * 5000)), OPENAI).message
    assert "\n" not in told
    assert len(told) < 300


def test_the_word_context_alone_is_no_sign_of_too_long_a_prompt() -> None:
    refused = translate(answered(400, error("logprobs are not supported in this context")), OPENAI)
    assert "too long" not in refused.message


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After-Ms": "1500"}, 1.5),
        ({"Retry-After-Ms": "1500", "Retry-After": "2"}, 1.5),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:07 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 7.0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:07 GMT"}, 0.0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:07 GMT", "Date": "yesterday"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:07 -0000", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
    ],
)
def test_the_time_that_the_provider_asks_to_wait_is_kept(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    translated = translate(answered(status, error("Later"), headers), OPENAI)
    assert isinstance(translated, TransientLLMError)
    assert translated.retry_after == seconds


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ([Choice("")], "empty"),
        ([Choice("", refusal="I can't help\nwith that.")], "refused: I can't help with that."),
        ([Choice("", finish_reason="content_filter")], "content filter"),
        ([Choice("", finish_reason="length")], "MAX_TOKENS"),
        ([Choice("", calls_tool=True)], "tool"),
        ([], "without any reply"),
    ],
)
def test_a_completion_without_text_says_why(choices: list[Choice], words: str) -> None:
    assert words in truncated(Completion(tuple(choices)), OPENAI)
