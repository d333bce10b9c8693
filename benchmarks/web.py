"""One HTTP request to loopback on a connection of its own, as Label Studio makes them, with its time."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """An answer that was read to its end; `began` and `ended` are `time.monotonic()` seconds."""

    status: int
    body: bytes
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def send(port: int, path: str, body: bytes | None = None, *, method: str | None = None, timeout: float = 60) -> Answer:
    """The answer to a GET, or to a POST where there is a `body`; OSError or HTTPException where there is none."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(
            method or ("GET" if body is None else "POST"),
            path,
            body=body,
            headers={"Content-Type": "application/json", "Connection": "close"},
        )
        response = connection.getresponse()
        content = response.read()
        return Answer(response.status, content, began, time.monotonic())
    finally:
        connection.close()
