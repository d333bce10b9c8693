"""HTML pages as text for a model."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.pages import PICTURE, pictures_of, readable


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h1>Title</h1><p>One <b>bold</b> word</p>", "Title\n\nOne bold word"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("one<br>two<br><br>three", "one\ntwo\n\nthree"),
        ("<p>Source\n  white\tspace&nbsp;is one blank</p>", "Source white space is one blank"),
        ("<ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul>", "* a\n  * b\n* c"),
        ("<ol><li>x<li>y</ol>z", "1. x\n2. y\n\nz"),
        ("<table><tr><th>A<th>B<th>C</tr><tr><td><p>1</p><td><td>3</tr></table>", "A\tB\tC\n1\t\t3"),
        ("<pre>\ndef f():\n    return 1</pre>", "def f():\n    return 1"),
        ("caf&eacute; &amp;lt; &#128512;", "café &lt; 😀"),
        ("a<!-- b --><script>c</script><style>d</style>e", "ae"),
        ('a<p style="color: red; display:none">hidden</p>b', "ab"),
        ("<html><head><title>t</title></head><body>seen</body></html>", "seen"),
        ("<b>not closed <i>at all", "not closed at all"),
        ("no page at all", "no page at all"),
        ("", ""),
        ("\x01\x05\x00", ""),
    ],
)
def test_a_page_is_read_as_a_person_reads_it(page: str, text: str) -> None:
    assert readable(page) == text


def test_pictures_are_marked_in_the_order_of_their_addresses() -> None:
    page = "a <img src='a.png'> b<!-- <img src=no.png> --><p><IMG SRC='b c.png?x=1&amp;y=2'></p><img>"

    assert readable(page, pictures=True) == f"a {PICTURE} b\n\n{PICTURE}"
    assert pictures_of(page) == ["a.png", "b c.png?x=1&y=2"]


@pytest.mark.parametrize(
    "page",
    [
        "<table>" + "<tr><td>a</td><td>b</td></tr>" * 3_000 + "<tr><td>" + "x" * 100_000 + "</td></tr></table>",
        "<p style='padding-left:99999em'>x</p>" * 3_000,
        "<ul><li>a" * 20_000,
        "<table><tr><td>" * 3_000 + "x",
        "<div>" * 50_000 + "x",
        "&nbsp;&emsp;" * 50_000,
        "<pre>" + " " * 100_000 + "x</pre>",
    ],
)
def test_whatever_a_page_asks_for_its_text_is_hardly_longer_than_the_page(page: str) -> None:
    tracemalloc.start()
    try:
        text = readable(page)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(text) <= len(page)
    assert peak < 60 * len(page)


@pytest.mark.parametrize(
    "page",
    [
        "<table>" + "<tbody></tbody><tr>" * 20_000,
        "<meta>" * 50_000 + "x",
        "<html" * 100_000,
        "</head" + " " * 100_000,
        "<p " + "a=b " * 50_000 + ">x",
    ],
)
def test_no_page_takes_time_that_grows_with_the_square_of_its_length(page: str) -> None:
    began = time.thread_time()
    readable(page)

    assert time.thread_time() - began < 5  # hundreds of seconds, where it does


def test_a_page_of_nothing_but_tags_is_refused_before_it_is_read() -> None:
    with pytest.raises(TaskDataError, match="more than 200,000 tags"):
        readable("<b>" * 200_001)
