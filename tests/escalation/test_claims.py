"""Taking a card: it rests, lapses, is handed to somebody responsible, and one request is one card."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from nrm import journal
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.course import service as course
from nrm.course.schemas import BridgeIn
from nrm.errors import Conflict, Invalid
from nrm.escalation import queries, service
from nrm.escalation.models import Alarm, Escalation
from nrm.notify import service as notify
from nrm.notify.models import Message
from tests.builders import Town, town


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.duty_officer()
    made.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    made.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    yield made
    made.database.close()


@pytest.fixture
def asked(here: Town) -> str:
    """A request whose first rung rang this moment."""
    request_id = here.request(here.coordinator())
    here.clock.turn(minutes=60)
    assert service.run_due(here.database) == 1
    return request_id


def escalations(here: Town) -> list[Escalation]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Escalation).order_by(col(Escalation.opened_at), Escalation.trigger)))


def alarms(here: Town) -> list[Alarm]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Alarm).order_by(col(Alarm.fired_at), col(Alarm.rung))))


def take(here: Town, actor: Actor) -> str:
    found = escalations(here)[0].id
    with here.database.transaction(actor.account_id) as tx:
        service.claim(tx, actor, found)
    return found


def test_a_claim_rests_the_ladder_and_lapses_so_that_nobody_waits_longer(here: Town, asked: str) -> None:
    taken_at = here.clock.at
    take(here, here.actor("piket"))
    here.clock.turn(minutes=29)
    assert service.run_due(here.database) == 0, "somebody has it"
    here.clock.turn(minutes=1)
    assert service.run_due(here.database) == 1
    rang = alarms(here)[-1]
    assert (rang.role, rang.due_at - taken_at) == ("coordinator_regional", timedelta(minutes=30))
    here.clock.turn(minutes=15)
    assert service.run_due(here.database) == 1, "and on from there"
    assert escalations(here)[0].claim_until is None


def test_a_claim_that_lapsed_after_the_last_rung_begins_anew(here: Town, asked: str) -> None:
    here.clock.turn(hours=1)
    assert service.run_due(here.database) == 3
    take(here, here.actor("piket"))
    here.clock.turn(minutes=30)
    assert service.run_due(here.database) == 1
    assert [(alarm.rung, alarm.role) for alarm in alarms(here)][-1] == (4, "duty_officer")


def test_only_who_has_it_gives_it_back_or_takes_it_for_longer(here: Town, asked: str) -> None:
    officer, desk = here.actor("piket"), here.national_desk()
    found = take(here, officer)
    here.clock.turn(minutes=20)
    with here.database.transaction(desk.account_id) as tx, pytest.raises(Conflict, match="already_claimed"):
        service.claim(tx, desk, found)
    with here.database.transaction(desk.account_id) as tx, pytest.raises(Conflict, match="not_yours"):
        service.release(tx, desk, found)
    take(here, officer)
    assert escalations(here)[0].claim_until == here.clock.at + timedelta(minutes=30)
    with here.database.transaction(officer.account_id) as tx:
        service.release(tx, officer, found)
    assert service.run_due(here.database) == 1, "it was due while they had it"


def test_a_responsible_person_rests_the_ladder_until_they_are_silent(here: Town, asked: str) -> None:
    officer, coordinator, national = here.actor("piket"), here.coordinator(), here.actor("national_coordinator")
    found = take(here, officer)
    with here.database.transaction(officer.account_id) as tx:
        with pytest.raises(Invalid):
            service.name_responsible(tx, officer, found, national.account_id)
        service.name_responsible(tx, officer, found, coordinator.account_id)
    here.clock.turn(hours=3)
    assert service.run_due(here.database) == 0
    shape = BridgeIn.model_validate({"kind": "hotel", "municipality": "GM0489"})
    with here.database.transaction(coordinator.account_id) as tx:
        course.record_bridge(tx, coordinator, asked, shape)
    here.clock.turn(hours=1)
    service.run_due(here.database)
    (deadline,) = (one for one in escalations(here) if one.trigger == "deadline")
    assert deadline.responsible_until == here.clock.at + timedelta(hours=3), "they did something an hour ago"
    here.clock.turn(hours=3)
    service.run_due(here.database)
    rang = [alarm for alarm in alarms(here) if alarm.escalation_id == found]
    assert [(alarm.rung, alarm.role) for alarm in rang] == [(0, "duty_officer"), (1, "duty_officer")], "from the bottom"
    with here.database.reading() as tx:
        kinds = [entry.kind for entry in journal.of_subject(tx.session, f"request:{asked}")]
    assert "alarm.responsible_silent" in kinds


def test_several_causes_of_a_request_are_one_card(here: Town, asked: str) -> None:
    """A police cell beside a deadline: two rungs on record, one message each, and one person takes both."""
    coordinator = here.coordinator()
    shape = BridgeIn.model_validate({"kind": "police_cell", "municipality": "GM0489"})
    with here.database.transaction(coordinator.account_id) as tx:
        course.record_bridge(tx, coordinator, asked, shape)
    assert service.run_due(here.database) == 1
    assert [alarm.reached > 0 for alarm in alarms(here)] == [True, True]
    with here.database.reading() as tx:
        recipients = tx.session.exec(select(Message.channel, Message.recipient)).all()
    assert len(recipients) == len(set(recipients)), "told once"
    take(here, here.actor("piket"))
    assert {one.trigger for one in escalations(here) if one.claim_until} == {"deadline", "police_cell"}
    assert [alarm.result for alarm in alarms(here)] == ["acknowledged"] * 2


def test_a_cause_that_comes_up_while_somebody_has_the_card_rings_nobody(here: Town, asked: str) -> None:
    take(here, here.actor("piket"))
    coordinator = here.coordinator()
    shape = BridgeIn.model_validate({"kind": "hotel", "municipality": "GM0489"})
    with here.database.transaction(coordinator.account_id) as tx:
        course.record_bridge(tx, coordinator, asked, shape)
    assert service.run_due(here.database) == 0
    assert {one.trigger for one in escalations(here) if one.claim_until} == {"deadline", "bridge"}


def test_nothing_is_sent_of_a_card_that_rings_no_more(here: Town, asked: str) -> None:
    take(here, here.actor("piket"))
    with here.database.transaction() as tx:
        tx.affected(update(Message).values(cancelled_at=None, due_at=tx.now))  # as if it was queued in that moment
    assert notify.deliver_due(here.database, {}, queries.still_rings) == 0
    with here.database.reading() as tx:
        assert all(tx.session.exec(select(Message.cancelled_at)))


def test_an_answer_over_a_channel_takes_the_card(here: Town, asked: str) -> None:
    officer = here.actor("piket")
    with here.database.transaction() as tx:
        message = tx.session.exec(select(Message).limit(1)).one()
        tx.affected(update(Message).where(col(Message.id) == message.id).values(account_id=officer.account_id, tries=1))
        assert notify.acknowledge(tx, message.id, "sms")
    assert service.run_due(here.database) == 0
    here.clock.turn(minutes=20)
    assert service.run_due(here.database) == 0
    (found,) = escalations(here)
    assert (found.claimed_by, found.claim_until) == (officer.account_id, here.clock.at + timedelta(minutes=10))
    (alarm,) = alarms(here)
    assert (alarm.result, alarm.acknowledged_by, alarm.acknowledged_over) == ("acknowledged", officer.account_id, "sms")


def test_a_rung_that_nobody_answers_says_so(here: Town, asked: str) -> None:
    here.clock.turn(minutes=15)
    assert service.run_due(here.database) == 1
    assert [alarm.result for alarm in alarms(here)] == ["unanswered", None]
