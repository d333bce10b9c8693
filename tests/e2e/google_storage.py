"""Google Cloud Storage on loopback, as far as Label Studio asks for it: one bucket, its objects and their bytes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from demo.label_studio import LabelStudio
from tests.e2e.object_store import connect_storage
from tests.media_server import Answer, Asked, MediaServer

_UPDATED = "2024-03-15T17:42:00.000Z"


class GoogleStorage(MediaServer):
    """The server. Label Studio finds it by `settings` in its environment."""

    def __init__(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        super().__init__()
        self.bucket = bucket
        self._objects = objects

    @property
    def settings(self) -> dict[str, str]:
        """Where Google's own library, and Label Studio beside it, look for the server."""
        download = f"{self.url}/download/storage/v1/b/{{bucket_name}}/o/{{blob_name}}?alt=media"
        return {"STORAGE_EMULATOR_HOST": self.url, "RESOLVER_PROXY_GCS_DOWNLOAD_URL": download}

    def connect(self, studio: LabelStudio, project: int, *, presign: bool) -> None:
        """Make a task of each object. Label Studio gives their bytes itself, or addresses that it signed."""
        given = {"bucket": self.bucket, "google_application_credentials": self._key_file()}
        connect_storage(studio, "gcs", project, presign=presign, recursive_scan=True, **given)

    def _key_file(self) -> str:
        command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        key = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        account = {
            "type": "service_account",
            "project_id": "receipts",
            "private_key_id": "1",
            "private_key": key,
            "client_email": "reader@receipts.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        return json.dumps(account)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        parts = urlsplit(asked.path)
        if parts.path == "/token":
            return _json({"access_token": "of-the-account", "expires_in": 3600, "token_type": "Bearer"})
        query = parse_qs(parts.query)
        if "X-Goog-Signature" in query:
            return self._object(unquote(parts.path.removeprefix(f"/{self.bucket}/")), content=True)
        path = parts.path.partition(f"/storage/v1/b/{self.bucket}")[2]
        if not path:
            return _json({"kind": "storage#bucket", "name": self.bucket, "id": self.bucket})
        if path == "/o":
            return _json({"kind": "storage#objects", "items": [self._described(name) for name in self._objects]})
        return self._object(unquote(path.removeprefix("/o/")), content="alt" in query)

    def _object(self, name: str, *, content: bool) -> Answer:
        if name not in self._objects:
            return Answer(status=404)
        return Answer(self._objects[name]) if content else _json(self._described(name))

    def _described(self, name: str) -> dict[str, str]:
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": self.bucket,
            "size": str(len(self._objects[name])),
            "contentType": "image/png",
            "etag": "CJ",
            "updated": _UPDATED,
        }


def _json(value: object) -> Answer:
    return Answer(json.dumps(value).encode(), headers={"Content-Type": "application/json"})
