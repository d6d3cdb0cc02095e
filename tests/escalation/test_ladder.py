"""The ladder: each rung once, in order, whatever stood still; and whoever takes an alarm silences its messages."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.errors import Conflict, NotFound
from nrm.escalation import queries, rules, service
from nrm.escalation.models import Alarm, Escalation
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.intake.schemas import AmendIn
from nrm.notify import service as notify
from nrm.notify.models import Message
from nrm.settings import Settings
from nrm.worker import Worker
from tests.builders import DEADLINES_ALONE, Town, TurnedClock, town

ROLES = ["duty_officer", "coordinator_regional", "national_desk", "national_coordinator"]


def peopled(url: str, clock: TurnedClock | None = None) -> Town:
    made = town(url, clock)
    made.duty_officer()
    made.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    made.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    return made


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = peopled(database_url)
    yield made
    made.database.close()


@pytest.fixture
def coordinator(here: Town) -> Actor:
    return here.coordinator()


def alarms(here: Town) -> list[Alarm]:
    with here.database.reading() as tx:
        found = list(tx.session.exec(select(Alarm).order_by(col(Alarm.rung), Alarm.escalation_id)))
        tx.session.expunge_all()
        return found


def opened(here: Town) -> list[Escalation]:
    with here.database.reading() as tx:
        found = list(tx.session.exec(select(Escalation).order_by(col(Escalation.opened_at), Escalation.id)))
        tx.session.expunge_all()
        return found


def of_request(here: Town) -> dict[str, str | None]:
    """Escalation → the request it is about."""
    with here.database.reading() as tx:
        return dict(tx.session.exec(select(Escalation.id, Escalation.request_id)).all())


def messages(here: Town) -> list[Message]:
    with here.database.reading() as tx:
        found = list(tx.session.exec(select(Message).order_by(Message.unique_key)))
        tx.session.expunge_all()
        return found


def test_the_rungs_come_in_their_order_and_at_their_time(here: Town, coordinator: Actor) -> None:
    here.request(coordinator)
    due, fired, before = (60, 75, 90, 120), list[tuple[int, str]](), 0
    for minute in (0, 30, *(at + beside for at in due for beside in (-1, 0, 1)), 130):
        here.clock.turn(minutes=minute - before)
        service.run_due(here.database)
        fired += [(minute, alarm.role) for alarm in alarms(here)[len(fired) :]]
        before = minute
    assert fired == list(zip(due, ROLES, strict=True))


def test_a_rung_is_due_at_its_second_and_not_before(here: Town, coordinator: Actor) -> None:
    here.request(coordinator)
    here.clock.turn(minutes=60, microseconds=-1)
    assert service.run_due(here.database) == 0
    here.clock.turn(microseconds=1)
    assert service.run_due(here.database) == 1
    assert service.run_due(here.database) == 0


def test_a_worker_that_was_down_for_a_day_fires_them_all_once_in_order(here: Town, coordinator: Actor) -> None:
    asked_at = here.clock.at
    request_id = here.request(coordinator)
    here.clock.turn(days=1)
    assert service.run_due(here.database) == 4
    assert service.run_due(here.database) == 0
    found = alarms(here)
    assert [(alarm.rung, alarm.role) for alarm in found] == list(enumerate(ROLES))
    assert [alarm.due_at - asked_at for alarm in found] == [timedelta(minutes=m) for m in (60, 75, 90, 120)]
    with here.database.reading() as tx:
        entries = journal.of_subject(tx.session, f"request:{request_id}")
        assert [entry.kind for entry in entries][-4:] == ["alarm.fired"] * 4
        assert '"late_seconds":82800' in entries[-4].data


def test_several_workers_fire_each_rung_once(here: Town, coordinator: Actor) -> None:
    for _ in range(6):
        here.request(coordinator)
    here.clock.turn(days=1)
    with ThreadPoolExecutor(4) as pool:
        fired = sum(pool.map(service.run_due, [here.database] * 4))
    service.run_due(here.database)
    assert len(alarms(here)) == 24
    assert fired <= 24
    keys = [message.unique_key for message in messages(here)]
    assert len(keys) == len(set(keys))


def test_one_request_that_cannot_fire_does_not_silence_the_others(here: Town, coordinator: Actor) -> None:
    """A fault in one case stays that case's: every other rung that is due still rings."""
    poisoned, fine = here.request(coordinator), here.request(coordinator)
    with here.database.transaction() as tx:
        if here.database.postgresql:
            poison = f"ALTER TABLE escalation ADD CONSTRAINT planted CHECK (request_id <> '{poisoned}')"
            tx.session.execute(text(poison))
        else:
            tx.session.execute(
                text(
                    f"CREATE TRIGGER planted BEFORE INSERT ON escalation WHEN NEW.request_id = '{poisoned}' "
                    "BEGIN SELECT RAISE(ABORT, 'planted'); END"
                )
            )
    here.clock.turn(days=1)
    with pytest.raises(Exception, match="planted"):
        service.run_due(here.database)
    assert set(of_request(here).values()) == {fine}
    assert len(alarms(here)) == 4


