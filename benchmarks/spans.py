"""How many quotes are placed in a text, and how many wrongly, when they are distorted as models distort them."""

from __future__ import annotations

import operator
import random
import re
import string
import time
import unicodedata
from collections.abc import Callable, Sequence

from benchmarks.figures import Row
from llm_interactive.outputs.places import find_quotes

_TEXTS = 300
_SENTENCES = 12
_QUOTES = 8
_SEED = 20260101

# Sentences with a gap for a name or a number, so that quotes have quotation marks, dashes and marks in them.
_LANGUAGES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "English": (
        (
            "“Don’t wait,” said {} – and left.",
            "{} paid $1,250.50 on 3 May…",
            "The firm’s {} rose 7.5% to {}.",
            "{}, {}\tand  {}.",
        ),
        ("Mr. O’Brien", "Acme Corp.", "New York", "2,048", "the well‑known café", "Zoë", "IBM"),
    ),
    "German": (
        ("„Das ist {}“, rief {}.", "In {} – so {} – wohnt {}…", "Größe: {}; Preis: 12,50 €."),
        ("Müller‑Lüdenscheidt", "Straße 17", "Österreich", "die Fußgängerbrücke", "1.024"),
    ),
    "French": (
        ("« Où est {} ? » demanda {}.", "L’été dernier, {} a vu {}…", "Le prix\u00a0: {}\u00a0€."),
        ("Hélène d’Arc", "Besançon", "l’œuvre", "1\u202f500", "garçon"),
    ),
    "Russian": (("«{}», – сказал {}.", "В {} живёт {}…"), ("Йошкар‑Ола", "Алексей Пётрович", "ёлка", "1917")),
    "Greek": (("«{}», είπε {}.", "Στην {} – και {}…"), ("Αθήνα", "Ελένη", "Νίκος", "Θεσσαλονίκη", "1821")),
    "Vietnamese": (("“{}”, {} nói – rồi đi.", "Ở {} có {}…"), ("Nguyễn Văn Đức", "Đà Nẵng", "Việt Nam", "1975")),
    "Hebrew": (("„{}” אמר {}.", "ב{} גר {}…"), ("ירושלים", "דוד כהן", "תל־אביב", "1948")),
    "Arabic": (("قال {}: «{}».", "ذهب {} إلى {}…"), ("محمد علي", "القاهرة", "بيروت", "1952")),
    "Hindi": (("“{}” {} ने कहा।", "{} – {} में…"), ("दिल्ली", "राम कुमार", "मुंबई", "1947")),
    "Japanese": (("「{}」と{}は言った。", "{}から{}まで…"), ("東京", "山田さん", "ガラス", "２０２０年")),
    "Korean": (("“{}”라고 {}가 말했다.", "{} – {}에서…"), ("서울", "김철수", "부산", "1988")),
    "Emoji": (("👍🏽 {} ❤️ {}!", "{} 😀 “{}”…"), ("Bob Smith", "Ann‑Lee", "über", "42")),
}

_STRAIGHT = str.maketrans({**dict.fromkeys("“”„«»", '"'), **dict.fromkeys("‘’", "'")})
_CURLY = str.maketrans({'"': "”", "'": "’"})
_DISTORTIONS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "straight quotes": lambda quote: quote.translate(_STRAIGHT),
    "curly quotes": lambda quote: quote.translate(_CURLY),
    "hyphens": lambda quote: quote.translate(str.maketrans("–—‑", "---")),
    "long dashes": lambda quote: quote.replace("–", "—"),
    "single blanks": lambda quote: " ".join(quote.split()),
    "wrapped lines": lambda quote: "\n  ".join(quote.split()),
    "NFC": lambda quote: unicodedata.normalize("NFC", quote),
    "NFD": lambda quote: unicodedata.normalize("NFD", quote),
    "three dots": lambda quote: quote.replace("…", "..."),
    "quoted": lambda quote: f"“{quote}”",
    "a full stop": lambda quote: quote + ".",
    "zero width": lambda quote: "\u200b".join(quote.split(" ")) if " " not in quote else quote.replace(" ", " \u200b"),
}


def spans(_sizes: object = None, _folder: object = None) -> list[Row]:
    """The figures as a row; sizes and folder are what other scenarios take."""
    figures = measure()
    good = figures["found"] >= 0.99 and not figures["wrong"] and not figures["changed"]
    return [
        Row(
            "spans by quote",
            f"{figures['found']:.2%} found, {figures['wrong']:.0f} wrong",
            "≥ 99 % found, 0 wrong",
            good,
            f"{figures['quotes']:,.0f} quotes in {_TEXTS} texts of {len(_LANGUAGES)} languages, repeated or "
            f"distorted in {len(_DISTORTIONS)} ways; {figures['changed']:.0f} of {figures['changes']:,.0f} "
            f"with a changed letter or digit placed; {figures['milliseconds']:.2f} ms for a text's quotes",
            figures,
        )
    ]


