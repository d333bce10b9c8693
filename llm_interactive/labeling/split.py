"""Which tasks are kept for evaluation: from examples in prompts, and from training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from llm_interactive.labeling.config import READABLE, tags_of
from llm_interactive.labeling.contents import shown_text
from llm_interactive.text import storable

CONTENT = "source_content"
"""In projects of `rank create`: the field of a task's data with the hash of what the task shows that is replied to."""


def is_held_out(task: int | str) -> bool:
    """Whether a task is for evaluation only: half of all are, and no example in a prompt may come from them.

    It goes by the task's id alone, so that it stays the same whatever tasks come and go.
    """
    return hashlib.sha256(str(task).encode()).digest()[0] % 2 == 1


class Split:
    """Holds a part of a project's tasks out of training, to compare models on that never saw them.

    It goes by what a task shows, so that the same text is on the same side in each project, whatever it is asked and
    whatever the replies to it.
    """

    def __init__(self, config: str, part: float) -> None:
        """`config` is the project's labeling config, `part` the share of different contents to hold out."""
        objects, controls = tags_of(config)
        compared = {tag for control in controls if control.tag in ("Pairwise", "Ranker") for tag in control.objects}
        readable = [tag for tag in objects if tag.tag in READABLE]
        self._shown = [tag for tag in readable if tag not in compared] or readable
        self.part = part

    def content(self, data: Mapping[str, Any]) -> str:
        """The hash of what a task shows, without replies that people compare; of a ranking, its source's.

        Empty if it shows nothing.
        """
        shown = storable(shown_text(self._shown, data))
        return str(data.get(CONTENT) or (shown and hashlib.sha256(shown.encode()).hexdigest()[:16]))

    def holds_out(self, data: Mapping[str, Any], prompt: str = "") -> bool:
        """Whether a task is held out; of one that shows nothing, whether `prompt` is, which is asked there."""
        number = hashlib.sha256((self.content(data) or prompt).encode()).digest()[:4]
        return int.from_bytes(number) < self.part * 0x1_0000_0000
