"""Many tasks in one request: one entry for each, in order; nothing paid twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from label_studio_sdk.label_interface import LabelInterface

from llm_interactive.errors import UNEXPECTED
from llm_interactive.outputs.form import Filled, Form
from llm_interactive.predict.prepare import PreparedTask
from testing.llm import Call, FakeLLM, FixedAnswer, Reply, error
from tests.server.bodies import (
    TEXT,
    Json,
    batch,
    results,
    sample,
    sentence_of,
    submitted,
    task,
    tasks,
    texts,
    texts_region,
    typed,
)
from tests.server.conftest import MakeApp

PROMPTED: dict[str, Any] = {"default_prompt": "Judge."}


def echo(call: Call) -> str:
    """A reply that repeats what was asked."""
    return call.prompt


def bad_text(number: int, answer: FixedAnswer) -> Callable[[Call], FixedAnswer]:
    """Answers the task whose text has `number` with `answer`, all others with "OK"."""
    return lambda call: answer if f"text {number}\n" in call.prompt else "OK"


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nothing reports; fails after a while."""
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(**PROMPTED).test_client()


def test_each_task_has_its_entry_in_order(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = echo
    entries = results(client, batch(tasks(50)))
    for number, entry in enumerate(entries, start=1):
        assert texts(entry) == [f"Source Text: text {number}\n\nTask Directive: Judge."]
        assert LabelInterface(TEXT).validate_prediction(entry, return_errors=True) == []


def test_a_recorded_batch_uses_a_tasks_own_prompt_and_says_which_tasks_have_none(
    make_app: MakeApp, llm: FakeLLM
) -> None:
    entries = results(make_app().test_client(), sample("batch_predict_request_text"))
    assert texts(entries[0], "prompt") == ["Judge this. NONCE-wcnmzycp"]
    assert all("prompt" in entry["error"] for entry in entries[1:])
    assert all("result" not in entry for entry in entries[1:])


def test_a_batch_without_any_prompt_is_an_error_that_says_so(make_app: MakeApp, llm: FakeLLM) -> None:
    response = make_app().test_client().post("/predict", json=batch(tasks(3)))
    assert response.status_code == 400
    assert "prompt" in sentence_of(response)


@pytest.mark.parametrize(
    "bad",
    [
        task(2, data={"other": "x"}),
        task(2, data={"text": None}),
        task(2, data=None),
        {},
        {"id": 2},
    ],
    ids=["no-field", "null", "no-data", "empty", "only-id"],
)
def test_a_task_that_cannot_be_asked_has_an_error_and_no_result(client: FlaskClient, llm: FakeLLM, bad: Json) -> None:
    entries = results(client, batch([task(1), bad, task(3)]))
    assert ["result" in entry for entry in entries] == [True, False, True]
    assert entries[1]["error"]
    assert len(llm.calls) == 2


def test_of_sixty_tasks_with_one_that_fails_for_good_fiftynine_are_answered(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = bad_text(30, error(400, "no"))
    entries = results(client, batch(tasks(60)))
    assert [number for number, entry in enumerate(entries, 1) if "result" not in entry] == [30]
    assert "(400)" in entries[29]["error"]
    assert len(llm.calls) == 60


def test_a_reply_that_breaks_the_reading_takes_no_other_task_along(
    client: FlaskClient, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm.answer = bad_text(1, "break")
    filled = Form.filled

    def breaking(form: Form, texts: Sequence[str], *rest: Any, **more: Any) -> Filled:
        if "break" in texts:
            raise ZeroDivisionError
        return filled(form, texts, *rest, **more)

    monkeypatch.setattr(Form, "filled", breaking)
    entries = results(client, batch(tasks(3)))
    assert [entry.get("error") or texts(entry) for entry in entries] == [UNEXPECTED, ["OK"], ["OK"]]


def test_a_reply_is_kept_also_where_checking_it_breaks(
    client: FlaskClient, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PreparedTask, "faults", lambda *_: 1 / 0)
        assert results(client, batch(tasks(1))) == [{"error": UNEXPECTED}]
    assert "result" in results(client, batch(tasks(1)))[0]
    assert len(llm.calls) == 1


def test_a_second_retrieval_asks_nothing(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = echo
    first = results(client, batch(tasks(20)))
    second = results(client, batch(tasks(20)))
    assert [texts(entry) for entry in first] == [texts(entry) for entry in second]
    assert len(llm.calls) == 20


def test_a_retrieval_after_a_restart_asks_nothing(make_app: MakeApp, llm: FakeLLM) -> None:
    first = make_app(**PROMPTED)
    results(first.test_client(), batch(tasks(20)))
    first.extensions["llm_interactive"].close()
    results(make_app(**PROMPTED).test_client(), batch(tasks(20)))
    assert len(llm.calls) == 20


def test_only_tasks_without_a_reply_are_asked_again(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = bad_text(2, error(400, "no"))
    results(client, batch(tasks(3)))
    llm.answer = "OK"
    assert all("result" in entry for entry in results(client, batch(tasks(5))))
    assert len(llm.calls) == 3 + 3


def test_replies_are_not_kept_where_the_operator_wants_none_kept(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(**PROMPTED, reply_ttl=0).test_client()
    results(client, batch([task(1)]))
    results(client, batch([task(1)]))
    assert len(llm.calls) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.1},
        {"openai_model": "gpt-4o"},
        {"num_responses": 2},
        {"max_tokens": 9},
        {"system_prompt": "Be terse."},
        {"default_prompt": "Judge well."},
        {"prompt_template": "{text} {prompt}"},
    ],
    ids=str,
)
def test_a_reply_is_not_used_where_another_one_would_have_come(
    make_app: MakeApp, llm: FakeLLM, change: dict[str, object]
) -> None:
    results(make_app(**PROMPTED).test_client(), batch([task(1)]))
    results(make_app(**{**PROMPTED, **change}).test_client(), batch([task(1)]))
    assert len(llm.calls) == 2


def test_another_servers_reply_is_not_used(make_app: MakeApp, llm: FakeLLM) -> None:
    results(make_app(**PROMPTED).test_client(), batch([task(1)]))
    with FakeLLM("other") as other:
        app = make_app(**PROMPTED, openai_base_url=other.base_url)
        assert texts(results(app.test_client(), batch([task(1)]))[0]) == ["other"]


def test_an_annotator_is_never_answered_out_of_the_store(client: FlaskClient, llm: FakeLLM) -> None:
    results(client, batch([task(1)]))
    results(client, typed("Judge.", about=task(1)))
    assert len(llm.calls) == 2


def test_the_same_task_asked_twice_at_once_is_asked_once(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app(**PROMPTED)
    llm.answer = Reply(texts=["OK"], hang=True)
    first = threads.submit(results, app.test_client(), batch([task(1)]))
    llm.wait_for_calls(1)
    # The call for the second task shows that the second request is under way with both of its tasks.
    second = threads.submit(results, app.test_client(), batch([task(1), task(2)]))
    llm.wait_for_calls(2)
    llm.release()
    assert [texts(entry) for entry in (*first.result(), *second.result())] == [["OK"]] * 3
    assert len(llm.calls) == 2


def test_however_requests_for_the_same_tasks_meet_each_task_is_asked_once(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app(**PROMPTED)

    def ask_one_after_another() -> None:
        for one in tasks(60):
            assert texts(results(app.test_client(), batch([one]))[0]) == ["OK"]

    for walk in [threads.submit(ask_one_after_another) for _ in range(8)]:
        walk.result()
    assert [times for times in Counter(call.prompt for call in llm.calls).values() if times > 1] == []


def test_tasks_of_the_same_text_have_an_entry_each(client: FlaskClient, llm: FakeLLM) -> None:
    entries = results(client, batch([task(1, "same"), task(2, "same"), task(3, "same")]))
    assert [texts(entry) for entry in entries] == [["OK"]] * 3
    ids = [region["id"] for entry in entries for region in entry["result"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (error(401, "Incorrect API key", code="invalid_api_key"), "OPENAI_API_KEY"),
        (error(403, "denied"), "(403)"),
        (error(404, "The model `x` does not exist", code="model_not_found"), "OPENAI_MODEL"),
        (error(404, "no such deployment", code="DeploymentNotFound"), "OPENAI_MODEL"),
        (error(429, "You exceeded your current quota", code="insufficient_quota"), "quota"),
    ],
    ids=["wrong-key", "forbidden", "unknown-model", "unknown-deployment", "no-quota"],
)
def test_a_failure_that_is_everybodys_stops_the_batch(
    make_app: MakeApp, llm: FakeLLM, answer: Reply, fragment: str
) -> None:
    llm.answer = answer
    entries = results(make_app(**PROMPTED, max_concurrency=4).test_client(), batch(tasks(100)))
    assert len(llm.calls) <= 4
    [sentence] = {entry["error"] for entry in entries}
    assert fragment in sentence
    assert not any("result" in entry for entry in entries)


def test_replies_that_came_before_the_quota_ended_are_given(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.queue("a", "b", error(429, "no quota", code="insufficient_quota"))
    entries = results(make_app(**PROMPTED, max_concurrency=1).test_client(), batch(tasks(9)))
    assert ["result" in entry for entry in entries] == [True] * 2 + [False] * 7
    assert len(llm.calls) == 3


def test_a_missing_key_is_each_tasks_error_without_any_call(make_app: MakeApp, llm: FakeLLM) -> None:
    entries = results(make_app(**PROMPTED, openai_api_key=None).test_client(), batch(tasks(3)))
    assert all(entry["error"].startswith("OPENAI_API_KEY is not set") for entry in entries)
    assert llm.calls == []


def test_ten_thousand_tasks_in_one_request_have_an_entry_each(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = echo
    asked = [task(number, f"text {number % 500}") for number in range(10_000)]
    entries = results(client, batch(asked))
    wanted = [[f"Source Text: text {number % 500}\n\nTask Directive: Judge."] for number in range(10_000)]
    assert [texts(entry) for entry in entries] == wanted
    assert len(llm.calls) == 500


def test_no_tasks_have_no_entries(client: FlaskClient) -> None:
    assert results(client, batch([])) == []


def test_the_prompt_of_the_whole_batch_is_the_one_at_its_start(
    make_app: MakeApp, llm: FakeLLM, threads: ThreadPoolExecutor
) -> None:
    app = make_app(**PROMPTED, max_concurrency=1)
    llm.answer = Reply(texts=["OK"], hang=True)
    under_way = threads.submit(results, app.test_client(), batch(tasks(5)))
    llm.wait_for_calls(1)
    app.test_client().post("/webhook", json=submitted("Another one."))
    llm.release()
    assert {text for entry in under_way.result() for text in texts(entry, "prompt")} == {"Judge."}
    assert len({entry["model_version"] for entry in under_way.result()}) == 1


def test_a_tasks_prompt_that_cannot_be_filled_fails_that_task_alone(make_app: MakeApp, llm: FakeLLM) -> None:
    own = {"result": [texts_region("prompt", "Judge {nothing}.")]}
    client = make_app(use_internal_prompt_template=False, default_prompt="Judge {text}.").test_client()
    entries = results(client, batch([task(1), task(2, drafts=[own])]))
    assert ["result" in entry for entry in entries] == [True, False]
    assert "nothing" in entries[1]["error"]


@pytest.fixture
def without_database(make_app: MakeApp, tmp_path: Path) -> FlaskClient:
    (tmp_path / "file").touch()
    return make_app(**PROMPTED, model_dir=tmp_path / "file" / "data").test_client()


def test_predictions_go_on_without_a_database(without_database: FlaskClient) -> None:
    assert all("result" in entry for entry in results(without_database, batch(tasks(3))))
    assert texts(results(without_database, typed("Judge well."))[0]) == ["OK"]


def test_health_is_up_and_tells_that_the_database_fails(without_database: FlaskClient) -> None:
    results(without_database, batch(tasks(3)))
    health = without_database.get("/health")
    assert health.status_code == 200
    assert health.get_json()["status"] == "UP"
    assert "database" in health.get_data(as_text=True).lower()


TWO_PROMPTS = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="category-prompt" toName="text"/>
  <Choices name="category" toName="text"><Choice value="Other"/><Choice value="Cat"/></Choices>
  <TextArea name="detail-prompt" toName="text"/>
  <TextArea name="detail-response" toName="text"
            visibleWhen="choice-selected" whenTagName="category" whenChoiceValue="Other"/>
  {}
</View>"""


@pytest.mark.parametrize("more", ["", '<Choices name="detail-kind" toName="text"><Choice value="A"/></Choices>'])
@pytest.mark.parametrize(("category", "is_shown"), [("Other", True), ("Cat", False)])
def test_what_hangs_on_another_prompts_choice_is_given_where_that_is_made(
    client: FlaskClient, llm: FakeLLM, category: str, more: str, *, is_shown: bool
) -> None:
    detail = '{"detail-response": "Why.", "detail-kind": "A"}' if more else "Why."
    llm.answer = lambda call: json.dumps({"category": category}) if '"Cat"' in json.dumps(call.json) else detail
    [entry] = results(client, batch([task(1)], TWO_PROMPTS.format(more)))
    given = {region["from_name"]: region["value"] for region in entry["result"]}
    assert given["category"] == {"choices": [category]}
    assert given.get("detail-response") == ({"text": ["Why."]} if is_shown else None)
