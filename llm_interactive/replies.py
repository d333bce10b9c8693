"""What a reply says, made ready to be read: reasoning, markup and invisible characters gone, one spelling for look-alikes."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

import regex

MAX_READ = 20_000
"""Characters of a reply that are read, reasoning not counted; of a longer one its two ends."""

# ------------------------------------------------------------------------------------------------ the text of a reply

_REASONING = regex.compile(
    r"[<\[◁](/?)(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad)[>\]▷]", regex.I
)
_CHANNEL = regex.compile(r"<\|channel\|>\s*(\w+)[^<]{0,100}<\|message\|>")
_ANSWER_TAG = regex.compile(
    r"<(?:final[_ -]?)?(?:answer|label|output|result|category|class|classification|sentiment|choice)>|"
    r"\\boxed\s*\{(?:\s*\\text\w*\s*\{)?",
    regex.I,
)
_FENCE = regex.compile(r"(?:```|~~~)(?:[\w+.-]*(?=\s*\n))?")
_STRUCK = regex.compile(r"~~[^~\n]{1,300}~~")
_TAG = regex.compile(r"</?[a-z][^<>\n]{0,200}>|<\|[^<>|\n]{1,40}\|>|\\[nrt](?![a-z])", regex.I)
# Between the fields of JSON that was cut off, or of a Python dict.
_FIELD_END = regex.compile(r"""(?<=["'\]}]),\s*(?=["'{\[])|[{\[](?=\s*["'])""")

_INVISIBLE = regex.compile(r"[\p{Cf}\p{Cs}\p{Co}\p{Variation_Selector}\u0640\u20e3\u034f\u115f\u1160\u3164\uffa0]+")
_LINE_END = regex.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = regex.compile(r"[^\P{Cc}\n]")
_HYPHEN = regex.compile(r"[\u2010\u2011\u2212]|(?<=\d)\u2013(?=\d)")
_OTHER_DIGIT = regex.compile(r"[^\P{Nd}0-9]")
_TICKED = regex.compile(r"\[[x✓✔]\]|\([x✓✔]\)", regex.I)
_EMPTY_BOX = regex.compile(r"\[ ?\]|\( ?\)")
_OUT_OF = regex.compile(r"(?<=\d)\s+out\s+of\s+(?=\d)|(?<=\d)\s*/\s*(?=\d)", regex.I)
_ENUMERATOR = regex.compile(r"^([^\w\n]*)(\d{1,3}|\p{L})(?:[.)]+[*_]*[^\S\n]+|[.)](?=\p{Lu}\p{Ll}))(?=[^\W_]|[^\w\s])", regex.M)


def plain_text(reply: str) -> str:
    """The answer in `reply` as text in NFKC, a line for a line; JSON becomes lines like "answer: Positive"."""
    text = _without_reasoning(reply).strip()
    if len(text) > MAX_READ:
        text = text[: MAX_READ // 2] + "\n\n" + text[-MAX_READ // 2 :]
    text = html.unescape(text) if "&" in text else text
    if "{" in text or "[" in text:
        text = _ANSWER_TAG.sub("\nanswer: ", text)
        spoken = _spoken_json(text)
        text = _FIELD_END.sub("\n", text) if spoken is None else spoken
        text = _EMPTY_BOX.sub("☐", _TICKED.sub("☑", text))
    if "<" in text or "\\" in text:
        text = _TAG.sub("\n", _ANSWER_TAG.sub("\nanswer: ", text))
    if "~" in text or "`" in text:
        text = _FENCE.sub("\n", _STRUCK.sub(" ", text))
    return _without_enumerators(normal(text)).strip()


def normal(text: str) -> str:
    """`text` with one spelling for each character: NFKC, plain hyphens and digits, nothing invisible."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("’", "'").replace("‘", "'")
        text = _HYPHEN.sub("-", text)
        text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), text)
    text = _CONTROL.sub(" ", _LINE_END.sub("\n", text))
    return _OUT_OF.sub("/", text)


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
    return "\n".join(kept) if inside else "\n".join([*kept, reply[start:]])


def _without_enumerators(text: str) -> str:
    # "A. Paris" may be the answer A; the numbers of a list are none.
    marks = _ENUMERATOR.findall(text)
    if len(marks) > 1:
        return _ENUMERATOR.sub(r"\1- ", text)
    return _ENUMERATOR.sub(r"\1\2 — ", text) if marks else text


