"""The pools of connections to the provider."""

from __future__ import annotations

from collections import Counter
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


def test_calls_one_after_the_other_use_the_same_pool(connections: Connections) -> None:
    with connections.for_a_call() as first:
        pass
    with connections.for_a_call() as second:
        assert second is first is connections.sdk


def test_many_calls_at_once_are_spread_over_small_pools(connections: Connections) -> None:
    with ExitStack() as stack:
        sdks = [stack.enter_context(connections.for_a_call()) for _ in range(20)]
        assert sorted(Counter(map(id, sdks)).values()) == [4, 8, 8]
    with connections.for_a_call() as sdk:
        assert sdk is sdks[0]
