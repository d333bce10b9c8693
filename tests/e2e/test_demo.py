"""`python -m demo`, as `make demo` runs it: from the first start to the last Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo.label_studio import Json, LabelStudio
from demo.paths import ROOT
from demo.processes import answers
from demo.projects import ALL_EXAMPLES, Example
from llm_interactive.predict.project import forms_of
from tests.e2e.stack import eventually, values

pytestmark = pytest.mark.e2e


@contextmanager
def running_demo(data: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The demo once it is ready, and what it has printed."""
    output = data.with_suffix(".out")
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=ROOT,
            env={**os.environ, "DEMO_DATA": str(data)},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: "Ctrl-C stops" in output.read_text() or process.poll() is not None, timeout=240)
        yield process, output.read_text()
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody else answers on `port`: we, or who was there before."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
    except OSError:
        yield
        return
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()


def studio_of(printed: str, data: Path) -> LabelStudio:
    found = re.search(r"http://localhost:(\d+)/projects/", printed)
    assert found, printed
    return LabelStudio(f"http://127.0.0.1:{found[1]}", (data / "token").read_text())


@dataclass(frozen=True)
class FirstStart:
    """What was seen at the first start, and after Ctrl-C had ended it."""

    data: Path
    titles: list[str]
    backend: Json
    answer: Json
    filled: dict[str, set[str]]
    prompts: str
    exit_status: int
    still_up: list[bool]


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    data = tmp_path_factory.mktemp("demo") / "data"
    with running_demo(data) as (process, printed):
        studio = studio_of(printed, data)
        titles = [project["title"] for project in studio.projects()]
        [backend] = studio.backends(text_project(studio))
        answer = ask(studio, "Text classification", "prompt", "Why?")
        filled = {example.title: filled_by(studio, example) for example in ALL_EXAMPLES}
        command = f'. "$1" && exec {sys.executable} -m llm_interactive prompts list'
        prompts = subprocess.check_output(["sh", "-c", command, "sh", data / "environment"], text=True)
        process.send_signal(signal.SIGINT)
        status = process.wait(20)
        still_up = [answers(f"{url}/health") for url in (studio.url, backend["url"])]
    return FirstStart(data, sorted(titles), backend, answer, filled, prompts, status, still_up)


def ask(studio: LabelStudio, title: str, field: str, prompt: str) -> Json:
    """What Label Studio answers to `prompt`, typed into the field of the project's first task."""
    project = next(int(project["id"]) for project in studio.projects() if project["title"] == title)
    [backend] = studio.backends(project)
    region = {"id": "p", "from_name": field, "to_name": "x", "type": "textarea", "value": {"text": [prompt]}}
    return studio.ask(backend["id"], studio.tasks(project)[0]["id"], [region])


def filled_by(studio: LabelStudio, example: Example) -> set[str]:
    """The controls that an example's prompts fill."""
    result = []
    for form in forms_of(example.label_config, "prompt", "response"):
        result += [
            region
            for region in ask(studio, example.title, form.name, example.prompt)["data"]["result"]
            if region["from_name"] != form.name
        ]
    assert "⚠" not in str(result)
    return {region["from_name"] for region in result}


def text_project(studio: LabelStudio) -> int:
    return next(int(project["id"]) for project in studio.projects() if project["title"] == "Text classification")


def test_there_is_a_project_with_a_connected_model_for_each_example(first_start: FirstStart) -> None:
    assert first_start.titles == sorted(example.title for example in ALL_EXAMPLES)
    assert first_start.backend["state"] == "CO"
    assert first_start.backend["is_interactive"]


def test_the_local_llm_answers(first_start: FirstStart) -> None:
    [reply] = values(first_start.answer["data"]["result"])["response"]

    assert not reply.startswith("⚠")


@pytest.mark.parametrize("example", ALL_EXAMPLES, ids=lambda example: example.name)
def test_every_example_is_filled_visibly(first_start: FirstStart, example: Example) -> None:
    assert first_start.filled[example.title]


def test_a_file_has_the_settings_for_the_commands(first_start: FirstStart) -> None:
    assert (first_start.data / "environment").stat().st_mode & 0o777 == 0o600
    assert "prompt, used last:\n  Is this positive or negative?" in first_start.prompts


def test_ctrl_c_stops_everything(first_start: FirstStart) -> None:
    assert first_start.exit_status == 0
    assert first_start.still_up == [False, False]


def test_another_start_keeps_the_projects_and_follows_the_backend_to_another_port(first_start: FirstStart) -> None:
    before = first_start.backend["url"]
    with taken(urlsplit(before).port or 0), running_demo(first_start.data) as (_, printed):
        studio = studio_of(printed, first_start.data)
        projects = [(project["title"], project["task_number"]) for project in studio.projects()]
        [backend] = studio.backends(text_project(studio))
        webhooks = studio.call("GET", f"/api/webhooks/?project={text_project(studio)}")

    counts = {"Chat": 6, "Reviews, annotated": 60, "Text classification": 8}
    assert sorted(projects) == sorted((example.title, counts.get(example.title, 5)) for example in ALL_EXAMPLES)
    assert backend["url"] != before
    assert backend["state"] == "CO"
    assert [webhook["url"] for webhook in webhooks] == [f"{backend['url']}/webhook"]


def test_a_part_that_dies_ends_the_demo_with_the_end_of_its_log(first_start: FirstStart) -> None:
    data = first_start.data
    with running_demo(data) as (process, printed):
        [llm] = [pid for pid in children_of(process.pid) if "llm_server.py" in command_of(pid)]

        os.kill(llm, signal.SIGKILL)

        assert process.wait(30) == 1
    said = data.with_suffix(".out").read_text()
    assert "The local LLM ended unexpectedly" in said
    assert (data / "logs" / "llm.log").read_text().splitlines()[-1] in said
    assert not answers(f"{studio_of(printed, data).url}/health")


def children_of(parent: int) -> list[int]:
    """Process ids of its children, from Linux's /proc."""
    processes = [path.parent for path in Path("/proc").glob("[0-9]*/stat")]
    return [int(path.name) for path in processes if parent_of(path) == parent]


def parent_of(process: Path) -> int | None:
    try:
        # "pid (name) state parent …", where the name may hold spaces and parentheses.
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None  # it has ended meanwhile


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
