"""Labeling config → the tags this backend works with: prompt, object, response and choices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from label_studio_sdk.label_interface.control_tags import ChoicesTag, ControlTag, TextAreaTag
from label_studio_sdk.label_interface.interface import LabelInterface
from label_studio_sdk.label_interface.object_tags import ObjectTag
from lxml import etree

from llm_interactive.errors import LabelingConfigError, TaskDataError
from llm_interactive.labeling.fields import object_value

SUPPORTED_OBJECTS = ("Text", "HyperText", "Paragraphs", "Image")
_MAX_CONFIG = 2_000_000
_MAX_ATTRIBUTES = 1_000
_DECLARATION = re.compile(r"\A\ufeff?<\?xml\s[^>]*\?>")
_ADD_PROMPT = 'Add <TextArea name="{name}" toName="…"/> for the prompt to the labeling config.'

Region = Mapping[str, Any]
"""An entry of a `result` list: from_name, to_name, type, value (https://labelstud.io/guide/task_format)."""


@dataclass(frozen=True)
class Label:
    """A choice: the `name` that people see, and the `stored` value (its alias where it has one)."""

    name: str
    stored: str


@dataclass(frozen=True)
class Labeling:
    """The tags of a labeling config by their role, as objects of the Label Studio SDK."""

    interface: LabelInterface
    prompt: TextAreaTag
    object: ObjectTag
    response: TextAreaTag | None
    choices: ChoicesTag | None

    @property
    def object_type(self) -> str:
        """The object tag's name: Text, HyperText, Paragraphs or Image."""
        return str(self.object.tag)

    @property
    def object_value(self) -> str:
        """The object tag's `value`: `$field`, or a text."""
        return str(self.object.value)

    @property
    def single_choice(self) -> bool:
        """Whether at most one choice may be given (`choice="single"` is Label Studio's default)."""
        return self.choices is not None and self.choices.get_attr("choice") != "multiple"

    def faults(self, prediction: Mapping[str, Any]) -> list[str]:
        """What the SDK's own validation finds wrong with a prediction; empty when it is right.

        The SDK does not know the choices that a task's data bring along, so those regions are left out.
        """
        if self.choices is not None and self.choices.dynamic_value:
            known = [region for region in prediction["result"] if region["from_name"] != self.choices.name]
            prediction = {**prediction, "result": known}
        found: list[str] = self.interface.validate_prediction(prediction, return_errors=True)
        return found

    def texts(self, result: Iterable[Region], control: ControlTag | None) -> list[str]:
        """Texts of `control`'s regions in `result`, stripped; blank ones are left out."""
        if control is None:
            return []
        found: list[str] = []
        for region in result:
            if not isinstance(region, Mapping) or region.get("from_name") != control.name:
                continue
            value = region.get("value")
            texts = value.get("text") if isinstance(value, Mapping) else None
            texts = [texts] if isinstance(texts, str) else texts
            found += [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
        return [text.strip() for text in found if text.strip()]

    def labels(self, data: Mapping[str, Any]) -> list[Label]:
        """The choices of a task: from the config, or from the task's data where `value="$field"` says so.

        Raises:
            TaskDataError: the field that should hold the choices is missing or of another shape.
        """
        if self.choices is None:
            return []
        fixed = [
            Label(name=str(tag.attr.get("value") or stored), stored=stored)
            for stored, tag in (self.choices.labels_attrs or {}).items()
        ]
        return fixed + self._dynamic_labels(data)

    def _dynamic_labels(self, data: Mapping[str, Any]) -> list[Label]:
        # Items as in Label Studio's docs on dynamic choices: {"value", "alias"}, or just a string.
        source = self.choices.get_attr("value") if self.choices else None
        if source is None:
            return []
        value = object_value(source, data)
        if not isinstance(value, list):
            raise TaskDataError(f"The choices in {source} are not a list.")
        labels: list[Label] = []
        for item in value:
            name = item.get("value") if isinstance(item, Mapping) else item
            alias = item.get("alias") if isinstance(item, Mapping) else None
            if not isinstance(name, str | int | float) or isinstance(name, bool):
                raise TaskDataError(f"A choice in {source} has no value.")
            labels.append(Label(name=str(name), stored=str(alias or name)))
        return labels


@lru_cache(maxsize=16)
def parse_labeling_config(config: str, prompt_prefix: str, response_prefix: str) -> Labeling:
    """The tags of `config` by role.

    Prompt: the TextArea named `prompt_prefix`, else beginning with it, else holding it as a word. Object: the
    first supported tag of the prompt's `toName`. Response: found by `response_prefix` likewise among the other
    TextAreas, else the first other one of the same object. Choices: the first of the same object. Controls that
    belong to a region (`perRegion`) or whose values are paths (`allowNested`) are not considered.

    Raises:
        LabelingConfigError: the config is no XML or lacks a role; says what to add.
    """
    interface = _parse(config)
    areas = [tag for tag in interface.controls if isinstance(tag, TextAreaTag) and not _per_region(tag)]
    prompt = _by_name(areas, prompt_prefix)
    if prompt is None:
        raise LabelingConfigError("There is no prompt field. " + _ADD_PROMPT.format(name=prompt_prefix))
    target = _supported_object(prompt)
    others = [tag for tag in areas if tag is not prompt and objects_of(tag)]
    same_object = [tag for tag in others if target in objects_of(tag)]
    response = _by_name(same_object, response_prefix) or _by_name(others, response_prefix)
    response = response or (same_object[0] if same_object else None)
    choices = next((tag for tag in interface.controls if _fillable_choices(tag, target)), None)
    if response is None and choices is None:
        raise LabelingConfigError(
            f'There is nothing to fill. Add <TextArea name="{response_prefix}" toName="{target.name}"/> or '
            f'<Choices name="choices" toName="{target.name}"> to the labeling config.'
        )
    return Labeling(interface, prompt, target, response, choices)


def objects_of(tag: ControlTag) -> list[ObjectTag]:
    """The object tags that a control tag's `toName` names, as far as they exist."""
    return list(tag.objects or [])


def _parse(config: str) -> LabelInterface:
    if not isinstance(config, str) or not config.strip():
        raise LabelingConfigError("The labeling config is empty.")
    if len(config) > _MAX_CONFIG:
        raise LabelingConfigError(f"The labeling config is larger than {_MAX_CONFIG // 1_000_000} MB.")
    # The text is decoded already; lxml takes no text that says how it is encoded, Label Studio does.
    config = _DECLARATION.sub("", config)
    try:
        # Labeling configs are untrusted: a document type is where entities and external files come in.
        parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
        tree = etree.fromstring(config, parser)
        if tree.getroottree().docinfo.internalDTD is not None:
            raise LabelingConfigError("The labeling config must not hold a DOCTYPE.")
        if any(len(element.attrib) > _MAX_ATTRIBUTES for element in tree.iter(etree.Element)):
            # The SDK's time grows with the square of them.
            raise LabelingConfigError(f"A tag of the labeling config has more than {_MAX_ATTRIBUTES:,} attributes.")
        return LabelInterface(config)
    except LabelingConfigError:
        raise
    except Exception as error:  # the SDK raises whatever its parsers raise
        raise LabelingConfigError(f"The labeling config cannot be read: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0][:150].rstrip(".") or type(error).__name__


def _per_region(tag: ControlTag) -> bool:
    return str(tag.get_attr("perRegion")).lower() == "true"


def _fillable_choices(tag: ControlTag, target: ObjectTag) -> bool:
    if not isinstance(tag, ChoicesTag) or _per_region(tag) or target not in objects_of(tag):
        return False
    return str(tag.get_attr("allowNested")).lower() != "true"


def _by_name(areas: Sequence[TextAreaTag], prefix: str) -> TextAreaTag | None:
    wanted = prefix.casefold()
    word = re.compile(rf"(?<![^\W_]){re.escape(wanted)}(?![^\W_])")
    for fits in (wanted.__eq__, lambda name: name.startswith(wanted), lambda name: bool(word.search(name))):
        for tag in areas:
            if fits(str(tag.name).casefold()):
                return tag
    return None


def _supported_object(prompt: TextAreaTag) -> ObjectTag:
    objects = objects_of(prompt)
    for tag in objects:
        if tag.tag in SUPPORTED_OBJECTS:
            return tag
    supported = ", ".join(f"<{name}>" for name in SUPPORTED_OBJECTS)
    if objects:
        raise LabelingConfigError(
            f'The prompt "{prompt.name}" belongs to <{objects[0].tag}>, which cannot be sent to a chat model. '
            f"Let its toName name one of {supported}."
        )
    raise LabelingConfigError(
        f'The prompt\'s toName "{",".join(prompt.to_name or [])}" names no object. Add one of {supported}.'
    )
