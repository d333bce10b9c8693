"""The connections to the provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from llm_interactive.llm.sdk import Connections
from llm_interactive.settings import Settings


@pytest.fixture
def connections() -> Iterator[Connections]:
    connections = Connections(Settings(openai_api_key="any"))
    yield connections
    connections.close()


def test_calls_one_after_the_other_use_the_same_connection(connections: Connections) -> None:
    with connections.for_a_call() as first:
        pass
    with connections.for_a_call() as second:
        assert second is first


def test_calls_at_once_have_one_each_and_later_ones_the_same(connections: Connections) -> None:
    def at_once(stack: ExitStack) -> set[int]:
        return {id(stack.enter_context(connections.for_a_call())) for _ in range(20)}

    with ExitStack() as stack:
        before = at_once(stack)
    assert len(before) == 20
    with ExitStack() as stack:
        assert at_once(stack) == before
