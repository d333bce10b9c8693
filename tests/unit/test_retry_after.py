"""How long a provider asks to wait, in an answer's headers or in its words."""

from __future__ import annotations

import pytest

from llm_interactive.llm.retry_after import retry_after


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 14m23.5s. Need more tokens?", 863.5),
        ("Please retry after 3 seconds.", 3),
        ("Please try again in 120ms. Visit our site.", 0.12),
        ("Too many requests: wait for 2 hours, 3 minutes", 7380),
        ("Try again in 1 day", 86400),
        ("Try again later.", None),
        ("Try again in a moment.", None),
        ("Limit 30 requests in 60 seconds", None),
        ("", None),
    ],
)
def test_words_say_it_too(message: str, seconds: float | None) -> None:
    assert retry_after({}, message) == seconds


def test_headers_are_more_exact_than_words() -> None:
    assert retry_after({"retry-after": "2"}, "Try again in 20s") == 2
