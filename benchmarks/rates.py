"""How much of a provider's rate limit is used, without losing a task."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.bodies import batch, named_results, names
from benchmarks.figures import Row
from benchmarks.llm import Behaviour, Call
from benchmarks.programs import Backend, LoopbackLLM
from benchmarks.sizes import Sizes
from benchmarks.web import Answer

_LONG = "1800"
_CONCURRENCY = 32


def rate_limits(sizes: Sizes, folder: Path) -> list[Row]:
    """A batch against each kind of limit, both at the same time: they cost hardly any CPU."""
    rate = sizes.limit_per_minute / 60
    bucket_tasks = names("bucket", sizes.bucket_tasks)
    window_tasks = names("window", sizes.window_tasks)
    with contextlib.ExitStack() as stack:
        bucket, window = stack.enter_context(LoopbackLLM()), stack.enter_context(LoopbackLLM())
        one = stack.enter_context(Backend(bucket, folder / "bucket", PREDICT_DEADLINE=_LONG))
        other = stack.enter_context(Backend(window, folder / "window", PREDICT_DEADLINE=_LONG))
        bucket.behave(Behaviour(latency=sizes.limit_latency, bucket=(rate, rate)))
        per_window = round(rate * sizes.limit_window)
        window.behave(Behaviour(latency=sizes.limit_latency, window=(per_window, sizes.limit_window)))
        with ThreadPoolExecutor(2) as pool:
            of_bucket = pool.submit(one.predict, batch(bucket_tasks), 240)
            of_window = pool.submit(other.predict, batch(window_tasks), 240)
            bucket_answer, window_answer = of_bucket.result(), of_window.result()
        bucket_calls, window_calls = bucket.calls(), window.calls()
    return [
        _bucket_row(sizes, bucket_answer, bucket_tasks, bucket_calls),
        _window_row(sizes, window_answer, window_tasks, window_calls),
    ]


def _bucket_row(sizes: Sizes, answer: Answer, tasks: list[str], calls: list[Call]) -> Row:
    rate = sizes.limit_per_minute / 60
    passed = [call.arrived for call in calls if call.status == 200]
    begin = passed[0] + sizes.limit_settle
    # The last tasks in flight leave nothing to pace.
    end = passed[-_CONCURRENCY]
    share = sum(begin <= at < end for at in passed) / ((end - begin) * rate)
    ideal = (len(tasks) - rate) / rate + sizes.limit_latency
    lost = len(tasks) - named_results(answer.body, tasks)
    return _row(
        "token bucket without Retry-After",
        sizes,
        share,
        lost,
        f"over {end - begin:.0f} s after the first {sizes.limit_settle:.0f} s, bucket of {rate:.0f}; "
        f"{_refused(calls)}; {len(tasks):,} tasks in {answer.seconds:.0f} s, ideal {ideal:.0f} s",
        _errors(answer),
    )


def _window_row(sizes: Sizes, answer: Answer, tasks: list[str], calls: list[Call]) -> Row:
    limit = round(sizes.limit_per_minute / 60 * sizes.limit_window)
    start = calls[0].arrived
    used = [0] * (int((calls[-1].arrived - start) / sizes.limit_window) + 1)
    for call in calls:
        if call.status == 200:
            used[int((call.arrived - start) / sizes.limit_window)] += 1
    # All windows but the last, which has too few tasks left.
    share = sum(used[:-1]) / (limit * len(used[:-1])) if len(used) > 1 else 0.0
    lost = len(tasks) - named_results(answer.body, tasks)
    rest = len(tasks) % limit / _CONCURRENCY * sizes.limit_latency
    ideal = len(tasks) // limit * sizes.limit_window + rest
    return _row(
        "fixed window with Retry-After",
        sizes,
        share,
        lost,
        f"windows of {sizes.limit_window:g} s: {', '.join(map(str, used))} of {limit}; {_refused(calls)}; "
        f"{len(tasks):,} tasks in {answer.seconds:.0f} s, ideal {ideal:.0f} s",
        _errors(answer),
    )


def _row(kind: str, sizes: Sizes, share: float, lost: int, note: str, errors: str) -> Row:
    return Row(
        f"{sizes.limit_per_minute:,} requests a minute, {kind}",
        f"{share:.0%} used, {lost} lost",
        "≥ 85 %, 0 lost",
        share >= 0.85 and lost == 0,
        note + errors,
        {"share": share, "lost": lost},
    )


def _refused(calls: list[Call]) -> str:
    refused = sum(call.status == 429 for call in calls)
    return f"{refused} calls refused ({refused / len(calls):.0%})"


def _errors(answer: Answer) -> str:
    errors = {entry["error"] for entry in json.loads(answer.body)["results"] if "error" in entry}
    return "".join(f"; “{error}”" for error in sorted(errors))
