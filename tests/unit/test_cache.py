"""Slow work is done once, and its results are kept within bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_interactive.deadline import Deadline
from llm_interactive.errors import DeadlineError
from llm_interactive.media.cache import Cache


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
def cache(clock: Clock) -> Cache[str, str]:
    """Room for ten letters, for a minute."""
    return Cache(10, 60, len, clock=clock)


def test_a_value_is_made_once(cache: Cache[str, str], made: Made) -> None:
    assert [cache.get("a", made("a")) for _ in range(3)] == ["xxxx"] * 3
    assert made.keys == ["a"]


def test_it_is_made_again_when_its_time_is_over(cache: Cache[str, str], made: Made, clock: Clock) -> None:
    cache.get("a", made("a"))
    clock.now = 59
    cache.get("a", made("a"))
    assert made.keys == ["a"]
    clock.now = 60
    cache.get("a", made("a"))
    assert made.keys == ["a", "a"]
    assert cache.bytes == 4


def test_what_was_not_wanted_for_longest_makes_room(cache: Cache[str, str], made: Made) -> None:
    for key in "abaca":
        cache.get(key, made(key))
    assert made.keys == ["a", "b", "c"]
    assert cache.bytes == 8
    cache.get("b", made("b"))
    assert made.keys == ["a", "b", "c", "b"]


def test_what_has_no_room_at_all_is_handed_on_and_displaces_nothing(cache: Cache[str, str], made: Made) -> None:
    cache.get("a", made("a"))
    assert cache.get("large", made("large", "x" * 11)) == "x" * 11
    cache.get("a", made("a"))
    assert made.keys == ["a", "large"]


def test_a_failure_is_not_kept(cache: Cache[str, str], made: Made) -> None:
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: str(1 / 0))
    assert cache.get("a", made("a")) == "xxxx"


def test_who_is_urgent_does_not_wait_for_others_and_what_both_made_is_kept_once(
    cache: Cache[str, str], made: Made
) -> None:
    def slow() -> str:
        assert cache.get("a", made("a"), urgent=True) == "xxxx"
        return "yyyy"

    assert cache.get("a", slow) == "yyyy"
    assert cache.get("a", made("a")) == "xxxx"
    assert cache.bytes == 4


def together(cache: Cache[str, str], make: Callable[[], str], threads: int = 4) -> list[str | Exception]:
    """What `threads` get that want the same value while the first of them is making it."""
    started, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        started.set()
        assert go_on.wait(10)
        return make()

    def get(_: int) -> str | Exception:
        try:
            return cache.get("a", slow)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(get, range(threads))
        assert started.wait(10)
        go_on.set()
        return list(results)


def test_threads_that_want_the_same_wait_for_the_first(cache: Cache[str, str], made: Made) -> None:
    assert together(cache, made("a")) == ["xxxx"] * 4
    assert made.keys == ["a"]


def test_a_failure_is_told_to_all_who_wait(cache: Cache[str, str]) -> None:
    def fail() -> str:
        raise ValueError("no")

    assert {type(result) for result in together(cache, fail)} == {ValueError}


def test_threads_that_want_different_values_do_not_wait_for_each_other(cache: Cache[str, str]) -> None:
    both = threading.Barrier(2, timeout=10)

    def make() -> str:
        both.wait()
        return "x"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda key: cache.get(key, make), "ab")) == ["x", "x"]


def while_another_makes(cache: Cache[str, str], make: Callable[[], str], deadline: Deadline) -> str:
    """What is there for a second thread that waits until `deadline`, while the first one is at `make` for a second."""
    started = threading.Event()

    def slow() -> str:
        started.set()
        time.sleep(1)
        return make()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(cache.get, "a", slow)
        assert started.wait(10)
        return cache.get("a", lambda: "my own", deadline)


def test_who_waits_for_another_waits_until_the_own_deadline(cache: Cache[str, str], made: Made) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineError):
        while_another_makes(cache, made("a"), Deadline.after(0.1))
    assert time.monotonic() - began < 2
    assert cache.get("a", made("b")) == "xxxx"


def test_the_end_of_another_threads_time_is_not_ones_own(cache: Cache[str, str]) -> None:
    def fail() -> str:
        raise DeadlineError("late")

    assert while_another_makes(cache, fail, Deadline.after(20)) == "my own"
