import tracemalloc
from typing import Any

import pytest

from llm_interactive.labeling.tags import ObjectTag
from llm_interactive.outputs.texts import html_text, span_text


def place(tag: str, content: Any, *quotes: str, **attributes: str) -> list[dict[str, Any] | None]:
    target = ObjectTag(tag, "object", "$field", attributes)
    return span_text(target, {"field": content}).find([(quote, None) for quote in quotes])


def nodes(html: str, *, inline: bool = False) -> list[tuple[str, str, int]]:
    return [(node.path, node.text, node.begin) for node in html_text(html, inline=inline).nodes]


def test_text_offsets_are_code_points() -> None:
    assert place("Text", "😀 Bob", "Bob") == [
        {"start": 2, "end": 5, "text": "Bob", "globalOffsets": {"start": 2, "end": 5}}
    ]


def test_a_line_break_of_two_characters_counts_two_in_text() -> None:
    (value,) = place("Text", "a\r\nBob", "Bob")
    assert value
    assert value["start"] == 3


@pytest.mark.parametrize("content", [None, [], {}, 12, True])
def test_what_is_no_text_has_no_places(content: Any) -> None:
    for tag in ("Text", "HyperText", "Paragraphs"):
        assert place(tag, content, "Bob") == [None]


def test_a_missing_field_and_an_address_have_no_places() -> None:
    assert span_text(ObjectTag("Text", "t", "$other"), {}).find([("Bob", None)]) == [None]
    assert place("Text", "https://example.com/Bob", "Bob", valuetype="url") == [None]


def test_paragraphs_have_their_index_as_a_string_and_offsets_in_utf16() -> None:
    content = [{"author": "A", "text": "Hi"}, {"author": "B", "text": "😀 Bob"}]
    assert place("Paragraphs", content, "Bob") == [
        {"start": "1", "end": "1", "startOffset": 3, "endOffset": 6, "text": "Bob"}
    ]


def test_a_quote_in_several_paragraphs_goes_by_reading_order() -> None:
    content = [{"text": "yes"}, {"text": "no"}, {"text": "yes, yes"}]
    values = place("Paragraphs", content, "yes", "yes", "yes", "yes")
    assert [value and (value["start"], value["startOffset"]) for value in values] == [
        ("0", 0),
        ("2", 0),
        ("2", 5),
        None,
    ]


def test_a_mention_is_looked_for_in_its_paragraph_first() -> None:
    target = ObjectTag("Paragraphs", "p", "$turns", {"textkey": "says"})
    text = span_text(target, {"turns": [{"says": "yes"}, {"says": "yes"}, "garbage", {"says": 5}]})
    values = text.find([("yes", 2), ("yes", 99), ("5", 1)])
    assert [value and value["start"] for value in values] == ["1", "0", "3"]


def test_no_place_reaches_over_two_paragraphs() -> None:
    content = [{"text": "Bob"}, {"text": "Smith"}]
    assert place("Paragraphs", content, "Bob Smith", "Bob\x00Smith", "Bob\nSmith") == [None, None, None]


def test_hypertext_has_paths_with_utf16_offsets_and_global_code_points() -> None:
    assert place("HyperText", "<p>😀 a</p><p>😀 <b>Bob</b> Smith</p>", "Bob Smith") == [
        {
            "start": "/p[2]/b[1]/text()[1]",
            "end": "/p[2]/text()[2]",
            "startOffset": 0,
            "endOffset": 6,
            "globalOffsets": {"start": 5, "end": 14},
            "text": "Bob Smith",
        }
    ]


