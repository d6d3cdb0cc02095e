"""Who watches the watch: beats per step, a ping only while all is well, figures for this machine, a doctor in words."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select
from starlette.testclient import TestClient

from nrm.db import Database
from nrm.escalation.models import Alarm, Escalation, Heartbeat
from nrm.insight.counting import counted_at
from nrm.journal import JournalEntry
from nrm.settings import Settings
from nrm.watch import queries, service
from nrm.watch.doctor import Finding, Level, examine
from nrm.watch.rules import Figures, Trouble, silent, troubles
from nrm.worker import PART, STEPS, Worker, parts
from tests.builders import SATURDAY_NIGHT, Town, town
from tests.site import Visitor, application, tick

NOW = SATURDAY_NIGHT
PINGS = Settings(deadman_url="http://127.0.0.1:9/ping")


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.duty_officer()
    yield made
    made.database.close()


@pytest.mark.parametrize("seconds", [-61, 61, 3600])
def test_who_is_silent(seconds: int) -> None:
    assert silent(NOW - timedelta(seconds=seconds), NOW)
    assert not silent(NOW - timedelta(seconds=60), NOW)
    assert silent(None, NOW)


def test_every_kind_of_trouble_is_found_and_a_well_system_has_none() -> None:
    well = Figures({"worker": NOW, "worker:match": NOW})
    names = ("worker", "worker:match")
    assert troubles(well, names, NOW) == []
    just = timedelta(seconds=1)
    assert troubles(Figures(well.beats, NOW - just, NOW - just, NOW - just), names, NOW) == []
    late = Figures({"worker": NOW}, *(NOW - timedelta(minutes=4) for _ in range(3)))
    assert {trouble for trouble, _ in troubles(late, names, NOW)} == set(Trouble) - {Trouble.PART_SILENT}
    assert troubles(well, names, NOW + timedelta(minutes=2)) == [
        (Trouble.PART_SILENT, "worker"),
        (Trouble.PART_SILENT, "worker:match"),
    ]


class Broken(Worker):
    """A worker of which one step fails."""

    def _match(self) -> None:
        raise RuntimeError("planted")


def pinging(here: Town, worker: type[Worker] = Worker) -> tuple[Worker, list[str]]:
    made = worker(here.database, PINGS, {})
    heard: list[str] = []
    made._deadman = service.Deadman("ping", parts(), timedelta(seconds=60), heard.append)
    return made, heard


def test_each_step_beats_for_itself(here: Town) -> None:
    worker, _ = pinging(here, Broken)
    assert not worker.tick()
    with here.database.reading() as tx:
        beats = queries.figures(tx).beats
    steps = {part for part in beats if part.startswith(PART)}
    assert steps == {f"{PART}:{name}" for name in STEPS} - {f"{PART}:match"}


def test_the_ping_goes_while_all_is_well_and_not_more_often(here: Town) -> None:
    worker, heard = pinging(here)
    for _ in range(3):
        assert worker.tick()
    assert heard == ["ping"]
    here.clock.turn(seconds=61)
    worker.tick()
    here.clock.turn(hours=-2)  # the clock is set back: the next ping does not wait two hours for it
    worker.tick()
    assert heard == ["ping"] * 3


def test_the_ping_stops_for_a_step_that_fails_or_does_nothing(here: Town) -> None:
    worker, heard = pinging(here, Broken)
    worker.tick()
    assert heard == []
    idle, heard = pinging(here)
    idle._escalate = lambda: None  # type: ignore[method-assign]
    here.request(here.coordinator())
    here.clock.turn(minutes=61)
    idle.tick()
    assert heard == ["ping"], "a minute late is not dead"
    here.clock.turn(minutes=1)
    idle.tick()
    assert heard == ["ping"]


def test_no_alarm_waits_for_what_is_being_counted_to_publish(here: Town) -> None:
    """Counting takes as long as it takes: rungs fire meanwhile. It is not begun twice, and when it fails it shows."""
    begun, counted, failing = [], threading.Event(), False

    def publish(database: Database) -> None:
        begun.append(database)
        assert counted.wait(60)
        if failing:
            raise RuntimeError("planted")

    worker = Worker(here.database, Settings(), {}, publish=publish)
    here.request(here.coordinator())
    here.clock.at = counted_at(f"{NOW:%Y-%m}") + timedelta(minutes=1)
    assert worker.tick()
    late = here.request(here.coordinator())
    here.clock.turn(hours=2)
    assert worker.tick()
    with here.database.reading() as tx:
        rungs = select(Alarm).join(Escalation, col(Escalation.id) == Alarm.escalation_id)
        fired = tx.session.exec(rungs.where(Escalation.request_id == late)).all()
    assert not counted.is_set()
    assert len(begun) == 1
    assert fired, "a rung fired while it was counting"
    failing = True
    counted.set()
    worker.settle()
    assert not worker.tick(), "what went wrong beside the ticks fails the step"
    assert worker.tick()
    worker.settle()
    assert len(begun) == 2, "and is tried again"


def test_nobody_outside_who_answers_stops_no_step(here: Town) -> None:
    worker = Worker(here.database, PINGS, {})  # the port of nothing
    assert worker.tick()


def scraped(here: Town, settings: Settings | None = None, **headers: str) -> tuple[int, str]:
    app = application(here)
    if settings:
        app.state.parts = type(app.state.parts)(here.database, settings, app.state.parts.key)
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        answer = client.get("/metrics", headers=headers)
    return answer.status_code, answer.text


def test_figures_only_for_this_machine_or_with_the_token(here: Town) -> None:
    tick(here)
    status, text = scraped(here)
    assert status == 200
    assert 'nrm_heartbeat_age_seconds{part="worker:match"} 0.0' in text
    assert 'nrm_oldest_overdue_seconds{what="rung"} 0.0' in text
    assert scraped(here, **{"x-forwarded-for": "192.0.2.1"})[0] == 404
    closed = Settings(metrics_token="een lang geheim")
    assert scraped(here, closed)[0] == 404
    assert scraped(here, closed, authorization="Bearer verkeerd")[0] == 404
    assert scraped(here, closed, authorization="Bearer een lang geheim", **{"x-forwarded-for": "192.0.2.1"})[0] == 200


def test_figures_say_how_late_the_oldest_is(here: Town) -> None:
    here.request(here.coordinator())
    here.clock.turn(minutes=70)
    text = scraped(here)[1]
    assert 'nrm_oldest_overdue_seconds{what="rung"} 600.0' in text
    assert 'nrm_oldest_overdue_seconds{what="request"} 4200.0' in text


def test_every_page_says_that_the_worker_stands_still(here: Town) -> None:
    someone = Visitor(here, "piket")
    said = "Het systeem loopt achter."
    tick(here)
    assert said not in someone.get("/piket").text
    here.clock.turn(seconds=61)
    for path in ("/piket", "/spelregels", "/achter"):
        assert said in someone.get(path).text, path
    tick(here)
    assert someone.fragment("/achter").text.strip() == ""


def examined(here: Town, settings: Settings, later: timedelta = timedelta(0)) -> list[Finding]:
    class Here:
        def now(self):  # type: ignore[no-untyped-def]
            return here.clock.at + later

    return list(examine(here.database, settings, Here(), parts()))


def trouble(findings: list[Finding]) -> str:
    return "\n".join(found.text for found in findings if found.level is Level.TROUBLE)


def test_the_doctor_finds_what_is_wrong(here: Town, tmp_path) -> None:  # type: ignore[no-untyped-def]
    well = Settings(data=tmp_path, smtp_host="localhost", deadman_url="https://example.org/ping")
    said = trouble(examined(here, well))
    assert "no key of the addresses" in said
    assert "no worker ever ran here" in said
    (tmp_path / "address.key").write_bytes(bytes(32))
    tick(here)
    assert "journal" not in trouble(examined(here, well))
    assert "worker" not in trouble(examined(here, well))
    assert "alarms only go to the screen" in trouble(examined(here, Settings(data=tmp_path)))
    assert "clock differs 60 s" in trouble(examined(here, well, timedelta(minutes=1)))
    here.request(here.coordinator())
    here.clock.turn(hours=2)
    said = trouble(examined(here, well))
    assert "worker:escalate was last heard 120 minutes ago" in said
    assert "the oldest alarm that is due waits since 60 minutes ago" in said
    with here.database.transaction() as tx:
        tx.affected(update(Heartbeat).values(at=tx.now + timedelta(hours=1)))
    assert "in the future" in trouble(examined(here, well))


def test_the_doctor_sees_a_database_of_another_shape_and_an_altered_journal(here: Town, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with here.database.engine.begin() as connection:
        guards = "SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='journal'"
        for (name,) in connection.exec_driver_sql(guards).fetchall():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.execute(update(JournalEntry).where(col(JournalEntry.seq) == 3).values(kind="nothing.happened"))
    assert "the journal was altered: entry 3 was altered" in trouble(examined(here, Settings(data=tmp_path)))
    with here.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert "run `nrm migrate`" in trouble(examined(here, Settings(data=tmp_path)))
