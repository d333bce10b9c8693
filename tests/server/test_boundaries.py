"""Who is let in, what answers and logs hold, and that no address or path out of a task is ever opened."""

from __future__ import annotations

import logging
import stat
from base64 import b64encode
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.server.bodies import TEXT, batch, press, results, sentence_of, setup, submitted, task, texts, typed
from tests.server.conftest import KEY, MakeApp
from tests.server.test_batch import PROMPTED
from tests.servers import FakeLLM, error

PATHS = [
    ("GET", "/"),
    ("GET", "/status"),
    ("GET", "/metrics"),
    ("GET", "/versions"),
    ("POST", "/versions"),
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("POST", "/webhook"),
    ("POST", "/train"),
    ("GET", "/is_training"),
    ("GET", "/nope"),
    ("GET", "/static/x"),
    ("GET", "//health"),
    ("GET", "/health/"),
    ("GET", "/predict"),
]
AUTH = {"basic_auth_user": "ann", "basic_auth_pass": "pässword"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_credentials_nothing_is_answered_but_health(make_app: MakeApp, method: str, path: str) -> None:
    response = make_app(**AUTH).test_client().open(path, method=method)
    assert response.status_code in (401, 308)
    if response.status_code == 401:
        assert response.headers["WWW-Authenticate"].startswith("Basic")
        assert sentence_of(response)


def test_health_is_open(make_app: MakeApp) -> None:
    assert make_app(**AUTH).test_client().get("/health").get_json() == {"status": "UP"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("ann", "wrong"),
        basic("bob", "pässword"),
        basic("", ""),
        basic("ann", ""),
        {"Authorization": "Bearer pässword".encode().decode("latin-1")},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic"},
        {"Authorization": "Basic " + b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + b64encode(b"\xff\xfe:\xff").decode()},
        {"Authorization": "Digest username=ann"},
    ],
    ids=lambda headers: str(headers.get("Authorization", "none"))[:20].encode("ascii", "replace").decode(),
)
def test_wrong_credentials_are_refused(make_app: MakeApp, llm: FakeLLM, headers: dict[str, str]) -> None:
    response = make_app(**AUTH).test_client().post("/predict", json=typed("Judge."), headers=headers)
    assert response.status_code == 401
    assert llm.calls == []


def test_right_credentials_are_let_in(make_app: MakeApp) -> None:
    client = make_app(**AUTH).test_client()
    assert client.post("/predict", json=typed("Judge."), headers=basic("ann", "pässword")).status_code == 200


@pytest.mark.parametrize(("method", "path"), [*PATHS, ("GET", "/health")])
def test_every_answer_has_the_security_headers(client: FlaskClient, method: str, path: str) -> None:
    headers = client.open(path, method=method).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "no-store" in headers["Cache-Control"]


def test_the_status_page_escapes_what_it_shows(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = error(400, "<script>alert(1)</script>")
    press(client, typed("Judge.", project="<b>4</b>"))
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.mimetype == "text/html"
    assert "<script>alert" not in page.get_data(as_text=True)
    assert "<b>4" not in page.get_data(as_text=True)
    assert "unsafe" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("text", ["/etc/passwd", "file:///etc/passwd", "upload/1/x.txt", "/data/upload/1/x.txt"])
def test_a_path_in_a_task_is_text(client: FlaskClient, llm: FakeLLM, text: str) -> None:
    press(client, typed("Judge.", about=task(text=text)))
    assert llm.calls[0].prompt == f"Source Text: {text}\n\nTask Directive: Judge."


def test_no_address_in_task_prompt_reply_or_config_is_opened(make_app: MakeApp, llm: FakeLLM) -> None:
    with FakeLLM("never") as other:
        url = f"{other.base_url}/chat/completions"
        llm.answer = f'See <img src="{url}"> {url}'
        config = TEXT.replace("<View>", f'<View><Image name="i" value="{url}"/><HyperText name="h" value="{url}"/>')
        client = make_app().test_client()
        page = f'<img src="{url}"><link rel="stylesheet" href="{url}"><iframe src="{url}"></iframe>text'
        for name in ("Text", "HyperText"):
            written = config.replace("<Text ", f"<{name} ")
            press(client, typed(f"Judge {url}", about=task(text=page), config=written))
        assert setup(client, config).status_code == 200
        assert other.calls == []
    assert len(llm.calls) == 2


def test_key_tokens_prompts_and_task_data_are_not_logged(
    make_app: MakeApp, llm: FakeLLM, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "llm_interactive")
    client = make_app(label_studio_api_key="the-operators-token").test_client()
    llm.answer = "a secret reply"
    setup(client)
    press(client, typed("A secret prompt.", about=task(text="a secret text")))
    client.post("/webhook", json=submitted("A secret prompt."))
    results(client, batch([task(1, "a secret text"), task(2, data={"other": "a secret field"})]))
    llm.answer = error(401, f"Incorrect API key provided: {KEY}")
    press(client, typed("A secret prompt.", about=task(text="a secret text")))
    client.post("/predict", data=b'{"a secret body')
    for kept in (KEY, "the-operators-token", "creators-token", "secret"):
        assert kept not in caplog.text


def test_the_database_is_its_owners_alone(make_app: MakeApp, tmp_path: Path) -> None:
    results(make_app(**PROMPTED).test_client(), batch([task(1)]))
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_the_creators_token_of_setup_is_not_kept(client: FlaskClient, tmp_path: Path) -> None:
    setup(client)
    press(client, typed("Judge."))
    client.application.extensions["llm_interactive"].close()
    assert all(b"creators-token" not in path.read_bytes() for path in (tmp_path / "data").iterdir())


def test_a_reason_phrase_keeps_to_the_sentence(client: FlaskClient) -> None:
    response = setup(client, "<View>\r\nSet-Cookie: a=b")
    assert response.status_code == 400
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("reply", ["⚠ The model refused.", "⚠"])
def test_a_models_own_warning_is_shown_as_its_reply(client: FlaskClient, llm: FakeLLM, reply: str) -> None:
    llm.answer = reply
    assert texts(press(client, typed("Judge."))) == [reply]
