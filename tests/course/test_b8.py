"""The end of a B8 is told once per date, to whoever owns the request, whatever the workers or the clock do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Organisation
from nrm.access.rules import Actor
from nrm.course import queries, rules, service
from nrm.course.models import Signal
from nrm.course.rules import AftercareItem, AftercareState
from nrm.course.schemas import AftercareIn
from nrm.escalation import queries as alarms
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm, Escalation
from nrm.notify.models import Message
from nrm.placing import staying
from tests.builders import Town, TurnedClock, town

ENDS = date(2026, 12, 31)
NEAR = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
"""Thirty days before, at nine in the morning on the wall in winter."""


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    yield made
    made.database.close()


def arrived(here: Town) -> tuple[Actor, str, str]:
    """A party that arrived, long enough that nothing follows on: (owner, request, stay)."""
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = here.placed(coordinator, provider, days=30)
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    service.follow_up(here.database)
    return coordinator, request_id, stay_id


def say(here: Town, actor: Actor, stay_id: str, version: int, state: str, ends_on: date | None) -> None:
    shape = AftercareIn.model_validate({"state": state, "owner": "coordinator", "ends_on": ends_on, "version": version})
    with here.database.transaction(actor.account_id) as tx:
        service.keep_aftercare(tx, actor, stay_id, AftercareItem.B8, shape)


def at(here: Town, moment: datetime) -> None:
    here.clock.at = moment


def tick(here: Town) -> None:
    service.follow_up(here.database)
    escalation.run_due(here.database)
    escalation.end_over(here.database)


def rung(here: Town) -> list[tuple[str, date, bool]]:
    """(Role, which date, whether it still rings) of every alarm about a B8, oldest first."""
    with here.database.reading() as tx:
        rows = tx.session.exec(
            select(Alarm.role, Escalation.number, Escalation.ended_at)
            .join(Escalation, col(Escalation.id) == Alarm.escalation_id)
            .where(Escalation.trigger == "b8_end", Alarm.rung == 0)
            .order_by(col(Alarm.fired_at), col(Escalation.number))
        )
        return [(role, date.fromordinal(number), ended_at is None) for role, number, ended_at in rows]


def told(here: Town) -> list[tuple[str, str]]:
    """(Recipient, subject) of every message about something that ends."""
    with here.database.reading() as tx:
        rows = tx.session.exec(
            select(Message).where(
                col(Message.about).like("card:request:%"), col(Message.subject).contains("loopt binnenkort")
            )
        )
        return sorted((row.recipient, row.subject) for row in rows)


def test_it_rings_once_for_the_owner_so_many_days_before(here: Town) -> None:
    coordinator, request_id, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR - timedelta(seconds=1))
    tick(here)
    assert rung(here) == []
    at(here, NEAR)
    for _ in range(3):
        tick(here)
    assert rung(here) == [("owner", ENDS, True)]
    with here.database.reading() as tx:
        code = queries.intake.request(tx, request_id).short_code
        (item,) = [row for row in queries.aftercare(tx, stay_id) if row.item is AftercareItem.B8]
    assert item.ends_soon
    recipients = {recipient for recipient, _ in told(here)}
    assert recipients == {"zorgcoordinatie-VR17@example.org", "org-zorgcoordinatie-VR17"}
    assert all(subject == f"Opvangvraag {code}: er loopt binnenkort iets af" for _, subject in told(here))


def test_it_rings_once_with_several_workers(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tick(here), range(8)))
    assert rung(here) == [("owner", ENDS, True)]
    assert len(told(here)) == 2


def test_it_rings_after_a_worker_was_down(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR + timedelta(days=45))
    tick(here)
    tick(here)
    assert rung(here) == [("owner", ENDS, True)]
    with here.database.reading() as tx:
        assert tx.session.exec(select(Signal.due_at).where(Signal.kind == "b8_end")).one() == NEAR


def test_killed_between_signal_and_alarm_loses_nothing(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR)
    service.follow_up(here.database)
    assert rung(here) == []
    escalation.run_due(here.database)
    assert rung(here) == [("owner", ENDS, True)]


def test_a_clock_that_jumps_back_rings_nothing_twice(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    for moment in (NEAR, NEAR - timedelta(days=3), NEAR + timedelta(hours=1)):
        at(here, moment)
        tick(here)
    assert [(role, on) for role, on, _ in rung(here)] == [("owner", ENDS)]


@pytest.mark.parametrize(
    ("ends_on", "opens_at"),
    [
        # Both nights on which the clock moves lie between the two: it is nine on the wall all the same.
        (date(2027, 4, 27), datetime(2027, 3, 28, 7, 0, tzinfo=UTC)),
        (date(2027, 4, 26), datetime(2027, 3, 27, 8, 0, tzinfo=UTC)),
        (date(2026, 11, 24), datetime(2026, 10, 25, 8, 0, tzinfo=UTC)),
        (date(2026, 11, 23), datetime(2026, 10, 24, 7, 0, tzinfo=UTC)),
        (date(2028, 3, 30), datetime(2028, 2, 29, 8, 0, tzinfo=UTC)),
    ],
)
def test_it_is_nine_on_the_wall_also_when_the_clock_moves(ends_on: date, opens_at: datetime) -> None:
    assert rules.b8_opens_at(ends_on, 30) == opens_at
    changed = opens_at - timedelta(days=60)
    second = timedelta(seconds=1)
    assert rules.b8_rings(AftercareState.OPEN, ends_on, changed, 30, opens_at)
    assert not rules.b8_rings(AftercareState.OPEN, ends_on, changed, 30, opens_at - second)


@pytest.mark.parametrize("night", [datetime(2027, 3, 28, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_every_minute_of_a_night_on_which_the_clock_moves(sqlite_url: str, night: datetime) -> None:
    """Rows do not care what the wall says: one alarm, at its instant."""
    made = town(sqlite_url, TurnedClock(night - timedelta(days=20)))
    made.duty_officer()
    coordinator, _, stay_id = arrived(made)
    opens_at = rules.b8_opens_at(night.date() + timedelta(days=30), 30)
    say(made, coordinator, stay_id, 1, "open", night.date() + timedelta(days=30))
    for minute in range(0, 12 * 60, 10):
        at(made, night - timedelta(hours=2) + timedelta(minutes=minute))
        tick(made)
        assert bool(rung(made)) == (made.clock.at >= opens_at), made.clock.at
    assert len(rung(made)) == 1
    made.database.close()


def test_another_date_ends_it_and_rings_for_itself_once(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR)
    tick(here)
    later = date(2027, 3, 31)
    say(here, coordinator, stay_id, 2, "open", later)
    tick(here)
    assert rung(here) == [("owner", ENDS, False)]
    at(here, NEAR + timedelta(days=90))
    tick(here)
    assert rung(here) == [("owner", ENDS, False), ("owner", later, True)]
    # Back to a day that was already told: nobody hears of it again.
    say(here, coordinator, stay_id, 3, "open", ENDS)
    tick(here)
    tick(here)
    assert rung(here) == [("owner", ENDS, False), ("owner", later, False)]


def test_done_long_before_does_not_silence_it_and_done_since_does(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "done", ENDS)
    at(here, NEAR)
    tick(here)
    assert rung(here) == [("owner", ENDS, True)]
    say(here, coordinator, stay_id, 2, "done", ENDS)
    tick(here)
    assert rung(here) == [("owner", ENDS, False)]
    say(here, coordinator, stay_id, 3, "open", ENDS)
    tick(here)
    assert rung(here) == [("owner", ENDS, False)], "once per date"


@pytest.mark.parametrize("state", ["done", "not_applicable"])
def test_seen_to_before_the_worker_looked_rings_nothing(here: Town, state: str) -> None:
    coordinator, _, stay_id = arrived(here)
    at(here, NEAR + timedelta(days=1))
    say(here, coordinator, stay_id, 1, state, ENDS)
    tick(here)
    assert rung(here) == []


def test_it_ends_when_the_party_leaves(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    provider = here.provider()
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR)
    tick(here)
    with here.database.transaction(provider.account_id) as tx:
        staying.depart(tx, provider, stay_id, "own_home", 2)
    tick(here)
    assert rung(here) == [("owner", ENDS, False)]


def test_an_owner_without_a_mailbox_is_told_and_so_is_the_desk(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    with here.database.transaction() as tx:
        tx.session.get_one(Organisation, coordinator.organisation_id).email = None
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR)
    tick(here)
    assert {recipient for recipient, _ in told(here)} == {
        "org-zorgcoordinatie-VR17",
        "org-comensha",
        "comensha@example.org",
    }


def test_a_nonsense_year_silences_nobody_else(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    other, _, other_stay = arrived(here)
    say(here, coordinator, stay_id, 1, "open", date(1, 1, 1))
    say(here, other, other_stay, 1, "open", ENDS)
    at(here, NEAR)
    tick(here)
    assert sorted(on for _, on, _ in rung(here)) == [date(1, 1, 1), ENDS]


def test_how_long_before_is_policy(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    with here.database.transaction() as tx:
        policy.write(tx, policy.Course(b8_ahead_days=3), "later")
    at(here, NEAR)
    tick(here)
    assert rung(here) == []
    at(here, NEAR + timedelta(days=27))
    tick(here)
    assert rung(here) == [("owner", ENDS, True)]


def test_the_desk_sees_it_and_can_take_it(here: Town) -> None:
    coordinator, _, stay_id = arrived(here)
    say(here, coordinator, stay_id, 1, "open", ENDS)
    at(here, NEAR)
    tick(here)
    officer = here.duty_officer()
    with here.database.transaction(officer.account_id) as tx:
        (alarm,) = [one for one in alarms.live_alarms(tx, officer) if one.trigger == "b8_end"]
        escalation.claim_alarm(tx, officer, alarm.id)