def test_nothing_rings_for_who_has_a_place(here: Town, coordinator: Actor) -> None:
    provider = here.provider()
    here.location()
    here.placed(coordinator, provider)
    here.clock.turn(days=1)
    assert service.run_due(here.database) == 0


def test_a_minor_alone_rings_at_once(here: Town, coordinator: Actor) -> None:
    here.request(coordinator, persons=[{"sex": "m", "age": 17}, {"sex": "f", "age": 3}], urgency="planned")
    assert service.run_due(here.database) == 1
    (alarm,) = alarms(here)
    assert (opened(here)[0].trigger, alarm.rung, alarm.reached > 0) == ("minor_alone", 0, True)


def test_learning_that_a_minor_is_alone_rings_at_once(here: Town, coordinator: Actor) -> None:
    request_id = here.request(coordinator, urgency="planned")
    assert service.run_due(here.database) == 0
    amended = AmendIn.model_validate({"urgency": "planned", "persons": [{"sex": "f", "age": 17}], "version": 1})
    with here.database.transaction() as tx:
        intake.amend(tx, coordinator, request_id, amended)
    assert service.run_due(here.database) == 1
    assert opened(here)[0].trigger == "minor_alone"


def test_a_rung_speaks_to_its_region_only(here: Town, coordinator: Actor) -> None:
    elsewhere = here.organisation("keten-elders", OrganisationKind.CHAIN_DIRECTION, "VR01")
    here.request(coordinator)
    here.clock.turn(days=1)
    service.run_due(here.database)
    told = [message.unique_key for message in messages(here)]
    assert not [key for key in told if elsewhere in key]
    assert [key for key in told if "/1/org-body-coordinator_regional/email" in key]


def test_a_rung_that_reaches_nobody_says_so(database_url: str) -> None:
    made = town(database_url)
    made.request(made.coordinator())
    made.clock.turn(days=1)
    made.clock.turn(hours=-23)
    assert service.run_due(made.database) == 4
    found = alarms(made)
    assert [(alarm.reached, alarm.result) for alarm in found] == [(0, "skipped")] * 4
    assert len({alarm.due_at for alarm in found}) == 1, "who finds nobody makes nobody wait"
    made.database.close()


def test_an_alarm_is_claimed_by_one(here: Town, coordinator: Actor) -> None:
    here.request(coordinator)
    here.clock.turn(hours=1)
    service.run_due(here.database)
    (alarm,) = alarms(here)
    people = [here.duty_officer(), here.national_desk(), here.actor("coordinator_regional")]

    def claim(actor: Actor) -> str:
        try:
            with here.database.transaction(actor.account_id) as tx:
                service.claim_alarm(tx, actor, alarm.id)
        except Conflict as error:
            return error.code
        return "claimed"

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(claim, people)) == ["already_claimed"] * 2 + ["claimed"]


def test_a_claim_stops_what_was_not_sent(here: Town, coordinator: Actor) -> None:
    here.request(coordinator)
    here.clock.turn(hours=1)
    service.run_due(here.database)
    officer = here.duty_officer()
    with here.database.transaction() as tx:
        service.claim_alarm(tx, officer, alarms(here)[0].id)
    assert [message.cancelled_at for message in messages(here)] == [here.clock.at] * 2
    assert notify.deliver_due(here.database, {}) == 0


