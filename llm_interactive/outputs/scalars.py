"""Rating, Number and DateTime: one value each, or None."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llm_interactive.labeling.tags import ControlTag, Region
from llm_interactive.outputs.base import Checked, Data, Schema, region
from llm_interactive.text import whole_number

_NUMBER = re.compile(r"[+-]?(?:\d+(\.\d*)?|(\.\d+))(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_MOST_STARS = 250
_MAX_NUMBER = 2**53
_ISO_FORMS = {
    "%H:%M": "hh:mm",
    "%Y-%m-%dT%H:%M": "YYYY-MM-DDThh:mm",
    "%Y-%m-%d": "YYYY-MM-DD",
    "%Y-%m": "YYYY-MM",
    "%Y": "YYYY",
}
_ISO = re.compile(
    r"(?:(\d{4})(?:-(\d\d)(?:-(\d\d))?)?)?"
    r"(?:(?:^|(?<=-\d\d-\d\d)[T ])(\d\d):(\d\d)(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_DIRECTIVE = re.compile(r"%([-_0]?)(.)", re.DOTALL)
_SAMPLE = datetime(2024, 11, 23, 21, 47)  # noqa: DTZ001
_LONG_FORMS = {"c": "%-m/%-d/%Y, %-I:%M:%S %p", "x": "%-m/%-d/%Y", "X": "%-I:%M:%S %p"}


def stored_values(control: ControlTag, regions: Sequence[Region], key: str) -> list[Any]:
    """What `control`'s regions hold under `key`, in their order; nulls are left out."""
    values = [entry["value"].get(key) for entry in regions if entry.get("from_name") == control.name]
    return [value for value in values if value is not None]


def number_of(value: Any) -> int | float | None:
    """The finite number that `value` is or writes out; other than for JSON, True is none."""
    if isinstance(value, str) and len(value) < 50 and (written := _NUMBER.fullmatch(value.strip())):
        value = float(value) if any(written.groups()) else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= _MAX_NUMBER else None  # nor is an infinite or undefined one


@dataclass(eq=False)
class Rating:
    """Stars from 1 to `maxRating`; the page shows nothing for 0."""

    control: ControlTag

    depends_on_task = False

    @property
    def most(self) -> int:
        """The highest rating."""
        return whole_number(self.control.attributes.get("maxrating", "")) or 5

    def schema(self, data: Data) -> Schema:
        """An integer or null."""
        schema: Schema = {"type": ["integer", "null"]}
        return schema | {"enum": [*range(1, self.most + 1), None]} if self.most <= _MOST_STARS else schema

    def guide(self, data: Data) -> str:
        """The range."""
        return f"a whole number from 1 to {self.most}, or null"

    def check(self, value: Any, data: Data) -> Checked:
        """An int in the range."""
        number = number_of(value)
        if number is not None and 1 <= number <= self.most and number == int(number):
            return Checked(int(number))
        return _unfit(value, self.guide(data))

    def regions(self, value: Any, data: Data) -> list[Region]:
        """One region."""
        return [] if value is None else [region(self.control, {"rating": value})]

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The rating; None where it is 0."""
        return next(filter(None, stored_values(self.control, regions, "rating")), None)


@dataclass(eq=False)
class Number:
    """A number within `min`, `max` and `step`, which the page checks only for what is typed."""

    control: ControlTag

    depends_on_task = False

    def schema(self, data: Data) -> Schema:
        """A number or null."""
        return {"type": ["number", "null"]}

    def guide(self, data: Data) -> str:
        """The bounds."""
        bounds = (("at least", "min"), ("at most", "max"), ("in steps of", "step"))
        said = [f"{words} {bound}" for words, name in bounds if (bound := self._attribute(name)) is not None]
        return " ".join(["a number", ", ".join(said)]).strip() + ", or null"

    def check(self, value: Any, data: Data) -> Checked:
        """A number within the bounds."""
        number = number_of(value)
        return Checked(number) if number is not None and self._fits(number) else _unfit(value, self.guide(data))

    def _fits(self, number: float) -> bool:
        least, most, step = (self._attribute(name) for name in ("min", "max", "step"))
        if (least is not None and number < least) or (most is not None and number > most):
            return False
        # As the editor does it (Number.jsx).
        steps = (number - (least or 0)) / step if step else 0
        return math.isinf(steps) or abs(steps - round(steps)) * (step or 0) <= 1e-8

    def _attribute(self, name: str) -> float | None:
        return number_of(self.control.attributes.get(name))

    def regions(self, value: Any, data: Data) -> list[Region]:
        """One region."""
        return [] if value is None else [region(self.control, {"number": value})]

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The number."""
        return next(iter(stored_values(self.control, regions, "number")), None)


