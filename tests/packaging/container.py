"""The image and its container without Docker: the Dockerfile's own commands in a fresh virtual environment."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.paths import ROOT
from tests.packaging.dockerfile import Dockerfile

SERVER_STARTS_WITHIN = 60.0
SERVER_STOPS_WITHIN = 10.0


@dataclass(frozen=True)
class Image:
    """What the Dockerfile makes, without its operating system: a Python with the locks and the package.

    `sources` is the folder that the package is built in, `app` the one that the server starts in.
    """

    dockerfile: Dockerfile
    sources: Path
    app: Path
    venv: Path

    @classmethod
    def build(cls, dockerfile: Dockerfile, folder: Path) -> Image:
        """Follow the Dockerfile's COPYs and its RUNs of Python, in order."""
        image = cls(dockerfile, folder / "sources", folder / "app", folder / "venv")
        image.sources.mkdir()
        image.app.mkdir()
        subprocess.run([sys.executable, "-m", "venv", image.venv], check=True)
        for instruction, arguments in dockerfile.instructions:
            if instruction == "COPY":
                *sources, target = arguments.split()
                image.copy(sources, target)
            elif instruction == "RUN" and arguments.startswith("python "):
                # pip finds the package index, and what it fetched before, where it does outside.
                environment = {**os.environ, **image.environment()}
                del environment["PIP_NO_CACHE_DIR"]
                subprocess.run(shlex.split(arguments), cwd=image.sources, env=environment, check=True)
        return image

    def copy(self, sources: list[str], target: str) -> None:
        for source in map(ROOT.joinpath, sources):
            if source.is_dir():
                shutil.copytree(source, self.sources / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, self.sources / target)

    def environment(self, **variables: str) -> dict[str, str]:
        """The container's: nothing of the machine's but its programs."""
        path = f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, **self.dockerfile.environment, **variables}

    def running(self, folder: Path, **variables: str) -> AbstractContextManager[Server]:
        """The image's command at work."""
        return serving(self.dockerfile.command, folder, self.app, self.environment(**variables))

    def health_check(self, port: int) -> int:
        """Exit code of the image's own check."""
        environment = self.environment(PORT=str(port))
        command = self.dockerfile.health_check
        return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode

    def files(self) -> set[Path]:
        """All that the server could change if it were allowed to."""
        folders = (self.app, *self.venv.glob("lib/python*/site-packages"))
        return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Server:
    """A command that serves, at work."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    log: Path

    def get(self, path: str) -> tuple[int, bytes]:
        return self._request("GET", path)

    def post(self, path: str, body: object) -> tuple[int, bytes]:
        return self._request("POST", path, json.dumps(body))

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + SERVER_STARTS_WITHIN
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.get("/health")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"The server did not come up. It said:\n{self.log.read_text()}")

    def stop(self) -> int:
        """Exit code after the signal that `docker stop` sends."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SERVER_STOPS_WITHIN)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(command: Sequence[str | Path], folder: Path, cwd: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """The command's server, up, with its state and log in `folder`; killed at the end if the test did not stop it."""
    port, data, log = free_port(), folder / "data", folder / "log"
    data.mkdir()
    own = {"HOST": "127.0.0.1", "PORT": str(port), "MODEL_DIR": str(data), "HOME": str(data)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**environment, **own}, stdout=output, stderr=output, start_new_session=True
        )
    server = Server(process, port, data, log)
    try:
        server.wait_until_up()
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
