"""People rank replies of models in a real Label Studio, and what they prefer becomes pairs to train with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from demo.label_studio import Json
from demo.llm_server import MODEL_NAME
from llm_interactive.cli.app import app
from testing.fine_tuning import check
from testing.llm import Call, FakeLLM, Reply
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import LOGIN, Stack, eventually, example
from tests.receipts import FILES

pytestmark = pytest.mark.e2e

COUNT = 3

Run = Callable[..., Any]


def reply_to(call: Call) -> Reply:
    if call.json["model"] == "judge":
        return judged_by(call)
    return Reply(texts=[f"The word of model {call.json['model']}."])


def judged_by(call: Call) -> Reply:
    """A judge that likes model two, but of replies to the last question the one that stands first."""
    said = call.prompt
    two_is_last = said.index("model two") > said.index("model one")
    better = "2" if two_is_last and f"What is {COUNT - 1}" not in said else "1"
    return Reply(texts=[json.dumps({"order": better})])


@pytest.fixture
def run(stack: Stack, fixed_llm: FakeLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command and gives its summary."""
    fixed_llm.answer = reply_to
    monkeypatch.setenv("LABEL_STUDIO_URL", stack.studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LOGIN.token)
    monkeypatch.setenv("OPENAI_BASE_URL", fixed_llm.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> Json:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, done.stderr
        found: Json = json.loads(done.stdout)
        return found

    return run


@pytest.fixture
def ranking(stack: Stack, run: Run, tmp_path: Path) -> Callable[..., tuple[int, list[Json]]]:
    """Makes a project that ranks replies of models: its id, and its tasks."""
    source = stack.studio.create_project("Chat", example("chat"))
    turns = [{"role": "user", "content": f"What is {number} + 1?"} for number in range(COUNT)]
    stack.studio.import_tasks(source, [{"dialogue": [turn]} for turn in turns])
    (tmp_path / "prompt").write_text("In one word.")

    def make(models: str, *options: str) -> tuple[int, list[Json]]:
        prompt = ["--prompt-file", str(tmp_path / "prompt")]
        made = run("rank", "create", "--from", str(source), "--models", models, *prompt, "--yes", *options)
        return made["project"], sorted(stack.studio.tasks(made["project"]), key=lambda task: int(task["id"]))

    return make


def open_task(page: LabelingPage, project: int, task: Json) -> None:
    page.page.goto(f"{page.url}/projects/{project}/data?task={task['id']}")
    expect(page.page.get_by_text("What is").last).to_be_visible(timeout=30_000)
    # The page may load the task a second time, and loses what was done before.
    page.page.wait_for_load_state("networkidle")


def submit(page: LabelingPage, *, by_key: bool = False) -> None:
    if by_key:
        page.page.keyboard.press("Control+Enter")
    else:
        page.page.get_by_test_id("bottombar-submit-button").click()
    expect(page.page.get_by_test_id("bottombar-update-button")).to_be_visible()


def test_the_reply_that_is_clicked_or_whose_key_is_pressed_is_the_better_one(
    run: Run, ranking: Any, stack: Stack, page: LabelingPage, tmp_path: Path
) -> None:
    project, tasks = ranking("one,two")
    open_task(page, project, tasks[0])
    page.page.locator(".replies").get_by_text("The word of model two.").click()
    submit(page)
    on_the_left = tasks[1]["data"]["r1"] == "The word of model two."
    for task, key, means in (
        (tasks[1], "1", "Left") if on_the_left else (tasks[1], "2", "Right"),
        (tasks[2], "3", "About the same"),
    ):
        open_task(page, project, task)
        page.page.keyboard.press(key)
        expect(page.page.locator(f"input[type=radio][name='{means}']")).to_be_checked()
        submit(page, by_key=True)
        [annotation] = stack.studio.annotations(task["id"])
        assert [region["value"] for region in annotation["result"]] == [{"choices": [means]}]

    file = tmp_path / "pairs.jsonl"
    options = ["--project", str(project), "--format", "dpo-trl", "-o", str(file), "--holdout", "0.4"]
    found = run("rank", "export", *options)
    [train], [held_out] = check("dpo-trl", file), check("dpo-trl", tmp_path / "pairs.holdout.jsonl")
    for pair, question in ((train, "What is 0 + 1?"), (held_out, "What is 1 + 1?")):
        assert pair["prompt"][0]["content"].startswith(question)
        assert pair["chosen"][0]["content"] == "The word of model two."
        assert pair["rejected"][0]["content"] == "The word of model one."
    assert found["left_out"] == {"no reply is preferred to another": 1}
    report = CliRunner().invoke(app, ["rank", "report", "--project", str(project)])
    sentence, duel = report.stdout.splitlines()
    assert sentence.startswith("no difference that 3 tasks could show")
    assert re.fullmatch("  two/[^ ]+ against one/[^ ]+: 2 won, 1 tied, 0 lost", duel)

    _, again = ranking("two,three", "--held-out", "0.4")
    assert [task["data"]["messages"][0]["content"] for task in again] == ["What is 1 + 1?"]


def test_the_reply_that_is_dragged_to_the_top_is_the_best(
    run: Run, ranking: Any, page: LabelingPage, tmp_path: Path
) -> None:
    project, [task, *_] = ranking("one,two,three")
    open_task(page, project, task)
    best = page.page.locator(".htx-ranker-item p:first-child").last.inner_text()
    page.page.locator(".htx-ranker-item").last.focus()
    for key, said in (("Space", "lifted"), ("ArrowUp", "position 2"), ("ArrowUp", "position 1"), ("Space", "dropped")):
        page.page.keyboard.press(key)
        expect(page.page.locator("[id^=rbd-announcement]")).to_contain_text(said)
    expect(page.page.locator(".htx-ranker-item p:first-child").first).to_have_text(best)
    submit(page)
    file = tmp_path / "pairs.jsonl"
    run("rank", "export", "--project", str(project), "--format", "dpo-trl", "-o", str(file))
    [pair] = check("dpo-trl", file)
    assert pair["chosen"][0]["content"] == best


def test_what_a_judge_cannot_decide_comes_first_and_what_it_says_is_seen_only_if_wanted(
    run: Run, ranking: Any, stack: Stack, page: LabelingPage
) -> None:
    project, tasks = ranking("one,two")
    found = run("rank", "judge", "--project", str(project), "--model", "judge", "--yes")
    assert (found["judged"], found["undecided"]) == (COUNT, 1)
    predictions = {one["task"]: one for one in stack.studio.predictions(project)}
    assert {task["id"] for task in tasks} == set(predictions)
    assert stack.studio.call("GET", f"/api/projects/{project}/next")["id"] == tasks[-1]["id"]
    open_task(page, project, tasks[-1])
    same = page.page.locator("input[type=radio][name='About the same']")
    expect(same).not_to_be_checked()
    run("rank", "judge", "--project", str(project), "--model", "judge", "--yes", "--prefill")
    open_task(page, project, tasks[-1])
    expect(same).to_be_checked()


def ranked_by(call: Call) -> Reply:
    """A judge of three that likes model two best, and model one least."""
    said = re.findall("The word of model (two|three|one)", call.messages[-1]["content"])
    best_first = sorted(range(3), key=lambda place: ("two", "three", "one").index(said[place]))
    return Reply(texts=[json.dumps({"order": [str(place + 1) for place in best_first]})])


def test_what_two_people_and_a_judge_say_of_three_models_becomes_pairs_of_every_format_and_a_report(
    run: Run, ranking: Any, stack: Stack, fixed_llm: FakeLLM, window: Page, tmp_path: Path
) -> None:
    project, tasks = ranking("one,two,three", "--overlap", "2", "--title", "Three models")
    made = stack.studio.call("GET", f"/api/projects/{project}/")
    assert (made["title"], made["maximum_annotations"]) == ("Three models", 2)
    email = f"ranks-{project}@example.com"
    second = stack.studio.call("POST", "/api/users/", json={"email": email, "username": email, "password": "password"})
    better = set()
    for task in tasks:
        first, *others = task["data"]["replies"]
        better.add((others[0]["body"], first["body"]))
        value = {"ranker": {"order": [one["id"] for one in (*others, first)]}}
        region = {"id": "r", "from_name": "order", "to_name": "replies", "type": "ranker", "value": value}
        answer = {"result": [region], "was_cancelled": task is tasks[-1]}
        for person in ({}, {"completed_by": second["id"]}):
            stack.studio.call("POST", f"/api/tasks/{task['id']}/annotations/", json={**answer, **person})

    fixed_llm.answer = ranked_by
    judged = run("rank", "judge", "--project", str(project), "--model", "judge", "--yes")
    assert (judged["judged"], judged["undecided"], judged["failed"]) == (3, 0, {})
    # Three pairs in each of two tasks that two people ranked.
    assert judged["agreement"]["pairs"] == 12

    for format, lines in (("dpo-openai", 2), ("dpo-trl", 2), ("dpo-axolotl", 2), ("kto", 4)):
        file = tmp_path / f"{format}.jsonl"
        found = run("rank", "export", "--project", str(project), "--format", format, "-o", str(file))
        assert len(check(format, file)) == lines, found
    for pair in check("dpo-trl", tmp_path / "dpo-trl.jsonl"):
        assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) in better
    run("rank", "export", "--project", str(project), "--all-pairs", "--format", "dpo-trl", "-o", str(file))
    assert len(check("dpo-trl", file)) == 6

    html = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["rank", "report", "--project", str(project), "--html", str(html)])
    assert done.exit_code == 0, done.stderr
    window.goto(html.as_uri())
    expect(window.get_by_text(done.stdout.splitlines()[0]).first).to_be_visible()


