"""A reply made ready to be read: no reasoning, markup or invisible characters, and one spelling for look-alikes."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

MAX_READ = 20_000
"""Characters of a reply that are read, reasoning not counted; of a longer one its two ends."""

# ------------------------------------------------------------------------------------------------ the text of a reply

_REASONING = re.compile(
    r"[<\[◁](/?)(?:think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad)[>\]▷]", re.IGNORECASE
)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]{0,100}<\|message\|>")
_ANSWER_TAG = re.compile(
    r"<(?:final[_ -]?)?(?:answer|label|output|result|category|class|classification|sentiment|choice)>|"
    r"\\boxed\s*\{(?:\s*\\text\w*\s*\{)?",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-z][^<>\n]{0,200}>|<\|[^<>|\n]{1,40}\|>|\\[nrt](?![a-z])", re.IGNORECASE)
_FENCE = re.compile(r"(?:```|~~~)(?:[\w+.-]*(?=\s*\n))?")
# A program says nothing of labels.
_PROGRAM = re.compile(
    r"```(?:python|py|javascript|js|typescript|ts|java|c|cpp|csharp|go|rust|ruby|php|sql|bash|sh|html|css|r)\s*\n.*?(?:```|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_STRUCK = re.compile(r"~~[^~\n]{1,300}~~")
# Between the fields of JSON that was cut off, or of a Python dict.
_FIELD_END = re.compile(r"""(?<=["'\]}]),\s*(?=["'{\[])|[{\[](?=\s*["'])""")
_TICKED = re.compile(r"\[[x✓✔]\]|\([x✓✔]\)", re.IGNORECASE)
_EMPTY_BOX = re.compile(r"\[ ?\]|\( ?\)")
_ENUMERATOR = re.compile(r"^([^\w\n]*)(\d{1,3}|[^\W\d_])(?:[.)]+[*_]*[^\S\n]+|[.)](?=[A-Z][a-z]))(?=\S)", re.MULTILINE)


def plain_text(reply: str) -> str:
    """The answer in `reply` as text in normal form; JSON becomes lines like "answer: Positive"."""
    text = _without_reasoning(reply).strip()
    if len(text) > MAX_READ:
        text = text[: MAX_READ // 2] + "\n\n" + text[-MAX_READ // 2 :]
    text = html.unescape(text) if "&" in text else text
    if "<" in text or "\\" in text:
        text = _TAG.sub("\n", _ANSWER_TAG.sub("\nanswer: ", text))
    if "{" in text or "[" in text or "(" in text:
        spoken = _spoken_json(text)
        text = _FIELD_END.sub("\n", text) if spoken is None else spoken
        text = _EMPTY_BOX.sub("☐", _TICKED.sub("☑", text))
    if "~" in text or "`" in text:
        around = _PROGRAM.sub("\n", text)
        text = around if re.search(r"\w", around) else text
        text = _FENCE.sub("\n", _STRUCK.sub(" ", text))
    return _without_enumerators(normal(text)).strip()


def _without_reasoning(reply: str) -> str:
    channels = list(_CHANNEL.finditer(reply)) if "<|channel|>" in reply else []
    if channels:
        reply = reply[channels[-1].end() :] if channels[-1][1] == "final" else ""
    kept: list[str] = []
    start, inside = 0, False
    for tag in _REASONING.finditer(reply):
        if tag[1]:
            # Some chat templates put the opening tag into the prompt: all before is reasoning.
            kept = kept if inside else []
            start, inside = tag.end(), False
        elif not inside:
            kept.append(reply[start : tag.start()])
            inside = True
    return "\n".join(kept if inside else [*kept, reply[start:]])


def _without_enumerators(text: str) -> str:
    # "A. Paris" may be the answer A; the numbers of a list are none.
    marks = len(_ENUMERATOR.findall(text))
    return _ENUMERATOR.sub(r"\1\2 — " if marks == 1 else r"\1- ", text) if marks else text


# ------------------------------------------------------------------------------------------------ characters

# Format characters, variation selectors, surrogates, private use, fillers; the tatweel, which only stretches a word.
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u0600-\u0605\u061c\u0640\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]+"
)
_ONE_SPELLING = str.maketrans(
    dict.fromkeys("‘’ʼ", "'")
    | dict.fromkeys("‐‑−", "-")
    | dict.fromkeys("،、", ",")
    | dict.fromkeys("۔।॥։።。", ".")
    | {"؛": ";", "؟": "?", "・": ",", "İ": "I"}
)
_RANGE = re.compile(r"(?<=\d)–(?=\d)")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_LINE_END = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_OUT_OF = re.compile(r"(?<=\d)\s+out\s+of\s+(?=\d)|(?<=\d)\s*/\s*(?=\d)", re.IGNORECASE)
_NUMBER_SIGN = re.compile(r"\bNo\. ?(?=\d)")
_ARROW = re.compile(r"(?<![-=])[-=]+>")


def normal(text: str) -> str:
    """`text` with one spelling for each character: NFKC, plain punctuation and digits, nothing invisible."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_ONE_SPELLING)
        text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), _RANGE.sub("-", text))
    if not text.isprintable():
        text = _CONTROL.sub(" ", _LINE_END.sub("\n", text))
    return _ARROW.sub("→", _OUT_OF.sub("/", _NUMBER_SIGN.sub("number ", text)))


# ------------------------------------------------------------------------------------------------ JSON

_LABEL_KEY = re.compile(
    r"(?:final|predicted|selected|chosen|correct|best|main|primary|overall|my|the)*"
    r"(?:answer|label|choice|class|classe|classification|category|categorie|sentiment|verdict|prediction|result|output|"
    r"conclusion|decision|tag|topic|rating|response|selection|intent|judgment)s?(?:name|value)?|"
    r"(?!text|input|data|content|file|media|response|object)[a-z]+type"
)
_ASIDE_KEY = re.compile(
    r"reason|explan|rational|justif|evidence|think|thought|note|comment|text|input|option|possible|alternativ|other|reject"
    r"|confidence|score|prob|^id$|type|role|model|quote|context|question|prompt|wrong|not|neg"
)


def _spoken_json(text: str) -> str | None:
    """What the JSON in `text` names, a line for each; None when there is none, or words around it say more."""
    start = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=len(text))
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        lines = list(_spoken(value, named=False))
    except (ValueError, RecursionError):
        return None
    around = _FENCE.sub("", text[:start] + text[end:])
    labelled = isinstance(value, dict) and any(line.startswith("answer: ") for line in lines)
    return "\n".join(lines) if labelled or not re.search(r"\w", around) else None


def _spoken(value: Any, *, named: bool) -> Iterator[str]:
    if isinstance(value, str):
        yield ("answer: " if named else "") + " ".join(value.split())
    elif isinstance(value, bool | int | float):
        if named:
            yield f"answer: {value}"
    elif isinstance(value, list):
        # Every label with its score is not a choice among them.
        scored = any(isinstance(score, float) for item in value if isinstance(item, dict) for score in item.values())
        for item in [] if scored and len(value) > 1 else value:
            yield from _spoken(item, named=named)
    elif isinstance(value, dict):
        keys = {key: "".join(filter(str.isalpha, key.casefold())) for key in value}
        answers = [key for key in value if _LABEL_KEY.fullmatch(keys[key])]
        for key in answers:
            yield from _spoken(value[key], named=True)
        for key, item in value.items() if not answers else ():
            if item is True:
                yield f"answer: {key}"
            elif isinstance(item, str | list | dict) and not _ASIDE_KEY.search(keys[key]):
                yield from _spoken(item, named=named)
