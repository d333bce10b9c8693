"""Fixtures of the unit tests: an empty environment, the example configs, a labeling config in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from llm_interactive.labeling.config import PromptSpec, parse_labeling_config
from llm_interactive.outputs.form import Form
from llm_interactive.settings import Settings

# The same examples in every run: a change is judged by what it changes.
settings.register_profile("repeatable", derandomize=True, database=None)
settings.load_profile("repeatable")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what the shell that runs it has set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def specs() -> Callable[[str], tuple[PromptSpec, ...]]:
    """The prompt specs of a config given by what stands inside its `<View>`, under the default prefixes."""
    return lambda inside: parse_labeling_config(f"<View>{inside}</View>", "prompt", "response")


@pytest.fixture
def spec(specs: Callable[[str], tuple[PromptSpec, ...]]) -> Callable[[str], PromptSpec]:
    """The one prompt spec of such a config."""

    def parse(inside: str) -> PromptSpec:
        [only] = specs(inside)
        return only

    return parse


@pytest.fixture
def form(spec: Callable[[str], PromptSpec]) -> Callable[[str], Form]:
    """The form of the one prompt spec of such a config."""
    return lambda inside: Form.of(spec(inside))


@pytest.fixture
def config() -> Callable[[str], str]:
    """An example config, by the file's name."""
    return lambda name: (EXAMPLES / f"{name}.xml").read_text(encoding="utf-8")


@pytest.fixture
def example(config: Callable[[str], str]) -> Callable[[str], PromptSpec]:
    """The one prompt spec of an example config, by the file's name, under the default prefixes."""

    def load(name: str) -> PromptSpec:
        [only] = parse_labeling_config(config(name), "prompt", "response")
        return only

    return load


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
