"""What becomes of the replies under way when something ends `llm-interactive label`: they are paid for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from llm_interactive.errors import LabelStudioError
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.llm.dispatcher import Dispatcher
from llm_interactive.predict import bulk, label_run
from llm_interactive.settings import Settings
from llm_interactive.store.store import Store
from testing.llm import Call, FakeLLM, Reply
from tests.server.statements import Label, Make, answer, number_in, summary

AT_ONCE = 4


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    """A server whose replies come when it is released."""
    with FakeLLM(lambda call: replace(answer(call), hang=True)) as server:
        yield server


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Whoever runs the tests in the background of a shell has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stopping(llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies come once the command has made its last call."""
    join = Dispatcher.join

    def released(dispatcher: Dispatcher, seconds: float) -> None:
        llm.release()
        join(dispatcher, seconds)

    monkeypatch.setattr(Dispatcher, "join", released)


def interrupt() -> None:
    """Ctrl-C."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def interrupt_at(llm: FakeLLM, call: int) -> None:
    """Ctrl-C once so many calls are under way."""

    def when_asked() -> None:
        llm.wait_for_calls(call, timeout=60)
        interrupt()

    threading.Thread(target=when_asked, daemon=True).start()


@pytest.mark.usefixtures("stopping")
def test_ctrl_c_waits_for_the_replies_under_way_and_none_is_paid_twice(
    llm: FakeLLM, label: Label, statements: Make, environment: dict[str, str]
) -> None:
    studio = statements(12)
    interrupt_at(llm, AT_ONCE)
    stopped = label(studio, "--yes", MAX_CONCURRENCY=str(AT_ONCE))
    assert stopped.exit_code == 130
    assert f"Waiting for the replies under way ({AT_ONCE})" in stopped.stderr
    assert len(llm.calls) == AT_ONCE
    with closing(Store(Settings(MODEL_DIR=environment["MODEL_DIR"]).sqlalchemy_url, 24)) as store:
        assert [row["calls_ok"] for row in store.usage.totals()] == [AT_ONCE]
    assert summary(label(studio, "--yes", "--json"))["done"] == 12
    assert sorted(map(number_in, llm.calls)) == list(range(1, 13))


@pytest.mark.usefixtures("stopping")
def test_an_error_waits_for_them_too(
    llm: FakeLLM, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio fails at the push of the first two tasks, while the next ones are asked about."""
    monkeypatch.setattr(bulk, "_GROUP", 2)
    monkeypatch.setattr(label_run, "_PUSHED_AT_ONCE", 2)

    def away(*_: object) -> None:
        llm.wait_for_calls(6, timeout=60)
        raise LabelStudioError("Label Studio is away.")

    def first_two_at_once(call: Call) -> Reply:
        return replace(answer(call), hang=number_in(call) > 2)

    llm.answer = first_two_at_once
    studio = statements(6)
    with monkeypatch.context() as patch:
        patch.setattr(LabelStudio, "push", away)
        stopped = label(studio, "--yes")
    assert stopped.exit_code == 2
    assert "Label Studio is away." in stopped.stderr
    assert summary(label(studio, "--yes", "--json"))["done"] == len(llm.calls) == 6


def test_a_second_ctrl_c_gives_them_up_at_once(
    llm: FakeLLM, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = Dispatcher.join

    def interrupted(dispatcher: Dispatcher, seconds: float) -> None:
        interrupt()
        join(dispatcher, seconds)

    monkeypatch.setattr(Dispatcher, "join", interrupted)
    interrupt_at(llm, AT_ONCE)
    stopped = label(statements(12), "--yes", MAX_CONCURRENCY=str(AT_ONCE))
    assert stopped.exit_code == 130
    assert "are given up" in stopped.stderr
    assert llm.in_flight == AT_ONCE
