"""How the labeling configs of rankings look in Label Studio's page."""

from __future__ import annotations

import pytest
from lxml import etree

from demo.paths import EXAMPLES
from llm_interactive.labeling.tags import ObjectTag
from llm_interactive.ranking.form import judging_config, labeling_config

CONFIGS = {path.name: path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.xml"))}
CONFIGS |= {"pair": labeling_config([], as_pair=True), "list": labeling_config([], as_pair=False)}


@pytest.mark.parametrize("as_pair", [True, False])
@pytest.mark.parametrize("name", ["context", "r1", "replies", "better", "picture2"])
def test_a_picture_of_any_name_has_one_that_no_other_tag_has(name: str, as_pair: bool) -> None:
    pictures = [ObjectTag("Image", name, "$a", {"value": "$a"}, ""), ObjectTag("Image", "b", "$b", {"value": "$b"}, "")]
    config = labeling_config(pictures, as_pair=as_pair)
    for made in (config, judging_config(config, "prompt")):
        names = [tag.get("name") for tag in etree.fromstring(made).iter() if tag.get("name")]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("name", CONFIGS)
def test_styles_have_no_child_selectors_which_label_studio_breaks(name: str) -> None:
    assert [style.text for style in etree.fromstring(CONFIGS[name]).iter("Style") if ">" in str(style.text)] == []
