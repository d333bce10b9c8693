"""`python -m benchmarks`: measure, print the table and how it was measured; exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import evaluation, images, labeling, outputs, rates, safety, spans, throughput, waiting
from benchmarks.cpu import Others
from benchmarks.figures import Row, table
from benchmarks.sizes import FULL, QUICK, Sizes

Scenario = Callable[[Sizes, Path], list[Row]]

SCENARIOS: dict[str, Scenario] = {
    "templates": outputs.templates,
    "plain-text": outputs.plain_text,
    "spans": spans.spans,
    "start": waiting.start,
    "batch": throughput.batch,
    "zero-latency": throughput.zero_latency,
    "overhead": waiting.overhead,
    "beside-a-batch": waiting.beside_a_batch,
    "health": waiting.health,
    "one-failing": safety.one_failing,
    "killed": safety.killed,
    "many-at-once": throughput.many_at_once,
    "large-batch": throughput.large_batch,
    "rate-limits": rates.rate_limits,
    "receipts": images.receipts,
    "label": labeling.label,
    "label-studio": labeling.on_label_studio,
    "evaluate": evaluation.evaluate,
}

_LONGEST_RUN = 890
_LONGEST_QUICK_RUN = 350


class _TooLong(BaseException):
    """The run took too long; no scenario may take it for a failure of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    signal.signal(signal.SIGALRM, _too_long)
    signal.signal(signal.SIGTERM, _stopped)
    signal.alarm(_LONGEST_QUICK_RUN if options.quick else _LONGEST_RUN)
    rows: list[Row] = []
    try:
        for name in options.only or SCENARIOS:
            print(f"{name} ... ", end="", file=sys.stderr, flush=True)
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="llm-interactive-bench-") as folder:
                rows += _rows_of(name, sizes, Path(folder))
            print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    except _TooLong:
        rows.append(Row(f"{name} and what follows it", "no time left", "", False, "the run was ended"))
    signal.alarm(0)
    print(table(rows))
    print()
    for row in rows:
        print(f"- {row.name}: {row.note}")
    print(f"\n{_machine()}")
    if options.json:
        document = {"machine": _machine(), "quick": options.quick, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(row.good is False for row in rows) else 0


def _rows_of(name: str, sizes: Sizes, folder: Path) -> list[Row]:
    """The scenario's rows; one that says why where there are none, so that the others are still measured."""
    others = Others()
    try:
        rows = SCENARIOS[name](sizes, folder)
        noise = f"; other programs took {others.cpus():.1f} CPUs meanwhile"
        return [replace(row, note=row.note + noise) for row in rows]
    except Exception as error:
        return [Row(name, "failed", "", False, f"{type(error).__name__}: {error}")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller counts: under 6 minutes instead of under 15")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, metavar="NAME", help=f"some of: {', '.join(SCENARIOS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


def _machine() -> str:
    load = os.getloadavg()[0]
    python = sys.version.split()[0]
    return (
        f"{os.cpu_count()} CPUs for backend, model and clients together, load {load:.1f} at the end, Python {python}."
    )


def _too_long(*_: Any) -> None:
    raise _TooLong


def _stopped(*_: Any) -> None:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
