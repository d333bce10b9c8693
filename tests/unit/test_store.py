"""What survives a restart, on real SQLite files."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from llm_interactive.llm.client import Reply
from llm_interactive.store.engines import is_away
from llm_interactive.store.store import Answered, Store, fingerprint
from llm_interactive.store.tables import replies

Open = Callable[[], Store]

P, Q = "1.1795372439", "2.1795372439"
REPLY = Reply(("Sarcastic", "Not Sarcastic"), prompt_tokens=7, completion_tokens=3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.db"


@pytest.fixture
def opened(file: Path) -> Iterator[Callable[..., Store]]:
    """Opens stores on one file and closes them at the end."""
    stores: list[Store] = []

    def open_store(reply_ttl: float = 24, path: Path = file) -> Store:
        stores.append(Store(f"sqlite:///{path}", reply_ttl))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Open) -> Store:
    return opened()


def test_a_new_project_has_no_prompt(store: Store) -> None:
    assert store.project(P).prompt("prompt") is None


def test_the_current_prompt_is_the_last_one_saved(store: Store) -> None:
    for text in ("first", "second"):
        store.save_prompts(P, {"prompt": text})
    assert store.project(P).prompt("prompt") == "second"


def test_an_earlier_prompt_can_be_the_current_one_again(store: Store) -> None:
    for text in ("first", "second", "first"):
        store.save_prompts(P, {"prompt": text})
    assert store.project(P).prompt("prompt") == "first"


def test_each_prompt_field_has_its_own_prompt(store: Store) -> None:
    store.save_prompts(P, {"a": "first of a", "b": "first of b"})
    store.save_prompts(P, {"a": "second of a"})
    found = store.project(P)
    assert [found.prompt(field) for field in "abc"] == ["second of a", "first of b", None]


def test_a_prompt_of_no_field_is_that_of_every_field_without_one(store: Store) -> None:
    store.save_prompts(P, {"": "old", "a": "new"})
    found = store.project(P)
    assert (found.prompt("a"), found.prompt("b")) == ("new", "old")


def test_no_prompts_to_save_change_nothing(store: Store) -> None:
    store.save_prompts(P, {"a": "prompt"})
    store.save_prompts(P, {})
    assert store.project(P).prompts == {"a": "prompt"}


def test_projects_are_known_by_id_and_creation(store: Store) -> None:
    store.save_prompts("1.1000", {"prompt": "of the old Label Studio"})
    assert store.project("1.2000").prompt("prompt") is None


@pytest.mark.parametrize("text", ["Grüße 👋\nline two", 'it\'s "quoted" %s :name; DROP TABLE prompts', "x" * 100_000])
def test_a_prompt_comes_back_as_it_was(store: Store, text: str) -> None:
    store.save_prompts(P, {"prompt": text})
    assert store.project(P).prompt("prompt") == text


def test_a_new_project_has_no_params(store: Store) -> None:
    assert store.project(P).params == {}


def test_params_are_replaced_as_a_whole(store: Store) -> None:
    store.save_params(P, {"openai_model": "gpt-4o", "temperature": 0.1})
    store.save_params(P, {"openai_model": "gpt-4"})
    assert store.project(P).params == {"openai_model": "gpt-4"}


def test_versions_are_listed_newest_first(store: Store) -> None:
    for version in ("m/1", "m/2", "m/3"):
        store.save_version(P, version)
    assert store.versions(P) == ["m/3", "m/2", "m/1"]


def test_a_version_that_comes_again_is_the_newest_and_listed_once(store: Store) -> None:
    for version in ("m/1", "m/2", "m/1"):
        store.save_version(P, version)
    assert store.versions(P) == ["m/1", "m/2"]


def test_versions_are_the_projects_own(store: Store) -> None:
    store.save_version(P, "m/1")
    assert store.versions(Q) == []


def test_a_reply_is_found_by_its_key(store: Store) -> None:
    store.save_reply("a", REPLY)
    assert store.replies(["a", "b"]) == {"a": REPLY}


def test_a_reply_that_was_cut_off_is_found_as_one(store: Store) -> None:
    store.save_reply("a", Reply(("half",), cut=True))
    assert store.replies(["a"])["a"].cut


def test_a_reply_of_an_older_release_is_found(store: Store, file: Path) -> None:
    with sqlite3.connect(file) as connection:
        row = ("a", '{"texts": ["old"], "prompt_tokens": 7, "completion_tokens": 3}', time.time())
        connection.execute("INSERT INTO replies (key, reply, created_at) VALUES (?, ?, ?)", row)
    connection.close()
    assert store.replies(["a"]) == {"a": Reply(("old",), 7, 3)}


def test_a_reply_that_nobody_waits_for_is_found_after_the_next_write(store: Store) -> None:
    store.save_reply("a", REPLY, wait=False)
    store.save_reply("b", REPLY)
    assert list(store.replies(["a", "b"])) == ["a", "b"]


def test_a_later_reply_under_the_same_key_replaces_it(store: Store) -> None:
    store.save_reply("a", Reply(("old",)))
    store.save_reply("a", REPLY)
    assert store.replies(["a"]) == {"a": REPLY}


def test_thousands_of_replies_are_found_at_once(store: Store) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: store.save_reply(str(number), Reply((f"r{number}",))), range(2000)))
    found = store.replies(str(number) for number in range(3000))
    assert found == {str(number): Reply((f"r{number}",)) for number in range(2000)}


def test_a_reply_that_a_database_cannot_hold_as_text_does_no_harm(store: Store) -> None:
    store.save_reply("a", Reply(("half a pair \ud83d and a \x00",)))
    store.save_reply("b", REPLY)
    assert store.replies(["b"]) == {"b": REPLY}


def age(file: Path, hours: float) -> None:
    """Make all replies in `file` older."""
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE replies SET created_at = created_at - ?", (hours * 3600,))
    connection.close()


@pytest.mark.parametrize(("hours", "found"), [(1.9, True), (2.1, False)])
def test_a_reply_is_kept_for_its_time_to_live(
    opened: Callable[..., Store], file: Path, hours: float, found: bool
) -> None:
    store = opened(reply_ttl=2)
    store.save_reply("a", REPLY)
    age(file, hours)
    assert ("a" in store.replies(["a"])) is found


def test_no_time_to_live_keeps_no_reply(opened: Callable[..., Store]) -> None:
    opened(reply_ttl=0).save_reply("a", REPLY)
    assert opened(reply_ttl=24).replies(["a"]) == {}


def test_no_time_to_live_reads_no_reply(opened: Callable[..., Store]) -> None:
    opened(reply_ttl=24).save_reply("a", REPLY)
    assert opened(reply_ttl=0).replies(["a"]) == {}


def test_a_task_that_was_never_answered_is_not_known(store: Store) -> None:
    assert store.answered(P, ["1"]) == {}


def test_what_a_task_was_answered_is_remembered_as_hashes(store: Store) -> None:
    store.save_answered(P, {"1": ("prompt", ["a", "b"])})
    assert store.answered(P, ["1", "2"]) == {"1": Answered(fingerprint("prompt"), (fingerprint("a"), fingerprint("b")))}


def test_all_replies_ever_given_to_a_task_are_remembered_with_the_last_prompt(store: Store) -> None:
    store.save_answered(P, {"1": ("first prompt", ["a"])})
    store.save_answered(P, {"1": ("second prompt", ["b"])})
    assert store.answered(P, ["1"])["1"] == Answered(fingerprint("second prompt"), (fingerprint("a"), fingerprint("b")))


def test_what_the_caller_has_just_read_need_not_be_read_again(store: Store) -> None:
    store.save_answered(P, {"1": ("prompt", ["a"])}, before={"1": Answered("x", (fingerprint("z"),))})
    assert store.answered(P, ["1"])["1"].replies == (fingerprint("z"), fingerprint("a"))


def test_the_same_reply_is_remembered_once(store: Store) -> None:
    for _ in range(2):
        store.save_answered(P, {"1": ("prompt", ["a", " a\n"])})
    assert store.answered(P, ["1"])["1"].replies == (fingerprint("a"),)


def test_of_very_many_replies_to_a_task_the_last_are_remembered(store: Store) -> None:
    for number in range(70):
        store.save_answered(P, {"1": ("prompt", [str(number)])})
    replies = store.answered(P, ["1"])["1"].replies
    assert (len(replies) < 70, replies[-1]) == (True, fingerprint("69"))


def test_prompts_that_were_used_become_the_projects_with_the_answer(store: Store) -> None:
    store.save_prompts(P, {"a": "old", "b": "kept"})
    store.save_answered(P, {"1": ("prompt", ["x"])}, {}, {"a": "new"})
    assert store.project(P).prompts == {"a": "new", "b": "kept"}


def test_an_answer_alone_makes_no_prompt_the_projects(store: Store) -> None:
    store.save_answered(P, {"1": ("prompt", ["x"])})
    assert store.project(P).prompts == {}


def test_answers_are_the_projects_own(store: Store) -> None:
    store.save_answered(P, {"1": ("prompt", ["a"])})
    assert store.answered(Q, ["1"]) == {}


def test_neither_prompt_nor_reply_of_an_answer_stands_in_the_file(store: Store, file: Path) -> None:
    store.save_answered(P, {"1": ("a private prompt", ["a private reply"])})
    written = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert b"private" not in written


def test_a_text_is_known_again_whatever_space_surrounds_it() -> None:
    assert fingerprint(" text\n") == fingerprint("text") != fingerprint("Text")


def test_everything_survives_a_restart(opened: Open) -> None:
    before = opened()
    before.save_prompts(P, {"prompt": "prompt"})
    before.save_params(P, {"temperature": 0.1})
    before.save_version(P, "m/1")
    before.save_reply("a", REPLY)
    before.save_answered(P, {"1": ("prompt", ["a"])})
    before.close()
    after = opened()
    kept = (
        after.project(P).prompt("prompt"),
        after.project(P).params,
        after.versions(P),
        after.replies(["a"]),
        list(after.answered(P, ["1"])),
    )
    assert kept == ("prompt", {"temperature": 0.1}, ["m/1"], {"a": REPLY}, ["1"])


@pytest.fixture
def old_release(file: Path) -> Path:
    """A database as a release made it when a project could have one prompt field only."""
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        connection.executescript(
            """
            CREATE TABLE prompts (
                id INTEGER NOT NULL, project TEXT NOT NULL, text TEXT NOT NULL, created_at FLOAT NOT NULL,
                PRIMARY KEY (id)
            );
            CREATE INDEX ix_prompts_project ON prompts (project);
            INSERT INTO prompts (project, text, created_at) VALUES ('1.1795372439', 'first', 1);
            INSERT INTO prompts (project, text, created_at) VALUES ('2.1795372439', 'Q', 2);
            INSERT INTO prompts (project, text, created_at) VALUES ('1.1795372439', 'of the old release', 3);
            """
        )
    connection.close()
    return file


def test_the_prompt_of_an_older_release_is_that_of_every_field(opened: Open, old_release: Path) -> None:
    store = opened()
    found = [store.project(project).prompt(field) for project in (P, Q) for field in ("prompt", "summary-prompt")]
    assert (found, store.failure) == (["of the old release"] * 2 + ["Q"] * 2, None)


def test_a_prompt_goes_before_that_of_an_older_release(opened: Open, old_release: Path) -> None:
    opened().save_prompts(P, {"prompt": "new"})
    found = opened().project(P)
    assert (found.prompt("prompt"), found.prompt("summary-prompt")) == ("new", "of the old release")


def test_many_stores_can_be_made_on_an_old_file_at_once(opened: Open, old_release: Path) -> None:
    together = threading.Barrier(8)

    def open_and_read(_: int) -> tuple[str | None, str | None]:
        together.wait()
        store = opened()
        return store.failure, store.project(P).prompt("prompt")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_and_read, range(8))) == {(None, "of the old release")}


def test_a_release_before_it_can_still_read_and_write_the_file(opened: Open, old_release: Path) -> None:
    opened().close()
    with sqlite3.connect(old_release) as connection:
        connection.execute("INSERT INTO prompts (project, text, created_at) VALUES (?, 'back again', 4)", (P,))
    connection.close()
    assert opened().project(P).prompt("prompt") == "back again"


def test_two_stores_on_one_file_see_each_others_writes_at_once(opened: Open) -> None:
    one, other = opened(), opened()
    seen: list[str | None] = []
    for number in range(20):
        writer, reader = (one, other) if number % 2 else (other, one)
        writer.save_prompts(P, {"prompt": f"prompt {number}"})
        seen.append(reader.project(P).prompt("prompt"))
    assert seen == [f"prompt {number}" for number in range(20)]


def test_two_stores_on_one_file_write_at_the_same_time(opened: Open) -> None:
    stores = [opened(), opened()]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: stores[n % 2].save_reply(str(n), REPLY), range(400)))
    assert len(stores[0].replies(map(str, range(400)))) == 400


def test_many_stores_can_be_made_on_one_new_file_at_once(opened: Open) -> None:
    together = threading.Barrier(8)

    def open_and_write(number: int) -> tuple[str | None, str | None]:
        together.wait()
        store = opened()
        failure = store.failure
        store.save_prompts(str(number), {"prompt": "prompt"})
        return failure, store.project(str(number)).prompt("prompt")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_and_write, range(8))) == {(None, "prompt")}


def test_a_new_file_that_another_process_is_making_is_waited_for(
    opened: Open, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses WAL mode at once, and does not wait, while the other one is about to write."""
    file.parent.mkdir()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE first (id INTEGER)")
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("llm_interactive.store.engines.time.sleep", lambda _: other.rollback())
        assert opened().failure is None
        assert not other.in_transaction


