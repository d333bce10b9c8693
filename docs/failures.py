"""Every cause of a failure, brought about for the table in errors.md."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import openai
from flask.testing import FlaskClient
from pydantic import SecretStr

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import AccountError, BackendError, RejectedError, TaskDataError, TransientLLMError
from llm_interactive.llm.client import Reply
from llm_interactive.llm.completion import Choice, Completion
from llm_interactive.llm.dispatcher import Dispatcher
from llm_interactive.llm.provider_errors import Provider, no_completion, translate, truncated
from llm_interactive.llm.turns import Queue
from llm_interactive.predict.project import Project, forms_of
from llm_interactive.predict.settled import late
from llm_interactive.prompts.messages import Prompt, build_messages
from llm_interactive.settings import ChatOptions, ProjectParams, Settings
from llm_interactive.store.store import StoredProject
from llm_interactive.web.app import KEPT_THREADS, create_app

_OPENAI = Provider("OpenAI", "OPENAI_BASE_URL", "OPENAI_MODEL")
_REQUEST = httpx2.Request("POST", "https://provider/v1/chat/completions")
_CONTROLS = '<TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
_TEXT = f'<View><Text name="text" value="$text"/>{_CONTROLS}</View>'


Cause = tuple[str, BackendError]

_ON_TASKS = "⚠ | status page | log"


def errors_table() -> str:
    """The table of causes, messages, and who sees them."""
    rows = [
        "| cause | message | status | annotator | project owner | operator | tried again | stops a batch |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for seen, causes in _groups():
        for cause, error in causes:
            again = "yes" if isinstance(error, TransientLLMError) else ""
            stops = "yes" if isinstance(error, AccountError) else ""
            message = error.message.replace("|", "\\|").replace("<", "&lt;")
            status = error.status if error.status != 200 else ""
            rows.append(f"| {cause} | {message} | {status} | {seen} | {again} | {stops} |")
    return "\n".join(rows)


def _groups() -> Iterator[tuple[str, Iterable[Cause]]]:
    """Causes, with what annotator, project owner and operator see of them."""
    yield "⚠ | on connecting, status page | log, status page", _of_missing_settings()
    yield " | on connecting | log", _of_configs()
    yield _ON_TASKS, _of_tasks_and_prompts()
    yield _ON_TASKS, _of_images()
    yield _ON_TASKS, _of_the_provider()
    yield _ON_TASKS, _of_time()
    yield " |  | log", _of_requests()
    yield " | status page | /health, log, status page", _of_the_database()


def _of_the_provider() -> Iterator[Cause]:
    for status, code, cause in _STATUSES:
        yield cause, _answered(status, code)
    yield "provider: model takes text only, and an image was sent", _answered(400, "", "does not support image input")
    larger = "Request too large for the model: Limit 30000, Requested 31538"
    yield "provider: request larger than the rate limit", _answered(429, "rate_limit_exceeded", larger)
    yield "provider: no answer in time", translate(openai.APITimeoutError(request=_REQUEST), _OPENAI)
    yield "provider: cannot be reached", translate(openai.APIConnectionError(request=_REQUEST), _OPENAI)
    yield "provider: HTML or other JSON with 200", no_completion(_OPENAI)
    for cause, choices in _EMPTY.items():
        yield f"reply: {cause}", RejectedError(truncated(Completion(choices), _OPENAI))


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
    (429, "requests_per_day", "provider: limit for the day"),
    (402, "", "provider: balance used up"),
    (500, "", "provider: failure (500, 502, 503, …)"),
)

_EMPTY: dict[str, tuple[Choice, ...]] = {
    "no choice at all": (),
    "empty": (Choice(""),),
    "refusal": (Choice("", refusal="I cannot help with that."),),
    "withheld by a content filter": (Choice("", finish_reason="content_filter"),),
    "cut off before any text": (Choice("", finish_reason="length"),),
    "a tool call": (Choice("", calls_tool=True),),
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


def _of_missing_settings() -> Iterator[Cause]:
    azure = Settings(openai_provider="azure", openai_api_key=SecretStr("k"))
    yield "no key", _raised(Settings(openai_api_key=None).require_access)
    yield "Azure without endpoint", _raised(azure.require_access)


def _of_configs() -> Iterator[Cause]:
    configs = {
        "empty labeling config": " ",
        "labeling config that is no XML": "<View>",
        "labeling config that is too large": "<View>".ljust(3_000_000),
        "labeling config with a DOCTYPE": '<!DOCTYPE View [<!ENTITY a "b">]><View/>',
        "labeling config without prompt": '<View><Text name="text" value="$text"/></View>',
        "prompt of an unsupported object": f'<View><Audio name="text" value="$text"/>{_CONTROLS}</View>',
        "prompt of no object": f"<View>{_CONTROLS}</View>",
        "nothing to fill": '<View><Text name="t" value="$t"/><TextArea name="prompt" toName="t"/></View>',
    }
    for cause, config in configs.items():
        yield cause, _raised(partial(forms_of, config, "prompt", "response"))
    yield "extra params that are no JSON", _raised(lambda: ProjectParams.parse("model=gpt-4o"))
    yield "extra params with a wrong value", _raised(lambda: ProjectParams.parse({"temperature": 9}))


def _of_tasks_and_prompts() -> Iterator[Cause]:
    [form] = forms_of(_TEXT, "prompt", "response")
    objects = form.spec.objects
    yield (
        "no prompt anywhere",
        _raised(lambda: Project("", (form,), ChatOptions(), StoredProject({}, {})).batch_prompts({})),
    )
    tasks: dict[str, dict[str, object]] = {
        "missing": {},
        "null": {"text": None},
        "blank": {"text": " "},
        "another type": {"text": [1]},
        "longer than MAX_PROMPT_CHARACTERS": {"text": "T" * 1_000_001},
    }
    for cause, data in tasks.items():
        asked = partial(build_messages, data, Prompt("P"), objects, ChatOptions(), {})
        yield f"task: field is {cause}", _raised(asked)
    own = ChatOptions(prompt_template=None)
    asked = partial(build_messages, {"text": "T"}, Prompt("{name}"), objects, own, {})
    yield "placeholder that nothing fills", _raised(asked)


_PASSWORD = ("ann", "password")
_IMAGE = f'<View><Image name="text" value="$text"/>{_CONTROLS}</View>'
_NO_PICTURE = "data:image/png;base64,bm8gcGljdHVyZQ=="
_IMAGES = {
    "of Label Studio, whose address is not set": "/data/upload/1/receipt.png",
    "on a host that is not allowed": "http://elsewhere.test/receipt.png",
    "at a path of this machine": "file:///receipt.png",
    "that is none": _NO_PICTURE,
    "in a data: URI that is none": "data:image/png;base64,?",
    "larger than MAX_IMAGE_MB": "data:image/png;base64," + "A" * 200_000,
}


@contextmanager
def _client(**changes: Any) -> Iterator[FlaskClient]:
    """A client of the application, to bring about what only the whole of it does."""
    with TemporaryDirectory() as folder:
        user, password = _PASSWORD
        credentials = {"basic_auth_user": user, "basic_auth_pass": SecretStr(password)}
        settings = Settings(openai_api_key=SecretStr("k"), model_dir=Path(folder), **{**credentials, **changes})
        app = create_app(settings)
        try:
            yield app.test_client()
        finally:
            app.extensions["llm_interactive"].close()


def _of_images() -> Iterator[Cause]:
    prompt = {"from_name": "prompt", "to_name": "text", "type": "textarea", "value": {"text": ["P"]}}
    with _client(image_mode="vision", max_image_mb=0.1) as client:
        for cause, address in _IMAGES.items():
            asked = {"params": {"context": {"result": [prompt]}}, "label_config": _IMAGE}
            body = {**asked, "tasks": [{"data": {"text": address}}]}
            [entry] = client.post("/predict", json=body, auth=_PASSWORD).get_json()["results"]
            [shown] = [text for region in entry["result"] for text in region["value"]["text"]]
            yield f"image {cause}", TaskDataError(shown.removeprefix("⚠ "))


def _of_time() -> Iterator[Cause]:
    yield "batch: no reply before PREDICT_DEADLINE", late(None)
    dispatcher = Dispatcher(1)
    yield "annotator: no reply before PREDICT_DEADLINE", _failed(dispatcher, Deadline.after(-1))
    dispatcher.close()
    yield "the backend is being stopped", _failed(dispatcher, NEVER)


def _failed(dispatcher: Dispatcher, deadline: Deadline) -> BackendError:
    def never(_: Deadline) -> Reply:
        raise AssertionError("it was asked")

    [future] = dispatcher.submit([(None, never)], Queue(), deadline=deadline)
    error = future.exception()
    assert isinstance(error, BackendError)
    return error


def _of_requests() -> Iterator[Cause]:
    def answered(path: str, **request: Any) -> BackendError:
        response = client.post(path, **{"auth": _PASSWORD, **request})
        error = BackendError(response.get_json()["error"])
        error.status = response.status_code
        return error

    with _client(basic_auth_user=None, basic_auth_pass=None) as client:
        yield "a name that is not the backend's", answered("/setup", auth=None, headers={"Host": "ml.example.com"})
    with _client(max_request_mb=1, threads=KEPT_THREADS + 1) as client:
        yield "wrong user name or password", answered("/setup", auth=None)
        yield "body larger than MAX_REQUEST_MB", answered("/predict", data=b" " * 1_000_001)
        yield "body that is no JSON", answered("/setup", data="{", content_type="application/json")
        yield "body not called JSON", answered("/setup", data="{}", content_type="text/plain")
        yield "body without tasks", answered("/predict", json={})
        client.application.config["PREDICTIONS"].acquire()
        yield "all threads are busy", answered("/predict", json={"tasks": [], "label_config": _TEXT})


def _of_the_database() -> Iterator[Cause]:
    with closing(sqlite3.connect(":memory:")) as full:
        full.execute("PRAGMA max_page_count = 1")
        yield "database: disk full", _of_sqlite(full, "CREATE TABLE t (c)")
    with TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "db"
        one, other = (stack.enter_context(closing(sqlite3.connect(file, timeout=0))) for _ in range(2))
        one.execute("BEGIN EXCLUSIVE")
        yield "database: locked by another program", _of_sqlite(other, "BEGIN EXCLUSIVE")
        one.rollback()
        one.execute("PRAGMA query_only = 1")
        yield "database: read-only", _of_sqlite(one, "CREATE TABLE t (c)")


def _of_sqlite(connection: sqlite3.Connection, statement: str) -> BackendError:
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as failure:
        # As the status page says it; predictions go on.
        error = BackendError(f"The database fails: {failure}")
        error.status = 200
        return error
    raise AssertionError("nothing failed")
