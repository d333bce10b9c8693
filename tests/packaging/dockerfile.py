"""A reader of Dockerfiles, as far as ours goes."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Dockerfile:
    """The instructions of a Dockerfile, in order: name and arguments."""

    instructions: list[tuple[str, str]]

    @classmethod
    def read(cls, path: Path) -> Dockerfile:
        lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
        whole = "\n".join(lines).replace("\\\n", " ")
        return cls([(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1].strip()) for line in whole.splitlines()])

    def all(self, name: str) -> list[str]:
        return [arguments for instruction, arguments in self.instructions if instruction == name]

    def last(self, name: str) -> str:
        return self.all(name)[-1]

    def index(self, name: str, part: str) -> int:
        """Where the first instruction of this name with `part` in its arguments stands."""
        return next(
            index
            for index, (instruction, arguments) in enumerate(self.instructions)
            if instruction == name and part in arguments
        )

    @property
    def environment(self) -> dict[str, str]:
        pairs = (pair.partition("=") for arguments in self.all("ENV") for pair in shlex.split(arguments))
        return {name: value for name, _, value in pairs}

    @property
    def command(self) -> list[str]:
        return exec_form(self.last("CMD"))

    @property
    def health_check(self) -> list[str]:
        return exec_form(self.last("HEALTHCHECK").partition("CMD")[2])

    @property
    def sources(self) -> list[str]:
        return [source for arguments in self.all("COPY") for source in arguments.split()[:-1]]


def exec_form(arguments: str) -> list[str]:
    """A command as a JSON list: run as it is, without a shell that would keep signals from it."""
    words = json.loads(arguments)
    assert isinstance(words, list)
    return [str(word) for word in words]
