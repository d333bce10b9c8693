"""A text as words, sentences and lines."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

BREAKS = frozenset("\n,;:!?.|/=(—–-")
SENTENCE_ENDS = frozenset("\n;!?.")
_GOES_ON = frozenset(("so", "but", "and", "or", "because", "the", "a", "an", "however", ",", ":"))

# Scripts without spaces are read character by character, katakana by the run: アート is not in スタート.
_SPACELESS = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_SPACELESS_MARKS = (
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u105e-\u109d"
    r"\u17b6-\u17d3\u17dd\u3099\u309a"
)
_KATAKANA = r"\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
# Vowel signs and accents are no \w: the blocks that hold them.
_MARKS = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711\u0730-\u07b0\u07eb-\u07f3\u07fd\u0816-\u082d\u0859-\u085b"
    r"\u0897-\u0963\u0966-\u0df3\u0f18-\u0fbc\u0fc6\u135d-\u135f\u1712-\u1773\u18a9\u1920-\u193b\u1a17-\u1bf3"
    r"\u1c24-\u1c37\u1cd0-\u1cf9\u1dc0-\u1dff\u20d0-\u20ff\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302f"
    r"\ua66f-\ua672\ua674-\ua67d\ua69e\ua69f\ua6f0\ua6f1\ua802-\uabed\ufb1e\ufe20-\ufe2f"
)
_SYMBOLS = (
    r"+$\u00a2-\u00a9\u00ac\u00ae-\u00b1\u00d7\u00f7\u20a0-\u20cf\u2190-\u2bff\u3012\u3013\u3020\U0001f000-\U0001fbff"
)
_NUMBER = re.compile(r"\d{1,3}|\w")
_BULLET = re.compile(r"\s*[-*•☐☑✓✔✅]")
_QUOTATION = re.compile(
    r"""\"[^"\n]{1,500}"|“[^”\n]{1,500}”|«[^»\n]{1,500}»|„[^“”\n]{1,500}[“”]|「[^」\n]{1,500}」|(?<!\w)'[^'\n]{1,300}'(?!\w)"""
)
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_LETTER = rf"(?:[^\W_{_SPACELESS}{_KATAKANA}]|[{_MARKS}])"
_WORD = re.compile(
    rf"""(?x)
      [A-Za-z]++ (?! ['+\#-] | [^\x00-\x7f] | \d)
    | [\n,;:!?|/=(—–]
    | (?<!\b[vV]s)(?<!\b[MmDd]r)(?<!\b[Mm]rs)(?<!\be\.g)(?<!\bi\.e) \. (?! {_LETTER} )
    | (?<=\s) -+ (?=\s)
    | &
    | (?<! [\w{_MARKS}] ) [-+]? \d+ (?: [.:/-]\d+ | ,\d{{3}}(?!\d) )* %? (?! [\w{_MARKS}] )
    | (?<! [\w{_MARKS}] ) (?i: [ldcnsjmt] | qu | un | dell | all | nell | sull | dall | quest ) ' (?= [^\W\d_] )
    | [{_SPACELESS}] [{_SPACELESS_MARKS}]*
    | [{_KATAKANA}]+
    | (?<! [\w{_MARKS}] ) [A-Za-z]{{1,2}} - (?= [\s.,;:!?)"'*] | $ )
    | {_LETTER}+ (?: ' {_LETTER}+ )* (?: [+\#]+ (?! {_LETTER} ) )?
    | [{_SYMBOLS}]+
    """
)


