"""Pairs from projects that show finished replies: Pairwise of two texts, Ranker of a List's items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_interactive.errors import BackendError
from llm_interactive.export.records import Judged, Messages, Pair
from llm_interactive.export.replies import in_turns
from llm_interactive.export.sources import origin_of
from llm_interactive.label_studio.records import Annotation, Task
from llm_interactive.labeling.config import READABLE, tags_of
from llm_interactive.labeling.contents import text_of, turns_of
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.pages import readable
from llm_interactive.labeling.tags import ControlTag, ObjectTag
from llm_interactive.outputs.annotated import LeftOut
from llm_interactive.outputs.ranking import Pairwise, Ranker
from llm_interactive.prompts.messages import CHAT_ROLES

PICTURES = ("Image", "Pdf")


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
        if any(tag.tag in PICTURES for tag in self.question):
            raise LeftOut("what the compared replies reply to is an image")
        try:
            return shown(self.question, data)
        except BackendError as error:
            raise LeftOut(error.message) from None

    def replies(self, data: Mapping[str, Any]) -> dict[str, str]:
        """The compared texts in the order in which they are shown, by the names of the objects or the items' ids.

        Raises:
            LeftOut: the task does not have them.
        """
        try:
            if self.control.tag == "Pairwise":
                return {tag.name: text_of(tag, data) for tag in self.control.objects[:2]}
            Ranker(self.control).items(data)  # which refuses what are not items with ids
            items = object_value(self.control.objects[0].value, data)
        except BackendError as error:
            raise LeftOut(error.message) from None
        return {str(item["id"]): _text(item) for item in items}

    def order(self, annotation: Annotation) -> list[list[str]]:
        """The ids of replies, the best first; in one list, those that are as good as each other.

        There is one list at most where nothing is better than anything else.
        """
        if self.control.tag == "Pairwise":
            side = Pairwise(self.control).value_of(annotation.result)
            names = [[tag.name] for tag in self.control.objects[:2]]
            return [] if side is None else names if side == "left" else names[::-1]
        ranked = Ranker(self.control).value_of(annotation.result)
        groups = list(ranked.values()) if isinstance(ranked, dict) else [[id] for id in ranked]
        return [list(map(str, group)) for group in groups if group]


def shown(objects: Sequence[ObjectTag], data: Mapping[str, Any]) -> Messages:
    """What objects show, without their pictures: a dialogue as it is, else the texts as the user's message.

    Raises:
        BackendError: the task does not have it.
    """
    worded = [tag for tag in objects if tag.tag not in PICTURES]
    if [tag.tag for tag in worded] == ["Paragraphs"]:
        turns = turns_of(worded[0], data)
        if all(turn.role.lower() in CHAT_ROLES for turn in turns):
            return in_turns([{"role": turn.role.lower(), "content": turn.text} for turn in turns])
    texts = [text_of(tag, data) for tag in worded]
    return [{"role": "user", "content": "\n\n".join(text for text in texts if text.strip())}]


def compared(comparison: Comparison, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The reply on the chosen side, or the one that is ranked best, is better than the other, or the last one.

    Only these two: all pairs of a ranking would show the best reply to a model many times over. With Buckets they are
    the first and the last one in the first and the last bucket that hold any.
    """
    order = comparison.order(annotation)
    if len(order) < 2:
        raise LeftOut("no reply is preferred to another")
    texts = comparison.replies(task.data)
    better, worse = (texts.get(id, "") for id in (order[0][0], order[-1][-1]))
    if not (better and worse):
        raise LeftOut("a compared reply is empty or not in the task")
    origin = origin_of(task, annotation, comparison.control.tag.lower())
    yield Pair(comparison.messages(task.data), better, worse, origin)


def _text(item: Mapping[str, Any]) -> str:
    """An item's reply: a title is the model's name, or says nothing."""
    return str(item.get("body") or "") or readable(str(item.get("html") or ""))
