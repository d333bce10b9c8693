"""Slow work is done once, and its results are kept within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_interactive.media.memo import Memo


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Made:
    """Makes texts and counts how often."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, key: str, text: str = "xxxx") -> Callable[[], str]:
        def make() -> str:
            self.keys.append(key)
            return text

        return make


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
def memo(clock: Clock) -> Memo[str, str]:
    """Room for ten letters, for a minute."""
    return Memo(10, 60, len, clock=clock)


def test_a_value_is_made_once(memo: Memo[str, str], made: Made) -> None:
    assert [memo.get("a", made("a")) for _ in range(3)] == ["xxxx"] * 3
    assert made.keys == ["a"]


def test_it_is_made_again_when_its_time_is_over(memo: Memo[str, str], made: Made, clock: Clock) -> None:
    memo.get("a", made("a"))
    clock.now = 59
    memo.get("a", made("a"))
    assert made.keys == ["a"]
    clock.now = 60
    memo.get("a", made("a"))
    assert made.keys == ["a", "a"]
    assert memo.bytes == 4


def test_what_was_not_wanted_for_longest_makes_room(memo: Memo[str, str], made: Made) -> None:
    for key in "abaca":
        memo.get(key, made(key))
    assert made.keys == ["a", "b", "c"]
    assert memo.bytes == 8
    memo.get("b", made("b"))
    assert made.keys == ["a", "b", "c", "b"]


def test_what_has_no_room_at_all_is_handed_on_and_displaces_nothing(memo: Memo[str, str], made: Made) -> None:
    memo.get("a", made("a"))
    assert memo.get("large", made("large", "x" * 11)) == "x" * 11
    memo.get("a", made("a"))
    assert made.keys == ["a", "large"]


def test_a_failure_is_not_kept(memo: Memo[str, str], made: Made) -> None:
    with pytest.raises(ZeroDivisionError):
        memo.get("a", lambda: str(1 / 0))
    assert memo.get("a", made("a")) == "xxxx"


def together(memo: Memo[str, str], make: Callable[[], str], threads: int = 4) -> list[str | Exception]:
    """What `threads` get that want the same value while the first of them is making it."""
    started, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        started.set()
        assert go_on.wait(10)
        return make()

    def get(_: int) -> str | Exception:
        try:
            return memo.get("a", slow)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(get, range(threads))
        assert started.wait(10)
        go_on.set()
        return list(results)


def test_threads_that_want_the_same_wait_for_the_first(memo: Memo[str, str], made: Made) -> None:
    assert together(memo, made("a")) == ["xxxx"] * 4
    assert made.keys == ["a"]


def test_a_failure_is_told_to_all_who_wait(memo: Memo[str, str]) -> None:
    def fail() -> str:
        raise ValueError("no")

    assert {type(result) for result in together(memo, fail)} == {ValueError}


def test_threads_that_want_different_values_do_not_wait_for_each_other(memo: Memo[str, str]) -> None:
    both = threading.Barrier(2, timeout=10)

    def make() -> str:
        both.wait()
        return "x"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda key: memo.get(key, make), "ab")) == ["x", "x"]
