"""The name of what makes a batch's predictions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from llm_interactive.outputs.form import Form
from llm_interactive.settings import ChatOptions

_WITHOUT_EFFECT = ("default_prompt", "max_prompt_characters", "few_shot", "second_model")
"""Options that change no prediction: a task is sent whole or not at all, and the prompt and the examples count.

A second model counts where people compare two responses, and is in the name there.
"""

_WITH_EXAMPLES = re.compile(r"/[0-9a-f]{8}-\d+shot$")


def model_version(
    prompts: Mapping[str, str | None], forms: Sequence[Form], options: ChatOptions, examples: str | None = None
) -> str:
    """`<model>/<8 hex>`, another one as soon as the outcome would be another; `prompts` by the prompt field's name.

    Where people compare responses of two models it names both, with a plus between. With the digest of a set of
    `examples` it ends with how many are shown, as `-4shot`. Label Studio asks only for tasks without a prediction of
    this version, so it must not change without need.
    """
    outcome: dict[str, Any] = {
        "options": {name: value for name, value in asdict(options).items() if name not in _WITHOUT_EFFECT},
        "forms": [
            {
                "prompt": prompts.get(form.name),
                "field": form.name,
                "form": form.digest,
            }
            for form in forms
        ],
    }
    if examples:
        outcome["examples"] = [options.few_shot, examples]
    shown = f"-{options.few_shot}shot" if examples else ""
    digest = hashlib.sha256(json.dumps(outcome, sort_keys=True).encode()).hexdigest()[:8]
    return f"{'+'.join(models_of(forms, options))}/{digest}{shown}"


def models_of(forms: Sequence[Form], options: ChatOptions) -> list[str]:
    """The models that fill forms: two where people compare responses of theirs."""
    second = options.second_model if any(form.sides for form in forms) else None
    return list(dict.fromkeys([options.model, second or options.model]))


def shows_examples(version: str) -> bool:
    """Whether the predictions of a version were made with examples before the task."""
    return bool(_WITH_EXAMPLES.search(version))
