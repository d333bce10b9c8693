"""What tokens cost."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.llm.prices import Prices, total
from llm_interactive.settings import Settings


def tokens(prompt: int = 1_000_000, completion: int = 1_000_000, cached: int = 0) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "cached_tokens": cached}


def prices(**settings: Any) -> Prices:
    return Prices(Settings(**settings))


def test_a_known_models_tokens_have_the_list_price() -> None:
    assert prices().cost("gpt-4o-mini", tokens()) == pytest.approx(0.15 + 0.60)


def test_cached_tokens_cost_what_the_provider_asks_for_them() -> None:
    assert prices().cost("gpt-4o-mini", tokens(cached=1_000_000)) == pytest.approx(0.075 + 0.60)


def test_a_model_that_nobody_knows_is_not_free() -> None:
    assert prices().cost("our-own-model", tokens()) is None


def test_the_settings_price_the_models_that_the_list_does_not_know() -> None:
    given = prices(price_input=2, price_output=3)
    assert given.cost("our-own-model", tokens()) == 5
    assert given.cost("gpt-4o-mini", tokens()) == pytest.approx(0.75)


def test_a_server_of_ones_own_does_not_have_openais_prices() -> None:
    own = {"openai_base_url": "http://localhost:8000/v1"}
    assert prices(**own).cost("gpt-4o-mini", tokens()) is None
    assert prices(**own, price_input=0, price_output=0).cost("gpt-4o-mini", tokens()) == 0


def test_azure_has_its_own_list_and_ollama_none() -> None:
    assert prices(openai_provider="azure").cost("gpt-4o-mini", tokens()) == pytest.approx(0.75)
    assert prices(openai_provider="ollama").cost("llama3", tokens()) is None


def test_a_price_for_long_requests_is_not_asked_of_many_short_ones() -> None:
    google = prices(openai_base_url="https://generativelanguage.googleapis.com/v1beta/openai")
    long = google.cost("gemini-2.5-pro", tokens(1_000_000, 1000), 1)
    short = google.cost("gemini-2.5-pro", tokens(1_000_000, 1000), 1000)
    assert short is not None
    assert long is not None
    assert short < 0.6 * long


def test_calls_whose_provider_tells_no_tokens_are_not_free_but_no_calls_are() -> None:
    assert prices().cost("gpt-4o-mini", tokens(0, 0), 3) is None
    assert prices().cost("gpt-4o-mini", tokens(0, 0), 0) == 0


@pytest.mark.parametrize("settings", [{}, {"price_input": 0.15, "price_output": 0.6}])
def test_tokens_of_the_batch_api_cost_half(settings: dict[str, float]) -> None:
    model = "unheard-of" if settings else "gpt-4o-mini"
    whole = prices(**settings).cost(model, tokens(1000, 100), 10)
    batched = {"batched_prompt_tokens": 500, "batched_completion_tokens": 50}
    assert whole is not None
    assert prices(**settings).cost(model, tokens(1000, 100) | batched, 10) == pytest.approx(0.75 * whole)


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    assert total([0.1, None]) is None
    assert total([0.1, 0.2]) == pytest.approx(0.3)
    assert total([]) == 0
