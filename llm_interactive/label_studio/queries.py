"""Which tasks Label Studio is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

PAGE = 100
"""How many tasks a call gives."""

_ANNOTATED = {
    "conjunction": "or",
    "items": [
        {"filter": f"filter:tasks:{column}", "operator": "greater", "type": "Number", "value": 0}
        for column in ("total_annotations", "cancelled_annotations")
    ],
}


def task_queries(annotated: bool, ids: Sequence[int] | None, view: int | None) -> list[dict[str, Any]]:
    """The arguments of the calls that list tasks: ids stand in the address, which must not grow too long."""
    if view is not None:
        return [{"view": view}]
    query: dict[str, Any] = {"ordering": ["tasks:id"]}
    if annotated:
        query["filters"] = _ANNOTATED
    if ids is None:
        return [{"query": json.dumps(query)}]
    wanted = sorted(set(ids))
    return [
        {"query": json.dumps({**query, "selectedItems": {"all": False, "included": wanted[start : start + PAGE]}})}
        for start in range(0, len(wanted), PAGE)
    ]