def test_only_its_owner_may_read_the_files(store: Store, file: Path) -> None:
    store.save_prompts(P, {"prompt": "private"})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_files_that_others_could_read_are_made_private(opened: Open, file: Path) -> None:
    opened().close()
    file.chmod(0o644)
    opened()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_healthy_database_has_no_failure(store: Store) -> None:
    store.save_prompts(P, {"prompt": "prompt"})
    assert store.failure is None


@contextmanager
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Another program is writing and does not come to an end."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.execute("COMMIT")


@pytest.fixture(params=["no-database", "a-folder", "no-folder"])
def broken(request: pytest.FixtureRequest, opened: Callable[..., Store], tmp_path: Path) -> Store:
    """A store whose database cannot be written."""
    path = tmp_path / "broken"
    if request.param == "no-database":
        path.write_bytes(b"this is no database" * 1000)
    elif request.param == "a-folder":
        path.mkdir()
    else:
        path.write_text("in the way of a folder")
        path = path / "store.db"
    return opened(path=path)


def test_a_broken_database_fails_no_write(broken: Store) -> None:
    broken.save_prompts(P, {"prompt": "prompt"})
    broken.save_params(P, {"temperature": 0.1})
    broken.save_version(P, "m/1")
    broken.save_reply("a", REPLY)
    broken.save_answered(P, {"1": ("prompt", ["a"])})
    assert broken.failure


