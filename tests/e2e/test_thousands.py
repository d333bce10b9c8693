"""Many tasks in one Data Manager action, also when the backend dies in the middle of it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from demo.label_studio import Json
from demo.parts import backend_child
from demo.processes import Child, answers, free_port
from testing.llm import Call, FakeLLM, Reply
from tests.e2e.stack import Project, Stack, example, make_project, url_of, values

pytestmark = pytest.mark.e2e

Make = Callable[[int], Project]

CONCURRENCY = 32
LATENCY = 0.05
NUMBER = re.compile(r"Statement (\d+):")


def number_in(call: Call) -> int:
    """Which task a call is about."""
    found = NUMBER.search(call.prompt)
    assert found, call.prompt
    return int(found[1])


def label_of(number: int) -> str:
    return "Not Sarcastic" if number % 3 else "Sarcastic"


def reply_to(number: int) -> str:
    """What the LLM says to a task: another text for each, so that a reply at the wrong task is seen."""
    return f"{label_of(number)} (statement {number})"


def labelled(number: int) -> str:
    """The reply in the form that the schema asks for."""
    return json.dumps({"response": reply_to(number), "sentiment": [label_of(number)]})


def reply_slowly(call: Call) -> Reply:
    return Reply(texts=[labelled(number_in(call))], delay=LATENCY)


class StopsAfter:
    """Replies to the first `count` calls; those that come later hang, and `hanging` has the tasks they are about."""

    def __init__(self, count: int) -> None:
        self.replied: set[int] = set()
        self.hanging: set[int] = set()
        self._count = count
        self._changed = threading.Condition()

    def __call__(self, call: Call) -> Reply:
        number = number_in(call)
        with self._changed:
            hang = len(self.replied) >= self._count
            (self.hanging if hang else self.replied).add(number)
            self._changed.notify_all()
        return Reply(texts=[labelled(number)], delay=0 if hang else LATENCY, hang=hang)

    def wait_for_hanging(self, count: int, timeout: float) -> None:
        """Returns once `count` calls hang: all of the backend's threads, so each has stored what it got before."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.hanging) >= count, timeout), self.hanging


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(reply_slowly) as server:
        yield server


@pytest.fixture
def backend(llm: FakeLLM, tmp_path: Path) -> Iterator[Child]:
    """A backend with nothing in its store; started again, it has the same port and folder."""
    child = backend_child(
        free_port(),
        llm_url=llm.base_url,
        data=tmp_path / "data",
        log=tmp_path / "backend.log",
        MAX_CONCURRENCY=str(CONCURRENCY),
    )
    start(child)
    yield child
    child.stop()


def start(backend: Child) -> None:
    backend.start()
    backend.wait_until_ready(lambda: answers(url_of(backend) + "/health"), timeout=60)


def kill(backend: Child) -> None:
    """kill -9, for it and all its workers at once."""
    assert backend.pid is not None
    os.killpg(backend.pid, signal.SIGKILL)
    backend.stop()


@pytest.fixture
def make(stack: Stack, backend: Child) -> Make:
    """Makes a project of so many tasks, numbered from 0, and a prompt for them: typed into the first."""

    def make(tasks: int) -> Project:
        data = [{"text": f"Statement {number}: how lovely, rain again."} for number in range(tasks)]
        made = make_project(stack.studio, example("text-classification"), data, url_of(backend), f"{tasks} tasks")
        assert made.ask("Is this Sarcastic or Not Sarcastic?")["data"]["result"]
        return made

    return make


def retrieve(project: Project) -> None:
    project.studio.retrieve_predictions(project.id)


def assert_all_are_stored_and_valid(project: Project) -> None:
    """Each task has one prediction, with the reply to this very task, and nothing is wrong with it."""
    interface: Any = LabelInterface(project.label_config)  # untyped
    version = project.model_version
    stored = project.predictions()
    assert Counter(map(len, stored.values())) == {1: len(project.tasks)}
    for number, task in enumerate(project.tasks):
        [prediction] = stored[task]
        assert prediction["model_version"] == version
        assert outcome(prediction) == (reply_to(number), label_of(number))
        assert interface.validate_prediction(prediction, return_errors=True) == []


def outcome(prediction: Json) -> tuple[str, str]:
    """The response and the choice of a prediction."""
    found = values(prediction["result"])
    [response] = found["response"]
    [choice] = found["sentiment"]
    return response, choice


def test_a_thousand_tasks_are_all_stored_and_each_is_asked_once(make: Make, llm: FakeLLM) -> None:
    project = make(1000)
    retrieve(project)
    assert_all_are_stored_and_valid(project)
    assert Counter(map(number_in, llm.calls)) == dict.fromkeys(range(1000), 1)
    assert llm.max_in_flight <= CONCURRENCY


def test_after_a_kill_in_the_middle_the_next_retrieval_stores_all_and_pays_for_none_twice(
    make: Make, backend: Child, llm: FakeLLM
) -> None:
    project = make(300)
    llm.answer = until_killed = StopsAfter(100)
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(retrieve, project)
        until_killed.wait_for_hanging(CONCURRENCY, timeout=60)
        kill(backend)
        lost.exception()  # whether Label Studio tells or not, it is over
    assert not any(project.predictions().values())

    llm.release()
    llm.answer = reply_slowly
    start(backend)
    retrieve(project)

    assert_all_are_stored_and_valid(project)
    asked = Counter(map(number_in, llm.calls))
    assert set(asked) == set(range(300))
    twice = {number for number, times in asked.items() if times > 1}
    assert twice <= until_killed.hanging
    assert max(asked.values()) <= 2
