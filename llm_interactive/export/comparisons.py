"""Pairs from projects that show finished replies: Pairwise of two texts, Ranker of a List's items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from llm_interactive.errors import BackendError
from llm_interactive.export.records import Completion, Judged, Messages, Pair, Vote
from llm_interactive.export.replies import in_turns
from llm_interactive.export.sources import origin_of
from llm_interactive.label_studio.records import Annotation, Prediction, Task
from llm_interactive.labeling.config import READABLE, tags_of
from llm_interactive.labeling.contents import text_of, turns_of
from llm_interactive.labeling.fields import object_value
from llm_interactive.labeling.pages import readable
from llm_interactive.labeling.tags import ControlTag, ObjectTag
from llm_interactive.outputs.annotated import LeftOut
from llm_interactive.outputs.ranking import Pairwise, Ranker
from llm_interactive.prompts.messages import CHAT_ROLES
from llm_interactive.store.rankings import Ranked

PICTURES = ("Image", "Pdf")

SOURCE, VERDICT = "source", "verdict"
"""In projects of `rank create`: the field of a task's data with the id of the task that is replied to, and the name of
the Choices beside a Pairwise."""

LEFT, RIGHT, SAME, BAD = "Left", "Right", "About the same", "Both bad"
"""Its choices, which have keys: a Pairwise has none."""


@dataclass(frozen=True)
class Rankings:
    """How rankings become pairs.

    Attributes:
        all_pairs: each two replies of which one is better; else the best and the last one, since in all pairs the best
            one would be shown to a model many times over.
        untouched: also lists that were left in the order in which they were shown.
        known: whose the replies are, by the task that was replied to.
        prompts: what the model versions were asked, if that was several prompts, which people did not see.
    """

    all_pairs: bool = False
    untouched: bool = False
    known: Mapping[str, Ranked] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)


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

    def is_untouched(self, task: Task, annotation: Annotation) -> bool:
        """Whether the annotation says just what the page showed when it was opened, so that maybe nobody looked.

        That is a prediction of which nothing was changed, or the order of a list.
        """
        order = self.order(annotation)
        if is_filled_in(annotation):
            # Which one it was made from is not known any more where a judge was asked again.
            is_kept = all(region.get("origin") == "prediction" for region in annotation.result)
            return is_kept and any(self.order(one) == order for one in task.predictions)
        return self.control.tag == "Ranker" and order == [[id] for id in self.replies(task.data)]

    def order(self, annotation: Annotation | Prediction) -> list[list[str]]:
        """The ids of replies, the best first; in one list, those that are as good as each other.

        There is one list at most where nothing is better than anything else, none where nothing is said.
        """
        if self.control.tag == "Pairwise":
            first, second = (tag.name for tag in self.control.objects[:2])
            orders = {LEFT: [[first], [second]], RIGHT: [[second], [first]]}
            return orders.get(said := self.said(annotation), [[first, second]] if said else [])
        ranked = Ranker(self.control).value_of(annotation.result)
        groups = list(ranked.values()) if isinstance(ranked, dict) else [[id] for id in ranked]
        return [list(map(str, group)) for group in groups if group]

    def said(self, annotation: Annotation | Prediction) -> str:
        """What is said of two texts: LEFT, RIGHT, SAME or BAD; empty if nothing is.

        A click and a choice that contradict each other say nothing, unless a judge made the choice.
        """
        if self.control.tag != "Pairwise":
            return ""
        clicked = {"left": LEFT, "right": RIGHT}.get(Pairwise(self.control).value_of(annotation.result), "")
        chosen = _chosen_in(annotation)
        if clicked and chosen and clicked != chosen and not is_filled_in(annotation):
            return ""
        return clicked or chosen


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


def compared(comparison: Comparison, rankings: Rankings, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The reply on the chosen side, or the one that is ranked best, is better than the other, or the last one.

    With Buckets they are the first and the last one in the first and the last bucket that hold any. What it says of
    others is a vote. Two that are both bad, by the Choices beside them, are two bad replies.
    """
    texts = comparison.replies(task.data)
    order = [there for group in comparison.order(annotation) if (there := [id for id in group if texts.get(id)])]
    origin = origin_of(task, annotation, comparison.control.tag.lower())
    known = rankings.known.get(str(task.data.get(SOURCE)))

    def versions(id: str) -> Sequence[str]:
        return known.versions.get(id, ()) if known else ()

    def by(id: str) -> str:
        return ", ".join(versions(id))

    def asked(id: str) -> Messages:
        prompt = next((rankings.prompts[version] for version in versions(id) if version in rankings.prompts), None)
        return in_turns([*seen, {"role": "user", "content": prompt}]) if prompt else seen

    if order and not rankings.untouched and comparison.is_untouched(task, annotation):
        raise LeftOut("the ranking was left as it was shown")
    seen = comparison.messages(task.data)
    places = {id: place for place, ids in enumerate(order) for id in ids}
    for better, other in combinations(places, 2):
        if places[better] == places[other]:
            yield Vote(seen, (texts[better], texts[other]), None)
        elif rankings.all_pairs or (better, other) == (order[0][0], order[-1][-1]):
            whose = replace(origin, model_version=by(other), chosen_version=by(better))
            yield Pair(asked(better), texts[better], texts[other], whose, seen)
        else:
            yield Vote(seen, (texts[better], texts[other]), texts[better])
    if comparison.said(annotation) == BAD:
        for id, text in texts.items():
            bad = replace(origin, model_version=by(id))
            yield Completion(asked(id), text, bad, good=False, reason="both replies are bad", shown=seen)
    elif len(order) < 2:
        raise LeftOut("no reply is preferred to another")


def is_filled_in(annotation: Annotation | Prediction) -> bool:
    """Whether an annotation began with what a judge had filled in, by what Label Studio notes of its regions."""
    return any(str(region.get("origin")).startswith("prediction") for region in annotation.result)


def _chosen_in(annotation: Annotation | Prediction) -> str:
    """What is chosen beside a Pairwise; empty if nothing is."""
    regions = (region for region in annotation.result if region.get("from_name") == VERDICT)
    labels = (label for region in regions for label in region["value"].get("choices") or ())
    return next((label for label in labels if label in (LEFT, RIGHT, SAME, BAD)), "")


def _text(item: Mapping[str, Any]) -> str:
    """An item's reply: a title is the model's name, or says nothing."""
    return str(item.get("body") or "") or readable(str(item.get("html") or ""))
