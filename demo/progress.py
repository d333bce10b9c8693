"""Lines that show what is being waited for and for how long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """On a terminal a line that counts the seconds; elsewhere (CI, a file) one that is written now and then."""

    def __init__(self, stream: TextIO = sys.stdout, *, every: float = 10.0) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._every = every
        self._title = ""
        self._shown_at = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[float], None]]:
        """A step that is done at the end of the block; inside, call what it gives with the seconds so far."""
        began = time.monotonic()
        self._title = title
        self._shown_at = 0.0
        self.say("…")
        yield self._waited
        self._write(f"{title}: ready ({time.monotonic() - began:.1f} s)", last=True)

    def say(self, what: str) -> None:
        """A word on where the current step is."""
        self._write(f"{self._title}: {what}", last=not self._live)

    def _waited(self, seconds: float) -> None:
        if seconds - self._shown_at >= (0.5 if self._live else self._every):
            self._shown_at = seconds
            self.say(f"{seconds:.0f} s")

    def _write(self, line: str, *, last: bool) -> None:
        # \r goes back to the start of the line, \x1b[K clears what an older, longer text left there.
        start = "\r\x1b[K" if self._live else ""
        self._stream.write(f"{start}{line}" + ("\n" if last else ""))
        self._stream.flush()
