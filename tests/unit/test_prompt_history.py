"""The prompts that a project has had, as changes of the ones before."""

from __future__ import annotations

import pytest

from llm_interactive.predict.project import Project
from llm_interactive.predict.prompt_history import Change, history
from llm_interactive.settings import Settings
from llm_interactive.store.store import StoredProject
from tests.server.bodies import TEXT


def changes(before: str, after: str) -> list[tuple[str, str]]:
    newest, _ = history(None, [("prompt", after, 2.0), ("prompt", before, 1.0)], ())
    return [("-" if change.gone else "+" if change.added else "", change.text) for change in newest.changes]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("Is it so?", "Is it so?", [("", "Is it so?")]),
        ("Is it so?", "Is it meant so?", [("", "Is it "), ("+", "meant "), ("", "so?")]),
        ("Is it really so?", "Is it so?", [("", "Is it "), ("-", "really "), ("", "so?")]),
        ("Is it so?", "Is it true?", [("", "Is it "), ("-", "so"), ("+", "true"), ("", "?")]),
        ("One.\nTwo.", "One.\n\nTwo.", [("", "One.\n"), ("+", "\n"), ("", "Two.")]),
    ],
)
def test_what_a_prompt_changed_is_told_word_by_word(before: str, after: str, shown: list[tuple[str, str]]) -> None:
    assert changes(before, after) == shown


def test_prompts_that_would_take_long_to_compare_are_shown_as_they_are() -> None:
    assert changes("word " * 5000, "other " * 5000) == [("", "other " * 5000)]


def test_each_field_is_compared_with_itself() -> None:
    found = history(None, [("b", "Two.", 2.0), ("a", "One.", 1.0)], ())
    assert [prompt.changes for prompt in found] == [[Change("Two.")], [Change("One.")]]


def test_a_version_is_named_only_where_tasks_were_labelled_by_it() -> None:
    project = Project.of("1.1", TEXT, Settings(), StoredProject({}, {}))
    used = project.version_with({"prompt": "Two."})
    found = history(project, [("prompt", "Two.", 2.0), ("prompt", "One.", 1.0)], {used})
    assert [prompt.version for prompt in found] == [used, None]
