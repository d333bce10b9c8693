"""How long it takes to measure a large project, once it is read, and how much memory."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.figures import Row

_TASKS = 10_000


def evaluate(_sizes: object = None, _folder: object = None) -> list[Row]:
    """Two versions of 10,000 tasks, in a process of its own; sizes and folder are what other scenarios take."""
    script = [sys.executable, "-m", "benchmarks.evaluated_project", str(_TASKS)]
    found = json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    good = found["seconds"] <= 10 and found["megabytes"] <= 500
    return [
        Row(
            "evaluate and compare 10,000 tasks, once read",
            f"{found['seconds']:.1f} s, {found['megabytes']:.0f} MB",
            "≤ 10 s, ≤ 500 MB",
            good,
            f"CPU time; two annotators, two versions, a label, a rating, a text and spans; "
            f"{found['page'] / 1e6:.1f} MB of HTML, {found['json'] / 1e6:.1f} MB of JSON, "
            f"imports of {found['imports']:.1f} s not counted",
            found,
        )
    ]
