"""Reply → the choices it names; what can't be matched is not guessed."""

from __future__ import annotations

from collections.abc import Sequence

from llm_interactive.matching.catalog import Catalog, catalog_of
from llm_interactive.matching.reading import Reading
from llm_interactive.matching.replies import MAX_READ, plain_text
from llm_interactive.matching.rows import Row, Strength, choices_of, weakened
from llm_interactive.matching.text import BREAKS, Text


def match_choices(reply: str, choices: Sequence[str], *, single: bool) -> list[str]:
    """Choices that `reply` clearly names, in the config's order; empty when it names none.

    Matching is exact, then case- and punctuation-insensitive, then by phrase (longest first), then within one typo.
    A name amid other words counts only where they say that it is so ("The review is X."), not where it is merely used,
    denied, doubted, quoted, reported or an alternative ("A or B"). An answer marked as such ("Label: X", a line of its
    own, the first sentence) beats other names. With `single`, two different matches are none: Label Studio stores what
    it is given unchecked. Any string will do; of more than 20,000 characters (reasoning in <think> tags not counted)
    the first and last 10,000 are read, for a marked answer only.
    """
    catalog = catalog_of(tuple(dict.fromkeys(choices)))
    exact = catalog.exact(reply)
    if exact is not None:
        return [catalog.choices[exact]]
    text = Text(plain_text(reply))
    whole = catalog.whole(text)
    named = {whole} if whole is not None else _named(text, catalog, single)
    return [catalog.choices[place] for place in sorted(named)]


def _named(text: Text, catalog: Catalog, single: bool) -> set[int]:
    reading = Reading(text, catalog, single)
    task = reading.wording.next_task()
    if task is not None:
        # What a small model makes up after its answer is about another text.
        own = Reading(Text(text.text[: text.starts[task]]), catalog, single)
        if named := _claimed(own, single):
            return named
    return _claimed(reading, single) or (set() if reading.claims else _misspelled(reading))


def _claimed(reading: Reading, single: bool) -> set[int]:
    """What the strongest claims of a text name."""
    claims = reading.claims
    if not single:
        # Of several labels in a text, the first or last one is not more than the others.
        claims = [weakened(claim, Strength.LED, Strength.CONCLUDED, Strength.OPENED) for claim in claims]
    strongest = max((claim.strength for claim in claims), default=Strength.MENTIONED)
    if strongest == Strength.MENTIONED or reading.text.words[:2] == ["example", ":"]:
        return set()
    if reading.wording.retracts(max(claim.last for claim in claims)):
        return set()
    if strongest < Strength.ANSWERED and next(reading.wording.places("asks"), None) is not None:
        return set()
    if strongest <= Strength.OPENED and (
        len(reading.text.text) > MAX_READ or _refuses(reading) or reading.text.breaks_off()
    ):
        return set()
    best = [claim for claim in claims if claim.strength == strongest]
    names = choices_of(best)
    if single:
        return names if len(names) == 1 and not _is_doubtful(reading, best[-1], claims) else set()
    # All labels amid other words are the question repeated.
    repeated = strongest == Strength.STATED and 2 < len(choices_of(claims)) == len(reading.catalog.choices)
    return set() if repeated else names


def _misspelled(reading: Reading) -> set[int]:
    """The one choice that a line, the first sentence or an announced answer is, but for a typo."""
    words = reading.text.words
    lines = [reading.text.line(place) for place in (0, len(words) - 1)] if words else []
    spans = {(start, end - (words[end - 1] in BREAKS)) for start, end in lines}
    for start in (0, *sorted(reading.wording.heads)[-20:]):
        end = next((place for place in range(start, len(words)) if words[place] in BREAKS), len(words))
        spans.add((start, end))
    found = {reading.catalog.misspelled(words[start:end]) for start, end in spans if start < end < start + 40}
    named = {choice for choice in found if choice is not None}
    return named if len(named) == 1 else set()


def _refuses(reading: Reading) -> bool:
    """Whether it is said, in the text's own words, that there is no answer."""
    return any(not reading.text.is_quoted(place, place + 1) for place in reading.wording.places("refusal"))


def _is_doubtful(reading: Reading, answer: Row, claims: list[Row]) -> bool:
    """Whether what else the text says leaves its one `answer` in doubt."""
    names = choices_of([answer])
    if answer.strength == Strength.FINAL:
        return False
    revised = any(
        place > answer.first or answer.strength < Strength.ANSWERED for place in reading.wording.places("revision")
    )
    if (revised and reading.named != names) or reading.parts - names:
        return True
    return any(_rivals(reading, answer, claim) for claim in claims if choices_of([claim]) != names)


def _rivals(reading: Reading, answer: Row, other: Row) -> bool:
    """Whether the claim of another choice is about as strong as the `answer`, or comes after it and turns away."""
    if answer.strength <= Strength.OPENED and other.strength >= answer.strength - 1:
        return True
    if other.first < answer.first or reading.text.is_in_parentheses(other.first, other.last):
        return False
    if answer.strength > Strength.CONCLUDED:
        return other.strength >= Strength.CONCLUDED
    start, _ = reading.text.sentence(other.first)
    turns = start > answer.last and "turn" in reading.wording.senses[start]
    return turns or other.strength >= Strength.STATED
