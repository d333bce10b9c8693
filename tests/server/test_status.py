"""What the operator sees: / in a browser, /status, /metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from llm_interactive.store.usage import Origin
from testing.llm import FakeLLM, Reply, error
from tests.server.bodies import PROJECT, Json, batch, press, results, task, tasks, typed
from tests.server.conftest import MakeApp

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROMPTED = {"default_prompt": "Judge."}


def until(found: Callable[[], Any]) -> Any:
    """What `found` gives as soon as there is something; fails after a while."""
    give_up = time.monotonic() + 20
    while not (something := found()):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return something


def status(client: FlaskClient) -> Json:
    found: Json = client.get("/status").get_json()
    return found


def test_the_root_is_json_unless_html_is_asked_for(client: FlaskClient) -> None:
    assert client.get("/").get_json() == {"status": "UP"}
    assert client.get("/", headers={"Accept": "*/*"}).get_json() == {"status": "UP"}
    assert client.get("/", headers=BROWSER).mimetype == "text/html"


def test_counts_are_kept_by_project_and_model_version(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED).test_client()
    results(client, batch(tasks(3)))
    results(client, batch(tasks(3)))
    results(client, batch(tasks(2), project="5.1"))
    found = {row["project"]: row for row in status(client)["projects"]}
    assert found[PROJECT]["version"].startswith("gpt-3.5-turbo/")
    assert {name: found[PROJECT][name] for name in ("batch_done", "calls_ok", "from_store")} == {
        "batch_done": 6,
        "calls_ok": 3,
        "from_store": 3,
    }
    assert found["5.1"]["from_store"] == 2


def test_metrics_have_the_same_counts(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED).test_client()
    results(client, batch(tasks(3)))
    [row] = status(client)["projects"]
    exposition = client.get("/metrics").get_data(as_text=True)
    assert f'llm_interactive_llm_calls_total{{outcome="ok",project="{PROJECT}"}} 3.0' in exposition
    assert row["calls_ok"] == 3
    assert row["version"] not in exposition


def test_tokens_and_money_are_the_same_after_a_restart(make_app: MakeApp, llm: FakeLLM) -> None:
    priced = {**PROMPTED, "price_input": 1000, "price_output": 2000}
    results(make_app(**priced).test_client(), batch(tasks(2)))
    [row] = status(make_app(**priced).test_client())["projects"]
    assert row["prompt_tokens"] > 0
    assert row["cost"] == pytest.approx((row["prompt_tokens"] + 2 * row["completion_tokens"]) / 1000)


def cost_in_metrics(client: FlaskClient) -> list[float]:
    exposition = client.get("/metrics").get_data(as_text=True)
    lines = [line for line in exposition.splitlines() if line.startswith("llm_interactive_cost_dollars_total{")]
    assert all(f'project="{PROJECT}"' in line for line in lines)
    return [float(line.rpartition(" ")[2]) for line in lines]


def test_metrics_have_the_money_of_all_versions(make_app: MakeApp, llm: FakeLLM) -> None:
    priced = {"price_input": 1000, "price_output": 2000}
    for prompt in ("Judge.", "Judge again."):
        client = make_app(default_prompt=prompt, **priced).test_client()
        results(client, batch(tasks(2)))
    rows = status(client)["projects"]
    assert len(rows) == 2
    assert cost_in_metrics(client) == [pytest.approx(sum(row["cost"] for row in rows))]


def test_what_a_model_costs_that_nobody_knows_is_not_called_free(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED, openai_model="one").test_client()
    results(client, batch(tasks(2)))
    assert status(client)["projects"][0]["cost"] is None
    assert cost_in_metrics(client) == []


def test_a_reply_that_is_paid_for_and_empty_is_counted(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply([""], finish_reason="content_filter")
    client = make_app(**PROMPTED).test_client()
    results(client, batch([task(1)]))
    [row] = status(client)["projects"]
    assert (row["calls_failed"], row["calls_ok"]) == (1, 0)
    assert row["prompt_tokens"] > 0


def test_the_last_errors_stand_in_words_with_the_tasks_they_concern(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(400, "no")
    client = make_app(**PROMPTED).test_client()
    results(client, batch(tasks(4)))
    llm.answer = error(400, "never")
    press(client, typed("Judge!"))
    newest, older = status(client)["errors"]
    assert (newest["tasks"], older["tasks"]) == (1, 4)
    assert "refused the request (400)" in older["error"]
    assert older["project"] == PROJECT


def test_a_batch_under_way_is_shown_until_its_last_call_ends(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(["OK"], hang=True)
    llm.queue("OK")
    app: Flask = make_app(**PROMPTED)
    client = app.test_client()
    with ThreadPoolExecutor(1) as thread:
        under_way = thread.submit(results, app.test_client(), batch(tasks(5)))
        llm.wait_for_calls(5)
        [shown] = status(client)["batches"]
        page = client.get("/", headers=BROWSER).get_data(as_text=True)
        llm.release()
        assert len(under_way.result()) == 5
    assert shown["project"] == PROJECT
    assert shown["done"] + shown["failed"] + shown["left"] == shown["tasks"] == 5
    assert shown["left"] >= 4
    assert PROJECT in page
    assert status(client)["batches"] == []


def test_late_tasks_have_not_failed(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(["OK"], hang=True)
    app = make_app(**PROMPTED, predict_deadline=1)
    client = app.test_client()
    assert all("error" in entry for entry in results(client, batch(tasks(3))))
    [row] = status(client)["projects"]
    assert (row["batch_late"], row["batch_failed"], status(client)["errors"]) == (3, 0, [])
    assert status(client)["batches"][0]["left"] == 3
    llm.release()


def test_errors_are_told_after_a_restart(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(400, "no")
    for _ in range(2):
        results(make_app(**PROMPTED).test_client(), batch(tasks(2)))
    [told] = status(make_app(**PROMPTED).test_client())["errors"]
    assert told["tasks"] == 4


def test_a_cancelled_batch_makes_no_further_calls_and_keeps_what_is_paid_for(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(["OK"], hang=True)
    app = make_app(**PROMPTED, max_concurrency=2)
    client = app.test_client()
    with ThreadPoolExecutor(1) as thread:
        under_way = thread.submit(results, app.test_client(), batch(tasks(9)))
        llm.wait_for_calls(2)
        app.extensions["llm_interactive"].running.cancel(status(client)["batches"][0]["key"])
        llm.release()
        entries = under_way.result()
    assert len(llm.calls) == 2
    assert sum("result" in entry for entry in entries) == 2
    assert all("cancelled" in entry["error"] for entry in entries if "error" in entry)
    llm.answer = "OK"
    assert all("result" in entry for entry in results(client, batch(tasks(9))))
    assert len(llm.calls) == 9


def test_a_batch_of_another_process_is_shown_and_can_be_cancelled(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(["OK"], hang=True)
    app = make_app(**PROMPTED, max_concurrency=2)
    other = make_app(**PROMPTED)
    with ThreadPoolExecutor(1) as thread:
        under_way = thread.submit(results, app.test_client(), batch(tasks(9)))
        llm.wait_for_calls(2)
        [shown] = until(lambda: status(other.test_client())["batches"])
        other.extensions["llm_interactive"].running.cancel(shown["key"])
        until(lambda: status(app.test_client())["batches"][0]["late"] == 7)
        llm.release()
        assert sum("result" in entry for entry in under_way.result()) == 2


def test_what_others_wrote_is_escaped_on_the_page(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = error(400, "<script>alert(1)</script>")
    client = make_app(**PROMPTED).test_client()
    results(client, batch([task(1)], project="<img src=x>"))
    page = client.get("/", headers=BROWSER).get_data(as_text=True)
    assert "&lt;script&gt;" in page
    assert "&lt;img src=x&gt;" in page
    assert "<script" not in page
    assert "<img" not in page


def test_the_page_may_load_and_run_nothing(client: FlaskClient) -> None:
    policy = client.get("/", headers=BROWSER).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_missing_key_is_told_on_the_page(make_app: MakeApp) -> None:
    client = make_app(openai_api_key=None).test_client()
    assert "OPENAI_API_KEY is not set" in client.get("/", headers=BROWSER).get_data(as_text=True)
    assert status(client)["problems"]


def test_neither_prompts_nor_task_data_nor_keys_are_shown(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(default_prompt="SECRET-PROMPT").test_client()
    results(client, batch([task(1, "SECRET-TEXT")]))
    for path in ("/status", "/metrics"):
        assert "SECRET" not in client.get(path).get_data(as_text=True)
        assert "sk-" not in client.get(path).get_data(as_text=True)


def test_many_failures_of_annotators_do_not_drive_out_the_batches(make_app: MakeApp, llm: FakeLLM) -> None:
    app = make_app(**PROMPTED)
    client = app.test_client()
    results(client, batch(tasks(2)))
    for number in range(150):
        app.extensions["llm_interactive"].running.error(Origin("5.1", "m/1"), f"cause {number}")
    assert len(status(client)["errors"]) == 20
    assert "Project 4" in client.get("/", headers=BROWSER).get_data(as_text=True).partition("Batches</h2>")[2]
