"""Replicas over one PostgreSQL: as one backend to all who ask, whichever of them is asked."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from llm_interactive.store.database import Database
from llm_interactive.store.engines import PATIENCE, engine_of
from llm_interactive.store.schema import Migrations, SchemaError, upgrade
from llm_interactive.store.store import Store
from llm_interactive.store.tables import MIGRATIONS, metadata
from testing.llm import Call, FakeLLM, Reply
from tests.postgresql import PASSWORD, PostgreSQL, answer_of, edited, own_tasks, programs, replicas_over, version
from tests.server.bodies import batch, submitted, task, texts, typed
from tests.server.process import Backend
from tests.server.test_batch import until

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed: apt-get install postgresql")

ODD_TEXTS = {
    "nul": "before\x00after",
    "half-a-pair": "half \ud83d a pair",
    "other-half": "\udc4b and the other half",
    "emoji": "👋🏽 👨‍👩‍👧",
    "noncharacter": "\ufffe\uffff\U0010ffff",
    "escape": "\\u0000 \\ud83d",
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as running:
        yield running


@pytest.fixture(scope="module")
def replicas(
    server: PostgreSQL, shared_llm: FakeLLM, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Backend]]:
    """Two backends of one worker each and one of two, over one database."""
    folder = tmp_path_factory.mktemp("replicas")
    with replicas_over(server.new_database(), shared_llm, folder, [1, 1, 2]) as running:
        yield running


@pytest.fixture
def llm(shared_llm: FakeLLM) -> FakeLLM:
    """The replicas' LLM, with nothing recorded and "OK" as its reply."""
    shared_llm.forget()
    shared_llm.answer = "OK"
    return shared_llm


def is_well(running: Backend) -> bool:
    """Whether a backend has nothing to complain of; what it could not write while the database was away is written."""
    health: object = answer_of(running, "/health")
    return health == {"status": "UP"}


def all_workers(replicas: Sequence[Backend]) -> list[Backend]:
    """The replicas, one of several workers so often that each of them answers once in all likelihood."""
    return [*replicas[:2], *[replicas[2]] * 8]


