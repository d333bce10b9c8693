"""Many calls at once, on real threads. Timeouts here only end a test that would hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from llm_interactive.deadline import NEVER, Deadline
from llm_interactive.errors import (
    AccountError,
    BackendError,
    DeadlineError,
    LeasedError,
    RateLimitError,
    RejectedError,
    TransientLLMError,
)
from llm_interactive.llm.client import Reply
from llm_interactive.llm.dispatcher import Dispatcher
from llm_interactive.llm.turns import Ask, Queue

HANG = 5.0
HOUR = 3600.0
LATER = Deadline.after(HOUR)


@pytest.fixture
def dispatcher() -> Iterator[Callable[[int], Dispatcher]]:
    """Makes dispatchers and closes them at the end."""
    made: list[Dispatcher] = []

    def make(max_concurrency: int) -> Dispatcher:
        made.append(Dispatcher(max_concurrency))
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[[int], Dispatcher]


class Calls:
    """Makes asks that note, in order, that they were called."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def ask(self, name: str, *outcomes: BackendError) -> Ask:
        """Fails with `outcomes` one after the other, then replies with its name."""
        left = list(outcomes)

        def ask(deadline: Deadline) -> Reply:
            self.made.append(name)
            if left:
                raise left.pop(0)
            return Reply((name,))

        return ask


class Gate:
    """An ask that holds its thread until it is opened."""

    def __init__(self, then: BackendError | None = None) -> None:
        self._entered = threading.Event()
        self._opened = threading.Event()
        self._then = then

    def __call__(self, deadline: Deadline) -> Reply:
        self._entered.set()
        assert self._opened.wait(HANG)
        if self._then:
            raise self._then
        return Reply(("gate",))

    def entered(self) -> None:
        """Wait until a thread is held."""
        assert self._entered.wait(HANG)

    def open(self) -> None:
        self._opened.set()


def held(dispatcher: Dispatcher) -> Gate:
    """A gate that holds one thread of `dispatcher`."""
    gate = Gate()
    dispatcher.submit([(None, gate)], Queue(), deadline=LATER)
    gate.entered()
    return gate


def text(future: Future[Reply]) -> str:
    return future.result(HANG).texts[0]


def error(future: Future[Reply]) -> BaseException | None:
    return future.exception(HANG)


def test_replies_come_in_the_order_of_the_calls(dispatcher: Make) -> None:
    calls, names = Calls(), [str(number) for number in range(100)]
    futures = dispatcher(8).submit([(None, calls.ask(name)) for name in names], Queue(), deadline=LATER)
    assert [text(future) for future in futures] == names


def test_no_calls_are_no_futures(dispatcher: Make) -> None:
    assert dispatcher(2).submit([], Queue(), deadline=LATER) == []


@pytest.mark.parametrize("limit", [1, 3, 16])
def test_never_more_calls_are_made_at_once_than_allowed(dispatcher: Make, limit: int) -> None:
    lock, full, active, peak = threading.Lock(), threading.Event(), 0, 0

    def ask(deadline: Deadline) -> Reply:
        nonlocal active, peak
        with lock:
            active += 1
            peak = max(peak, active)
            if active == limit:
                full.set()
        assert full.wait(HANG)  # all of them are in use before the first one ends
        with lock:
            active -= 1
        return Reply(("x",))

    limited = dispatcher(limit)
    futures = [f for _ in range(4) for f in limited.submit([(None, ask)] * 20, Queue(), deadline=LATER)]
    futures += limited.submit([(None, ask)] * 20, Queue(urgent=True), deadline=LATER)
    for future in futures:
        text(future)
    assert peak == limit


def test_ten_thousand_calls_do_not_make_ten_thousand_threads(dispatcher: Make) -> None:
    before = threading.active_count()
    limited = dispatcher(8)
    gate = held(limited)
    futures = limited.submit([(None, gate)] * 10_000, Queue(), deadline=LATER)
    during = threading.active_count()
    gate.open()
    assert {text(future) for future in futures} == {"gate"}
    assert during - before <= 8


