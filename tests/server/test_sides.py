"""Two responses in one form, of which people say which is better: two models or two replies, and never the choice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from label_studio_sdk.label_interface import LabelInterface
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app
from llm_interactive.settings import Settings
from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import Store, fingerprint
from llm_interactive.store.usage import Origin
from testing.label_studio import FakeLabelStudio
from testing.llm import Call, FakeLLM, Reply, error
from tests.server.bodies import PROJECT, Json, batch, interactive, press, results, setup, task, texts, texts_region
from tests.server.conftest import MakeApp
from tests.server.test_batch import until

CONFIG = (Path(__file__).parents[2] / "examples" / "two-replies.xml").read_text()
COUNT = 12


def asked(number: int) -> Json:
    return task(number, data={"question": f"Question {number}?"})


def typed(number: int = 1) -> Json:
    return interactive(texts_region("prompt", "Be brief.", to="question"), about=asked(number), config=CONFIG)


def both(entry: Json) -> tuple[str, str]:
    [first], [second] = texts(entry, "response-a"), texts(entry, "response-b")
    return first, second


def reply_of(call: Call) -> Reply:
    return Reply(texts=[f"Reply {number} of {call.json['model']}" for number in range(call.json.get("n", 1))])


@pytest.fixture(autouse=True)
def names_its_model(llm: FakeLLM) -> None:
    llm.answer = reply_of


def connect(client: FlaskClient, **params: object) -> str:
    """Chooses what the connection form says; the project's version."""
    version: str = setup(client, config=CONFIG, extra_params=params).get_json()["model_version"]
    return version


def whose(settings: Settings) -> dict[str, Ranked]:
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        return store.rankings.of(PROJECT)


def test_one_model_gives_both_responses_in_one_call(client: FlaskClient, llm: FakeLLM) -> None:
    entry = press(client, typed())
    assert both(entry) == ("Reply 0 of gpt-3.5-turbo", "Reply 1 of gpt-3.5-turbo")
    [call] = llm.calls
    assert call.json["n"] == 2
    assert "response_format" not in call.json


def test_two_models_give_one_response_each(client: FlaskClient, llm: FakeLLM) -> None:
    connect(client, model="one", second_model="two")
    assert sorted(both(press(client, typed()))) == ["Reply 0 of one", "Reply 0 of two"]
    assert sorted(call.json["model"] for call in llm.calls) == ["one", "two"]


def test_the_choice_is_left_to_people_and_the_prompt_is_there_once(client: FlaskClient) -> None:
    connect(client, model="one", second_model="two")
    entry = press(client, typed())
    assert sorted(region["from_name"] for region in entry["result"]) == ["prompt", "response-a", "response-b"]
    assert len({region["id"] for region in entry["result"]}) == 3
    assert LabelInterface(CONFIG).validate_prediction(entry, return_errors=True) == []


def test_chance_gives_each_task_its_order_and_the_database_knows_it(client: FlaskClient, settings: Settings) -> None:
    version = connect(client, model="one", second_model="two", prompt="Be brief.")
    entries = results(client, batch([*map(asked, range(COUNT))], config=CONFIG))
    digest = version.removeprefix("one+two/")
    assert {entry["model_version"] for entry in entries} == {version}
    assert len(set(map(both, entries))) == 2
    known = whose(settings)
    for number, entry in enumerate(entries):
        assert known[str(number)].versions == {
            fingerprint(text): [f"{text.removeprefix('Reply 0 of ')}/{digest}"] for text in both(entry)
        }


def models_of(known: Ranked) -> dict[str, set[str]]:
    return {reply: {Origin("", version).model for version in versions} for reply, versions in known.versions.items()}


