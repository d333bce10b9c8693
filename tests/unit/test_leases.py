"""Who buys a reply when several processes want it, on a real SQLite file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from llm_interactive.llm.client import Reply
from llm_interactive.store.leases import Leases, LeasesAhead
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


def takes(process: Leases, key: str) -> bool:
    return process.take([key])[key].is_mine


def test_what_one_has_taken_no_other_gets_until_it_is_free(join: Join) -> None:
    one, other = join(), join()
    taken = [takes(one, "a"), takes(other, "a"), takes(other, "b"), takes(one, "b")]
    one.free("a")
    assert [*taken, takes(one, "c"), takes(other, "a")] == [True, False, True, False, True, True]


def test_a_lease_can_be_taken_again_by_its_owner(join: Join) -> None:
    one = join()
    assert [takes(one, "a"), takes(one, "a")] == [True, True]


def test_nobody_else_can_free_a_lease(join: Join) -> None:
    one, other = join(), join()
    one.take(["a"])
    other.free("a")
    assert not takes(other, "a")


def test_of_several_each_gets_what_no_other_has(join: Join) -> None:
    one, other = join(), join()
    one.take(["b", "d"])
    assert [lease.is_mine for lease in other.take(["a", "b", "c", "d"]).values()] == [True, False, True, False]


def test_a_lease_tells_of_a_reply_that_is_bought(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", reply_ttl=24)
    store.save_reply("a", Reply(("text",)))
    leases = Leases(store.database)
    assert {key: lease.is_bought for key, lease in leases.take(["a", "b"]).items()} == {"a": True, "b": False}
    leases.close()
    store.close()


def test_each_of_many_is_taken_by_one_of_those_who_want_it_at_once(join: Join) -> None:
    processes = [join() for _ in range(3)]
    keys = [str(number) for number in range(60)]
    with ThreadPoolExecutor(24) as pool:
        taken = list(pool.map(lambda wish: takes(*wish), [(process, key) for key in keys for process in processes]))
    assert [sum(taken[3 * number : 3 * number + 3]) for number in range(len(keys))] == [1] * len(keys)


def test_the_lease_of_a_process_that_was_killed_lapses(join: Join) -> None:
    with at(-LEASE_SECONDS - 1):
        join().take(["a"])
    assert takes(join(), "a")


@pytest.mark.parametrize("jump", [3600, 86_400 * 365])
def test_a_lease_made_by_a_clock_that_was_ahead_binds_nobody(join: Join, jump: float) -> None:
    with at(jump):
        join().take(["a"])
    assert takes(join(), "a")


def test_a_database_that_is_away_holds_nobody_back(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}", reply_ttl=24)
    leases = Leases(store.database)
    assert takes(leases, "a")
    leases.close()
    store.close()


def test_the_first_of_several_calls_takes_the_leases_of_all(join: Join) -> None:
    one, other = join(), join()
    ahead = LeasesAhead(one, ["a", "b"])
    assert ahead.take("a").is_mine
    assert [takes(other, "b"), ahead.take("b").is_mine] == [False, True]


def test_of_several_calls_at_once_each_has_its_lease(join: Join) -> None:
    keys = [str(number) for number in range(16)]
    ahead = LeasesAhead(join(), keys)
    with ThreadPoolExecutor(16) as pool:
        assert all(lease.is_mine for lease in pool.map(ahead.take, keys))


def failed() -> Future[Reply]:
    future: Future[Reply] = Future()
    future.set_exception(TimeoutError())
    return future


def test_a_call_that_failed_holds_no_lease(join: Join) -> None:
    one, other = join(), join()
    ahead = LeasesAhead(one, ["a", "b", "c"])
    ahead.over("a", failed())  # it was dropped before any of them was made
    ahead.take("b")
    assert [takes(other, "a"), takes(other, "c")] == [True, False]
    ahead.over("c", failed())
    one.take(["d"])  # committed together
    assert takes(other, "c")


def test_the_lease_of_a_reply_that_is_there_lapses(join: Join) -> None:
    one, other = join(), join()
    ahead = LeasesAhead(one, ["a"])
    ahead.take("a")
    ended: Future[Reply] = Future()
    ended.set_result(Reply(("text",)))
    ahead.over("a", ended)
    with at(LEASE_SECONDS + 1):
        assert takes(other, "a")


def test_a_call_that_comes_again_asks_anew(join: Join) -> None:
    one, other = join(), join()
    ahead = LeasesAhead(one, ["a"])
    other.take(["a"])
    before = ahead.take("a").is_mine
    other.free("a")
    other.take(["b"])  # committed together
    assert [before, ahead.take("a").is_mine] == [False, True]


def test_a_call_that_is_made_much_later_than_the_first_looks_for_the_reply_again(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", reply_ttl=24)
    leases = Leases(store.database)
    ahead = LeasesAhead(leases, ["a", "b"])
    ahead.take("a")
    store.save_reply("b", Reply(("text",)))
    with mock.patch("time.monotonic", return_value=time.monotonic() + 5):
        assert ahead.take("b").is_bought
    leases.close()
    store.close()