# ------------------------------------------------------------------------------------------------ JSON

_LABEL_KEY = regex.compile(
    r"(?:final|predicted|selected|chosen|correct|best|main|primary|overall|my|the)*"
    r"(?:answer|label|choice|class|classe|classification|category|categorie|sentiment|verdict|prediction|result|output|"
    r"conclusion|decision|tag|topic|rating|response|selection|intent|prediction|judgment)s?(?:name|value)?"
)
_ASIDE_KEY = regex.compile(
    r".*(?:reason|explan|rational|justif|evidence|think|thought|note|comment|text|input|option|possible|alternativ|"
    r"other|reject|confidence|score|prob|id|type|role|model|quote|context|question|prompt|wrong|not|neg).*"
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
    return "\n".join(lines) if labelled or not regex.search(r"\w", around) else None


def _spoken(value: Any, *, named: bool) -> Iterator[str]:
    if isinstance(value, str):
        yield ("answer: " if named else "") + " ".join(value.split())
    elif isinstance(value, (bool, int, float)):
        if named:
            yield f"answer: {value}"
    elif isinstance(value, list):
        # Every label with its score is not a choice among them.
        scored = len(value) > 1 and any(isinstance(v, float) for v in value if isinstance(v, dict) for v in v.values())
        for item in [] if scored else value:
            yield from _spoken(item, named=named)
    elif isinstance(value, dict):
        keys = {key: "".join(filter(str.isalpha, key.casefold())) for key in value}
        answers = [key for key in value if _LABEL_KEY.fullmatch(keys[key])]
        for key in answers:
            yield from _spoken(value[key], named=True)
        for key, item in value.items() if not answers else ():
            if item is True:
                yield f"answer: {key}"
            elif isinstance(item, (str, list, dict)) and not _ASIDE_KEY.fullmatch(keys[key]):
                yield from _spoken(item, named=named)


# ------------------------------------------------------------------------------------------------ the words of a text


class Words(NamedTuple):
    """Words and breaks (punctuation that ends a phrase) of a text, folded, with where each starts and ends in it."""

    texts: list[str]
    starts: list[int]
    ends: list[int]


BREAKS = frozenset("\n,;:!?.。、|/—–-")
SENTENCE_ENDS = frozenset("\n;!?.。")

# Scripts without spaces are read character by character, katakana by the run: アート is not in スタート.
_WORD = regex.compile(
    r"""(?xi)
      [\n,;:!?。、|/—–]
    | (?<!\b(?:vs|e\.g|i\.e|cf|mr|mrs|dr)) \. (?![\p{L}\p{N}])
    | (?<=\s) -+ (?=\s)
    | &
    | (?<![\p{L}\p{M}\p{N}]) [-+]? \d+ (?: [.:/-]\d+ | ,\d{3}(?!\d) )* %? (?![\p{L}\p{M}\p{N}])
    | (?<![\p{L}\p{M}\p{N}]) (?: [ldcnsjmt] | qu | un | dell | all | nell | sull | dall | quest ) ' (?=\p{L})
    | [\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*
    | [\p{Katakana}ー]+
    | (?<![\p{L}\p{M}\p{N}]) \p{L}{1,2} - (?=[\s.,;:!?)"'*] | $)
    | (?: (?![\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー]) [\p{L}\p{M}\p{N}] )+
      (?: ' [\p{L}\p{M}\p{N}]+ )*  (?: [+\#]+ (?!\p{L}) )?
    | (?: (?![|~^`<>=´¨\n]) \p{S} )+
    """
)


def words_of(text: str) -> Words:
    """The words and breaks of `text`, which is in normal form."""
    words = Words([], [], [])
    for match in _WORD.finditer(text):
        words.texts.append(fold(match[0]))
        words.starts.append(match.start())
        words.ends.append(match.end())
    return words


def fold(word: str) -> str:
    """`word` for comparison: case folded, Turkish dotted and dotless i the same, "&" as "and"."""
    if word.isascii():
        return "and" if word == "&" else "-" if word.startswith("--") else word.lower()
    folded = unicodedata.normalize("NFKC", word.casefold())
    return folded.replace("i\u0307", "i").replace("ı", "i")
