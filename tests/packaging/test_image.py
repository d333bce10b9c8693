"""What the image holds, and how it serves."""

from __future__ import annotations

import json
import re
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from demo.paths import ROOT
from llm_interactive.settings import Settings
from tests.packaging.container import Image
from tests.packaging.dockerfile import Dockerfile
from tests.packaging.locks import LOCKED_FOR


def test_the_image_installs_the_locks_and_the_package_and_nothing_else(dockerfile: Dockerfile) -> None:
    installs = [command for command in dockerfile.all("RUN") if "pip" in command]

    assert installs == [
        "python -m pip install --no-deps --require-hashes -r requirements.txt -r requirements-ocr.txt",
        "python -m pip install --no-deps --no-build-isolation .",
    ]


def test_the_images_python_is_the_one_that_was_locked_for(dockerfile: Dockerfile) -> None:
    assert dockerfile.last("FROM").startswith(f"python:{LOCKED_FOR['python_version']}-")


def test_a_changed_source_file_does_not_install_the_lock_again(dockerfile: Dockerfile) -> None:
    assert dockerfile.index("RUN", "pip install") < dockerfile.index("COPY", "llm_interactive")


def test_the_image_has_the_roots_of_tls(dockerfile: Dockerfile) -> None:
    assert dockerfile.index("RUN", "ca-certificates") < dockerfile.index("USER", "")


def test_the_server_does_not_run_as_root(dockerfile: Dockerfile) -> None:
    uid, gid = dockerfile.last("USER").split(":")

    assert int(uid) > 0
    assert int(gid) > 0
    assert dockerfile.index("USER", uid) > dockerfile.index("RUN", "pip install --no-deps --no-build-isolation")


def test_state_is_in_a_volume_that_the_server_may_write(dockerfile: Dockerfile) -> None:
    uid, gid = dockerfile.last("USER").split(":")

    assert dockerfile.last("VOLUME") == dockerfile.environment["MODEL_DIR"] == "/data"
    assert dockerfile.index("RUN", f"--owner={uid} --group={gid} /data") < dockerfile.index("VOLUME", "/data")


def test_the_image_listens_on_all_interfaces_at_the_exposed_port(dockerfile: Dockerfile) -> None:
    assert dockerfile.environment["HOST"] == "0.0.0.0"  # noqa: S104 - inside a container
    assert dockerfile.environment["PORT"] == dockerfile.last("EXPOSE") == str(Settings.model_fields["port"].default)


def test_the_image_starts_the_package_without_a_shell(dockerfile: Dockerfile) -> None:
    assert dockerfile.command == ["llm-interactive", "serve"]


def test_the_server_starts_in_a_folder_that_it_cannot_write_to(dockerfile: Dockerfile) -> None:
    assert dockerfile.last("WORKDIR") not in {*dockerfile.all("VOLUME"), dockerfile.all("WORKDIR")[0]}


def test_the_image_holds_no_secret(dockerfile: Dockerfile) -> None:
    names = [*dockerfile.environment, *dockerfile.all("ARG")]

    assert [name for name in names if re.search("KEY|PASS|TOKEN|SECRET|DATABASE", name)] == []


def test_all_that_the_image_copies_is_sent_to_the_build_and_nothing_else(dockerfile: Dockerfile) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()

    assert "*" in lines
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(dockerfile.sources)


@pytest.fixture(scope="module")
def image(dockerfile: Dockerfile, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image.build(dockerfile, tmp_path_factory.mktemp("image"))


@pytest.mark.packaging
def test_the_image_serves_and_stops_when_told_to(image: Image, tmp_path: Path) -> None:
    with image.running(tmp_path) as container:
        status, body = container.get("/health")
        assert (status, json.loads(body)["status"]) == (200, "UP")
        assert container.stop() == 0


@pytest.mark.packaging
def test_the_images_health_check_tells_up_from_down(image: Image, tmp_path: Path) -> None:
    with image.running(tmp_path) as container:
        assert image.health_check(container.port) == 0
        container.stop()
        assert image.health_check(container.port) != 0


@pytest.mark.packaging
def test_several_workers_come_up_and_stop(image: Image, tmp_path: Path) -> None:
    with image.running(tmp_path, WORKERS="2") as container:
        assert container.stop() == 0


@pytest.mark.packaging
def test_the_server_writes_to_its_volume_only(image: Image, tmp_path: Path) -> None:
    before = image.files()
    with image.running(tmp_path) as container:
        container.stop()

        assert image.files() == before
        assert [path for path in container.data.rglob("*") if "gunicorn" in path.name] == []


@pytest.mark.packaging
def test_the_installed_package_is_compiled(image: Image) -> None:
    modules = {path for path in image.files() if path.suffix == ".py" and "llm_interactive" in path.parts}

    assert modules
    assert {path for path in modules if not Path(cache_from_source(path)).is_file()} == set()
