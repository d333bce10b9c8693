"""Connecting the model in Label Studio: what is wrong is said, what the project chose is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.server.bodies import (
    CHAT,
    ONLY_CHOICES,
    PROJECT,
    TEXT,
    batch,
    press,
    results,
    sample,
    sentence_of,
    setup,
    submitted,
    task,
    texts,
    typed,
    version,
)
from tests.server.conftest import KEY, MakeApp
from tests.servers import FakeLLM

OBJECT = '<Text name="text" value="$text"/>'
PROMPT = '<TextArea name="prompt" toName="text"/>'
RESPONSE = '<TextArea name="response" toName="text"/>'
LAUGHS = """<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
 <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
 <!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">]>
 <View><Header value="&f;"/></View>"""
EXTERNAL = f"""<!DOCTYPE View [<!ENTITY x SYSTEM "file:///etc/passwd">]>
 <View>{OBJECT}{PROMPT}{RESPONSE}<Header value="h"/><Style>&x;</Style></View>"""


@pytest.mark.parametrize("config", [TEXT, ONLY_CHOICES, CHAT, sample("setup_request")["schema"]])
def test_the_specs_configs_are_taken_without_asking_the_model(client: FlaskClient, llm: FakeLLM, config: str) -> None:
    assert version(client, config).startswith("gpt-3.5-turbo/")
    assert llm.calls == []


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("no xml", "cannot be read"),
        ("<View>", "cannot be read"),
        ("<View/>", "TextArea"),
        (f"<View>{OBJECT}</View>", "TextArea"),
        (f"<View>{OBJECT}{RESPONSE}</View>", '<TextArea name="prompt"'),
        (f"<View>{OBJECT}{PROMPT}</View>", '<TextArea name="response"'),
        (f"<View>{PROMPT}{RESPONSE}</View>", "<Text>"),
        (f'<View><Audio name="text" value="$a"/>{PROMPT}{RESPONSE}</View>', "<Audio>"),
        (LAUGHS, "labeling config"),
        (EXTERNAL, "DOCTYPE"),
    ],
    ids=[
        "empty",
        "blank",
        "text",
        "cut",
        "nothing",
        "no-textarea",
        "no-prompt",
        "nothing-to-fill",
        "no-object",
        "audio",
        "laughs",
        "external",
    ],
)
def test_an_unusable_config_is_an_error_that_says_what_to_add(
    shared_client: FlaskClient, config: str, fragment: str
) -> None:
    response = setup(shared_client, config)
    assert response.status_code == 400
    sentence = sentence_of(response)
    assert fragment in sentence
    assert "root:" not in sentence
    assert len(sentence) < 300


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("prompt", "prompt"),
        ("prompt", "prompt-2"),
        ("prompt", "classification-prompt"),
        ("my-prompt", "my-prompt"),
    ],
)
def test_the_prompt_field_is_found_by_its_prefix(make_app: MakeApp, llm: FakeLLM, prefix: str, name: str) -> None:
    config = TEXT.replace('name="prompt"', f'name="{name}"')
    client = make_app(prompt_prefix=prefix).test_client()
    assert setup(client, config).status_code == 200
    body = json.loads(json.dumps(typed("Judge.", config=config)).replace('"prompt"', f'"{name}"'))
    assert texts(press(client, body), name) == ["Judge."]


def test_the_response_field_is_found_by_its_prefix(make_app: MakeApp) -> None:
    config = f'<View>{OBJECT}{PROMPT}<TextArea name="notes" toName="text"/><TextArea name="a" toName="text"/></View>'
    assert texts(press(make_app(response_prefix="a").test_client(), typed("Judge.", config=config)), "a") == ["OK"]


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"openai_api_key": None}, "OPENAI_API_KEY is not set"),
        ({"openai_provider": "azure", "openai_api_key": None}, "OPENAI_API_KEY is not set"),
        ({"openai_provider": "azure"}, "AZURE_RESOURCE_ENDPOINT is not set"),
    ],
    ids=["openai-key", "azure-key", "azure-endpoint"],
)
def test_a_missing_setting_is_named_while_health_is_up(
    make_app: MakeApp, changes: dict[str, Any], fragment: str
) -> None:
    client = make_app(**changes).test_client()
    response = setup(client)
    assert response.status_code == 503
    assert fragment in sentence_of(response)
    assert client.get("/health").get_json() == {"status": "UP"}


def test_ollama_needs_no_key(make_app: MakeApp) -> None:
    assert setup(make_app(openai_provider="ollama", openai_api_key=None).test_client()).status_code == 200


@pytest.mark.parametrize(
    "extra_params",
    [
        {"model": "gpt-4o", "temperature": 0, "num_responses": 2, "template": "{prompt}!", "prompt": "Judge."},
        '{"model": "gpt-4o", "temperature": 0, "num_responses": 2, "template": "{prompt}!", "prompt": "Judge."}',
    ],
    ids=["object", "string"],
)
def test_a_project_may_choose_model_temperature_number_template_and_prompt(
    client: FlaskClient, llm: FakeLLM, extra_params: object
) -> None:
    assert setup(client, extra_params=extra_params).get_json()["model_version"].startswith("gpt-4o/")
    results(client, batch([task(1)]))
    [call] = llm.calls
    assert (call.json["model"], call.json["temperature"], call.json["n"], call.prompt) == ("gpt-4o", 0, 2, "Judge.!")


def test_what_one_project_chose_is_not_anothers(client: FlaskClient, llm: FakeLLM) -> None:
    setup(client, extra_params={"model": "gpt-4o"})
    press(client, typed("Judge.", project="5.1795372450"))
    assert llm.calls[0].json["model"] == "gpt-3.5-turbo"


def test_what_a_project_chose_survives_a_restart(make_app: MakeApp, llm: FakeLLM) -> None:
    setup(make_app().test_client(), extra_params={"model": "gpt-4o"})
    press(make_app().test_client(), typed("Judge."))
    assert llm.calls[0].json["model"] == "gpt-4o"


@pytest.mark.parametrize("extra_params", [None, "", "  ", {}, "{}", {"unknown": 1}], ids=repr)
def test_no_choice_is_the_operators(shared_client: FlaskClient, shared_llm: FakeLLM, extra_params: object) -> None:
    setup(shared_client, extra_params={"model": "gpt-4o"})
    assert setup(shared_client, extra_params=extra_params).get_json()["model_version"].startswith("gpt-3.5-turbo/")


@pytest.mark.parametrize(
    "extra_params",
    [
        "garbage",
        "[1]",
        "5",
        "null!",
        [1],
        5,
        True,
        {"temperature": "hot"},
        {"temperature": 9},
        {"temperature": "NaN"},
        {"num_responses": 0},
        {"num_responses": 1000},
        {"model": ""},
        {"model": {"a": 1}},
        {"template": "no placeholder"},
        {"prompt": ["a"]},
        {"max_tokens": -1},
        "[" * 100_000,
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_choice_that_is_not_allowed_is_refused_and_changes_nothing(
    shared_client: FlaskClient, shared_llm: FakeLLM, extra_params: object
) -> None:
    before = version(shared_client)
    response = setup(shared_client, extra_params=extra_params)
    assert response.status_code == 400
    assert "xtra params" in sentence_of(response)
    press(shared_client, typed("Judge."))
    assert shared_llm.calls[-1].json["model"] == "gpt-3.5-turbo"
    assert before.startswith("gpt-3.5-turbo/")


@pytest.mark.parametrize("provider", ["openai", "ollama", "azure"])
def test_a_project_cannot_move_address_or_key(make_app: MakeApp, llm: FakeLLM, provider: str) -> None:
    own = {"ollama_endpoint": llm.base_url, "azure_resource_endpoint": f"http://127.0.0.1:{llm.port}"}
    client = make_app(openai_provider=provider, **own).test_client()
    with FakeLLM("stolen") as thief:
        names = ["openai_base_url", "base_url", "api_base", "endpoint", "ollama_endpoint", "azure_resource_endpoint"]
        addresses = {written: thief.base_url for name in names for written in (name, name.upper())}
        keys = {"api_key": "x", "openai_api_key": "x", "OPENAI_API_KEY": "x", "openai_provider": "openai"}
        setup(client, extra_params={**addresses, **keys, "label_studio_url": thief.base_url})
        assert texts(press(client, typed("Judge."))) == ["OK"]
        assert thief.calls == []
    [call] = llm.calls
    if provider != "ollama":
        assert KEY in (call.headers.get("api-key"), call.headers.get("authorization", "").removeprefix("Bearer "))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_versions_lists_what_setup_has_said_for_the_project(client: FlaskClient, method: str) -> None:
    first = version(client)
    client.post("/webhook", json=submitted("Judge."))
    second = version(client)
    version(client, project="5.1795372450")
    if method == "GET":
        response = client.get("/versions", query_string={"project": PROJECT})
    else:
        response = client.post("/versions", json={"project": PROJECT})
    assert response.status_code == 200
    assert sorted(response.get_json()["versions"]) == sorted([first, second])


def test_a_body_without_a_project_has_no_versions(client: FlaskClient) -> None:
    response = client.post("/versions", json={})
    assert response.status_code == 400
    assert "project" in sentence_of(response)


def test_label_studio_names_no_project_and_gets_all_versions(client: FlaskClient) -> None:
    versions = [setup(client, project=project).get_json()["model_version"] for project in ("1.1", "2.2")]
    assert client.get("/versions").get_json() == {"versions": list(dict.fromkeys(reversed(versions)))}


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_is_up_for_programs(client: FlaskClient, path: str) -> None:
    assert client.get(path).get_json() == {"status": "UP"}