def measure() -> dict[str, float]:
    """Share of quotes `found` at their place, quotes placed elsewhere (`wrong`), changed quotes placed (`changed`).

    Quotes are distorted ones of words that stand once in a text, and all mentions of names that come again and again.
    """
    chance = random.Random(_SEED)  # noqa: S311
    quotes = right = wrong = changes = changed = calls = 0
    seconds = 0.0
    for number in range(_TEXTS):
        patterns, names = list(_LANGUAGES.values())[number % len(_LANGUAGES)]
        text = _text(chance, patterns, names)
        places = _places(chance, text)
        for distort in _DISTORTIONS.values():
            began = time.perf_counter()
            found = find_quotes(text, [distort(text[start:end]) for start, end in places])
            seconds += time.perf_counter() - began
            calls += 1
            quotes += len(places)
            right += sum(map(_same, found, places, [text] * len(places)))
            wrong += sum(
                place is not None and not _same(place, wanted, text)
                for place, wanted in zip(found, places, strict=True)
            )
        mentions = _mentions(text, names)
        found = find_quotes(text, [text[start:end] for start, end in mentions])
        quotes += len(mentions)
        right += sum(map(operator.eq, found, mentions))
        wrong += sum(place not in (None, wanted) for place, wanted in zip(found, mentions, strict=True))
        outcomes = [find_quotes(text, [quote]) != [None] for quote in _changes(chance, text, places)]
        changes += len(outcomes)
        changed += sum(outcomes)
    return {
        "quotes": quotes,
        "found": right / quotes,
        "wrong": wrong,
        "changes": changes,
        "changed": changed,
        "milliseconds": seconds / calls * 1000,
    }


def _text(chance: random.Random, patterns: Sequence[str], names: Sequence[str]) -> str:
    """Sentences in which names come again and again; each has a number, so that no quote of a sentence is ambiguous."""
    sentences = []
    for number in range(_SENTENCES):
        pattern = chance.choice(patterns)
        sentence = pattern.format(*(chance.choice(names) for _ in range(pattern.count("{}"))))
        sentences.append(f"{sentence} [{number + 101}]")
    return chance.choice(["\n", "\r\n", "  ", " "]).join(sentences)


def _places(chance: random.Random, text: str) -> list[tuple[int, int]]:
    """Places of whole words in reading order, none in another, whose words stand only once in the text."""
    edges = [0] + [index for index, character in enumerate(text) if character in " \n"] + [len(text)]
    places: list[tuple[int, int]] = []
    for _ in range(_QUOTES * 20):
        first = chance.randrange(len(edges) - 1)
        last = min(first + chance.randrange(1, 6), len(edges) - 1)
        quote = text[edges[first] : edges[last]]
        start = edges[first] + len(quote) - len(quote.lstrip())
        end = start + len(quote.strip())
        apart = all(end <= other or start >= another for other, another in places)
        if len(places) < _QUOTES and apart and _is_only_one(text, text[start:end]):
            places.append((start, end))
    return sorted(places)


def _mentions(text: str, names: Sequence[str]) -> list[tuple[int, int]]:
    """Every place of every name, in reading order."""
    return [match.span() for match in re.finditer("|".join(map(re.escape, names)), text)]


def _is_only_one(text: str, quote: str) -> bool:
    bare = _bare(quote)
    return sum(character.isalnum() for character in quote) > 1 and _bare(text).count(bare) == 1


def _bare(text: str) -> str:
    """The letters and digits alone: what is the same in this is the same quote, distorted."""
    return "".join(character for character in unicodedata.normalize("NFKD", text).casefold() if character.isalnum())


def _same(found: tuple[int, int] | None, wanted: tuple[int, int], text: str) -> bool:
    """Whether the same words are marked; punctuation around them may be in or out."""
    if found is None:
        return False
    overlap = max(found[0], wanted[0]) < min(found[1], wanted[1])
    return overlap and _bare(text[slice(*found)]) == _bare(text[slice(*wanted)])


def _changes(chance: random.Random, text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """Quotes with a changed letter or digit that the text does not have by chance."""
    quotes = [quote for start, end in places for quote in _changed(chance, text[start:end])]
    return [quote for quote in quotes if quote.casefold() not in text.casefold()]


def _changed(chance: random.Random, quote: str) -> list[str]:
    """The quote with another letter, and with another digit, where it has any."""
    found = []
    for kind, others in ((str.isalpha, string.ascii_lowercase), (str.isdigit, string.digits)):
        indices = [index for index, character in enumerate(quote) if kind(character)]
        if indices:
            index = chance.choice(indices)
            now = unicodedata.normalize("NFKD", quote[index]).casefold()[0]
            other = chance.choice([character for character in others if character != now])
            found.append(quote[:index] + other + quote[index + 1 :])
    return found


def main() -> None:
    """Print the figures in a line."""
    row = spans()[0]
    print(f"{row.name}: {row.measured} ({row.target}); {row.note}")


if __name__ == "__main__":
    main()