@pytest.mark.parametrize(
    ("html", "offset"),
    [
        ("<p>Intro<div>Zed</div></p><p>Dora</p><p>Eve</p>", 12),
        ("<p>Team:<ul><li>Zed</li></ul></p><p>Dora</p><p>Eve</p>", 12),
        ("<p>A</p></p><p>Dora</p><p>Eve</p>", 5),
        ("<p><font>A<p>B</font> C</p><p>Dora</p><p>Eve</p>", 8),
    ],
)
def test_where_browsers_may_make_another_tree_the_code_points_count(html: str, offset: int) -> None:
    text = html_text(html)
    (value,) = text.find([("Eve", None)])
    assert value
    assert value["start"].startswith("/nowhere[1]/")
    assert value["end"].startswith("/nowhere[1]/")
    assert value["globalOffsets"] == {"start": offset, "end": offset + 3}
    assert text.quote({**value, "start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "text": None}) == "Eve"


def test_a_quote_reaches_over_a_line_break_and_the_end_of_a_block() -> None:
    (value,) = place("HyperText", "<div>Bob<br>Smith</div><div>left</div>", "Bob Smith left")
    assert value
    assert value["start"] == "/div[1]/text()[1]"
    assert value["end"] == "/div[2]/text()[1]"
    assert value["globalOffsets"] == {"start": 0, "end": 13}


def test_words_of_two_blocks_are_not_one() -> None:
    assert place("HyperText", "<li>foo<li>bar", "foobar") == [None]
    assert place("HyperText", "foo<b>bar</b>", "foobar") != [None]


# Read out of Chromium, as the editor's DomManager walks.
@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("hello <b>x</b> y", [("/text()[1]", "hello ", 0), ("/b[1]/text()[1]", "x", 6), ("/text()[2]", " y", 7)]),
        ("a<br>b", [("/text()[1]", "a", 0), ("/text()[2]", "b", 2)]),
        ("<pre>\nabc</pre>", [("/pre[1]/text()[1]", "abc", 0)]),
        ("<p>x\r\ny</p>", [("/p[1]/text()[1]", "x\ny", 0)]),
        ("<style>p{}</style>\n <p>x</p>", [("/p[1]/text()[1]", "x", 0)]),
        ("<div><style>q</style>z</div>", [("/div[1]/text()[1]", "z", 1)]),
        ("  <p>x</p> ", [("/p[1]/text()[1]", "x", 0), ("/text()[1]", " ", 1)]),
        ("a<!-- c -->b<script>1</script>c<iframe src=x></iframe>d", [("/text()[1]", "abcd", 0)]),
        ("caf&eacute; &amp;lt; &#128512;", [("/text()[1]", "café &lt; 😀", 0)]),
        ("<o:p>w</o:p>v", [("/o:p[1]/text()[1]", "w", 0), ("/text()[1]", "v", 1)]),
        (
            "<table>\n<tr><td>1</td></tr>\n<tr><td>2</td></tr>\n</table>",
            [
                ("/table[1]/text()[1]", "\n", 0),
                ("/table[1]/tbody[1]/tr[1]/td[1]/text()[1]", "1", 1),
                ("/table[1]/tbody[1]/text()[1]", "\n", 2),
                ("/table[1]/tbody[1]/tr[2]/td[1]/text()[1]", "2", 3),
                ("/table[1]/tbody[1]/text()[2]", "\n", 4),
            ],
        ),
        (
            "<!DOCTYPE html><html><head><title>t</title></head>\n<body>\n<p>hi</p></body></html>",
            [("/text()[1]", "\n", 0), ("/p[1]/text()[1]", "hi", 1)],
        ),
        ("<head><title>t</title></head> <p>after</p>", [("/p[1]/text()[1]", "after", 0)]),
        ("<html lang=en>\n<p>x</p>", [("/p[1]/text()[1]", "x", 0)]),
        ("x<iframe src='https://youtu.be/1'></iframe>y", [("/text()[1]", "x", 0), ("/text()[2]", "y", 1)]),
    ],
)
def test_text_nodes_are_those_of_the_page(html: str, expected: list[tuple[str, str, int]]) -> None:
    assert nodes(html) == expected


def test_text_that_the_page_hides_is_counted_but_not_searched() -> None:
    hidden = '<div style="color: red; display: none"><b>Bob</b> 😀</div>'
    (value,) = place("HyperText", f"<p>Hi</p>{hidden}<p>Hello Bob.</p>", "Bob")
    assert value
    assert value["start"] == "/p[2]/text()[1]"
    assert value["globalOffsets"] == {"start": 13, "end": 16}


def test_an_inline_page_has_no_head_and_keeps_its_white_space() -> None:
    assert nodes(" <head><style>ab</style></head><p>x</p>", inline=True) == [
        ("/text()[1]", " ", 0),
        ("/p[1]/text()[1]", "x", 3),
    ]


@pytest.mark.parametrize("html", ["", "<", "<html>", "<body", "\x00", "\ud800", "<table><tr>", "</p>", "<!--", "<br>"])
def test_broken_html_raises_nothing(html: str) -> None:
    html_text(html).find([("x", None)])


def test_deep_html_raises_nothing() -> None:
    text = html_text("<div>" * 20_000 + "deep" + "</div>" * 20_000)
    text.find([("deep", None)])


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        ("Text", "a\r\n😀 Bob Smith left"),
        ("HyperText", "<p>a<p>😀 <i>Bob</i> Smith left"),
        ("Paragraphs", [{"text": "a"}, {"text": "😀 Bob Smith left"}]),
    ],
)
def test_a_quote_is_read_back_from_its_place(tag: str, content: Any) -> None:
    text = span_text(ObjectTag(tag, "object", "$field"), {"field": content})
    (value,) = text.find([("Bob Smith", None)])
    assert value
    assert text.quote({**value, "text": None}) == "Bob Smith"


def test_a_hypertext_quote_is_read_from_global_offsets_where_the_path_leads_nowhere() -> None:
    value = {"start": "/x[1]", "end": "/x[1]", "globalOffsets": {"start": 2, "end": 5}}
    assert html_text("a<br>Bob").quote(value) == "Bob"


@pytest.mark.parametrize("value", [{}, {"start": None}, {"start": [], "end": {}}, {"start": 9, "end": 99}])
def test_a_place_that_is_none_has_no_quote(value: dict[str, Any]) -> None:
    for tag, content in (("Text", "a"), ("HyperText", "a"), ("Paragraphs", [{"text": "a"}])):
        assert span_text(ObjectTag(tag, "object", "$field"), {"field": content}).quote(value) is None


def test_a_deep_page_takes_no_memory_for_its_long_paths() -> None:
    page = "<div>" * 1_000 + "<b>x</b>" * 10_000
    tracemalloc.start()
    try:
        text = html_text(page)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert text.nodes[-1].path == "/div[1]" * 1_000 + "/b[10000]/text()[1]"
    assert peak < 20_000_000
