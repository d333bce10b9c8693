"""Which controls of a prompt spec are filled, and by which kind of output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llm_interactive.labeling.config import READABLE, PromptSpec
from llm_interactive.labeling.tags import ControlTag
from llm_interactive.outputs.base import Data, Output
from llm_interactive.outputs.boxes import Boxes
from llm_interactive.outputs.choices import Choices, Taxonomy
from llm_interactive.outputs.labelled import Labelled, label_options
from llm_interactive.outputs.per_item import PerItem
from llm_interactive.outputs.ranking import Pairwise, Ranker
from llm_interactive.outputs.relations import Relations
from llm_interactive.outputs.scalars import DateTime, Number, Rating
from llm_interactive.outputs.spans import Spans
from llm_interactive.outputs.textarea import TextArea

_OF_THE_TASK: Mapping[str, Callable[[ControlTag], Output]] = {
    "Choices": Choices,
    "DateTime": DateTime,
    "Number": Number,
    "Pairwise": Pairwise,
    "Ranker": Ranker,
    "Rating": Rating,
    "Taxonomy": Taxonomy,
    "TextArea": TextArea,
}
_SPAN_TAGS = {
    "Labels": ("Text", "HyperText", "Paragraphs"),
    "HyperTextLabels": ("HyperText", "Text"),
    "ParagraphLabels": ("Paragraphs",),
}

Unfilled = tuple[tuple[ControlTag, str], ...]
"""Controls that no model fills, each with the reason."""


def outputs_of(spec: PromptSpec) -> tuple[tuple[Output, ...], Unfilled]:
    """The outputs of a prompt spec in document order, and the controls that are left alone."""
    tags = [tag for tag in spec.controls if tag.tag != "Relations"]
    per_region = [tag for tag in tags if tag.per_region and tag.tag in _OF_THE_TASK]
    rectangles = [tag for tag in tags if tag.tag == "Rectangle"]
    relations = [tag for tag in spec.controls if tag.tag == "Relations"]
    outputs: list[Output] = []
    unfilled: list[tuple[ControlTag, str]] = []
    used: set[str] = set()
    for tag in tags:
        inner = [_OF_THE_TASK[other.tag](other) for other in per_region if _same_object(tag, other)]
        rectangle = next((other for other in rectangles if _same_object(tag, other)), None)
        output = _output(tag, inner, rectangle, numbered=bool(relations), is_response=tag == spec.response)
        if output is not None:
            outputs.append(output)
            used.add(tag.name)
            if isinstance(output, Labelled):
                used |= {other.control.name for other in inner}
                used |= {rectangle.name} if rectangle and isinstance(output, Boxes) else set()
    unfilled += [(tag, _reason(tag)) for tag in tags if tag.name not in used]
    spans = [output for output in outputs if isinstance(output, Spans)]
    for tag in relations:
        if spans:
            outputs.append(Relations(tag, spans))
        else:
            unfilled.append((tag, "no labels are filled that it could join"))
    return tuple(outputs), tuple(unfilled)


def has_options(output: Output, data: Data) -> bool:
    """Whether an output has anything to choose from for a task.

    Raises:
        TaskDataError: labels or items that the task should bring are missing.
    """
    if isinstance(output, PerItem):
        output = output.inner
    if isinstance(output, Choices):
        return bool(output.names(data))
    if isinstance(output, Labelled):
        return bool(label_options(output.control, data).names)
    return not isinstance(output, Ranker) or bool(output.items(data).names)


def _output(
    tag: ControlTag, per_region: Sequence[Output], rectangle: ControlTag | None, *, numbered: bool, is_response: bool
) -> Output | None:
    """The output of a control that belongs to the task or makes regions; None if a model cannot fill it."""
    objects = {target.tag for target in tag.objects}
    if tag.repeated or _lacks_labels(tag):
        return None
    if tag.tag in _SPAN_TAGS and objects & set(_SPAN_TAGS[tag.tag]):
        return Spans(tag, per_region, numbered)
    if objects == {"Image"} and (tag.tag == "RectangleLabels" or (tag.tag == "Labels" and rectangle)):
        return Boxes(tag, per_region, rectangle if tag.tag == "Labels" else None)
    if tag.tag not in _OF_THE_TASK or tag.per_region or not objects & set(READABLE):
        return None
    if tag.tag == "Ranker" and objects != {"List"}:
        return None
    output = TextArea(tag, is_response) if tag.tag == "TextArea" else _OF_THE_TASK[tag.tag](tag)
    return PerItem(output) if tag.per_item else output


def _lacks_labels(tag: ControlTag) -> bool:
    needs = tag.tag in ("Choices", "Taxonomy") or tag.tag.endswith("Labels")
    return needs and not tag.labels and not tag.attributes.get("value")


def _same_object(tag: ControlTag, other: ControlTag) -> bool:
    return bool(set(tag.objects) & set(other.objects))


def _reason(tag: ControlTag) -> str:
    objects = ", ".join(target.tag for target in tag.objects)
    if _lacks_labels(tag):
        return "it has no labels"
    if tag.repeated:
        return "it stands in a Repeater"
    if not tag.objects:
        return "its toName names no object"
    if not {target.tag for target in tag.objects} & set(READABLE):
        return f"a chat model cannot be sent {objects}"
    if tag.per_region:
        return "no regions are made that it could belong to"
    return f"a chat model cannot fill {tag.tag} on {objects}"
