"""Which of two responses in one form annotators prefer, as ballots on the models that gave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from llm_interactive.errors import LabelingConfigError
from llm_interactive.export.replies import text_in
from llm_interactive.export.sources import preference_in
from llm_interactive.label_studio.records import Annotation, Task
from llm_interactive.outputs.annotated import LeftOut
from llm_interactive.outputs.form import Form
from llm_interactive.predict.project import forms_of
from llm_interactive.ranking.ballots import Ballot, Ballots, Reply
from llm_interactive.settings import Settings
from llm_interactive.store.rankings import Ranked
from llm_interactive.store.store import fingerprint
from llm_interactive.store.usage import Origin


def forms_with_rivals(config: str, settings: Settings) -> list[Form]:
    """The forms of a labeling config in which annotators say which of two responses is better."""
    with suppress(LabelingConfigError):  # as in a project of `rank create`, which has no prompt field
        return [form for form in forms_of(config, settings.prompt_prefix, settings.response_prefix) if form.rivals]
    return []


def by_model(known: Mapping[str, Ranked]) -> dict[str, Ranked]:
    """The same with models for versions: each prompt that an annotator typed made another version."""
    return {
        task: replace(one, versions={id: _models(versions) for id, versions in one.versions.items()})
        for task, one in known.items()
    }


def _models(versions: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(Origin("", version).model for version in versions))


def preferences_in(tasks: Iterable[Task], forms: Sequence[Form], known: Mapping[str, Ranked]) -> Ballots:
    """The ballots in annotated tasks; `known` says whose the responses are, by the task's id."""
    cast: dict[tuple[int, int, str], Ballot] = {}
    silent, unknown = 0, set()
    for task in tasks:
        ranked = known.get(str(task.id), Ranked(str(task.id), "", {}))
        for annotation in task.annotations:
            for form in forms:
                ballot = _ballot(task, annotation, form, ranked)
                silent += ballot is None
                if ballot and all(reply.versions for reply in ballot.replies.values()):
                    cast[task.id, ballot.voter, form.name] = ballot
                elif ballot:
                    unknown.add(task.id)
    return Ballots(list(cast.values()), silent, len(unknown))


def _ballot(task: Task, annotation: Annotation, form: Form, known: Ranked) -> Ballot | None:
    better, chosen = preference_in(form, annotation)
    if annotation.cancelled or not chosen:
        return None
    areas = [rival.control for rival in form.rivals[:2]]
    try:
        texts = {tag.name: text_in(annotation.result, tag) for tag in areas}
    except LeftOut:
        return None
    replies = {name: Reply(text, known.versions.get(fingerprint(text), ())) for name, text in texts.items()}
    ids = list(replies)
    order = [ids] if better is None else [[ids[better]], [ids[1 - better]]]
    return Ballot(task.id, annotation.user or 0, replies, order)
