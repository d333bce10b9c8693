"""What a user starts: the Compose file, and the Makefile's targets."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from typing import Any

import pytest
import yaml
from gunicorn.config import KNOWN_SETTINGS

from demo.paths import ROOT
from llm_interactive import __version__
from llm_interactive.settings import Settings
from llm_interactive.web import gunicorn_conf
from tests.packaging.dockerfile import Dockerfile
from tests.packaging.locks import locked

BACKEND = "llm-interactive"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def backend(compose: dict[str, Any]) -> dict[str, Any]:
    service: dict[str, Any] = compose["services"][BACKEND]
    return service


@pytest.fixture(scope="module")
def label_studio(compose: dict[str, Any]) -> dict[str, Any]:
    service: dict[str, Any] = compose["services"]["label-studio"]
    return service


def test_compose_builds_the_backend_and_serves_it_on_9090(backend: dict[str, Any]) -> None:
    assert backend["build"] == "."
    [port] = backend["ports"]
    assert port.endswith(":9090")
    assert backend["restart"] == "unless-stopped"


def test_compose_keeps_the_backends_state_in_a_volume(backend: dict[str, Any], compose: dict[str, Any]) -> None:
    [volume] = backend["volumes"]
    name, _, mounted = volume.partition(":")

    assert mounted == "/data"
    assert name in compose["volumes"]


@pytest.mark.parametrize("service", ["llm-interactive", "label-studio"])
def test_compose_publishes_ports_on_this_computer_alone_unless_told_otherwise(
    compose: dict[str, Any], service: str
) -> None:
    [port] = compose["services"][service]["ports"]

    assert re.match(r"(\$\{[A-Z_]+:-)?127\.0\.0\.1:", port)


def test_compose_gives_the_backend_no_right_that_it_does_not_need(backend: dict[str, Any]) -> None:
    assert backend["read_only"] is True
    assert backend["cap_drop"] == ["ALL"]
    assert backend["security_opt"] == ["no-new-privileges:true"]
    assert backend["tmpfs"] == ["/tmp"]


def test_compose_gives_requests_under_way_the_time_that_the_server_gives_them(backend: dict[str, Any]) -> None:
    assert int(backend["stop_grace_period"].removesuffix("s")) > gunicorn_conf.graceful_timeout


def test_gunicorn_started_by_hand_finds_the_packages_configuration() -> None:
    by_hand: dict[str, Any] = {}
    exec((ROOT / "gunicorn.conf.py").read_text(), by_hand)  # noqa: S102 - as gunicorn does

    settings = vars(gunicorn_conf).keys() & {setting.name for setting in KNOWN_SETTINGS}
    assert "worker_class" in settings
    assert {name: by_hand[name] for name in settings} == {name: getattr(gunicorn_conf, name) for name in settings}


def test_only_the_backend_starts_without_a_profile(compose: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles") for name, service in compose["services"].items()}

    assert profiles == {BACKEND: None, "label-studio": ["demo"], "llm": ["demo"], "llm-model": ["demo"]}


def test_every_variable_of_the_backend_is_a_setting_or_the_images(
    backend: dict[str, Any], dockerfile: Dockerfile
) -> None:
    settings = {name.upper() for name in Settings.model_fields}

    assert settings == backend["environment"].keys() | (dockerfile.environment.keys() & settings)
    assert backend["environment"].keys() <= settings


def test_every_setting_can_be_given_from_outside(backend: dict[str, Any]) -> None:
    assert [name for name, value in backend["environment"].items() if not value.startswith(f"${{{name}:-")] == []


def test_defaults_in_compose_are_those_of_the_code(backend: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    defaults = Settings.from_environment().model_dump()
    for name, value in backend["environment"].items():
        monkeypatch.setenv(name, value.removeprefix(f"${{{name}:-").removesuffix("}"))
    composed = Settings.from_environment().model_dump()

    # In a container, localhost is the container.
    assert composed.pop("ollama_endpoint") == defaults.pop("ollama_endpoint").replace(
        "localhost", "host.docker.internal"
    )
    # A model that OpenAI serves today.
    assert composed.pop("openai_model") != defaults.pop("openai_model")
    assert composed == defaults
    assert "host.docker.internal:host-gateway" in backend["extra_hosts"]


def test_each_of_the_backends_settings_has_a_comment() -> None:
    lines = (ROOT / "docker-compose.yml").read_text().split("label-studio:\n")[0].splitlines()
    first_of_a_group = [before for before, line in pairwise(lines) if re.match(r" +[A-Z_]+: \$", line)]

    assert [line for line in first_of_a_group if not re.match(r" +(#|[A-Z_]+: \$)", line)] == []


def test_the_demos_label_studio_may_call_the_backend_and_its_webhook(label_studio: dict[str, Any]) -> None:
    assert label_studio["environment"]["ML_BLOCK_LOCAL_IP"] == "false"
    assert label_studio["environment"]["SSRF_PROTECTION_ENABLED"] == "false"
    assert label_studio["ports"] == ["127.0.0.1:8080:8080"]
    assert label_studio["volumes"]


def test_the_demos_label_studio_is_the_tested_one(label_studio: dict[str, Any]) -> None:
    version, _ = locked("demo/requirements-label-studio")["label-studio"]

    assert label_studio["image"] == f"heartexlabs/label-studio:{version}"


def test_the_demos_model_is_the_one_that_the_backend_is_told_to_ask(compose: dict[str, Any]) -> None:
    header = (ROOT / "docker-compose.yml").read_text().split("services:")[0]
    told = dict(re.findall(r"([A-Z_]+)=(\S+)", header.partition("docker compose --profile demo")[0].splitlines()[-1]))

    assert told["OPENAI_PROVIDER"] == "ollama"
    assert told["OLLAMA_ENDPOINT"] == "http://llm:11434/v1"
    assert compose["services"]["llm-model"]["command"] == ["pull", f"${{OPENAI_MODEL:-{told['OPENAI_MODEL']}}}"]


def test_make_alone_lists_the_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    targets = {line.split()[1] for line in listed.splitlines()}
    assert targets >= {"install", "serve", "test", "check", "demo", "demo-clean", "clean", "lock"}


def test_pre_commit_runs_the_checks_of_make_check() -> None:
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck: ")[2].partition("\n\n")[0].splitlines()[1:]

    assert [hook["entry"] for hook in local["hooks"]] == [line.strip() for line in recipe]


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
