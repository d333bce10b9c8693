"""Files of tasks → pictures, decoded by processes of their own.

A file is a program for its decoder: one of two kilobytes can keep the library that draws PDFs busy for ever, and
nothing but the end of its process ends that. So this module is a script too: the process that decodes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import STOPPING, BackendError, DeadlineError, SetupError, TaskDataError
from llm_interactive.media.images import Picture, normalise
from llm_interactive.media.waiting import LATE, Room, seconds

_SECONDS = 20
_MEMORY = 1536 * 1024 * 1024
_ENVIRONMENT = ("PATH", "PYTHONHOME", "LD_LIBRARY_PATH")
"""What finds Python and its libraries. The rest is not handed on: it holds keys."""
_PACKAGE = Path(__file__).parents[2]


class Decoder:
    """Decodes files, each within 20 seconds and 1.5 GB. Safe for threads.

    Batches have `at_once` processes; annotators have as many again, so they wait for no batch. The processes are
    started when they are needed and stay.
    """

    def __init__(self, at_once: int = 2, *, longest: float = _SECONDS) -> None:
        self._room = Room(for_batches=at_once, for_annotators=at_once)
        self._longest = longest
        self._lock = threading.Lock()  # guards what follows
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._closed = False

    def pictures(self, data: bytes, deadline: Deadline = NEVER, *, urgent: bool = False) -> tuple[Picture, ...]:
        """The pictures in the file `data`, as `normalise` makes them. `urgent`: an annotator waits for them.

        Raises:
            TaskDataError: as `normalise`, or decoding takes too long or too much memory.
            SetupError: as `normalise`.
            DeadlineError: they are not there by `deadline`.
        """
        with self._room.taken(deadline, urgent=urgent):
            if deadline.left <= 0:
                raise DeadlineError(LATE)
            process = self._begun()
            try:
                return process.pictures(data, min(self._longest, seconds(deadline)))
            except (EOFError, OSError):
                if self._closed:
                    raise DeadlineError(STOPPING) from None
                if deadline.left <= 0:
                    raise DeadlineError(LATE) from None
                raise TaskDataError(
                    "The task's file cannot be decoded: it is damaged, or takes more than "
                    f"{self._longest:g} seconds or too much memory."
                ) from None
            finally:
                self._ended(process)

    def close(self) -> None:
        """End the processes, at work or not; nothing is decoded any more."""
        with self._lock:
            self._closed = True
            processes = [*self._idle, *self._busy]
            self._idle.clear()
        for process in processes:
            process.kill()

    def _begun(self) -> _Process:
        with self._lock:
            process = next(filter(_Process.works, self._idle), None)
            self._idle = [other for other in self._idle if other is not process and other.works()]
        process = process or _Process()
        with self._lock:
            self._busy.add(process)
        if self._closed:
            self._ended(process)
            raise DeadlineError(STOPPING)
        return process

    def _ended(self, process: _Process) -> None:
        with self._lock:
            self._busy.remove(process)
            if process.works() and not self._closed:
                self._idle.append(process)
                return
        process.kill()


class _Process:
    """A process that decodes one file after the other, until it fails at one."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        # -P: what is in the folder that the server was started in could be taken for a library.
        command = [sys.executable, "-P", "-m", "llm_interactive.media.decoding", str(theirs.fileno())]
        env = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        path = os.pathsep.join(filter(None, (str(_PACKAGE), os.environ.get("PYTHONPATH"))))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very module
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**env, "PYTHONPATH": path},
                pass_fds=[theirs.fileno()],
            )
        self._failed = False

    def pictures(self, data: bytes, longest: float) -> tuple[Picture, ...]:
        """The pictures in `data`; EOFError or OSError if they are not there after `longest` seconds."""
        self._failed = True
        self._connection.send_bytes(data)
        if not self._connection.poll(longest):
            raise EOFError
        answer = json.loads(self._connection.recv_bytes())
        pictures = tuple(Picture(self._connection.recv_bytes(), *shape) for shape in answer.get("pictures", ()))
        self._failed = False
        if "setup" in answer:
            raise SetupError(answer["setup"])
        if "refused" in answer:
            raise TaskDataError(answer["refused"])
        return pictures

    def works(self) -> bool:
        """Whether it is there for another file."""
        return not self._failed and self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()


def _serve(connection: Connection) -> None:
    """Decode what comes, until the other side is gone."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    while True:
        try:
            data = connection.recv_bytes()
        except EOFError:
            return
        # Should nobody be left to end this process.
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(sum(os.times()[:2])) + 2 * _SECONDS, hard))
        try:
            pictures = normalise(data)
        except BackendError as error:
            kind = "setup" if isinstance(error, SetupError) else "refused"
            connection.send_bytes(json.dumps({kind: error.message}).encode())
            continue
        shapes = [(picture.mime, picture.width, picture.height) for picture in pictures]
        connection.send_bytes(json.dumps({"pictures": shapes}).encode())
        for picture in pictures:
            connection.send_bytes(picture.data)


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
