"""Where examples come from: replies as they were submitted, corrected, preferred and rated.

A source is a generator over one annotation; what it cannot use it raises as `LeftOut`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from llm_interactive.export.records import Completion, Judged, Origin, Pair, Vote
from llm_interactive.export.replies import Replies, text_in
from llm_interactive.label_studio.records import Annotation, Task
from llm_interactive.labeling.tags import ControlTag, Region
from llm_interactive.outputs.annotated import LeftOut
from llm_interactive.outputs.form import Form, is_preference
from llm_interactive.outputs.scalars import stored_values
from llm_interactive.store.store import fingerprint

Source = Callable[[Task, Annotation], Iterator[Judged]]

_GOOD, _BAD, _MARGIN = 0.8, 0.4, 0.4
"""Parts of the scale: four stars of five are good, two are bad, and two make one reply better than another."""

_WITHOUT_PAIR = "a single reply was judged, and no other one to compare it with"


def origin_of(task: Task, annotation: Annotation, source: str, model_version: str = "") -> Origin:
    """Where examples of an annotation come from."""
    return Origin(task.id, annotation.id, annotation.user, source, model_version)


def submitted(replies: Replies, form: Form, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The reply as the annotator submitted it."""
    asked = replies.asked(task, annotation, form)
    reply = asked.reply(annotation.result)
    yield Completion(asked.messages, reply, origin_of(task, annotation, "submitted"), labels=asked.labels_in(reply))


def corrections(replies: Replies, form: Form, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The reply that the annotator edited is better than the model's own; one that was left as it was is good."""
    asked = replies.asked(task, annotation, form)
    edited = asked.reply(annotation.result)
    original, version = replies.original(task, annotation, asked)
    origin = origin_of(task, annotation, "corrections", version)
    if fingerprint(edited) == fingerprint(original):
        yield Completion(asked.messages, edited, origin, reason="the reply was left as it was")
    else:
        yield Pair(asked.messages, edited, original, origin)


def preference(replies: Replies, form: Form, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The first of two responses is better, the second, both are bad, or nothing, by a Choices named "preference…"."""
    asked = replies.asked(task, annotation, form, plain=True)
    areas = [rival.control for rival in form.rivals[:2]]
    texts = [text_in(annotation.result, area) for area in areas]
    sides = [(text, replies.version_of(text, task)) for text in texts]
    first, chosen = preference_in(form, annotation)
    origin = origin_of(task, annotation, "preference")
    if first is not None:
        (better, better_by), (worse, worse_by) = sides[first], sides[1 - first]
        whose = replace(origin, model_version=worse_by, chosen_version=better_by)
        yield Pair(asked.messages, better, worse, whose)
        return
    if chosen:
        yield Vote(asked.messages, (texts[0], texts[1]), None)
    if "bad" not in chosen.casefold():
        raise LeftOut("neither reply is preferred")
    for reply, by in sides:
        bad = replace(origin, model_version=by)
        yield Completion(asked.messages, reply, bad, good=False, reason="both replies are bad")


def preference_in(form: Form, annotation: Annotation) -> tuple[int | None, str]:
    """Which of two responses is better, 0 or 1 or None, and the choice that says so; empty if nothing is chosen."""
    control = next(tag for tag in form.spec.controls if is_preference(tag))
    labels = stored_values(control, annotation.result, "choices")
    chosen = next((label for ticked in labels for label in ticked), "")
    names = [label.stored for label in control.labels[:2]]
    return (names.index(chosen) if chosen in names else None), chosen


def rating(replies: Replies, form: Form, task: Task, annotation: Annotation) -> Iterator[Judged]:
    """The reply is good or bad by its stars, and better than one that another annotation gives clearly fewer."""
    control = next(tag for tag in form.spec.controls if tag.tag == "Rating")
    asked = replies.asked(task, annotation, form, plain=True)
    reply, stars = text_in(annotation.result, form.texts[0]), _stars(control, annotation.result)
    if stars is None:
        raise LeftOut("the reply is not rated")
    origin = origin_of(task, annotation, "rating")
    if stars >= _GOOD or stars <= _BAD:
        yield Completion(asked.messages, reply, origin, good=stars >= _GOOD, reason=_WITHOUT_PAIR)
    for other in task.annotations:
        fewer = None if other.cancelled else _stars(control, other.result)
        if fewer is None or round(stars - fewer, 3) < _MARGIN:
            continue
        again = replies.asked(task, other, form, plain=True)
        if again.messages == asked.messages:
            yield Pair(asked.messages, reply, text_in(other.result, form.texts[0]), origin)


def _stars(control: ControlTag, regions: tuple[Region, ...]) -> float | None:
    """The rating as a part of the scale."""
    given = [stars for stars in stored_values(control, regions, "rating") if stars]
    return given[0] / float(control.attributes.get("maxrating") or 5) if given else None