def test_replicas_started_at_the_same_moment_come_up_on_an_empty_database(
    server: PostgreSQL, replicas: list[Backend]
) -> None:
    assert [answer_of(running, "/health") for running in replicas] == [{"status": "UP"}] * 3
    made = server.execute("database_1", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {name for (name,) in made} == {*metadata.tables, "schema_version"}
    assert not [line for running in replicas for line in running.log.splitlines() if "database" in line]


@pytest.mark.parametrize("turns", [[0, 1], [2]], ids=["two-replicas", "two-workers-of-one"])
def test_a_prompt_saved_through_one_is_used_by_the_other_in_the_next_request(
    replicas: list[Backend], llm: FakeLLM, turns: list[int]
) -> None:
    used = []
    for turn in range(40):
        saving, asked = replicas[turns[turn % len(turns)]], replicas[turns[(turn + 1) % len(turns)]]
        if turn % 4 < 2:
            saving.results(typed(f"Judge {turn}.", about=task(turn)))
        else:
            saving.request("POST", "/webhook", submitted(f"Judge {turn}."))
        [entry] = asked.results(batch([task(1000 + turn)]))
        used += texts(entry, "prompt")
    assert used == [f"Judge {turn}." for turn in range(40)]


def test_setup_names_the_same_version_everywhere_and_predictions_carry_it(
    replicas: list[Backend], llm: FakeLLM
) -> None:
    seen = set()
    for number, saving in enumerate(replicas):
        saving.results(typed(f"Judge the version {number}.", project="5.1"))
        [told] = {version(running, "5.1") for running in all_workers(replicas)}
        [given] = {
            running.results(batch([task(10)], project="5.1"))[0]["model_version"] for running in all_workers(replicas)
        }
        assert told == given
        seen.add(told)
    assert len(seen) == len(replicas)


def test_what_a_project_chose_through_one_holds_for_all(replicas: list[Backend], llm: FakeLLM) -> None:
    version(replicas[0], "6.1", extra_params={"model": "chosen"})
    for number, running in enumerate(all_workers(replicas)):
        running.results(batch([task(number)], project="6.1"))
    assert {call.json["model"] for call in llm.calls} == {"chosen"}


def test_replies_paid_through_one_are_served_by_all(replicas: list[Backend], llm: FakeLLM) -> None:
    asked = batch(own_tasks(100, "shared"), project="8.1")
    bought = replicas[0].results(asked)
    for running in all_workers(replicas):
        assert [texts(entry) for entry in running.results(asked)] == [texts(entry) for entry in bought]
    assert len(llm.calls) == 100


def test_a_reply_to_an_annotator_through_one_is_served_to_a_batch_by_the_other(
    replicas: list[Backend], llm: FakeLLM
) -> None:
    for turn, about in enumerate(own_tasks(20, "shown")):
        replicas[turn % 2].results(typed("Judge.", about=about, project="9.1"))
        replicas[1 - turn % 2].results(batch([about], project="9.1"))
    assert len(llm.calls) == 20


def test_a_burst_through_all_replicas_finds_the_prompt_every_time(replicas: list[Backend], llm: FakeLLM) -> None:
    replicas[0].results(typed("Judge the burst.", project="11.1"))
    with ThreadPoolExecutor(96) as pool:
        turns = [(replicas[number % 3], batch([task(number)], project="11.1")) for number in range(192)]
        entries = list(pool.map(lambda turn: turn[0].results(turn[1])[0], turns))
    assert Counter(prompt for entry in entries for prompt in texts(entry, "prompt")) == {"Judge the burst.": 192}


def test_an_edit_of_what_one_answered_is_known_by_the_other(replicas: list[Backend], llm: FakeLLM) -> None:
    shown, retrieved = own_tasks(2, "edited")
    replicas[0].results(typed("Judge.", about=shown, project="12.1"))
    replicas[0].results(batch([retrieved], project="12.1"))
    for running in all_workers(replicas):
        for about in (shown, retrieved):
            assert running.results(edited(about, "12.1"))[0]["result"] == []
    assert len(llm.calls) == 2


def test_asking_again_through_the_other_is_no_edit(replicas: list[Backend], llm: FakeLLM) -> None:
    llm.queue("first", "second")
    replicas[0].results(typed("Judge.", about=task(10), project="13.1"))
    assert texts(replicas[1].results(edited(task(10), "13.1", response="first"))[0]) == ["second"]


def test_what_a_killed_replica_paid_for_is_served_by_the_other(
    server: PostgreSQL, llm: FakeLLM, tmp_path: Path
) -> None:
    replied, hanging = set[str](), set[str]()
    changed = threading.Condition()

    def twenty_then_none(call: Call) -> Reply:
        with changed:
            hang = len(replied) >= 20
            (hanging if hang else replied).add(call.prompt)
            changed.notify_all()
            return Reply(texts=["OK"], hang=hang)

    llm.answer = twenty_then_none
    asked = batch(own_tasks(80, "killed"))
    with replicas_over(server.new_database(), llm, tmp_path, [1, 1]) as (killed, other), ThreadPoolExecutor(1) as pool:
        lost = pool.submit(killed.results, asked)
        with changed:
            assert changed.wait_for(lambda: len(hanging) == 32, timeout=20)
        killed.kill()
        assert lost.exception() is not None
        llm.release()
        llm.answer = "OK"
        assert all("result" in entry for entry in other.results(asked))
    paid = Counter(call.prompt for call in llm.calls)
    assert len(paid) == 80
    assert {prompt for prompt, times in paid.items() if times > 1} == hanging


def test_without_the_database_predictions_go_on_and_health_says_so_until_it_is_back(
    server: PostgreSQL, replicas: list[Backend], llm: FakeLLM
) -> None:
    two = replicas[:2]
    two[0].results(typed("Judge well.", project="14.1"))
    before = version(two[0], "14.1")
    with server.stopped():
        for number, running in enumerate(two):
            assert texts(running.results(typed("Judge now.", about=task(number), project="14.1"))[0]) == ["OK"]
            assert all(texts(entry) == ["OK"] for entry in running.results(batch(own_tasks(50, "down"))))
            health = answer_of(running, "/health")
            assert health["status"] == "UP"
            assert health["database"] == "connection failed", "and no word of where it is"
            assert health["database"] in answer_of(running, "/status")["problems"][0]
            assert PASSWORD not in json.dumps(health) + running.log
    # What was typed meanwhile is kept.
    until(lambda: before not in (seen := [version(running, "14.1") for running in two]) and len(set(seen)) == 1)
    until(lambda: all(is_well(running) for running in two))
    two[0].results(typed("Judge again.", project="14.1"))
    assert texts(two[1].results(batch([task(10)], project="14.1"))[0], "prompt") == ["Judge again."]


def test_a_database_that_goes_away_in_the_middle_of_a_batch_costs_no_task(
    server: PostgreSQL, replicas: list[Backend], llm: FakeLLM
) -> None:
    llm.answer = Reply(texts=["OK"], hang=True)
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(replicas[0].results, batch(own_tasks(60, "in the middle"), project="15.1"))
        llm.wait_for_calls(31)
        with server.stopped():
            llm.release()
            assert all(texts(entry) == ["OK"] for entry in under_way.result())
    assert len(llm.calls) == 60


@pytest.mark.parametrize("place", ["prompt", "response", "task", "task-id", "project"])
@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_odd_texts_are_no_failure(replicas: list[Backend], llm: FakeLLM, text: str, place: str) -> None:
    body = {
        "prompt": typed(f"Judge {text}.", project="16.1"),
        "response": edited(task(10), "16.2", response=text),
        "task": batch([task(10, f"about {text}")], project="16.3"),
        "task-id": batch([{**task(10), "id": f"task {text}"}], project="16.4"),
        "project": typed("Judge.", project=f"16.5 {text}"),
    }[place]
    for running in replicas[:2]:
        assert "result" in running.results(body)[0]
        until(partial(is_well, running))


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_an_odd_reply_is_stored_and_served_by_the_other(replicas: list[Backend], llm: FakeLLM, text: str) -> None:
    llm.answer = f"said: {text}"
    asked = batch([task(10, f"an odd reply {text!a}")], project="17.1")
    assert texts(replicas[0].results(asked)[0]) == texts(replicas[1].results(asked)[0])
    assert len(llm.calls) == 1
    until(partial(is_well, replicas[0]))


def test_an_odd_model_is_no_failure(replicas: list[Backend], llm: FakeLLM) -> None:
    assert len({version(running, "18.1", extra_params={"model": "m\x00"}) for running in replicas}) == 1
    until(partial(is_well, replicas[0]))


def test_many_stores_make_the_tables_of_one_empty_database_at_once(server: PostgreSQL) -> None:
    for _ in range(3):
        url, together = server.new_database(), threading.Barrier(8)

        def open_one(_: int, url: str = url, together: threading.Barrier = together) -> str | None:
            together.wait()
            store = Store(url, reply_ttl=24)
            store.close()
            return store.failure

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(open_one, range(8))) == {None}


