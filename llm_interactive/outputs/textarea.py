"""TextArea: a text, or several of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.labeling.tags import ControlTag, Region
from llm_interactive.outputs.base import Checked, Data, Output, Schema, region
from llm_interactive.outputs.scalars import stored_values
from llm_interactive.text import storable


@dataclass(eq=False)
class TextArea:
    """A text or None; a list of texts (several responses) becomes one region with an entry for each."""

    control: ControlTag
    is_response: bool = False
    """Whether a reply always has it: small models would often rather give null."""

    depends_on_task = False

    def schema(self, data: Data) -> Schema:
        """A string, or null unless it is the response."""
        return {"type": "string" if self.is_response else ["string", "null"]}

    def guide(self, data: Data) -> str:
        """The form."""
        return "text" if self.is_response else "text, or null"

    def check(self, value: Any, data: Data) -> Checked:
        """A text that is not blank, or a list of such."""
        if isinstance(value, list) and all(isinstance(text, str) for text in value):
            return Checked([storable(text) for text in value if _says(text)] or None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and _says(value):
            return Checked(storable(value))
        if self.is_response:
            return Checked(None, "must be a text that is not empty")
        if isinstance(value, str):
            return Checked(None)
        return Checked(None, None if value is None else "must be a text or null")

    def regions(self, value: Any, data: Data) -> list[Region]:
        """One region with all texts, also with more than `maxSubmissions`: they are paid for."""
        texts = [value] if isinstance(value, str) else list(value or [])
        return [region(self.control, {"text": texts})] if texts else []

    def value_of(self, regions: Sequence[Region]) -> list[str]:
        """The texts, always as a list."""
        values = stored_values(self.control, regions, "text")
        return [text for value in values for text in ([value] if isinstance(value, str) else value)]


def _says(text: str) -> bool:
    return text.strip().casefold() not in ("", "null")


def is_response(output: Output) -> bool:
    """Whether an output is the response of its prompt spec."""
    return isinstance(output, TextArea) and output.is_response
