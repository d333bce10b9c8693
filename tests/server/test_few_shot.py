"""FEW_SHOT, against a Label Studio and a model on loopback: what examples are shown, and what they cost."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from llm_interactive.cli.app import app
from llm_interactive.labeling.split import is_held_out
from llm_interactive.predict.versions import shows_examples
from llm_interactive.services import Services
from testing.label_studio import FakeLabelStudio
from testing.llm import Call, FakeLLM
from tests.server.bodies import batch, choices_region, press, results, setup, task, texts_region, typed
from tests.server.conftest import KEY, MakeApp

CONFIG = (Path(__file__).parents[2] / "examples" / "text-classification.xml").read_text()
PROJECT = "1.1767225600"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
NUMBER = re.compile(r"Statement (\d+)\b")
PROMPT = "Sarcastic or not?"

Label = Callable[..., dict[str, Any]]


def answer_to(number: int) -> list[dict[str, Any]]:
    """What an annotator submits: words that say which task they are of."""
    return [
        texts_region("prompt", PROMPT),
        texts_region("response", f"gold {number}"),
        choices_region("Sarcastic"),
    ]


def keep_annotated(studio: FakeLabelStudio, most: int) -> None:
    for found in studio.tasks[most:]:
        found.pop("annotations", None)


def task_of(call: Call) -> int:
    return int(NUMBER.findall(call.prompt)[0])


def examples_of(call: Call) -> list[int]:
    """The tasks whose questions and answers stand before the task, as the messages have them."""
    turns = [message for message in call.messages[:-1] if message["role"] != "system"]
    asked = [int(NUMBER.findall(turn["content"])[0]) for turn in turns if turn["role"] == "user"]
    told = [json.loads(turn["content"])["response"] for turn in turns if turn["role"] == "assistant"]
    assert told == [f"gold {number}" for number in asked]
    return asked


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(json.dumps({"response": "a reply", "sentiment": ["Not Sarcastic"]})) as server:
        yield server


@pytest.fixture
def studio() -> Iterator[FakeLabelStudio]:
    """40 statements, of which the first 24 are annotated."""
    texts = [{"text": f"Statement {number} is about topic {number % 4}."} for number in range(1, 41)]
    with FakeLabelStudio(CONFIG, texts) as server:
        for number in range(1, 25):
            server.annotate(number, answer_to(number))
        yield server


@pytest.fixture
def environment(llm: FakeLLM, studio: FakeLabelStudio, tmp_path: Path) -> dict[str, str]:
    return {
        "LABEL_STUDIO_URL": studio.url,
        "LABEL_STUDIO_API_KEY": TOKEN,
        "OPENAI_BASE_URL": llm.base_url,
        "OPENAI_API_KEY": KEY,
        "MODEL_DIR": str(tmp_path / "data"),
        "FEW_SHOT": "3",
    }


@pytest.fixture
def label(environment: dict[str, str], tmp_path: Path) -> Label:
    """Labels all tasks with three examples each; gives the summary."""
    (tmp_path / "prompt.txt").write_text(PROMPT)

    def run(*options: str, **settings: str) -> dict[str, Any]:
        arguments = ["label", "--project", "1", "--prompt-file", str(tmp_path / "prompt.txt"), "--yes", "--json"]
        done = CliRunner().invoke(app, [*arguments, *options], env={**environment, **settings})
        assert done.exit_code == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def test_no_example_is_of_a_held_out_task_or_of_the_task_itself(llm: FakeLLM, label: Label) -> None:
    assert label()["done"] == 40
    shown = {task_of(call): examples_of(call) for call in llm.calls}
    assert len(shown) == 40
    assert all(len(set(examples)) == 3 for examples in shown.values())
    assert not any(is_held_out(example) for examples in shown.values() for example in examples)
    assert not any(task in examples for task, examples in shown.items())


def test_nothing_of_held_out_annotations_is_sent_at_all(llm: FakeLLM, label: Label) -> None:
    llm.vector = lambda text: [1.0, len(text)]
    label(EMBEDDING_MODEL="embed")
    sent = Counter(re.findall(r"gold (\d+)", json.dumps([call.json for call in llm.calls])))
    assert sent
    assert not any(map(is_held_out, sent))


def test_the_version_says_so_and_a_second_run_pays_nothing(llm: FakeLLM, label: Label) -> None:
    first = label()
    assert shows_examples(first["model_version"])
    assert first["model_version"].endswith("-3shot")
    assert label()["model_version"] == first["model_version"]
    assert len(llm.calls) == 40


def test_the_examples_stay_until_twice_as_many_tasks_are_annotated(
    llm: FakeLLM, label: Label, studio: FakeLabelStudio
) -> None:
    keep_annotated(studio, 10)
    first = label()["model_version"]
    for number in range(11, 20):
        studio.annotate(number, answer_to(number))
    assert label()["model_version"] == first
    assert len(llm.calls) == 40
    studio.annotate(20, answer_to(20))
    assert label()["model_version"] != first


def test_new_examples_can_be_asked_for(label: Label, studio: FakeLabelStudio) -> None:
    first = label()["model_version"]
    assert label("--new-examples")["model_version"] == first
    other = next(number for number in range(25, 41) if not is_held_out(number))
    studio.annotate(other, answer_to(other))
    assert label("--new-examples")["model_version"] != first


def test_before_there_are_examples_it_is_as_without(llm: FakeLLM, label: Label, studio: FakeLabelStudio) -> None:
    keep_annotated(studio, 5)
    with_few_shot = label()["model_version"]
    assert label(FEW_SHOT="0")["model_version"] == with_few_shot
    assert not any(map(examples_of, llm.calls))


def topic(text: str) -> Sequence[float]:
    found = re.search(r"topic (\d)", text)
    assert found
    return [float(found[1] == str(number)) for number in range(4)]


def test_the_nearest_by_embeddings_are_shown_and_bought_once(llm: FakeLLM, label: Label) -> None:
    llm.vector = topic
    label(EMBEDDING_MODEL="embed")
    calls = {task_of(call): examples_of(call) for call in llm.calls}
    topics = Counter(number % 4 for number in range(1, 25) if not is_held_out(number))
    for number, examples in calls.items():
        same = [example for example in examples if example % 4 == number % 4]
        assert len(same) >= min(3, topics[number % 4] - 1)
    assert sum(map(len, llm.embedded)) == sum(topics.values()) + 40
    label(EMBEDDING_MODEL="embed")
    assert sum(map(len, llm.embedded)) == sum(topics.values()) + 40
    assert len(llm.calls) == 40


def test_a_provider_without_embeddings_is_asked_once_and_words_are_compared(llm: FakeLLM, label: Label) -> None:
    label(EMBEDDING_MODEL="embed")
    assert len(llm.embedded) == 1
    assert all(len(examples_of(call)) == 3 for call in llm.calls)
    label(EMBEDDING_MODEL="embed")
    assert (len(llm.embedded), len(llm.calls)) == (1, 40)


def test_embeddings_are_counted_for_a_version_of_their_own(
    llm: FakeLLM, label: Label, make_settings: Callable[..., Any]
) -> None:
    llm.vector = topic
    version = label(EMBEDDING_MODEL="embed")["model_version"]
    services = Services.build(make_settings())
    try:
        tokens = {row["version"]: row["prompt_tokens"] for row in services.usage.totals(PROJECT)}
    finally:
        services.close()
    assert tokens == {"embed/embeddings": sum(map(len, llm.embedded)), version: 400}


@pytest.fixture
def client(make_app: MakeApp, studio: FakeLabelStudio) -> FlaskClient:
    made = make_app(label_studio_url=studio.url, label_studio_api_key=TOKEN, few_shot=2)
    client = made.test_client()
    services: Services = made.extensions["llm_interactive"]
    version = set_up(client)
    end = time.monotonic() + 20
    while not services.store.example_sets.digests(PROJECT):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert set_up(client) != version
    return client


def set_up(client: FlaskClient, **params: Any) -> str:
    """The model version after a project is connected with these params."""
    version: str = setup(client, CONFIG, PROJECT, json.dumps(params)).get_json()["model_version"]
    return version


def statement(number: int) -> dict[str, Any]:
    return task(number, f"Statement {number} is about topic {number % 4}.")


def shift_enter(client: FlaskClient, number: int) -> dict[str, Any]:
    return press(client, typed(PROMPT, about=statement(number), config=CONFIG, project=PROJECT))


def test_an_annotator_gets_examples_and_waits_for_no_label_studio(
    client: FlaskClient, llm: FakeLLM, studio: FakeLabelStudio
) -> None:
    before = studio.lists
    found = shift_enter(client, 30)
    assert found["result"]
    assert found["model_version"].endswith("-2shot")
    assert len(examples_of(llm.calls[0])) == 2
    assert studio.lists == before


def test_a_batch_after_it_finds_the_reply_that_the_annotator_paid_for(client: FlaskClient, llm: FakeLLM) -> None:
    shift_enter(client, 30)
    [found] = results(client, batch([statement(30)], CONFIG, PROJECT))
    assert found["model_version"] == set_up(client)
    assert len(llm.calls) == 1


def test_what_an_annotator_makes_of_its_reply_is_a_pair_to_export(
    client: FlaskClient, studio: FakeLabelStudio, environment: dict[str, str], tmp_path: Path
) -> None:
    given = shift_enter(client, 30)["result"]
    edited = [texts_region("response", "edited") if region["from_name"] == "response" else region for region in given]
    studio.annotate(30, edited)
    file = tmp_path / "pairs.jsonl"
    options = ["--project", "1", "--format", "dpo-trl", "-o", str(file), "--from", "corrections"]
    done = CliRunner().invoke(app, ["export", *options], env={**environment, "FEW_SHOT": "2"})
    assert done.exit_code == 0, done.stderr
    [pair] = map(json.loads, file.read_text().splitlines())
    assert json.loads(pair["rejected"][0]["content"])["response"] == "a reply"
    assert json.loads(pair["chosen"][0]["content"])["response"] == "edited"


def test_a_project_can_choose_for_itself(client: FlaskClient, llm: FakeLLM) -> None:
    assert set_up(client, few_shot=4).endswith("-4shot")
    shift_enter(client, 30)
    assert not shows_examples(set_up(client, few_shot=0))
    shift_enter(client, 31)
    assert [len(examples_of(call)) for call in llm.calls] == [4, 0]


def test_without_label_studios_address_the_connection_form_names_it(make_app: MakeApp) -> None:
    answer = setup(make_app().test_client(), CONFIG, PROJECT, '{"few_shot": 2}')
    assert answer.status_code >= 400
    assert "LABEL_STUDIO_URL" in answer.text


def test_embeddings_that_fail_hold_up_no_annotator(
    make_app: MakeApp, llm: FakeLLM, studio: FakeLabelStudio, label: Label
) -> None:
    llm.vector = topic
    label(EMBEDDING_MODEL="embed")
    llm.vector = None
    settings = {"label_studio_url": studio.url, "label_studio_api_key": TOKEN, "embedding_model": "embed"}
    client = make_app(**settings, few_shot=3).test_client()
    llm.forget()
    assert shift_enter(client, 99)["result"]
    assert len(examples_of(llm.calls[0])) == 3


def copied(call: Call) -> str:
    """What a model replies that believes the example most like the task."""
    told = [message["content"] for message in call.messages if message["role"] == "assistant"]
    return told[-1] if told else json.dumps({"response": "?", "sentiment": ["Sarcastic"]})


def test_a_model_that_copies_examples_is_no_better_than_chance_on_labels_by_chance(
    llm: FakeLLM, label: Label, studio: FakeLabelStudio, environment: dict[str, str]
) -> None:
    """Each text is there twice with the same label, so that a task's answer could leak by its twin."""
    chance = random.Random(1)
    studio.tasks = [{"id": n, "data": {"text": f"Statement {n // 2} is about topic {n // 2 % 4}."}} for n in range(160)]
    labels = [chance.choice(["Sarcastic", "Not Sarcastic"]) for _ in range(80)]
    for number in range(160):
        studio.annotate(number, [texts_region("response", "an answer"), choices_region(labels[number // 2])])
    llm.answer = copied
    version = label()["model_version"]
    done = CliRunner().invoke(app, ["evaluate", "--project", "1", "--json", "-"], env=environment)
    assert done.exit_code == 0, done.stderr
    assert "only held-out tasks are measured" in done.stderr
    [figures] = next(one["versions"] for one in json.loads(done.stdout)["outputs"] if one["output"] == "sentiment")
    assert figures["version"] == version
    assert figures["n"] == sum(map(is_held_out, range(160)))
    assert 0.4 < figures["accuracy"]["value"] < 0.6
