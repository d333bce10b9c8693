"""What is written of many annotations: once, settled, held out by text, told where from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_interactive.label_studio.records import Task
from testing.fine_tuning import check
from tests.unit.export.conftest import Export, annotation, filled, prediction

TEXT = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)


def many(count: int) -> list[Task]:
    return [
        Task(number, {"text": f"Text {number}"}, (annotation(number, filled("P", f"Reply {number}")),))
        for number in range(count)
    ]


def lines_of(path: Any) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_skipped_tasks_are_out(exporting: Export) -> None:
    export = exporting(TEXT)
    skipped = annotation(1, filled("P", "Reply"), cancelled=True)
    assert export("chat", Task(1, {"text": "T"}, (skipped,))) == []
    assert export.summary.left_out == {"the task was skipped": 1}
    assert (export.summary.tasks, export.summary.annotations) == (1, 1)


def test_the_same_example_is_written_once(exporting: Export) -> None:
    export = exporting(TEXT)
    both = (annotation(1, filled("P", "Reply")), annotation(2, filled("P", "Reply"), user=2))
    assert len(export("chat", Task(1, {"text": "T"}, both), Task(2, {"text": "T"}, both[:1]))) == 1
    assert export.summary.left_out == {"it is there already": 2}


def test_the_held_out_part_is_chosen_by_the_text_and_stays_the_same(exporting: Export) -> None:
    export = exporting(TEXT)
    kept = export("chat", *many(200), holdout=0.2)
    assert export.destination.held_out is not None
    held_out = check("chat", export.destination.held_out)
    assert len(kept) + len(held_out) == 200
    assert 20 <= len(held_out) <= 60

    again = export("chat", *many(400)[::-1], holdout=0.2)
    assert {json.dumps(line) for line in kept} <= {json.dumps(line) for line in again}


def test_what_is_asked_about_the_same_text_is_never_on_both_sides_of_the_split(exporting: Export) -> None:
    export = exporting(TEXT)
    more = [
        Task(task.id, task.data, (*task.annotations, annotation(task.id + 1000, filled("Q", f"Other {task.id}"))))
        for task in many(50)
    ]
    kept = export("chat", *more, holdout=0.5)
    assert export.destination.held_out is not None
    held_out = check("chat", export.destination.held_out)
    texts = [{line["messages"][0]["content"].split("Text")[-1] for line in lines} for lines in (kept, held_out)]
    assert texts[0]
    assert texts[1]
    assert not texts[0] & texts[1]


def test_prompts_to_tasks_that_show_nothing_are_held_out_by_themselves(exporting: Export) -> None:
    export = exporting("chat")
    asked = [annotation(number, filled(f"Question {number % 60}", f"Reply {number}")) for number in range(120)]
    kept = export("chat", *(Task(one.id, {"dialogue": []}, (one,)) for one in asked), holdout=0.3)
    assert export.destination.held_out is not None
    held_out = check("chat", export.destination.held_out)
    prompts = [{line["messages"][0]["content"] for line in lines} for lines in (kept, held_out)]
    assert min(map(len, prompts)) > 5
    assert not prompts[0] & prompts[1]


def test_the_same_prompt_to_tasks_that_differ_in_what_it_leaves_out_is_on_one_side(exporting: Export) -> None:
    export = exporting(f'{TEXT}<Text name="source" value="$source"/>', prompt_template="{prompt} {text}")
    tasks = [
        Task(n, {"text": f"T{n % 9}", "source": f"S{n}"}, (annotation(n, filled("P", f"Reply {n}")),))
        for n in range(90)
    ]
    kept = export("chat", *tasks, holdout=0.5)
    assert export.destination.held_out is not None
    held_out = check("chat", export.destination.held_out)
    prompts = [{line["messages"][0]["content"] for line in lines} for lines in (kept, held_out)]
    assert min(map(len, prompts)) > 0
    assert not prompts[0] & prompts[1]


def test_another_file_says_where_each_line_comes_from(exporting: Export) -> None:
    export = exporting(TEXT)
    kept = export("chat", *many(30), holdout=0.5)
    rows = lines_of(export.destination.meta)
    assert len(rows) == 30
    of_file = [row for row in rows if row["file"] == "out.jsonl"]
    assert [f"Reply {row['annotation']}" for row in of_file] == [line["messages"][-1]["content"] for line in kept]
    assert {(row["source"], row["user"]) for row in rows} == {("submitted", 1)}


def corrected(*results: tuple[int, str]) -> Task:
    annotations = tuple(annotation(user, filled("P", text), user=user) for user, text in results)
    return Task(1, {"text": "T"}, annotations, (prediction(5, filled("P", "Old.")),))


def test_what_more_annotators_hold_is_written(exporting: Export) -> None:
    export = exporting(TEXT)
    lines = export("kto", corrected((1, "New."), (2, "New."), (3, "Old.")))
    assert [(line["completion"][0]["content"], line["label"]) for line in lines] == [("New.", True), ("Old.", False)]
    assert export.summary.left_out["more annotators hold otherwise"] == 1


def test_where_as_many_hold_the_opposite_nothing_is(exporting: Export) -> None:
    export = exporting(TEXT)
    lines = export("kto", corrected((1, "New."), (2, "Old.")))
    assert [line["completion"][0]["content"] for line in lines] == ["New."]
    assert export.summary.left_out["annotators disagree"] == 2


LABELS = f'{TEXT}<Choices name="tone" toName="text" choice="multiple"><Choice value="A"/><Choice value="B"/></Choices>'


def labelled(*labels: str, truth: int | None = None, id: int = 1) -> Task:
    """A task of one text, where users give labels and texts of their own; `truth` is the place of the right one."""
    made = [
        annotation(
            number, filled("P", f"Reply {id}.{number}", chosen(names)), user=number, ground_truth=number == truth
        )
        for number, names in enumerate(labels)
    ]
    return Task(id, {"text": "T"}, tuple(made))


def chosen(names: str) -> Any:
    return {"from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": list(names)}}


def labels_of(lines: list[Any]) -> list[Any]:
    return [json.loads(line["messages"][-1]["content"])["tone"] for line in lines]


def test_labels_that_most_annotators_give_are_written_with_all_their_texts(exporting: Export) -> None:
    export = exporting(LABELS)
    assert labels_of(export("chat", labelled("A", "B"), labelled("A", id=2))) == [["A"], ["A"]]
    assert export.summary.left_out == {"more annotators hold otherwise": 1}
    assert labels_of(export("chat", labelled("AB", "BA", "B"))) == [["A", "B"], ["B", "A"]]


def test_labels_on_which_annotators_are_divided_are_not_written(exporting: Export) -> None:
    export = exporting(LABELS)
    assert export("chat", labelled("A", "B")) == []
    assert export.summary.left_out == {"annotators disagree": 2}


def test_the_ground_truth_goes_before_what_most_annotators_say(exporting: Export) -> None:
    export = exporting(LABELS)
    assert labels_of(export("chat", labelled("A", "B", "A", truth=1))) == [["B"]]
    assert export.summary.left_out == {"the ground truth is otherwise": 2}


def test_held_out_examples_of_before_do_not_stay_beside_the_ones_they_are_now_among(exporting: Export) -> None:
    export = exporting(TEXT)
    export("chat", *many(30), holdout=0.5)
    held_out = export.destination.held_out
    assert held_out is not None
    assert held_out.exists()
    assert len(export("chat", *many(30))) == 30
    assert not held_out.exists()


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (["assistant", "user"], "the dialogue does not begin with a user"),
        (["user", "system", "user"], "the dialogue's roles do not alternate"),
    ],
)
def test_a_dialogue_that_no_trainer_takes_is_left_out(exporting: Export, turns: list[str], reason: str) -> None:
    export = exporting("chat")
    dialogue = [{"role": role, "content": role} for role in turns]
    task = Task(1, {"dialogue": dialogue}, (annotation(1, filled("P", "Reply")),))
    assert export("chat", task) == []
    assert export.summary.left_out == {reason: 1}


@pytest.mark.parametrize("format", ["chat", "prompt-completion", "sharegpt", "vision"])
def test_every_format_is_what_its_trainers_take(exporting: Export, format: str) -> None:
    assert len(exporting(TEXT, system_prompt="Be brief.")(format, *many(3))) == 3


def test_text_that_no_file_can_hold_is_written_without_it(exporting: Export) -> None:
    task = Task(1, {"text": "T\ud83d"}, (annotation(1, filled("P", "Reply \ud83d\x00.")),))
    [line] = exporting(TEXT)("chat", task)
    assert line["messages"][-1]["content"] == "Reply ?."


def test_a_link_stays_one_and_what_it_leads_to_is_written(exporting: Export, tmp_path: Path) -> None:
    export = exporting(TEXT)
    link, file = export.destination.file, tmp_path / "real" / "train.jsonl"
    file.parent.mkdir()
    link.symlink_to(file)
    assert len(export("chat", *many(2))) == 2
    assert link.is_symlink()
    assert len(lines_of(file)) == 2


def test_an_end_in_the_middle_leaves_the_old_files_as_they_were(exporting: Export) -> None:
    export = exporting(TEXT)
    export("chat", *many(2))
    folder = export.destination.file.parent
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".jsonl"}

    def tasks() -> Iterator[Task]:
        yield from many(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export("chat", *many(2), then=tasks())

    assert {path.name: path.read_bytes() for path in folder.iterdir() if "jsonl" in path.name} == before
