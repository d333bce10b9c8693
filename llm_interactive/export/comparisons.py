"""Pairs from projects that show finished replies: Pairwise of two texts, Ranker of a List's items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from llm_interactive.errors import BackendError
from llm_interactive.export.records import Judged, LeftOut, Messages, Pair
from llm_interactive.export.replies import in_turns
from llm_interactive.export.sources import origin_of
from llm_interactive.label_studio.records import Annotation, Task
from llm_interactive.labeling.config import READABLE, tags_of
from llm_interactive.labeling.contents import text_of, turns_of
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.pages import readable
from llm_interactive.labeling.tags import ControlTag, ObjectTag
from llm_interactive.outputs.ranking import Pairwise, Ranker
from llm_interactive.prompts.messages import CHAT_ROLES


@dataclass(frozen=True)
class Comparison:
    """A control that compares replies, and the objects that show what they reply to."""

    control: ControlTag
    question: tuple[ObjectTag, ...]

    @classmethod
    def of(cls, config: str, tag: str) -> Comparison | None:
        """The first Pairwise or Ranker of a labeling config, None without one."""
        objects, controls = tags_of(config)
        control = next((control for control in controls if control.tag == tag and control.objects), None)
        if control is None:
            return None
        return cls(control, tuple(one for one in objects if one.tag in READABLE and one not in control.objects))

    def messages(self, data: Mapping[str, Any]) -> Messages:
        """What is replied to: a dialogue as it is, else the texts as the user's message.

        Raises:
            LeftOut: the task does not have it.
        """
        try:
            if [tag.tag for tag in self.question] == ["Paragraphs"]:
                turns = turns_of(self.question[0], data)
                if all(turn.role.lower() in CHAT_ROLES for turn in turns):
                    return in_turns([{"role": turn.role.lower(), "content": turn.text} for turn in turns])
            if any(tag.tag in ("Image", "Pdf") for tag in self.question):
                raise LeftOut("what the compared replies reply to is an image")
            texts = [text_of(tag, data) for tag in self.question]
        except BackendError as error:
            raise LeftOut(error.message) from None
        return [{"role": "user", "content": "\n\n".join(text for text in texts if text.strip())}]


def pairwise(comparison: Comparison, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The text on the chosen side is better than the other."""
    side = Pairwise(comparison.control).value_of(annotation.result)
    if side is None:
        raise LeftOut("neither reply is preferred")
    try:
        left, right = (text_of(tag, task.data) for tag in comparison.control.objects[:2])
    except BackendError as error:
        raise LeftOut(error.message) from None
    better, worse = (left, right) if side == "left" else (right, left)
    yield Pair(comparison.messages(task.data), better, worse, origin_of(task, annotation, "pairwise"))


def ranker(comparison: Comparison, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The item that is ranked best is better than the last one; with Buckets, of the first and the last that have any.

    Only these two: all pairs of a ranking would show the best reply to a model many times over.
    """
    ranked = Ranker(comparison.control).value_of(annotation.result)
    groups = list(ranked.values()) if isinstance(ranked, dict) else [[id] for id in ranked]
    groups = [group for group in groups if group]
    if len(groups) < 2:
        raise LeftOut("no item is ranked above another")
    items = object_value(comparison.control.objects[0].value, task.data)
    texts = {str(item.get("id")): _text(item) for item in items if isinstance(item, Mapping)}
    known = [[texts.get(str(id), "") for id in group] for group in (groups[0], groups[-1])]
    if not all(chain(*known)):
        raise LeftOut("a ranked item is not in the task")
    yield Pair(comparison.messages(task.data), known[0][0], known[1][-1], origin_of(task, annotation, "ranker"))


def _text(item: Mapping[str, Any]) -> str:
    """An item's reply: a title is the model's name, or says nothing."""
    return str(item.get("body") or "") or readable(str(item.get("html") or ""))
