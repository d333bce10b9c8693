"""Pages of which browsers and lxml make the same tree, and those of which they may not."""

import pytest

from llm_interactive.labeling.nesting import is_well_nested
from llm_interactive.labeling.pages import body_of


def well_nested(html: str) -> bool:
    body = body_of(html)
    assert body is not None
    return is_well_nested(html, body)


@pytest.mark.parametrize(
    "html",
    [
        "just text",
        "<p>a<br>b</p><p>c<img src=x>d</p>",
        "<div><p>a <b>b</b> &amp; c < d</p><ul><li>e<ul><li>f</li></ul></li></ul></div>",
        "<table><tr><td><p>a</p></td><th>b</th></tr></table>",
        "<table><caption>a</caption><thead> <tr>\n<th>b</th></tr></thead><tbody></tbody></table>",
        "<!DOCTYPE html><html><head><title>t</title><style>p {}</style></head><body><P>a</p></body></html>",
        "<style>p {}</style><p>a</p><script>x</script>",
        "<o:p>a</o:p><custom-tag>b</custom-tag>",
        "<dl><dt>a</dt><dd>b</dd></dl>",
        "<a href=x><div><p>a</p></div></a>",
        "<p>a<p>b<ul><li>c<li>d</ul><h2>e</h2><p>f",
        "<table><tr><td>a<td>b<tr><th><p>c</table>",
    ],
)
def test_what_the_standard_allows_has_one_tree(html: str) -> None:
    assert well_nested(html)


# A browser's tree of each differs from lxml's, or would with more around it.
@pytest.mark.parametrize(
    "html",
    [
        "<p>Intro<div>a</div></p>",
        "<p>Team:<ul><li>a</li></ul></p>",
        "<p>a</p></p>",
        "<p><font>a<p>b</font> c</p>",
        "<p>a<section>b</section></p>",
        "<p>a<table><tr><td>b</td></tr></table></p>",
        "<b>a<i>b</b>c</i>",
        "<b>a<p>b</b>c</p>",
        "<span>a<p>b</span><p>c",
        "<custom-tag><p>a</custom-tag>b",
        "<p/>a",
        "<p>a</br>b</p>",
        "<h1>a<h2>b</h2></h1>",
        "<a>a<a>b</a></a>",
        "<form>a<form>b</form></form>",
        "<li>a<div><li>b</li></div></li>",
        "<table><tr><td>a</td></tr>b</table>",
        "<table><tr><p>a</p></tr></table>",
        "<table><td>a</td></table>",
        "<select><option>a<img src=x>b</option></select>",
        "<template><p>a</p></template>",
        "<noscript><p>a</p></noscript>",
        "<svg><title>a</title></svg>",
        "<image>a</image>",
    ],
)
def test_what_parsers_mend_in_their_own_ways_has_not(html: str) -> None:
    assert not well_nested(html)
    assert not well_nested(f"<div>x</div>{html}<div>x</div>")


def test_more_errors_than_lxml_keeps_are_no_certainty() -> None:
    assert not well_nested("<p>&bogus;</p>" * 100 + "<p>a</p></p>" * 100)
