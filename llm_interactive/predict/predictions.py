"""Predictions as Label Studio takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_interactive.errors import WARNING, BackendError
from llm_interactive.labeling.tags import Region
from llm_interactive.outputs.base import region
from llm_interactive.outputs.form import Form

Prediction = dict[str, Any]
"""`result` (regions), `score` and `model_version`; https://labelstud.io/guide/predictions."""


def prediction(result: Sequence[Region], version: str) -> Prediction:
    """The prediction that consists of `result`; an empty one leaves the annotator's page as it is."""
    return {"result": list(result), "score": None, "model_version": version}


def error_region(error: BackendError, form: Form) -> Region | None:
    """A failure as text in the response field, the only place where the annotator sees anything; None without one."""
    if form.spec.response is None:
        return None
    return region(form.spec.response, {"text": [WARNING + error.message]})


def suggestions(result: Sequence[Region], form: Form) -> list[Region]:
    """Regions in the form that the annotator's open page takes them in.

    Lists, tables and PDFs have no regions of their own: the page stops at the first one, so theirs come last, and
    under one id (label-studio, web/libs/editor/src/stores/Annotation/Annotation.js, acceptSuggestion).
    """
    fragile = {tag.name for tag in form.spec.objects if tag.tag in ("List", "Table", "Pdf")}
    last = [entry for entry in result if entry.get("to_name") in fragile]
    ids = {entry["to_name"]: entry["id"] for entry in reversed(last)}
    return [
        *(entry for entry in result if entry not in last),
        *({**entry, "id": ids[entry["to_name"]]} for entry in last),
    ]
