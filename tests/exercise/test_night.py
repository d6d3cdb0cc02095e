"""The night of the script: played whole on both engines, stopped and gone on with, and left to whoever plays."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from nrm import journal
from nrm.access import service as access
from nrm.access.models import LoginSession
from nrm.access.rules import Actor
from nrm.cli import play_alone
from nrm.clock import PacedClock
from nrm.db import Database, migrate
from nrm.errors import Conflict
from nrm.exercise import playing, queries, service
from nrm.exercise.models import ExerciseStep
from nrm.exercise.report import Report, report
from nrm.exercise.rules import NIGHT, RAID_PERSONS, Manner, Outcome, StepKind
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.schemas import PreAlertIn
from nrm.notify.models import Message
from nrm.seal import load_key
from nrm.settings import Settings
from nrm.watch import queries as watch
from nrm.worker import Worker
from nrm.world import night

BEGINS = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)


def told(found: Report) -> Counter[str]:
    return Counter(line.kind for line in found.told)


def test_the_night_is_played_and_its_report_tells_of_it(database_url: str, tmp_path: Path) -> None:
    database = play_alone(tmp_path, 2026, BEGINS, database_url)
    with database.reading() as tx:
        found = report(tx)
        steps = queries.steps(tx)
        unsent = tx.session.exec(select(Message.id).where(Message.tries > 1)).all()
    database.close()
    assert [step.outcome for step in steps] == [Outcome.PLAYED] * len(NIGHT)
    # A raid with twelve people, and a mother with her child in the middle of an outage.
    assert found.persons == RAID_PERSONS + 2
    assert 0 < found.placed < found.persons, "some found a place, and the night is not an easy one"
    # Two houses refuse, one is silent all night, the others say yes; all of it is in the report.
    refuse = [house for house in found.houses if house.no]
    silent = [house for house in found.houses if not house.no and not house.yes]
    assert (len(refuse), len(silent)) == (2, 1)
    assert silent[0].silent > 0
    assert len(found.houses) > 3
    (outage,) = found.outages
    assert outage.until - outage.since == timedelta(minutes=8)
    assert outage.asked == 1
    assert outage.first_proposals is not None
    assert outage.first_proposals >= timedelta(minutes=5)
    assert outage.rang_late > 0, "what should have rung meanwhile rang afterwards"
    taken = [alarm for alarm in found.alarms if alarm.waited is not None]
    assert taken
    assert all(alarm.answered_by for alarm in taken)
    assert {late.what for late in found.late} >= {"deadline", "hold"}
    waiting = {one.code for one in found.requests if one.placed_at is None and one.deadline_at < found.until}
    assert waiting <= {late.code for late in found.late if late.what == "deadline"}
    assert found.unseen
    assert found.kept["sms"] > 0
    assert unsent == []
    assert found.by_people == 0, "nobody played"
    assert told(found)["exercise.step_played"] == len(NIGHT)


@dataclass
class Stage:
    """An exercise whose night has begun, with nobody there but its leader."""

    database: Database
    clock: PacedClock
    settings: Settings
    leader: Actor

    def lead(self, deed: object, *more: object) -> object:
        with self.database.transaction(self.leader.account_id) as tx:
            return deed(tx, self.leader, *more)  # type: ignore[operator]

    def actor(self, login: str) -> Actor:
        with self.database.reading() as tx:
            return playing.by_login(tx, login)

    def log_in(self, login: str) -> Actor:
        actor = self.actor(login)
        with self.database.transaction(actor.account_id) as tx:
            access.log_in(tx, actor.account_id, hours=12)
        return actor

    def play_to(self, minutes: float) -> None:
        """Only the script, without a worker: nothing is matched and nothing rings."""
        self.clock.turn(BEGINS + timedelta(minutes=minutes))
        playing.play_due(self.database)

    def steps(self) -> list[ExerciseStep]:
        with self.database.reading() as tx:
            return queries.steps(tx)

    def requests(self) -> list[PlacementRequest]:
        with self.database.reading() as tx:
            found = list(tx.session.exec(select(PlacementRequest)))
            tx.session.expunge_all()
            return found


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made exercise, once; each test gets a copy of it."""
    folder = tmp_path_factory.mktemp("exercise")
    settings = Settings(exercise=True, data=folder)
    migrate(settings.url)
    database = Database(settings.url, PacedClock(BEGINS), night.drawn_ids(1))
    night.prepare(database, load_key(settings), 2026, night.occasion("een lang wachtwoord"))
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return folder


def test_the_same_seed_plays_the_same_night(planted: Path, tmp_path: Path) -> None:
    """Up to the first questions after the raid, twice: every entry of the journal is the same."""
    assert head_of(planted, tmp_path / "once") == head_of(planted, tmp_path / "again")


def head_of(planted: Path, folder: Path) -> str:
    made = opened(planted, folder, 7)
    made.lead(service.start)
    made.clock.turn(BEGINS + timedelta(minutes=14))
    made.lead(service.skip, BEGINS + timedelta(minutes=19))
    worker = Worker(made.database, made.settings, clock=made.clock)
    while worker.round():
        pass
    with made.database.reading() as tx:
        (newest,) = journal.after(tx.session, journal.last_seq(tx.session) - 1, 1)
        assert told(report(tx))["offer.sent"] == 10
    made.database.close()
    return newest.hash


