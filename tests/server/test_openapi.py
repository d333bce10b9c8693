"""docs/openapi.yaml is what the backend serves: the same routes, and no answer that it does not describe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from schemathesis.config import SchemathesisConfig

from llm_interactive import __version__
from llm_interactive.settings import Settings
from llm_interactive.web.app import create_app
from testing.llm import Call, FakeLLM, FixedAnswer, Reply, error
from tests.server.bodies import CHAT, ONLY_CHOICES, PROJECT, TEXT, sample, submitted
from tests.server.conftest import KEY

FILE = Path(__file__).parents[2] / "docs" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
USER, PASSWORD = "label-studio", "a password"
METHODS = {"get", "put", "post", "delete", "patch", "trace"}

# Labeling configs that can be used are out of reach for chance.
schemathesis.openapi.format("labeling-config", st.sampled_from([TEXT, CHAT, ONLY_CHOICES]) | st.text(max_size=20))

API = schemathesis.openapi.from_path(
    FILE,
    config=SchemathesisConfig.from_dict(
        {
            "auth": {"basic": {"username": USER, "password": PASSWORD}},
            "generation": {"deterministic": True, "max-examples": 80, "with-security-parameters": False},
            "checks": {
                # To an annotator whose labeling config has no response field a failure of the model is a 502.
                "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "502", "503", "504"]},
                # Tests of their own below.
                "unsupported_method": {"enabled": False},
                "ignored_auth": {"enabled": False},
                # More is taken than Label Studio sends: fields that are missing, null or of a kindred type.
                "negative_data_rejection": {"enabled": False},
                # No schema tells a labeling config, a prompt or a date that can be used.
                "positive_data_acceptance": {"enabled": False},
            },
        }
    ),
)
API.config.update(base_url="http://localhost")


@API.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Gives tasks the text that the labeling configs name, which is out of reach for chance, too."""
    tasks = body.get("tasks") if isinstance(body, dict) else None
    for task in tasks if isinstance(tasks, list) else ():
        if isinstance(task, dict) and isinstance(task.get("data"), dict):
            task["data"].setdefault("text", f"text {len(task['data'])}")
    return body


def moody(call: Call) -> FixedAnswer:
    """A model that answers, refuses, says nothing or breaks off, always the same to the same question."""
    moods: list[FixedAnswer] = ["Sarcastic", "", error(400, "no"), error(401, "bad key"), Reply(body=b"[]", status=413)]
    return moods[len(repr(call.messages)) % len(moods)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with FakeLLM(moody) as llm:
        app = create_app(
            Settings(
                openai_api_key=KEY,
                openai_base_url=llm.base_url,
                model_dir=tmp_path_factory.mktemp("openapi") / "data",
                default_prompt="Judge.",
                predict_deadline=5,
                basic_auth_user=USER,
                basic_auth_pass=PASSWORD,
            )
        )
        yield app
        app.extensions["llm_interactive"].close()


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def documented() -> set[tuple[str, str]]:
    return {(path, method) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS}


def served(app: Flask) -> set[tuple[str, str]]:
    """Routes and methods that answer; HEAD and OPTIONS are Flask's own."""
    app.test_client().post("/webhook", json=submitted("Judge."), auth=(USER, PASSWORD))
    app.extensions["llm_interactive"].store.evaluations.keep(PROJECT, "<h1>Evaluation</h1>")
    found = set()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<path:filename>", "x").replace("<project>", PROJECT)
        for method in (name.lower() for name in rule.methods or () if name not in ("HEAD", "OPTIONS")):
            response = app.test_client().open(path, method=method, auth=(USER, PASSWORD), buffered=True)
            if response.status_code != 404:
                found.add((rule.rule.replace("<", "{").replace(">", "}"), method))
    return found


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_the_file_is_valid() -> None:
    API.validate()


def test_the_file_is_of_this_version() -> None:
    assert DOCUMENT["info"]["version"] == __version__


def test_the_file_has_every_route_that_is_served_and_no_other(app: Flask) -> None:
    assert served(app) == documented()


def _examples() -> Iterator[Any]:
    for path, method in sorted(documented()):
        operation = DOCUMENT["paths"][path][method]
        for place in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in place.get("content", {}).values():
                for name, example in media.get("examples", {}).items():
                    yield pytest.param(media["schema"], example["value"], id=f"{method} {path} {name}")


@pytest.mark.parametrize(("schema", "value"), list(_examples()))
def test_an_example_is_what_its_schema_says(schema: dict[str, Any], value: Any) -> None:
    validator(schema).validate(value)


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("SetupRequest", "setup_request"),
        ("PredictRequest", "batch_predict_request_text"),
        ("PredictRequest", "batch_predict_request_chat"),
        ("PredictRequest", "ui_interactive_predict_request"),
        ("WebhookRequest", "ui_webhook_body"),
        ("WebhookRequest", "webhook_annotation_updated_text"),
    ],
)
def test_what_label_studio_sent_is_what_the_file_says(schema: str, name: str) -> None:
    validator({"$ref": f"#/components/schemas/{schema}"}).validate(sample(name))


@pytest.mark.parametrize("given", [None, (USER, "wrong"), ("wrong", PASSWORD), (USER, "")], ids=repr)
@pytest.mark.parametrize(("path", "method"), sorted(documented()))
def test_a_password_is_asked_where_the_file_says_so(
    client: FlaskClient, path: str, method: str, given: tuple[str, str] | None
) -> None:
    response = client.open(path, method=method, json={} if method == "post" else None, auth=given)
    asked = DOCUMENT["paths"][path][method].get("security", DOCUMENT["security"]) != []
    assert (response.status_code == 401) == asked
    assert ("WWW-Authenticate" in response.headers) == asked


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_a_method_that_is_not_served_is_refused_with_those_that_are(client: FlaskClient, path: str) -> None:
    response = client.delete(path, auth=(USER, PASSWORD))
    assert response.status_code == 405
    allowed = {method.strip().lower() for method in response.headers.get("Allow", "").split(",")}
    assert allowed - {"head", "options"} == set(DOCUMENT["paths"][path]) & METHODS


def _test_of(path: str, method: str) -> Any:
    """A test of one operation: made for all of them by one function, they would have one name."""

    @API.include(path=path, method=method.upper()).parametrize()
    @settings(deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
    def test(app: Flask, case: schemathesis.Case[Any]) -> None:
        response = case.call_and_validate(app=app)
        if (case.method, case.path, response.status_code) == ("POST", "/predict", 200):
            body: Any = case.body
            assert len(json.loads(response.content)["results"]) == len(body["tasks"])

    return test


for _path, _method in sorted(documented()):
    _words = re.sub(r"\W+", "_", f"{_method} {_path}").strip("_")
    globals()[f"test_every_answer_is_as_the_file_says_to_{_words}"] = _test_of(_path, _method)
