"""A rung speaks to people over the ways they proved, and their answer by telephone takes the card."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import select

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.escalation import service
from nrm.escalation.models import Alarm, Escalation
from nrm.notify import service as notify
from nrm.notify.models import ContactPoint, Message
from nrm.roster.models import RosterGap, RosterLine
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def way(here: Town, who: Actor, kind: str = "voice", address: str = "+31612345678", proved: bool = True) -> str:
    with here.database.transaction() as tx:
        point = ContactPoint(
            id=tx.new_id(),
            account_id=who.account_id,
            kind=kind,
            address=address,
            position=1,
            added_at=tx.now,
            verified_at=tx.now if proved else None,
        )
        tx.session.add(point)
        return point.id


def overdue(here: Town) -> str:
    """A request past its deadline, whose first rung rang. Returns it."""
    request = here.request(here.coordinator())
    here.clock.turn(minutes=61)
    service.run_due(here.database)
    return request


def calls(here: Town) -> list[Message]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Message).where(Message.channel == "voice").order_by(Message.queued_at)))


def live(here: Town) -> list[Escalation]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Escalation).where(Escalation.ended_at == None)))  # noqa: E711


def answer(here: Town, message: Message) -> None:
    with here.database.transaction() as tx:
        tx.session.get_one(Message, message.id).tries = 1  # it was handed over
        tx.session.flush()
        assert notify.answered(tx, message.id, "voice")


def test_who_is_on_call_is_rung_themselves_once_per_card(here: Town) -> None:
    officer = here.duty_officer()
    point = way(here, officer)
    overdue(here)
    (call,) = calls(here)
    assert (call.recipient, call.account_id, call.contact_point_id) == ("+31612345678", officer.account_id, point)
    with here.database.reading() as tx:
        assert all(
            alarm.reached > 1 for alarm in tx.session.exec(select(Alarm)) if alarm.rung == 0 and not alarm.result
        )


def test_a_way_that_was_not_proved_rings_nobody(here: Town) -> None:
    way(here, here.duty_officer(), proved=False)
    overdue(here)
    assert calls(here) == []


def test_a_key_takes_the_card_and_nobody_else_is_rung(here: Town) -> None:
    officer = here.duty_officer()
    way(here, officer)
    overdue(here)
    answer(here, calls(here)[0])
    service.run_due(here.database)
    assert {one.claimed_by for one in live(here)} == {officer.account_id}
    with here.database.reading() as tx:
        told = tx.session.exec(select(Alarm).where(Alarm.acknowledged_over == "voice")).all()
    assert told
    assert {alarm.acknowledged_by for alarm in told} == {officer.account_id}
    rungs = {one.id: one.rung_next for one in live(here)}
    here.clock.turn(minutes=20)
    service.run_due(here.database)
    assert {one.id: one.rung_next for one in live(here)} == rungs


def test_an_answer_counts_once_and_after_somebody_else_took_it_changes_nothing(here: Town) -> None:
    officer = here.duty_officer()
    way(here, officer)
    overdue(here)
    director = here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    with here.database.transaction(director.account_id) as tx:
        service.claim(tx, director, live(here)[0].id)
    with here.database.transaction() as tx:  # it was on its way before the other took it
        message = tx.session.get_one(Message, calls(here)[0].id)
        message.tries, message.sent_at = 1, tx.now
        tx.session.flush()
        notify.answered(tx, message.id, "voice")
    service.run_due(here.database)
    assert {one.claimed_by for one in live(here)} == {director.account_id}
    service.run_due(here.database)
    with here.database.reading() as tx:
        assert tx.session.exec(select(Message.answer_noted_at).where(Message.channel == "voice")).one() is not None


def test_who_may_not_take_an_alarm_is_not_rung(here: Town) -> None:
    coordinator = here.coordinator()
    way(here, coordinator)
    here.duty_officer()
    here.request(coordinator)
    for _ in range(8):
        here.clock.turn(minutes=61)
        service.run_due(here.database)
    assert calls(here) == []


def test_a_gap_in_the_roster_rings_ahead_and_as_it_begins_until_somebody_is_planned(here: Town) -> None:
    here.duty_officer()
    begins = here.clock.at + timedelta(days=3)
    with here.database.transaction() as tx:
        line = RosterLine(
            id="line", role="duty_officer", region_code="VR17", cover="always", organisation_id="org-comensha"
        )
        tx.session.add(line)
        tx.session.flush()
        tx.session.add(
            RosterGap(
                id="gap",
                line_id="line",
                from_at=begins,
                until_at=begins + timedelta(days=1),
                found_at=tx.now,
                due_at=tx.now + timedelta(hours=1),
            )
        )

    def ringing() -> list[tuple[str, str, str | None]]:
        service.run_due(here.database)
        service.run_due(here.database)
        return [(one.trigger, one.subject, one.region_code) for one in live(here)]

    assert ringing() == []
    here.clock.turn(hours=1)
    assert ringing() == [("roster_gap", "slot:gap", "VR17")]
    here.clock.at = begins - timedelta(seconds=1)
    assert ringing() == [("roster_gap", "slot:gap", "VR17")]
    here.clock.turn(seconds=1)
    assert ringing() == [("roster_gap", "slot_begun:gap", "VR17")]
    here.clock.turn(hours=-2)  # a clock set back ends nothing and rings nothing twice
    assert ringing() == [("roster_gap", "slot_begun:gap", "VR17")]
    here.clock.turn(hours=3)
    with here.database.transaction() as tx:  # somebody fills its first half
        tx.session.get_one(RosterGap, "gap").from_at = begins + timedelta(hours=12)
    assert ringing() == []
    here.clock.turn(hours=12)
    assert ringing() == [("roster_gap", "slot_begun:gap", "VR17")]
    with here.database.transaction() as tx:
        tx.session.get_one(RosterGap, "gap").closed_at = tx.now
    assert ringing() == []
    with here.database.reading() as tx:
        assert len(tx.session.exec(select(Escalation)).all()) == 3