def opened(planted: Path, folder: Path, seed: int) -> Stage:
    """A copy of the made exercise, on a clock of its own."""
    folder.mkdir(exist_ok=True)
    for file in ("nrm.sqlite3", "address.key"):
        (folder / file).write_bytes((planted / file).read_bytes())
    settings = Settings(exercise=True, data=folder)
    clock = PacedClock(BEGINS)
    database = Database(settings.url, clock, night.drawn_ids(seed))
    with database.reading() as tx:
        leader = playing.as_leader(tx)
    return Stage(database, clock, settings, leader)


@pytest.fixture
def stage(planted: Path, tmp_path: Path) -> Iterator[Stage]:
    made = opened(planted, tmp_path, 3)
    made.lead(service.start)
    yield made
    made.database.close()


def test_what_a_participant_did_already_the_script_does_not_do_again(stage: Stage) -> None:
    police = stage.actor("politie")
    with stage.database.transaction(police.account_id) as tx:
        shape = PreAlertIn(
            region="VR17", from_at=tx.now + timedelta(hours=1), until_at=tx.now + timedelta(hours=3), persons=9
        )
        intake.announce(tx, police, shape)
    duty = stage.log_in("piket")
    with stage.database.transaction(duty.account_id) as tx:
        access.start_shift(tx, duty)
    stage.play_to(20)
    outcomes = {step.kind: step.outcome for step in stage.steps() if step.played_at}
    assert outcomes == {
        StepKind.ON_DUTY: Outcome.BY_PEOPLE,
        StepKind.PRE_ALERT: Outcome.BY_PEOPLE,
        StepKind.RAID: Outcome.PLAYED,
    }
    assert len(stage.requests()) == 10


def test_who_is_logged_in_plays_themselves_and_the_script_everybody_else(stage: Stage) -> None:
    worker = Worker(stage.database, stage.settings)
    stage.play_to(16)
    worker.tick()
    duty = stage.log_in("piket")
    for minutes in (20, 21):
        stage.play_to(minutes)
    with stage.database.reading() as tx:
        by_duty = [line for line in report(tx).told if line.who == duty.name and line.kind != "exercise.step_played"]
    assert [line.kind for line in by_duty] == ["shift.started"], "that was the script, before anybody came"
    with stage.database.transaction(duty.account_id) as tx:
        for session in tx.session.exec(select(LoginSession)):
            session.ended_at = tx.now
    stage.play_to(22)
    with stage.database.reading() as tx:
        asked = [line for line in report(tx).told if line.kind == "offer.sent"]
    assert len(asked) == 10
    assert all(line.by_script and line.who == duty.name for line in asked)


def test_killed_halfway_and_started_again_it_goes_on_and_does_nothing_twice(stage: Stage) -> None:
    """In the middle of a step, by two players at once, and after a restart that knows nothing but the database."""
    crash = threading.Event()

    class Killed(BaseException):
        """The process is gone: no handler runs."""

    def dying(database: Database) -> None:
        with database.transaction() as tx:
            assert playing.claim_step(tx, 3)
            crash.set()
            raise Killed

    stage.play_to(14)
    with pytest.raises(Killed):
        dying(stage.database)
    assert crash.is_set()
    stage.database.close()
    clock = PacedClock(BEGINS)
    again = Database(stage.settings.url, clock)
    service.go_on(again, clock)
    with again.reading() as tx:
        assert clock.now() >= queries.steps(tx)[1].played_at  # type: ignore[operator]
    clock.turn(BEGINS + timedelta(minutes=15))
    both = [threading.Thread(target=playing.play_due, args=(again,)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    playing.play_due(again)
    assert len(stage.requests()) == 10
    with again.reading() as tx:
        played = Counter(line.data["step"] for line in report(tx).told if line.kind == "exercise.step_played")
        assert list(journal.faults(tx.session)) == []
    assert played == {1: 1, 2: 1, 3: 1}
    again.close()


def test_the_leader_pauses_goes_on_to_the_next_step_and_puts_something_in(stage: Stage) -> None:
    worker = Worker(stage.database, stage.settings, clock=stage.clock)
    stage.lead(service.set_pace, 0)
    worker.round()
    before = stage.clock.now()
    worker.round()
    assert stage.clock.now() == before, "paused"
    stage.lead(service.skip)
    while worker.round():
        pass
    assert stage.clock.now() == BEGINS + timedelta(minutes=NIGHT[1].minutes)
    assert [step.outcome for step in stage.steps()][:3] == [Outcome.PLAYED, Outcome.PLAYED, None]
    with stage.database.reading() as tx:
        assert not watch.behind(tx)
    stage.lead(service.put_in, StepKind.OUTAGE)
    worker.round()
    stage.clock.turn(stage.clock.now() + timedelta(minutes=2))
    worker.round()
    with stage.database.reading() as tx:
        assert watch.behind(tx), "the worker stands still, and every page says so"
    stage.clock.turn(stage.clock.now() + timedelta(minutes=4))
    worker.round()
    with stage.database.reading() as tx:
        assert not watch.behind(tx)
        assert queries.outage(tx) is None
    stage.lead(service.set_manner, "opvang-berk", Manner.SILENT)
    stage.lead(service.end)
    for refused in (service.skip, service.end, service.start):
        with pytest.raises(Conflict):
            stage.lead(refused)


def test_the_clock_runs_as_fast_as_the_leader_wants() -> None:
    clock = PacedClock(BEGINS)
    clock.run(20)
    clock.run(0)
    stood = clock.now()
    assert clock.now() == stood >= BEGINS
    clock.turn(BEGINS + timedelta(hours=1))
    clock.turn(BEGINS)
    assert clock.now() == BEGINS + timedelta(hours=1), "it never goes back"
