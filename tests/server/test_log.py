"""The log of a running backend: once for each kind of failure, and silent about what is expected."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from testing.llm import FakeLLM, Reply, error
from tests.server.bodies import ONLY_CHOICES, PROJECT, batch, interactive, press, task, tasks, typed
from tests.server.conftest import MakeApp
from tests.server.test_batch import PROMPTED


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= 30]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Reply(texts=["half"], finish_reason="length"), "Raise MAX_TOKENS"),
        (Reply(texts=[""], finish_reason="length"), "Raise MAX_TOKENS"),
        (error(400, "no such thing"), "refused the request (400)"),
    ],
    ids=["cut", "cut to nothing", "refused"],
)
def test_equal_warnings_of_a_batch_are_one_with_their_count_and_a_task(
    make_app: MakeApp, llm: FakeLLM, caplog: pytest.LogCaptureFixture, answer: Reply, told: str
) -> None:
    llm.answer = answer
    make_app(**PROMPTED).test_client().post("/predict", json=batch([task(100 + number) for number in range(30)]))
    [line] = [line for line in warnings(caplog) if told in line and "request id" not in line]
    for part in (PROJECT, "30 of 30", "task 100"):
        assert part in line


def test_a_cut_reply_to_an_annotator_is_told_with_its_task(
    client: FlaskClient, llm: FakeLLM, caplog: pytest.LogCaptureFixture
) -> None:
    llm.answer = Reply(texts=["half"], finish_reason="length")
    press(client, typed("Judge.", about=task(77)))
    [line] = warnings(caplog)
    assert "task 77" in line
    assert "Raise MAX_TOKENS" in line


@pytest.mark.parametrize("body", [interactive(), batch(tasks(1)), interactive(config=ONLY_CHOICES)], ids=range(3))
def test_opening_a_task_before_the_first_prompt_is_no_cause_for_a_warning(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, body: dict[str, object]
) -> None:
    client.post("/predict", json=body)
    assert warnings(caplog) == []
    assert client.get("/status").get_json()["errors"] == []
