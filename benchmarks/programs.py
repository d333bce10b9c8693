"""The programs that are measured and those that measure, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import bodies
from benchmarks.cpu import cpu_seconds_of_tree
from benchmarks.llm import Behaviour, Call, behaviour_body
from benchmarks.memory import Memory, memory_of_tree
from benchmarks.web import HOST, Answer, send
from demo.processes import Child, clean_environment, free_port

ROOT = Path(__file__).parent.parent

_START_SECONDS = 30.0


class BenchmarkFailed(RuntimeError):
    """What is measured did something that no figure can be made of."""


class LoopbackLLM:
    """`benchmarks.llm` in a process of its own, from `__enter__` to `__exit__`."""

    def __enter__(self) -> LoopbackLLM:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.llm"],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"

    def behave(self, behaviour: Behaviour) -> None:
        """From now on like this; calls so far are forgotten."""
        send(self.port, "/behaviour", behaviour_body(behaviour), method="PUT")

    def calls(self) -> list[Call]:
        """The calls since `behave`, in order of arrival."""
        return [Call(*call) for call in json.loads(send(self.port, "/calls").body)["calls"]]

    def most_in_flight(self) -> int:
        """The highest concurrency since `behave`."""
        most: int = json.loads(send(self.port, "/calls").body)["most_in_flight"]
        return most

    def answer_directly(self, task: str) -> Answer:
        """A call without the backend."""
        body = json.dumps({"model": bodies.MODEL, "messages": bodies.messages(task)}).encode()
        return send(self.port, "/v1/chat/completions", body)


class Backend:
    """The backend as its image starts it, with its database in `folder`, from `__enter__` to `__exit__`."""

    def __init__(self, llm: LoopbackLLM, folder: Path, **settings: str) -> None:
        self.port = free_port()
        environment = {
            "HOST": HOST,
            "PORT": str(self.port),
            "MODEL_DIR": str(folder),
            "OPENAI_BASE_URL": llm.base_url,
            "OPENAI_API_KEY": "loopback",
            "OPENAI_MODEL": bodies.MODEL,
            "DEFAULT_PROMPT": bodies.PROMPT,
            "MAX_CONCURRENCY": "32",
            **settings,
        }
        self._child = Child(
            "The backend",
            [sys.executable, "-m", "llm_interactive", "serve"],
            log=folder / "backend.log",
            env=clean_environment(**environment),
            cwd=ROOT,
        )
        self.seconds_to_health = 0.0
        self.cpu_to_health = 0.0

    def __enter__(self) -> Backend:
        started = time.monotonic()
        self._child.start()
        try:
            while not self._is_healthy():
                self._child.check()
                if time.monotonic() - started > _START_SECONDS:
                    raise BenchmarkFailed(f"The backend did not start.\n{self._child.tail()}")
                time.sleep(0.005)
        except BaseException:
            self._child.stop()
            raise
        self.seconds_to_health = time.monotonic() - started
        self.cpu_to_health = cpu_seconds_of_tree(self.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    @property
    def pid(self) -> int:
        pid = self._child.pid
        assert pid is not None
        return pid

    def kill(self) -> None:
        """kill -9, to master and workers at once."""
        os.killpg(self.pid, signal.SIGKILL)

    def memory(self) -> Memory:
        return memory_of_tree(self.pid)

    def setup(self) -> Answer:
        return self._good(send(self.port, "/setup", bodies.setup()))

    def health(self) -> Answer:
        return self._good(send(self.port, "/health"))

    def predict(self, body: bytes, timeout: float = 120) -> Answer:
        """The answer to /predict; fails unless it is 200."""
        return self._good(send(self.port, "/predict", body, timeout=timeout))

    def predict_all(self, tasks: Sequence[str], timeout: float = 120, config: str = bodies.LABEL_CONFIG) -> Answer:
        """The answer to a batch; fails unless every task has its result, in its place."""
        answer = self.predict(bodies.batch(tasks, config), timeout)
        if (done := bodies.named_results(answer.body, tasks)) != len(tasks):
            raise BenchmarkFailed(f"{done} of {len(tasks)} tasks have a result: {answer.body[-300:]!r}")
        return answer

    def ask(self, task: str) -> Answer:
        """The answer to an annotator; fails unless it holds the reply."""
        answer = self.predict(bodies.interactive(task))
        if bodies.named_results(answer.body, [task]) != 1:
            raise BenchmarkFailed(f"no result: {answer.body!r}")
        return answer

    def _good(self, answer: Answer) -> Answer:
        if answer.status != 200:
            raise BenchmarkFailed(f"status {answer.status}: {answer.body[:300]!r}\n{self._child.tail()}")
        return answer

    def _is_healthy(self) -> bool:
        try:
            return send(self.port, "/health", timeout=2).status == 200
        except OSError:
            return False


class BareLoop:
    """`benchmarks.bare` in a process of its own: the openai client and threads, nothing else."""

    def __init__(self, llm: LoopbackLLM, threads: int) -> None:
        self._command = [sys.executable, "-m", "benchmarks.bare", llm.base_url, str(threads)]

    def __enter__(self) -> BareLoop:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, group: str, count: int) -> float:
        """Seconds for `count` calls."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(group, count, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())
