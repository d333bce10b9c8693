"""Task data and prompt → chat messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openai.types.chat import ChatCompletionMessageParam

from llm_interactive.errors import TaskDataError
from llm_interactive.labeling.contents import Turn, text_of, turns_of
from llm_interactive.labeling.fields import check_length
from llm_interactive.labeling.tags import ObjectTag
from llm_interactive.media.image_input import ImageContent
from llm_interactive.prompts.template import fill, placeholders
from llm_interactive.settings import SPEC_TEMPLATE, ChatOptions
from llm_interactive.text import storable

Messages = list[ChatCompletionMessageParam]
Images = Mapping[str, ImageContent]
"""The task's images for the model, by the object's name."""

CHAT_ROLES = ("system", "developer", "user", "assistant")
_SEE_IMAGE = "(see the image)"


@dataclass(frozen=True)
class Prompt:
    """What is asked: the annotator's `text`, and what the system message says of the outputs."""

    text: str
    guide: str = ""
    labels: Sequence[str] = ()


def build_messages(
    data: Mapping[str, Any], prompt: Prompt, objects: Sequence[ObjectTag], options: ChatOptions, images: Images
) -> Messages:
    """The messages that ask `prompt` about a task.

    With the internal template the prompt is a value in it; without, the prompt is the template. `{text}` is the
    content of the config's object, or of all its objects under their headings; `{labels}` the choices' names;
    everything else a field of the task. A dialogue between chat roles that is the only object becomes messages of its
    own with the prompt as the last one, unless the operator's or the annotator's own template puts it in as text.

    Raises:
        TaskDataError: a field is missing, null, blank or of another shape, or it is all too long.
        PromptError: a placeholder names no field.
    """
    internal = options.prompt_template is not None
    template = options.prompt_template or prompt.text
    given = {"labels": ", ".join(prompt.labels)} if prompt.labels else {}
    fields = {**data, **given, "prompt": prompt.text} if internal else {**given, **data}
    wanted = placeholders(template, fields)
    names = _content_names(objects, data, reserved={"prompt", *given} if internal else set())
    system = [_message("system", text)] if (text := _joined(options.system_prompt, prompt.guide)) else []
    history: Messages = []
    parts = [part for image in images.values() for part in image.parts]
    named = {name for name in names if name in wanted}
    chat = _chat(objects, data)
    if chat is not None:
        if not named or template == SPEC_TEMPLATE:
            history = [_message(turn.role.lower(), turn.text) for turn in chat]
            template = "{prompt}" if named else template
            named = set()
    elif parts and [tag.tag in ("Image", "Pdf") for tag in objects] == [True]:
        template = "{prompt}" if template == SPEC_TEMPLATE else template
    contents = _Contents(objects, data, images, options.max_prompt_characters)
    fields.update({name: contents.of(names[name]) for name in named})
    text = fill(template, fields, options.max_prompt_characters)
    read = [image.text for image in images.values() if image.text]
    if read and not named:
        # The prompt alone says nothing of what stands in the images.
        text = "\n\n".join([*read, text])
    before = [*system, *history]
    check_length(sum(len(str(message["content"])) for message in before) + len(text), options.max_prompt_characters)
    return [*before, _user_message(parts, text)]


def _content_names(
    objects: Sequence[ObjectTag], data: Mapping[str, Any], reserved: set[str]
) -> dict[str, tuple[ObjectTag, ...]]:
    """The objects that each name in a template stands for: `{text}` for all, `{field}` for the object that shows it."""
    names: dict[str, tuple[ObjectTag, ...]] = {
        tag.value.removeprefix("$"): (tag,) for tag in objects if tag.value.startswith("$")
    }
    # In the annotator's own template a field called "text" is that field, even where the object is another one.
    if reserved or "text" not in data:
        names["text"] = tuple(objects)
    return {name: tags for name, tags in names.items() if name not in reserved}


class _Contents:
    """The text of a task's objects."""

    def __init__(self, objects: Sequence[ObjectTag], data: Mapping[str, Any], images: Images, most: int) -> None:
        self._data = data
        self._images = images
        self._most = most
        titles = [tag.title for tag in objects]
        self._headings = {tag: tag.title if titles.count(tag.title) == 1 and tag.title else tag.name for tag in objects}

    def of(self, objects: Sequence[ObjectTag]) -> str:
        """The text of one object, or of several under their headings.

        Raises:
            TaskDataError: a field is missing, there is no content at all, or too much of it.
        """
        if len(objects) == 1:
            text = self._text(objects[0])
            if not text.strip():
                raise TaskDataError(f"The task's {objects[0].value} is empty.")
            return text
        blocks: list[str] = []
        length = 0
        for tag in objects:
            text = self._text(tag)
            length += len(text)
            check_length(length, self._most)
            blocks += [f"{self._headings[tag].strip().rstrip(': ')}:\n{text}"] if text.strip() else []
        if not blocks:
            raise TaskDataError("All of the task's content is empty.")
        return "\n\n".join(blocks)

    def _text(self, tag: ObjectTag) -> str:
        image = self._images.get(tag.name)
        if tag.tag in ("Image", "Pdf") and image:
            return image.text or _SEE_IMAGE
        return "\n\n".join(filter(None, [text_of(tag, self._data), image.text if image else ""]))


def _chat(objects: Sequence[ObjectTag], data: Mapping[str, Any]) -> list[Turn] | None:
    """The turns of a dialogue between chat roles that is the only object; None if there is no such."""
    if [tag.tag for tag in objects] != ["Paragraphs"]:
        return None
    turns = turns_of(objects[0], data)
    return turns if all(turn.role.lower() in CHAT_ROLES for turn in turns) else None


def with_examples(messages: Messages, examples: Messages, options: ChatOptions) -> Messages:
    """The messages with those of examples after the system message.

    Raises:
        TaskDataError: they are too long together.
    """
    place = 1 if messages[0]["role"] == "system" else 0
    both = [*messages[:place], *examples, *messages[place:]]
    check_length(sum(len(str(message.get("content"))) for message in both), options.max_prompt_characters)
    return both


def is_dialogue(objects: Sequence[ObjectTag], data: Mapping[str, Any]) -> bool:
    """Whether a task's content is a dialogue between chat roles, which becomes messages of its own."""
    return _chat(objects, data) is not None


def reply_message(text: str) -> ChatCompletionMessageParam:
    """What the model has said, or should have."""
    return _message("assistant", text)


def _user_message(parts: Sequence[Any], text: str) -> ChatCompletionMessageParam:
    if not parts:
        return _message("user", text)
    message: Any = {"role": "user", "content": [*parts, {"type": "text", "text": storable(text)}]}
    return message  # type: ignore[no-any-return]


def _message(role: str, content: str) -> ChatCompletionMessageParam:
    message: Any = {"role": role, "content": storable(content)}
    return message  # type: ignore[no-any-return]


def _joined(*texts: str | None) -> str:
    return "\n\n".join(text for text in texts if text)


def alternating(messages: Messages) -> Messages:
    """The same chat for models that know only users and assistants in turn, a user first: neighbours are merged."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" and merged else "user"
        content: Any = message.get("content")
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] = _joined_contents(merged[-1]["content"], content)
        else:
            merged.append({"role": role, "content": content})
    return merged  # type: ignore[return-value]


def _joined_contents(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return _joined(first, second)
    parts = [[{"type": "text", "text": part}] if isinstance(part, str) else part for part in (first, second)]
    return [*parts[0], *parts[1]]
