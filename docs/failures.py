"""Every cause of a failure, brought about for the table in errors.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

import httpx2
import openai
from openai.types.chat import ChatCompletion
from pydantic import SecretStr

from llm_interactive.content import build_messages
from llm_interactive.errors import AccountError, BackendError, RejectedError, TransientLLMError
from llm_interactive.failures import Provider, no_completion, translate, truncated
from llm_interactive.labeling import parse_labeling_config
from llm_interactive.questions import batch_prompt
from llm_interactive.settings import ProjectParams, Settings

_OPENAI = Provider("OpenAI", "OPENAI_BASE_URL", "OPENAI_MODEL")
_REQUEST = httpx2.Request("POST", "https://provider/v1/chat/completions")
_CONTROLS = '<TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
_TEXT = f'<View><Text name="text" value="$text"/>{_CONTROLS}</View>'


def errors_table() -> str:
    """The table of causes and sentences."""
    rows = ["| cause | sentence | status | tried again | stops a batch |", "|---|---|---|---|---|"]
    for cause, error in _all():
        again = "yes" if isinstance(error, TransientLLMError) else ""
        stops = "yes" if isinstance(error, AccountError) else ""
        sentence = error.sentence.replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| {cause} | {sentence} | {error.status} | {again} | {stops} |")
    return "\n".join(rows)


def _all() -> Iterator[tuple[str, BackendError]]:
    yield from _of_settings_and_configs()
    yield from _of_tasks_and_prompts()
    for status, code, cause in _STATUSES:
        yield cause, _answered(status, code)
    yield "provider: model takes text only, and an image was sent", _answered(400, "", "does not support image input")
    yield "provider: no answer in time", translate(openai.APITimeoutError(request=_REQUEST), _OPENAI)
    yield "provider: cannot be reached", translate(openai.APIConnectionError(request=_REQUEST), _OPENAI)
    yield "provider: HTML or other JSON with 200", no_completion(_OPENAI)
    for cause, choice in _EMPTY.items():
        completion = ChatCompletion.model_validate(
            {"id": "", "created": 0, "model": "", "object": "chat.completion", "choices": [choice] if choice else []}
        )
        yield f"reply: {cause}", RejectedError(truncated(completion, _OPENAI))


_STATUSES = (
    (400, "", "provider: bad request"),
    (400, "content_filter", "provider: content filter on the prompt"),
    (400, "context_length_exceeded", "provider: prompt too long"),
    (401, "", "provider: wrong key"),
    (403, "", "provider: key may not do this"),
    (404, "", "provider: unknown model, deployment or address"),
    (408, "", "provider: request time-out"),
    (409, "", "provider: conflict"),
    (413, "", "provider: request too large"),
    (422, "", "provider: unprocessable request"),
    (429, "", "provider: rate limit"),
    (429, "insufficient_quota", "provider: quota used up"),
    (500, "", "provider: failure (500, 502, 503, …)"),
)

_EMPTY = {
    "no choice at all": None,
    "empty": {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ""}},
    "refusal": {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": None, "refusal": "I cannot help with that."},
    },
    "withheld by a content filter": {
        "index": 0,
        "finish_reason": "content_filter",
        "message": {"role": "assistant", "content": None},
    },
    "cut off before any text": {
        "index": 0,
        "finish_reason": "length",
        "message": {"role": "assistant", "content": None},
    },
    "a tool call": {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
    },
}


def _answered(status: int, code: str, message: str = "the provider's words") -> BackendError:
    body = {"message": message, "code": code or None}
    response = httpx2.Response(status, request=_REQUEST, content=json.dumps({"error": body}))
    error = openai.APIStatusError(message, response=response, body=body)
    return translate(error, _OPENAI, with_images="image" in message)


def _raised(attempt: Callable[[], object]) -> BackendError:
    try:
        attempt()
    except BackendError as error:
        return error
    raise AssertionError("nothing failed")


def _of_settings_and_configs() -> Iterator[tuple[str, BackendError]]:
    azure = Settings(openai_provider="azure", openai_api_key=SecretStr("k"))
    yield "no key", _raised(Settings(openai_api_key=None).require_access)
    yield "Azure without endpoint", _raised(azure.require_access)
    configs = {
        "empty labeling config": " ",
        "labeling config that is no XML": "<View>",
        "labeling config with a DOCTYPE": '<!DOCTYPE View [<!ENTITY a "b">]><View/>',
        "labeling config without prompt": '<View><Text name="text" value="$text"/></View>',
        "prompt of an unsupported object": f'<View><Audio name="text" value="$text"/>{_CONTROLS}</View>',
        "prompt of no object": f"<View>{_CONTROLS}</View>",
        "neither response nor choices": '<View><Text name="t" value="$t"/><TextArea name="prompt" toName="t"/></View>',
    }
    for cause, config in configs.items():
        yield cause, _raised(partial(parse_labeling_config, config, "prompt", "response"))
    yield "extra params that are no JSON", _raised(lambda: ProjectParams.parse("model=gpt-4o"))
    yield "extra params with a wrong value", _raised(lambda: ProjectParams.parse({"temperature": 9}))


def _of_tasks_and_prompts() -> Iterator[tuple[str, BackendError]]:
    labeling = parse_labeling_config(_TEXT, "prompt", "response")
    own = Settings(use_internal_prompt_template=False)
    yield "no prompt anywhere", _raised(lambda: batch_prompt({}, None, labeling, Settings(default_prompt=None)))
    tasks: dict[str, dict[str, object]] = {
        "missing": {},
        "null": {"text": None},
        "blank": {"text": " "},
        "another type": {"text": [1]},
    }
    for cause, data in tasks.items():
        yield (
            f"task: field is {cause}",
            _raised(partial(build_messages, data, "P", [], labeling, Settings())),
        )
    yield (
        "placeholder that nothing fills",
        _raised(lambda: build_messages({"text": "T"}, "{name}", [], labeling, own)),
    )
