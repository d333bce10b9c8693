"""Fixtures of the unit tests: an empty environment, the example configs, a labeling config in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_interactive.labeling.config import Labeling, parse_labeling_config
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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of media.test, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=media.test"
    names = ["-addext", "subjectAltName=DNS:media.test"]
    subprocess.run([*command.split(), *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    both.write_text(key.read_text() + cert.read_text())
    return both
