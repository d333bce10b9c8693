"""`llm-interactive evaluate` and `compare` on a real Label Studio, against a table worked out by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from typer.testing import CliRunner

from demo.label_studio import Json
from llm_interactive.cli.app import app
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import NewPrediction
from llm_interactive.settings import Settings
from llm_interactive.store.store import Store
from llm_interactive.store.usage import Call
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import LOGIN, Stack

pytestmark = pytest.mark.e2e

CONFIG = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="prompt" toName="text" maxSubmissions="1"/>
  <TextArea name="response" toName="text"/>
  <Choices name="tone" toName="text">
    <Choice value="Good"/><Choice value="Bad"/><Choice value="Mixed"/>
  </Choices>
</View>"""
OLD, NEW = "own/11111111", "own/22222222"
SKIPPED = "skipped"
FAILED = "⚠ The model did not answer."

# What the first and the second annotator, and the older and the newer version say of tasks 1 to 11.
TABLE: tuple[tuple[str | None, ...], ...] = (
    ("Good", "Good", "Good", "Good"),
    ("Good", "Good", "Good", "Good"),
    ("Good", "Good", "Bad", "Good"),
    ("Good", None, "Good", "Good"),
    ("Bad", "Bad", "Bad", "Bad"),
    ("Bad", "Bad", "Good", "Bad"),
    ("Bad", "Bad", "Bad", "Bad"),
    ("Bad", "Good", "Bad", "Good"),  # nobody has the majority
    ("Mixed", SKIPPED, "Bad", "Mixed"),
    ("Mixed", None, "", "Mixed"),  # the older version gives no label
    ("Good", None, FAILED, None),
)
SCORES = (0.9, 0.9, 0.8, 0.9, 0.9, 0.8, 0.9, 0.5, 0.3, 0.2, None)


def result(label: str | None, text: str = "") -> list[Json]:
    found = [("tone", "choices", {"choices": [label]})] if label else []
    found += [("response", "textarea", {"text": [text]})] if text else []
    return [
        {"id": name, "from_name": name, "to_name": "text", "type": kind, "value": value} for name, kind, value in found
    ]


@dataclass(frozen=True)
class Filled:
    """The project of the table; `user` and `email` are the second annotator's."""

    stack: Stack
    id: int
    tasks: list[int]
    user: int
    email: str

    def numbers(self, tasks: list[int]) -> list[int]:
        """Tasks as the table counts them."""
        return sorted(self.tasks.index(task) + 1 for task in tasks)


@pytest.fixture(scope="module")
def project(stack: Stack) -> Filled:
    studio = stack.studio
    email = f"second-{time.time_ns()}@example.com"
    user = studio.call("POST", "/api/users/", json={"email": email, "username": email, "password": "second-password"})
    id = studio.create_project("Evaluated", CONFIG)
    tasks = studio.import_tasks(id, [{"text": f"Text {number}"} for number in range(1, len(TABLE) + 1)])
    older: list[NewPrediction] = []
    newer: list[NewPrediction] = []
    for task, (first, second, old, new), score in zip(tasks, TABLE, SCORES, strict=True):
        path = f"/api/tasks/{task}/annotations/"
        studio.call("POST", path, json={"result": result(first)})
        if second == SKIPPED:
            studio.call(
                "POST", path, json={"result": result("Good"), "was_cancelled": True, "completed_by": user["id"]}
            )
        elif second:
            studio.call("POST", path, json={"result": result(second), "completed_by": user["id"]})
        regions = result(None, FAILED) if old == FAILED else result(old, f"It is {old}.")
        older.append(NewPrediction(task, tuple(regions), OLD, score))
        if new:
            newer.append(NewPrediction(task, tuple(result(new, f"It is {new}.")), NEW, None))
    with LabelStudio(Settings(label_studio_url=studio.url, label_studio_api_key=LOGIN.token)) as client:
        for predictions in (older, newer):
            assert [len(pushed.stored) for pushed in client.push(id, predictions)] == [len(predictions)]
    return Filled(stack, id, tasks, user["id"], email)


Run = Callable[..., Any]


