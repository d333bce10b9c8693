"""Which candidates a judge may like for their family's style."""

from __future__ import annotations

import pytest

from llm_interactive.ranking.judge import relatives


@pytest.mark.parametrize(
    "model", ["gpt-4o", "openai/gpt-4.1-mini", "GPT-5", "ft:gpt-4o-mini-2024-07-18:acme:support:9x", "openai/ft:gpt-4o"]
)
def test_models_of_one_name_are_related_also_when_tuned(model: str) -> None:
    assert relatives("gpt-4o", [model, "mistral-small"]) == [model]


@pytest.mark.parametrize("model", ["claude-sonnet-4", "llama3.2", "ft:mistral-small:acme", "my-gpt"])
def test_those_of_another_name_are_not(model: str) -> None:
    assert relatives("gpt-4o", [model]) == []
