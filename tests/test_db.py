"""Transactions: nothing answered before it is committed, nothing lost between writers, one shape on both engines."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, text, update
from sqlalchemy.exc import OperationalError, StatementError
from sqlmodel import col

from nrm import db, journal
from nrm.db import Database, migrate
from nrm.errors import Conflict
from nrm.intake.models import PlacementRequest
from nrm.placing import service as placing
from nrm.registry.models import Location
from nrm.tables import metadata
from tests import statements
from tests.api.client import api, problem
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


@pytest.mark.parametrize("key", [None, "een-sleutel"])
def test_a_commit_that_fails_is_no_201(here: Town, key: str | None) -> None:
    """FastAPI runs what stands after a `yield` when the answer is out already: then this would be a 201."""
    actor = here.coordinator()
    with api(here, raise_server_exceptions=False) as calls:
        caller = calls.caller(actor.name)

        def full(_connection: object) -> None:
            raise OperationalError("COMMIT", None, OSError("disk full"))

        event.listen(here.database.engine, "commit", full)
        body = {"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}]}
        answer = caller.call("POST", "/requests", body, key)
        event.remove(here.database.engine, "commit", full)
        assert (answer.status_code, problem(answer)["code"]) == (503, "database_busy")
        assert caller.get("/requests") == []
        assert caller.call("POST", "/requests", body, key).status_code == 201


def test_a_database_nobody_connected_to_first_hinders_no_other(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What tests share of the engines is what the first that was connected learned, not the first that was made."""
    monkeypatch.setattr(statements, "_DIALECTS", {})
    unused, used = Database(postgresql_url), Database(postgresql_url)
    with used.reading() as tx:
        assert journal.last_seq(tx.session) >= 0
    later = Database(postgresql_url)
    assert later.engine.dialect is used.engine.dialect is not unused.engine.dialect
    used.close()


def test_what_raises_leaves_nothing(here: Town) -> None:
    before = last(here)
    with pytest.raises(LookupError), here.database.transaction() as tx:  # noqa: PT012 - the block is what is tested
        tx.session.execute(text("UPDATE region SET name = 'elders'"))
        tx.record("region.renamed", "region:all", "places")
        raise LookupError
    with here.database.reading() as tx:
        assert tx.session.execute(text("SELECT count(*) FROM region WHERE name = 'elders'")).scalar_one() == 0
    assert last(here) == before


def last(here: Town) -> int:
    with here.database.reading() as tx:
        return journal.last_seq(tx.session)


def test_nobody_is_told_of_what_was_not_committed(here: Town) -> None:
    told: list[bool] = []
    here.database.on_commit(lambda: told.append(True))
    with pytest.raises(LookupError), here.database.transaction() as tx:  # noqa: PT012
        tx.record("nothing.happened", "nothing:1", "places")
        raise LookupError
    assert told == []
    with here.database.transaction():
        pass
    assert told == [], "nothing was recorded"
    with here.database.transaction() as tx:
        tx.record("something.happened", "something:1", "places")
    assert told == [True]


def test_two_writers_lose_no_update(here: Town) -> None:
    """Read, decide, write, through the row's lock: two processes' worth of threads, 40 increments, 40 counted."""
    here.provider()
    location_id = here.location()
    start = version(here, location_id)

    other = Database(here.database.url, clock=here.clock)

    def increment(number: int) -> None:
        with (here.database, other)[number % 2].transaction() as tx:
            found = placing.registry.location(tx, location_id, for_update=True)
            found.version += 1
            tx.session.add(found)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(40)))
    other.close()
    assert version(here, location_id) == start + 40


def version(here: Town, location_id: str) -> int:
    with here.database.reading() as tx:
        return tx.session.get_one(Location, location_id).version


def test_of_two_guarded_changes_one_wins(here: Town) -> None:
    actor = here.coordinator()
    request_id = here.request(actor)

    def close(outcome: str) -> str:
        try:
            with here.database.transaction() as tx:
                tx.guarded(
                    update(PlacementRequest)
                    .where(col(PlacementRequest.id) == request_id, col(PlacementRequest.version) == 1)
                    .values(version=2, outcome=outcome),
                    Conflict("changed_meanwhile"),
                )
        except Conflict as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(close, ["withdrawn", "refused"])) == ["changed_meanwhile", "done"]


def test_a_guarded_update_refuses_anything_but_one_row(here: Town) -> None:
    for where in ("code = 'VR99'", "1 = 1"):
        with pytest.raises(Conflict, match="not_one"), here.database.transaction() as tx:
            tx.guarded(text(f"UPDATE region SET name = 'x' WHERE {where}"), Conflict("not_one"))  # noqa: S608


def test_reading_writes_nothing(here: Town) -> None:
    with here.database.reading() as tx, pytest.raises(Exception, match=r"read-?only"):
        tx.session.execute(text("UPDATE region SET name = 'x'"))
    with here.database.transaction() as tx:
        assert tx.session.execute(text("SELECT count(*) FROM region WHERE name = 'x'")).scalar_one() == 0


def test_reading_is_one_snapshot(here: Town) -> None:
    with here.database.reading() as tx:
        before = tx.session.execute(text("SELECT count(*) FROM region")).scalar_one()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_empty_regions, here).result()
        assert tx.session.execute(text("SELECT count(*) FROM region")).scalar_one() == before


def _empty_regions(here: Town) -> None:
    with here.database.transaction() as tx:
        tx.session.execute(text("UPDATE municipality SET region_code = 'VR01'"))
        tx.session.execute(text("DELETE FROM region WHERE code <> 'VR01'"))


def test_a_naive_datetime_is_refused(here: Town) -> None:
    naive = datetime(2026, 11, 21, 22, 40)  # noqa: DTZ001 - that it is refused is the point
    with pytest.raises(StatementError, match="naive"), here.database.transaction() as tx:
        tx.session.execute(update(PlacementRequest).values(deadline_at=naive))


def test_instants_come_back_in_utc(here: Town) -> None:
    request_id = here.request(here.coordinator())
    with here.database.reading() as tx:
        found = tx.session.get_one(PlacementRequest, request_id)
        assert found.created_at == here.clock.at
        assert found.created_at.utcoffset() == here.clock.at.utcoffset()


def test_migrations_have_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(db.Path(db.__file__).parent / "migrations"))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_models_and_migrations_say_the_same(database_url: str) -> None:
    database = Database(database_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        connection.exec_driver_sql("ALTER TABLE unit ADD COLUMN planted INTEGER")
        assert compare_metadata(context, metadata) != [], "a planted difference is seen"
    database.close()


def test_migrating_twice_is_once(empty_database_url: str) -> None:
    migrate(empty_database_url)
    migrate(empty_database_url)


def test_two_processes_migrate_at_once(empty_database_url: str) -> None:
    code = f"from nrm.db import migrate; migrate({empty_database_url!r})"
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    database = Database(empty_database_url)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()
