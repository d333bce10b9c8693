"""How the labeling configs of rankings look in Label Studio's page."""

from __future__ import annotations

import pytest
from lxml import etree

from demo.paths import EXAMPLES
from llm_interactive.ranking.form import labeling_config

CONFIGS = {path.name: path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.xml"))}
CONFIGS |= {"pair": labeling_config([], as_pair=True), "list": labeling_config([], as_pair=False)}


@pytest.mark.parametrize("name", CONFIGS)
def test_styles_have_no_child_selectors_which_label_studio_breaks(name: str) -> None:
    assert [style.text for style in etree.fromstring(CONFIGS[name]).iter("Style") if ">" in str(style.text)] == []