def bring_up(url: str, migrations: Migrations = MIGRATIONS) -> None:
    """Upgrade a database as the start does."""
    engine = engine_of(url, patience=60)
    upgrade(engine, migrations)
    engine.dispose()


def test_many_that_start_together_upgrade_a_database_of_an_older_release_once(server: PostgreSQL) -> None:
    url, together = server.new_database(), threading.Barrier(8)
    bring_up(url)
    name = url.rpartition("/")[2]
    for statement in (
        "DROP TABLE schema_version, leases",
        "ALTER TABLE prompts DROP COLUMN field",
        "INSERT INTO prompts (project, text, created_at) VALUES ('1.1', 'of the old release', 1)",
    ):
        server.execute(name, statement)

    def open_one(_: int) -> tuple[str | None, str | None]:
        together.wait()
        store = Store(url, reply_ttl=24)
        found = store.project("1.1").prompt("prompt")
        store.close()
        return store.failure, found

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_one, range(8))) == {(None, "of the old release")}
    assert server.execute(name, "SELECT version FROM schema_version") == [(len(MIGRATIONS),)]


def test_a_migration_may_take_longer_than_anybody_waits_for_an_answer(server: PostgreSQL) -> None:
    url = server.new_database()
    name = url.rpartition("/")[2]
    slow = sa.Table("slow", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    server.execute(name, "CREATE TABLE slow (id integer PRIMARY KEY)")
    with psycopg.connect(url.replace("+psycopg", "")) as other, ThreadPoolExecutor(1) as pool:
        other.execute("LOCK TABLE slow")
        slow.append_column(sa.Column("added", sa.Text))
        upgraded = pool.submit(bring_up, url, [(slow.c.added,)])
        other.execute("SELECT pg_sleep(%s)", [PATIENCE + 1])
        other.commit()
        upgraded.result()
    assert server.execute(name, "SELECT version FROM schema_version") == [(1,)]


def test_a_database_of_a_newer_release_is_refused(server: PostgreSQL) -> None:
    url = server.new_database()
    bring_up(url, [*MIGRATIONS, ()])
    with pytest.raises(SchemaError, match="newer release"):
        Store(url, reply_ttl=24)


def test_two_stores_note_the_same_tasks_in_opposite_order(server: PostgreSQL) -> None:
    url = server.new_database()
    one, other = Store(url, reply_ttl=24), Store(url, reply_ttl=24)
    order = [str(number) for number in range(1000)]

    def note(store: Store, order: list[str], reply: str) -> str | None:
        store.save_answered("1.1", {task: ("Judge.", [reply]) for task in order})
        return store.failure

    with ThreadPoolExecutor(2) as pool:
        failures = [
            failure for _ in range(4) for failure in pool.map(note, (one, other), (order, order[::-1]), ("a", "b"))
        ]
    one.close()
    other.close()
    assert failures == [None] * 8


def test_two_stores_under_load_leave_each_other_connections(server: PostgreSQL) -> None:
    url = server.new_database()
    stores = [Store(url, reply_ttl=24) for _ in range(2)]
    stores[0].save_prompts("1.1", {"prompt": "Judge."})
    with ThreadPoolExecutor(144) as pool:
        found = Counter(pool.map(lambda number: stores[number % 2].project("1.1").prompt("prompt"), range(2000)))
    for store in stores:
        store.close()
    assert found == {"Judge.": 2000}


def test_who_waits_for_a_connection_in_use_is_not_told_that_the_database_is_away(server: PostgreSQL) -> None:
    url = server.new_database()
    database = Database(url, ())
    slow = sa.select(sa.literal("Judge.")).where(sa.func.pg_sleep(0.7).is_not(None))
    with ThreadPoolExecutor(75) as pool:
        found = Counter(pool.map(lambda _: database.value(slow), range(75)))
    database.close()
    assert found == {"Judge.": 75}


def test_a_frozen_database_is_given_up_before_label_studio_gives_up_setup(server: PostgreSQL) -> None:
    store = Store(server.new_database(), reply_ttl=24)
    store.save_prompts("1.1", {"prompt": "Judge."})
    reading = threading.Thread(target=store.project, args=["1.1"])
    with server.frozen():
        reading.start()
        reading.join(timeout=3)
        waits = reading.is_alive()
    reading.join()
    store.close()
    assert not waits


@pytest.mark.parametrize("turns", [[0, 1], [2, 2]], ids=["two-replicas", "two-workers-of-one"])
def test_the_same_batch_through_two_at_once_is_bought_once(
    replicas: list[Backend], llm: FakeLLM, turns: list[int]
) -> None:
    asked = batch(own_tasks(200, f"at once {turns}"), project="19.1")
    for _ in range(4):
        with ThreadPoolExecutor(4) as pool:
            for entries in pool.map(lambda number: replicas[number].results(asked), turns * 2):
                assert all(texts(entry) == ["OK"] for entry in entries)
    assert len(llm.calls) == 200


def test_a_call_that_fails_at_one_is_made_by_the_other(replicas: list[Backend], llm: FakeLLM) -> None:
    llm.answer = Reply(status=400)
    asked = batch(own_tasks(5, "failing"), project="20.1")
    assert all("error" in entry for entry in replicas[0].results(asked))
    llm.answer = "OK"
    assert all(texts(entry) == ["OK"] for entry in replicas[1].results(asked))
