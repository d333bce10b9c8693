"""The reports of several processes as one."""

from __future__ import annotations

from llm_interactive.predict.processes import Report, merged


def report(batches: int = 0, errors: tuple[float, ...] = ()) -> Report:
    return {
        "batches": [{"project": "1", "left": number} for number in range(batches)],
        "errors": [{"at": at, "error": "No."} for at in errors],
    }


def test_all_batches_are_shown() -> None:
    assert len(merged([report(batches=2), report(batches=1)])["batches"]) == 3


def test_the_newest_errors_of_all_come_first() -> None:
    both = merged([report(errors=(30.0, 10.0)), report(errors=(40.0, 20.0))])
    assert [error["at"] for error in both["errors"]] == [40.0, 30.0, 20.0, 10.0]


def test_one_report_stays_as_it_is() -> None:
    alone = report(batches=1, errors=(1.0,))
    assert merged([alone]) == alone
