"""What the command says at the start."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from typer.testing import CliRunner

from llm_interactive import __version__
from llm_interactive.cli import serve as command
from llm_interactive.cli.app import app
from llm_interactive.settings import Settings


def said(**settings: Any) -> str:
    return "\n".join(command._announcement(Settings(**settings)))


def test_the_start_names_model_address_key_and_status_page() -> None:
    line = said(openai_model="gpt-4o-mini", openai_base_url="http://llm.test/v1", port=9191)
    for part in (
        __version__,
        "gpt-4o-mini",
        "http://llm.test/v1",
        "OPENAI_API_KEY is not set",
        "http://127.0.0.1:9191/",
    ):
        assert part in line


def test_the_key_itself_is_never_named() -> None:
    assert "sk-secret" not in said(openai_api_key="sk-secret")


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "0.0.0.0"}, True),  # noqa: S104
        ({"host": "0.0.0.0", "basic_auth_user": "ann", "basic_auth_pass": "p"}, False),  # noqa: S104
    ],
)
def test_a_port_open_to_all_without_a_password_is_warned_of(settings: dict[str, Any], warned: bool) -> None:
    assert ("BASIC_AUTH_USER" in said(**settings)) is warned


def test_a_variable_that_looks_like_a_setting_is_told_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MODLE", "gpt-4o")
    assert "OPENAI_MODLE is no setting: is OPENAI_MODEL meant?" in said()


def test_a_busy_port_is_one_line_that_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve"], env={"PORT": str(port)})
    assert result.exit_code == 2
    assert result.output.strip() == f"llm-interactive: PORT={port} is taken on 127.0.0.1. Set another PORT."
