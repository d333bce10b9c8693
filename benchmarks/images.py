"""Images: whether reading them and asking about them go on at the same time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bodies import image_batch, named_results, names
from benchmarks.figures import Row
from benchmarks.llm import Behaviour
from benchmarks.programs import Backend, BenchmarkFailed, LoopbackLLM
from benchmarks.sizes import Sizes
from tests.media_server import MediaServer
from tests.receipts import PHARMACY, as_file, receipt

_LATENCY = 1.0
_THREADS = 32
_FEW_THREADS = 3
"""As many as make asking about as slow as reading is on two cores: what is not done at the same time shows most."""


def receipts(sizes: Sizes, folder: Path) -> list[Row]:
    """Receipts by OCR: the reading alone, the asking alone, and both together about other receipts."""
    return [
        _row(sizes.receipts, _THREADS, folder / "many"),
        _row(sizes.slow_receipts, _FEW_THREADS, folder / "few"),
    ]


def _row(count: int, threads: int, folder: Path) -> Row:
    folder.mkdir()
    with LoopbackLLM() as llm, _reading_backend(llm, folder, threads) as (backend, files):
        _seconds(backend, _uploaded(files, names("warm", 4)))
        first, second = _uploaded(files, names("first", count)), _uploaded(files, names("second", count))
        reading = _seconds(backend, first)
        llm.behave(Behaviour(latency=_LATENCY))
        # New tasks about receipts that were just read: what is left is the model.
        asking = _seconds(backend, dict(zip(names("again", count), first.values(), strict=True)))
        both = _seconds(backend, second)
    slower = max(reading, asking)
    ratio = both / slower
    return Row(
        f"{count} receipts by OCR, {threads} at once to a model of {_LATENCY:g} s",
        f"{ratio:.2f} × the slower of the two alone ({both:.1f} s)",
        "≤ 1.3",
        ratio <= 1.3,
        f"reading alone {reading:.1f} s ({reading / count:.2f} s a receipt), asking alone {asking:.1f} s "
        f"(the ideal is {math.ceil(count / threads) * _LATENCY:g} s); one after the other would be "
        f"{(reading + asking) / slower:.2f}",
        {"ratio": ratio, "both": both, "reading": reading, "asking": asking},
    )


@contextmanager
def _reading_backend(llm: LoopbackLLM, folder: Path, threads: int) -> Iterator[tuple[Backend, MediaServer]]:
    """A backend that reads images by OCR, and what stands for its Label Studio."""
    with MediaServer() as files:
        settings = {
            "IMAGE_MODE": "ocr",
            "LABEL_STUDIO_URL": files.url,
            "LABEL_STUDIO_API_KEY": "loopback",
            "PROMPT_TEMPLATE": "{text} {prompt} {name}",
            "MAX_CONCURRENCY": str(threads),
        }
        with Backend(llm, folder, **settings) as backend:
            yield backend, files


def _uploaded(files: MediaServer, tasks: Sequence[str]) -> dict[str, str]:
    """Addresses of receipts, no two of them alike, by the tasks' names."""
    addresses = {task: f"/data/upload/1/0a1b2c3d-{task}.png" for task in tasks}
    for task, address in addresses.items():
        files.serve(address, as_file(receipt((task, *PHARMACY))))
    return addresses


def _seconds(backend: Backend, addresses: Mapping[str, str]) -> float:
    """How long a batch takes; fails unless every task has its result."""
    answer = backend.predict(image_batch(addresses))
    if (done := named_results(answer.body, list(addresses))) != len(addresses):
        raise BenchmarkFailed(f"{done} of {len(addresses)} receipts have a result: {answer.body[-300:]!r}")
    return answer.seconds
