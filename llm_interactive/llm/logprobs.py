"""The probabilities of a reply's tokens, kept with it in little room.

Providers give them in two shapes: https://platform.openai.com/docs/api-reference/chat/object, and that of the older
completions, which some servers kept (https://platform.openai.com/docs/api-reference/completions/object).
"""

from __future__ import annotations

import math
from typing import Any


def tokens_of(text: str, logprobs: Any) -> str:
    """The length in bytes and the log probability of each token of `text`, with blanks between.

    Empty where a provider gives none, or where they are not those of the text. Tokens around the text, such as
    reasoning that was cut off, are left out.
    """
    tokens = _tokens(logprobs)
    whole, wanted = b"".join(piece for piece, _ in tokens), _bytes(text)
    start = whole.rfind(wanted)
    if not tokens or not wanted or start < 0 or not all(_is_logprob(value) for _, value in tokens):
        return ""
    end, place, found = start + len(wanted), 0, []
    for piece, value in tokens:
        inside = min(place + len(piece), end) - max(place, start)
        place += len(piece)
        if inside > 0:
            found.append(f"{inside} {min(value, 0.0):.6g}")
    return " ".join(found)


def probability(tokens: str, text: str, start: int, end: int) -> float | None:
    """The probability (0…1, to four places) of the tokens that `text[start:end]` is in; None if they are not known."""
    first, last = len(_bytes(text[:start])), len(_bytes(text[:end]))
    place, total, covered = 0, 0.0, False
    numbers = iter(tokens.split())
    for length, value in zip(numbers, numbers, strict=True):
        if place < last and place + int(length) > first:
            total += float(value)
            covered = True
        place += int(length)
    return round(math.exp(total), 4) if covered else None


def _tokens(logprobs: Any) -> list[tuple[bytes, Any]]:
    found = logprobs if isinstance(logprobs, dict) else {}
    entries = found.get("content")
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return [(_piece(entry), entry.get("logprob")) for entry in entries]
    texts, values = found.get("tokens"), found.get("token_logprobs")
    if isinstance(texts, list) and isinstance(values, list) and len(texts) == len(values):
        return [(_bytes(text), value) for text, value in zip(texts, values, strict=True)]
    return []


def _piece(entry: dict[str, Any]) -> bytes:
    """A token's bytes; its text alone may be half a character."""
    given = entry.get("bytes")
    try:
        return bytes(given) if isinstance(given, list) else _bytes(entry.get("token"))
    except (TypeError, ValueError):
        return b""


def _bytes(text: Any) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""


def _is_logprob(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e9
