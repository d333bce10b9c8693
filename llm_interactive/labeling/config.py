"""Labeling config (XML) → prompt specs: each prompt field with the content and the controls that belong to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree

from llm_interactive.errors import LabelingConfigError
from llm_interactive.labeling.tags import Condition, ControlTag, Label, ObjectTag

READABLE = ("Text", "HyperText", "Paragraphs", "Image", "List", "Table", "Pdf")
"""Object tags whose content a chat model can be sent."""

_UNREADABLE = ("Audio", "AudioPlus", "Video", "TimeSeries", "Chat")
_LABEL_TAGS = ("Choice", "Label", "Relation", "Bucket")
_OTHER_TAGS = (
    *("Choices", "DateTime", "Header", "HyperTextLabels", "Labels", "Number", "Pairwise", "ParagraphLabels", "Ranker"),
    *("Rating", "Rectangle", "RectangleLabels", "Relations", "Repeater", "Taxonomy", "TextArea"),
)
_NAMES = {name.lower(): name for name in (*READABLE, *_UNREADABLE, *_LABEL_TAGS, *_OTHER_TAGS)}
_MAX_CONFIG = 2_000_000
_MAX_ATTRIBUTES = 1_000
_DECLARATION = re.compile(r"\A\ufeff?<\?xml\s[^>]*\?>")
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class PromptSpec:
    """A prompt field, the objects that its message shows, and the controls that its reply fills, in the config's order.

    `response` is the TextArea among them that RESPONSE_PREFIX finds, else the first one.
    """

    prompt: ControlTag
    objects: tuple[ObjectTag, ...]
    controls: tuple[ControlTag, ...]
    response: ControlTag | None


@lru_cache(maxsize=16)
def parse_labeling_config(xml: str, prompt_prefix: str, response_prefix: str) -> tuple[PromptSpec, ...]:
    """The prompt specs of a labeling config.

    Prompt fields are the TextAreas named `prompt_prefix`, else those beginning with it, else those holding it as a
    word. A single one gets every other control. Of several, each gets the controls that share its name's other words
    (`summary-prompt`, `summary-response`); the rest go to the nearest prompt field above, of the same object if
    there is one. All readable objects are shown to every prompt.

    Raises:
        LabelingConfigError: the config is no XML, has no prompt field, or a prompt belongs to nothing readable.
    """
    tags = _Tags(_tree(xml))
    prompts = _prompt_fields(tags.controls, prompt_prefix)
    _require_own_names([*tags.objects, *tags.controls])
    if not prompts:
        raise LabelingConfigError(
            "There is no prompt field. Add a TextArea tag to the labeling config, with "
            f'name="{_free_name(tags.names, prompt_prefix)}" and toName="{_first_name(tags.objects)}".'
        )
    for prompt in prompts:
        _require_readable(prompt)
    readable = tuple(tag for tag in tags.objects if tag.tag in READABLE)
    groups = _paired(tags.controls, prompts, (prompt_prefix, response_prefix))
    return tuple(
        PromptSpec(prompt, readable, tuple(group), _response(group, response_prefix))
        for prompt, group in zip(prompts, groups, strict=True)
    )


def _require_own_names(tags: Sequence[ObjectTag | ControlTag]) -> None:
    # Label Studio takes no such config either (label_studio/core/label_config.py, validate_label_config).
    counts = Counter(tag.name for tag in tags if tag.tag != "Relations")
    if twice := [name for name, count in counts.items() if count > 1]:
        raise LabelingConfigError(
            f'Several tags of the labeling config have the name "{twice[0]}". Names must be unique.'
        )


def texts_in(result: Iterable[Any], control: ControlTag) -> list[str]:
    """Texts of `control`'s regions in `result`, stripped; blank ones are left out."""
    found: list[str] = []
    for region in result:
        if isinstance(region, dict) and region.get("from_name") == control.name:
            value = region.get("value")
            texts = value.get("text") if isinstance(value, dict) else None
            texts = [texts] if isinstance(texts, str) else texts
            found += [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
    return [text.strip() for text in found if text.strip()]


def tags_of(xml: str) -> tuple[tuple[ObjectTag, ...], tuple[ControlTag, ...]]:
    """The objects and the controls of a labeling config, in document order, whether there is a prompt field or not.

    Raises:
        LabelingConfigError: the config is no XML.
    """
    tags = _Tags(_tree(xml))
    return tuple(tags.objects), tuple(tags.controls)


class _Tags:
    """Objects and controls of a config's tree, in document order."""

    def __init__(self, root: Any) -> None:
        self.objects: list[ObjectTag] = []
        self.controls: list[ControlTag] = []
        self.names: set[str] = set()
        title = ""
        found: list[tuple[Any, dict[str, str], str]] = []
        for element in root.iter(etree.Element):
            attributes = {str(name).lower(): str(value) for name, value in element.attrib.items()}
            self.names.add(attributes.get("name", ""))
            if element.tag == "Header":
                title = attributes.get("value", "")
            elif element.tag in (*READABLE, *_UNREADABLE) and attributes.get("name"):
                value = attributes.get("value") or attributes.get("valuelist", "")
                self.objects.append(ObjectTag(element.tag, attributes["name"], value, attributes, title))
                title = ""
            elif element.tag == "Relations" or (
                attributes.get("name") and ("toname" in attributes or element.tag == "Rating")
            ):
                found.append((element, attributes, title))
        by_name = {tag.name: tag for tag in self.objects}
        for element, attributes, header in found:
            self.controls.append(_control(element, attributes, header, by_name))


def _control(element: Any, attributes: dict[str, str], title: str, objects: dict[str, ObjectTag]) -> ControlTag:
    names = [name.strip() for name in attributes.get("toname", "").split(",")]
    targets = tuple(objects[name] for name in names if name in objects)
    if "toname" not in attributes and element.tag != "Relations":
        targets = tuple(objects.values())[:1]
    return ControlTag(
        str(element.tag),
        attributes.get("name") or str(element.tag).lower(),
        targets,
        attributes,
        tuple(_labels(element)),
        "" if title.startswith("$") else title,
        tuple(_conditions(element)),
        any(parent.tag == "Repeater" for parent in element.iterancestors()),
    )


def _labels(element: Any) -> Iterator[Label]:
    for child in element.iterchildren(etree.Element):
        if child.tag not in _LABEL_TAGS:
            yield from _labels(child)
            continue
        attributes = {str(name).lower(): str(value) for name, value in child.attrib.items()}
        name = attributes.get("name" if child.tag == "Bucket" else "value")
        if name:
            hint = attributes.get("hint") or attributes.get("title", "")
            is_default = attributes.get("default", "").lower() == "true"
            yield Label(name, attributes.get("alias") or name, hint, is_default, tuple(_labels(child)))


def _conditions(element: Any) -> Iterator[Condition]:
    for tag in (element, *element.iterancestors()):
        attributes = {str(name).lower(): str(value) for name, value in tag.attrib.items()}
        if kind := attributes.get("visiblewhen"):
            values = attributes.get("whenchoicevalue") or attributes.get("whenlabelvalue") or ""
            wanted = tuple(value.strip() for value in values.split(",") if value.strip())
            yield Condition(kind, attributes.get("whentagname"), wanted)


def _tree(xml: Any) -> Any:
    if not isinstance(xml, str) or not xml.strip():
        raise LabelingConfigError("The labeling config is empty.")
    if len(xml) > _MAX_CONFIG:
        raise LabelingConfigError(f"The labeling config is larger than {_MAX_CONFIG // 1_000_000} MB.")
    try:
        # Labeling configs are untrusted: a document type is where entities and external files come in.
        parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
        # The text is decoded already; lxml takes no text that says how it is encoded, Label Studio does.
        root = etree.fromstring(_DECLARATION.sub("", xml), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise LabelingConfigError(f"The labeling config cannot be read: {_first_line(error)}.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise LabelingConfigError("The labeling config must not hold a DOCTYPE.")
    if any(len(element.attrib) > _MAX_ATTRIBUTES for element in root.iter(etree.Element)):
        # The SDK's time grows with the square of them.
        raise LabelingConfigError(f"A tag of the labeling config has more than {_MAX_ATTRIBUTES:,} attributes.")
    for element in root.iter(etree.Element):
        # The page knows tags in any case (web/libs/editor/src/core/Tree.tsx).
        element.tag = _NAMES.get(str(element.tag).lower(), element.tag)
    return root


def _first_line(error: Exception) -> str:
    line = str(error).strip().split("\n", maxsplit=1)[0][:150].rstrip(".")
    # Label Studio renders messages as HTML and would swallow what stands in angle brackets.
    return line.replace("<", "").replace(">", "") or type(error).__name__


def _prompt_fields(controls: Sequence[ControlTag], prefix: str) -> list[ControlTag]:
    return _by_name([tag for tag in controls if _holds_text(tag)], prefix)


def _holds_text(tag: ControlTag) -> bool:
    return tag.tag == "TextArea" and not (tag.per_region or tag.per_item or tag.repeated)


def _by_name(areas: Sequence[ControlTag], prefix: str) -> list[ControlTag]:
    """The tags named `prefix`, else those whose names begin with it, else those that hold it as a word."""
    wanted = prefix.casefold()
    word = re.compile(rf"(?<![^\W_]){re.escape(wanted)}(?![^\W_])")
    for fits in (wanted.__eq__, lambda name: name.startswith(wanted), lambda name: bool(word.search(name))):
        if found := [tag for tag in areas if fits(tag.name.casefold())]:
            return found
    return []


def _response(group: Sequence[ControlTag], prefix: str) -> ControlTag | None:
    areas = [tag for tag in group if _holds_text(tag) and tag.objects]
    return next(iter(_by_name(areas, prefix) or areas), None)


def _paired(
    controls: Sequence[ControlTag], prompts: Sequence[ControlTag], prefixes: tuple[str, str]
) -> list[list[ControlTag]]:
    """The controls of each prompt."""
    groups: list[list[ControlTag]] = [[] for _ in prompts]
    above: list[int] = []
    for control in controls:
        if control in prompts:
            above.insert(0, prompts.index(control))
            continue
        for number in _owners(control, prompts, above, prefixes):
            groups[number].append(control)
    return groups


def _owners(
    control: ControlTag, prompts: Sequence[ControlTag], above: Sequence[int], prefixes: tuple[str, str]
) -> list[int]:
    if len(prompts) == 1:
        return [0]
    same_object = [n for n, prompt in enumerate(prompts) if set(prompt.objects) & set(control.objects)]
    if control.per_region or control.tag == "Relations":
        # They belong to spans, whichever prompt these are found by.
        return same_object or list(range(len(prompts)))
    words = _stem(control.name, prefixes)
    stems = [_stem(prompt.name, prefixes) for prompt in prompts]
    by_stem = [n for n, stem in enumerate(stems) if stem and words[: len(stem)] == stem]
    if by_stem:
        return [max(by_stem, key=lambda n: len(stems[n]))]
    return [next(iter([*(n for n in above if n in same_object), *same_object, *above]), 0)]


def _stem(name: str, prefixes: tuple[str, str]) -> list[str]:
    words = _WORDS.findall(name.casefold())
    for prefix in prefixes:
        words = [word.removeprefix(prefix.casefold()) for word in words]
    return [word for word in words if word]


def _require_readable(prompt: ControlTag) -> None:
    if any(tag.tag in READABLE for tag in prompt.objects):
        return
    supported = ", ".join(READABLE)
    if prompt.objects:
        raise LabelingConfigError(
            f'The prompt "{prompt.name}" belongs to a tag {prompt.objects[0].tag}, which cannot be sent to a chat '
            f"model. Let its toName name one of these: {supported}."
        )
    raise LabelingConfigError(
        f'The prompt\'s toName "{prompt.attributes.get("toname", "")}" names no object. Add one of these tags: '
        f"{supported}."
    )


def _first_name(objects: Sequence[ObjectTag]) -> str:
    return next((tag.name for tag in objects if tag.tag in READABLE), "text")


def _free_name(names: set[str], prefix: str) -> str:
    candidates = (prefix, f"{prefix}-input", *(f"{prefix}-{number}" for number in range(2, 100)))
    return next((name for name in candidates if name not in names), prefix)
