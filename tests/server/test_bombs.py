"""Tasks and prompts that would grow without bound: the task's error, before anything is sent."""

from __future__ import annotations

import re

import pytest

from testing.llm import FakeLLM
from tests.server.bodies import TEXT, batch, results, task, texts
from tests.server.conftest import MakeApp

PAGE = TEXT.replace("<Text ", "<HyperText ")
MANY_TIMES = TEXT.replace('value="$text"', f'value="{"$text " * 3_000}"')


@pytest.mark.parametrize(
    ("config", "prompt", "text", "settings"),
    [
        (TEXT, "{text}" * 3_000, "x" * 100_000, {"use_internal_prompt_template": False}),
        (TEXT, "Judge.", "x" * 1_100_000, {}),
        (MANY_TIMES, "Judge.", "x" * 100_000, {}),
        (PAGE, "Judge.", "<p>" + "x" * 1_100_000, {}),
        (PAGE, "Judge.", "<b>" * 200_001, {}),
        (TEXT, "Judge.", "x" * 2_000, {"max_prompt_characters": 1_000}),
    ],
)
def test_what_would_grow_without_bound_is_the_tasks_error_and_is_never_sent(
    make_app: MakeApp, llm: FakeLLM, config: str, prompt: str, text: str, settings: dict[str, object]
) -> None:
    client = make_app(**settings, default_prompt=prompt).test_client()
    failed, answered = results(client, batch([task(1, text), task(2, "short")], config))

    assert "result" not in failed
    assert re.search("more than [0-9,]+ (characters|tags)", failed["error"])
    assert texts(answered) == ["OK"]
    assert len(llm.calls) == 1
