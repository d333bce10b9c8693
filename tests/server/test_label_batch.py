"""`llm-interactive label --batch-api`, against a Label Studio, a model and a Batch API on loopback."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from llm_interactive.cli import label_batch
from llm_interactive.cli.app import app
from llm_interactive.predict import batch_collection, batch_submission
from llm_interactive.settings import Settings
from llm_interactive.store.batches import Batch, Batches
from llm_interactive.store.store import Store
from llm_interactive.store.tables import leases
from testing.batch_api import FakeBatchAPI
from testing.label_studio import FakeLabelStudio
from testing.llm import Call, Reply, error
from tests.server.bodies import choices_region, texts_region
from tests.server.statements import Label, Make, answer, costing, counts, number_in, summary

ROOT = Path(__file__).parents[2]


def failing_at(number: int, reply: Reply) -> Callable[[Call], Reply]:
    return lambda call: reply if number_in(call) == number else answer(call)


def paid(llm: FakeBatchAPI) -> dict[int, int]:
    """How often the tasks were asked about, in batches and one by one."""
    return Counter(map(number_in, [*llm.asked, *llm.calls]))


def brought(done: Result, status: int = 0) -> dict[str, Any]:
    """The summary of the one version that --resume brought."""
    assert done.exit_code == status, done.stderr
    [found] = json.loads(done.stdout)
    return dict(found)


def words(done: Result) -> str:
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_batch, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(label_batch, "_LONGEST_PAUSE", 0.01)


@pytest.fixture
def llm() -> Iterator[FakeBatchAPI]:
    with FakeBatchAPI(answer) as server:
        yield server


@pytest.fixture
def run(environment: dict[str, str]) -> Label:
    """Runs `label` with these options on the project of a Label Studio."""

    def run(studio: FakeLabelStudio, *options: str, **settings: str) -> Result:
        env = {**environment, "LABEL_STUDIO_URL": studio.url, **settings}
        return CliRunner().invoke(app, ["label", "--project", "1", *options], env=env)

    return run


@pytest.fixture
def label(run: Label, prompt: Path) -> Label:
    """Runs `label --batch-api` with the prompt."""

    def by_batch(studio: FakeLabelStudio, *options: str, **settings: str) -> Result:
        return run(studio, "--batch-api", "--yes", "--prompt-file", str(prompt), *options, **settings)

    return by_batch


@pytest.fixture
def store(environment: dict[str, str]) -> Iterator[Store]:
    with closing(Store(Settings(MODEL_DIR=environment["MODEL_DIR"]).sqlalchemy_url, 24)) as opened:
        yield opened


def test_every_task_gets_its_prediction_at_half_the_price(
    llm: FakeBatchAPI, label: Label, statements: Make, store: Store
) -> None:
    studio = statements(30)
    found = summary(label(studio, "--json"))
    assert (found["done"], found["failed"]) == (30, {})
    assert found["filled"] == {"response": 30, "sentiment": 30}
    assert counts(studio) == {1: 30}
    # The first is asked for in the ordinary way: 10 tokens in and 5 out are 0.0011 dollars.
    assert (len(llm.calls), len(llm.asked)) == (1, 29)
    assert found["cost"] == pytest.approx(0.0011 * (1 + 29 / 2))
    [totals] = store.usage.totals()
    assert (totals["calls_ok"], totals["prompt_tokens"], totals["batched_prompt_tokens"]) == (30, 300, 290)
    assert Counter(call.batched for call in store.usage.calls(totals["project"])) == {True: 29, False: 1}


def test_predictions_of_a_batch_carry_the_score_of_their_label(
    llm: FakeBatchAPI, label: Label, statements: Make
) -> None:
    llm.answer = lambda call: replace(answer(call), sure={"Sarcastic": number_in(call) / 10})
    studio = statements(3)
    summary(label(studio, "--json"))
    scores = [studio.predictions_of(task)[0]["score"] for task in (1, 2, 3)]
    assert scores == pytest.approx([0.1, 0.2, 0.3], abs=0.001)


def test_replies_of_a_batch_are_found_paid_for(
    llm: FakeBatchAPI, label: Label, run: Label, statements: Make, prompt: Path
) -> None:
    studio = statements(5)
    summary(label(studio, "--json"))
    again = label(studio, "--json")
    assert summary(again)["cost"] == 0.0
    assert "0 requests in 0 batches" in words(again)
    assert summary(run(studio, "--yes", "--json", "--prompt-file", str(prompt)))["done"] == 5
    assert paid(llm) == dict.fromkeys(range(1, 6), 1)
    assert counts(studio) == {1: 5}


@pytest.mark.parametrize("path", ["", "/openai/v1"])
def test_azure_is_asked_in_its_own_way(label: Label, statements: Make, path: str) -> None:
    with FakeBatchAPI(answer, azure=True) as llm:
        azure = {
            "OPENAI_PROVIDER": "azure",
            "AZURE_RESOURCE_ENDPOINT": llm.address + path,
            "AZURE_DEPLOYMENT_NAME": "one",
            "AZURE_API_VERSION": "2024-10-21",
        }
        studio = statements(4)
        assert summary(label(studio, "--json", **azure))["done"] == 4
        # A deployment for batches takes no other calls.
        assert (len(llm.calls), len(llm.asked)) == (0, 4)
        assert {call.json["model"] for call in llm.asked} == {"one"}
        old = label(studio, **{**azure, "AZURE_API_VERSION": "2023-05-15", "AZURE_RESOURCE_ENDPOINT": llm.address})
        assert "check AZURE_RESOURCE_ENDPOINT and AZURE_API_VERSION" in words(old)
    assert counts(studio) == {1: 4}


def test_images_are_sent_in_the_file_once_the_model_took_one(llm: FakeBatchAPI, run: Label, statements: Make) -> None:
    llm.answer = '{"category": "Gasoline/Fuel", "summarization-response": "A receipt"}'
    receipts = [file.read_bytes() for file in sorted((ROOT / "examples").glob("receipt-*.png"))[:3]]
    tasks = [{"image": f"data:image/png;base64,{base64.b64encode(receipt).decode()}"} for receipt in receipts]
    config = (ROOT / "examples" / "image-receipts.xml").read_text()
    with FakeLabelStudio(config, tasks) as studio:
        found = summary(run(studio, "--batch-api", "--yes", "--json", DEFAULT_PROMPT="Which category is it?"))
    assert found["done"] == 3
    assert {isinstance(call.messages[-1]["content"], list) for call in [*llm.calls, *llm.asked]} == {True}
    assert len(llm.calls) == 1


def test_what_is_too_much_for_one_file_is_sent_in_several(
    llm: FakeBatchAPI, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_submission, "MOST_LINES", 4)
    assert summary(label(statements(10), "--json"))["done"] == 10
    assert [len(llm._lines(batch["input_file_id"])) for batch in llm.batches.values()] == [4, 4, 1]


def test_a_batch_that_is_one_too_many_leaves_the_others_alone(
    llm: FakeBatchAPI, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, full = FakeBatchAPI.other, error(400, "Enqueued token limit reached", code="token_limit_exceeded")

    def other(self: FakeBatchAPI, method: str, path: str, *given: Any) -> Reply:
        is_second = (method, path) == ("POST", "/v1/batches") and len(self.batches) == 1
        return full if is_second else answered(self, method, path, *given)

    studio = statements(10)
    monkeypatch.setattr(batch_submission, "MOST_LINES", 4)
    with monkeypatch.context() as patch:
        patch.setattr(FakeBatchAPI, "other", other)
        found = summary(label(studio, "--json"), status=1)
    assert found["failed"] == {"The LLM server refused the request (400): Enqueued token limit reached": 5}
    assert summary(label(studio, "--json"))["done"] == 10
    assert paid(llm) == dict.fromkeys(range(1, 11), 1)


def test_files_are_no_larger_than_they_may_be(
    llm: FakeBatchAPI, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_submission, "MOST_BYTES", 10_000)
    assert summary(label(statements(20), "--json"))["done"] == 20
    assert len(llm.batches) > 1
    assert max(len(llm.files[batch["input_file_id"]]) for batch in llm.batches.values()) <= 10_000


def test_tasks_that_fail_are_counted_by_their_cause(llm: FakeBatchAPI, label: Label, statements: Make) -> None:
    studio = statements(6)
    filtered = error(400, "The prompt was filtered", code="content_filter")
    llm.answer = lambda call: {3: filtered, 4: Reply(texts=[None]), 5: error(500, "Oops")}.get(
        number_in(call), answer(call)
    )
    done = label(studio)
    assert done.exit_code == 1
    assert "3 of 6 tasks labelled" in done.stdout
    assert "1 failed: The LLM server's content filter refused the prompt (400)." in done.stdout
    assert "1 failed: The LLM server failed with status 500." in done.stdout
    assert "1 failed: The model's reply was empty" in done.stdout
    llm.answer = answer
    assert summary(label(studio, "--json"))["done"] == 6
    assert paid(llm) == {1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 1}


def test_what_an_expired_batch_has_answered_is_kept_and_the_rest_is_sent_again(
    llm: FakeBatchAPI, label: Label, statements: Make
) -> None:
    studio = statements(9)
    llm.ends, llm.reaches = "expired", 5
    [(told, number)] = summary(label(studio, "--json"), status=1)["failed"].items()
    assert "The batch expired before" in told
    assert number == 3
    llm.ends, llm.reaches = "completed", None
    assert summary(label(studio, "--json"))["done"] == 9
    assert paid(llm) == dict.fromkeys(range(1, 10), 1)
    assert counts(studio) == {1: 9}


def test_a_batch_that_is_refused_as_a_whole_says_why(llm: FakeBatchAPI, label: Label, statements: Make) -> None:
    llm.known_models = {"another"}
    found = summary(label(statements(3), "--json"), status=1)
    assert found["failed"] == {"The LLM server refused the batch: The model one does not exist.": 2}
    assert found["done"] == 1


def test_lines_that_cannot_be_read_take_no_others_along(
    llm: FakeBatchAPI, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = [
        b"",
        b"<html>",
        b"[]",
        b'{"custom_id": 7}',
        b'{"custom_id": "unknown", "response": {"status_code": "?"}}',
    ]
    store = FakeBatchAPI._store

    def damaged(self: FakeBatchAPI, content: bytes) -> str:
        lines = content.splitlines()
        return store(self, b"\n".join([*strange, *lines[1:]]) if b'"status_code"' in content else content)

    monkeypatch.setattr(FakeBatchAPI, "_store", damaged)
    found = summary(label(statements(5), "--json"), status=1)
    assert found["done"] == 4
    assert found["failed"] == {"The LLM server's batch holds no reply to this. Label again.": 1}


def test_an_unknown_model_is_told_before_anything_is_sent(llm: FakeBatchAPI, label: Label, statements: Make) -> None:
    llm.answer = error(404, "The model `one` does not exist", code="model_not_found")
    done = label(statements(3))
    assert done.exit_code == 2
    assert "knows no such model or address" in words(done)
    assert llm.files == {}


def test_a_parameter_that_the_model_refuses_is_not_in_the_file(
    llm: FakeBatchAPI, label: Label, statements: Make
) -> None:
    llm.answer = lambda call: (
        error(400, "Unsupported parameter: 'temperature'", param="temperature")
        if "temperature" in call.json
        else answer(call)
    )
    assert summary(label(statements(3), "--json"))["done"] == 3
    assert all("temperature" not in call.json for call in llm.asked)


def test_a_provider_without_a_batch_api_says_so(
    label: Label, statements: Make, llm: FakeBatchAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeBatchAPI, "other", lambda *_: error(404, "Not Found"))
    done = label(statements(3))
    assert done.exit_code == 2
    assert "The LLM server has no Batch API. Label without --batch-api, or check OPENAI_BASE_URL." in words(done)
    assert "Traceback" not in words(done)


def test_no_more_is_sent_than_the_limit_of_money_allows(
    llm: FakeBatchAPI, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_submission, "_GROUP", 10)
    studio = statements(30)
    llm.answer = lambda call: costing(answer(call), 300, 5 if number_in(call) == 1 else 3000)
    found = summary(label(studio, "--json", "--max-cost", "1"), status=1)
    [cause] = found["failed"]
    assert "The limit of $1 is reached" in cause
    assert 1 < found["done"] < 20
    assert 0.5 < found["cost"] <= 1
    assert found["failed"][cause] < 30 - found["done"]  # the others were not even read
    summary(label(studio, "--json"))
    assert paid(llm) == dict.fromkeys(range(1, 31), 1)


def test_how_long_replies_are_is_known_after_some_dozens(
    llm: FakeBatchAPI, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_submission, "_TELLING_CALLS", 3)
    studio = statements(12)
    summary(label(studio, "--json", "--task", "1,2,3"))
    assert summary(label(studio, "--json", "--max-cost", "0.2"))["done"] == 12  # of 4,000 tokens each, 3 would be


def interrupted_by(llm: FakeBatchAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as soon as the command waits for batches that are held."""

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    llm.holds = True
    monkeypatch.setattr("llm_interactive.cli.label_batch.time.sleep", stop)


