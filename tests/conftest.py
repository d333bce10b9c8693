"""Which tests stay together where two processes run them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Keep those in one process whose parts take minutes to start or install."""
    for item in items:
        for marker in ("e2e", "packaging"):
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.xdist_group(marker))
