"""How long a provider asks to wait."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhd])[a-z]*", re.IGNORECASE)
_WAIT = re.compile(
    rf"(?:again|retry|wait)\b[^.]{{0,20}}?\b(?:in|after|for) ((?:{_DURATION.pattern}[ ,]*)+)", re.IGNORECASE
)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def retry_after(headers: Mapping[str, str], message: str) -> float | None:
    """Seconds by an answer's headers, else by its words; None where neither says."""
    told = _told_by(headers)
    return _told_in(message) if told is None else told


def _told_by(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (a number or a date); None where there is nothing usable."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = float(headers.get("retry-after", "nan"))
    except ValueError:
        try:
            seconds = max(0.0, _seconds_between(headers.get("date"), headers["retry-after"]))
        except (KeyError, ValueError, TypeError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _told_in(message: str) -> float | None:
    """Seconds from words such as "Please try again in 14m23.5s"; None where there are none."""
    found = _WAIT.search(message)
    parts = _DURATION.findall(found[1]) if found else []
    return sum(float(number) * _SECONDS[unit[:2] if unit[:2] == "ms" else unit[0]] for number, unit in parts) or None


def _seconds_between(now: str | None, then: str) -> float:
    # By the provider's own clock: ours may be wrong.
    start = parsedate_to_datetime(now) if now else datetime.now(UTC)
    return (parsedate_to_datetime(then) - start).total_seconds()