@pytest.fixture
def run(project: Filled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command on the project."""
    monkeypatch.setenv("LABEL_STUDIO_URL", project.stack.studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LOGIN.token)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    return lambda command, *arguments: CliRunner().invoke(app, [command, "--project", str(project.id), *arguments])


def measured(run: Run, *arguments: str) -> Any:
    """The JSON of the output "tone"."""
    ended = run("evaluate", "--output", "tone", "--json", "-", *arguments)
    assert ended.exit_code == 0, ended.output
    [tone] = json.loads(ended.stdout)["outputs"]
    return tone


def test_each_version_has_the_figures_of_the_table(run: Run, project: Filled) -> None:
    tone = measured(run)
    assert (tone["references"], tone["undecided"]) == (10, 1)
    new, old = tone["versions"]
    assert (new["version"], new["n"], new["figures"]["accuracy"], new["missing"]) == (NEW, 9, 1.0, 1)
    counts = {name: old[name] for name in ("version", "n", "unanswered", "failed", "missing")}
    assert counts == {"version": OLD, "n": 9, "unanswered": 1, "failed": 1, "missing": 0}
    # Good: 3 of 4 given, 3 of 4 found. Bad: 2 of 4 given, 2 of 3 found. Mixed: none of 2.
    assert {one["name"]: (one["precision"], one["recall"], one["support"]) for one in old["classes"]} == {
        "Good": (0.75, 0.75, 4),
        "Bad": (0.5, pytest.approx(2 / 3), 3),
        "Mixed": (0.0, 0.0, 2),
    }
    # By chance (4·4 + 3·4 + 2·0 + 0·1) / 81 agree.
    assert old["figures"] == {
        "accuracy": pytest.approx(5 / 9),
        "macro_f1": pytest.approx((3 / 4 + 4 / 7 + 0) / 3),
        "kappa": pytest.approx((5 / 9 - 28 / 81) / (1 - 28 / 81)),
        "answered": 8 / 10,
    }
    assert old["accuracy"]["low"] == pytest.approx(0.2667, abs=1e-4)
    assert old["accuracy"]["high"] == pytest.approx(0.8112, abs=1e-4)


def test_mistakes_come_with_all_that_is_needed_to_judge_them(run: Run, project: Filled) -> None:
    _, old = measured(run)["versions"]
    assert project.numbers([wrong["task"] for wrong in old["wrong"]]) == [3, 6, 9, 10]
    task = project.tasks[2]
    assert old["wrong"][0] == {
        "task": task,
        "text": "Text 3",
        "human": "Good",
        "model": "Bad",
        "reply": "It is Bad.",
        "score": 0.8,
        "link": f"{project.stack.studio.url}/projects/{project.id}/data?task={task}",
    }
    cells = {(cell["human"], cell["model"]): project.numbers(cell["tasks"]) for cell in old["confusion"]}
    assert cells == {
        ("Good", "Good"): [1, 2, 4], ("Good", "Bad"): [3], ("Bad", "Bad"): [5, 7], ("Bad", "Good"): [6],
        ("Mixed", "Bad"): [9], ("Mixed", None): [10],
    }  # fmt: skip


def test_scores_tell_how_many_tasks_can_be_accepted(run: Run) -> None:
    _, old = measured(run, "--accept-at", "0.7")["versions"]
    # With 0.8 and more: 5 of 7 right. All five with 0.9 are.
    accepted = old["confidence"]["accepted"]
    assert (accepted["score"], accepted["coverage"], accepted["accuracy"]) == (
        0.8,
        pytest.approx(7 / 9),
        pytest.approx(5 / 7),
    )


def test_people_agree_with_each_other_on_six_of_seven(run: Run) -> None:
    people, *_ = measured(run)["agreement"]
    assert (people["version"], people["pairs"], people["likeness"]) == ("", 7, pytest.approx(6 / 7))


def test_one_annotator_can_be_the_reference(run: Run, project: Filled) -> None:
    by_id = measured(run, "--reference", str(project.user))
    assert measured(run, "--reference", project.email) == by_id
    new, old = by_id["versions"]
    assert (new["n"], new["figures"]["accuracy"]) == (7, 1.0)
    assert (old["n"], old["figures"]["accuracy"]) == (7, pytest.approx(4 / 7))


def test_money_and_seconds_come_from_the_database_which_keeps_the_report(
    run: Run, project: Filled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRICE_INPUT", "1")
    monkeypatch.setenv("PRICE_OUTPUT", "10")
    settings = Settings.from_environment()
    with LabelStudio(settings) as client:
        key = client.project(project.id).key
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        store.usage.keep([Call(key, OLD, "1", "own", "ok", 2.0, prompt_tokens=1_000, completion_tokens=100)])
    new, old = measured(run)["versions"]
    assert old["spent"] == {"per_thousand": pytest.approx(2.0), "p50": 2.0, "p95": 2.0}
    assert new["spent"]["per_thousand"] is None
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        kept = store.evaluations.newest(key)
    assert kept is not None
    assert OLD in kept.html
    assert "Text 3" not in kept.html


def test_nothing_is_made_where_there_is_no_database(run: Run, tmp_path: Path) -> None:
    measured(run)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_below_its_bound_ends_with_1_and_is_named(run: Run) -> None:
    good = run("evaluate", "--output", "tone", "--version", NEW, "--fail-under", "accuracy=0.9")
    assert good.exit_code == 0
    bad = run("evaluate", "--output", "tone", "--fail-under", "accuracy=0.9", "--fail-under", "macro_f1=0.4")
    assert bad.exit_code == 1
    assert bad.stderr.strip() == f"llm-interactive: accuracy of tone by {OLD} is 0.556, less than 0.9"


def test_an_unknown_version_ends_with_2_and_names_the_known_ones(run: Run) -> None:
    ended = run("evaluate", "--version", "own/3")
    assert ended.exit_code == 2
    assert f"Known versions: {NEW}, {OLD}" in ended.stderr


def test_a_project_without_annotations_ends_with_1(run: Run, stack: Stack) -> None:
    empty = stack.studio.create_project("Empty", CONFIG)
    stack.studio.import_tasks(empty, [{"text": "x"}])
    ended = CliRunner().invoke(app, ["evaluate", "--project", str(empty)])
    assert ended.exit_code == 1
    assert "no task has both an annotation and a prediction" in ended.stderr


def test_the_tab_shows_just_the_wrong_tasks(run: Run, project: Filled, page: LabelingPage) -> None:
    ended = run("evaluate", "--version", OLD, "--tab")
    assert ended.exit_code == 0, ended.output
    address = ended.stderr.split()[-1]
    view = address.rpartition("=")[2]
    shown = project.stack.studio.call("GET", f"/api/tasks/?view={view}")["tasks"]
    assert project.numbers([task["id"] for task in shown]) == [3, 6, 9, 10]
    page.page.goto(address)
    expect(page.page.get_by_text(f"Wrong: {OLD}").first).to_be_visible(timeout=60_000)
    expect(page.page.get_by_text(f"Tasks: 4 / {len(TABLE)}")).to_be_visible(timeout=60_000)


def test_two_versions_are_compared_on_the_tasks_that_both_answered(run: Run, project: Filled) -> None:
    ended = run("compare", OLD, NEW, "--json", "-")
    assert ended.exit_code == 0, ended.output
    tone = next(one for one in json.loads(ended.stdout)["outputs"] if one["output"] == "tone")
    assert {name: tone[name] for name in ("n", "both", "neither", "lost", "better", "p")} == {
        "n": 9, "both": 5, "neither": 0, "lost": [], "better": None, "p": 0.125,
    }  # fmt: skip
    assert project.numbers([flip["task"] for flip in tone["won"]]) == [3, 6, 9, 10]
    assert tone["difference"]["value"] == pytest.approx(4 / 9)
    assert "tone: no difference that 9 tasks could show; about " in ended.stderr


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_a_report_fits_a_desktop_and_a_phone(
    command: str, width: int, run: Run, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    ended = run(command, *([OLD, NEW] if command == "compare" else []), "--html", str(file))
    assert ended.exit_code == 0, ended.output
    requests: list[str] = []
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        window = context.new_page()
        window.on("request", lambda request: requests.append(request.url))
        window.goto(file.as_uri())
        expect(window.get_by_text("Text 3").first).to_be_visible()
        assert window.evaluate("document.documentElement.scrollWidth") == width
        window.screenshot(path=tmp_path / "report.png")
    assert requests == [file.as_uri()]


def test_ground_truth_goes_before_the_majority_once_there_is_any(run: Run, project: Filled) -> None:
    annotation = project.stack.studio.annotations(project.tasks[7])[0]["id"]
    project.stack.studio.call("PATCH", f"/api/annotations/{annotation}/", json={"ground_truth": True})
    ended = run("evaluate", "--output", "tone", "--json", "-")
    project.stack.studio.call("PATCH", f"/api/annotations/{annotation}/", json={"ground_truth": False})
    report = json.loads(ended.stdout)
    assert report["right"] == "the ground truth"
    [new, old] = report["outputs"][0]["versions"]
    assert (old["n"], old["figures"]["accuracy"]) == (1, 1.0)
    assert (new["n"], new["figures"]["accuracy"]) == (1, 0.0)
