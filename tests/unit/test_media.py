"""Where a task's file comes from."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.media.source import MediaSource
from tests.media_server import Answer, Asked, MediaServer, Resolver, redirect

FILE = b"the file"
KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def label_studio() -> Iterator[MediaServer]:
    with MediaServer() as server:
        yield server


@pytest.fixture
def bucket() -> Iterator[MediaServer]:
    """Another host, on another address."""
    with MediaServer("127.0.0.2") as server:
        server.serve("/file", FILE)
        yield server


def source(url: str | None, key: str | None = KEY, *hosts: str, **options: Any) -> MediaSource:
    return MediaSource(url, key, hosts, **{"resolve": Resolver({}), **options})


def refusal(source: MediaSource, address: str, task_id: str | None = None) -> str:
    """The sentence with which a file is refused; it never holds the key."""
    with pytest.raises(TaskDataError) as caught:
        source.fetch(address, task_id)
    assert KEY not in caught.value.message
    return caught.value.message


def guarded(label_studio: MediaServer, path: str, value: str = f"Token {KEY}", file: bytes | Answer = FILE) -> None:
    """Serve `file` to those who show `value`, and 401 to all others."""

    def route(asked: Asked) -> bytes | Answer:
        return file if asked.headers.get("authorization") == value else Answer(status=401)

    label_studio.serve(path, route)


# ------------------------------------------------------------------ paths of Label Studio


@pytest.mark.parametrize(
    "path",
    [
        "/data/upload/3/0a1b2c3d-cat.png",
        "/data/upload/3/0a1b2c3d-%C3%BC%20b.png",
        "/data/local-files/?d=images/cat.png",
        "/data/local-files?d=images/cat.png",
        "/data/avatars/7.png",
        "/storage-data/uploaded/?filepath=upload/3/cat.png",
        "/tasks/5/resolve/?fileuri=czM6Ly9i",
        "/projects/5/presign/?fileuri=czM6Ly9i",
    ],
)
def test_files_of_label_studio_are_fetched_from_it_with_its_token(label_studio: MediaServer, path: str) -> None:
    guarded(label_studio, path)
    assert source(label_studio.url).fetch(path) == FILE
    assert source(label_studio.url).fetch(label_studio.url + path) == FILE


def test_letters_beyond_ascii_and_blanks_in_a_path_are_quoted(label_studio: MediaServer) -> None:
    guarded(label_studio, "/data/upload/3/0a1b2c3d-%C3%BC%20b.png")
    assert source(label_studio.url).fetch(" /data/upload/3/0a1b2c3d-ü b.png\n") == FILE


@pytest.mark.parametrize(
    "path",
    [
        "/api/current-user/token",
        "/data/../api/current-user/token",
        "/data/%2e%2e/api/current-user/token",
        "/data/upload/..%2f..%2fapi/current-user/token",
        "/data/upload/..;/api/current-user/token",
        "/data",
        "/",
        "/user/account",
        "/tasks/5",
    ],
)
def test_no_other_path_of_label_studio_is_asked_for(label_studio: MediaServer, path: str) -> None:
    assert "holds no files" in refusal(source(label_studio.url), path)
    assert label_studio.asked == []


@pytest.mark.parametrize("path", ["/api/current-user/token", "/data/..%2fapi/current-user/token"])
def test_no_other_path_of_label_studio_sees_the_token(label_studio: MediaServer, path: str) -> None:
    label_studio.serve(path, FILE)
    source(label_studio.url).fetch(label_studio.url + path)
    assert "authorization" not in label_studio.asked[0].headers


@pytest.mark.parametrize("path", ["/data/upload/3/a.png", "/ls/data/upload/3/a.png"])
def test_a_label_studio_below_a_prefix_is_asked_there(label_studio: MediaServer, path: str) -> None:
    guarded(label_studio, "/ls/data/upload/3/a.png")
    assert source(f"{label_studio.url}/ls").fetch(path) == FILE


@pytest.mark.parametrize(
    "address",
    [
        "https://labels.example.com/data/local-files/?d=cat.png",
        "https://labels.example.com/ls/data/local-files/?d=cat.png",
        "/ls/data/local-files/?d=cat.png",
    ],
)
def test_files_under_the_name_that_users_see_are_fetched_from_the_name_that_the_backend_knows(
    label_studio: MediaServer, address: str
) -> None:
    guarded(label_studio, "/data/local-files/?d=cat.png")
    assert source(label_studio.url).fetch(address) == FILE


def test_without_its_address_the_setting_is_named() -> None:
    assert "LABEL_STUDIO_URL is not set" in refusal(source(None), "/data/upload/3/a.png")
    assert "LABEL_STUDIO_URL is not set" in refusal(source(None), "s3://bucket/a.png", "5")


# ------------------------------------------------------------------ cloud storages


@pytest.mark.parametrize("uri", ["s3://bucket/a b/ü.png", "gs://bucket/a.png", "azure-blob://container/a.png"])
def test_a_storage_uri_is_resolved_by_label_studio_which_may_send_the_file_itself(
    label_studio: MediaServer, uri: str
) -> None:
    guarded(label_studio, f"/tasks/5/resolve/?fileuri={quote(base64.urlsafe_b64encode(uri.encode()), safe='=')}")
    assert source(label_studio.url).fetch(uri, "5") == FILE


def resolving(label_studio: MediaServer, to: Answer) -> str:
    """An URI that Label Studio answers like this."""
    guarded(label_studio, f"/tasks/5/resolve/?fileuri={base64.urlsafe_b64encode(b's3://bucket/a').decode()}", file=to)
    return "s3://bucket/a"


def test_a_presigned_address_is_followed_without_the_token(label_studio: MediaServer, bucket: MediaServer) -> None:
    uri = resolving(label_studio, redirect(f"{bucket.url}/file", 303))
    assert source(label_studio.url, KEY, bucket.place).fetch(uri, "5") == FILE
    assert "authorization" in label_studio.asked[0].headers
    assert "authorization" not in bucket.asked[0].headers


def test_a_presigned_address_on_a_host_that_is_not_listed_is_refused_and_the_host_named(
    label_studio: MediaServer, bucket: MediaServer
) -> None:
    uri = resolving(label_studio, redirect(f"{bucket.url}/file?X-Amz-Signature=abc", 303))
    said = refusal(source(label_studio.url), uri, "5")
    assert said.startswith("Label Studio redirects")
    assert bucket.place in said
    assert "MEDIA_HOSTS" in said
    assert "abc" not in said
    assert bucket.asked == []


@pytest.mark.parametrize("status", [404, 424])
def test_a_uri_that_no_storage_knows_is_said_so(label_studio: MediaServer, status: int) -> None:
    uri = resolving(label_studio, Answer(status=status))
    assert "no cloud storage of the project" in refusal(source(label_studio.url), uri, "5")


def test_a_storage_that_refuses_is_named(label_studio: MediaServer, bucket: MediaServer) -> None:
    bucket.serve("/denied", Answer(status=403))
    uri = resolving(label_studio, redirect(f"{bucket.url}/denied"))
    said = refusal(source(label_studio.url, KEY, bucket.place), uri, "5")
    assert said == f'"{bucket.place}" answered 403 for the task\'s file.'


def test_a_storage_uri_needs_its_task(label_studio: MediaServer) -> None:
    assert "no id" in refusal(source(label_studio.url), "s3://bucket/a.png")
    assert "holds no files" in refusal(source(label_studio.url), "s3://bucket/a.png", "../5")


# ------------------------------------------------------------------ other hosts


def test_a_listed_host_gives_its_file_and_never_sees_the_token(label_studio: MediaServer, bucket: MediaServer) -> None:
    assert source(label_studio.url, KEY, bucket.place).fetch(f"{bucket.url}/file") == FILE
    assert "authorization" not in bucket.asked[0].headers


def test_the_token_does_not_follow_a_redirect_of_label_studio(label_studio: MediaServer, bucket: MediaServer) -> None:
    label_studio.serve("/data/upload/3/a.png", redirect(f"{bucket.url}/data/upload/3/a.png"))
    bucket.serve("/data/upload/3/a.png", FILE)
    assert source(label_studio.url, KEY, bucket.place).fetch("/data/upload/3/a.png") == FILE
    assert "authorization" not in bucket.asked[0].headers


def test_the_same_host_on_another_port_is_not_label_studio(label_studio: MediaServer) -> None:
    with MediaServer() as other:
        other.serve("/data/upload/3/a.png", FILE)
        source(label_studio.url, KEY, other.place).fetch(f"{other.url}/data/upload/3/a.png")
        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "/etc/passwd", "etc/passwd", "../etc/passwd", "\\\\host\\share", "C:\\a.png", "", "cat.png"],
)
def test_no_file_of_this_machine_is_read(address: str) -> None:
    assert refusal(source("http://127.0.0.1:1"), address)


def test_lone_surrogates_are_no_reason_to_fail(bucket: MediaServer) -> None:
    assert "404" in refusal(source(None, None, bucket.place), f"{bucket.url}/\ud800")


# ------------------------------------------------------------------ data: URIs

PNG = base64.b64encode(bytes(range(256))).decode()


@pytest.mark.parametrize(
    ("address", "data"),
    [
        (f"data:image/png;base64,{PNG}", bytes(range(256))),
        (f"DATA:image/png;charset=x;BASE64,{PNG}", bytes(range(256))),
        (f"data:;base64,{PNG[:20]}\n {PNG[20:]}", bytes(range(256))),
        (f"data:;base64,{quote(PNG, safe='')}", bytes(range(256))),
        (f"data:;base64,{PNG.replace('+', '-').replace('/', '_').rstrip('=')}", bytes(range(256))),
        ("data:,a%20b", b"a b"),
        ("data:text/plain,a,b", b"a,b"),
    ],
)
def test_a_data_uri_holds_its_file(address: str, data: bytes) -> None:
    assert source(None).fetch(address) == data


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("data:image/png", "cannot be read"),
        ("data:image/png;base64,A", "not valid base64"),
        ("data:image/png;base64,AA!A", "not valid base64"),
        ("data:," + "x" * (1024 * 1024 + 1), "MAX_IMAGE_MB"),
        ("data:;base64," + "A" * (5 * 1024 * 1024), "MAX_IMAGE_MB"),
        ("data:;base64," + "A" * (2 * 1024 * 1024), "MAX_IMAGE_MB"),
    ],
)
def test_a_data_uri_that_is_broken_or_too_large_is_refused(address: str, says: str) -> None:
    assert says in refusal(source(None, max_image_mb=1), address)


# ------------------------------------------------------------------ who fetches


@pytest.mark.parametrize(
    ("address", "serves"),
    [
        ("/data/upload/3/a.png", True),
        ("s3://bucket/a.png", True),
        ("data:image/png;base64,AAAA", True),
        ("http://labels:8080/data/upload/3/a.png", True),
        ("https://labels.example.com/data/local-files/?d=a.png", True),
        ("https://media.example.com/a.png", True),
        ("https://example.com/a.png", False),
        ("https://example.com/data/upload/cat.png", False),
        ("file:///a.png", False),
        ("a.png", False),
    ],
)
def test_it_is_known_without_asking_anybody_which_addresses_the_backend_fetches_itself(
    address: str, serves: bool
) -> None:
    assert source("http://labels:8080", None, "media.example.com").serves(address) is serves


def test_one_tasks_storage_uri_is_not_anothers() -> None:
    files = source(None)
    assert files.cache_key("s3://bucket/a", "1") != files.cache_key("s3://bucket/a", "2")
    assert files.cache_key("https://example.com/a", "1") == files.cache_key("https://example.com/a", "2")
