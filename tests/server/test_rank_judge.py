"""`llm-interactive rank judge`, against a Label Studio and a model on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from llm_interactive.cli import rank_judge
from llm_interactive.cli.app import app
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import Pushed
from llm_interactive.labeling.tags import ObjectTag
from llm_interactive.ranking.form import labeling_config, verdict_region
from llm_interactive.settings import Settings
from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import Store
from testing.label_studio import FakeLabelStudio
from testing.llm import Call, FakeLLM, Reply
from tests.receipts import as_file, receipt

PROJECT = "1.1767225600"
REPLIES = [("good", "bad"), ("quite bad", "very good"), ("fair", "just as fair")]

Run = Callable[..., Result]


def answer(call: Call) -> Reply:
    """A judge that knows good from bad, and else prefers what stands first."""
    said = call.prompt
    knows = {"good", "bad"} <= set(re.findall(r"\w+", said))
    better = "2" if knows and said.index("good") > said.index("bad") else "1"
    return Reply(texts=[json.dumps({"order": better})])


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(answer) as server:
        yield server


def ranking(replies: Sequence[tuple[str, ...]]) -> FakeLabelStudio:
    """A project in which replies are ranked."""
    as_pair = len(replies[0]) == 2
    tasks: list[dict[str, Any]] = []
    for number, texts in enumerate(replies, 1):
        shown: dict[str, Any] = {f"r{place}": text for place, text in enumerate(texts, 1)}
        if not as_pair:
            shown = {"replies": [{"id": id, "body": text} for id, text in shown.items()]}
        tasks.append({"messages": [{"role": "user", "content": "How are you?"}], "source": number, **shown})
    return FakeLabelStudio(labeling_config([], as_pair=as_pair), tasks)


@pytest.fixture
def judge(llm: FakeLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on a project."""
    settings = {
        "LABEL_STUDIO_API_KEY": "0123456789abcdef0123456789abcdef01234567",
        "OPENAI_BASE_URL": llm.base_url,
        "OPENAI_API_KEY": "any",
        "MODEL_DIR": str(tmp_path / "data"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(studio: FakeLabelStudio, *options: str) -> Result:
        monkeypatch.setenv("LABEL_STUDIO_URL", studio.url)
        arguments = ["rank", "judge", "--project", "1", "--model", "maker/judge-2", "--yes", "--json", *options]
        return CliRunner().invoke(app, arguments)

    return run


@pytest.fixture
def store(judge: Run) -> Iterator[Store]:
    settings = Settings.from_environment()
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        versions = {"r1": ["maker/judge-1/11111111"], "r2": ["other/one/22222222"]}
        store.rankings.save(PROJECT, [Ranked(str(number), "9.1", versions) for number in (1, 2, 3)])
        yield store


def summary(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_reply_is_better_if_it_is_in_both_orders(judge: Run, store: Store, llm: FakeLLM) -> None:
    with ranking(REPLIES) as studio:
        found = summary(judge(studio))
        assert (found["judged"], found["undecided"], found["failed"]) == (3, 1, {})
        assert store.rankings.verdicts(PROJECT) == {
            found["model_version"]: {1: [["r1"], ["r2"]], 2: [["r2"], ["r1"]], 3: [["r1", "r2"]]}
        }
        assert len(llm.calls) == 6
        assert summary(judge(studio)) == found
        assert len(llm.calls) == 6


def test_what_it_cannot_decide_comes_first_and_nobody_sees_what_it_says(judge: Run, store: Store) -> None:
    with ranking(REPLIES) as studio:
        version = summary(judge(studio))["model_version"]
        first, second, third = ([*studio.predictions_of(task)] for task in (1, 2, 3))
        assert [one["score"] for [one] in (first, second, third)] == [1.0, 1.0, 0.0]
        assert [one["result"] for [one] in (first, second, third)] == [[], [], []]
        assert studio.project["sampling"] == "Uncertainty sampling"
        assert (studio.project["model_version"], studio.project["show_collab_predictions"]) == (version, False)


def test_prefilled_tasks_show_what_it_says(judge: Run, store: Store) -> None:
    with ranking(REPLIES) as studio:
        summary(judge(studio))
        summary(judge(studio, "--prefill"))
        assert studio.project["show_collab_predictions"] is True
        assert [[one["result"] for one in studio.predictions_of(task)] for task in (1, 2, 3)] == [
            [[verdict_region("Left")]],
            [[verdict_region("Right")]],
            [[verdict_region("About the same")]],
        ]


def test_the_judge_asked_again_leaves_what_rankings_began_with(judge: Run, store: Store, llm: FakeLLM) -> None:
    with ranking(REPLIES) as studio:
        summary(judge(studio, "--prefill"))
        before = dict(studio.predictions)
        summary(judge(studio, "--prefill"))
        assert studio.predictions == before
        [first] = studio.predictions_of(1)
        studio.annotate(1, [{**first["result"][0], "origin": "prediction"}], parent_prediction=first["id"])
        summary(judge(studio))
        assert [[one["result"] for one in studio.predictions_of(task)] for task in (1, 2)] == [
            [[verdict_region("Left")], []],
            [[]],
        ]


@pytest.mark.parametrize("in_both", [True, False])
def test_a_judge_that_names_neither_finds_them_as_good_as_each_other(
    judge: Run, store: Store, llm: FakeLLM, in_both: bool
) -> None:
    def undecided(call: Call) -> Reply:
        says_so = in_both or call.prompt.index("good") < call.prompt.index("bad")
        return Reply(texts=[json.dumps({"order": None})]) if says_so else answer(call)

    llm.answer = undecided
    with ranking(REPLIES[:1]) as studio:
        found = summary(judge(studio))
    assert (found["judged"], found["undecided"], found["failed"]) == (1, 1, {})
    assert store.rankings.verdicts(PROJECT) == {found["model_version"]: {1: [["r1", "r2"]]}}


def test_a_judge_is_asked_for_json_whatever_annotators_prompts_are(
    judge: Run, store: Store, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRUCTURED_OUTPUT", "off")
    with ranking(REPLIES) as studio:
        assert summary(judge(studio))["judged"] == 3
    assert all("response_format" in call.json for call in llm.calls)


def test_a_list_is_ordered_by_the_mean_of_both_orders(judge: Run, store: Store, llm: FakeLLM) -> None:
    def by_goodness(call: Call) -> Reply:
        said = re.findall(r"(great|fair|poor)", call.messages[-1]["content"])
        ids = sorted((1, 2, 3), key=lambda id: said[id - 1] != "great")
        return Reply(texts=[json.dumps({"order": list(map(str, ids))})])

    llm.answer = by_goodness
    with ranking([("fair", "great", "poor")]) as studio:
        version = summary(judge(studio, "--prefill"))["model_version"]
        assert store.rankings.verdicts(PROJECT)[version] == {1: [["r2"], ["r1", "r3"]]}
        [prediction] = studio.predictions_of(1)
        assert prediction["result"][0]["value"] == {"ranker": {"order": ["r2", "r1", "r3"]}}
        assert prediction["score"] == pytest.approx(2 / 3)


def vote(studio: FakeLabelStudio) -> None:
    """Somebody agrees with the judge on the first two tasks, and not on the last one."""
    for task, label in enumerate(("Left", "Right", "Left"), 1):
        studio.annotate(task, [dict(verdict_region(label))])


def test_how_far_it_agrees_with_people_is_told_where_they_have_ranked_already(judge: Run, store: Store) -> None:
    with ranking(REPLIES) as studio:
        assert summary(judge(studio))["agreement"] is None
        vote(studio)
        found = summary(judge(studio))["agreement"]
        assert (found["pairs"], found["likeness"], found["kappa"]) == (3, pytest.approx(2 / 3), pytest.approx(0.5))


def test_without_the_packages_for_it_the_judge_says_how_to_get_them(
    judge: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_judge, "is_installed", lambda: False)
    with ranking(REPLIES) as studio:
        assert "more packages" not in judge(studio).stderr
        vote(studio)
        done = judge(studio)
    assert summary(done)["agreement"] is None
    assert "People have ranked here already. Evaluation needs more packages: pip install" in done.stderr


def test_what_label_studio_drops_has_failed(judge: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with ranking(REPLIES) as studio:
        monkeypatch.setattr(LabelStudio, "push", lambda *_: iter([Pushed((2,), (1, 3))]))
        found = summary(judge(studio))
    assert (found["judged"], found["undecided"]) == (1, 0)
    assert found["failed"] == {"Label Studio did not take the prediction.": 2}


def test_it_is_shown_the_pictures_of_the_tasks_that_were_replied_to_and_of_their_project(
    judge: Run, store: Store, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_MODE", "vision")
    picture = ObjectTag("Image", "image", "$image", {"value": "$image"}, "")
    with ranking(REPLIES) as studio:
        studio.project["label_config"] = labeling_config([picture], as_pair=True)
        addresses = ["/data/upload/9/a.png", "/tasks/41/resolve/?fileuri=cw==", "/data/upload/8/a.png"]
        for task, address in zip(studio.tasks, addresses, strict=True):
            task["data"]["picture1"] = address
        studio.tasks[1]["data"]["source"] = 41
        studio.files |= dict.fromkeys(("9/a.png", "tasks/41"), as_file(receipt(("PHARMACY",), width=60)))
        store.rankings.save(PROJECT, [Ranked("41", "9.1", {"r1": ["a/1"], "r2": ["b/2"]})])
        found = summary(judge(studio))
    assert found["judged"] == 2
    assert found["failed"] == {
        "The task's file belongs to another project of Label Studio. Import it into this one.": 2
    }
    assert {part["type"] for call in llm.calls for part in call.messages[-1]["content"]} == {"text", "image_url"}


def test_a_task_that_somebody_added_is_left_alone(judge: Run, store: Store) -> None:
    with ranking(REPLIES) as studio:
        studio.tasks.append({"id": 4, "data": {"text": "Another one."}})
        assert summary(judge(studio))["judged"] == 3


def test_a_judge_of_a_candidates_family_is_warned_of(judge: Run, store: Store) -> None:
    with ranking(REPLIES) as studio:
        assert "may like the replies of maker/judge-1 more" in judge(studio).stderr


def test_a_judge_that_ranks_nothing_changes_nothing(judge: Run, store: Store, llm: FakeLLM) -> None:
    llm.answer = "All of them are fine."
    with ranking(REPLIES) as studio:
        done = judge(studio)
        assert done.exit_code == 2
        assert "No task is judged. The judge did not rank the replies." in done.stderr
        assert "sampling" not in studio.project


def test_a_project_that_rank_create_did_not_make_is_refused(judge: Run) -> None:
    with ranking(REPLIES) as studio:
        done = judge(studio)
    assert done.exit_code == 2
    assert "does not know whose replies project 1 shows" in done.stderr
