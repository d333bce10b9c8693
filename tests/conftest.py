"""What tests need to be run by two processes: names of their own, and those together that share parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_TOGETHER = ("tests/e2e", "tests/packaging")
"""Folders whose tests share parts that take a minute to start or install."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives a process all tests of a folder, or of a file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in _TOGETHER if file.startswith(folder)), file)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Refuse tests of one name: of those only one would be run.

    Raises:
        pytest.UsageError: their names.
    """
    twice = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(f"Several tests have the same name: {', '.join(twice)}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Called where `--numprocesses` is given."""
    return Scheduling(config, log)
