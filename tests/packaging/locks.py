"""The locks, and what the installed packages say they need."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from demo.paths import LABEL_STUDIO_VENV, LLM_VENV, ROOT

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]

COMPILED_FROM: dict[str, list[str]] = {
    "requirements": [*PROJECT["dependencies"], *GROUPS["label-studio-ml"], *GROUPS["build"]],
    "requirements-ocr": PROJECT["optional-dependencies"]["ocr"],
    "requirements-evaluation": PROJECT["optional-dependencies"]["evaluation"],
    "requirements-test": GROUPS["test"],
}
"""What is written by hand for each lock that is compiled from pyproject.toml; the others have a file of their own."""

LOCKS = {
    "requirements": Path(sys.prefix),
    "requirements-ocr": Path(sys.prefix),
    "requirements-evaluation": Path(sys.prefix),
    "requirements-test": Path(sys.prefix),
    "demo/requirements-label-studio": LABEL_STUDIO_VENV,
    "demo/requirements-llm": LLM_VENV,
}

# What `make lock` compiles for; other machines may need less of it, but nothing else.
LOCKED_FOR = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
}


def written(name: str) -> list[Requirement]:
    """The requirements in a file that is written by hand."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def requirements(name: str) -> list[Requirement]:
    """What a lock is compiled from."""
    return [Requirement(line) for line in COMPILED_FROM[name]] if name in COMPILED_FROM else written(name)


def named(asked: Iterable[Requirement]) -> set[str]:
    """The distributions' names, as indexes write them."""
    return {canonicalize_name(requirement.name) for requirement in asked}


def locked(name: str) -> dict[str, tuple[str, list[str]]]:
    """Release and hashes of each distribution in a lock."""
    entries = re.split(r"\n(?=\S)", (ROOT / f"{name}.txt").read_text().replace("\\\n", ""))
    releases: dict[str, tuple[str, list[str]]] = {}
    for entry in entries:
        if not entry.startswith("#"):
            requirement, *rest = entry.split()
            distribution, _, version = requirement.partition("==")
            hashes = [word for word in rest if word.startswith("--hash=sha256:")]
            releases[canonicalize_name(distribution)] = (version, hashes)
    return releases


OVERRIDES = {
    canonicalize_name(requirement.name): requirement
    for requirement in map(Requirement, PYPROJECT["tool"]["uv"]["override-dependencies"])
}

UNUSED = named(written("requirements-unused"))
"""Distributions that the image's lock leaves out."""


def installed(name: str) -> dict[str, Distribution]:
    """The distributions in the environment that a lock is installed into."""
    folders = [str(folder) for folder in LOCKS[name].glob("lib/python*/site-packages")]
    if not folders:
        pytest.skip(f"{LOCKS[name]} is not there: make environment")
    return {canonicalize_name(found.name): found for found in distributions(path=folders)}


def needed(name: str, environment: Mapping[str, str]) -> dict[str, SpecifierSet]:
    """All that a lock's hand-written requirements lead to, with what is asked of each one's release."""
    found = installed(name)
    asked: dict[str, SpecifierSet] = {}
    seen: set[tuple[str, str]] = set()
    waiting = requirements(name)
    while waiting:
        requirement = waiting.pop()
        requirement = OVERRIDES.get(canonicalize_name(requirement.name), requirement)
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": ""}):
            continue
        distribution = canonicalize_name(requirement.name)
        if name == "requirements" and distribution in UNUSED:
            continue
        asked[distribution] = asked.get(distribution, SpecifierSet()) & requirement.specifier
        for extra in {"", *requirement.extras}:
            if (distribution, extra) in seen or distribution not in found:
                continue
            seen.add((distribution, extra))
            for text in found[distribution].requires or ():
                further = Requirement(text)
                if further.marker is None or further.marker.evaluate({**environment, "extra": extra}):
                    further.marker = None
                    waiting.append(further)
    return asked
