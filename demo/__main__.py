"""`python -m demo`: start everything, prepare the projects, say where to look, and stop it all on Ctrl-C."""

from __future__ import annotations

import fcntl
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, NoReturn

import requests

from demo.label_studio import LabelStudio, Login, Refused, label_studio
from demo.llm_server import MODEL_NAME
from demo.parts import backend_child, backend_settings, llm_child
from demo.paths import DATA, LABEL_STUDIO_VENV, LLM_VENV
from demo.processes import Child, ChildFailed, answers, free_port
from demo.progress import Progress
from demo.projects import Prepared, prepare

USERNAME = "demo@example.com"
PASSWORD = "demo-password"  # of an account that only this machine can reach
BACKEND_DATA = DATA / "backend"


@dataclass(frozen=True)
class Ports:
    """The usual ones where they are free."""

    label_studio: int
    backend: int
    llm: int

    @classmethod
    def choose(cls) -> Ports:
        studio = free_port(8080)
        backend = free_port(9090, avoid=[studio])
        return cls(studio, backend, free_port(8081, avoid=[studio, backend]))

    @property
    def taken(self) -> list[str]:
        """What is said of the usual ports that others use."""
        parts = [
            ("Label Studio", 8080, self.label_studio),
            ("the backend", 9090, self.backend),
            ("the LLM", 8081, self.llm),
        ]
        return [f"Port {usual} is taken: {name} is on {port}." for name, usual, port in parts if port != usual]


def main() -> int:
    """The exit status: 0 when the person ended it, 1 when something failed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    children: list[Child] = []
    try:
        with _only_one():
            run(children)
    except KeyboardInterrupt:
        return 0
    except (ChildFailed, Refused, requests.RequestException) as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    finally:
        # Nothing may interrupt the tidying up.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stop(children)


def run(children: list[Child]) -> NoReturn:
    """Start the parts (each is put into `children`) and watch them; ends by KeyboardInterrupt or a failure."""
    for venv in (LABEL_STUDIO_VENV, LLM_VENV):
        if not venv.exists():
            raise ChildFailed(f"{venv} is missing. `make demo` installs it.")
    began = time.monotonic()
    ports = Ports.choose()
    for line in ports.taken:
        print(line, flush=True)
    login = Login(USERNAME, PASSWORD, _token())
    studio = LabelStudio(f"http://127.0.0.1:{ports.label_studio}", login.token)
    llm_url, backend_url = f"http://127.0.0.1:{ports.llm}", f"http://127.0.0.1:{ports.backend}"
    access = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": login.token}
    _private("environment", environment(backend_settings(f"{llm_url}/v1", BACKEND_DATA) | access))
    llm, backend, server = parts(ports, login, access)
    for child in (llm, backend, server):
        children.append(child)
        child.start()

    progress = Progress()
    with progress.step("Local LLM") as waiting:
        llm.wait_until_ready(lambda: answers(f"{llm_url}/health"), 120, on_wait=waiting)
    with progress.step("Backend") as waiting:
        backend.wait_until_ready(lambda: answers(f"{backend_url}/health"), 60, on_wait=waiting)
    with progress.step("Label Studio (its first start takes up to a minute)") as waiting:
        server.wait_until_ready(studio.is_up, 300, on_wait=waiting)
    with progress.step("Projects"):
        prepared = prepare(studio, backend_url, progress.say)
    print(f"Ready after {time.monotonic() - began:.0f} s.\n\n{instructions(ports, prepared)}", flush=True)
    while True:
        for child in children:
            child.check()
        time.sleep(0.5)


def environment(settings: Mapping[str, str]) -> str:
    """`settings` as a file that a shell takes in."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())


def parts(ports: Ports, login: Login, access: Mapping[str, str]) -> tuple[Child, Child, Child]:
    """The LLM, the backend and Label Studio, not started yet."""
    logs = DATA / "logs"
    llm = llm_child(ports.llm, log=logs / "llm.log")
    backend = backend_child(
        ports.backend,
        llm_url=f"http://127.0.0.1:{ports.llm}/v1",
        data=BACKEND_DATA,
        log=logs / "backend.log",
        **access,
    )
    data = DATA / "label-studio"
    server = label_studio(LABEL_STUDIO_VENV, ports.label_studio, login, data=data, log=logs / "label-studio.log")
    return llm, backend, server


def stop(children: list[Child]) -> None:
    """Stop in the order in which they need each other: Label Studio, the backend, the LLM."""
    if children:
        print("\nStopping …", end="", flush=True)
    for child in reversed(children):
        child.stop()
    if children:
        print(" everything is stopped. The data stays in .demo/ for the next start.", flush=True)


def instructions(ports: Ports, prepared: list[Prepared]) -> str:
    """What a newcomer does next."""
    lines = [f"Log in to Label Studio as {USERNAME} with the password {PASSWORD}, then open a project:", ""]
    for item in prepared:
        lines.append(f"  {item.example.title:<20} http://localhost:{ports.label_studio}/projects/{item.project}/data")
        if item.problem:
            lines += [f"  {'':<20} not connected: {item.problem}", ""]
        else:
            lines += [f"  {'':<20} try: {item.example.prompt}", ""]
    lines += [
        "Open a task, turn on Auto-Annotation below it, type the prompt into the prompt field and press Shift+Enter.",
        "For many tasks at once: select them in the list, then Actions > Retrieve Predictions.",
        f"What goes on, and what it costs: http://localhost:{ports.backend}/",
        "To label, evaluate and export from a terminal, as in docs/worked-example.md: . .demo/environment",
        f"The model is {MODEL_NAME}: real, but very small. Don't expect wisdom.",
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


@contextmanager
def _only_one() -> Iterator[None]:
    """Two demos on the same data would spoil it."""
    DATA.mkdir(exist_ok=True)
    with (DATA / "lock").open("w") as lock:
        _take(lock)
        yield


def _take(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ChildFailed("it is running already (another process uses .demo/).") from None


def _token() -> str:
    """The API token of the demo's account: made once, since Label Studio takes it only when it makes the account."""
    file = DATA / "token"
    if not file.exists():
        _private(file.name, secrets.token_hex(20))
    return file.read_text()


def _private(name: str, content: str) -> None:
    """Write a file of the demo's data that only its owner can read."""
    file = DATA / name
    file.touch(mode=0o600)
    file.write_text(content)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