def test_a_picture_stands_beside_the_replies_to_it(run: Run, stack: Stack, page: LabelingPage, tmp_path: Path) -> None:
    source = stack.studio.create_project("Receipts", example("image-receipts"))
    (tmp_path / "groceries.png").write_bytes(FILES["groceries.png"])
    address = stack.studio.upload_file(source, tmp_path / "groceries.png")
    stack.studio.import_tasks(source, [{"image": address}])
    (tmp_path / "prompt").write_text("What is this?")
    prompt = ["--prompt-file", str(tmp_path / "prompt")]
    made = run("rank", "create", "--from", str(source), "--models", "one,two", *prompt, "--yes")
    [task] = stack.studio.tasks(made["project"])
    page.page.goto(f"{page.url}/projects/{made['project']}/data?task={task['id']}")
    expect(page.page.get_by_text("What is this?").last).to_be_visible(timeout=30_000)
    expect(page.page.locator(".replies").get_by_text("The word of model two.")).to_be_visible()
    width = "images => Math.max(0, ...images.map(image => image.naturalWidth))"
    eventually(lambda: page.page.locator(".lsf-main-content img").evaluate_all(width) == 520)


def test_the_whole_loop_with_a_real_llm(
    run: Run, ranking: Any, stack: Stack, page: LabelingPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", stack.real_llm)
    (tmp_path / "prompt").write_text("Explain it to a child in two sentences.")
    project, [task, *others] = ranking(f"{MODEL_NAME},{MODEL_NAME}-again")
    open_task(page, project, task)
    best = task["data"]["r2"]
    page.page.keyboard.press("2")
    submit(page, by_key=True)

    judged = run("rank", "judge", "--project", str(project), "--model", MODEL_NAME, "--yes")
    assert (judged["judged"], judged["failed"]) == (1 + len(others), {})
    file = tmp_path / "pairs.jsonl"
    run("rank", "export", "--project", str(project), "--format", "dpo-trl", "-o", str(file))
    [pair] = check("dpo-trl", file)
    assert pair["chosen"][0]["content"] == best
    report = CliRunner().invoke(app, ["rank", "report", "--project", str(project)])
    assert report.exit_code == 0, report.stderr
    assert f"{MODEL_NAME}-again/" in report.stdout
