"""How large a request is, from which its tokens are estimated."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from llm_interactive.llm.client import ChatRequest


class Size(NamedTuple):
    """Bytes of a request's texts and schema, as UTF-8, and the number of its images."""

    text_bytes: int
    images: int


def size_of(request: ChatRequest) -> Size:
    """The size of a request."""
    contents = [message.get("content") for message in request.messages]
    parts: list[Any] = [part for content in contents for part in (content if isinstance(content, list) else [content])]
    texts = [part for part in parts if not (isinstance(part, dict) and "image_url" in part)]
    text = json.dumps([texts, request.schema], ensure_ascii=False)
    return Size(len(text.encode("utf-8", "replace")), len(parts) - len(texts))