def test_a_broken_database_fails_no_read(broken: Store) -> None:
    found = (
        broken.project(P).prompt("prompt"),
        broken.project(P).params,
        broken.versions(P),
        broken.replies(["a"]),
        broken.answered(P, ["1"]),
    )
    assert found == (None, {}, [], {}, {})


def test_a_write_that_failed_is_told_and_made_when_the_database_is_back(store: Store, file: Path) -> None:
    with locked(file):
        store.save_reply("a", REPLY)
        failed = store.failure
    store.close()  # waits for what is not written yet
    assert (failed is not None, store.failure) == (True, None)
    assert Store(f"sqlite:///{file}", reply_ttl=24).replies(["a"]) == {"a": REPLY}


def test_a_store_that_is_closed_does_not_say_that_it_keeps_something(store: Store) -> None:
    store.close()
    assert not store.database.write({replies: [{"key": "a"}]})


def test_a_reply_that_cannot_be_written_yet_is_found_all_the_same(store: Store, file: Path) -> None:
    with locked(file):
        store.save_reply("a", REPLY)
        found = store.replies(["a", "b"])
    assert found == {"a": REPLY}


def test_nobody_waits_for_a_database_that_another_program_has_locked(store: Store, file: Path) -> None:
    with locked(file):
        for number in range(100):
            store.save_reply(str(number), REPLY)
        store.save_prompts(P, {"prompt": "typed meanwhile"})
        seen = store.project(P).prompt("prompt")
    store.close()
    assert seen == "typed meanwhile"
    assert len(Store(f"sqlite:///{file}", reply_ttl=24).replies(map(str, range(100)))) == 100


