"""The files of an export: written beside their place, and put there all at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from llm_interactive.text import storable


def beside(file: Path, kind: str) -> Path:
    """The path of a file that goes with `file`: train.jsonl → train.meta.jsonl."""
    name = file.name.removesuffix(".jsonl")
    return file.with_name(f"{name}.{kind}.jsonl")


class Files:
    """JSON lines for several files. Nothing is in its place before `commit`, and nothing is left behind without it."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._open: dict[Path, IO[str]] = {}
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        try:
            for path in self._paths:
                place = path.resolve()  # so that a link stays one
                part = place.with_name(f".{place.name}.{os.getpid()}")
                made = part.open("w", encoding="utf-8")
                self._cleanup.callback(part.unlink, missing_ok=True)
                self._cleanup.callback(made.close)
                self._open[path] = made
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def write(self, path: Path, line: Mapping[str, Any]) -> None:
        """Add a line to the file that will be at `path`."""
        self._open[path].write(storable(json.dumps(line, ensure_ascii=False)) + "\n")

    def commit(self) -> None:
        """Put the files in their places."""
        for file in self._open.values():
            file.flush()
            os.fsync(file.fileno())
        for path, file in self._open.items():
            os.replace(file.name, path.resolve())

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()
