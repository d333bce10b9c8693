"""Fixtures of the unit tests: an empty environment, the example configs, a labeling config in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llm_interactive.labeling import Labeling, parse_labeling_config
from llm_interactive.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what the shell that runs it has set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def example() -> Callable[[str], Labeling]:
    """The labeling of an example config, by the file's name, under the default prefixes."""

    def load(name: str) -> Labeling:
        config = (EXAMPLES / f"{name}.xml").read_text(encoding="utf-8")
        return parse_labeling_config(config, "prompt", "response")

    return load


@pytest.fixture
def labeling() -> Callable[[str], Labeling]:
    """The labeling of a config given by what stands inside its `<View>`, under the default prefixes."""
    return lambda inside: parse_labeling_config(f"<View>{inside}</View>", "prompt", "response")
