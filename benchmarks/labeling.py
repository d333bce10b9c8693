"""`llm-interactive label`: how near to what the latency allows, what it takes, and that nothing is paid twice."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import bodies
from benchmarks.figures import Row
from benchmarks.llm import Behaviour
from benchmarks.memory import Peak
from benchmarks.programs import ROOT, BenchmarkFailed, LoopbackLLM
from benchmarks.safety import paid_again, wait_for_replies
from benchmarks.sizes import Sizes
from demo.label_studio import LabelStudio, Login, label_studio
from demo.paths import LABEL_STUDIO_VENV
from demo.processes import clean_environment, free_port
from llm_interactive.label_studio.client import LabelStudio as Client
from llm_interactive.label_studio.records import NewPrediction
from llm_interactive.settings import Settings
from testing.label_studio import FakeLabelStudio

_THREADS = 32
_MEMORY = 250
_START_SECONDS = 240.0
_LOGIN = Login("bench@example.com", "bench-password", "0123456789abcdef0123456789abcdef01234567")
_KILLED_TASKS = 300


def label(sizes: Sizes, folder: Path) -> list[Row]:
    """All tasks of a project, from the start of the command to its end, reading and pushing included."""
    count, latency = sizes.large_batch, sizes.large_latency
    with LoopbackLLM() as llm, FakeLabelStudio(bodies.LABEL_CONFIG, _tasks("label", count)) as studio:
        llm.behave(Behaviour(latency=latency))
        started = time.monotonic()
        with _command(studio.url, 1, llm, folder) as process, Peak(process.pid) as peak:
            _finish(process, count)
        seconds = time.monotonic() - started
        calls = len(llm.calls())
    if len(studio.predictions) != count:
        raise BenchmarkFailed(f"{len(studio.predictions)} predictions of {count} tasks")
    ideal = math.ceil(count / _THREADS) * latency
    ratio, memory = seconds / ideal, peak.most.rss
    return [
        Row(
            f"label {count:,} tasks × {latency:g} s",
            f"{ratio:.2f} × the ideal ({seconds:.1f} s), {memory:.0f} MB",
            f"≤ 1.15 × ceil({count:,}/{_THREADS}) × {latency:g} s, ≤ {_MEMORY} MB",
            ratio <= 1.15 and memory <= _MEMORY and calls == count,
            f"{calls} calls; with the start of the command, reading the tasks and pushing the predictions, against a "
            "Label Studio API on loopback",
            {"ratio": ratio, "seconds": seconds, "peak_rss": memory},
        )
    ]


def on_label_studio(sizes: Sizes, folder: Path) -> list[Row]:
    """The same, a kill -9, and pushing alone, on a real Label Studio."""
    with _running_label_studio(folder) as studio, LoopbackLLM() as llm:
        return [
            _labelled(studio, llm, folder / "labelled", sizes),
            _killed(studio, llm, folder / "killed"),
            _pushed(studio, sizes.pushed),
        ]


def _labelled(studio: LabelStudio, llm: LoopbackLLM, folder: Path, sizes: Sizes) -> Row:
    count, latency = sizes.batch, sizes.batch_latency
    project, _ = _project(studio, "labelled", count)
    llm.behave(Behaviour(latency=latency))
    started = time.monotonic()
    with _command(studio.url, project, llm, folder) as process:
        _finish(process, count)
    seconds = time.monotonic() - started
    ratio = seconds / (math.ceil(count / _THREADS) * latency)
    return Row(
        f"label {count:,} tasks × {latency:g} s on a real Label Studio",
        f"{ratio:.2f} × the ideal ({seconds:.1f} s)",
        f"≤ 1.25 × ceil({count:,}/{_THREADS}) × {latency:g} s",
        ratio <= 1.25,
        "with the start of the command, reading the tasks and pushing the predictions",
        {"ratio": ratio, "seconds": seconds},
    )


def _killed(studio: LabelStudio, llm: LoopbackLLM, folder: Path) -> Row:
    project, tasks = _project(studio, "killed", _KILLED_TASKS)
    llm.behave(Behaviour(latency=0.5, jitter=0.3))
    with _command(studio.url, project, llm, folder) as process:
        wait_for_replies(llm, _KILLED_TASKS // 3)
        killed_at = time.monotonic()
        process.kill()
        process.communicate()
    time.sleep(0.2)
    before = llm.calls()
    with _command(studio.url, project, llm, folder) as process:
        version = _finish(process, _KILLED_TASKS)["model_version"]
    counts = paid_again(before, llm.calls()[len(before) :], killed_at)
    made = Counter(found["task"] for found in studio.predictions(project) if found["model_version"] == version)
    single, twice = made == dict.fromkeys(tasks, 1), counts["settled again"]
    return Row(
        "label, kill -9 after a third, run again",
        f"{twice} of {counts['settled']} paid twice, {'one prediction for each task' if single else 'others'}",
        "0, one prediction for each task",
        twice == 0 and single,
        f"{_KILLED_TASKS} tasks on a real Label Studio; {counts['in flight']} calls were in flight, unanswered",
        {name.replace(" ", "_"): number for name, number in counts.items()},
    )


def _pushed(studio: LabelStudio, count: int) -> Row:
    project, tasks = _project(studio, "pushed", count)
    other, same = _project(studio, "pushed by hand", count)
    bare = [vars(_prediction(task)) for task in same]
    started = time.monotonic()
    studio.call("POST", f"/api/projects/{other}/import/predictions", json=bare)
    by_hand = time.monotonic() - started
    settings = Settings(label_studio_url=studio.url, label_studio_api_key=_LOGIN.token)
    with Client(settings) as client:
        started = time.monotonic()
        stored = sum(len(pushed.stored) for pushed in client.push(project, map(_prediction, tasks)))
        seconds = time.monotonic() - started
    ratio = seconds / by_hand
    return Row(
        f"pushing {count:,} predictions",
        f"{ratio:.2f} × the bare bulk endpoint ({seconds:.1f} s)",
        "≤ 1.5 ×",
        ratio <= 1.5 and stored == count,
        f"{stored} stored; one request with the same predictions for another project took {by_hand:.1f} s",
        {"ratio": ratio, "seconds": seconds},
    )


@contextmanager
def _running_label_studio(folder: Path) -> Iterator[LabelStudio]:
    port = free_port()
    child = label_studio(LABEL_STUDIO_VENV, port, _LOGIN, data=folder / "label-studio", log=folder / "label-studio.log")
    studio = LabelStudio(f"http://127.0.0.1:{port}", _LOGIN.token)
    try:
        child.start()
        child.wait_until_ready(studio.is_up, timeout=_START_SECONDS)
        yield studio
    finally:
        child.stop()


def _project(studio: LabelStudio, title: str, count: int) -> tuple[int, list[int]]:
    """A new project's number, and its tasks'."""
    project = studio.create_project(title, bodies.LABEL_CONFIG)
    return project, studio.import_tasks(project, _tasks(title.replace(" ", "-"), count))


def _tasks(group: str, count: int) -> list[dict[str, str]]:
    return [{"text": bodies.text_of(name)} for name in bodies.names(group, count)]


def _prediction(task: int) -> NewPrediction:
    return NewPrediction(task, bodies.RESULT, "loopback/12345678", 0.9)


def _command(url: str, project: int, llm: LoopbackLLM, folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prompt").write_text(bodies.PROMPT)
    environment = {
        "LABEL_STUDIO_URL": url,
        "LABEL_STUDIO_API_KEY": _LOGIN.token,
        "OPENAI_BASE_URL": llm.base_url,
        "OPENAI_API_KEY": "loopback",
        "OPENAI_MODEL": bodies.MODEL,
        "MODEL_DIR": str(folder),
        "MAX_CONCURRENCY": str(_THREADS),
    }
    command = [sys.executable, "-m", "llm_interactive", "label", "--project", str(project), "--yes", "--json"]
    return subprocess.Popen(
        [*command, "--prompt-file", str(folder / "prompt")],
        cwd=ROOT,
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _finish(process: subprocess.Popen[bytes], count: int) -> Any:
    """The command's summary; fails unless it labelled `count` tasks."""
    printed, said = process.communicate()
    if process.returncode or (summary := json.loads(printed))["done"] != count:
        raise BenchmarkFailed(f"not every task was labelled: {printed.decode()}{said.decode()[-500:]}")
    return summary
