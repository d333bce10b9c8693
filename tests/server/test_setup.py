"""Connecting the model in Label Studio: what is wrong is said, what the project chose is kept."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from llm_interactive.settings import ProjectParams, Settings
from testing.llm import FakeLLM
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
        (f"<View>{OBJECT}{RESPONSE}</View>", 'TextArea tag to the labeling config, with name="prompt"'),
        (f"<View>{OBJECT}{PROMPT}</View>", 'TextArea tag with name="response"'),
        (f"<View>{PROMPT}{RESPONSE}</View>", "Text, HyperText"),
        (f'<View><Audio name="text" value="$a"/>{PROMPT}{RESPONSE}</View>', "tag Audio"),
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
    # Label Studio renders it as HTML.
    assert not set("<>") & set(sentence)
    assert len(sentence) < 300


def _with_attributes(count: int) -> str:
    return TEXT.replace("<Text ", "<Text " + " ".join(f'a{number}="1"' for number in range(count)) + " ")


HOSTILE: dict[str, str] = {
    "10 MB of choices": TEXT.replace("</Choices>", '<Choice value="x"/>' * 500_000 + "</Choices>"),
    "10 MB of text": TEXT.replace("</View>", "x" * 10_000_000 + "</View>"),
    "10 MB of opened tags": "<" * 10_000_000,
    "a tag of 100,000 attributes": _with_attributes(100_000),
    "a hundred thousand deep": "<View>" * 100_000 + "</View>" * 100_000,
    "three hundred deep": TEXT.replace("</View>", "<View>" * 300 + "</View>" * 300 + "</View>"),
    "one entity many times": f'<!DOCTYPE v [<!ENTITY a "{"a" * 50_000}">]><View>{"&a;" * 30_000}</View>',
    "one entity many times in an attribute": (
        f'<!DOCTYPE v [<!ENTITY a "{"a" * 50_000}">]><View><Header value="{"&a;" * 30_000}"/></View>'
    ),
    "entities in entities": LAUGHS,
    "a file as entity": EXTERNAL,
    "a file as document type": '<!DOCTYPE View SYSTEM "/etc/passwd">' + TEXT,
    "a parameter entity": '<!DOCTYPE View [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>' + TEXT,
    "an entity that is none": TEXT.replace("</View>", "&nope;</View>"),
    "a namespace for all": TEXT.replace("<View>", '<View xmlns="http://x/y">'),
    "a prefix of no namespace": TEXT.replace("<View>", "<View><a:b/>"),
    "two documents": TEXT + TEXT,
    "a character that is none": TEXT.replace("Sarcastic", "&#0;"),
    "a control character": TEXT.replace("Sarcastic", "\x01"),
    "HTML": "<!DOCTYPE html><html></html>",
    "JSON": '{"View": {}}',
    "tags without names": "<View><TextArea/><Text/><Choices/></View>",
    "a prompt about itself": TEXT.replace('toName="text"/>', 'toName="prompt"/>'),
}


@pytest.mark.parametrize("config", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_config_is_refused_soon_and_saves_nothing(shared_client: FlaskClient, config: str) -> None:
    version(shared_client)
    before = shared_client.get("/versions").get_json()
    started = time.monotonic()
    response = setup(shared_client, config, extra_params={"model": "other"})
    predicted = shared_client.post("/predict", json=typed("Other.", config=config))
    hooked = shared_client.post("/webhook", json=submitted("Other.", config=config))
    assert time.monotonic() - started < 3
    assert (response.status_code, predicted.status_code, hooked.status_code) == (400, 400, 200)
    assert hooked.get_json()["status"] == "ignored"
    assert len(sentence_of(response)) < 300
    assert "root:" not in sentence_of(response)
    assert shared_client.get("/versions").get_json() == before
    assert version(shared_client).startswith("gpt-3.5-turbo/")


USUAL: dict[str, str] = {
    "a declaration": '<?xml version="1.0"?>' + TEXT,
    "a declared encoding": '<?xml version="1.0" encoding="UTF-8"?>\n' + TEXT,
    "a byte order mark": '\ufeff<?xml version="1.0" encoding="utf-8"?>' + TEXT,
    "a style sheet": '<?xml-stylesheet href="http://127.0.0.1:1/x.xsl" type="text/xsl"?>' + TEXT,
    "an instruction and a comment": TEXT.replace("<Choice ", "<!-- c --><?php evil ?><Choice ", 1),
    "an XInclude": TEXT.replace(
        "<View>", '<View xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/>'
    ),
    "a foreign attribute": TEXT.replace("<Text ", '<Text xmlns:a="u" a:name="other" '),
    "1 MB of choices": TEXT.replace("</Choices>", '<Choice value="x"/>' * 50_000 + "</Choices>"),
    "many attributes": _with_attributes(900),
    "numbers beyond all measure": TEXT.replace(
        "</View>",
        f'<Rating name="stars" toName="text" maxRating="{"9" * 5000}"/><Taxonomy name="kinds" toName="text" '
        f'maxUsages="{"9" * 5000}"><Choice value="a"/></Taxonomy></View>',
    ),
}


@pytest.mark.parametrize("config", USUAL.values(), ids=USUAL.keys())
def test_a_config_that_label_studio_takes_is_taken(shared_client: FlaskClient, config: str) -> None:
    assert setup(shared_client, config).status_code == 200
    shown = texts(press(shared_client, typed("Judge.", config=config)))
    assert shown == ["OK"]


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
    assert setup(shared_client).get_json()["model_version"] == before
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
        others = {"label_studio_url": thief.base_url, "media_hosts": ["*"], "database_url": "sqlite:///stolen.db"}
        every = {name: thief.base_url for name in Settings.model_fields if name not in ProjectParams.model_fields}
        headers = {"extra_headers": {"Host": "thief"}, "extra_body": {"base_url": thief.base_url}}
        nested = {"openai": dict(addresses), "settings": dict(addresses), "__class__": {"base_url": thief.base_url}}
        setup(client, extra_params={**every, **addresses, **keys, **others, **headers, **nested})
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


def test_a_mistyped_name_in_extra_params_is_told_with_the_nearest_one(client: FlaskClient) -> None:
    sentence = sentence_of(setup(client, extra_params={"temprature": 0, "modle": "gpt-4o"}))
    assert "temprature is not known: is temperature meant?" in sentence
    assert "modle is not known: is model meant?" in sentence


def test_all_wrong_extra_params_are_told_at_once(client: FlaskClient) -> None:
    sentence = sentence_of(setup(client, extra_params={"temperature": 9, "num_responses": 0}))
    assert "temperature is not allowed" in sentence
    assert "num_responses is not allowed" in sentence
