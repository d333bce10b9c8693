"""What every output can do: say what it wants, check what came, turn it into regions and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from llm_interactive.labeling.tags import ControlTag, ObjectTag, Region

Schema = dict[str, Any]
"""A JSON schema in the part that all servers with structured output share: type, enum, properties, items, null.

All properties are required, `additionalProperties` is false, and no bounds, lengths, formats or descriptions stand in
it (https://platform.openai.com/docs/guides/structured-outputs).
"""

Data = Mapping[str, Any]
"""A task's data."""


@dataclass(frozen=True)
class Checked:
    """A value with what does not fit left out (None, or an empty list), and what was wrong, for asking again.

    `fault` is a phrase for the model ("must be one of …"), None where nothing was wrong.
    """

    value: Any
    fault: str | None = None


class Output(Protocol):
    """A control tag that a model fills. Pure: it holds nothing but its control."""

    control: ControlTag

    @property
    def depends_on_task(self) -> bool:
        """Whether schema and guide differ from task to task, as labels or items are the task's."""

    def schema(self, data: Data) -> Schema:
        """The schema of the value.

        Raises:
            TaskDataError: labels or items that the task should bring are missing.
        """

    def guide(self, data: Data) -> str:
        """The value in words, for a model that does not see the schema: form, labels with hints.

        One line without the name. It is the same for every task unless the task brings the labels.
        """

    def check(self, value: Any, data: Data) -> Checked:
        """What of a model's value fits. Never raises for a value, whatever it is."""

    def regions(self, value: Any, data: Data) -> list[Region]:
        """The regions that a checked value makes; none for None and for an empty list."""

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The inverse: the value that an annotation's or prediction's regions of this control hold."""


def region_id(*parts: Any) -> str:
    """An id that is the same for the same control, place and label, so that another answer replaces the region.

    It begins with a letter: the page would put ids of digits alone before all others.
    """
    return "r" + hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:10]


def region(control: ControlTag, value: Mapping[str, Any], *, target: ObjectTag | None = None, id: str = "") -> Region:
    """A region of `control`, of its own id unless one is given (a perRegion control takes its region's)."""
    target = target or control.objects[0]
    return {
        "id": id or region_id(control.name, target.name),
        "from_name": control.name,
        "to_name": target.name,
        "type": control.tag.lower(),
        "value": dict(value),
    }