def test_a_response_stays_that_of_the_model_which_gave_it_whatever_models_are_asked_later(
    client: FlaskClient, llm: FakeLLM, settings: Settings
) -> None:
    llm.answer = lambda call: reply_of(call) if call.json["model"] != "gone" else error(404, "no such model")
    gave = {fingerprint(f"Reply 0 of {model}"): {model} for model in ("one", "two")}
    for params in ({"model": "one", "second_model": "two"}, {"model": "two", "second_model": "one"}):
        connect(client, prompt="Be brief.", **params)
        results(client, batch([asked(1)], config=CONFIG))
        assert models_of(whose(settings)["1"]) == gave
    for second in ("gone", "three"):
        connect(client, prompt="Be brief.", model="one", second_model=second)
        client.post("/predict", json=batch([asked(1)], config=CONFIG))
    assert models_of(whose(settings)["1"]) == gave | {fingerprint("Reply 0 of three"): {"three"}}


def test_of_responses_that_come_after_the_answer_it_is_known_too(
    make_app: MakeApp, llm: FakeLLM, settings: Settings
) -> None:
    llm.answer = lambda call: replace(reply_of(call), hang=True)
    client = make_app(predict_deadline=1).test_client()
    connect(client, model="one", second_model="two", prompt="Be brief.")
    results(client, batch([asked(1)], config=CONFIG))
    assert whose(settings) == {}
    llm.release()
    until(lambda: bool(whose(settings)))
    assert set(models_of(whose(settings)["1"])) == {fingerprint(f"Reply 0 of {model}") for model in ("one", "two")}


def test_of_a_response_typed_for_it_is_known_whose_it_is_too(client: FlaskClient, settings: Settings) -> None:
    connect(client, model="one", second_model="two")
    press(client, typed())
    assert set(models_of(whose(settings)["1"])) == {fingerprint(f"Reply 0 of {model}") for model in ("one", "two")}


def test_a_batch_that_is_asked_again_pays_nothing_and_keeps_its_order(client: FlaskClient, llm: FakeLLM) -> None:
    connect(client, model="one", second_model="two", prompt="Be brief.")
    first, again = (list(map(both, results(client, batch([asked(1), asked(2)], config=CONFIG)))) for _ in range(2))
    assert first == again
    assert len(llm.calls) == 4


def test_each_models_calls_are_counted_as_its_own(client: FlaskClient, settings: Settings) -> None:
    version = connect(client, model="one", second_model="two", prompt="Be brief.")
    results(client, batch([asked(1)], config=CONFIG))
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        calls = {row["version"]: row["calls_ok"] for row in store.usage.totals(PROJECT)}
    digest = version.partition("/")[2]
    assert (calls[f"one/{digest}"], calls[f"two/{digest}"]) == (1, 1)


@pytest.fixture
def label(llm: FakeLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs the command on three tasks."""
    settings = {
        "LABEL_STUDIO_API_KEY": "0123456789",
        "OPENAI_BASE_URL": llm.base_url,
        "OPENAI_API_KEY": "any",
        "OPENAI_MODEL": "one",
        "SECOND_MODEL": "two",
        "DEFAULT_PROMPT": "Be brief.",
        "MODEL_DIR": str(tmp_path),
        "PRICE_INPUT": "100",
        "PRICE_OUTPUT": "20",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with FakeLabelStudio(CONFIG, [{"question": f"Question {number}?"} for number in range(3)]) as studio:
        monkeypatch.setenv("LABEL_STUDIO_URL", studio.url)
        yield lambda *options: CliRunner().invoke(app, ["label", "--project", "1", "--yes", "--json", *options])


def test_label_tells_what_both_models_cost(label: Callable[..., Result]) -> None:
    done = label()
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["filled"] == {"response-a": 3, "response-b": 3}
    assert found["cost"] == pytest.approx(2 * 3 * (10 * 100 + 5 * 20) / 1e6)


def test_a_batch_of_the_batch_api_is_of_one_model(label: Callable[..., Result], llm: FakeLLM) -> None:
    done = label("--batch-api")
    assert done.exit_code == 2
    assert "is of one model" in done.stderr
    assert llm.calls == []
