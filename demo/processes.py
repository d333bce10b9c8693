"""Child processes that are started, waited for, and stopped with everything they started themselves."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import requests

# All that a child inherits: a PORT, HOST or OPENAI_API_KEY of the person's shell would change what it does,
# and a proxy would be asked for loopback addresses.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildFailed(RuntimeError):
    """A child process ended or was not ready in time; the message holds the last lines of its log."""


def clean_environment(**variables: str) -> dict[str, str]:
    """The few variables every program needs, plus the given ones."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | variables


def free_port(preferred: int = 0, *, avoid: Sequence[int] = ()) -> int:
    """`preferred` where nobody listens on it, else any free port of 127.0.0.1 that is not in `avoid`."""
    for port in (preferred, 0, 0, 0):
        with socket.socket() as probe:
            # As servers do: a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            if found not in avoid:
                return found
    raise OSError("no free port on 127.0.0.1")


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether a GET of `url` gives 200."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy for loopback
            return session.get(url, timeout=timeout).status_code == 200
    except requests.RequestException:
        return False


class Child:
    """A command running in a process group of its own, with its output in a file.

    `name` is what people are told; `log` is overwritten at each start.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.env = dict(env)
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._output = self.log.open("wb")
        try:
            self._process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                # Away from the terminal's group, so that Ctrl-C reaches us alone and we stop things in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if _libc else None,  # noqa: PLW1509 (one system call, takes no lock)
            )
        except OSError as reason:
            self._output.close()
            raise ChildFailed(f"{self.name} could not be started: {reason}") from reason

    def wait_until_ready(
        self, ready: Callable[[], bool], timeout: float, *, on_wait: Callable[[float], None] | None = None
    ) -> None:
        """Return once `ready()`; `on_wait` is told the seconds so far. ChildFailed if it ends or time is up."""
        began = time.monotonic()
        while not ready():
            elapsed = time.monotonic() - began
            self.check()
            if elapsed > timeout:
                raise ChildFailed(f"{self.name} was not ready after {timeout:.0f} s.\n{self.tail()}")
            if on_wait:
                on_wait(elapsed)
            time.sleep(0.1)

    def check(self) -> None:
        """Nothing while it runs; ChildFailed with the end of its log when it has ended."""
        if not self.running:
            status = self._process.returncode if self._process else "never started"
            raise ChildFailed(f"{self.name} ended unexpectedly (exit status {status}).\n{self.tail()}")

    def tail(self, lines: int = 25) -> str:
        """The last lines of its log, under the log's path."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            text = ""
        return "\n".join([f"Last lines of {self.log}:", *(f"    {line}" for line in text.splitlines()[-lines:])])

    def stop(self, patience: float = 8.0) -> None:
        """End the whole group: asked first, killed after `patience` seconds. Calling it again is harmless."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        # Grandchildren may outlive their parent: their group keeps its number until the last one is gone.
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()
        if self._output:
            self._output.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # all gone already (macOS says EPERM for a group of zombies)


def _end_with_parent() -> None:
    """In the child, on Linux: be asked to end when the parent dies, so that even a kill -9 leaves nothing behind."""
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