def test_who_stops_waiting_comes_back_on_another_day(
    llm: FakeBatchAPI, label: Label, run: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = statements(8)
    with monkeypatch.context() as patch:
        interrupted_by(llm, patch)
        done = label(studio)
    assert done.exit_code == 130
    assert "llm-interactive label --project 1 --resume" in words(done)
    assert counts(studio) == {0: 8}
    llm.holds = False
    # Prompt, model and tasks are those that were sent.
    assert brought(run(studio, "--resume", "--json", OPENAI_MODEL="two"))["done"] == 8
    assert counts(studio) == {1: 8}
    assert paid(llm) == dict.fromkeys(range(1, 9), 1)
    assert "The project has no batches under way" in words(run(studio, "--resume"))


def test_all_versions_are_brought_and_told_as_one_document(
    llm: FakeBatchAPI, label: Label, run: Label, statements: Make, prompt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = statements(3)
    with monkeypatch.context() as patch:
        interrupted_by(llm, patch)
        label(studio)
        prompt.write_text("Is it meant as it is said?")
        label(studio)
    llm.holds = False
    found = json.loads(run(studio, "--resume", "--json").stdout)
    assert [(one["tasks"], one["done"], one["left"]) for one in found] == [(3, 3, 0)] * 2
    assert len({one["model_version"] for one in found}) == 2


def test_it_is_brought_with_the_examples_that_it_was_sent_with(
    llm: FakeBatchAPI,
    label: Label,
    run: Label,
    statements: Make,
    prompt: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio = statements(8)
    said = [texts_region("response", "R"), choices_region("Sarcastic")]
    for number in (1, 2, 3):
        studio.annotate(number, said)
    with monkeypatch.context() as patch:
        interrupted_by(llm, patch)
        label(studio, FEW_SHOT="1")
    sent = llm.batches
    studio.annotate(8, said)
    plain = ("--yes", "--json", "--prompt-file", str(prompt), "--task", "8", "--new-examples")
    other = summary(run(studio, *plain, FEW_SHOT="1"), status=1)  # as its request is under way
    llm.holds = False
    found = brought(run(studio, "--resume", "--json", FEW_SHOT="1"))
    assert found["done"] == 8
    assert found["model_version"].endswith("-1shot")
    assert found["model_version"] != other["model_version"]
    assert llm.batches == sent


def test_what_is_under_way_is_not_paid_for_again(
    llm: FakeBatchAPI, label: Label, run: Label, statements: Make, prompt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = statements(8)
    with monkeypatch.context() as patch:
        interrupted_by(llm, patch)
        label(studio, "--task", "1,2,3,4,5")
        label(studio)
    ordinary = summary(run(studio, "--yes", "--json", "--prompt-file", str(prompt), "--task", "1,2,3"), status=1)
    assert ordinary["done"] == 1  # the first, which was asked for before the file was sent
    assert "--resume" in next(iter(ordinary["failed"]))
    llm.holds = False
    assert brought(run(studio, "--resume", "--json"))["done"] == 8
    assert len(llm.batches) == 2
    assert paid(llm) == dict.fromkeys(range(1, 9), 1)


def test_batches_can_be_taken_back_and_what_they_answered_is_brought(
    llm: FakeBatchAPI, label: Label, run: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = statements(8)
    with monkeypatch.context() as patch:
        interrupted_by(llm, patch)
        label(studio)
    llm.reaches = 4
    assert "Cancelled at The LLM server: 1 batch." in words(run(studio, "--cancel"))
    assert summary(run(studio, "--cancel", "--json")) == {"provider": "The LLM server", "cancelled": 1}
    found = brought(run(studio, "--resume", "--json"), status=1)
    assert found["done"] == 5
    assert paid(llm) == dict.fromkeys(range(1, 6), 1)


def test_settings_that_have_changed_since_are_told(
    llm: FakeBatchAPI, label: Label, run: Label, statements: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = statements(3)
    with monkeypatch.context() as patch:
        interrupted_by(llm, patch)
        label(studio)
    assert "Set them as they were" in words(run(studio, "--resume", TEMPERATURE="0"))
    assert "at another address" in words(run(studio, "--resume", OPENAI_BASE_URL="http://127.0.0.1:9/v1"))
    llm.batches.clear()
    assert "does not know the batch batch_1" in words(run(studio, "--resume"))
    run(studio, "--cancel")
    assert "has no batches under way" in words(run(studio, "--resume"))


@pytest.mark.parametrize("noted", [0, 1, 2])
def test_whatever_was_noted_when_it_was_stopped_none_is_paid_for_twice(
    llm: FakeBatchAPI, label: Label, statements: Make, monkeypatch: pytest.MonkeyPatch, noted: int
) -> None:
    """Before the upload, before the batch, and before its id."""
    keep, kept = Batches.save, list[str]()

    def stops(self: Batches, batch: Batch, *requests: Any) -> bool:
        if len(kept) == noted:
            raise KeyboardInterrupt
        kept.append(batch.state)
        return keep(self, batch, *requests)

    studio = statements(5)
    with monkeypatch.context() as patch:
        patch.setattr(Batches, "save", stops)
        assert label(studio).exit_code == 130
    assert summary(label(studio, "--json"))["done"] == 5
    assert paid(llm) == dict.fromkeys(range(1, 6), 1)
    assert len(llm.batches) == 1


def test_a_batch_that_was_never_made_is_sent_again(llm: FakeBatchAPI, label: Label, statements: Make) -> None:
    def goes_away() -> None:
        raise ConnectionResetError

    studio = statements(5)
    llm.on_create = goes_away
    done = label(studio)
    assert done.exit_code == 2
    assert "--resume" in words(done)
    llm.on_create = lambda: None
    assert summary(label(studio, "--json"))["done"] == 5
    assert paid(llm) == dict.fromkeys(range(1, 6), 1)


@pytest.mark.parametrize(
    ("path", "refusal"), [("/files", error(404, "Not Found")), ("/batches", error(400, "Not with this deployment"))]
)
def test_what_was_refused_is_not_held_to_be_under_way(
    run: Label,
    label: Label,
    statements: Make,
    prompt: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    refusal: Reply,
) -> None:
    studio = statements(2)
    answered = FakeBatchAPI.other
    with monkeypatch.context() as patch:
        patch.setattr(FakeBatchAPI, "other", lambda *given: refusal if path in given[2] else answered(*given))
        assert label(studio).exit_code == 2
    assert summary(run(studio, "--yes", "--json", "--prompt-file", str(prompt)))["done"] == 2


def test_after_a_kill_the_batch_that_nobody_heard_of_is_found(
    llm: FakeBatchAPI,
    run: Label,
    statements: Make,
    environment: dict[str, str],
    prompt: Path,
    store: Store,
) -> None:
    studio = statements(5)
    command = [sys.executable, "-m", "llm_interactive", "label", "--project", "1", "--batch-api", "--yes"]
    process = subprocess.Popen(
        [*command, "--prompt-file", str(prompt)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment, "LABEL_STUDIO_URL": studio.url},
        stderr=subprocess.DEVNULL,
    )
    llm.on_created = lambda: process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    with store.database.transaction() as connection:
        connection.execute(sa.update(leases).values(until=0))  # they lapse by themselves, in ten seconds
    assert brought(run(studio, "--resume", "--json"))["done"] == 5
    assert paid(llm) == dict.fromkeys(range(1, 6), 1)
    assert counts(studio) == {1: 5}


def test_after_a_stop_while_reading_no_cost_is_counted_twice(
    llm: FakeBatchAPI, label: Label, run: Label, statements: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = statements(9)
    kept: list[int] = []
    keep = Store.save_batch

    def dies(self: Store, *given: Any) -> bool:
        if len(kept) == 2:
            raise KeyboardInterrupt
        kept.append(1)
        return keep(self, *given)

    monkeypatch.setattr(batch_collection, "_LINES", 2)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "save_batch", dies)
        assert label(studio).exit_code == 130
    assert brought(run(studio, "--resume", "--json"))["done"] == 9
    [totals] = store.usage.totals()
    assert (totals["calls_ok"], totals["prompt_tokens"]) == (9, 90)


def test_the_plan_tells_half_the_price(run: Label, statements: Make, prompt: Path) -> None:
    studio = statements(4)

    def cost(*options: str) -> float:
        found = re.search(r"cost +\$([\d.]+)", run(studio, "--prompt-file", str(prompt), *options).stderr)
        assert found
        return float(found[1])

    assert cost("--batch-api") == pytest.approx(cost() / 2, abs=1e-4)


def test_replies_that_are_not_kept_cannot_be_brought(label: Label, statements: Make) -> None:
    done = label(statements(1), REPLY_TTL="0")
    assert done.exit_code == 2
    assert "REPLY_TTL is 0" in words(done)
