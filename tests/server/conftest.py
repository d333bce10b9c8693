"""Fixtures: a chat-completions server that the test commands, settings that name it, the app and its test client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app as command
from llm_interactive.settings import Settings
from llm_interactive.web.app import create_app
from testing.label_studio import FakeLabelStudio
from testing.llm import FakeLLM
from tests.server.statements import CONFIG, Label, Make

KEY = "sk-the-operators-secret"

MakeSettings = Callable[..., Settings]
MakeApp = Callable[..., Flask]


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    """A server that answers "OK" until the test says otherwise."""
    with FakeLLM("OK") as server:
        yield server


@pytest.fixture
def make_settings(llm: FakeLLM, tmp_path: Path) -> MakeSettings:
    """Settings for `llm` with the state in `tmp_path`; keyword arguments change them."""

    def make(**changes: Any) -> Settings:
        given = {"openai_api_key": KEY, "openai_base_url": llm.base_url, "model_dir": tmp_path / "data"}
        return Settings(**{**given, **changes})

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings()


@pytest.fixture
def make_app(make_settings: MakeSettings) -> Iterator[MakeApp]:
    """Builds an application with changed settings; all are closed after the test."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        app = create_app(make_settings(**changes))
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["llm_interactive"].close()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["llm_interactive"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def threads(llm: FakeLLM) -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that wait; whatever hangs is released before they are joined."""
    with ThreadPoolExecutor(8) as pool:
        yield pool
        llm.release()


@pytest.fixture(scope="module")
def shared_llm() -> Iterator[FakeLLM]:
    """A server for `shared_client`."""
    with FakeLLM("OK") as server:
        yield server


@pytest.fixture(scope="module")
def shared_client(shared_llm: FakeLLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of one app for all tests of a module: for long tables of requests that must leave no trace."""
    folder = tmp_path_factory.mktemp("shared") / "data"
    app = create_app(Settings(openai_api_key=KEY, openai_base_url=shared_llm.base_url, model_dir=folder, reply_ttl=0))
    yield app.test_client()
    app.extensions["llm_interactive"].close()


@pytest.fixture
def statements() -> Iterator[Make]:
    """Makes a Label Studio with so many statements, numbered from 1 as their tasks are."""
    with ExitStack() as stack:

        def make(count: int) -> FakeLabelStudio:
            data = [{"text": f"Statement {number}: how lovely, rain again."} for number in range(1, count + 1)]
            return stack.enter_context(FakeLabelStudio(CONFIG, data))

        yield make


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """A file with the prompt to label the statements by."""
    file = tmp_path / "prompt.txt"
    file.write_text("Sarcastic or Not Sarcastic?\n")
    return file


@pytest.fixture
def environment(llm: FakeLLM, tmp_path: Path) -> dict[str, str]:
    """The settings of a command, apart from where Label Studio is."""
    return {
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",
        "LABEL_STUDIO_API_KEY": "0123456789abcdef0123456789abcdef01234567",
        "OPENAI_BASE_URL": llm.base_url,
        "OPENAI_API_KEY": "any",
        "OPENAI_MODEL": "one",
        "MODEL_DIR": str(tmp_path / "data"),
        "PRICE_INPUT": "100",
        "PRICE_OUTPUT": "20",
    }


@pytest.fixture
def label(environment: dict[str, str], prompt: Path) -> Label:
    """Runs the command on the project of a Label Studio."""

    def run(studio: FakeLabelStudio | None, *options: str, **settings: str) -> Result:
        urls = {"LABEL_STUDIO_URL": studio.url} if studio else {}
        arguments = ["label", "--project", "1", "--prompt-file", str(prompt), *options]
        return CliRunner().invoke(command, arguments, env={**environment, **urls, **settings})

    return run
