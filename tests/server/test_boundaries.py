"""Who is let in, what answers and logs hold, and that no address or path out of a task is ever opened."""

from __future__ import annotations

import logging
import socket
import stat
from base64 import b64encode
from functools import partial
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from testing.llm import Call, FakeLLM, Reply, error
from tests.server.bodies import TEXT, batch, press, results, sentence_of, setup, submitted, task, texts, typed
from tests.server.conftest import KEY, MakeApp
from tests.server.process import Backend
from tests.server.test_batch import PROMPTED

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
        {"Authorization": 'Digest username="ann", password="pässword"'.encode().decode("latin-1")},
        {"Authorization": "Basic \xff\xfe"},
        {"Authorization": ""},
    ],
    ids=lambda headers: str(headers.get("Authorization", "none"))[:20].encode("ascii", "replace").decode(),
)
def test_wrong_credentials_are_refused(make_app: MakeApp, llm: FakeLLM, headers: dict[str, str]) -> None:
    response = make_app(**AUTH).test_client().post("/predict", json=typed("Judge."), headers=headers)
    assert response.status_code == 401
    assert llm.calls == []


def test_credentials_are_compared_in_constant_time(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return given == right

    client = make_app(**AUTH).test_client()
    monkeypatch.setattr("hmac.compare_digest", compare)
    client.get("/status", headers=basic("bob", "wrong"))
    # The second one is compared although the first is wrong.
    assert compared == [(b"bob", b"ann"), (b"wrong", "pässword".encode())]


def test_right_credentials_are_let_in(make_app: MakeApp) -> None:
    client = make_app(**AUTH).test_client()
    assert client.post("/predict", json=typed("Judge."), headers=basic("ann", "pässword")).status_code == 200


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_web_page_that_lets_its_name_point_here_gets_nothing(make_app: MakeApp, method: str, path: str) -> None:
    rebound = {"Host": "evil.example.com:9090"}
    response = make_app().test_client().open(path, method=method, headers=rebound)
    assert response.status_code == 403
    assert "ALLOWED_HOSTS" in sentence_of(response)


def test_a_name_that_the_operator_allows_is_answered(make_app: MakeApp) -> None:
    client = make_app(allowed_hosts=("ml.example.com",)).test_client()
    assert client.get("/status", headers={"Host": "ml.example.com"}).status_code == 200


def test_with_a_password_every_name_is_answered_and_health_always(make_app: MakeApp) -> None:
    named = {"Host": "evil.example.com"}
    known = {**named, **basic("ann", "pässword")}
    assert make_app(**AUTH).test_client().get("/status", headers=known).status_code == 200
    assert make_app().test_client().get("/health", headers=named).status_code == 200


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


MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;{{ 7*7 }}{% raw %}"


def test_markup_in_every_name_and_sentence_is_text_on_the_page(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(openai_model=MARKUP, default_prompt="Judge.").test_client()
    llm.answer = error(400, MARKUP)
    results(client, batch([task(1), task(2, data={MARKUP: 1})], project=MARKUP))
    setup(client, extra_params={"model": f"of the project {MARKUP}"}, project=MARKUP)
    press(client, typed(MARKUP, about=task(3, text=MARKUP), project=MARKUP))
    response = client.get("/", headers={"Accept": "text/html"})
    page = response.get_data(as_text=True)
    assert page.count("&lt;script&gt;") >= 4
    for harmful in ("<script", "<img", "{{", ">49<"):
        assert harmful not in page.replace("&#34;", "").replace("{{ 7*7 }}", "")
    policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {"frame-ancestors", "base-uri", "form-action"} <= set(policy)
    for path in ("/status", "/metrics", "/versions"):
        assert client.get(path).mimetype in ("application/json", "text/plain")


@pytest.mark.parametrize(
    "name", ["text.__class__", "text.format", "settings", "text.0.__init__", "openai_api_key", "self", "prompt.upper"]
)
def test_a_placeholder_reaches_no_attribute_and_no_setting(make_app: MakeApp, llm: FakeLLM, name: str) -> None:
    client = make_app(use_internal_prompt_template=False).test_client()
    [shown] = texts(press(client, typed(f"{{{name}}} of {{text}}")))
    assert f"Nothing fills {{{name}}}" in shown
    config = TEXT.replace("$text", f"${name}")
    [shown] = texts(press(make_app().test_client(), typed("Judge.", config=config)))
    assert f'no field "{name}"' in shown
    assert llm.calls == []


@pytest.mark.parametrize("form", ["{text!r}", "{text:>999999999}", "{0}", "{}", "%(text)s", "${text:x}"])
def test_a_format_is_text(make_app: MakeApp, llm: FakeLLM, form: str) -> None:
    press(make_app(use_internal_prompt_template=False).test_client(), typed(f"{form} {{text}}"))
    assert llm.calls[0].prompt.startswith(form)


@pytest.mark.parametrize("path", ["x", "../api.py", "%2e%2e/api.py", "..%2fapi.py", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_no_file_is_served(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(f"/static/{path}", method=method).status_code in (404, 405)


def test_a_file_that_lies_where_the_sdk_serves_files_is_not_served(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("secret")
    client.application.static_folder = str(tmp_path)
    assert client.get("/static/x.txt").status_code == 404


@pytest.mark.parametrize("text", ["/etc/passwd", "file:///etc/passwd", "upload/1/x.txt", "/data/upload/1/x.txt"])
def test_a_path_in_a_task_is_text(client: FlaskClient, llm: FakeLLM, text: str) -> None:
    press(client, typed("Judge.", about=task(text=text)))
    assert llm.calls[0].prompt == f"Source Text: {text}\n\nTask Directive: Judge."


def test_no_address_in_task_prompt_reply_or_config_is_opened(make_app: MakeApp, llm: FakeLLM) -> None:
    with FakeLLM("never") as other:
        url = f"{other.base_url}/chat/completions"
        llm.answer = f'See <img src="{url}"> {url}'
        config = TEXT.replace("<View>", f'<View><HyperText name="h" value="{url}"/>')
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


SECRETS = {
    "OPENAI_API_KEY": "proxy.key/7+x=1",
    "LABEL_STUDIO_API_KEY": "token.of.label-studio",
    "BASIC_AUTH_PASS": "pass=of.ann",
}
DATABASE = "postgresql+psycopg://user:pass%40of.db@127.0.0.1:{port}/db"


def test_no_secret_is_logged_or_answered_whatever_fails_at_debug(llm: FakeLLM, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    settings = {
        **SECRETS,
        "OPENAI_BASE_URL": llm.base_url.replace("http://", "http://someone:pass.in.url@"),
        "LABEL_STUDIO_URL": "http://127.0.0.1:1",
        "BASIC_AUTH_USER": "ann",
        "DATABASE_URL": DATABASE.format(port=port),
        "DEFAULT_PROMPT": "A secret prompt.",
        "LOG_LEVEL": "DEBUG",
        "PREDICT_DEADLINE": "2",
    }
    image = TEXT.replace("<Text ", "<Image ")
    asked = [
        typed("A secret prompt.", about=task(1, "a secret text")),
        batch([task(number, "a secret text") for number in range(3)]),
    ]
    files = ["/data/upload/1/secret.png", "http://127.0.0.1:1/secret.png", "s3://secret/secret.png"]

    def repeat_what_was_sent(status: int, call: Call) -> Reply:
        return error(status, " ".join(f"{name}: {value}" for name, value in call.headers.items()))

    with Backend(tmp_path / "log", **settings) as running:
        known = basic("ann", SECRETS["BASIC_AUTH_PASS"])
        told = b""
        for status in (200, 400, 401, 429, 500):
            llm.answer = partial(repeat_what_was_sent, status)
            told += b"".join(running.request("POST", "/predict", body, known)[1] for body in asked)
        for address in files:
            body = typed("A secret prompt.", about=task(2, address), config=image)
            told += running.request("POST", "/predict", body, known)[1]
        for path in ("/status", "/metrics", "/versions", "/health", "/"):
            told += running.request("GET", path, None, known)[1]
        assert running.request("GET", "/status", None, basic("ann", "secret guess"))[0].status == 401
        log = running.log
    for secret in (*SECRETS.values(), "pass.in.url", "pass@of.db", "pass%40of.db", "creators-token"):
        assert secret not in log
        assert secret.encode() not in told
    assert "secret" not in log
    assert "Traceback" not in log + told.decode()


def test_the_creators_token_of_setup_is_not_kept(client: FlaskClient, tmp_path: Path) -> None:
    setup(client)
    press(client, typed("Judge."))
    client.application.extensions["llm_interactive"].close()
    assert all(b"creators-token" not in path.read_bytes() for path in (tmp_path / "data").iterdir())


def test_a_reason_phrase_keeps_to_the_sentence(client: FlaskClient) -> None:
    response = setup(client, "<View>\r\nSet-Cookie: a=b")
    assert response.status_code == 400
    assert "Set-Cookie" not in response.headers


def test_the_journals_of_the_database_are_its_owners_too(make_app: MakeApp, tmp_path: Path) -> None:
    results(make_app(**PROMPTED).test_client(), batch([task(1)]))
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert modes == {".db": 0o600, ".db-wal": 0o600, ".db-shm": 0o600}


@pytest.mark.parametrize("reply", ["⚠ The model refused.", "⚠"])
def test_a_models_own_warning_is_shown_as_its_reply(client: FlaskClient, llm: FakeLLM, reply: str) -> None:
    llm.answer = reply
    assert texts(press(client, typed("Judge."))) == [reply]
