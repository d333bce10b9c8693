"""Task data and prompt → chat messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inscriptis import get_text
from openai.types.chat import ChatCompletionMessageParam

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.config import Label, Labeling
from llm_interactive.labeling.fields import as_text, object_value
from llm_interactive.media.image_input import ImageContent
from llm_interactive.prompts.template import fill, placeholders
from llm_interactive.settings import SPEC_TEMPLATE, Settings
from llm_interactive.text import storable

Messages = list[ChatCompletionMessageParam]

_CHAT_ROLES = ("system", "developer", "user", "assistant")


def build_messages(
    data: Mapping[str, Any],
    prompt: str,
    labels: Sequence[Label],
    labeling: Labeling,
    settings: Settings,
    images: ImageContent | None = None,
) -> Messages:
    """The messages that ask `prompt` about a task.

    With the internal template the prompt is a value in it; without, the prompt is the template. `{text}` is the
    object's content, `{labels}` the choices' names, everything else a field of the task. A dialogue between chat
    roles becomes messages of its own with the prompt as the last one, unless the operator's or the annotator's own
    template puts it in as text.

    Raises:
        TaskDataError: a field is missing, null, blank or of another shape.
        PromptError: a placeholder names no field.
    """
    internal = settings.use_internal_prompt_template
    template = settings.prompt_template if internal else prompt
    given = {"labels": ", ".join(label.name for label in labels)} if labels else {}
    fields = {**data, **given, "prompt": prompt} if internal else {**given, **data}
    content_names = _names_of_the_content(labeling, data, internal) & placeholders(template)
    system = [_message("system", settings.system_prompt)] if settings.system_prompt else []
    history: Messages = []
    if labeling.object_type == "Paragraphs":
        turns = _turns(labeling, data)
        if _is_chat(turns) and (not content_names or template == SPEC_TEMPLATE):
            history = [_message(role.lower(), text) for role, text in turns]
            template = "{prompt}" if content_names else template
        else:
            fields.update(dict.fromkeys(content_names, _transcript(turns)))
    elif images is not None:
        return [*system, _about_images(images, template, fields, content_names)]
    elif content_names:
        fields.update(dict.fromkeys(content_names, _plain_text(labeling, data)))
    return [*system, *history, _message("user", fill(template, fields))]


def _names_of_the_content(labeling: Labeling, data: Mapping[str, Any], internal: bool) -> set[str]:
    # In the annotator's own template a field called "text" is that field, even where the object is another one.
    own = labeling.object_value.removeprefix("$")
    return {own} if not internal and "text" in data else {own, "text"}


def _message(role: str, content: str) -> ChatCompletionMessageParam:
    message: Any = {"role": role, "content": storable(content)}
    return message  # type: ignore[no-any-return]


def _about_images(
    images: ImageContent, template: str, fields: Mapping[str, Any], content_names: set[str]
) -> ChatCompletionMessageParam:
    """The message about a task's images: with them as parts before the text, or with the text that was read in them."""
    if images.parts:
        template = "{prompt}" if template == SPEC_TEMPLATE else template
        text = fill(template, {**fields, **dict.fromkeys(content_names, "(see the image)")})
        message: Any = {"role": "user", "content": [*images.parts, {"type": "text", "text": storable(text)}]}
        return message  # type: ignore[no-any-return]
    text = fill(template, {**fields, **dict.fromkeys(content_names, images.text)})
    return _message("user", text if content_names else f"{images.text}\n\n{text}")


def image_addresses(labeling: Labeling, data: Mapping[str, Any]) -> list[str]:
    """The addresses of a task's images, in order (several by `valueList`).

    Raises:
        TaskDataError: the field is missing, null, or holds something else.
    """
    value = object_value(labeling.object_value, data)
    addresses = value if isinstance(value, list) else [value]
    if not addresses or not all(isinstance(address, str) and address.strip() for address in addresses):
        raise TaskDataError(f"The task's {labeling.object_value} is not the address of an image.")
    return addresses


def _plain_text(labeling: Labeling, data: Mapping[str, Any]) -> str:
    value = _value(labeling, data)
    if isinstance(value, Mapping | list):
        raise TaskDataError(f"The task's {labeling.object_value} is not a text.")
    text = as_text(value)
    if labeling.object_type == "HyperText":
        text = get_text(text)
    if not text.strip():
        raise TaskDataError(f"The task's {labeling.object_value} is empty.")
    return text


def _value(labeling: Labeling, data: Mapping[str, Any]) -> Any:
    if labeling.object.value_type == "url":
        raise TaskDataError(
            f'<{labeling.object_type} valueType="url"> holds an address, which this backend does not fetch. '
            "Put the content itself into the task."
        )
    return object_value(labeling.object_value, data)


def _turns(labeling: Labeling, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    # nameKey and textKey as in https://labelstud.io/tags/paragraphs
    name_key = labeling.object.get_attr("nameKey", "author")
    text_key = labeling.object.get_attr("textKey", "text")
    value = _value(labeling, data)
    if not isinstance(value, list):
        raise TaskDataError(f"The task's {labeling.object_value} is not a list of paragraphs.")
    turns: list[tuple[str, str]] = []
    for number, item in enumerate(value, start=1):
        text = item.get(text_key) if isinstance(item, Mapping) else None
        if not isinstance(item, Mapping) or text is None:
            raise TaskDataError(f'Paragraph {number} of {labeling.object_value} has no "{text_key}".')
        turns.append((as_text(item.get(name_key) or ""), as_text(text)))
    return turns


def _is_chat(turns: Sequence[tuple[str, str]]) -> bool:
    return all(role.lower() in _CHAT_ROLES for role, _ in turns)


def _transcript(turns: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {text}" if name else text for name, text in turns)
