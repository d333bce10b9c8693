from __future__ import annotations

import pytest

from demo.paths import ROOT
from tests.packaging.dockerfile import Dockerfile


@pytest.fixture(scope="module")
def dockerfile() -> Dockerfile:
    return Dockerfile.read(ROOT / "Dockerfile")
