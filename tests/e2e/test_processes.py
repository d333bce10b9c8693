"""The demo's child processes; quick, without any of the big parts."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from demo.processes import Child, ChildFailed, clean_environment, free_port
from tests.e2e.stack import eventually


def python(code: str, log: Path) -> Child:
    return Child("The part", [sys.executable, "-c", code], log=log, env=clean_environment())


def test_a_child_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = python("print('what went wrong'); raise SystemExit(3)", tmp_path / "part.log")
    child.start()

    with pytest.raises(ChildFailed, match=r"The part ended unexpectedly \(exit status 3\)[\s\S]*what went wrong"):
        child.wait_until_ready(lambda: False, timeout=20)
    child.stop()


def test_a_child_that_is_not_ready_in_time_is_reported(tmp_path: Path) -> None:
    child = python("import time; time.sleep(60)", tmp_path / "part.log")
    child.start()
    try:
        with pytest.raises(ChildFailed, match="not ready after 0 s"):
            child.wait_until_ready(lambda: False, timeout=0.3)
    finally:
        child.stop()


def test_a_command_that_is_not_there_is_reported(tmp_path: Path) -> None:
    child = Child("The part", [tmp_path / "missing"], log=tmp_path / "part.log", env={})

    with pytest.raises(ChildFailed, match="The part could not be started"):
        child.start()


def test_stopping_takes_grandchildren_and_stubborn_ones_along(tmp_path: Path) -> None:
    grandchild = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", {grandchild!r}])
time.sleep(60)
"""
    child = python(code, tmp_path / "part.log")
    child.start()
    started = eventually(lambda: (tmp_path / "part.log").read_text().split())
    began = time.monotonic()

    child.stop(patience=0.5)

    assert time.monotonic() - began < 5
    assert not child.running
    eventually(lambda: not _alive(int(started[0])))


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "grandchild.log"
    code = f"""
import time
from pathlib import Path
from demo.processes import Child, clean_environment
grandchild = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
Child("it", [{sys.executable!r}, "-c", grandchild], log=Path({str(log)!r}), env=clean_environment()).start()
time.sleep(60)
"""
    parent = Child("The parent", [sys.executable, "-c", code], log=tmp_path / "parent.log", env=clean_environment())
    parent.cwd = Path(__file__).parent.parent.parent
    parent.start()
    try:
        pid = int(eventually(lambda: log.exists() and log.read_text().split())[0])
        assert parent.pid
        os.kill(parent.pid, signal.SIGKILL)
        eventually(lambda: not _alive(pid))
    finally:
        parent.stop()


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert free_port(port) != port


def test_a_free_port_is_taken_as_preferred() -> None:
    port = free_port()

    assert free_port(port) == port
    assert free_port(port, avoid=[port]) != port


def _alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
