"""What annotations say of replies, whatever file it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Messages = Sequence[dict[str, Any]]
"""Chat messages: `role`, and a text or a list of parts as `content`."""


@dataclass(frozen=True)
class Origin:
    """Where an example comes from.

    Attributes:
        model_version: that of the reply which was judged, in a pair of the worse one, where it is known.
        chosen_version: that of the better one of a pair, where a model gave it.
    """

    task: int
    annotation: int
    user: int | None
    source: str
    model_version: str = ""
    chosen_version: str = ""


@dataclass(frozen=True)
class Completion:
    """A reply to `messages` that is `good` or not; `reason` says why it has no counterpart.

    `shown` is what annotators saw of the messages, if they did not see all: by that their votes are counted.
    `labels` is what it says beside texts, on which annotators should agree; empty for texts alone.
    """

    messages: Messages
    reply: str
    origin: Origin
    good: bool = True
    reason: str = ""
    shown: Messages = ()
    labels: str = ""


@dataclass(frozen=True)
class Pair:
    """Two replies to the same `messages`, one better than the other; `shown` as in Completion."""

    messages: Messages
    chosen: str
    rejected: str
    origin: Origin
    shown: Messages = ()


@dataclass(frozen=True)
class Vote:
    """What an annotator says of two replies to the same `messages` beside the pairs that are wanted of a ranking.

    It is no example, but counts where others say something of the same two. `chosen` is the better one, None if they
    are as good as each other.
    """

    messages: Messages
    replies: tuple[str, str]
    chosen: str | None


Example = Completion | Pair
Judged = Example | Vote
