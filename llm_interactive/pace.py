"""How fast calls may start: at will, until the provider says "too many"; then as fast as it was seen to allow."""

from __future__ import annotations

import threading

_BACK_OFF = 0.9
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
_LONGEST_WISH = 120.0
_SPEED_UP_PER_SECOND = 0.05
_WINDOW = 5.0
_FORGET_AFTER = 60.0
_SLOWEST = 0.2


class Pace:
    """The common pace of all callers. Times are `time.monotonic()` seconds, rates are calls per second.

    After a rate limit nobody calls for as long as the provider asked, two minutes at most (or a quarter of a
    second, doubling while it goes on). Then the rate starts at a little less than what went through in the last seconds and grows slowly; a
    minute without another limit lifts it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rate: float | None = None
        self._next_start = 0.0
        self._resumes = 0.0
        self._pause = _FIRST_PAUSE
        self._limited_at = 0.0
        self._window_start = 0.0
        self._window_count = 0
        self._seen = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call may start; 0 or less means now."""
        with self._lock:
            if self._rate is not None and now - self._limited_at > _FORGET_AFTER:
                self._rate = None
            paced = self._next_start if self._rate is not None else 0.0
            return max(self._resumes, paced) - now

    def started(self, now: float) -> None:
        """Note that a call starts."""
        with self._lock:
            if self._rate is not None:
                self._next_start = max(now, self._next_start) + 1 / self._rate

    def succeeded(self, now: float) -> None:
        """Note that a call went through: the pace may grow."""
        with self._lock:
            if now - self._window_start > _WINDOW:
                self._seen = self._window_count / (now - self._window_start) if self._window_start else 0.0
                self._window_start, self._window_count = now, 0
            self._window_count += 1
            self._pause = _FIRST_PAUSE
            if self._rate is not None:
                self._rate += self._rate * _SPEED_UP_PER_SECOND / max(self._rate, 1.0)

    def limited(self, now: float, retry_after: float | None) -> float:
        """Note a rate limit; gives the seconds for which nobody calls."""
        with self._lock:
            if now < self._resumes:  # calls that were already under way meet the same limit
                return self._resumes - now
            elapsed = max(now - self._window_start, 0.5)
            rate = max(self._seen, self._window_count / elapsed) if self._window_start else 1.0
            self._rate = max(_SLOWEST, min(rate, self._rate or rate) * _BACK_OFF)
            pause = self._pause if retry_after is None else min(retry_after, _LONGEST_WISH)
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
            self._resumes = self._next_start = now + pause
            self._limited_at = now
            return pause
