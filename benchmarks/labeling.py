"""`llm-interactive label`: how near to what the model's latency allows, and what it takes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import bodies
from benchmarks.figures import Row
from benchmarks.llm import Behaviour
from benchmarks.memory import Peak
from benchmarks.programs import ROOT, BenchmarkFailed, LoopbackLLM
from benchmarks.sizes import Sizes
from demo.processes import clean_environment
from testing.label_studio import FakeLabelStudio

_THREADS = 32
_MEMORY = 250


def label(sizes: Sizes, folder: Path) -> list[Row]:
    """All tasks of a project, from the start of the command to its end, reading and pushing included."""
    count, latency = sizes.large_batch, sizes.large_latency
    tasks = [{"text": bodies.text_of(name)} for name in bodies.names("label", count)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prompt").write_text(bodies.PROMPT)
    with LoopbackLLM() as llm, FakeLabelStudio(bodies.LABEL_CONFIG, tasks) as studio:
        llm.behave(Behaviour(latency=latency))
        environment = {
            "LABEL_STUDIO_URL": studio.url,
            "LABEL_STUDIO_API_KEY": "loopback",
            "OPENAI_BASE_URL": llm.base_url,
            "OPENAI_API_KEY": "loopback",
            "OPENAI_MODEL": bodies.MODEL,
            "MODEL_DIR": str(folder),
            "MAX_CONCURRENCY": str(_THREADS),
        }
        command = [sys.executable, "-m", "llm_interactive", "label", "--project", "1", "--yes", "--json"]
        started = time.monotonic()
        with (
            subprocess.Popen(
                [*command, "--prompt-file", str(folder / "prompt")],
                cwd=ROOT,
                env=clean_environment(**environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as process,
            Peak(process.pid) as peak,
        ):
            printed, said = process.communicate()
        seconds = time.monotonic() - started
        calls = len(llm.calls())
    if process.returncode or json.loads(printed)["done"] != count or len(studio.predictions) != count:
        raise BenchmarkFailed(f"not every task was labelled: {printed.decode()}{said.decode()[-500:]}")
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
