"""The wheel: what it holds, and that it serves on its own, far from this tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from demo.paths import EXAMPLES, ROOT
from llm_interactive import __version__
from llm_interactive.settings import Settings
from tests.packaging.container import Server, serving

CONFIG = (EXAMPLES / "text-classification.xml").read_text()


def _run(*command: str | Path) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment that holds the lock and the wheel."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder)
    install: list[str | Path] = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--python",
        folder / "bin" / "python",
    ]
    _run(*install, "--require-hashes", "-r", "requirements.txt")
    _run(*install, wheel)
    return folder / "bin"


def _environment() -> dict[str, str]:
    settings = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name not in settings}


@pytest.fixture(scope="module")
def server(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    environment = {**_environment(), "OPENAI_API_KEY": "any", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    with serving([programs / "llm-interactive", "serve"], folder, folder, environment) as up:
        yield up


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (ROOT / "llm_interactive").rglob("*")

    assert wheel.name.startswith(f"llm_interactive-{__version__}-py3-none-any")
    assert held == {str(path.relative_to(ROOT)) for path in files if path.is_file() and "__pycache__" not in path.parts}


@pytest.mark.packaging
def test_the_installed_command_tells_its_version_and_its_subcommands(programs: Path) -> None:
    assert _run(programs / "llm-interactive", "--version") == f"llm-interactive {__version__}\n"
    assert "\n  serve " in _run(programs / "llm-interactive", "--help")
    assert "Example:\n    OPENAI_API_KEY=" in _run(programs / "llm-interactive", "serve", "--help")


@pytest.mark.packaging
def test_every_module_and_label_studios_client_can_be_imported_from_the_lock_alone(programs: Path) -> None:
    script = (
        "import importlib, pkgutil, llm_interactive\n"
        "for module in pkgutil.walk_packages(llm_interactive.__path__, 'llm_interactive.'):\n"
        "    try:\n"
        "        if not module.name.endswith('__main__'):\n"
        "            importlib.import_module(module.name)\n"
        "    except ModuleNotFoundError as missing:\n"
        "        if missing.name.partition('.')[0] not in ('evalica', 'nervaluate', 'nltk', 'scipy', 'sklearn'):\n"
        "            raise\n"
        "from label_studio_sdk import LabelStudio\n"
        "from label_studio_sdk.label_interface import LabelInterface\n"
        "client = LabelStudio(base_url='http://127.0.0.1:9', api_key='any')\n"
        "client.projects, client.tasks, client.annotations, client.predictions, client.views\n"
    )
    _run(programs / "python", "-c", script)


@pytest.mark.packaging
def test_the_installed_command_serves(server: Server) -> None:
    status, body = server.get("/health")

    assert (status, json.loads(body)["status"]) == (200, "UP")


@pytest.mark.packaging
def test_the_installed_server_accepts_a_projects_config(server: Server) -> None:
    status, body = server.post("/setup", {"project": "1.1", "schema": CONFIG})

    assert status == 200, body
    assert json.loads(body)["model_version"]


@pytest.mark.packaging
def test_the_installed_server_refuses_a_config_that_it_cannot_fill(server: Server) -> None:
    status, body = server.post("/setup", {"project": "1.1", "schema": "<View/>"})

    assert status == 400
    assert json.loads(body)["error"]


@pytest.mark.packaging
def test_without_label_studio_ml_the_command_says_how_to_install_it(programs: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(
        "import importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *package: None if name == 'label_studio_ml' else found(name, *package)\n"
    )
    ended = subprocess.run(
        [programs / "llm-interactive", "serve"],
        env={**_environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "llm-interactive: label-studio-ml is not installed: pip install --no-deps label-studio-ml==1.0.9"
    ]