def test_an_interactive_call_goes_before_a_batch_that_waits(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    gate = held(one)
    batch = one.submit([(None, calls.ask("batch"))] * 3, Queue(), deadline=LATER)
    one.submit([(None, calls.ask("interactive"))], Queue(urgent=True), deadline=LATER)
    gate.open()
    text(batch[-1])
    assert calls.made == ["interactive", "batch", "batch", "batch"]


def test_people_at_work_do_not_wait_for_a_batchs_calls_to_end(dispatcher: Make) -> None:
    many, calls = dispatcher(32), Calls()
    [first] = many.submit([(None, calls.ask("first"))], Queue(urgent=True), deadline=LATER)
    text(first)
    gates = [Gate() for _ in range(50)]
    batch = many.submit([(None, gate) for gate in gates], Queue(), deadline=LATER)
    for gate in gates[:31]:
        gate.entered()
    [second] = many.submit([(None, calls.ask("second"))], Queue(urgent=True), deadline=LATER)
    assert text(second) == "second"
    for gate in gates:
        gate.open()
    assert [text(future) for future in batch] == ["gate"] * 50


def test_a_batch_alone_has_all_threads(dispatcher: Make) -> None:
    gates = [Gate() for _ in range(8)]
    batch = dispatcher(8).submit([(None, gate) for gate in gates], Queue(), deadline=LATER)
    for gate in gates:
        gate.entered()
        gate.open()
    assert [text(future) for future in batch] == ["gate"] * 8


def test_interactive_calls_keep_their_order(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    gate = held(one)
    futures = [f for n in "abc" for f in one.submit([(None, calls.ask(n))], Queue(urgent=True), deadline=LATER)]
    gate.open()
    text(futures[-1])
    assert calls.made == ["a", "b", "c"]


def test_two_batches_take_turns(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    gate = held(one)
    first = one.submit([(None, calls.ask("first"))] * 4, Queue(), deadline=LATER)
    second = one.submit([(None, calls.ask("second"))] * 4, Queue(), deadline=LATER)
    gate.open()
    for future in [*first, *second]:
        text(future)
    assert calls.made == ["first", "second"] * 4


def test_a_small_batch_does_not_wait_for_a_large_one_before_it(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    gate = held(one)
    large = one.submit([(None, calls.ask("large"))] * 500, Queue(), deadline=LATER)
    [small] = one.submit([(None, calls.ask("small"))], Queue(), deadline=LATER)
    gate.open()
    text(small)
    text(large[-1])
    assert calls.made.index("small") <= 1


def test_a_key_that_is_under_way_in_the_same_batch_is_called_once(dispatcher: Make) -> None:
    calls = Calls()
    futures = dispatcher(4).submit([("key", calls.ask("a")), ("key", calls.ask("b"))], Queue(), deadline=LATER)
    assert ([text(future) for future in futures], calls.made) == (["a", "a"], ["a"])


def test_a_key_that_is_under_way_in_another_batch_is_called_once(dispatcher: Make) -> None:
    two, gate, calls = dispatcher(2), Gate(), Calls()
    [first] = two.submit([("key", gate)], Queue(), deadline=LATER)
    gate.entered()
    [second] = two.submit([("key", calls.ask("again"))], Queue(), deadline=LATER)
    gate.open()
    assert (text(first), text(second), calls.made) == ("gate", "gate", [])


def test_a_key_that_is_done_is_called_again(dispatcher: Make) -> None:
    two, calls = dispatcher(2), Calls()
    for _ in range(2):
        [future] = two.submit([("key", calls.ask("a"))], Queue(), deadline=LATER)
        text(future)
    assert calls.made == ["a", "a"]


def test_a_key_whose_call_failed_is_called_again(dispatcher: Make) -> None:
    two, calls = dispatcher(2), Calls()
    [failed] = two.submit([("key", calls.ask("a", RejectedError("No.")))], Queue(), deadline=LATER)
    assert isinstance(error(failed), RejectedError)
    [future] = two.submit([("key", calls.ask("b"))], Queue(), deadline=LATER)
    assert text(future) == "b"


def test_calls_without_a_key_are_all_made(dispatcher: Make) -> None:
    calls = Calls()
    for future in dispatcher(2).submit([(None, calls.ask("a"))] * 3, Queue(), deadline=LATER):
        text(future)
    assert calls.made == ["a", "a", "a"]


@pytest.mark.parametrize("failure", [TransientLLMError("Again."), RateLimitError("Slower.", retry_after=0)])
def test_what_failed_for_a_moment_is_tried_again_and_succeeds(dispatcher: Make, failure: BackendError) -> None:
    calls = Calls()
    [future] = dispatcher(1).submit([(None, calls.ask("a", failure))], Queue(), deadline=LATER)
    assert (text(future), calls.made) == ("a", ["a", "a"])


def test_no_thread_waits_for_a_call_that_is_to_be_tried_again(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    failure = TransientLLMError("In half an hour.", retry_after=HOUR / 2)
    [_, other] = one.submit([(None, calls.ask("a", failure)), (None, calls.ask("b"))], Queue(), deadline=LATER)
    assert text(other) == "b"


@pytest.mark.parametrize("kind", [TransientLLMError, RateLimitError])
def test_a_call_that_cannot_be_tried_again_in_time_ends_with_what_it_met(
    dispatcher: Make, kind: type[TransientLLMError]
) -> None:
    failure = kind("Come back later.", retry_after=30)
    [future] = dispatcher(1).submit([(None, Calls().ask("a", failure))], Queue(), deadline=Deadline.after(HANG))
    assert error(future) is failure


def limited(calls: Calls, count: int) -> list[tuple[str | None, Ask]]:
    """Calls that meet a rate limit of half an hour."""
    limit = RateLimitError("Half an hour.", retry_after=HOUR / 2)
    return [(None, calls.ask("limited", limit)) for _ in range(count)]


def test_a_rate_limit_pauses_all_calls(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    [*_, other] = one.submit([*limited(calls, 4), (None, calls.ask("b"))], Queue("gpt-4o"), deadline=LATER)
    with pytest.raises(TimeoutError):
        other.result(timeout=0.1)


def test_a_rate_limit_of_one_model_does_not_pause_another_ones_calls(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    [*_, same] = one.submit([*limited(calls, 4), (None, calls.ask("a"))], Queue("gpt-4o"), deadline=LATER)
    [other] = one.submit([(None, calls.ask("b"))], Queue("gpt-4.1"), deadline=LATER)
    assert (text(other), same.done()) == ("b", False)


def test_a_rate_limit_among_many_calls_that_go_through_pauses_only_the_one_that_met_it(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    asks = [*[(None, calls.ask("a"))] * 20, *limited(calls, 1), (None, calls.ask("b"))]
    [*_, met, last] = one.submit(asks, Queue("gpt-4o"), deadline=LATER)
    assert (text(last), met.done()) == ("b", False)


def test_a_request_that_was_rejected_is_not_sent_again(dispatcher: Make) -> None:
    calls, rejected = Calls(), RejectedError("Too long.")
    [bad, good] = dispatcher(1).submit(
        [(None, calls.ask("a", rejected)), (None, calls.ask("b"))], Queue(), deadline=LATER
    )
    assert (error(bad), text(good), calls.made) == (rejected, "b", ["a", "b"])


def test_an_account_error_stops_the_batch_without_further_calls(dispatcher: Make) -> None:
    calls, refused = Calls(), AccountError("The key is wrong.")
    asks = [(None, calls.ask("a", refused)), *[(None, calls.ask("b"))] * 1000]
    futures = dispatcher(1).submit(asks, Queue(), deadline=LATER)
    assert {error(future) for future in futures} == {refused}
    assert calls.made == ["a"]


def test_an_account_error_of_one_batch_is_not_another_ones(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    gate = held(one)
    one.submit([(None, calls.ask("a", AccountError("No such model.")))] * 2, Queue(), deadline=LATER)
    [other] = one.submit([(None, calls.ask("other"))], Queue(), deadline=LATER)
    gate.open()
    assert text(other) == "other"


@pytest.mark.parametrize(
    "pausing",
    [
        TransientLLMError("In half an hour.", retry_after=HOUR / 2),
        RateLimitError("In half an hour.", retry_after=HOUR / 2),
    ],
)
def test_an_account_error_stops_the_batch_even_while_calls_pause(dispatcher: Make, pausing: BackendError) -> None:
    two, calls, refused = dispatcher(2), Calls(), AccountError("The key is wrong.")
    gate, met = Gate(then=refused), threading.Event()

    def ask(deadline: Deadline) -> Reply:
        met.set()
        raise pausing

    asks: list[tuple[str | None, Ask]] = [(None, gate), (None, ask), *[(None, calls.ask("b"))] * 10]
    futures = two.submit(asks, Queue(), deadline=LATER)
    gate.entered()
    assert met.wait(HANG)
    gate.open()
    assert {error(future) for future in [futures[0], futures[1]]} == {refused}


def test_a_call_under_way_when_its_batch_stops_is_not_tried_again(dispatcher: Make) -> None:
    two, refused = dispatcher(2), AccountError("The key is wrong.")
    first, second = Gate(then=refused), Gate(then=TransientLLMError("In half an hour.", retry_after=HOUR / 2))
    futures = two.submit([(None, first), (None, second)], Queue(), deadline=LATER)
    second.entered()
    first.open()
    error(futures[0])
    second.open()
    assert isinstance(error(futures[1]), BackendError)


def test_a_call_whose_time_is_up_is_not_made(dispatcher: Make) -> None:
    calls = Calls()
    [future] = dispatcher(1).submit([(None, calls.ask("a"))], Queue(), deadline=Deadline.after(0))
    assert (type(error(future)), calls.made) == (DeadlineError, [])


def test_a_call_is_told_when_it_must_end(dispatcher: Make) -> None:
    at = Deadline.after(60)
    told: list[Deadline] = []

    def ask(deadline: Deadline) -> Reply:
        told.append(deadline)
        return Reply(("x",))

    [future] = dispatcher(1).submit([(None, ask)], Queue(), deadline=at)
    text(future)
    assert told == [at]


def test_a_call_may_have_all_the_time_there_is(dispatcher: Make) -> None:
    calls = Calls()
    [future] = dispatcher(1).submit([(None, calls.ask("a", TransientLLMError("Again.")))], Queue(), deadline=NEVER)
    assert text(future) == "a"


def test_a_batch_knows_why_its_last_attempt_failed_until_one_succeeds(dispatcher: Make) -> None:
    one, calls, queue = dispatcher(1), Calls(), Queue()
    failure = TransientLLMError("In half an hour.", retry_after=HOUR / 2)
    one.submit([(None, calls.ask("a", failure))], queue, deadline=LATER)
    [other] = one.submit([(None, calls.ask("b"))], Queue(), deadline=LATER)
    text(other)
    during = queue.trouble
    [same] = one.submit([(None, calls.ask("c"))], queue, deadline=LATER)
    text(same)
    assert (during, queue.trouble) == (failure, None)


def test_a_call_that_breaks_ends_without_telling_its_insides(dispatcher: Make) -> None:
    def ask(deadline: Deadline) -> Reply:
        raise ValueError("an inside with a sk-key")

    [future] = dispatcher(1).submit([(None, ask)], Queue(), deadline=LATER)
    broken = error(future)
    assert isinstance(broken, BackendError)
    assert "inside" not in broken.message


def test_a_call_that_breaks_stops_no_other(dispatcher: Make) -> None:
    def ask(deadline: Deadline) -> Reply:
        raise ValueError("broken")

    [*_, last] = dispatcher(1).submit([(None, ask), (None, ask), (None, Calls().ask("a"))], Queue(), deadline=LATER)
    assert text(last) == "a"


def test_closing_ends_the_calls_that_wait(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    gate = held(one)
    waiting = one.submit([("key", calls.ask("a")), (None, calls.ask("b"))], Queue(), deadline=LATER)
    waiting += one.submit([(None, calls.ask("c"))], Queue(urgent=True), deadline=LATER)
    one.close()
    ended = {type(error(future)) for future in waiting}
    gate.open()
    assert (ended, calls.made) == ({DeadlineError}, [])


def test_closing_ends_a_call_that_is_to_be_tried_again(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    failure = TransientLLMError("In half an hour.", retry_after=HOUR / 2)
    [paused, done] = one.submit([(None, calls.ask("a", failure)), (None, calls.ask("b"))], Queue(), deadline=LATER)
    text(done)
    one.close()
    assert isinstance(error(paused), BackendError)


def test_a_call_that_is_being_made_may_end_after_closing(dispatcher: Make) -> None:
    one, gate = dispatcher(1), Gate()
    [future] = one.submit([(None, gate)], Queue(), deadline=LATER)
    gate.entered()
    one.close()
    gate.open()
    assert text(future) == "gate"


def test_after_closing_no_call_is_made(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    one.close()
    futures = one.submit([(None, calls.ask("a")), ("key", calls.ask("b"))], Queue(), deadline=LATER)
    assert ([type(error(future)) for future in futures], calls.made) == ([DeadlineError] * 2, [])


def test_closing_twice_is_no_harm(dispatcher: Make) -> None:
    one = dispatcher(1)
    one.close()
    one.close()


def test_calls_that_join_a_broken_queue_are_not_made(dispatcher: Make) -> None:
    one, calls, queue = dispatcher(1), Calls(), Queue()
    [first] = one.submit([(None, calls.ask("a", AccountError("No such model.")))], queue, deadline=LATER)
    told = error(first)
    [second] = one.submit([(None, calls.ask("b"))], queue, deadline=LATER)
    assert error(second) is told
    assert calls.made == ["a"]


def test_calls_that_join_a_queue_have_no_more_turns_than_one_queue(dispatcher: Make) -> None:
    one, calls, large = dispatcher(1), Calls(), Queue()
    gate = held(one)
    joined = [one.submit([(None, calls.ask("large"))], large, deadline=LATER)[0] for _ in range(20)]
    small = one.submit([(None, calls.ask("small"))] * 3, Queue(), deadline=LATER)
    gate.open()
    for future in [*joined, *small]:
        text(future)
    assert calls.made[:6].count("small") == 3


def test_a_call_that_another_process_makes_waits_for_it_without_a_thread(dispatcher: Make) -> None:
    one, calls = dispatcher(1), Calls()
    waiting, other = one.submit(
        [(None, calls.ask("a", *[LeasedError("Another process asks.")] * 3)), (None, calls.ask("b"))],
        Queue(),
        deadline=LATER,
    )
    assert text(other) == "b"
    assert text(waiting) == "a"
    assert calls.made == ["a", "b", "a", "a", "a"]
