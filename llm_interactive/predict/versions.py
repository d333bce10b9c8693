"""The name of what makes a batch's predictions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from llm_interactive.outputs.form import Form
from llm_interactive.settings import ChatOptions

_WITHOUT_EFFECT = ("default_prompt", "max_prompt_characters")
"""Options that change no prediction: the prompt itself counts, and a task is sent whole or not at all."""


def model_version(prompts: Mapping[str, str | None], forms: Sequence[Form], options: ChatOptions) -> str:
    """`<model>/<8 hex>`, another one as soon as the outcome would be another; `prompts` by the prompt field's name.

    Label Studio asks only for tasks without a prediction of this version, so it must not change without need.
    """
    outcome = {
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
    digest = hashlib.sha256(json.dumps(outcome, sort_keys=True).encode()).hexdigest()[:8]
    return f"{options.model}/{digest}"
