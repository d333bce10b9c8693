"""What the application and gunicorn's worker around it have agreed on."""

from __future__ import annotations

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Headers of every answer; only the status page has a policy of its own."""

SMALL_BODY = 131_072
"""Bytes. A body up to this size, whose length the head tells, is there before the application is called."""
