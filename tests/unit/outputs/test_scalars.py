"""Rating, Number and DateTime."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_interactive.labeling.tags import ControlTag, ObjectTag
from llm_interactive.outputs.scalars import DateTime, Number, Rating

TEXT = ObjectTag("Text", "text", "$text")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=5), below, max_size=4),
    max_leaves=6,
)


def rating(**attributes: str) -> Rating:
    return Rating(ControlTag("Rating", "stars", (TEXT,), attributes))


def number(**attributes: str) -> Number:
    return Number(ControlTag("Number", "count", (TEXT,), attributes))


def datetime(**attributes: str) -> DateTime:
    return DateTime(ControlTag("DateTime", "when", (TEXT,), attributes))


def test_a_rating_is_from_1_to_5_or_null() -> None:
    assert rating().schema({}) == {"type": ["integer", "null"], "enum": [1, 2, 3, 4, 5, None]}
    assert rating().guide({}) == "a whole number from 1 to 5, or null"
    assert rating().regions(4, {})[0]["value"] == {"rating": 4}


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (10, 10), ("7", 7), (7.0, 7), ("7.0", 7)])
def test_a_rating_up_to_max_rating_is_taken(value: Any, expected: int) -> None:
    assert rating(maxrating="10").check(value, {}).value == expected


@pytest.mark.parametrize("value", [0, 6, 3.5, True, "four", [3], float("nan"), -1, 10**400])
def test_another_rating_is_refused(value: Any) -> None:
    checked = rating().check(value, {})
    assert (checked.value, checked.fault) == (None, "must be a whole number from 1 to 5, or null")


@pytest.mark.parametrize("value", [None, "", "null"])
def test_no_rating_is_no_fault(value: Any) -> None:
    assert rating().check(value, {}).fault is None


def test_a_rating_of_0_stands_for_none() -> None:
    region = {**rating().regions(1, {})[0], "value": {"rating": 0}}
    assert rating().value_of([region]) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), (2.5, 2.5), ("12.5", 12.5), (" -4 ", -4), ("1e3", 1000.0), (0, 0)]
)
def test_a_number_is_taken_also_from_text(value: Any, expected: float) -> None:
    checked = number().check(value, {})
    assert (checked.value, type(checked.value)) == (expected, type(expected))


@pytest.mark.parametrize(
    "value", [True, float("nan"), float("inf"), "inf", "1,000", "1_000", "12 %", "two", [1], 10**400]
)
def test_what_is_no_finite_number_is_refused(value: Any) -> None:
    assert number().check(value, {}).value is None
    assert number().check(value, {}).fault == "must be a number, or null"


@pytest.mark.parametrize(
    ("value", "fits"),
    [(1, True), (1.5, True), (10, True), (0.5, False), (10.5, False), (1.3, False), (1.1 + 0.4, True)],
)
def test_bounds_and_steps_are_checked_as_the_editor_does(value: float, *, fits: bool) -> None:
    bounded = number(min="1", max="10", step="0.5")
    assert (bounded.check(value, {}).value is not None) == fits
    assert bounded.guide({}) == "a number at least 1, at most 10, in steps of 0.5, or null"


@pytest.mark.parametrize("step", ["1e-300", "0.1"])
def test_a_step_too_small_to_count_bounds_nothing(step: str) -> None:
    assert number(step=step).check(9e15, {}).value == 9e15


@pytest.mark.parametrize(("most", "said"), [(".5", "0.5"), ("1.", "1.0"), ("12345678", "12345678")])
def test_a_bound_is_read_however_it_is_written(most: str, said: str) -> None:
    assert number(max=most).check(float(most) + 0.01, {}).value is None
    assert number(max=most).guide({}) == f"a number at most {said}, or null"


DATE, TIME, YEAR = {"only": "date"}, {"only": "time"}, {"only": "year"}


@pytest.mark.parametrize(
    ("attributes", "answer", "value", "stored"),
    [
        ({}, "2024-05-17T10:30", "2024-05-17T10:30", "2024-05-17T10:30"),
        ({}, "2024-05-17T10:30:59.5+02:00", "2024-05-17T10:30", "2024-05-17T10:30"),
        ({}, "2024-05-17 10:30Z", "2024-05-17T10:30", "2024-05-17T10:30"),
        ({}, "2024-05-17", "2024-05-17T00:00", "2024-05-17T00:00"),
        (DATE, "2024-05-17", "2024-05-17", "2024-05-17"),
        (DATE, "2024-05-17T23:59:59Z", "2024-05-17", "2024-05-17"),
        (DATE | {"format": "%d.%m.%Y"}, "2024-05-07", "2024-05-07", "07.05.2024"),
        (DATE | {"format": "%B %-d, %Y"}, "2024-05-07", "2024-05-07", "May 7, 2024"),
        (DATE | {"format": "%x"}, "2024-05-07", "2024-05-07", "5/7/2024"),
        ({"format": "%c"}, "2024-05-07T15:04", "2024-05-07T15:04", "5/7/2024, 3:04:00 PM"),
        ({"format": "%Y-%m-%dT%H:%M:%S.%LZ"}, "2024-05-07T15:04", "2024-05-07T15:04", "2024-05-07T15:04:00.000Z"),
        (DATE | {"format": "%d.%m.%Y"}, "07.05.2024", "2024-05-07", "07.05.2024"),
        ({"format": "%c"}, "5/7/2024, 3:04:00 PM", "2024-05-07T15:04", "5/7/2024, 3:04:00 PM"),
        (TIME, "9:05", None, None),
        (TIME, "09:05", "09:05", "09:05"),
        (TIME, "09:05:30", "09:05", "09:05"),
        (TIME | {"format": "%I %p"}, "21:05", "21:05", "21:05"),
        (TIME, "2024-05-17T21:05", "21:05", "21:05"),
        (YEAR, "2024", "2024", "2024-01-01"),
        (YEAR, 2024, "2024", "2024-01-01"),
        (YEAR, "2024-05-17", "2024", "2024-01-01"),
        ({"only": "month,year"}, "2024-05", "2024-05", "2024-05-01"),
        ({"only": "month,year", "format": "%m/%Y"}, "2024-05", "2024-05", "05/2024"),
        ({"only": "date,time"}, "2024-05-17T10:30", "2024-05-17T10:30", "2024-05-17T10:30"),
    ],
)
def test_iso_comes_in_and_the_tags_format_goes_out(
    attributes: dict[str, str], answer: Any, value: str | None, stored: str | None
) -> None:
    output = datetime(**attributes)
    checked = output.check(answer, {})
    assert checked.value == value
    regions = output.regions(checked.value, {})
    assert [region["value"] for region in regions] == ([{"datetime": stored}] if stored else [])
    assert output.value_of(regions) == value


@pytest.mark.parametrize(
    ("attributes", "answer"),
    [
        (DATE, "2024"),
        (DATE, "2024-05"),
        (DATE, "17.05.2024"),
        (DATE, "2024-02-30"),
        (DATE, "0024-02-03"),
        (DATE, "yesterday"),
        (DATE, "2024-W10"),
        (DATE, "20240305"),
        (DATE, 20240305),
        (DATE, "2024-05-1710:30"),
        (DATE | {"format": "%d %B"}, "7 May"),
        ({}, 1712110411230),
        ({}, "2024-05-17T10"),
        ({}, "2024-05-17T24:00"),
        ({"format": "%d.%m.%Y %I:%M"}, "07.05.2024 01:04"),
        (TIME, 10),
        (TIME, "20240305"),
        (YEAR, "2024T10:00"),
        (DATE, True),
        (DATE, ["2024-05-17"]),
        (TIME, "2024-05-17"),
        (TIME, "25:00"),
        ({"only": "month,year"}, "2024"),
    ],
)
def test_what_is_no_such_moment_is_refused(attributes: dict[str, str], answer: Any) -> None:
    checked = datetime(**attributes).check(answer, {})
    assert checked.value is None
    assert checked.fault


@pytest.mark.parametrize(
    ("attributes", "answer", "fits"),
    [
        (DATE | {"min": "2000-01-01", "max": "2010-12-31"}, "2010-12-31", True),
        (DATE | {"min": "2000-01-01", "max": "2010-12-31"}, "2011-01-01", False),
        (DATE | {"min": "2000-01-01"}, "1999-12-31", False),
        (YEAR | {"min": "1990", "max": "current"}, "1990", True),
        (YEAR | {"min": "1990"}, "1989", False),
    ],
)
def test_bounds_of_dates_and_years_are_checked(attributes: dict[str, str], answer: str, *, fits: bool) -> None:
    assert (datetime(**attributes).check(answer, {}).value is not None) == fits


def test_the_guide_names_the_form_and_the_bounds() -> None:
    assert datetime().guide({}) == "YYYY-MM-DDThh:mm, or null"
    assert datetime(only="year", min="1990", max="2020").guide({}) == "YYYY, from 1990 to 2020 or null"


def test_a_stored_date_in_another_format_is_given_as_it_is() -> None:
    region = {**datetime().regions("2024-05-17T10:30", {})[0], "value": {"datetime": "17 May"}}
    assert datetime().value_of([region]) == "17 May"


OUTPUTS: list[Rating | Number | DateTime] = [
    rating(),
    number(min="0", step="0.1"),
    *(datetime(**attributes) for attributes in ({}, DATE, TIME, YEAR, {"format": "%q%%%"}, {"only": "month,year"})),
]


@given(value=ANY_JSON, place=st.integers(0, len(OUTPUTS) - 1))
def test_any_value_is_checked(value: Any, place: int) -> None:
    output = OUTPUTS[place]
    checked = output.check(value, {})
    assert output.check(checked.value, {}).value == checked.value


@given(
    moment=st.datetimes(), attributes=st.sampled_from([{}, DATE, TIME, YEAR, {"only": "month,year"}, {"format": "%c"}])
)
def test_any_moment_is_read_back(moment: Any, attributes: dict[str, str]) -> None:
    output = datetime(**attributes)
    checked = output.check(moment.isoformat(), {})
    assert output.value_of(output.regions(checked.value, {})) == checked.value
    assert checked.value is not None or (moment.year < 1000 and attributes != TIME)
