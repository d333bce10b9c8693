"""What is filled, and how right: shipped templates against every kind of server, and plain-text replies."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Row
from benchmarks.sizes import Sizes
from benchmarks.templates import measure
from testing.corpus import figures


def templates(_sizes: Sizes, _folder: Path) -> list[Row]:
    """The labeling templates that Label Studio ships and a model can fill."""
    found = measure()
    filled = Row(
        "shipped templates filled whole / controls",
        f"{found['whole']} of {found['templates']} / {found['filled']} of {found['controls']}",
        "≥ 42 of 45 / 80 of 84",
        found["whole"] >= 42 and found["filled"] >= 80,
        f"by a model that follows every schema; {found['guessed']} of them without being shown all",
        {"whole": found["whole"], "filled": found["filled"]},
    )
    wrong = found["faults"] + found["errors_5xx"]
    checked = Row(
        "faults of regions, invalid labels, 5xx",
        str(wrong),
        "0",
        wrong == 0,
        f"{found['batches']} batches: all templates against servers that obey, refuse, ignore, break or cut "
        "the schema, or answer none",
        {"wrong": wrong},
    )
    return [filled, checked]


def plain_text(_sizes: Sizes, _folder: Path) -> list[Row]:
    """Labels in replies of servers that give no JSON."""
    total = figures()
    return [
        Row(
            "labels in plain-text replies",
            f"{len(total.wrong)} wrong, {total.found:,} of {total.named:,} read",
            "0 wrong",
            not total.wrong,
            f"a fixed corpus of {total.rows:,} replies",
            {"wrong": len(total.wrong), "found": total.found},
        )
    ]
