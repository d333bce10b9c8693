"""A SQLite file that cannot be written or read: predictions go on without it, /health says so, nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from testing.llm import FakeLLM
from tests.server.bodies import PROJECT, TEXT, batch, submitted, task, tasks, texts, typed
from tests.server.conftest import KEY
from tests.server.process import Backend
from tests.server.test_batch import until

WARNING = "The database failed, predictions go on without it"

Fault = Callable[[Backend, Path], AbstractContextManager[None]]


@contextmanager
def full_disk(running: Backend, file: Path) -> Iterator[None]:
    """No file of the workers may grow, which they meet as they meet a full disk: writes fail."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text(encoding="ascii")
    workers = [int(pid) for pid in children.split()]
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def locked(running: Backend, file: Path) -> Iterator[None]:
    """Another process is writing and does not come to an end."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "llm-interactive.db"


@pytest.fixture
def backend(llm: FakeLLM, tmp_path: Path) -> Callable[[], Backend]:
    settings = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": llm.base_url, "MODEL_DIR": str(tmp_path / "data")}
    return lambda: Backend(tmp_path / "log", **settings, DEFAULT_PROMPT="Judge.")


def health(running: Backend) -> dict[str, str]:
    found: dict[str, str] = json.loads(running.request("GET", "/health")[1])
    return found


def everything_works_without_the_store(running: Backend) -> None:
    """Batches, an annotator, connecting and a submitted annotation; each new prompt is used at once."""
    assert all("result" in entry for entry in running.results(batch(tasks(10))))
    [entry] = running.results(typed("Typed."))
    assert texts(entry) == ["OK"]
    assert texts(running.results(batch([task(1)]))[0], "prompt") == ["Typed."]
    assert running.request("POST", "/setup", {"project": PROJECT, "schema": TEXT})[0].status == 200
    assert running.request("POST", "/webhook", submitted("Submitted."))[0].status == 200
    assert texts(running.results(batch([task(2)]))[0], "prompt") == ["Submitted."]


@pytest.mark.parametrize(
    ("fault", "cause"), [(full_disk, "disk"), (locked, "locked")], ids=lambda value: getattr(value, "__name__", value)
)
def test_without_a_database_predictions_go_on_and_what_was_learned_is_written_when_it_is_back(
    backend: Callable[[], Backend], llm: FakeLLM, file: Path, fault: Fault, cause: str
) -> None:
    with backend() as running:
        running.results(batch(tasks(3)))
        with fault(running, file):
            everything_works_without_the_store(running)
            assert health(running)["status"] == "UP"
            assert cause in health(running)["database"]
            assert cause in json.loads(running.request("GET", "/status")[1])["problems"][0]
            assert running.log.count(WARNING) == 1
        until(lambda: "database" not in health(running))
        assert "Traceback" not in running.log
    asked = len(llm.calls)
    with backend() as running:
        assert texts(running.results(batch([task(2)]))[0], "prompt") == ["Submitted."]
    assert len(llm.calls) == asked


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_on_a_read_only_disk_predictions_go_on_from_the_start(
    backend: Callable[[], Backend], llm: FakeLLM, file: Path
) -> None:
    with backend() as running:
        running.results(batch(tasks(3)))
    folder = str(file.parent)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        with backend() as running:
            everything_works_without_the_store(running)
            assert "read-only" in health(running)["database"].lower()
            assert "Traceback" not in running.log
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
    with backend() as running:
        assert health(running) == {"status": "UP"}
        running.results(batch(tasks(3)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_really_full_is_no_other(backend: Callable[[], Backend], llm: FakeLLM, file: Path) -> None:
    file.parent.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(file.parent)], check=True)
    try:
        with backend() as running:
            running.results(batch(tasks(3)))
            filler = os.open(file.parent / "filler", os.O_CREAT | os.O_WRONLY)
            with contextlib.suppress(OSError):
                while True:
                    os.write(filler, b"x" * 4096)
            os.close(filler)
            everything_works_without_the_store(running)
            assert "full" in health(running)["database"]
            (file.parent / "filler").unlink()
            until(lambda: "database" not in health(running))
            assert running.log.count(WARNING) == 1
            assert "Traceback" not in running.log
    finally:
        subprocess.run(["umount", "-l", str(file.parent)], check=True)


def test_a_file_that_was_deleted_is_made_again_and_health_says_so(
    backend: Callable[[], Backend], llm: FakeLLM, file: Path
) -> None:
    with backend() as running:
        running.results(batch(tasks(3)))
        for path in file.parent.iterdir():
            path.unlink()
        everything_works_without_the_store(running)
        assert "file was deleted or replaced" in health(running)["database"]
        assert "file was deleted or replaced" in json.loads(running.request("GET", "/status")[1])["problems"][0]
    asked = len(llm.calls)
    with backend() as running:
        assert texts(running.results(batch([task(2)]))[0], "prompt") == ["Submitted."]
        assert health(running) == {"status": "UP"}
    assert len(llm.calls) == asked
