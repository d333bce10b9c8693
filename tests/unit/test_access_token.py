"""What Label Studio wants to see before it gives a file away, and what is said when it does not like it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_interactive.deadline import Deadline
from llm_interactive.errors import DeadlineError, TaskDataError
from llm_interactive.media import access_token
from llm_interactive.media.source import MediaSource
from tests.media_server import Answer, Asked, MediaServer, Resolver, redirect

FILE = b"the file"
KEY = "0123456789abcdef0123456789abcdef01234567"
UPLOAD = "/data/upload/3/a.png"


@pytest.fixture
def label_studio() -> Iterator[MediaServer]:
    with MediaServer() as server:
        yield server


def source(url: str, key: str | None) -> MediaSource:
    return MediaSource(url, key, resolve=Resolver({}))


def refusal(source: MediaSource, address: str) -> str:
    """The sentence with which a file is refused; it never holds a key."""
    with pytest.raises(TaskDataError) as caught:
        source.fetch(address)
    assert KEY not in caught.value.message
    assert REFRESH not in caught.value.message
    return caught.value.message


def jwt(kind: str, name: str, seconds: float = 3600) -> str:
    """A token that says of itself what Label Studio's do."""
    claims = {"token_type": kind, "exp": int(time.time() + seconds), "jti": name}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "signature"])


REFRESH = jwt("refresh", "key", 10**9)


def exchanging(label_studio: MediaServer, *tokens: str | Answer) -> list[str]:
    """Label Studio exchanges the personal access token for these in turn, and takes the latest of them only."""
    left, given = list(tokens), [""]

    def exchange(asked: Asked) -> Answer:
        assert json.loads(asked.body) == {"refresh": REFRESH}
        token = left.pop(0)
        if isinstance(token, Answer):
            return token
        given.append(token)
        return Answer(json.dumps({"access": token}).encode())

    def route(asked: Asked) -> bytes | Answer:
        return FILE if asked.headers.get("authorization") == f"Bearer {given[-1]}" else Answer(status=401)

    label_studio.serve("/api/token/refresh/", exchange)
    label_studio.serve(UPLOAD, route)
    return given


def exchanges(label_studio: MediaServer) -> int:
    return sum(asked.path == "/api/token/refresh/" for asked in label_studio.asked)


def test_a_personal_access_token_is_exchanged_once_for_many_files(label_studio: MediaServer) -> None:
    exchanging(label_studio, jwt("access", "first"))
    files = source(label_studio.url, REFRESH)
    assert [files.fetch(UPLOAD) for _ in range(3)] == [FILE] * 3
    assert exchanges(label_studio) == 1
    assert not any(REFRESH in asked.headers.get("authorization", "") for asked in label_studio.asked)


def test_it_is_exchanged_once_for_many_threads(label_studio: MediaServer) -> None:
    exchanging(label_studio, jwt("access", "first"))
    files = source(label_studio.url, REFRESH)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: files.fetch(UPLOAD), range(16))) == [FILE] * 16
    assert exchanges(label_studio) == 1


def test_what_it_was_exchanged_for_is_renewed_when_it_expires(label_studio: MediaServer) -> None:
    exchanging(label_studio, jwt("access", "first", seconds=5), jwt("access", "second"))
    files = source(label_studio.url, REFRESH)
    assert [files.fetch(UPLOAD) for _ in range(3)] == [FILE] * 3
    assert exchanges(label_studio) == 2


def test_it_is_exchanged_anew_when_label_studio_forgot_the_last_one(label_studio: MediaServer) -> None:
    given = exchanging(label_studio, jwt("access", "first"), jwt("access", "second"))
    files = source(label_studio.url, REFRESH)
    files.fetch(UPLOAD)
    given.append("forgotten")
    assert files.fetch(UPLOAD) == FILE
    assert exchanges(label_studio) == 2


def test_a_rejection_after_the_exchange_is_the_end_of_it(label_studio: MediaServer) -> None:
    exchanging(label_studio, jwt("access", "first"), jwt("access", "second"))
    label_studio.serve(UPLOAD, Answer(status=401))
    assert "rejected LABEL_STUDIO_API_KEY (401)" in refusal(source(label_studio.url, REFRESH), UPLOAD)
    assert exchanges(label_studio) == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(b'{"detail": "Token is invalid"}', status=401), "expired, revoked or of another Label Studio"),
        (Answer(status=404), "answered 404"),
        (Answer(b"<html>"), "answered 200"),
        (Answer(b'{"access": 5}'), "answered 200"),
    ],
)
def test_an_exchange_that_fails_is_explained(label_studio: MediaServer, answer: Answer, says: str) -> None:
    exchanging(label_studio, answer)
    assert says in refusal(source(label_studio.url, REFRESH), UPLOAD)


