"""Who buys a reply when several processes want it, on a real SQLite file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from llm_interactive.store.leases import Leases
from llm_interactive.store.store import Store
from llm_interactive.store.tables import LEASE_SECONDS

Join = Callable[[], Leases]


@pytest.fixture
def join(tmp_path: Path) -> Iterator[Join]:
    """Makes the leases of one more process over one database."""
    processes: list[tuple[Store, Leases]] = []

    def one_more() -> Leases:
        store = Store(f"sqlite:///{tmp_path / 'store.db'}", reply_ttl=24)
        processes.append((store, Leases(store.database)))
        return processes[-1][1]

    yield one_more
    for store, leases in processes:
        leases.close()
        store.close()


def at(seconds: float) -> mock._patch[mock.Mock]:
    """The clock on the wall `seconds` from now."""
    return mock.patch("time.time", return_value=time.time() + seconds)


def test_what_one_has_taken_no_other_gets_until_it_is_free(join: Join) -> None:
    one, other = join(), join()
    taken = [one.take("a"), other.take("a"), other.take("b"), one.take("b")]
    one.free("a")
    assert [*taken, other.take("a")] == [True, False, True, False, True]


def test_a_lease_can_be_taken_again_by_its_owner(join: Join) -> None:
    one = join()
    assert [one.take("a"), one.take("a")] == [True, True]


def test_nobody_else_can_free_a_lease(join: Join) -> None:
    one, other = join(), join()
    one.take("a")
    other.free("a")
    assert not other.take("a")


def test_each_of_many_is_taken_by_one_of_those_who_want_it_at_once(join: Join) -> None:
    processes = [join() for _ in range(3)]
    keys = [str(number) for number in range(60)]
    with ThreadPoolExecutor(24) as pool:
        wishes = [(process, key) for key in keys for process in processes]
        taken = list(pool.map(lambda wish: wish[0].take(wish[1]), wishes))
    assert [sum(taken[3 * number : 3 * number + 3]) for number in range(len(keys))] == [1] * len(keys)


def test_the_lease_of_a_process_that_was_killed_lapses(join: Join) -> None:
    with at(-LEASE_SECONDS - 1):
        join().take("a")
    assert join().take("a")


@pytest.mark.parametrize("jump", [3600, 86_400 * 365])
def test_a_lease_made_by_a_clock_that_was_ahead_binds_nobody(join: Join, jump: float) -> None:
    with at(jump):
        join().take("a")
    assert join().take("a")


def test_a_database_that_is_away_holds_nobody_back(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}", reply_ttl=24)
    leases = Leases(store.database)
    assert leases.take("a")
    leases.close()
    store.close()
