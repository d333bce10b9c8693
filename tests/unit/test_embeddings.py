"""Vectors of texts by a provider that has embeddings, has none, or fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from llm_interactive.deadline import Deadline
from llm_interactive.llm.client import ChatClient
from llm_interactive.llm.embeddings import Embeddings, likeness
from llm_interactive.settings import Settings
from testing.llm import FakeLLM


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


@pytest.fixture
def embeddings(llm: FakeLLM) -> Iterator[Embeddings]:
    with closing(ChatClient(Settings(openai_api_key="any", openai_base_url=llm.base_url))) as client:
        yield Embeddings(client, "embed")


def test_each_text_has_its_vector_of_length_1(llm: FakeLLM, embeddings: Embeddings) -> None:
    llm.vector = lambda text: [3.0, 4.0] if text == "a" else [0.0, 9.0]
    found = embeddings.of(["a", "b"], Deadline.after(20))
    assert found
    assert likeness(found.vectors[0], found.vectors[0]) == pytest.approx(1)
    assert likeness(*found.vectors) == pytest.approx(0.8)
    assert found.tokens == 2


def test_many_texts_are_sent_in_several_requests(llm: FakeLLM, embeddings: Embeddings) -> None:
    llm.vector = lambda text: [1.0, float(text)]
    found = embeddings.of([str(number) for number in range(70)], Deadline.after(20))
    assert found
    assert [len(texts) for texts in llm.embedded] == [32, 32, 6]
    assert len({tuple(vector) for vector in found.vectors}) == 70


@pytest.mark.parametrize(
    "vector",
    [None, lambda text: [], lambda text: ["1"], lambda text: None, lambda text: [1.0] * len(text)],
    ids=["no embeddings", "empty", "no numbers", "null", "of several lengths"],
)
def test_a_provider_that_gives_none_is_not_asked_again_at_once(
    llm: FakeLLM, embeddings: Embeddings, vector: Callable[[str], Any] | None
) -> None:
    llm.vector = vector
    assert embeddings.of(["a", "bc"], Deadline.after(20)) is None
    assert embeddings.of(["a"], Deadline.after(20)) is None
    assert len(llm.embedded) == 1


def test_without_a_model_nobody_is_asked(llm: FakeLLM) -> None:
    with closing(ChatClient(Settings(openai_api_key="any", openai_base_url=llm.base_url))) as client:
        assert Embeddings(client, None).of(["a"], Deadline.after(20)) is None
    assert llm.embedded == []
