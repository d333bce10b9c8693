"""`llm-interactive label`, against a Label Studio and a model on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llm_interactive.cli.app import app
from llm_interactive.settings import Settings
from llm_interactive.store.store import Store
from testing.label_studio import FakeLabelStudio
from testing.llm import Call, FakeLLM, Reply
from tests.server.statements import Label, Make, answer, costing, counts, number_in, summary

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "llm_interactive", "label", "--project", "1"]


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(answer) as server:
        yield server


def test_every_task_gets_its_prediction_and_a_second_run_pays_nothing(
    llm: FakeLLM, label: Label, statements: Make
) -> None:
    studio = statements(120)
    found = summary(label(studio, "--yes", "--json"))
    assert (found["tasks"], found["done"], found["left"], found["failed"]) == (120, 120, 0, {})
    assert found["filled"] == {"response": 120, "sentiment": 120}
    assert found["cost"] == pytest.approx(120 * (10 * 100 + 5 * 20) / 1e6)
    for task in studio.tasks:
        [prediction] = studio.predictions_of(task["id"])
        texts = {region["from_name"]: region["value"].get("text") for region in prediction["result"]}
        assert texts["response"] == [f"statement {task['id']}"]
        assert prediction["model_version"] == found["model_version"]

    before = dict(studio.predictions)
    again = summary(label(studio, "--yes", "--json"))
    assert (again["done"], again["cost"], again["replaced"]) == (120, 0, 0)
    assert again["filled"] == found["filled"]
    assert len(llm.calls) == 120
    assert studio.predictions == before


def test_an_older_prediction_of_the_version_that_says_something_else_is_replaced(
    label: Label, statements: Make
) -> None:
    studio = statements(5)
    label(studio, "--yes")
    studio.predictions[2]["result"] = []
    studio.predictions[3]["score"] = 0.5
    again = summary(label(studio, "--yes", "--json"))
    assert (again["done"], again["replaced"]) == (5, 2)
    assert sorted(studio.predictions) == [1, 4, 5, 6, 7]
    assert all(prediction["result"] for prediction in studio.predictions.values())


def test_of_equal_predictions_of_the_version_one_is_left(label: Label, statements: Make) -> None:
    studio = statements(2)
    label(studio, "--yes")
    studio.predictions[9] = {**studio.predictions[1], "id": 9}
    assert summary(label(studio, "--yes", "--json"))["replaced"] == 1
    assert sorted(studio.predictions) == [2, 9]


def test_predictions_of_another_prompt_stay_beside(label: Label, statements: Make, prompt: Path) -> None:
    studio = statements(5)
    first = summary(label(studio, "--yes", "--json"))
    prompt.write_text("Is it meant as it is said?")
    second = summary(label(studio, "--yes", "--json"))
    assert first["model_version"] != second["model_version"]
    assert counts(studio) == {2: 5}


def test_only_missing_leaves_out_what_has_a_prediction_of_the_version(
    llm: FakeLLM, label: Label, statements: Make
) -> None:
    studio = statements(6)
    summary(label(studio, "--yes", "--json", "--task", "2,3"))
    assert summary(label(studio, "--yes", "--json", "--only-missing"))["done"] == 4
    assert (counts(studio), len(llm.calls)) == ({1: 6}, 6)


def test_tasks_that_the_project_does_not_have_are_named(label: Label, statements: Make) -> None:
    studio = statements(3)
    done = label(studio, "--yes", "--json", "--task", "1,999,7")
    assert "No task of the project: 7, 999." in done.stderr
    assert summary(done, status=1)["done"] == 1
    assert counts(studio) == {1: 1, 0: 2}


def test_a_limit_of_money_is_not_passed_and_the_next_run_goes_on(llm: FakeLLM, label: Label, statements: Make) -> None:
    studio = statements(60)
    llm.answer = lambda call: costing(answer(call), 300, 50)
    stopped = summary(label(studio, "--yes", "--json", "--max-cost", "1", MAX_TOKENS="50"), status=1)
    assert stopped["done"] == len(llm.calls) < 60
    assert 0.9 < stopped["cost"] <= 1
    [cause] = stopped["failed"]
    assert "limit of $1 is reached" in cause
    assert summary(label(studio, "--yes", "--json", MAX_TOKENS="50"))["done"] == 60
    assert len(llm.calls) == 60


def test_a_small_limit_is_used_up_though_nothing_says_how_long_replies_are(
    llm: FakeLLM, label: Label, statements: Make
) -> None:
    studio = statements(60)
    stopped = summary(label(studio, "--yes", "--json", "--max-cost", "0.05"), status=1)
    assert 40 <= stopped["done"] == len(llm.calls) <= 45  # at 0.11 cents each
    assert stopped["cost"] <= 0.05


def test_a_long_task_is_left_out_where_it_alone_might_pass_the_limit(
    llm: FakeLLM, label: Label, statements: Make
) -> None:
    studio = statements(4)
    studio.tasks[1]["data"]["text"] += "x " * 20_000
    stopped = summary(label(studio, "--yes", "--json", "--max-cost", "1"), status=1)
    assert (stopped["done"], sorted(map(number_in, llm.calls))) == (3, [1, 3, 4])
    [cause] = stopped["failed"]
    assert "This task alone might cost more than the limit of $1." in cause


def test_a_prompt_from_a_file_goes_before_a_pinned_one(
    llm: FakeLLM, label: Label, statements: Make, environment: dict[str, str]
) -> None:
    settings = Settings(MODEL_DIR=environment["MODEL_DIR"])
    with closing(Store(settings.sqlalchemy_url, 24)) as store:
        store.pin("1.1767225600", "prompt", "Is it pinned?")
    summary(label(statements(1), "--yes", "--json"))
    assert "Sarcastic or Not Sarcastic?" in llm.calls[0].prompt


def test_a_sample_is_the_same_in_the_next_run(llm: FakeLLM, label: Label, statements: Make) -> None:
    studio = statements(30)
    for _ in range(2):
        summary(label(studio, "--yes", "--json", "--sample", "10"))
    assert len(llm.calls) == 10
    assert counts(studio) == {0: 20, 1: 10}


def test_the_plan_is_shown_and_nothing_is_asked_without_consent(llm: FakeLLM, label: Label, statements: Make) -> None:
    studio = statements(40)
    done = label(studio)
    assert done.exit_code != 0
    assert "40 tasks" in done.stderr
    assert llm.calls == []
    assert counts(studio) == {0: 40}


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Reviews [/old]", "Reviews [/old]: 1 tasks"),
        ("[draft] Reviews", "[draft] Reviews: 1 tasks"),
        ("a\x1b[2Jb", "a [2Jb"),
    ],
)
def test_the_plan_shows_any_title_as_it_is(label: Label, statements: Make, title: str, shown: str) -> None:
    studio = statements(1)
    studio.project["title"] = title
    assert shown in label(studio).stderr


def test_the_plan_knows_what_is_paid_for_and_what_the_rest_costs(label: Label, statements: Make) -> None:
    studio = statements(20)
    summary(label(studio, "--yes", "--json"))
    assert "about 20" in label(studio).stderr.partition("already paid for")[2].partition("\n")[0]
    assert "$0.0000" in label(studio).stderr


def test_tasks_that_fail_are_counted_by_their_cause(llm: FakeLLM, label: Label, statements: Make) -> None:
    llm.answer = lambda call: Reply(answer(call).texts) if number_in(call) != 2 else Reply(texts=[None])
    done = label(statements(3), "--yes")
    assert done.exit_code == 1
    assert "2 of 3 tasks labelled" in done.stdout
    assert "1 failed: " in done.stdout


def sure_answer(call: Call) -> Reply:
    """An answer that is as sure as the number of its task: 0.1 for the first, and so on."""
    return replace(answer(call), sure={"Sarcastic": number_in(call) / 10})


def annotated(studio: FakeLabelStudio) -> list[int]:
    return [task["id"] for task in studio.tasks if task.get("annotations")]


def test_predictions_carry_the_score_of_their_label(llm: FakeLLM, label: Label, statements: Make) -> None:
    llm.answer = sure_answer
    studio = statements(3)
    assert summary(label(studio, "--yes", "--json"))["accepted"] is None
    assert [studio.predictions_of(task)[0]["score"] for task in (1, 2, 3)] == [0.1, 0.2, 0.3]
    assert annotated(studio) == []


def test_what_is_sure_enough_becomes_an_annotation_once(llm: FakeLLM, label: Label, statements: Make) -> None:
    llm.answer = sure_answer
    studio = statements(9)
    found = summary(label(studio, "--yes", "--json", "--accept-above", "0.7"))
    assert (found["accepted"], annotated(studio)) == (3, [7, 8, 9])
    [made] = studio.tasks[6]["annotations"]
    [prediction] = studio.predictions_of(7)
    assert (made["result"], made["parent_prediction"]) == (prediction["result"], prediction["id"])
    assert made["last_action"] == "prediction"

    done = label(studio, "--yes", "--accept-above", "0.6")
    assert "1 became annotations" in done.stdout
    assert [len(task.get("annotations", [])) for task in studio.tasks] == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_where_somebody_annotated_or_skipped_nothing_is_accepted(llm: FakeLLM, label: Label, statements: Make) -> None:
    llm.answer = sure_answer
    studio = statements(9)
    studio.annotate(7, [])
    studio.annotate(8, [], was_cancelled=True)
    assert summary(label(studio, "--yes", "--json", "--accept-above", "0.7"))["accepted"] == 1
    assert [len(studio.tasks[number - 1]["annotations"]) for number in (7, 8, 9)] == [1, 1, 1]


def test_without_scores_nothing_is_accepted(label: Label, statements: Make) -> None:
    studio = statements(3)
    assert summary(label(studio, "--yes", "--json", "--accept-above", "0"))["accepted"] == 0
    assert annotated(studio) == []


def test_evaluate_says_what_the_scores_are_worth(
    llm: FakeLLM, label: Label, statements: Make, environment: dict[str, str]
) -> None:
    """Of nine tasks the surest is accepted; of the eight that people saw, the surer half is right."""
    llm.answer = sure_answer
    studio = statements(9)
    assert summary(label(studio, "--yes", "--json", "--accept-above", "0.9"))["accepted"] == 1
    for number in range(1, 9):
        said = "Sarcastic" if number % 3 == 0 else "Not Sarcastic"
        right = said if number > 4 else {"Sarcastic": "Not Sarcastic", "Not Sarcastic": "Sarcastic"}[said]
        value = {"choices": [right]}
        region = {"id": "s", "from_name": "sentiment", "to_name": "text", "type": "choices", "value": value}
        studio.annotate(number, [region], lead_time=2.0)
    arguments = ["evaluate", "--project", "1", "--output", "sentiment", "--json", "-"]
    done = CliRunner().invoke(app, arguments, env={**environment, "LABEL_STUDIO_URL": studio.url})
    assert done.exit_code == 0, done.stderr
    [version] = json.loads(done.stdout)["outputs"][0]["versions"]
    worth = version["confidence"]
    assert (version["n"], version["accuracy"]["value"], worth["n"]) == (8, 0.5, 8)
    assert worth["accepted"] == {"score": 0.5, "coverage": 0.5, "accuracy": 1.0}
    off = [0.1, 0.2, 0.3, 0.4, 1 - 0.5, 1 - 0.6, 1 - 0.7, 1 - 0.8]
    assert worth["ece"] == pytest.approx(sum(off) / 8)


def test_another_model_may_be_asked(llm: FakeLLM, label: Label, statements: Make) -> None:
    found = summary(label(statements(1), "--yes", "--json", "--model", "two"))
    assert found["model_version"].startswith("two/")
    assert llm.calls[0].json["model"] == "two"


def test_after_a_kill_the_next_run_pays_for_none_twice(
    llm: FakeLLM, label: Label, statements: Make, environment: dict[str, str], prompt: Path
) -> None:
    studio = statements(150)
    llm.answer = lambda call: Reply(answer(call).texts, hang=number_in(call) > 50)
    command = [*COMMAND, "--yes", "--prompt-file", str(prompt)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment, "LABEL_STUDIO_URL": studio.url},
        stderr=subprocess.DEVNULL,
    ) as killed:
        llm.wait_for_calls(82, timeout=60)  # 50 replies, and all 32 threads hang
        killed.send_signal(signal.SIGKILL)
    llm.release()
    llm.answer = answer
    assert summary(label(studio, "--yes", "--json"))["done"] == 150
    asked = Counter(map(number_in, llm.calls))
    assert {number for number, times in asked.items() if times > 1} <= set(range(51, 151))
    assert counts(studio) == {1: 150}


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        ([], {}, "cannot be reached"),
        (["--task", "one"], {}, "--task takes numbers"),
        (["--task", "1", "--filter", "3"], {}, "--task names the tasks"),
        (["--task", "1", "--sample", "1"], {}, "--task names the tasks"),
        (["--resume", "--max-cost", "1"], {}, "--resume and --cancel are about what was sent"),
        (["--resume", "--sample", "1"], {}, "--resume and --cancel are about what was sent"),
        (["--prompt-file", "nowhere.txt"], {}, "nowhere.txt cannot be read"),
        (["--prompt-file", "other=prompt.txt"], {}, "other is no prompt field"),
        (["--max-cost", "1"], {"PRICE_INPUT": "", "PRICE_OUTPUT": ""}, "The price of one is not known"),
        ([], {"LABEL_STUDIO_API_KEY": ""}, "LABEL_STUDIO_API_KEY is not set"),
        ([], {"OPENAI_API_KEY": ""}, "OPENAI_API_KEY is not set"),
        ([], {"MAX_TOKENS": "many"}, "MAX_TOKENS"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    label: Label, statements: Make, options: list[str], settings: dict[str, str], message: str
) -> None:
    studio = None if message == "cannot be reached" else statements(1)
    done = label(studio, "--yes", *options, **settings)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_project_without_any_prompt_says_how_to_give_one(statements: Make, environment: dict[str, str]) -> None:
    env = {**environment, "LABEL_STUDIO_URL": statements(1).url}
    done = CliRunner().invoke(app, ["label", "--project", "1", "--yes"], env=env)
    assert done.exit_code == 2
    assert "--prompt-file" in done.stderr