def test_alarms_end_when_the_request_no_longer_waits(here: Town, coordinator: Actor) -> None:
    request_id = here.request(coordinator)
    here.clock.turn(hours=1)
    service.run_due(here.database)
    with here.database.transaction() as tx:
        intake.close(tx, coordinator, request_id, Outcome.OWN_SOLUTION, 1)
    assert service.end_over(here.database) == 1
    assert service.end_over(here.database) == 0
    assert notify.deliver_due(here.database, {}) == 0
    officer, desk = here.duty_officer(), here.national_desk()
    with here.database.transaction() as tx, pytest.raises(Conflict, match="already_claimed"):
        service.claim_alarm(tx, officer, alarms(here)[0].id)
    with here.database.reading() as tx:
        assert queries.live_alarms(tx, desk) == []


def test_another_region_does_not_claim(here: Town, coordinator: Actor) -> None:
    here.account(
        "elders", Role.COORDINATOR_REGIONAL, here.organisation("elders", OrganisationKind.CHAIN_DIRECTION, "VR01")
    )
    here.request(coordinator)
    here.clock.turn(hours=1)
    service.run_due(here.database)
    elsewhere = here.actor("elders")
    with here.database.transaction() as tx, pytest.raises(NotFound):
        service.claim_alarm(tx, elsewhere, alarms(here)[0].id)


def test_a_request_keeps_the_ladder_it_started_under(here: Town, coordinator: Actor) -> None:
    old = here.request(coordinator)
    with here.database.transaction() as tx:
        policy.write(
            tx,
            policy.Ladder(lines=(policy.LadderLine(rungs=(policy.Rung(after_minutes=0, role="national_desk"),)),)),
            "korter",
        )
    new = here.request(coordinator)
    here.clock.turn(days=1)
    service.run_due(here.database)
    of = of_request(here)
    fired = [(of[alarm.escalation_id], alarm.role) for alarm in alarms(here)]
    assert [role for request, role in fired if request == old] == ROLES
    assert [role for request, role in fired if request == new] == ["national_desk"]


@pytest.mark.parametrize("night", [datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)])
def test_an_hour_is_an_hour_on_the_nights_the_clock_changes(sqlite_url: str, night: datetime) -> None:
    made = peopled(sqlite_url, TurnedClock(night))
    request_id = made.request(made.coordinator())
    with made.database.reading() as tx:
        assert tx.session.get_one(PlacementRequest, request_id).deadline_at == night + timedelta(hours=1)
    made.clock.turn(minutes=60, seconds=-1)
    assert service.run_due(made.database) == 0
    made.clock.turn(seconds=1)
    assert service.run_due(made.database) == 1
    made.database.close()


def test_a_clock_that_jumps_back_fires_nothing_twice(here: Town, coordinator: Actor) -> None:
    here.request(coordinator)
    here.clock.turn(hours=1)
    service.run_due(here.database)
    here.clock.turn(hours=-1)
    assert service.run_due(here.database) == 0
    here.clock.turn(hours=1)
    assert service.run_due(here.database) == 0
    assert len(alarms(here)) == 1


def test_a_worker_looks_again_when_something_changed_and_when_time_passed(sqlite_url: str) -> None:
    made = peopled(sqlite_url)
    worker = Worker(made.database, Settings(), {})
    coordinator = made.coordinator()
    made.request(coordinator)
    for _ in range(3):
        assert worker.tick()
    made.request(coordinator, persons=[{"sex": "f", "age": 16}])
    worker.tick()
    assert [alarm.role for alarm in alarms(made)] == ["duty_officer"], "at once, although no time passed"
    made.clock.turn(minutes=15)
    worker.tick()
    assert [alarm.role for alarm in alarms(made)] == ROLES[:2], "although nothing changed"
    made.database.close()


def test_the_ladder_ends() -> None:
    line, at = DEADLINES_ALONE.lines[-1], datetime(2026, 1, 1, tzinfo=UTC)
    steps = [rules.step(line, number, at) for number in range(6)]
    assert [step.rung.role if step else None for step in steps] == [*ROLES, None, None]
    assert steps[3] is not None
    assert steps[3].next_due_at is None
