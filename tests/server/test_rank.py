"""`llm-interactive rank create`, against a Label Studio and a model on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from llm_interactive.errors import LabelStudioError
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.settings import Settings
from llm_interactive.store.store import Store
from testing.label_studio import FakeLabelStudio
from testing.llm import Call, FakeLLM, Reply, error
from tests.server.bodies import texts_region

CONFIG = (Path(__file__).parents[2] / "examples" / "text-classification.xml").read_text()
COUNT = 12

Rank = Callable[..., Result]


def answer(call: Call) -> Reply:
    """What a model says of a text; all models say the same of the first one."""
    model = "each of us" if "Text 1:" in call.prompt else str(call.json["model"]).partition("/")[2]
    prompt = "by its sound" if "sound" in call.prompt else "as it is"
    return Reply(texts=[f"As {model} takes it {prompt}, rain."])


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(answer) as server:
        yield server


@pytest.fixture
def studio() -> Iterator[FakeLabelStudio]:
    data = [{"text": f"Text {number}: rain again.", "model": "maker/one"} for number in range(1, COUNT + 1)]
    with FakeLabelStudio(CONFIG, data) as studio:
        yield studio


@pytest.fixture
def create(llm: FakeLLM, studio: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rank:
    """Runs the command on the project."""
    (tmp_path / "prompt").write_text("What does it mean?")
    settings = {
        "LABEL_STUDIO_URL": studio.url,
        "LABEL_STUDIO_API_KEY": "0123456789abcdef0123456789abcdef01234567",
        "OPENAI_BASE_URL": llm.base_url,
        "OPENAI_API_KEY": "any",
        "MODEL_DIR": str(tmp_path / "data"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    arguments = ["rank", "create", "--from", "1", "--prompt-file", str(tmp_path / "prompt"), "--yes", "--json"]
    return lambda models, *options: CliRunner().invoke(app, [*arguments, "--models", models, *options])


def summary(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_two_models_replies_stand_side_by_side_and_nobody_sees_whose_they_are(
    create: Rank, studio: FakeLabelStudio
) -> None:
    found = summary(create("maker/one,maker/two", "--title", "Which is better?", "--overlap", "2"))
    [made] = studio.made
    assert (made["title"], made["maximum_annotations"]) == ("Which is better?", 2)
    assert (found["project"], found["tasks"], found["failed"]) == (made["id"], COUNT - 1, {})
    assert [tag.get("toName") for tag in etree.fromstring(made["label_config"]).iter("Pairwise")] == ["r1,r2"]
    for data in made["tasks"]:
        [question] = data["messages"]
        assert question["role"] == "user"
        assert f"Text {data['source']}: rain again." in question["content"]
        assert "What does it mean?" in question["content"]
        assert {data["r1"], data["r2"]} == {"As one takes it as it is, rain.", "As two takes it as it is, rain."}
    assert "maker" not in json.dumps(made)
    assert len({data["r1"] for data in made["tasks"]}) == 2


def test_whose_they_are_stands_in_the_database(create: Rank, studio: FakeLabelStudio) -> None:
    summary(create("maker/one,maker/two"))
    [made] = studio.made
    settings = Settings.from_environment()
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        known = store.rankings.of(f"{made['id']}.1767225600")
    for data in made["tasks"]:
        ranked = known[str(data["source"])]
        for id in ("r1", "r2"):
            [version] = ranked.versions[id]
            assert version.startswith("maker/" + data[id].split()[1])


def test_more_replies_are_a_list_to_drag(create: Rank, studio: FakeLabelStudio) -> None:
    summary(create("maker/one,maker/two,maker/three"))
    [made] = studio.made
    assert [tag.get("toName") for tag in etree.fromstring(made["label_config"]).iter("Ranker")] == ["replies"]
    for data in made["tasks"]:
        assert [reply["id"] for reply in data["replies"]] == ["r1", "r2", "r3"]


def test_where_all_models_say_the_same_there_is_nothing_to_rank(create: Rank, studio: FakeLabelStudio) -> None:
    assert summary(create("maker/one,maker/two"))["left_out"] == 1
    [made] = studio.made
    assert sorted(data["source"] for data in made["tasks"]) == list(range(2, COUNT + 1))


def test_the_same_replies_are_paid_for_once(create: Rank, llm: FakeLLM) -> None:
    summary(create("maker/one,maker/two"))
    summary(create("maker/one,maker/two,maker/three"))
    assert len(llm.calls) == 3 * COUNT


def test_the_plan_shows_any_title_as_it_is(create: Rank, studio: FakeLabelStudio) -> None:
    studio.project["title"] = "Reviews [/old]"
    assert "Reviews [/old]: " in create("a,b").stderr


def test_one_reply_is_too_few(create: Rank, studio: FakeLabelStudio) -> None:
    done = create("maker/one")
    assert done.exit_code == 2
    assert "At least two replies" in done.stderr
    assert studio.made == []


def test_half_a_project_is_taken_back(create: Rank, studio: FakeLabelStudio) -> None:
    studio.takes_at_most = 3
    done = create("maker/one,maker/two")
    assert done.exit_code == 2
    assert "took 3 of 11 tasks" in done.stderr
    assert studio.made == []


def test_half_a_project_that_stays_is_told_with_why_it_is_half(
    create: Rank, studio: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise LabelStudioError("Label Studio cannot be reached.")

    monkeypatch.setattr(LabelStudio, "delete_project", away)
    studio.takes_at_most = 3
    done = create("maker/one,maker/two")
    assert done.exit_code == 2
    assert "took 3 of 11 tasks. Half of it stays in Label Studio as project 2: delete that." in done.stderr


def test_why_no_task_has_two_replies_is_told(create: Rank, llm: FakeLLM) -> None:
    llm.answer = lambda call: answer(call) if call.json["model"] == "maker/one" else error(404, "No such model.")
    done = create("maker/one,maker/typo")
    assert done.exit_code == 2
    assert "so there is nothing to rank. The LLM server knows no such model" in done.stderr


def test_of_several_prompts_none_is_shown(create: Rank, studio: FakeLabelStudio, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("How does it sound?")
    studio.tasks[0]["data"] = {"text": "Nothing but this."}
    summary(create("maker/one", "--prompt-file", str(tmp_path / "other")))
    [made] = studio.made
    assert made["tasks"][0]["messages"] == [{"role": "user", "content": "Nothing but this."}]


def test_which_prompt_made_which_version_is_told_with_the_plan_the_summary_and_the_report(
    create: Rank, studio: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").write_text("How does\nit sound?")
    done = create("maker/one", f"--prompt-file={tmp_path / 'other'}")
    prompts = summary(done)["prompts"]
    assert sorted(prompts.values()) == ["How does\nit sound?", "What does it mean?"]
    assert "prompt            How does it sound?" in done.stderr
    [made] = studio.made
    settings = Settings.from_environment()
    with (
        closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store,
        FakeLabelStudio(made["label_config"], made["tasks"]) as ranking,
    ):
        known = store.rankings.of(f"{made['id']}.1767225600")
        store.rankings.save("1.1767225600", known.values(), prompts)
        rank_all(ranking)
        monkeypatch.setenv("LABEL_STUDIO_URL", ranking.url)
        files = {name: tmp_path / name for name in ("json", "html", "lines")}
        told = CliRunner().invoke(
            app, ["rank", "report", "--project", "1", "--json", str(files["json"]), "--html", str(files["html"])]
        )
        options = ["--project", "1", "--format", "dpo-trl", "-o", str(files["lines"])]
        CliRunner().invoke(app, ["rank", "export", *options])
    version = next(version for version, prompt in prompts.items() if "sound" in prompt)
    assert f"  {version}: How does it sound?\n" in told.stdout
    found = json.loads(files["json"].read_text())["contestants"]
    assert {one["version"]: one["prompt"] for one in found} == prompts
    assert "it sound?" in files["html"].read_text()
    for line in map(json.loads, files["lines"].read_text().splitlines()):
        by_sound = "by its sound" in line["chosen"][0]["content"]
        assert line["prompt"][-1]["content"].endswith("it sound?" if by_sound else "What does it mean?")


TWO_FIELDS = (
    '<View><Text name="text" value="$text"/><TextArea name="a-prompt" toName="text"/><TextArea name="a" toName="text"/>'
    '<TextArea name="b-prompt" toName="text"/><TextArea name="b" toName="text"/></View>'
)


def test_of_several_prompt_fields_the_file_names_the_one_whose_replies_are_ranked(
    create: Rank, studio: FakeLabelStudio, tmp_path: Path, llm: FakeLLM
) -> None:
    (tmp_path / "other").write_text("How does it sound?")
    studio.project["label_config"] = TWO_FIELDS
    unnamed = create("maker/one,maker/two")
    assert unnamed.exit_code == 2
    assert "FIELD=FILE" in unnamed.stderr
    named = CliRunner().invoke(
        app,
        [
            "rank",
            "create",
            "--from=1",
            "--yes",
            "--models=maker/one,maker/two",
            f"--prompt-file=b-prompt={tmp_path}/other",
        ],
    )
    assert named.exit_code == 0, named.stderr
    assert all("How does it sound?" in call.prompt for call in llm.calls)
    nothing = CliRunner().invoke(app, ["rank", "create", "--from", "1", "--yes", "--models", "maker/one,maker/two"])
    assert nothing.exit_code == 2
    assert "--prompt-file FIELD=FILE, of a-prompt, b-prompt" in " ".join(nothing.stderr.split())


def rank_all(ranking: FakeLabelStudio) -> None:
    """Somebody finds the left reply better in all tasks."""
    for task in ranking.tasks:
        better = {"from_name": "better", "to_name": "r1", "type": "pairwise", "value": {"selected": "left"}}
        ranking.annotate(task["id"], [better])


def exported(studio: FakeLabelStudio, folder: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> list[set[str]]:
    """The texts to train with, and those held out."""
    with monkeypatch.context() as patch:
        patch.setenv("LABEL_STUDIO_URL", studio.url)
        options = ["--project", "1", "--format", format, "-o", str(folder / "file.jsonl"), "--holdout", "0.3"]
        done = CliRunner().invoke(app, ["rank", "export", *options])
    assert done.exit_code == 0, done.output
    files = [(folder / name).read_text().splitlines() for name in ("file.jsonl", "file.holdout.jsonl")]
    found = [{text_in(next(iter(json.loads(line).values()))) for line in lines} for lines in files]
    assert min(map(len, found)) > 1
    return found


def text_in(messages: list[dict[str, str]]) -> str:
    """The task's own text in a prompt about it."""
    return str(re.findall(r"Text \d+:", json.dumps(messages))[0])