def test_the_store_is_well_again_only_when_all_that_was_kept_is_written(store: Store, file: Path) -> None:
    with locked(file) as other:
        for number in range(1200):
            store.save_reply(str(number), REPLY)
    give_up = time.monotonic() + 30
    while store.failure is not None and time.monotonic() < give_up:
        time.sleep(0.001)
    written = other.execute("SELECT count(*) FROM replies").fetchone()
    other.close()
    assert (store.failure, written) == (None, (1200,))


def test_the_prompts_known_last_hold_while_the_database_is_away(store: Store, file: Path) -> None:
    store.save_prompts(P, {"a": "A", "b": "B"})
    store.project(P)
    with locked(file):
        store.save_prompts(P, {"a": "typed meanwhile"})
        found = store.project(P)
    assert found.prompts == {"a": "typed meanwhile", "b": "B"}


def test_a_database_that_comes_up_after_the_start_is_used(opened: Callable[..., Store], tmp_path: Path) -> None:
    in_the_way = tmp_path / "late"
    in_the_way.write_text("in the way of a folder")
    store = opened(path=in_the_way / "store.db")
    in_the_way.unlink()
    in_the_way.mkdir()
    store.save_prompts(P, {"prompt": "prompt"})
    assert store.project(P).prompt("prompt") == "prompt"


