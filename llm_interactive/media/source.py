"""Bytes of a task's file, from Label Studio and from the places that the operator allows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote_to_bytes

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import TaskDataError
from llm_interactive.media.access_token import AccessToken
from llm_interactive.media.addresses import Address, Places, plain_path
from llm_interactive.media.download import Answer, Downloader, Resolve, resolve
from llm_interactive.media.owners import check_owner
from llm_interactive.media.proxies import Proxy
from llm_interactive.text import storable

_OWN_FILES = re.compile(r"/data/.|/storage-data/uploaded/|/(tasks|projects)/\d+/(resolve|presign)/")
"""Paths of Label Studio that serve files (its urls.py in data_import and io_storages)."""

_FROM_LABEL_STUDIO = re.compile(
    r"/data/local-files/?\?d=|/data/upload/\d+/[0-9a-f]{8}-|/storage-data/uploaded/\?filepath=upload/"
    r"|/tasks/\d+/(resolve|presign)/\?"
)
"""Addresses that only Label Studio makes, whatever the host: it writes the one its users see, which may not be ours."""

_RELATIVE = re.compile(r"(data|upload|storage-data)/.")
_STORAGE = re.compile(r"(s3|gs|azure-blob)://[^/]+/.")
_DATA_URI = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE)
_RESOLVING = "fileuri="


class MediaSource:
    """Fetches the files of tasks. Safe for threads.

    `label_studio_url` and the hosts in `media_hosts` are the only places that are asked, and the token goes to the
    former alone, for its files. `timeout` (seconds) bounds one download with all its redirects.
    """

    def __init__(
        self,
        label_studio_url: str | None,
        label_studio_api_key: str | None,
        media_hosts: Sequence[str] = (),
        *,
        max_image_mb: float = 20,
        timeout: float = 20,
        resolve: Resolve = resolve,
        proxy: Proxy | None = None,
    ) -> None:
        self._base = Address.parse(label_studio_url) if label_studio_url else None
        self._prefix = self._base.path.rstrip("/") if self._base else ""
        places = Places(self._base, media_hosts)
        self._downloader = Downloader(places, max_mb=max_image_mb, timeout=timeout, resolve=resolve, proxy=proxy)
        self._token = AccessToken(label_studio_api_key, self._base, self._downloader)

    def fetch(self, address: str, task_id: str | None = None, deadline: Deadline = NEVER) -> bytes:
        """The bytes of a task's file; `address` as it stands in the task's data.

        `data:` URIs, http(s) addresses, paths of Label Studio (`/data/…`), and `s3://`, `gs://` and `azure-blob://`
        URIs, for which Label Studio's storage connection is used and therefore `task_id` is needed.

        Raises:
            TaskDataError: the file may not be fetched or cannot be; the message says what to change.
            DeadlineError: it is not there by `deadline`.
        """
        address = storable(address).strip()
        if address[:5].lower() == "data:":
            return _data_uri(address, self._downloader.max_bytes)
        target = self._target(address, task_id)
        token = self._token.header(deadline) if self._is_own_file(target) else None
        answer = self._get(target, token, deadline)
        if answer.status == 401 and token and (renewed := self._token.header(deadline, rejected=token)):
            answer = self._get(target, renewed, deadline)
        if answer.status != 200:
            raise TaskDataError(self._refusal(answer))
        if self._asks_to_log_in(answer):
            raise TaskDataError(self._token.rejection(401))
        return answer.body

    def serves(self, address: str) -> bool:
        """Whether `address` is one that this backend fetches itself: it cannot be handed on to a provider."""
        address = storable(address).strip()
        if _path(address) or _STORAGE.match(address) or address[:5].lower() == "data:":
            return True
        try:
            return self._downloader.places.hold(self._target(address, None))
        except TaskDataError:
            return False

    def check_owner(self, address: str, project: str, task_id: str) -> None:
        """Check that a task's file is not another project's, as far as its address tells.

        Raises:
            TaskDataError: it is, or there is no place to ask for it.
        """
        address = storable(address).strip()
        if address[:5].lower() != "data:" and self._is_own_file(target := self._target(address, task_id)):
            check_owner(target.target.removeprefix(self._prefix), project, task_id)

    def cache_key(self, address: str, task_id: str | None) -> tuple[bytes, str | None]:
        """Equal for equal files. A storage URI belongs to its task: another project may not read that bucket.

        It is short: a `data:` URI is as large as its file.
        """
        digest = hashlib.sha256(address.encode(errors="surrogatepass")).digest()
        return digest, task_id if _STORAGE.match(address.strip()) else None

    def _get(self, target: Address, token: str | None, deadline: Deadline) -> Answer:
        def headers_for(hop: Address) -> Mapping[str, str]:
            return {"Authorization": token} if token and self._is_own_file(hop) else {}

        return self._downloader.get(target, headers_for, deadline)

    def _target(self, address: str, task_id: str | None) -> Address:
        """Where to ask for `address`."""
        if _STORAGE.match(address):
            if task_id is None:
                raise TaskDataError("The task's file is in a cloud storage, and the task has no id to ask for it by.")
            uri = base64.urlsafe_b64encode(address.encode()).decode()
            return self._own(f"/tasks/{quote(task_id, safe='')}/resolve/?{_RESOLVING}{uri}")
        if path := _path(address):
            return self._own(path)
        target = Address.parse(address)
        if self._base and not self._downloader.places.hold(target) and _FROM_LABEL_STUDIO.search(target.target):
            return self._own(target.target)
        return target

    def _own(self, path: str) -> Address:
        """The address of a file's path on the operator's Label Studio."""
        if self._base is None:
            raise TaskDataError("LABEL_STUDIO_URL is not set on the ML backend, and the task's file is there.")
        if path.startswith(f"{self._prefix}/"):
            path = path.removeprefix(self._prefix)
        # A proxy may show Label Studio to its users under another prefix than it has here.
        if not _OWN_FILES.match(path) and (found := _FROM_LABEL_STUDIO.search(path)):
            path = path[found.start() :]
        target = self._base.joined(self._prefix + path)
        if not self._is_own_file(target):
            raise TaskDataError("The task's file is at a path of Label Studio that holds no files.")
        return target

    def _is_own_file(self, target: Address) -> bool:
        path = target.path.removeprefix(self._prefix)
        own = self._downloader.places.own(target) and target.path.startswith(f"{self._prefix}/")
        return own and _OWN_FILES.match(path) is not None and plain_path(path)

    def _asks_to_log_in(self, answer: Answer) -> bool:
        return self._downloader.places.own(answer.address) and answer.address.path.endswith(("/user/login/", "/login"))

    def _refusal(self, answer: Answer) -> str:
        status = answer.status
        if not self._downloader.places.own(answer.address):
            return f'"{answer.address.place}" answered {status} for the task\'s file.'
        if status == 403 and "/data/local-files" in answer.address.path:
            return "Label Studio serves no local files (403): set LOCAL_FILES_SERVING_ENABLED=true there."
        if status in (401, 403):
            return self._token.rejection(status)
        if _RESOLVING in answer.address.target:
            return f"Label Studio answered {status}: no cloud storage of the project gives the task's file."
        return (
            f"Label Studio answered {status} for the task's file: it is not there, or the token's user may not see it."
        )


def _path(address: str) -> str | None:
    """The path on Label Studio that `address` is, if it is one.

    It begins with a slash on pages, with none in data that were written by hand, and in exports at `upload/`.
    """
    if not address.startswith("/") and _RELATIVE.match(address):
        address = f"/{address}"
    if not address.startswith("/") or address.startswith("//"):
        return None
    return f"/data{address}" if address.startswith("/upload/") else address


def _data_uri(address: str, max_bytes: int) -> bytes:
    match = _DATA_URI.match(address)
    if match is None:
        raise TaskDataError("The task's data: URI cannot be read.")
    payload = address[match.end() :]
    if len(payload) > 4 * max_bytes:
        raise TaskDataError("The task's data: URI is larger than MAX_IMAGE_MB.")
    data = unquote_to_bytes(payload)
    if match[1].lower().endswith(";base64"):
        data = b"".join(data.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            data = binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
        except binascii.Error:
            raise TaskDataError("The task's data: URI is not valid base64.") from None
    if len(data) > max_bytes:
        raise TaskDataError("The task's data: URI is larger than MAX_IMAGE_MB.")
    return data