@dataclass(eq=False)
class DateTime:
    """A date, time, month or year: ISO in answers, in the tag's `format` in regions, for the page parses only that.

    Parts and formats are the editor's (DateTime.jsx), which knows minutes but no seconds and no time zones, and where a
    date has no time stores 00:00. An answer in the tag's format is taken too.
    """

    control: ControlTag

    depends_on_task = False

    @property
    def _only(self) -> str:
        return self.control.attributes.get("only", "")

    @property
    def _iso(self) -> str:
        """The ISO form of the parts that are asked for."""
        if self._only == "time":
            return "%H:%M"
        if not self._only or "date" in self._only:
            return "%Y-%m-%dT%H:%M" if not self._only or "time" in self._only else "%Y-%m-%d"
        return "%Y-%m" if "month" in self._only else "%Y"

    @property
    def _format(self) -> str:
        if self._only == "time":
            return "%H:%M"
        default = "%Y-%m-%dT%H:%M" if not self._only or "time" in self._only else "%Y-%m-%d"
        return self.control.attributes.get("format") or default

    def schema(self, data: Data) -> Schema:
        """A string or null."""
        return {"type": ["string", "null"]}

    def guide(self, data: Data) -> str:
        """The form, and the bounds."""
        bounds = [
            f"{words} {self._bound(name)}" for words, name in (("from", "min"), ("to", "max")) if self._bound(name)
        ]
        return " ".join([f"{_ISO_FORMS[self._iso]},", *bounds, "or null"])

    def check(self, value: Any, data: Data) -> Checked:
        """The value in the ISO form of the parts that are asked for."""
        moment = self._read(value)
        return Checked(_written(moment, self._iso)) if moment else _unfit(value, self.guide(data))

    def _read(self, value: Any) -> datetime | None:
        text = str(value).strip() if isinstance(value, str | int) else ""
        moment = _moment(text, self._iso) or self._in_format(text)
        if moment is None or (self._iso != "%H:%M" and moment.year < 1000):
            return None
        date = f"{moment:%Y}" if "year" in self._only else f"{moment:%Y-%m-%d}"
        least, most = self._bound("min"), self._bound("max")
        # The editor compares texts.
        return None if (least and date < least) or (most and date > most) else moment

    def _in_format(self, text: str) -> datetime | None:
        """The moment that `text` writes just as the tag's format does, if that format holds all parts asked for."""
        moment, again = (_read_back(said, self._format) for said in (text, _written(_SAMPLE, self._format)))
        holds_all = again is not None and _written(again, self._iso) == _written(_SAMPLE, self._iso)
        return moment if holds_all and moment and _written(moment, self._format) == text else None

    def _bound(self, name: str) -> str:
        bound = self.control.attributes.get(name, "")
        return bound if self._only != "time" and re.match(r"\d{4}", bound) else ""

    def regions(self, value: Any, data: Data) -> list[Region]:
        """One region, in the tag's format."""
        moment = self._read(value)
        return [region(self.control, {"datetime": _written(moment, self._format)})] if moment else []

    def value_of(self, regions: Sequence[Region]) -> Any:
        """The ISO form; what is not in the tag's format is given as it is."""
        stored = next(iter(stored_values(self.control, regions, "datetime")), None)
        moment = _read_back(str(stored), self._format) if stored is not None else None
        return _written(moment, self._iso) if moment else stored


def _moment(text: str, iso: str) -> datetime | None:
    """The wall time of an ISO text that has at least the parts of the form `iso`."""
    found = _ISO.fullmatch(text)
    if found is None or found[{"%H:%M": 4, "%Y": 1, "%Y-%m": 2}.get(iso, 3)] is None:
        return None
    year, month, day, hour, minute = found.groups()
    try:
        return datetime(int(year or 2000), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0))  # noqa: DTZ001
    except ValueError:
        return None


def _written(moment: datetime, form: str) -> str:
    """`moment` as d3's timeFormat writes it (https://d3js.org/d3-time-format), in English."""

    def written(directive: re.Match[str]) -> str:
        padding, letter = directive.groups()
        if letter in _LONG_FORMS:
            return _written(moment, _LONG_FORMS[letter])
        if letter == "Y" and not padding:
            return f"{moment.year:04}"
        if letter in "LZ":
            return "000" if letter == "L" else "+0000"
        return moment.strftime(directive[0]) if letter in "aAbBdefgGHIjmMpSuUVwWyY%" else letter

    return _DIRECTIVE.sub(written, form)


def _read_back(text: str, form: str) -> datetime | None:
    """The moment that `text` writes in a format of d3, None where it is in another."""
    form = _DIRECTIVE.sub(lambda directive: _LONG_FORMS.get(directive[2], directive[0]), form)
    same = {"e": "d", "L": "f", "Z": "z"}
    form = _DIRECTIVE.sub(lambda directive: "%" + same.get(directive[2], directive[2]), form)
    try:
        return datetime.strptime(text, form).replace(tzinfo=None)  # noqa: DTZ007
    except ValueError:
        return None


def _unfit(value: Any, form: str) -> Checked:
    """None: without a fault where there is no answer, else with the form that was asked for."""
    empty = value is None or (isinstance(value, str) and value.strip().casefold() in ("", "null", "none"))
    return Checked(None, None if empty else f"must be {form}")
