"""Which parameter a provider refused, from the openai client's real exceptions and providers' real words."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from llm_interactive.llm.refusals import refused_parameter

SENT = ("temperature", "n", "max_tokens", "response_format", "logprobs", "top_logprobs")


def refused(body: Any, status: int = 400, sent: tuple[str, ...] = SENT) -> str | None:
    """What is taken to be refused when a provider answers with `body`: JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = httpx2.MockTransport(lambda request: httpx2.Response(status, content=content))
    client = openai.OpenAI(
        api_key="k", base_url="http://llm.test/v1", max_retries=0, http_client=httpx2.Client(transport=answer)
    )
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    return refused_parameter(caught.value, sent)


def error(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        # OpenAI
        (
            error(
                "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is "
                "supported.",
                "temperature",
                "unsupported_value",
            ),
            "temperature",
        ),
        (
            error(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                "max_tokens",
                "unsupported_parameter",
            ),
            "max_tokens",
        ),
        (
            error(
                "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn "
                "more about supported models at the Structured Outputs guide.",
            ),
            "response_format",
        ),
        (
            error(
                "Invalid schema for response_format 'x': In context=(), 'additionalProperties' is required to be "
                "supplied and to be false.",
                "response_format",
            ),
            "response_format",
        ),
        (error("Invalid schema for response_format 'x': In context=('properties', 'a'), …"), "response_format"),
        (error("Unknown parameter: 'text.format'.", "text.format"), "response_format"),
        # Azure
        (
            error(
                "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
                None,
                "BadRequest",
            ),
            "response_format",
        ),
        # Moonshot
        ({"error": {"message": "invalid temperature: only 1 is allowed for this model"}}, "temperature"),
        # Anthropic
        (error("`temperature` is deprecated for this model."), "temperature"),
        # Groq
        (error("'n' : number must be at most 1"), "n"),
        (error("Multiple candidates is not enabled for this model"), "n"),
        (error("This model does not support response format `json_schema`."), "response_format"),
        # DeepSeek
        (error("invalid value: json_schema", "response_format.type"), "response_format"),
        (error("This response_format type is unavailable now"), "response_format"),
        # vLLM
        ({"message": "The provided JSON schema contains features not supported by xgrammar."}, "response_format"),
        (error("The provided JSON schema contains features not supported by xgrammar."), "response_format"),
        # llama.cpp
        ({"error": {"code": 400, "message": "failed to parse grammar", "type": "server_error"}}, "response_format"),
        # LM Studio
        ({"error": "'response_format.type' must be 'json_schema' or 'text'"}, "response_format"),
        # OpenAI, DeepSeek, Gemini, xAI, vLLM
        (error("You are not allowed to request logprobs from this model.", "logprobs"), "logprobs"),
        (error("This model does not support parameter top_logprobs", "top_logprobs"), "top_logprobs"),
        (error("deepseek-reasoner does not support the parameter `logprobs`"), "logprobs"),
        ([{"error": {"code": 400, "message": "Logprobs is not enabled for models/gemini"}}], "logprobs"),
        ({"code": "invalid", "error": "Argument not supported on this model: logprobs"}, "logprobs"),
        (error("logprobs are not supported with structured output"), "logprobs"),
        # servers of one's own
        ({"detail": "`temperature` must be 1"}, "temperature"),
    ],
)
def test_the_parameter_is_known_by_its_name_or_by_the_words(body: Any, name: str) -> None:
    assert refused(body) == name


@pytest.mark.parametrize(
    ("location", "name"),
    [
        (["body", "n"], "n"),
        (["body", "temperature"], "temperature"),
        (["body", "response_format", "json_schema", "schema"], "response_format"),
        (["body", "messages", 0, "content"], None),
    ],
)
def test_the_parameter_is_known_by_the_place_in_a_validation_error(location: list[Any], name: str | None) -> None:
    detail = {"loc": location, "msg": "Input is not allowed", "type": "value_error"}
    assert refused({"detail": [detail]}, status=422) == name


def test_the_place_is_found_in_mistrals_form_too() -> None:
    detail = {"loc": ["body", "n"], "msg": "Input should be less than or equal to 1", "type": "less_than_equal"}
    assert refused({"object": "error", "message": {"detail": [detail]}, "param": None}, status=422) == "n"


@pytest.mark.parametrize("name", ["n", "temperature", "max_tokens", "response_format"])
def test_what_was_not_sent_cannot_be_what_was_refused(name: str) -> None:
    others = tuple(other for other in SENT if other != name)
    assert refused(error(f"'{name}' is not supported", name), sent=others) is None


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("failed to parse grammar", "response_format"),
        ("logprobs is not supported for models created with logits_all=False", "logprobs"),
        ("temperature of the disk is too high", None),
    ],
)
def test_a_local_server_that_fails_over_a_parameter_refuses_it(message: str, name: str | None) -> None:
    assert refused(error(message), status=500) == name


def test_the_newer_name_of_a_limit_can_be_refused_likewise() -> None:
    body = error("Unsupported parameter: 'max_completion_tokens'")
    assert refused(body, sent=("max_completion_tokens",)) == "max_completion_tokens"


@pytest.mark.parametrize(
    "body",
    [
        error(
            "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (1000 in the "
            "messages, 8000 in the completion). Please reduce the length of the messages or max_tokens.",
            "messages",
            "context_length_exceeded",
        ),
        error("'max_tokens' is too large: 100000. This model supports at most 16384 completion tokens."),
        {"error": {"message": "the request exceeds the available context size. try to lower n"}},
        error(
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please "
            "modify your prompt and retry.",
            "prompt",
            "content_filter",
        ),
        error("Invalid value for 'content': expected a string, got null.", "messages.[0].content"),
        error("The model `gpt-9` does not exist", None, "model_not_found"),
        error("Your prompt names no animal"),
        {"error": "a bare string"},
        {"detail": "no list"},
        {"detail": [None, {"loc": "x"}, {}]},
        {},
        ["a", "list"],
        b"<html>bad request</html>",
        b"",
    ],
)
def test_an_error_about_something_else_refuses_no_parameter(body: Any) -> None:
    assert refused(body) is None


@pytest.mark.parametrize("quoted", ["Mind the temperature.", "Answer by this schema:", "Is 'n' a vowel?", "grammar"])
def test_a_validation_error_that_quotes_the_task_refuses_no_parameter(quoted: str) -> None:
    detail = {"loc": ["body", "messages", 0, "content"], "msg": "Input should be a valid string", "input": quoted}
    assert refused({"detail": [detail]}, status=422) is None


@pytest.mark.parametrize("odd", [5, ["x"], {"name": "x"}, True])
def test_a_name_of_an_odd_shape_is_no_harm(odd: Any) -> None:
    assert refused({"error": {"message": "No.", "param": odd, "code": odd}}) is None
