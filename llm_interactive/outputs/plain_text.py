"""Labels in a reply that is no JSON: only where a reply, or a line of it, is nothing but labels."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from llm_interactive.outputs.options import Option, Options, fold

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff]+")
_FENCE = re.compile(r"\s*(?:```|~~~)\w*\s*")
_BULLET = re.compile(r"(?:[-*•>]\s|#{1,6}\s)\s*")
_NUMBERED = re.compile(r"\(?(\d{1,2}|[^\W\d_])([.)])(?:\s+(.+))?")
_MAX_READ = 20_000
_MAX_WRAPPINGS = 8
_BRACKETS = ("()", "[]", "{}")
_LEFT = " \t\"'“„«‘`*_"
_RIGHT = " \t\"'”“»’`*_.!,;。"
_SEPARATOR = re.compile(r"[,;，、]")
_SENTENCE_ENDS = ".!?:。！？"
_HEAD = re.compile(r"([^:：]{1,100})[:：](.+)")


def match(reply: str, names: Sequence[str], *, single: bool, control_name: str) -> list[str]:
    """The `names` that `reply` gives, in their order; none where that is not clear, and with `single` where two are.

    A reply gives a name by being it, by a last line that is nothing but names, or by a line "Label: X" or
    "<control name>: X" that ends it or is followed by such lines of other fields. Case, quotes, bullets, markdown and
    the punctuation around a name do not matter. Prose gives none, nor does a reply of more than 20,000 characters.
    """
    text = reply.strip()
    lines = [line.strip() for line in text.splitlines() if not _FENCE.fullmatch(line)] if len(text) <= _MAX_READ else []
    labels = _Labels(names, {"label", "labels", "answer", fold(control_name)})
    found = {place: labels.of(line) for place, line in enumerate(lines) if line}
    if not found:
        return []
    last = max(found)
    if all(found.values()):
        given = list(found.values())
    elif found[last] and (labels.value(lines[last]) or not lines[last - 1] or lines[last - 1][-1] in _SENTENCE_ENDS):
        given = [found[last]]
    else:
        given = [
            found[place]
            for place in found
            if labels.value(lines[place]) and labels.is_left_alone(lines[place + 1 : last + 1])
        ]
    chosen = {name for some in given for name in some}
    unsure = {name for some in found.values() for name in some} - chosen
    # All of several names are the question repeated.
    if unsure or (single and len(chosen) > 1) or 2 < len(chosen) == len(set(names)):
        return []
    return [name for name in dict.fromkeys(names) if name in chosen]


class _Labels:
    """Names to be found by what a line says, alone or after one of the `heads` and a colon."""

    def __init__(self, names: Sequence[str], heads: Set[str]) -> None:
        self._heads = heads
        self._options = Options(Option(name, (name,)) for name in names if name.strip())
        self._keys = {fold(name) for name in names} - {""}

    def of(self, line: str) -> list[str]:
        """The names that `line` consists of, but for a head: one, or several with commas between them."""
        text = self.value(line) or line
        if whole := self._one(text):
            return [whole]
        parts = [self._one(part) for part in _SEPARATOR.split(_bare(text))]
        return [part for part in parts if part] if all(parts) else []

    def value(self, line: str) -> str:
        """What stands after one of the heads, if the line begins with one."""
        headed = _HEAD.fullmatch(_bare(line))
        return headed[2] if headed and fold(_bare(headed[1])) in self._heads else ""

    def is_left_alone(self, lines: Sequence[str]) -> bool:
        """Whether `lines` are other fields that mention none of the names."""
        text = fold(" ".join(lines))
        return all(map(_HEAD.fullmatch, map(_bare, lines))) and not any(key in text for key in self._keys)

    def _one(self, text: str) -> str | None:
        bare = _bare(text)
        found = self._options.find(text.strip()) or self._options.find(bare)
        if found is None and (numbered := _NUMBERED.fullmatch(bare)):
            code, mark, rest = numbered.groups()
            coded, found = self._options.find(code), self._options.find(_bare(rest or ""))
            if found is None and (not rest or (mark == ")" and code.isalpha() and code in self._options.by_name)):
                found = coded
            elif coded and coded is not found:
                return None
        return found.name if found else None


def _bare(line: str) -> str:
    """`line` without bullet, markdown, quotes, brackets around all of it, and punctuation at its end."""
    line = _INVISIBLE.sub("", line).strip()
    for _ in range(_MAX_WRAPPINGS):
        bare = line[bullet.end() :] if (bullet := _BULLET.match(line)) else line
        bare = bare.lstrip(_LEFT).rstrip(_RIGHT)
        if bare[:1] + bare[-1:] in _BRACKETS:
            bare = bare[1:-1]
        if bare == line:
            break
        line = bare
    return line
