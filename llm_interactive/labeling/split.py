"""Which tasks are kept for evaluation, and which ones examples may be taken from."""

from __future__ import annotations

import hashlib


def is_held_out(task: int | str) -> bool:
    """Whether a task is for evaluation only: half of all are, and no example in a prompt may come from them.

    It goes by the task's id alone, so that it stays the same whatever tasks come and go.
    """
    return hashlib.sha256(str(task).encode()).digest()[0] % 2 == 1
