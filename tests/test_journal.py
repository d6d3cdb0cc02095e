"""The journal: append-only, chained, in the order of the commits, on both engines."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import text

from nrm import journal
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def write(here: Town, count: int = 5) -> None:
    for number in range(count):
        with here.database.transaction("iemand") as tx:
            tx.record("thing.done", f"thing:{number}", "places", number=number, word="één")


def faults(here: Town, head: tuple[int, str] | None = None) -> list[str]:
    with here.database.reading() as tx:
        return list(journal.faults(tx.session, head))


def head(here: Town) -> tuple[int, str]:
    with here.database.reading() as tx:
        (entry,) = journal.after(tx.session, journal.last_seq(tx.session) - 1, 1)
        return entry.seq, entry.hash


def tamper(here: Town, statement: str) -> None:
    """Change the journal as somebody with the database in hands could: past its triggers."""
    with here.database.transaction() as tx:
        if here.database.postgresql:
            tx.session.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        else:
            for act in ("update", "delete"):
                tx.session.execute(text(f"DROP TRIGGER IF EXISTS journal_no_{act}"))
        tx.session.execute(text(statement))


@pytest.mark.parametrize(
    "act", ["UPDATE journal SET kind = 'x'", "DELETE FROM journal", "UPDATE journal SET data = '{}' WHERE seq = 1"]
)
def test_it_is_append_only(here: Town, act: str) -> None:
    write(here, 1)
    with pytest.raises(Exception, match="append-only"), here.database.transaction() as tx:
        tx.session.execute(text(act))
    assert faults(here) == []


def test_truncating_is_refused(postgresql_url: str) -> None:
    made = town(postgresql_url)
    with pytest.raises(Exception, match="append-only"), made.database.transaction() as tx:
        tx.session.execute(text("TRUNCATE journal"))
    made.database.close()


def test_an_honest_chain_has_no_faults(here: Town) -> None:
    write(here)
    assert faults(here, head(here)) == []


@pytest.mark.parametrize("column", ["kind", "topics", "subject", "actor", "data", "prev_hash", "hash"])
def test_an_altered_field_is_found(here: Town, column: str) -> None:
    write(here)
    seq, _ = head(here)
    tamper(here, f"UPDATE journal SET {column} = '{{}}' WHERE seq = {seq - 2}")  # noqa: S608
    assert any(str(seq - 2) in fault for fault in faults(here))


def test_an_altered_moment_is_found(here: Town) -> None:
    write(here)
    seq, _ = head(here)
    tamper(here, f"UPDATE journal SET at = '2020-01-01 00:00:00.000000' WHERE seq = {seq - 1}")  # noqa: S608
    assert faults(here) == [f"entry {seq - 1} was altered"]


def test_a_deleted_entry_is_found(here: Town) -> None:
    write(here)
    seq, _ = head(here)
    tamper(here, f"DELETE FROM journal WHERE seq = {seq - 2}")  # noqa: S608
    assert f"entry {seq - 2} is missing" in faults(here)


def test_two_entries_that_changed_places_are_found(here: Town) -> None:
    write(here)
    seq, _ = head(here)
    tamper(here, f"UPDATE journal SET seq = 9000 WHERE seq = {seq - 1}")  # noqa: S608
    tamper(here, f"UPDATE journal SET seq = {seq - 1} WHERE seq = {seq - 2}")  # noqa: S608
    tamper(here, f"UPDATE journal SET seq = {seq - 2} WHERE seq = 9000")  # noqa: S608
    assert faults(here)


def test_a_cut_tail_is_found_by_the_head_kept_elsewhere(here: Town) -> None:
    write(here)
    kept = head(here)
    tamper(here, f"DELETE FROM journal WHERE seq = {kept[0]}")  # noqa: S608
    assert faults(here) == [], "the rest is a chain too"
    assert faults(here, kept) == [f"the entry that was head at {kept[0]} is gone or different"]


def test_whoever_has_seen_a_number_has_missed_nothing_below_it(here: Town) -> None:
    """Four writers, while a reader keeps asking for what follows the last it saw."""
    start = head(here)[0]
    writing = threading.Event()
    seen: list[int] = []

    def reader() -> None:
        seq = start
        while writing.is_set() or seq < journal_end(here):
            with here.database.reading() as tx:
                for entry in journal.after(tx.session, seq, 500):
                    seen.append(entry.seq)
                    seq = entry.seq

    def writer(name: int) -> None:
        for number in range(15):
            with here.database.transaction(f"writer-{name}") as tx:
                for part in range(1 + number % 3):
                    tx.record("thing.done", f"thing:{name}-{number}-{part}", "places")

    writing.set()
    with ThreadPoolExecutor(5) as pool:
        reading = pool.submit(reader)
        writers = [pool.submit(writer, name) for name in range(4)]
        try:
            for one in writers:
                one.result()
        finally:
            writing.clear()
        reading.result(timeout=30)
    assert seen == list(range(start + 1, start + 1 + 4 * 30))
    assert faults(here) == []


def journal_end(here: Town) -> int:
    with here.database.reading() as tx:
        return journal.last_seq(tx.session)


def test_the_order_of_numbers_is_the_order_of_commits(postgresql_url: str) -> None:
    """Only PostgreSQL has two write transactions open at once.

    Who got a number first has committed first, also when the work before it took longer.
    """
    here = town(postgresql_url)
    order: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def slow() -> None:
        with here.database.transaction("slow") as tx:
            begun.set()
            go.wait(10)
            tx.record("thing.done", "thing:slow", "places")
        order.append("slow")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow)
        begun.wait(10)
        with here.database.transaction("fast") as tx:
            tx.record("thing.done", "thing:fast", "places")
        order.append("fast")
        go.set()
        waiting.result(timeout=20)
    with here.database.reading() as tx:
        entries = journal.after(tx.session, journal.last_seq(tx.session) - 2, 2)
    assert [entry.subject for entry in entries] == ["thing:fast", "thing:slow"]
    assert order == ["fast", "slow"]
    assert all(later.prev_hash == earlier.hash for earlier, later in pairwise(entries))
    here.database.close()


def test_of_subject_gives_the_newest_oldest_first(here: Town) -> None:
    for number in range(5):
        with here.database.transaction() as tx:
            tx.record("thing.done", "thing:1", "places", number=number)
    with here.database.reading() as tx:
        data = [entry.data for entry in journal.of_subject(tx.session, "thing:1", limit=3)]
    assert data == ['{"number":2}', '{"number":3}', '{"number":4}']
