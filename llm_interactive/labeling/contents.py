"""What a task's objects hold, as text: the readable content of texts, pages, dialogues, lists and tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.fields import as_text, object_value
from llm_interactive.labeling.pages import pictures_of, readable
from llm_interactive.labeling.tags import ObjectTag

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """A paragraph of a dialogue: who speaks ("" if nobody is named), and what is said."""

    role: str
    text: str


def text_of(tag: ObjectTag, data: Data) -> str:
    """The content of a text, page, dialogue, list or table; blank where the task has none.

    Raises:
        TaskDataError: the field is missing, null or of another shape.
    """
    if tag.tag == "Paragraphs":
        return "\n".join(f"{turn.role}: {turn.text}" if turn.role else turn.text for turn in turns_of(tag, data))
    value = _value(tag, data)
    if tag.tag == "List":
        return "\n\n".join(_item(item) for item in _items(tag, value))
    if tag.tag == "Table":
        return _table(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = "\n".join(value)
    if isinstance(value, Mapping | list):
        raise TaskDataError(f"The task's {tag.value} is not a text.")
    return readable(as_text(value)) if tag.tag == "HyperText" else as_text(value)


def shown_text(tags: Iterable[ObjectTag], data: Data) -> str:
    """What all of `tags` show, as far as it is text."""
    texts: list[str] = []
    for tag in tags:
        with suppress(TaskDataError):
            texts.append(text_of(tag, data).strip())
    return "\n".join(filter(None, texts))


def turns_of(tag: ObjectTag, data: Data) -> list[Turn]:
    """The paragraphs of a dialogue; a text alone is one paragraph without a speaker.

    Raises:
        TaskDataError: the field is missing, null or of another shape.
    """
    # nameKey and textKey as in https://labelstud.io/tags/paragraphs
    name_key = tag.attributes.get("namekey", "author")
    text_key = tag.attributes.get("textkey", "text")
    value = _value(tag, data)
    if not isinstance(value, list):
        raise TaskDataError(f"The task's {tag.value} is not a list of paragraphs.")
    turns: list[Turn] = []
    for number, item in enumerate(value, start=1):
        if not isinstance(item, Mapping) or text_key not in item:
            raise TaskDataError(f'Paragraph {number} of {tag.value} has no "{text_key}".')
        # A turn that only calls a tool has null; the page shows it empty.
        if item[text_key] is not None:
            turns.append(Turn(as_text(item.get(name_key) or ""), _said(item[text_key])))
    return turns


def _said(content: Any) -> str:
    """A turn's text; chat formats give it in parts, too."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        if texts and all(isinstance(text, str) for text in texts):
            return "\n".join(map(str, texts))
    return as_text(content)


def pictures_in(items: Any) -> list[str]:
    """The addresses of the pictures in the `html` of a List's items or of choices that a task brings, in order."""
    found: list[str] = []
    for item in items if isinstance(items, list) else []:
        if isinstance(item, Mapping):
            found += pictures_of(_page(item))
            found += pictures_in(item.get("children"))
    return found


def addresses_of(tag: ObjectTag, data: Data) -> list[str]:
    """The addresses of an Image's or Pdf's files, in order (several by `valueList`).

    Raises:
        TaskDataError: the field is missing, null, or holds something else.
    """
    value = object_value(tag.value, data)
    addresses = value if isinstance(value, list) else [value]
    if not addresses or not all(isinstance(address, str) and address.strip() for address in addresses):
        raise TaskDataError(
            f"The task's {tag.value} is not the address of {'a PDF' if tag.tag == 'Pdf' else 'an image'}."
        )
    return addresses


def _items(tag: ObjectTag, value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise TaskDataError(f"The task's {tag.value} is not a list of items.")
    return value


def _item(item: Mapping[str, Any]) -> str:
    # As https://labelstud.io/tags/list: id, title, and body or html.
    lines = [str(item.get("title") or ""), str(item.get("body") or ""), readable(_page(item), pictures=True)]
    return f"[{item.get('id', '')}] " + "\n".join(line for line in lines if line)


def _page(item: Mapping[str, Any]) -> str:
    return str(item.get("html") or "")


def _table(value: Any) -> str:
    """A table's rows, one a line."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {as_text(cell)}" for key, cell in value.items())
    if isinstance(value, list):
        return "\n".join(as_text(row) for row in value)
    return as_text(value)


def _value(tag: ObjectTag, data: Data) -> Any:
    if tag.attributes.get("valuetype") == "url":
        raise TaskDataError(
            f'{tag.tag} with valueType="url" holds an address, which this backend does not fetch. '
            "Put the content itself into the task."
        )
    if tag.attributes.get("encoding", "none").startswith("base64"):
        raise TaskDataError(
            f'{tag.tag} with encoding="base64" holds coded text, which this backend does not read. '
            "Put the text itself into the task."
        )
    return object_value(tag.value, data)