def taking(label_studio: MediaServer, value: str) -> None:
    """Label Studio gives the file to those who show `value`, and 401 to all others."""

    def route(asked: Asked) -> bytes | Answer:
        return FILE if asked.headers.get("authorization") == value else Answer(status=401)

    label_studio.serve(UPLOAD, route)


@pytest.mark.parametrize("key", [KEY, f" {KEY}\n"])
def test_a_legacy_token_is_sent_as_it_is(label_studio: MediaServer, key: str) -> None:
    taking(label_studio, f"Token {KEY}")
    assert source(label_studio.url, key).fetch(UPLOAD) == FILE


def test_a_personal_access_token_is_exchanged_below_the_prefix_of_label_studio(label_studio: MediaServer) -> None:
    label_studio.serve("/ls/api/token/refresh/", json.dumps({"access": jwt("access", "first")}).encode())
    label_studio.serve(f"/ls{UPLOAD}", FILE)
    assert source(f"{label_studio.url}/ls", REFRESH).fetch(UPLOAD) == FILE


def test_an_access_token_is_sent_as_it_is(label_studio: MediaServer) -> None:
    access = jwt("access", "given")
    taking(label_studio, f"Bearer {access}")
    assert source(label_studio.url, access).fetch(UPLOAD) == FILE


@pytest.mark.parametrize(
    ("key", "answer", "says"),
    [
        (
            KEY,
            Answer(status=401),
            "Label Studio rejected LABEL_STUDIO_API_KEY (401). Legacy tokens must be switched on",
        ),
        (None, Answer(status=401), "set LABEL_STUDIO_API_KEY"),
        (KEY, Answer(status=403), "may not see the project"),
        (KEY, Answer(status=404), "it is not there, or the token's user may not see it"),
        (KEY, Answer(status=500), "answered 500"),
        (KEY, redirect("/user/login/?next=/data"), "rejected LABEL_STUDIO_API_KEY"),
        (KEY, redirect("/data/../user/login/"), "rejected LABEL_STUDIO_API_KEY"),
    ],
)
def test_a_refusal_of_label_studio_says_what_to_change(
    label_studio: MediaServer, key: str | None, answer: Answer, says: str
) -> None:
    label_studio.serve(UPLOAD, answer)
    label_studio.serve("/user/login/", b"<html>")
    label_studio.serve("/user/login/?next=/data", b"<html>")
    assert says in refusal(source(label_studio.url, key), UPLOAD)


def test_local_files_that_are_switched_off_are_said_so(label_studio: MediaServer) -> None:
    label_studio.serve("/data/local-files/?d=a.png", Answer(status=403))
    assert "LOCAL_FILES_SERVING_ENABLED" in refusal(source(label_studio.url, KEY), "/data/local-files/?d=a.png")


def test_an_exchange_that_hangs_makes_nobody_wait_for_another(label_studio: MediaServer) -> None:
    def hang(asked: Asked) -> Answer:
        label_studio.stopping.wait(30)
        return Answer()

    label_studio.serve("/api/token/refresh/", hang)
    files = MediaSource(label_studio.url, REFRESH, timeout=0.5, resolve=Resolver({}))
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        said = set(pool.map(lambda _: refusal(files, UPLOAD), range(16)))
    assert said == {f'"{label_studio.place}" did not send the task\'s file in time.'}
    assert time.monotonic() - began < 1.5
    assert exchanges(label_studio) == 1


def test_a_failed_exchange_is_tried_again_after_a_while(
    label_studio: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_token, "_RETRY_AFTER", 0.2)
    exchanging(label_studio, Answer(status=500), jwt("access", "first"))
    files = source(label_studio.url, REFRESH)
    assert {refusal(files, UPLOAD) for _ in range(3)} == {
        "Label Studio answered 500 when its access token was to be exchanged."
    }
    time.sleep(0.3)
    assert files.fetch(UPLOAD) == FILE


def test_the_end_of_one_annotators_time_is_no_failure_of_the_exchange(label_studio: MediaServer) -> None:
    exchanging(label_studio, jwt("access", "first"))
    files = source(label_studio.url, REFRESH)
    with pytest.raises(DeadlineError):
        files.fetch(UPLOAD, deadline=Deadline.after(-1))
    assert files.fetch(UPLOAD) == FILE
