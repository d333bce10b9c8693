"""The Batch API on loopback, as OpenAI and Azure speak it, beside chat completions.

    with FakeBatchAPI("Sarcastic") as llm:             # or azure=True
        llm.holds = True                               # batches stay under way, until llm.holds = False
        llm.ends, llm.reaches = "expired", 10          # the next batches end so, after that many lines
        ...
        assert len(llm.asked) == 10                    # the lines that were answered, and are paid for

A batch comes to its end when somebody looks at it. A line is answered as a call is, by `answer`; the output is in
another order than the input.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from werkzeug.formparser import parse_form_data

from testing.llm import Answer, Call, FakeLLM, Reply, error, full_reply

Json = dict[str, Any]

_BATCHES = re.compile(r"/batches(?:/(?P<id>\w+)(?P<cancel>/cancel)?)?$")
_FILES = re.compile(r"/files(?:/(?P<id>[\w-]+)(?P<content>/content)?)?$")
_ERRORS = {
    "expired": {"code": "batch_expired", "message": "This request could not be executed before the window expired."},
    "cancelled": {"code": "batch_cancelled", "message": "The batch was cancelled."},
}


class FakeBatchAPI(FakeLLM):
    """The server. `files` and `batches` are what it holds; `on_create` is called before a batch is made, and
    `on_created` before its id is told."""

    def __init__(self, answer: Answer = "OK", *, azure: bool = False) -> None:
        super().__init__(answer)
        self.azure = azure
        self.files: dict[str, bytes] = {}
        self.processed: set[str] = set()
        self.batches: dict[str, Json] = {}
        self.asked: list[Call] = []
        self.holds = False
        self.ends = "completed"
        self.reaches: int | None = None
        self.known_models = {"one"}
        self.on_upload: Callable[[], None] = _nothing
        self.on_create: Callable[[], None] = _nothing
        self.on_created: Callable[[], None] = _nothing

    @property
    def address(self) -> str:
        """What goes into `AZURE_RESOURCE_ENDPOINT`."""
        return self.base_url.removesuffix("/v1")

    def other(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        path, _, query = path.partition("?")
        version = query.removeprefix("api-version=")
        if self.azure and not (path.startswith("/openai/v1/") or ("/openai/" in path and version >= "2024-10-21")):
            return error(404, "Resource not found")
        if found := _FILES.search(path):
            if found["content"]:
                return Reply(body=self.files[found["id"]])
            return self._file(found["id"]) if found["id"] else self._upload(headers, body)
        if not (found := _BATCHES.search(path)):
            return super().other(method, path, headers, body)
        if found["cancel"]:
            return self._cancel(found["id"])
        if found["id"]:
            return self._look(found["id"])
        if method == "POST":
            return self._create(json.loads(body), is_v1="/v1/" in path)
        return _json({"object": "list", "data": list(reversed(self.batches.values())), "has_more": False})

    def _upload(self, headers: Mapping[str, str], body: bytes) -> Reply:
        environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": headers["Content-Type"], "CONTENT_LENGTH": str(len(body))}
        _, form, files = parse_form_data({**environ, "wsgi.input": BytesIO(body)})
        assert form["purpose"] == "batch"
        with files["file"].stream as content:
            name = self._store(content.read())
        self.on_upload()
        return self._file(name, "pending" if self.azure else "processed")

    def _file(self, id: str, status: str = "processed") -> Reply:
        self.processed |= {id} if status == "processed" else set()
        size = len(self.files[id])
        return _json({"id": id, "object": "file", "purpose": "batch", "status": status, "bytes": size})

    def _store(self, content: bytes) -> str:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return name

    def _create(self, asked: Json, *, is_v1: bool) -> Reply:
        self.on_create()
        if asked["input_file_id"] not in self.processed:
            return error(400, "The file is not processed yet.")
        assert asked["completion_window"] == "24h"
        batch = {
            "id": f"batch_{len(self.batches) + 1}",
            "object": "batch",
            "completion_window": "24h",
            "input_file_id": asked["input_file_id"],
            "endpoint": None if self.azure else asked["endpoint"],
            "status": "validating",
            "created_at": int(time.time()),
            "metadata": None,
            "errors": None,
            "output_file_id": "" if self.azure else None,
            "error_file_id": None,
            "request_counts": None,
        }
        self.batches[str(batch["id"])] = batch
        if fault := self._fault(asked, "/v1/chat/completions" if is_v1 else "/chat/completions"):
            batch |= {"status": "failed", "errors": {"object": "list", "data": [fault]}}
        self.on_created()
        return _json({**batch, "status": "Validating" if self.azure else "validating"})

    def _fault(self, asked: Json, path: str) -> Json | None:
        """Why validation fails of lines that must name `path`."""
        lines = self._lines(asked["input_file_id"])
        endpoint = "/chat/completions" if self.azure else "/v1/chat/completions"
        if asked["endpoint"] != endpoint or {line["url"] for line in lines} != {path}:
            return {"code": "url_mismatch", "message": "The URL does not match the endpoint."}
        if len({line["custom_id"] for line in lines}) < len(lines):
            return {"code": "duplicate_custom_id", "message": "A custom id is there twice."}
        if unknown := {line["body"]["model"] for line in lines} - self.known_models:
            return {"code": "model_not_found", "message": f"The model {unknown.pop()} does not exist.", "line": 1}
        return None

    def _lines(self, file: str) -> list[Json]:
        return [json.loads(line) for line in self.files[file].splitlines()]

    def _look(self, id: str) -> Reply:
        if not (batch := self.batches.get(id)):
            return error(404, f"No batch found with id '{id}'.")
        lines = self._lines(batch["input_file_id"])
        if batch["status"] in ("validating", "in_progress", "cancelling"):
            cancels = batch["status"] == "cancelling"
            if self.holds and not cancels:
                batch |= {
                    "status": "in_progress",
                    "request_counts": {"total": len(lines), "completed": self.reaches or 0, "failed": 0},
                }
            else:
                self._end(batch, lines, "cancelled" if cancels else self.ends)
        return _json({**batch, "status": batch["status"].title() if self.azure else batch["status"]})

    def _end(self, batch: Json, lines: list[Json], status: str) -> None:
        answered = lines if self.reaches is None else lines[: self.reaches]
        output: list[bytes] = []
        errors: list[bytes] = []
        for line in answered:
            call = Call(line["url"], {}, line["body"], time.monotonic())
            self.asked.append(call)
            reply = full_reply(self.answer, call, ignores_n=self.ignores_n)
            response = {"status_code": reply.status, "request_id": "req", "body": json.loads(reply.body or b"")}
            (output if reply.status == 200 else errors).append(_line(line, response=response))
        errors += [_line(line, error=_ERRORS[status]) for line in lines[len(answered) :] if status in _ERRORS]
        batch["status"] = status
        batch["request_counts"] = {"total": len(lines), "completed": len(output), "failed": len(errors)}
        if output:
            batch["output_file_id"] = self._store(b"".join(reversed(output)))
        if errors or self.azure:  # which always gives one
            batch["error_file_id"] = self._store(b"".join(errors))

    def _cancel(self, id: str) -> Reply:
        if self.batches[id]["status"] not in ("validating", "in_progress"):
            return error(409, "The batch has ended.")
        self.batches[id]["status"] = "cancelling"
        return _json(self.batches[id])


def _nothing() -> None:
    pass


def _line(asked: Json, *, response: Json | None = None, error: Json | None = None) -> bytes:
    line = {"id": "batch_req_1", "custom_id": asked["custom_id"], "response": response, "error": error}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _json(found: Json) -> Reply:
    return Reply(body=json.dumps(found).encode())
