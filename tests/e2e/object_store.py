"""An S3 server on loopback: moto's, which keeps objects in memory and gives private ones to signed requests only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from demo.label_studio import LabelStudio
from demo.paths import ROOT
from demo.processes import Child, clean_environment

# An environment of its own: moto needs another python-dateutil than the backend.
PYTHON = Path(os.environ.get("E2E_S3_PYTHON") or ROOT / ".venv-s3" / "bin" / "python")
KEY_ID, SECRET, REGION = "e2e-key-id", "e2e-secret", "us-east-1"


def object_store_child(port: int, *, log: Path) -> Child:
    """The server on 127.0.0.1:`port`, not started yet."""
    command: list[str | Path] = [PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    return Child("The S3 server", command, log=log, env=clean_environment())


class ObjectStore:
    """Buckets of a running server, filled and looked at without credentials (moto's own shortcut for owners)."""

    def __init__(self, port: int) -> None:
        self.place = f"127.0.0.1:{port}"
        self.url = f"http://{self.place}"
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy for loopback

    def is_up(self) -> bool:
        try:
            return self._session.get(f"{self.url}/moto-api/", timeout=2).ok
        except requests.RequestException:
            return False

    def make_bucket(self, bucket: str) -> None:
        self._session.put(f"{self.url}/{bucket}", timeout=10).raise_for_status()

    def put(self, bucket: str, key: str, content: bytes) -> str:
        """The object's s3:// address."""
        self._session.put(f"{self.url}/{bucket}/{key}", data=content, timeout=10).raise_for_status()
        return f"s3://{bucket}/{key}"

    def connect(self, studio: LabelStudio, project: int, files: Mapping[str, bytes], *, presign: bool) -> None:
        """Put `files` into a bucket of their own and make a task of each."""
        name = f"receipts-{project}"
        self.make_bucket(name)
        for file, content in files.items():
            self.put(name, f"2024/{file}", content)
        access = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "region_name": REGION}
        given = {"bucket": name, "s3_endpoint": self.url, **access}
        connect_storage(studio, "s3", project, presign=presign, recursive_scan=True, **given)


def connect_storage(studio: LabelStudio, kind: str, project: int, **given: Any) -> None:
    """Make a task of each file that is there, as the storage's "Sync" does."""
    body = {"project": project, "title": "Receipts", "use_blob_urls": True, "regex_filter": r".*\.png", **given}
    storage = studio.call("POST", f"/api/storages/{kind}", json=body)["id"]
    studio.call("POST", f"/api/storages/{kind}/{storage}/sync")
