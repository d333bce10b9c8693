"""What the client for Label Studio's API says when it cannot do its work, and where it looks for it."""

from __future__ import annotations

import base64
import json
import time

import pytest

from llm_interactive.errors import LabelStudioError, SetupError
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.settings import Settings
from tests.fresh_interpreter import loaded
from tests.media_server import Answer, Asked, MediaServer

KEY = "0123456789abcdef0123456789abcdef01234567"


def connected(url: str, token: str = KEY) -> LabelStudio:
    return LabelStudio(Settings(label_studio_url=url, label_studio_api_key=token))


def jwt(kind: str, seconds: float = 3600) -> str:
    claims = {"token_type": kind, "exp": int(time.time() + seconds)}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2ln"])


def failure(url: str, token: str = KEY) -> str:
    """What is said when project 7 cannot be read; it never holds the token."""
    with pytest.raises(LabelStudioError) as failed, connected(url, token) as client:
        client.project(7)
    assert token not in failed.value.message
    return failed.value.message


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (Settings(label_studio_api_key=KEY), "LABEL_STUDIO_URL"),
        (Settings(label_studio_url="http://127.0.0.1:9"), "LABEL_STUDIO_API_KEY"),
    ],
)
def test_a_missing_setting_is_named(settings: Settings, missing: str) -> None:
    with pytest.raises(SetupError, match=f"{missing} is not set"):
        LabelStudio(settings)


def test_a_label_studio_that_is_away_is_named() -> None:
    with MediaServer() as server:
        address = server.url
    assert failure(address) == f"Label Studio at {address} cannot be reached. Check LABEL_STUDIO_URL."


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(b'{"detail": "Invalid token."}', 401), "rejected LABEL_STUDIO_API_KEY (401)"),
        (Answer(b'{"detail": "No."}', 403), "may not see or change the project"),
        (Answer(b'{"detail": "No Project matches the given query."}', 404), "has no project 7"),
        (
            Answer(b'{"detail": "Validation error", "validation_errors": {"title": ["x"]}}', 400),
            "answered 400: {'title",
        ),
        (Answer(b"<html>hello</html>"), "answered 200"),
    ],
)
def test_a_refusal_is_one_sentence(answer: Answer, says: str) -> None:
    with MediaServer() as server:
        server.serve("/api/projects/7/", answer)
        assert says in failure(server.url)


def test_an_expired_token_is_said_to_be_so() -> None:
    assert "is expired" in failure("http://127.0.0.1:9", jwt("refresh", -60))


def test_a_personal_access_token_is_exchanged_below_the_path_of_label_studio() -> None:
    refresh, access = jwt("refresh"), jwt("access")

    def project(asked: Asked) -> Answer:
        body = {"id": 7, "title": "Seven", "label_config": "<View/>", "created_at": "2026-01-02T03:04:05Z"}
        return Answer(json.dumps(body).encode(), 200 if asked.headers["authorization"] == f"Bearer {access}" else 401)

    with MediaServer() as server:
        server.serve("/ls/api/token/refresh/", json.dumps({"access": access}).encode())
        server.serve("/ls/api/projects/7/", project)
        with connected(f"{server.url}/ls", refresh) as client:
            assert client.project(7).key == "7.1767323045"
            assert client.link(7, 3) == f"{server.url}/ls/projects/7/data?task=3"


def test_a_link_carries_no_password() -> None:
    with connected("http://ann:secret@studio.test/studio") as client:
        assert client.link(12, 7) == "http://studio.test/studio/projects/12/data?task=7"


def test_a_command_starts_without_pandas() -> None:
    assert loaded("import llm_interactive.cli.label", {"pandas", "jsf"}) == set()
