"""The backend as users start it: `llm-interactive serve` in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llm_interactive.settings import Settings

ROOT = Path(__file__).parents[2]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without any setting of the backend, but with `changes`."""
    names = {name.upper() for name in Settings.model_fields}
    return {**{name: value for name, value in os.environ.items() if name not in names}, **changes}


class Backend:
    """gunicorn with its workers, on a free port; killed in the end if it does not stop by itself."""

    def __init__(self, log: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "llm_interactive", "serve"],
                cwd=ROOT,
                env=environment(PORT=str(self.port), **settings),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def request(
        self, method: str, path: str, body: Any = None, more: Mapping[str, str] | None = None, *, timeout: float = 60
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer over a connection of its own, and its body; `more` are further headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Content-Type": "application/json", "Connection": "close", **(more or {})}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def results(self, body: Any) -> list[Any]:
        """The entries that /predict answers with; it must succeed."""
        response, content = self.request("POST", "/predict", body)
        assert response.status == 200, response.reason
        found: list[Any] = json.loads(content)["results"]
        return found

    def kill(self) -> None:
        """kill -9, for it and all its workers at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        give_up = time.monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < give_up, self.log
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/health")[0].status == 200
        except OSError:
            return False
