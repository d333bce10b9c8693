"""Money and time of versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.evaluation.spending import Spent, spending
from llm_interactive.llm.prices import Prices
from llm_interactive.settings import Settings
from llm_interactive.store.usage import Call

approx: Any = pytest.approx

CALL = Call("1.2", "own/1", "1", "own", "ok", 1.0, prompt_tokens=1_000, completion_tokens=100)


def test_a_version_costs_what_its_calls_cost_for_each_task() -> None:
    prices = Prices(Settings(price_input=1.0, price_output=10.0))
    calls = [CALL, replace(CALL, task="2", seconds=3.0), replace(CALL, task="2", outcome="unusable", seconds=2.0)]
    # Three calls of 0.002 dollars for two tasks.
    assert spending(calls, prices) == {"own/1": Spent(approx(3.0), 2.0, approx(2.9))}


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    assert spending([CALL], Prices(Settings()))["own/1"] == Spent(None, 1.0, 1.0)


def test_calls_of_the_batch_api_cost_half_and_tell_no_seconds() -> None:
    prices = Prices(Settings(price_input=1.0, price_output=10.0))
    batched = replace(CALL, task="2", seconds=0.0, batched=True)
    assert spending([CALL, batched], prices) == {"own/1": Spent(approx(1.5), 1.0, 1.0)}
    assert spending([batched], prices) == {"own/1": Spent(approx(1.0))}
