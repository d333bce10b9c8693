"""Which tests stay together where two processes run them."""

from __future__ import annotations

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Called where `--numprocesses` is given."""
    return Scheduling(config, log)