@pytest.mark.parametrize(("models", "prompts"), [("maker/one,maker/two", []), ("maker/one", ["other"])])
def test_the_new_model_is_compared_on_just_the_prompts_that_were_held_out_of_training(
    create: Rank,
    studio: FakeLabelStudio,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    models: str,
    prompts: list[str],
) -> None:
    (tmp_path / "other").write_text("How does it sound?")
    summary(create(models, *(f"--prompt-file={tmp_path / name}" for name in prompts)))
    with FakeLabelStudio(studio.made[0]["label_config"], studio.made[0]["tasks"]) as ranking:
        rank_all(ranking)
        train, held_out = exported(ranking, tmp_path, monkeypatch, "dpo-trl")
    done = create("maker/two,maker/three", "--held-out", "0.3")
    summary(done)
    assert f"{len(held_out)} of {COUNT} tasks are held out." in done.stderr
    compared = {text_in(data["messages"]) for data in studio.made[1]["tasks"]}
    assert compared == held_out
    assert not compared & train


def test_what_people_submitted_in_the_project_itself_is_held_out_alike(
    create: Rank, studio: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in studio.tasks:
        texts = {"prompt": "In other words?", "response": "It rains."}.items()
        studio.annotate(task["id"], [texts_region(name, text) for name, text in texts])
    train, held_out = exported(studio, tmp_path, monkeypatch, "chat")
    summary(create("maker/two,maker/three", "--held-out", "0.3"))
    compared = {text_in(data["messages"]) for data in studio.made[0]["tasks"]}
    assert compared == held_out
    assert not compared & train


def test_a_part_that_holds_out_no_task_is_refused(create: Rank, studio: FakeLabelStudio) -> None:
    done = create("maker/one,maker/two", "--held-out", "0.0001")
    assert done.exit_code == 2
    assert "None of the 12 tasks is held out." in done.stderr
    assert studio.made == []