class Text:
    """A text in normal form as words, sentences and lines. Places are those of words; an end is the place after it.

    Punctuation that ends a phrase (`BREAKS`) counts as a word.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        spans = [match.span() for match in _WORD.finditer(text)]
        self.words = [fold(text[start:end]) for start, end in spans]
        self.starts = [start for start, _ in spans]
        self.ends = [end for _, end in spans]
        breaks = [place for place, word in enumerate(self.words) if word in SENTENCE_ENDS]
        self._sentences = [0, *(place + 1 for place in breaks), len(self.words)]
        self._lines = [0, *(place + 1 for place in breaks if self.words[place] == "\n"), len(self.words)]
        dashes = (place for place in self._lines if self.words[place + 1 : place + 2] == ["—"])
        self._enumerator = next((place for place in dashes if _NUMBER.fullmatch(self.words[place])), -1)
        self._quotations = [match.span() for match in _QUOTATION.finditer(text)]

    def says(self, first: int, last: int) -> bool:
        """Whether there is a word, not only breaks, symbols and a list's number, from `first` to `last`."""
        words = self.words[first:last]
        if first <= self._enumerator < last:
            del words[self._enumerator - first]
        return any(word[0].isalnum() or word[-1].isalnum() for word in words)

    def written(self, first: int, last: int) -> str:
        """The words from `first` to `last` as they are written."""
        return self.text[self.starts[first] : self.ends[last - 1]]

    def sentence(self, place: int) -> tuple[int, int]:
        """Start and end of the sentence in which `place` is, with its full stop."""
        return _stretch(self._sentences, place)

    def line(self, place: int) -> tuple[int, int]:
        """Start and end of the line in which `place` is, with its line feed."""
        return _stretch(self._lines, place)

    def heading(self, place: int) -> tuple[int, int]:
        """Start and end of the line with a colon that announces the list in which `place` is; (0, 0) for none."""
        start, _ = self.line(place)
        for _ in range(0 if self.says(start, place) else 40):
            if start == 0:
                break
            start, end = self.line(start - 1)
            if self.words[start : end - 1][-1:] == [":"]:
                return start, end
            if self.says(start, end) and not _BULLET.match(self.text, self.ends[start - 1] if start else 0):
                break
        return 0, 0

    def is_numbered_inline(self, start: int) -> bool:
        """Whether a number stands before the sentence that starts at `start`, amid a line: "Likely: 1. A 2. B"."""
        numbered = start > 2 and self.words[start - 1] == "." and self.words[start - 2].isdigit()
        return numbered and self.line(start)[0] < start - 2

    def is_quoted(self, first: int, last: int) -> bool:
        """Whether `first` to `last` stand in a quotation that says more than they do."""
        start, end = self.starts[first], self.ends[last - 1]
        place = bisect_right(self._quotations, (start, len(self.text))) - 1
        if place < 0 or end > self._quotations[place][1]:
            return False
        opened, closed = self._quotations[place]
        whole = not _LETTER_OR_DIGIT.search(self.text, 0, opened) and not _LETTER_OR_DIGIT.search(self.text, closed)
        within = _LETTER_OR_DIGIT.search(self.text, opened, start) or _LETTER_OR_DIGIT.search(self.text, end, closed)
        return bool(within) and not whole

    def breaks_off(self) -> bool:
        """Whether the text ends amid a sentence, or with a question to whom it answers."""
        words = self.words
        return words[-1:] == ["?"] or words[-1] in _GOES_ON

    def is_emphasised(self, first: int, last: int) -> bool:
        """Whether `first` to `last` stand in bold or in code: "**Positive**"."""
        start, end = self.starts[first], self.ends[last - 1]
        return self.text[max(0, start - 2) : start] in ("**", "__") and self.text[end : end + 2] in (
            "**",
            "__",
            ".*",
            ":*",
        )

    def is_in_parentheses(self, first: int, last: int) -> bool:
        """Whether `first` to `last` stand in parentheses that say more than they do."""
        start, end = self.starts[first], self.ends[last - 1]
        opened = self.text.rfind("(", 0, start)
        if opened < 0 or self.text.rfind(")", opened, start) > 0:
            return False
        return opened < start - 1 or self.text[end : end + 1] != ")"


def fold(word: str) -> str:
    """`word` for comparison: case folded, Turkish dotted and dotless i the same, "&" as "and"."""
    if word.isascii():
        return "and" if word == "&" else "-" if word.startswith("--") else word.lower()
    folded = unicodedata.normalize("NFKC", word.casefold())
    return folded.replace("i\u0307", "i").replace("ı", "i")


def _stretch(starts: list[int], place: int) -> tuple[int, int]:
    stretch = bisect_right(starts, place, hi=len(starts) - 1)
    return starts[stretch - 1], starts[stretch]
