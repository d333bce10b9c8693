"""A wall clock that jumps, as after a wrong start or a time server's correction, does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from testing.llm import FakeLLM, Reply, error
from tests.server.bodies import TEXT, batch, press, results, setup, submitted, task, tasks, texts, typed, version
from tests.server.conftest import MakeApp
from tests.server.test_batch import PROMPTED

HOUR = 3600.0
YEAR = 365 * 24 * HOUR
JUMPS = pytest.mark.parametrize("seconds", [HOUR, -HOUR, YEAR, -YEAR], ids=["+1h", "-1h", "+1y", "-1y"])

Jump = Callable[[float], None]


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Moves the wall clock by so many seconds; the monotonic one goes on as it does."""
    real, moved = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])

    def move(seconds: float) -> None:
        moved[0] += seconds

    return move


@JUMPS
def test_a_batch_under_way_is_answered_in_full(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor, jump: Jump, seconds: float
) -> None:
    llm.answer = Reply(texts=["OK"], hang=True)
    client = make_app(**PROMPTED, max_concurrency=4).test_client()
    waiting = threads.submit(results, client, batch(tasks(8)))
    llm.wait_for_calls(4)
    jump(seconds)
    llm.release()
    assert all("result" in entry for entry in waiting.result())
    assert len(llm.calls) == 8


@JUMPS
def test_a_deadline_lasts_as_long_as_it_says(make_app: MakeApp, llm: FakeLLM, jump: Jump, seconds: float) -> None:
    client = make_app(**PROMPTED, predict_deadline=1, max_concurrency=2).test_client()

    def jumps_once(_: object) -> Reply:
        jump(seconds if len(llm.calls) == 1 else 0.0)
        return Reply(texts=["OK"], hang=True)

    llm.answer = jumps_once
    started = time.monotonic()
    [entry] = results(client, batch([task(1)]))
    assert "No reply in time" in entry["error"]
    assert 0.9 < time.monotonic() - started < 5


@JUMPS
def test_a_rate_limit_pauses_nobody_longer_than_agreed(
    make_app: MakeApp, llm: FakeLLM, jump: Jump, seconds: float
) -> None:
    client = make_app(**PROMPTED).test_client()
    llm.queue(error(429, "slow down", {"Retry-After": "0.1"}))
    results(client, batch(tasks(2)))
    jump(seconds)
    started = time.monotonic()
    assert texts(press(client, typed("Judge."))) == ["OK"]
    assert time.monotonic() - started < 5


@JUMPS
def test_the_prompt_used_last_still_holds_and_version_and_predictions_agree(
    client: FlaskClient, jump: Jump, seconds: float
) -> None:
    press(client, typed("first"))
    before = version(client)
    jump(seconds)
    client.post("/webhook", json=submitted("second"))
    now = version(client)
    [entry] = results(client, batch([task(1)]))
    assert now != before
    assert (texts(entry, "prompt"), entry["model_version"]) == (["second"], now)
    jump(-seconds)
    assert version(client) == now
    assert sorted(client.get("/versions").get_json()["versions"]) == sorted([before, now])


@pytest.mark.parametrize("seconds", [HOUR, -HOUR, -YEAR], ids=["+1h", "-1h", "-1y"])
def test_no_paid_reply_is_asked_for_again_while_it_is_kept(
    make_app: MakeApp, llm: FakeLLM, jump: Jump, seconds: float
) -> None:
    client = make_app(**PROMPTED).test_client()
    results(client, batch(tasks(5)))
    jump(seconds)
    results(client, batch(tasks(5)))
    jump(-seconds)
    results(client, batch(tasks(5)))
    assert len(llm.calls) == 5


def test_a_reply_kept_by_a_clock_that_ran_ahead_does_not_outlive_the_next_one(
    make_app: MakeApp, llm: FakeLLM, jump: Jump
) -> None:
    client = make_app(**PROMPTED).test_client()
    jump(YEAR)
    results(client, batch(tasks(5)))
    jump(-YEAR)
    assert all("result" in entry for entry in results(client, batch(tasks(5))))
    assert len(llm.calls) == 5


@JUMPS
def test_several_processes_go_on_buying_each_reply_once(
    make_app: MakeApp, llm: FakeLLM, jump: Jump, seconds: float
) -> None:
    first, second = (make_app(**PROMPTED, workers=2).test_client() for _ in range(2))
    results(first, batch(tasks(3)))
    jump(seconds)
    # Leases made before the jump hold nobody up.
    new = [task(number, f"after the jump {number}") for number in range(3)]
    started = time.monotonic()
    assert all("result" in entry for entry in results(second, batch(new)))
    assert all("result" in entry for entry in results(first, batch(new)))
    assert time.monotonic() - started < 8
    assert len(llm.calls) == 6


@JUMPS
def test_the_pages_are_still_shown(client: FlaskClient, llm: FakeLLM, jump: Jump, seconds: float) -> None:
    llm.answer = error(400, "no")
    press(client, typed("Judge."))
    jump(seconds)
    press(client, typed("Judge!"))
    assert setup(client, TEXT).status_code == 200
    for path in ("/", "/status", "/metrics", "/health", "/versions"):
        assert client.get(path, headers={"Accept": "text/html"}).status_code == 200
