"""The figures of each kind of value against small tables worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from llm_interactive.evaluation.measures import ClassFigures, kappa, measure
from llm_interactive.evaluation.values import Kind, Span

approx: Any = pytest.approx


def cases(*pairs: Any) -> dict[int, Any]:
    return dict(enumerate(pairs, start=1))


LABELS = cases(("A", "A"), ("A", "A"), ("A", "B"), ("B", "B"), ("B", "A"), ("C", "C"), ("C", None), ("A", "A"))


def test_each_label_has_precision_recall_and_f1() -> None:
    assert measure(Kind.LABEL, LABELS).classes == [
        ClassFigures("A", 3 / 4, 3 / 4, 3 / 4, 4),
        ClassFigures("B", 1 / 2, 1 / 2, 1 / 2, 2),
        ClassFigures("C", 1.0, 1 / 2, approx(2 / 3), 2),
    ]


def test_macro_f1_is_their_mean_and_a_missing_answer_no_class_of_its_own() -> None:
    assert measure(Kind.LABEL, LABELS).figures["macro_f1"] == approx((3 / 4 + 1 / 2 + 2 / 3) / 3)


def test_kappa_takes_chance_off() -> None:
    # 5 of 8 agree; by chance (4·4 + 2·2 + 2·1 + 0·1) / 64 = 22/64
    assert measure(Kind.LABEL, LABELS).figures["kappa"] == approx((5 / 8 - 22 / 64) / (1 - 22 / 64))


def test_no_answer_is_a_class_where_people_gave_none() -> None:
    found = measure(Kind.LABEL, cases(("A", "A"), (None, None), (None, "A")))
    assert [one.name for one in found.classes] == ["A", ""]


def test_the_confusion_holds_the_tasks_of_each_pair() -> None:
    confusion = measure(Kind.LABEL, LABELS).confusion
    assert confusion is not None
    assert confusion.names == ["A", "B", "C", ""]
    assert confusion.cells["A", "A"] == [1, 2, 8]
    assert confusion.cells["C", ""] == [7]
    assert [(human, model, tasks) for human, model, tasks in confusion.mistakes] == [
        ("A", "B", [3]),
        ("B", "A", [5]),
        ("C", "", [7]),
    ]


def test_one_single_class_has_no_kappa() -> None:
    assert measure(Kind.LABEL, cases(("A", "A"), ("A", "A"))).figures["kappa"] is None


def test_several_labels_are_measured_one_by_one() -> None:
    found = measure(
        Kind.LABELS,
        cases((frozenset("AB"), frozenset("A")), (frozenset("A"), frozenset("A")), (None, frozenset("B"))),
    )
    assert found.classes == [ClassFigures("A", 1.0, 1.0, 1.0, 2), ClassFigures("B", 0.0, 0.0, 0.0, 1)]
    # 2 of 3 given labels are right, 2 of 3 wanted ones are given.
    assert found.figures["micro_f1"] == approx(2 / 3)
    assert found.figures["macro_f1"] == 0.5


def test_ratings_have_an_error_and_a_kappa_that_weighs_distance() -> None:
    found = measure(Kind.NUMBER, cases((1.0, 1.0), (5.0, 4.0), (3.0, 3.0), (4.0, None)))
    assert found.figures["mae"] == approx(1 / 3)
    # Squared distances: 1 seen; by chance (0+9+4 + 16+1+4 + 4+1+0) / 3 = 13
    assert found.figures["kappa"] == approx(1 - 1 / 13)


def test_numbers_with_fractions_have_no_kappa() -> None:
    assert measure(Kind.NUMBER, cases((1.5, 1.0))).figures == {"mae": 0.5, "kappa": None}


def test_ratings_lie_in_order_in_their_confusion() -> None:
    confusion = measure(Kind.NUMBER, cases((10.0, 9.0), (2.0, None), (2.0, 2.0))).confusion
    assert confusion is not None
    assert confusion.names == ["2", "9", "10", ""]


PERSON, PLACE = Span(0, 4, "Person"), Span(10, 16, "Place")


def test_spans_are_measured_strictly_by_place_and_by_overlap() -> None:
    found = measure(
        Kind.SPANS,
        cases(
            (frozenset({PERSON, PLACE}), frozenset({PERSON, Span(10, 16, "Person")})),  # one right, one label wrong
            (frozenset({PERSON}), frozenset({Span(0, 3, "Person")})),  # too short
            (None, None),
        ),
    )
    # Strict: 1 of 3. Exact place: 2 of 3. Partial: 2 and a half of 3. Type of what overlaps: 2 of 3.
    assert found.figures == {
        "strict_f1": approx(1 / 3),
        "exact_f1": approx(2 / 3),
        "partial_f1": approx(2.5 / 3),
        "type_f1": approx(2 / 3),
    }
    assert [(one.name, one.support) for one in found.classes] == [("Person", 2), ("Place", 1)]


def test_spans_that_touch_do_not_overlap() -> None:
    found = measure(Kind.SPANS, cases((frozenset({Span(0, 4, "A")}), frozenset({Span(4, 8, "A")}))))
    assert found.figures["partial_f1"] == 0.0


def test_texts_are_measured_by_similarity() -> None:
    # Three of four letters are the same: ratio 2·3/8.
    assert measure(Kind.TEXT, cases(("abcd", "abcx"), ("same", "same"))).figures["similarity"] == approx(0.875)


def test_no_answer_to_a_text_is_not_similar() -> None:
    assert measure(Kind.TEXT, cases(("abcd", None))).figures["similarity"] == 0.0


@pytest.mark.parametrize("kind", [Kind.SPANS, Kind.TEXT])
def test_there_is_no_kappa_of_spans_and_texts(kind: Kind) -> None:
    assert kappa(kind, [("a", "a")]) is None
