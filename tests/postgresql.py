"""Debian's PostgreSQL as a child process, with data of its own, on a free port of 127.0.0.1; backends over it.

    with PostgreSQL() as server:
        url = server.new_database()                    # what goes into `DATABASE_URL`
        with server.stopped():                         # connections are cut, new ones refused
            ...

Its programs refuse to run as root: where tests do, it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import itertools
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from testing.llm import FakeLLM
from tests.server.bodies import PROJECT, TEXT, Json, interactive, task, texts_region
from tests.server.conftest import KEY
from tests.server.process import Backend

USER = "backend"
PASSWORD = "the-databases-password"

# As Debian has it, except that a test's data need not survive a power cut.
_OPTIONS = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]


def programs() -> Path | None:
    """The folder of the newest installed release's programs."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found and (on_path := shutil.which("initdb")):
        return Path(on_path).resolve().parent
    return max(found, key=lambda path: [int(digits) for digits in re.findall(r"\d+", str(path))], default=None)


class PostgreSQL:
    """The server; runs from `__enter__` to `__exit__`, which also removes its data."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None, "PostgreSQL is not installed"
        self._programs = found
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        # Not pytest's folder, into which no other user may look.
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._account = _account()
        if self._account:
            shutil.chown(self._folder, self._account)

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def url(self, database: str) -> str:
        """The address of a database, as it goes into `DATABASE_URL`."""
        return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a database with nothing in it."""
        name = f"database_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """The rows that `statement` gives in `database`; none where it is no query."""
        with psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Down within the block; its connections are cut as by an administrator's restart."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block its connections stay open and nothing is answered, as behind a network that is gone."""
        backends = [pid for (pid,) in self.execute("postgres", "SELECT pid FROM pg_stat_activity")]
        assert self._process is not None
        frozen = [self._process.pid, *(pid for pid in backends if _signal(pid, signal.SIGSTOP))]
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in frozen:
                _signal(pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            self._initialize()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        shutil.rmtree(self._folder)

    def _initialize(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        options = ["--encoding=UTF8", "--locale=C", f"--username={USER}", f"--pwfile={password}"]
        options += ["--auth=scram-sha-256", "--no-sync"]
        self._run(["initdb", *options, str(self._folder / "data")]).wait(timeout=60)
        assert (self._folder / "data" / "PG_VERSION").exists(), self.log

    def _start(self) -> None:
        settings = [part for option in [*_OPTIONS, f"port={self.port}"] for part in ("-c", option)]
        self._process = self._run(["postgres", "-D", str(self._folder / "data"), *settings])
        give_up = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < give_up, self.log
            time.sleep(0.05)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # "immediate shutdown"
            process.wait(timeout=10)

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as output:
            return subprocess.Popen(
                [str(self._programs / command[0]), *command[1:]],
                cwd=self._folder,
                env={"PATH": os.environ.get("PATH", ""), "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=self._account,
                group=pwd.getpwnam(self._account).pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
            )

    def _answers(self) -> bool:
        try:
            self.execute("postgres", "SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _account() -> str | None:
    """The account to run as where this process is root's; None to run as who it is."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in accounts)


def _signal(pid: int, number: signal.Signals) -> bool:
    """Whether there was a process to signal."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def replicas_over(url: str, llm: FakeLLM, folder: Path, workers: Sequence[int]) -> Iterator[list[Backend]]:
    """Backends with these numbers of workers over the database at `url`, started at the same moment."""
    given = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": llm.base_url, "DATABASE_URL": url, "DEFAULT_PROMPT": "Judge."}
    replicas = [
        Backend(folder / f"log{number}", MODEL_DIR=str(folder / f"data{number}"), WORKERS=str(count), **given)
        for number, count in enumerate(workers)
    ]
    with ExitStack() as stack:
        for replica in replicas:
            stack.push(replica.__exit__)
        for replica in replicas:
            replica.__enter__()
        yield replicas


def answer_of(running: Backend, path: str, body: Any = None) -> Json:
    """The JSON that a request is answered with; it must succeed."""
    response, content = running.request("GET" if body is None else "POST", path, body)
    assert response.status == 200, response.reason
    found: Json = json.loads(content)
    return found


def version(running: Backend, project: str = PROJECT, extra_params: Any = None) -> str:
    """The model version that /setup answers with."""
    body = {"project": project, "schema": TEXT, "extra_params": extra_params}
    return str(answer_of(running, "/setup", body)["model_version"])


def own_tasks(count: int, about: str) -> list[Json]:
    """Tasks 1 to `count` that no other test has: replies are shared by all projects."""
    return [task(number, f"{about} {number}") for number in range(1, count + 1)]


def edited(about: Json, project: str, *, response: str = "mine") -> Json:
    """The request that the page sends with a response beside the prompt "Judge."."""
    return interactive(
        texts_region("prompt", "Judge."), texts_region("response", response), about=about, project=project
    )
