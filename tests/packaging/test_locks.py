"""The locks are hashed, complete, and hold nothing that nobody needs."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import Distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from demo.paths import ROOT
from tests.packaging.locks import LOCKED_FOR, LOCKS, PROJECT, UNUSED, installed, locked, named, needed, requirements

LOCK_NAMES = pytest.mark.parametrize("name", LOCKS)

PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|ISC|MPL|PSFL?|Python Software Foundation)\b")

OTHER_LICENCES = {
    "psycopg": "LGPL-3.0-only",  # a library of its own, unchanged; whoever has the image can replace it
    "psycopg-binary": "LGPL-3.0-only",
    "label-studio-sdk": "",  # Apache 2.0, said in its LICENSE alone
}


@LOCK_NAMES
def test_every_locked_release_has_hashes(name: str) -> None:
    releases = locked(name)

    assert releases
    assert [distribution for distribution, (version, hashes) in releases.items() if not version or not hashes] == []


@LOCK_NAMES
def test_the_environment_holds_the_locked_releases(name: str) -> None:
    found = installed(name)

    wrong = {
        distribution: version
        for distribution, (version, _) in locked(name).items()
        if distribution not in found or found[distribution].version != version
    }
    assert wrong == {}


@LOCK_NAMES
def test_a_lock_is_complete_on_this_machine(name: str) -> None:
    assert set(needed(name, {})) - set(locked(name)) == set()


@LOCK_NAMES
def test_a_lock_holds_what_is_needed_and_nothing_else(name: str) -> None:
    assert set(locked(name)) == set(needed(name, LOCKED_FOR))


@LOCK_NAMES
def test_locked_releases_are_those_that_the_others_ask_for(name: str) -> None:
    releases = locked(name)

    wrong = {
        f"{distribution}{specifier}": releases[distribution][0]
        for distribution, specifier in needed(name, LOCKED_FOR).items()
        if not specifier.contains(releases[distribution][0], prereleases=True)
    }
    assert wrong == {}


@pytest.mark.parametrize("name", ["requirements-ocr", "requirements-evaluation", "requirements-test"])
def test_what_is_installed_on_top_holds_the_releases_of_the_image(name: str) -> None:
    image, on_top = locked("requirements"), locked(name)
    both = image.keys() & on_top.keys()

    assert {distribution: on_top[distribution] for distribution in both} == {
        distribution: image[distribution] for distribution in both
    }


def test_the_image_holds_nothing_that_is_left_out_as_unused() -> None:
    assert UNUSED & locked("requirements").keys() == set()
    assert UNUSED - named(map(Requirement, installed("requirements")["label-studio-sdk"].requires or ())) == set()


def licence(distribution: Distribution) -> str:
    """A distribution's licence, as its metadata has it."""
    said = distribution.metadata.get_all
    classifiers = [line for line in said("Classifier", []) if line.startswith("License ::")]
    return " ".join(said("License-Expression", []) or classifiers or said("License", []))


@pytest.mark.parametrize("name", ["requirements", "requirements-ocr", "requirements-evaluation"])
def test_whoever_passes_the_backend_on_may_keep_their_own_code_to_themselves(name: str) -> None:
    found = installed(name)
    licences = {distribution: licence(found[distribution]) for distribution in locked(name)}

    others = {
        distribution: text for distribution, text in licences.items() if "GPL" in text or not PERMISSIVE.search(text)
    }
    assert others.items() <= OTHER_LICENCES.items()


def imported(module: Path) -> set[str]:
    """Names of the packages that a module imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(module.read_text())))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    froms = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in [*plain, *froms]}


def test_all_that_the_backend_imports_is_asked_for_by_name() -> None:
    modules = [*(ROOT / "llm_interactive").rglob("*.py"), ROOT / "model.py", ROOT / "_wsgi.py"]
    names = set[str]().union(*map(imported, modules)) - {"llm_interactive"} - set(sys.stdlib_module_names)
    distributions = packages_distributions()
    extras = [*requirements("requirements-ocr"), *requirements("requirements-evaluation")]
    asked = named([*requirements("requirements"), *extras])

    assert {name for name in names if asked.isdisjoint(map(canonicalize_name, distributions.get(name, ())))} == set()


def test_what_label_studio_ml_needs_is_installed_with_the_package() -> None:
    needs = {
        requirement.name: requirement
        for requirement in map(Requirement, installed("requirements")["label-studio-ml"].requires or ())
    }
    del needs["attr"]  # means attrs

    assert named(needs.values()) - named(map(Requirement, PROJECT["dependencies"])) == set()
