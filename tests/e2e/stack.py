"""The real parts that the end-to-end tests run against, started together and stopped together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.label_studio import Json, LabelStudio, Login, label_studio
from demo.parts import backend_child, backend_settings, llm_child
from demo.paths import EXAMPLES, LABEL_STUDIO_VENV
from demo.processes import Child, answers, free_port
from testing.llm import FakeLLM
from tests.e2e.google_storage import GoogleStorage
from tests.receipts import FILES

LOGIN = Login("annotator@example.com", "annotator-password", "0123456789abcdef0123456789abcdef01234567")


@dataclass(frozen=True)
class Stack:
    """Addresses of what runs: one backend asks the real LLM, the other one the LLM whose replies a test fixes.

    Files of `documents` are what Label Studio's local storage may serve.
    """

    studio: LabelStudio
    real_llm: str
    real_backend: str
    fixed_backend: str
    fixed_llm: FakeLLM
    google: GoogleStorage
    documents: Path


@dataclass(frozen=True)
class Project:
    """A Label Studio project with a connected model."""

    studio: LabelStudio
    id: int
    tasks: list[int]
    backend: int
    label_config: str

    def ask(self, prompt: str, task: int | None = None) -> Json:
        """What Label Studio gives its page when `prompt` is typed into an untouched task (the first, unless named)."""
        to_name = "chat" if 'name="chat"' in self.label_config else "text"
        region = {"id": "typed", "from_name": "prompt", "to_name": to_name, "type": "textarea", "origin": "manual"}
        return self.studio.ask(self.backend, task or self.tasks[0], [{**region, "value": {"text": [prompt]}}])

    def predictions(self) -> dict[int, list[Json]]:
        """Stored predictions of each task, oldest first."""
        found: dict[int, list[Json]] = {task: [] for task in self.tasks}
        for prediction in self.studio.predictions(self.id):
            found[prediction["task"]].append(prediction)
        return found

    @property
    def model_version(self) -> str:
        """What the connection says now: Label Studio asks the backend's /setup for it."""
        return str(self.studio.backends(self.id)[0]["model_version"])


def example(name: str) -> str:
    """A labeling config of `examples/`."""
    return (EXAMPLES / f"{name}.xml").read_text()


def sample_tasks(name: str) -> list[Json]:
    """The tasks that go with it."""
    tasks: list[Json] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return tasks


def make_project(
    studio: LabelStudio, label_config: str, tasks: Sequence[Mapping[str, Any]], backend_url: str, title: str = "e2e"
) -> Project:
    project = studio.create_project(title, label_config)
    ids = studio.import_tasks(project, tasks)
    return Project(studio, project, ids, studio.connect_backend(project, backend_url), label_config)


def values(result: Sequence[Json]) -> dict[str, list[str]]:
    """What an annotation's or prediction's regions hold, by the name of their control."""
    return {
        region["from_name"]: region["value"]["text" if region["type"] == "textarea" else region["type"]]
        for region in result
    }


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Everything up and answering; their data and logs are in `folder`, their output is in the error when one fails."""
    studio_port = free_port()
    llm_port = free_port(avoid=[studio_port])
    real_port = free_port(avoid=[studio_port, llm_port])
    fixed_port = free_port(avoid=[studio_port, llm_port, real_port])
    studio = LabelStudio(f"http://127.0.0.1:{studio_port}", LOGIN.token)
    with ExitStack() as cleanup:
        fixed_llm = cleanup.enter_context(FakeLLM())
        google = cleanup.enter_context(GoogleStorage("receipts", FILES))
        real_llm, documents = f"http://127.0.0.1:{llm_port}/v1", folder / "documents"
        urls = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": LOGIN.token}
        llm = llm_child(llm_port, log=folder / "llm.log")
        real = _backend(real_port, real_llm, folder / "real", urls)
        fixed = _backend(fixed_port, fixed_llm.base_url, folder / "fixed", urls)
        server = label_studio(
            LABEL_STUDIO_VENV, studio_port, LOGIN, data=folder / "label-studio", log=folder / "label-studio.log"
        )
        server.env |= {"LOCAL_FILES_SERVING_ENABLED": "true", "LOCAL_FILES_DOCUMENT_ROOT": str(documents)}
        server.env |= google.settings
        for child in (llm, real, fixed, server):
            cleanup.callback(child.stop)
            child.start()
        for child, port in ((llm, llm_port), (real, real_port), (fixed, fixed_port), (server, studio_port)):
            _wait(child, port)
        backends = f"http://127.0.0.1:{real_port}", f"http://127.0.0.1:{fixed_port}"
        yield Stack(studio, real_llm, *backends, fixed_llm, google, documents)


def _backend(port: int, llm_url: str, data: Path, urls: Mapping[str, str]) -> Child:
    return backend_child(port, llm_url=llm_url, data=data, log=data.with_suffix(".log"), **urls)


def for_commands(studio: LabelStudio, llm_url: str, data: Path) -> dict[str, str]:
    """The variables of a command that works on Label Studio, asks the LLM at `llm_url` and has its store in `data`."""
    return {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": LOGIN.token, **backend_settings(llm_url, data)}


@contextmanager
def own_backend(stack: Stack, folder: Path, **settings: str) -> Iterator[Child]:
    """A backend with a store of its own, in `folder`, that asks the LLM whose replies a test fixes."""
    urls = {"LABEL_STUDIO_URL": stack.studio.url, "LABEL_STUDIO_API_KEY": LOGIN.token, **settings}
    port = free_port()
    child = _backend(port, stack.fixed_llm.base_url, folder, urls)
    child.start()
    try:
        _wait(child, port)
        yield child
    finally:
        child.stop()


def url_of(backend: Child) -> str:
    return f"http://127.0.0.1:{backend.env['PORT']}"


def _wait(child: Child, port: int) -> None:
    child.wait_until_ready(lambda: answers(f"http://127.0.0.1:{port}/health"), timeout=180)


def eventually(holds: Any, timeout: float = 20.0) -> Any:
    """The first true value of `holds()`; fails when there is none within `timeout` seconds."""
    until = time.monotonic() + timeout
    while not (value := holds()):
        assert time.monotonic() < until, f"still {value!r} after {timeout} s"
        time.sleep(0.1)
    return value
