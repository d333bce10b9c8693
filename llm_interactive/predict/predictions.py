"""Predictions as Label Studio takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_interactive.errors import WARNING, BackendError
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.base import region
from llm_interactive.outputs.form import Form

WITHOUT_REGIONS = ("List", "Table", "Pdf")
"""Tags on which the page has no regions, so that it cannot take values about them by themselves."""

_ASK_AGAIN = "Change or retype the prompt to ask again."

Prediction = dict[str, Any]
"""`result` (regions), `score` and `model_version`; https://labelstud.io/guide/predictions."""


def prediction(result: Sequence[Region], version: str, score: float | None = None) -> Prediction:
    """The prediction that consists of `result`; an empty one leaves the annotator's page as it is.

    `score` is how sure the model is (0…1), by which Label Studio sorts.
    """
    return {"result": list(result), "score": score, "model_version": version}


def error_region(error: BackendError, form: Form) -> Region | None:
    """A failure as text in the response field, the only place where the annotator sees anything; None without one.

    Label Studio sends nothing for a prompt that did not change, which no annotator would guess.
    """
    if form.spec.response is None:
        return None
    return region(form.spec.response, {"text": [f"{WARNING}{error.message} {_ASK_AGAIN}"]})


def with_prompt(regions: Sequence[Region], prompt: Region, form: Form) -> list[Region]:
    """`regions` of a form and that of its prompt, which lends its id to those that an open page cannot take.

    The page takes an answer in region by region, and stops at one on a List, Table or Pdf, or of a Pairwise; further
    values of a region come in with it. So these follow the prompt's region under its id, also in stored predictions:
    the page replaces only what has the id that it knows (label-studio 1.23.2,
    web/libs/editor/src/stores/Annotation/Annotation.js, acceptSuggestion).
    """
    stops = {tag.name for tag in form.spec.objects if tag.tag in WITHOUT_REGIONS}

    def joined(entry: Region) -> bool:
        return entry.get("to_name") in stops or entry["type"] == "pairwise"

    own = [entry for entry in regions if not joined(entry)]
    return [*own, prompt, *({**entry, "id": prompt["id"]} for entry in regions if joined(entry))]
