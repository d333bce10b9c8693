"""How Label Studio writes its files' addresses, and what it wants to be asked.

The rules come from Label Studio 1.23.2; each test names the file.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.media.source import MediaSource
from tests.media_server import Answer, Asked, MediaServer, Resolver, redirect

FILE = b"the file"
UPLOAD = "/data/upload/3/0a1b2c3d-a.png"


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as running:
        yield running


def source(url: str, *hosts: str) -> MediaSource:
    return MediaSource(url, "key", hosts, resolve=Resolver({}))


def paths(server: MediaServer) -> list[str]:
    """What was asked for, all of it with the token."""
    assert {asked.headers.get("authorization") for asked in server.asked} <= {"Token key"}
    return [asked.path for asked in server.asked]


# ------------------------------------------------------------------ uploads and local files


@pytest.mark.parametrize("written", ["", "/", "/ls", "/ls/", "/a/b", "/a/b/"])
@pytest.mark.parametrize("path", [UPLOAD, "/data/local-files/?d=a.png", "/storage-data/uploaded/?filepath=upload/3/a"])
@pytest.mark.parametrize("form", ["path", "path under the prefix", "own address", "address that users see"])
def test_a_file_is_asked_for_below_the_address_of_label_studio(
    server: MediaServer, written: str, path: str, form: str
) -> None:
    """The prefix is the path of its HOST variable (core/settings/base.py), which some addresses have and some not."""
    prefix = written.rstrip("/")
    address = {
        "path": path,
        "path under the prefix": prefix + path,
        "own address": server.url + prefix + path,
        "address that users see": f"https://labels.example.com/label-studio{path}",
    }[form]
    server.serve(prefix + path, FILE)
    assert source(server.url + written).fetch(address) == FILE
    assert paths(server) == [prefix + path]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("data/upload/3/0a1b2c3d-a.png", UPLOAD),
        ("upload/3/0a1b2c3d-a.png", UPLOAD),
        ("/upload/3/0a1b2c3d-a.png", UPLOAD),
        ("data/local-files/?d=a.png", "/data/local-files/?d=a.png"),
        ("storage-data/uploaded/?filepath=upload/3/a.png", "/storage-data/uploaded/?filepath=upload/3/a.png"),
    ],
)
def test_a_path_may_lack_its_beginning(server: MediaServer, address: str, path: str) -> None:
    """`upload/…` is what the database holds (data_import/models.py), and exports with it."""
    server.serve(path, FILE)
    assert source(server.url).serves(address)
    assert source(server.url).fetch(address) == FILE


@pytest.mark.parametrize("address", ["upload", "upload/../../api/token", "data/../api/token", "uploads/a.png"])
def test_another_relative_path_is_no_file(server: MediaServer, address: str) -> None:
    with pytest.raises(TaskDataError):
        source(server.url).fetch(address)
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/data/local-files/?d=Belege/M%C3%A4rz%202024.png", "/data/local-files/?d=Belege/M%C3%A4rz%202024.png"),
        ("/data/local-files/?d=Belege/März 2024.png", "/data/local-files/?d=Belege/M%C3%A4rz%202024.png"),
        ("/data/local-files/?d=a%2Bb%26c.png", "/data/local-files/?d=a%2Bb%26c.png"),
        ("/data/local-files/?d=100%25.png", "/data/local-files/?d=100%25.png"),
        ("/data/upload/3/0a1b2c3d-%E9%A0%98%E5%8F%8E.png", "/data/upload/3/0a1b2c3d-%E9%A0%98%E5%8F%8E.png"),
        ("/data/upload/3/0a1b2c3d-領収.png", "/data/upload/3/0a1b2c3d-%E9%A0%98%E5%8F%8E.png"),
        ("/data/upload/3/0a1b2c3d-a.png?v=2&x=ü#page", "/data/upload/3/0a1b2c3d-a.png?v=2&x=%C3%BC"),
    ],
)
@pytest.mark.parametrize("before", ["", "https://labels.example.com"])
def test_letters_and_signs_arrive_as_they_were_meant(server: MediaServer, address: str, path: str, before: str) -> None:
    """Local files are written with `quote` (io_storages/localfiles/models.py); people write them as they are."""
    server.serve(path, FILE)
    assert source(server.url).fetch(before + address) == FILE


# ------------------------------------------------------------------ cloud storages

URIS = ["s3://bucket/a b/ü.png", "gs://bucket/2024/a+b.png", "azure-blob://container/a?b#c%20.png"]


def resolving(server: MediaServer, uri: str, answer: bytes | Answer) -> None:
    """Label Studio knows `uri` in task 5 as its `TaskResolveStorageUri` does (io_storages/proxy_api.py)."""

    def route(asked: Asked) -> bytes | Answer:
        fileuri = parse_qs(urlsplit(asked.path).query)["fileuri"][0]
        assert base64.urlsafe_b64decode(fileuri.encode()).decode() == uri
        return answer if asked.headers.get("authorization") == "Token key" else Answer(status=401)

    server.serve(f"/tasks/5/resolve/?fileuri={base64.urlsafe_b64encode(uri.encode()).decode()}", route)


@pytest.mark.parametrize("uri", URIS)
def test_a_storage_uri_reaches_label_studio_to_the_letter(server: MediaServer, uri: str) -> None:
    """`resolve` decodes it by `urlsafe_b64decode` and looks for the storage with its bucket (io_storages/utils.py)."""
    resolving(server, uri, FILE)
    assert source(server.url).fetch(uri, "5") == FILE


@pytest.mark.parametrize("uri", URIS)
def test_a_file_that_label_studio_hands_through_is_taken_with_the_headers_it_has_then(
    server: MediaServer, uri: str
) -> None:
    """Without presigning; `proxy_data_from_storage` answers 200 with a range of the whole (GCS, Azure: models.py)."""
    headers = {
        "Content-Range": f"bytes 0-{len(FILE) - 1}/{len(FILE)}",
        "Accept-Ranges": "bytes",
        "ETag": '"110x8DC"',
        "Content-Type": "application/octet-stream",
    }
    resolving(server, uri, Answer(FILE, headers=headers))
    assert source(server.url).fetch(uri, "5") == FILE
    assert "range" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("uri", "signed"),
    [
        (
            "s3://bucket/a b.png",
            "/bucket/a%20b.png?X-Amz-Credential=AK%2F20240315%2Feu%2Fs3%2Faws4_request&X-Amz-Signature=0f",
        ),
        (
            "gs://bucket/a b.png",
            "/bucket/a%20b.png?X-Goog-Credential=me%40project.iam%2F20240315%2Fauto&X-Goog-Signature=0f",
        ),
        ("azure-blob://container/a b.png", "/container/a%20b.png?se=2024-03-15T17%3A42%3A00Z&sp=r&sig=a%2Bb%2Fc%3D"),
    ],
)
def test_a_signed_address_is_asked_for_to_the_letter_and_without_the_token(
    server: MediaServer, uri: str, signed: str
) -> None:
    """With presigning; `redirect_to_presign_url` answers 303 to what `generate_http_url` made (…/models.py)."""
    with MediaServer("127.0.0.2") as cloud:
        cloud.serve(signed, FILE)
        resolving(server, uri, redirect(cloud.url + signed, 303))
        assert source(server.url, cloud.place).fetch(uri, "5") == FILE
        assert [asked.path for asked in cloud.asked] == [signed]
        assert not {"authorization", "cookie", "referer"} & set(cloud.asked[0].headers)


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("gs://bucket/a.png", "storage.googleapis.com"),
        ("azure-blob://container/a.png", "account.blob.core.windows.net"),
        ("s3://bucket/a.png", "bucket.s3.amazonaws.com"),
    ],
)
def test_the_host_that_signed_addresses_lead_to_is_named_for_media_hosts(
    server: MediaServer, uri: str, host: str
) -> None:
    """Where the three clouds' addresses lead to (gcs/utils.py, azure_blob/models.py, s3/utils.py)."""
    resolving(server, uri, redirect(f"https://{host}/a.png?signature=secret", 303))
    with pytest.raises(TaskDataError) as caught:
        source(server.url).fetch(uri, "5")
    assert f'"{host}", which is not in MEDIA_HOSTS' in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (403, "may not see the project"),  # not the token's project
        (404, "no cloud storage of the project gives"),  # no storage has that bucket, or it gives no such address
        (424, "no cloud storage of the project gives"),  # the storage failed while it was handed through
    ],
)
def test_each_refusal_of_the_resolving_view_is_explained(server: MediaServer, status: int, says: str) -> None:
    """The statuses that `ResolveStorageUriAPIMixin` answers with (io_storages/proxy_api.py)."""
    resolving(server, "gs://bucket/a.png", Answer(b'{"error": "Storage stream failed"}', status=status))
    with pytest.raises(TaskDataError, match=says):
        source(server.url).fetch("gs://bucket/a.png", "5")


@pytest.mark.parametrize("uri", ["redis://a/b", "s3a://bucket/a.png", "gcs://bucket/a.png", "s3://bucket", "gs:///a"])
def test_another_uri_is_not_asked_for(server: MediaServer, uri: str) -> None:
    """Redis signs nothing (`presign` is missing in io_storages/redis); the others name no bucket or no file in it."""
    with pytest.raises(TaskDataError):
        source(server.url).fetch(uri, "5")
    assert server.asked == []
