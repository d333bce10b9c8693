"""The image and its container without Docker: the Dockerfile's own commands in a fresh virtual environment."""

from __future__ import annotations

import http.client
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.paths import ROOT
from tests.packaging.dockerfile import Dockerfile

SERVER_STARTS_WITHIN = 60.0
SERVER_STOPS_WITHIN = 10.0


@dataclass(frozen=True)
class Image:
    """What the Dockerfile makes, without its operating system: a Python with the lock, and the files beside it."""

    dockerfile: Dockerfile
    app: Path
    venv: Path

    @classmethod
    def build(cls, dockerfile: Dockerfile, folder: Path) -> Image:
        """Follow the Dockerfile's COPYs and its RUNs of Python, in order."""
        image = cls(dockerfile, folder / "app", folder / "venv")
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
                subprocess.run(shlex.split(arguments), cwd=image.app, env=environment, check=True)
        return image

    def copy(self, sources: list[str], target: str) -> None:
        for source in map(ROOT.joinpath, sources):
            if source.is_dir():
                shutil.copytree(source, self.app / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, self.app / target)

    def environment(self, **variables: str) -> dict[str, str]:
        """The container's: nothing of the machine's but its programs."""
        path = f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, **self.dockerfile.environment, **variables}

    def files(self) -> set[Path]:
        return {path for path in self.app.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Container:
    """The image's command at work."""

    image: Image
    process: subprocess.Popen[bytes]
    port: int
    data: Path
    log: Path

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
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

    def health_check(self) -> int:
        """Exit code of the image's own check."""
        command = self.image.dockerfile.health_check
        environment = self.image.environment(PORT=str(self.port))
        return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(image: Image, folder: Path, **variables: str) -> Iterator[Container]:
    """The image's command, up; stopped at the end if the test did not do so."""
    port, data, log = free_port(), folder / "data", folder / "log"
    data.mkdir()
    environment = image.environment(HOST="127.0.0.1", PORT=str(port), MODEL_DIR=str(data), HOME=str(data), **variables)
    with log.open("wb") as output:
        process = subprocess.Popen(
            image.dockerfile.command,
            cwd=image.app,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    container = Container(image, process, port, data, log)
    try:
        container.wait_until_up()
        yield container
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
