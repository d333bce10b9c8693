"""The common pace of all callers, on times that the tests make up."""

from __future__ import annotations

import pytest

from llm_interactive.llm.rate_limit import RateLimiter

NOW = 1_000_000.0
"""Any moment: `time.monotonic()` begins anywhere."""


def run(limiter: RateLimiter, start: float, seconds: float, per_second: float) -> float:
    """Let calls go through for a while at a steady rate; gives the moment after the last."""
    count = round(seconds * per_second)
    for number in range(count):
        limiter.started(start + number / per_second)
        limiter.succeeded(start + number / per_second)
    return start + seconds


def gap(limiter: RateLimiter, now: float) -> float:
    """Seconds between two calls that start as soon as they may."""
    limiter.started(now)
    return limiter.wait(now)


def rate_after_limit(per_second: float) -> tuple[RateLimiter, float]:
    """A limiter that met a limit while calls went through at a steady rate, and the moment when its pause ends."""
    limiter = RateLimiter()
    now = run(limiter, NOW, 20, per_second)
    pause = limiter.limited(now, now, None)
    return limiter, now + pause


def test_without_a_limit_nobody_waits() -> None:
    limiter = RateLimiter()
    run(limiter, NOW, 20, per_second=50)
    assert limiter.wait(NOW + 20) <= 0


def test_any_number_of_calls_may_start_at_once() -> None:
    limiter = RateLimiter()
    for _ in range(1000):
        limiter.started(NOW)
    assert limiter.wait(NOW) <= 0


@pytest.mark.parametrize("seconds", [0.25, 7.0, 30.0])
def test_all_pause_for_as_long_as_the_provider_asked(seconds: float) -> None:
    limiter = RateLimiter()
    assert limiter.limited(NOW, NOW, seconds) == seconds
    assert limiter.wait(NOW) == pytest.approx(seconds)


@pytest.mark.parametrize("seconds", [1e5, 1_795_372_439.0, 1e12])
def test_an_absurd_wish_of_the_provider_does_not_stop_everybody_for_hours(seconds: float) -> None:
    limiter = RateLimiter()
    limiter.limited(NOW, NOW, seconds)
    assert limiter.wait(NOW) <= 3600


def test_the_pause_ends() -> None:
    limiter = RateLimiter()
    limiter.limited(NOW, NOW, 7.0)
    assert limiter.wait(NOW + 7.001) <= 0


def test_without_a_wish_of_the_provider_the_first_pause_is_short() -> None:
    assert 0 < RateLimiter().limited(NOW, NOW, None) <= 1.0


def limits_in_a_row(count: int) -> list[float]:
    """The pauses of limits of which each comes right after the pause before."""
    limiter = RateLimiter()
    now, pauses = NOW, []
    for _ in range(count):
        pauses.append(limiter.limited(now, now, None))
        now += pauses[-1] + 0.01
    return pauses


def test_the_pause_doubles_while_the_limit_goes_on() -> None:
    first, *others = limits_in_a_row(4)
    assert others == [2 * first, 4 * first, 8 * first]


def test_the_pause_does_not_grow_for_ever() -> None:
    assert limits_in_a_row(20)[-1] <= 60


def test_a_call_that_goes_through_ends_the_doubling() -> None:
    limiter = RateLimiter()
    first = limiter.limited(NOW, NOW, None)
    limiter.succeeded(NOW + 2)
    assert limiter.limited(NOW + 3, NOW + 3, None) == first


def test_calls_that_meet_the_same_limit_make_the_pause_no_longer() -> None:
    limiter = RateLimiter()
    limiter.limited(NOW, NOW, 2.0)
    for _ in range(30):
        limiter.limited(NOW + 0.5, NOW + 0.5, 2.0)
    assert limiter.wait(NOW + 0.5) == pytest.approx(1.5)


@pytest.mark.parametrize("per_second", [2.0, 10.0, 200.0])
def test_after_the_pause_calls_start_a_little_slower_than_they_went_through(per_second: float) -> None:
    limiter, now = rate_after_limit(per_second)
    assert 1 / per_second < gap(limiter, now) < 1.6 / per_second


def test_the_rate_falls_with_every_further_limit() -> None:
    limiter, now = rate_after_limit(10.0)
    before = gap(limiter, now)
    now += 1 + limiter.limited(now + 1, now + 1, 1.0)
    assert gap(limiter, now) > before


def test_even_the_slowest_pace_starts_a_call_within_ten_seconds() -> None:
    limiter, now = rate_after_limit(10.0)
    for _ in range(50):
        now += limiter.limited(now, now, 0.0) + 0.01
    assert gap(limiter, now) <= 10


def test_the_rate_grows_again_while_calls_go_through() -> None:
    limiter, now = rate_after_limit(10.0)
    before = gap(limiter, now)
    now = run(limiter, now + before, 10, per_second=8)
    now += max(0.0, limiter.wait(now))
    assert gap(limiter, now) < before


def test_the_rate_grows_slowly() -> None:
    limiter, now = rate_after_limit(10.0)
    before = gap(limiter, now)
    now = run(limiter, now + before, 10, per_second=8)
    now += max(0.0, limiter.wait(now))
    assert gap(limiter, now) > before / 3


@pytest.mark.parametrize(("seconds", "paced"), [(30.0, True), (61.0, False)])
def test_a_minute_without_another_limit_lifts_it(seconds: float, paced: bool) -> None:
    limiter, now = rate_after_limit(2.0)
    limiter.wait(now + seconds)
    assert (gap(limiter, now + seconds) > 0) is paced


def test_a_lifted_limit_can_come_back() -> None:
    limiter, now = rate_after_limit(10.0)
    limiter.wait(now + 61)
    limiter.limited(now + 61, now + 61, 3.0)
    assert limiter.wait(now + 61) == pytest.approx(3.0)


def strays(outcomes: str) -> list[bool]:
    """What each limit is held for, in a row of calls that go through ("+") and limits ("-")."""
    limiter = RateLimiter()
    found: list[bool] = []
    for outcome in outcomes:
        if outcome == "+":
            limiter.succeeded(NOW)
        else:
            found.append(limiter.is_stray())
    return found


@pytest.mark.parametrize(
    ("outcomes", "stray"),
    [
        ("+" * 20 + "-", [True]),
        ("+" * 20 + "---", [True] * 3),
        ("+" * 20 + "----", [True] * 3 + [False]),
        (("+" * 7 + "-") * 20, [True] * 20),
        (("+" * 3 + "-") * 5, [False] * 5),
        ("-" * 4, [False] * 4),
        ("+--", [False] * 2),
    ],
)
def test_fewer_than_a_quarter_of_the_last_calls_that_meet_a_limit_are_chance(outcomes: str, stray: list[bool]) -> None:
    assert strays(outcomes) == stray


def test_no_limit_is_chance_while_another_one_holds() -> None:
    limiter, _ = rate_after_limit(10.0)
    assert not limiter.is_stray()