def ends(work: Callable[[], None]) -> bool:
    """Whether `work` ends at all."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=2)
    return not thread.is_alive()


def test_a_write_after_the_end_waits_for_nobody(store: Store) -> None:
    store.close()
    assert ends(lambda: store.save_reply("a", REPLY))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_text_that_no_database_can_hold_does_not_stop_the_store(store: Store) -> None:
    def work() -> None:
        store.save_prompts(P, {"prompt": "half a pair \ud83d"})
        store.save_prompts(Q, {"prompt": "prompt"})

    assert ends(work)
    assert store.project(Q).prompt("prompt") == "prompt"


def delete(file: Path) -> None:
    """Remove the database's files, as a mistaken cleaning does."""
    for path in file.parent.iterdir():
        path.unlink()


def test_a_file_that_was_deleted_is_made_again_private_and_complete(opened: Open, file: Path) -> None:
    store, other = opened(), opened()
    store.save_prompts(P, {"prompt": "before"})
    other.save_prompts(Q, {"prompt": "before"})
    delete(file)
    store.save_prompts(P, {"prompt": "after"})
    other.save_reply("a", REPLY)
    assert (store.project(P).prompts, store.project(Q).prompts) == ({"prompt": "after"}, {})
    assert list(store.replies(["a"])) == ["a"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}
    assert store.failure is None


def test_that_the_file_was_deleted_is_told(store: Store, file: Path) -> None:
    store.save_prompts(P, {"prompt": "before"})
    delete(file)
    store.save_prompts(P, {"prompt": "after"})
    assert store.losses == ("The database's file was deleted or replaced while the backend ran: what it held is lost.",)


def test_a_folder_that_was_deleted_is_made_again(store: Store, file: Path) -> None:
    store.save_prompts(P, {"prompt": "before"})
    shutil.rmtree(file.parent)
    store.save_prompts(P, {"prompt": "after"})
    assert (store.project(P).prompts, store.failure) == ({"prompt": "after"}, None)


def test_a_store_beside_another_does_not_cost_that_one_its_locks(opened: Open, file: Path) -> None:
    """Closing any descriptor of a file drops the process's locks; another program's end then takes its journal away."""
    store = opened()
    store.save_prompts(P, {"prompt": "Judge."})
    opened()
    program = f"import sqlite3; sqlite3.connect({str(file)!r}).execute('PRAGMA user_version').fetchall()"
    subprocess.run([sys.executable, "-c", program], check=True)
    store.save_prompts(P, {"prompt": "again"})
    with closing(sqlite3.connect(file)) as connection:
        assert ("again",) in connection.execute("SELECT text FROM prompts").fetchall()


@pytest.mark.parametrize(
    ("error", "away"),
    [
        *((psycopg.errors.lookup(state)(), True) for state in ("08006", "25006", "40P01", "53100", "53300", "57P01")),
        *((psycopg.errors.lookup(state)(), False) for state in ("22001", "23505", "42703", "42P01", "54000", "XX000")),
        (psycopg.OperationalError("connection failed"), True),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), False),
    ],
    ids=lambda value: getattr(value, "sqlstate", None) or str(value),
)
def test_only_a_database_that_nobody_could_write_counts_as_away(error: psycopg.Error, away: bool) -> None:
    wrapped = sa.exc.DBAPIError.instance("INSERT", {}, error, psycopg.Error)
    assert is_away(wrapped) is away
