"""How fast calls may start: at will, until the provider says "too many"; then as fast as it was seen to allow."""

from __future__ import annotations

import threading
from collections import deque

_BACK_OFF = 0.95
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LONGEST_WISH = 120.0
# Growth of the rate for each success, in calls per second: careful after a limit, doubling every 8 seconds of calm.
_SEARCHING, _CAREFUL, _BOLD = 0.5, 0.02, 0.5
_BOLDER_EVERY = 8.0
_WINDOW = 5.0
_FORGET_AFTER = 60.0
_SLOWEST = 0.2
_RECENT, _STRAY = 16, 0.25  # fewer limits among the last outcomes are chance


class RateLimiter:
    """The common pace of all callers. Times are `time.monotonic()` seconds, rates are calls per second.

    After a rate limit nobody calls for as long as the provider asked, two minutes at most (or a tenth of a second,
    doubling while it goes on). Then the rate starts at a little less than what went through in the last seconds and
    grows, slowly at first; a minute without another limit lifts it. A provider that limits before anything went
    through leaves the rate to be searched for from below.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rate: float | None = None
        self._next_start = 0.0
        self._resumes = 0.0
        self._pause = _FIRST_PAUSE
        self._limited_at = float("-inf")
        self._searching = True  # nothing went through yet by which to know the rate
        self._window_start = 0.0
        self._window_count = 0
        self._seen = 0.0
        self._recent: deque[bool] = deque(maxlen=_RECENT)

    def is_stray(self) -> bool:
        """Note that a call met a limit; gives whether the others get through, so that they need not slow down."""
        with self._lock:
            self._recent.append(False)
            # The first outcome of all tells of no others that get through.
            return self._rate is None and self._recent.count(False) < _STRAY * len(self._recent)

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
            self._recent.append(True)
            if self._rate is not None:
                calm = max(0.0, now - self._resumes) * min(1.0, self._rate)
                growth = _SEARCHING if self._searching else min(_BOLD, _CAREFUL * 2 ** (calm / _BOLDER_EVERY))
                self._rate += min(self._rate, 1.0) * growth

    def limited(self, started: float, now: float, retry_after: float | None) -> float:
        """Note that a call that was `started` met a rate limit; gives the seconds for which nobody calls."""
        with self._lock:
            if now < self._resumes or started <= self._limited_at:  # it was under way already and met the same limit
                return max(0.0, self._resumes - now)
            elapsed = max(now - self._window_start, 0.5)
            if self._searching or self._rate is None:
                self._searching = not self._window_count
            rate = max(self._seen, self._window_count / elapsed) if self._window_start else self._rate or 1.0
            self._rate = max(_SLOWEST, min(rate, self._rate or rate) * _BACK_OFF)
            pause = self._pause if retry_after is None else min(retry_after, _LONGEST_WISH)
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
            self._resumes = self._next_start = now + pause
            self._limited_at = now
            return pause
