"""How providers limit the rate of requests. Times are `time.monotonic()` seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class TokenBucket:
    """`rate` requests a second, saved up to `burst`; says nothing about when to come back."""

    rate: float
    burst: float
    tokens: float = -1.0
    at: float = 0.0

    def admit(self, now: float) -> tuple[bool, float | None]:
        """Whether a request may pass, and the Retry-After of one that may not."""
        saved = self.burst if self.tokens < 0 else self.tokens + (now - self.at) * self.rate
        self.tokens, self.at = min(self.burst, saved), now
        if self.tokens < 1:
            return False, None
        self.tokens -= 1
        return True, None


@dataclass
class FixedWindow:
    """`limit` requests in each `seconds`, the first window starting with the first request; sends Retry-After."""

    limit: int
    seconds: float
    start: float | None = None
    count: int = 0

    def admit(self, now: float) -> tuple[bool, float | None]:
        """Whether a request may pass, and the Retry-After of one that may not."""
        if self.start is None:
            self.start = now
        if now >= self.start + self.seconds:
            self.start += self.seconds * ((now - self.start) // self.seconds)
            self.count = 0
        if self.count >= self.limit:
            # Whole seconds, as in most providers' headers.
            return False, math.ceil(self.start + self.seconds - now)
        self.count += 1
        return True, None
