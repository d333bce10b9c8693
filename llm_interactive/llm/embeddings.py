"""Vectors of texts by the provider's /embeddings, as long as it has them."""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from operator import mul
from typing import Any, TypeAlias

import httpx2
import openai

from llm_interactive.deadline import Deadline
from llm_interactive.llm.client import ChatClient
from llm_interactive.llm.http import ending_at

log = logging.getLogger(__name__)

Vector: TypeAlias = "array[float]"
"""A vector of length 1."""

_AT_ONCE = 32
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
_REFUSED_SECONDS = 3600.0
_FAILED_SECONDS = 60.0


@dataclass(frozen=True)
class Embedded:
    """The vectors of texts, in order, and the tokens that they took."""

    vectors: tuple[Vector, ...]
    tokens: int


class Embeddings:
    """Asks for vectors where the operator named a model for them. Safe for threads."""

    def __init__(self, client: ChatClient, model: str | None) -> None:
        self._client = client
        self.model = model
        self._not_before = Deadline(float("-inf"))

    def of(self, texts: Sequence[str], deadline: Deadline) -> Embedded | None:
        """The vectors of `texts`, all by `deadline`; None where the provider gives none.

        A provider that has no embeddings is not asked for an hour, one that fails for a minute.
        """
        if self.model is None or self._not_before.left > 0:
            return None
        vectors: list[Vector] = []
        tokens = 0
        try:
            for start in range(0, len(texts), _AT_ONCE):
                found, taken = self._ask(texts[start : start + _AT_ONCE], deadline)
                vectors += found
                tokens += taken
        except openai.APIStatusError as error:
            refused = error.status_code in _REFUSED
            self._not_before = Deadline.after(_REFUSED_SECONDS if refused else _FAILED_SECONDS)
            log.warning("No embeddings by %s (%d): examples are found by words", self.model, error.status_code)
            return None
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, KeyError) as error:
            self._not_before = Deadline.after(_FAILED_SECONDS)
            log.warning("No embeddings by %s (%s): examples are found by words", self.model, type(error).__name__)
            return None
        return Embedded(tuple(vectors), tokens)

    def _ask(self, texts: Sequence[str], deadline: Deadline) -> tuple[list[Vector], int]:
        with ending_at(deadline.at):
            response = self._client.sdk.post(
                "/embeddings",
                cast_to=httpx2.Response,
                body={"model": self.model, "input": list(texts)},
                options={"timeout": max(0.001, deadline.left)},
            )
        body: dict[str, Any] = response.json()
        rows = sorted(body["data"], key=lambda row: row["index"])
        vectors = [_of_length_1(row["embedding"]) for row in rows]
        if len(vectors) != len(texts) or not vectors[0] or len(set(map(len, vectors))) > 1:
            raise ValueError("not one vector for each text")
        return vectors, int((body.get("usage") or {}).get("prompt_tokens") or 0)


def likeness(one: Vector, other: Vector) -> float:
    """The cosine of the angle between two vectors of length 1."""
    return float(sum(map(mul, one, other)))


def _of_length_1(numbers: Sequence[float]) -> Vector:
    length = math.hypot(*numbers) or 1.0
    return array("f", [number / length for number in numbers])
