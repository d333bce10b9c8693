from __future__ import annotations

from pathlib import Path

import pytest

from docs.generate import parts, with_parts


@pytest.mark.parametrize("path", parts(), ids=lambda path: path.name)
def test_the_documentation_says_what_the_code_does(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text == with_parts(text, parts()[path]), "run: make docs"
