"""`llm-interactive rank report`, against a Label Studio on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from llm_interactive.ranking.form import labeling_config
from llm_interactive.settings import Settings
from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import Store, fingerprint
from llm_interactive.store.usage import Call
from testing.label_studio import FakeLabelStudio

PROJECT, SOURCE = "1.1767225600", "7.1"
VERSIONS = ("good/1", "fair/1", "poor/1")


def annotation(id: int, order: Sequence[str]) -> dict[str, Any]:
    region = {"from_name": "order", "to_name": "replies", "type": "ranker", "value": {"ranker": {"order": order}}}
    return {"id": id, "completed_by": 1, "result": [region], "was_cancelled": False}


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    """Ten tasks that show the replies of three models, each time another one first."""
    shown = [[VERSIONS[(task + place) % 3] for place in range(3)] for task in range(10)]
    data = [
        {"source": task, "messages": [], "replies": [{"id": f"r{place}", "body": version} for place, version in rows]}
        for task, rows in enumerate((list(enumerate(versions, 1)) for versions in shown), 1)
    ]
    with FakeLabelStudio(labeling_config([], as_pair=False), data) as server:
        monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789abcdef0123456789abcdef01234567")
        monkeypatch.setenv("MODEL_DIR", str(tmp_path))
        yield server


def know(studio: FakeLabelStudio) -> None:
    """Keep in the database whose replies they are, and what one of them took."""
    ranked = [
        Ranked(str(task["data"]["source"]), SOURCE, {one["id"]: [one["body"]] for one in task["data"]["replies"]})
        for task in studio.tasks
    ]
    settings = Settings.from_environment()
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        assert store.rankings.save(PROJECT, ranked)
        store.usage.keep([Call(SOURCE, "good/1", "1", "good", "ok", 1.5)])


def rank(studio: FakeLabelStudio) -> None:
    """Annotate every task: good is better than fair, and that than poor."""
    for task in studio.tasks:
        ids = {one["body"]: one["id"] for one in task["data"]["replies"]}
        task["annotations"] = [annotation(task["id"], [ids[version] for version in VERSIONS])]


def report(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rank", "report", "--project", "1", *arguments])


def test_the_best_model_is_named_and_the_files_have_the_figures(studio: FakeLabelStudio, tmp_path: Path) -> None:
    know(studio)
    rank(studio)
    said = report("--html", str(tmp_path / "report.html"), "--json", str(tmp_path / "report.json"))
    assert said.exit_code == 0, said.stderr
    sentence, *more = said.stdout.splitlines()
    # Four tasks show them in just this order.
    assert sentence.startswith("good/1 is the best: it wins 100.0 % [")
    assert more[0] == "  good/1 against fair/1: 6 won, 0 tied, 0 lost"
    assert more[-1].startswith("  4 of 10 rankings are just the order shown and do not count")
    found = json.loads((tmp_path / "report.json").read_text())
    assert [one["spent"]["p50"] for one in found["contestants"]] == [1.5, None, None]
    assert sentence in (tmp_path / "report.html").read_text()


def test_a_judge_is_compared_with_people(studio: FakeLabelStudio, tmp_path: Path) -> None:
    know(studio)
    rank(studio)
    settings = Settings.from_environment()
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        orders = {task["id"]: [[id] for id in ("r1", "r2", "r3")] for task in studio.tasks}
        store.rankings.save_verdicts(PROJECT, "judge/1", orders)
    said = report("--json", str(tmp_path / "report.json"))
    assert "  judge/1 agrees with people on 33.3 % of 18 pairs, kappa 0.000" in said.stdout
    [judge] = json.loads((tmp_path / "report.json").read_text())["agreement"]
    # The order shown: of the six tasks that people did not leave so, two pairs of three are the other way round.
    assert (judge["version"], judge["pairs"], judge["likeness"]) == ("judge/1", 18, pytest.approx(1 / 3))


def test_without_the_database_it_says_what_is_missing(studio: FakeLabelStudio) -> None:
    said = report()
    assert said.exit_code == 2
    assert "does not know whose replies project 1 shows" in said.stderr


def test_a_project_in_which_nobody_ranked_yet_has_nothing_to_compare(studio: FakeLabelStudio) -> None:
    know(studio)
    said = report()
    assert said.exit_code == 1
    assert "Nobody has said yet which reply of two models is better in project 1." in said.stderr


def test_where_all_lists_are_as_they_were_shown_the_report_says_so(studio: FakeLabelStudio) -> None:
    know(studio)
    for task in studio.tasks:
        order = [one["id"] for one in task["data"]["replies"]]
        studio.annotate(task["id"], [{"from_name": "order", "type": "ranker", "value": {"ranker": {"order": order}}}])
    said = report()
    assert said.exit_code == 1
    assert f"{len(studio.tasks)} of {len(studio.tasks)} rankings are just the order shown." in said.stderr


def preferring(choice: str) -> list[dict[str, Any]]:
    """The regions of two responses and of what is chosen."""
    texts = [
        {"from_name": name, "to_name": "question", "type": "textarea", "value": {"text": [f"Reply {name}"]}}
        for name in ("response-a", "response-b")
    ]
    chosen = {"from_name": "preference", "to_name": "question", "type": "choices", "value": {"choices": [choice]}}
    return [*texts, chosen]


@pytest.fixture
def two_replies(studio: FakeLabelStudio) -> FakeLabelStudio:
    """Twelve tasks with two responses each; of all but the last two one is better, which is called one."""
    config = Path(__file__).parents[2] / "examples" / "two-replies.xml"
    studio.project["label_config"] = config.read_text()
    studio.tasks = [{"id": number, "data": {"question": f"Question {number}?"}} for number in range(1, 13)]
    for number in range(1, 11):
        studio.annotate(number, preferring("AB"[number % 2]))
    studio.annotate(11, preferring("Both bad"))
    studio.annotate(12, preferring("A"), was_cancelled=True)
    return studio


def know_sides(*models: str) -> None:
    """Keep whose the responses are, each task by another prompt and so of another version."""
    ranked = [
        Ranked(
            str(task),
            PROJECT,
            {
                fingerprint(f"Reply response-{'ab'[(task + side) % 2]}"): [
                    f"{models[side]}/{task}",
                    f"{models[side]}/0",
                ]
                for side in (0, 1)
            },
        )
        for task in range(1, 13)
    ]
    settings = Settings.from_environment()
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        assert store.rankings.save(PROJECT, ranked)
        store.usage.keep([Call(PROJECT, "maker/one/1", "1", "maker/one", "ok", 1.5)])


def test_of_two_responses_in_one_form_the_model_that_people_prefer_is_named(
    two_replies: FakeLabelStudio, tmp_path: Path
) -> None:
    know_sides("maker/one", "two")
    said = report("--html", str(tmp_path / "report.html"), "--json", str(tmp_path / "report.json"))
    assert said.exit_code == 0, said.stderr
    sentence, *more = said.stdout.splitlines()
    assert sentence.startswith("maker/one is better: it wins 95.5 % [")
    assert more == ["  maker/one against two: 10 won, 1 tied, 0 lost"]
    assert "The left one" in (tmp_path / "report.html").read_text()
    found = json.loads((tmp_path / "report.json").read_text())
    assert (found["silent"], found["unknown"]) == (1, 0)
    assert [one["spent"]["p50"] for one in found["contestants"]] == [1.5, None]


def test_a_response_that_somebody_rewrote_is_no_models_win(two_replies: FakeLabelStudio, tmp_path: Path) -> None:
    know_sides("one", "two")
    regions = preferring("A")
    regions[0]["value"]["text"] = ["What I say myself"]
    two_replies.tasks[0]["annotations"] = []
    two_replies.annotate(1, regions)
    report("--json", str(tmp_path / "report.json"))
    found = json.loads((tmp_path / "report.json").read_text())
    assert (found["rankings"], found["unknown"]) == (10, 1)


def test_where_one_model_gave_both_responses_there_is_nothing_to_compare(two_replies: FakeLabelStudio) -> None:
    know_sides("one", "one")
    said = report()
    assert said.exit_code == 1
    assert "All replies in project 1 are by one, so there is nothing to compare." in said.stderr
