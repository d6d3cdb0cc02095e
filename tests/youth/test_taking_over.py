"""Youth crisis care and Nidos take minors over who are alone; the alarm rings until one of them did."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import col, select

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.course import service as course
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.escalation import service as escalation
from nrm.escalation.models import Escalation
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.rules import CLOSING_OUTCOMES, Outcome
from nrm.intake.schemas import AmendIn
from nrm.notify.models import Message
from nrm.placing import queries as placing
from nrm.youth import queries, service
from nrm.youth.models import YouthAsk
from nrm.youth.rules import NotOurs
from nrm.youth.schemas import TakeoverIn, YouthAskOut
from tests.builders import Town, town

BOY = [{"sex": "m", "age": 16}]


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    made.coordinator()
    for region in ("VR17", "VR15"):
        organisation = made.organisation(f"jeugdzorg-{region}", OrganisationKind.YOUTH_CARE, region)
        made.account(f"jeugd-{region}", Role.YOUTH_CARE, organisation)
    made.account("nidos", Role.YOUTH_CARE, made.organisation("nidos", OrganisationKind.GUARDIANSHIP))
    yield made
    made.database.close()


def alone(here: Town, **said: object) -> str:
    """A boy of 16 alone, put before whoever must be asked, with his alarm ringing."""
    request_id = here.request(here.coordinator(), persons=BOY, **said)
    tick(here)
    return request_id


def tick(here: Town) -> None:
    service.ask_due(here.database)
    escalation.run_due(here.database)
    escalation.end_over(here.database)
    course.follow_up(here.database)


def asks(here: Town, login: str) -> list[YouthAskOut]:
    actor = here.actor(login)
    with here.database.transaction(actor.account_id) as tx:
        return [ask for ask in service.read_asks(tx, actor) if ask.taken_at is None]


def take(here: Town, login: str, ask_id: str) -> None:
    actor = here.actor(login)
    with here.database.transaction(actor.account_id) as tx:
        service.take(tx, actor, ask_id)


def refuse(here: Town, login: str, ask_id: str, reason: NotOurs = NotOurs.OTHER) -> None:
    actor = here.actor(login)
    with here.database.transaction(actor.account_id) as tx:
        service.refuse(tx, actor, ask_id, reason)


def rings(here: Town, request_id: str) -> bool:
    with here.database.reading() as tx:
        live = select(Escalation.id).where(Escalation.request_id == request_id, col(Escalation.ended_at).is_(None))
        return tx.session.exec(live).first() is not None


def ended(here: Town, request_id: str) -> tuple[str, str | None]:
    with here.database.reading() as tx:
        found = intake.request(tx, request_id)
        return found.status, found.outcome


@pytest.mark.parametrize(
    ("residence", "first", "other"),
    [
        ("unknown", "jeugd-VR17", "nidos"),
        ("dutch", "jeugd-VR17", "nidos"),
        ("none", "nidos", "jeugd-VR17"),
        ("b8", "nidos", "jeugd-VR17"),
        ("eu", "nidos", "jeugd-VR17"),
    ],
)
def test_the_one_that_applies_is_asked_and_the_other_after_its_no(
    here: Town, residence: str, first: str, other: str
) -> None:
    request_id = alone(here, residence=residence)
    for _ in range(3):
        tick(here)
    (ask,) = asks(here, first)
    assert asks(here, other) == [], "the other is asked after a no, not after a while"
    assert asks(here, "jeugd-VR15") == [], "youth care of another region"
    refuse(here, first, ask.id, NotOurs.FULL)
    tick(here)
    assert rings(here, request_id), "back to the alarm"
    assert asks(here, first) == []
    (ask,) = asks(here, other)
    refuse(here, other, ask.id)
    tick(here)
    assert asks(here, first) == asks(here, other) == [], "nobody is asked twice"
    assert rings(here, request_id)
    assert ended(here, request_id) == ("open", None)


def test_one_tap_takes_over_and_everything_that_rang_stops(here: Town) -> None:
    police = here.police()
    request_id = here.request(police, persons=BOY)
    tick(here)
    assert rings(here, request_id)
    (ask,) = asks(here, "jeugd-VR17")
    take(here, "jeugd-VR17", ask.id)
    tick(here)
    assert not rings(here, request_id)
    assert ended(here, request_id) == ("closed", "youth_care")
    with here.database.reading() as tx:
        told = [(one.step, one.outcome) for one in course.queries.feedback(tx, request_id)]
    assert told[-1] == ("outcome", "elsewhere")
    here.clock.turn(days=3)
    tick(here)
    assert not rings(here, request_id)


def test_asked_once_however_many_workers_and_told_once(here: Town) -> None:
    here.request(here.coordinator(), persons=BOY)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(service.ask_due, [here.database] * 4)) == 1
    with here.database.reading() as tx:
        assert len(tx.session.exec(select(YouthAsk)).all()) == 1
        (message,) = tx.session.exec(select(Message).where(col(Message.unique_key).like("youth_ask:%"))).all()
    assert message.recipient == "jeugdzorg-VR17@example.org"
    assert "16" not in message.body.partition(". ")[2], "a code may have any digits"


def test_one_of_two_who_answer_at_once_counts(here: Town) -> None:
    """Youth care on its screen, its owner by phone for Nidos, and a no: one of them, and one outcome."""
    request_id = alone(here)
    (ask,) = asks(here, "jeugd-VR17")
    coordinator = here.coordinator()

    def by_phone() -> None:
        with here.database.transaction(coordinator.account_id) as tx:
            service.record_takeover(tx, coordinator, request_id, TakeoverIn(organisation="org-nidos"))

    def attempt(number: int) -> bool:
        try:
            (lambda: take(here, "jeugd-VR17", ask.id), by_phone, lambda: take(here, "jeugd-VR17", ask.id))[number]()
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(attempt, range(3))) == 1
    with here.database.reading() as tx:
        assert len(tx.session.exec(select(YouthAsk).where(YouthAsk.answer == "taken")).all()) == 1
    assert ended(here, request_id) == ("closed", "youth_care")


def test_the_owner_notes_who_took_over_on_the_phone_and_when(here: Town) -> None:
    request_id, coordinator = alone(here), here.coordinator()
    (ask,) = asks(here, "jeugd-VR17")
    refuse(here, "jeugd-VR17", ask.id)
    here.provider()
    here.clock.turn(minutes=30)
    said = here.clock.at - timedelta(minutes=10)
    for wrong in (
        {"organisation": "org-aanbieder"},
        {"organisation": "org-nidos", "at": here.clock.at + timedelta(minutes=1)},
        {"organisation": "org-nidos", "at": here.clock.at - timedelta(days=8)},
        {"organisation": "org-nidos", "at": said.replace(tzinfo=None)},
    ):
        with pytest.raises(Invalid), here.database.transaction(coordinator.account_id) as tx:
            service.record_takeover(tx, coordinator, request_id, TakeoverIn.model_validate(wrong))
    with here.database.transaction(coordinator.account_id) as tx:
        # Who said no on the screen may come back on it on the phone.
        service.record_takeover(tx, coordinator, request_id, TakeoverIn(organisation="org-jeugdzorg-VR17", at=said))
    tick(here)
    assert not rings(here, request_id)
    with here.database.reading() as tx:
        (stand,) = queries.stands(tx, request_id)
    assert (stand.answer, stand.spoken, stand.answered_at) == ("taken", True, said)
    assert ended(here, request_id) == ("closed", "youth_care")


def test_only_who_is_asked_answers_and_only_the_owner_notes(here: Town) -> None:
    request_id = alone(here)
    (ask,) = asks(here, "jeugd-VR17")
    for login in ("nidos", "jeugd-VR15"):
        with pytest.raises(NotFound):
            take(here, login, ask.id)
    for stranger in (here.provider(), here.coordinator(), here.national_desk()):
        with pytest.raises(Forbidden), here.database.transaction() as tx:
            service.take(tx, stranger, ask.id)
    other: Actor = here.coordinator("VR15")
    with pytest.raises(NotFound), here.database.transaction() as tx:
        service.record_takeover(tx, other, request_id, TakeoverIn(organisation="org-nidos"))
    assert Outcome.YOUTH_CARE not in CLOSING_OUTCOMES, "nobody closes a minor away without somebody who took over"


def test_who_turns_out_to_be_adult_is_nobody_s_to_take(here: Town) -> None:
    request_id, coordinator = alone(here), here.coordinator()
    (ask,) = asks(here, "jeugd-VR17")
    with here.database.transaction(coordinator.account_id) as tx:
        said = {"urgency": "now", "persons": [{"sex": "m", "age": 19}], "version": 1}
        intake_service.amend(tx, coordinator, request_id, AmendIn.model_validate(said))
    assert asks(here, "jeugd-VR17") == []
    with pytest.raises(Conflict):
        take(here, "jeugd-VR17", ask.id)


def test_who_turns_out_to_be_foreign_is_put_before_nidos_too(here: Town) -> None:
    request_id, coordinator = alone(here), here.coordinator()
    with here.database.transaction(coordinator.account_id) as tx:
        said = {"urgency": "now", "persons": BOY, "residence": "none", "version": 1}
        intake_service.amend(tx, coordinator, request_id, AmendIn.model_validate(said))
    tick(here)
    assert len(asks(here, "nidos")) == 1
    assert rings(here, request_id)


def test_no_adult_place_ever(here: Town) -> None:
    here.provider()
    here.location(places=(2, 2))
    request_id = alone(here)
    here.match()
    (ask,) = asks(here, "jeugd-VR17")
    refuse(here, "jeugd-VR17", ask.id, NotOurs.FULL)
    tick(here)
    here.match()
    with here.database.reading() as tx:
        found = placing.proposals(tx, request_id)
        assert found is None or not found.proposals
    assert here.offers() == []


def test_without_youth_care_the_alarm_rings_and_nothing_breaks(sqlite_url: str) -> None:
    made = town(sqlite_url)
    made.duty_officer()
    request_id = made.request(made.coordinator(), persons=BOY)
    tick(made)
    assert rings(made, request_id)
    with made.database.reading() as tx:
        assert queries.stands(tx, request_id) == []
    made.database.close()
