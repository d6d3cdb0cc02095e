"""Before the competent authority: a rung asks for it, the national coordinator asks, follows and closes it."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access.rules import ROLES_OF, Actor, OrganisationKind, Role, Verb
from nrm.db import Tx
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.escalation import queries, raised, service
from nrm.escalation.models import Alarm, CompetentAuthority, Escalation, RaisedEscalation
from nrm.escalation.rules import ANSWERABLE, CLOSINGS, RaisedOutcome, RaisedState
from nrm.escalation.schemas import AnswerIn, AskAgainIn, AuthorityIn, CloseIn, RaisedDetailOut, RaiseIn
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.notify.models import Message
from nrm.placing import service as placing
from nrm.placing import staying
from nrm.placing.models import Proposal, Stay
from tests.builders import DEADLINES_ALONE, Town, town

VWS, POLICE = "authority-1", "authority-4"
TO_THE_TOP = DEADLINES_ALONE.model_copy(
    update={
        "lines": (
            policy.LadderLine(
                rungs=(*DEADLINES_ALONE.lines[-1].rungs, policy.Rung(after_minutes=60, role="authority"))
            ),
        )
    }
)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url, ladder=TO_THE_TOP)
    made.duty_officer()
    made.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    made.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    yield made
    made.database.close()


@pytest.fixture
def national(here: Town) -> Actor:
    return here.actor("national_coordinator")


def climbed(here: Town, **fields: object) -> str:
    """A request whose ladder came to its last rung."""
    request_id = here.request(here.coordinator(), **fields)
    for _ in range(4):
        here.clock.turn(minutes=60)
        service.run_due(here.database)
    return request_id


def listed(here: Town, actor: Actor, closed: bool = False) -> list[RaisedDetailOut]:
    with here.database.reading() as tx:
        return [queries.raised_detail(tx, actor, one.id) for one in queries.raised_list(tx, actor, closed)]


def escalations(here: Town, subject: str) -> list[Escalation]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Escalation).where(col(Escalation.subject).startswith(subject))))


def mails(here: Town, to: str) -> list[Message]:
    with here.database.reading() as tx:
        query = select(Message).where(Message.recipient == to).order_by(col(Message.queued_at), Message.id)
        return list(tx.session.exec(query))


def ask(here: Town, actor: Actor, found: RaisedDetailOut, hours: float = 24, **fields: Any) -> None:
    said = {"authority": VWS, "question": "make_places", "version": found.version, **fields}
    with here.database.transaction(actor.account_id) as tx:
        shape = AskAgainIn.model_validate({**said, "answerDueAt": tx.now + timedelta(hours=hours)})
        raised.ask(tx, actor, found.id, shape)


def note(here: Town, actor: Actor, found: RaisedDetailOut) -> None:
    said = {"words": "Morgen komen er vier plekken bij.", "answeredBy": "plaatsvervangend directeur"}
    with here.database.transaction(actor.account_id) as tx:
        raised.answer(tx, actor, found.id, AnswerIn.model_validate({**said, "version": found.version}))


def close(here: Town, actor: Actor, found: RaisedDetailOut, outcome: str) -> None:
    with here.database.transaction(actor.account_id) as tx:
        raised.close(tx, actor, found.id, CloseIn.model_validate({"outcome": outcome, "version": found.version}))


def region_raised(here: Town, actor: Actor, **fields: Any) -> RaisedDetailOut:
    said = {"region": "VR17", "authority": VWS, "question": "make_places", **fields}
    with here.database.transaction(actor.account_id) as tx:
        shape = RaiseIn.model_validate({"answerDueAt": tx.now + timedelta(hours=24), **said})
        made = raised.raise_to(tx, actor, shape)
    return next(one for one in listed(here, actor) if one.id == made)


def test_the_last_rung_tells_no_authority_and_asks_the_national_coordinator_once(here: Town, national: Actor) -> None:
    request_id = climbed(here)
    (found,) = listed(here, national)
    assert (found.state, found.region, found.authority) == ("proposed", "VR17", None)
    assert [(step.act, step.by) for step in found.steps] == [("proposed", None)], "a rung asked for it"
    with here.database.reading() as tx:
        (rang,) = tx.session.exec(select(Alarm).where(Alarm.role == "authority"))
        assert (rang.result, rang.reached) == ("withheld", 0)
        outside = tx.session.exec(select(func.count()).where(col(CompetentAuthority.email).is_not(None))).one()
        code = tx.session.get_one(PlacementRequest, request_id).short_code
    assert outside == 0
    (told,) = [one for one in mails(here, "body-national_coordinator@example.org") if one.about == "raised:proposed"]
    assert code not in told.subject + told.body, "numbers only"
    assert request_id not in found.model_dump_json()


def test_asked_answered_and_closed_with_the_answer_on_record(here: Town, national: Actor) -> None:
    climbed(here)
    (found,) = listed(here, national)
    ask(here, national, found)
    (asked,) = listed(here, national)
    assert (asked.state, asked.authority_name) == ("asked", "Ministerie van Volksgezondheid, Welzijn en Sport")
    assert (asked.facts["waiting"], asked.facts["overdue"], asked.facts["free"]) == (1, 1, 0)
    with pytest.raises(Conflict, match="not_closed_so"):
        close(here, national, asked, "granted")
    here.clock.turn(hours=2)
    note(here, national, asked)
    (answered,) = listed(here, national)
    close(here, national, answered, "partly")
    assert listed(here, national) == []
    (closed,) = listed(here, national, closed=True)
    assert (closed.state, closed.outcome) == ("closed", "partly")
    assert [step.act for step in closed.steps] == ["proposed", "asked", "answered", "closed"]
    assert closed.steps[2].words == "Morgen komen er vier plekken bij."
    assert closed.steps[2].answered_by == "plaatsvervangend directeur"
    with here.database.reading() as tx:
        kept = "".join(entry.data for entry in journal.of_subject(tx.session, f"raised:{found.id}"))
    assert "plekken" not in kept, "words are on record, and not in the journal"


def test_an_answer_that_does_not_come_rings_the_national_coordinator_until_it_is_there(
    here: Town, national: Actor
) -> None:
    found = region_raised(here, national)
    here.clock.turn(hours=23, minutes=59)
    service.run_due(here.database)
    assert escalations(here, "raised:") == []
    here.clock.turn(minutes=1)
    service.run_due(here.database)
    (rings,) = escalations(here, f"raised:{found.id}")
    assert (rings.trigger, rings.due_at) == ("decision_overdue", found.answer_due_at)
    with here.database.reading() as tx:
        rungs = tx.session.exec(select(Alarm).where(Alarm.escalation_id == rings.id).order_by(col(Alarm.rung)))
        results = [(one.role, one.result) for one in rungs]
    assert results[-1] == ("national_coordinator", None), "everybody else is passed over at once"
    assert {result for _, result in results[:-1]} == {"skipped"}
    here.clock.turn(hours=-3)
    service.run_due(here.database)
    here.clock.turn(hours=3)
    service.run_due(here.database)
    assert len(escalations(here, "raised:")) == 1, "a clock put back rings nothing again"
    here.clock.turn(minutes=1)
    ask(here, national, listed(here, national)[0], hours=8)
    service.run_due(here.database)
    assert escalations(here, "raised:")[0].ended_at is not None, "it was asked again"
    here.clock.turn(hours=8)
    service.run_due(here.database)
    assert len(escalations(here, "raised:")) == 2
    note(here, national, listed(here, national)[0])
    service.run_due(here.database)
    assert all(one.ended_at for one in escalations(here, "raised:"))


def test_the_authority_is_reminded_once_and_reads_no_figures(here: Town, national: Actor) -> None:
    with here.database.transaction(national.account_id) as tx:
        shape = AuthorityIn.model_validate({"kind": "municipality", "name": "Gemeente Proef", "region": "VR17"})
        made = raised.add_authority(tx, national, shape)
        mailed = shape.model_copy(update={"email": "gezag@example.org"})
        raised.change_authority(tx, national, made, mailed)
        with pytest.raises(Conflict, match="authority_known"):
            raised.add_authority(tx, national, shape)
    here.request(here.coordinator())
    region_raised(here, national, authority=made, mail=True)
    for _ in range(30):
        here.clock.turn(hours=1)
        raised.remind_due(here.database)
    sent = mails(here, "gezag@example.org")
    assert [one.subject.partition(" ")[0] for one in sent] == ["Verzoek", "Herinnering:"]
    for one in sent:
        assert "Rotterdam-Rijnmond" in one.subject
        bare, dates = re.subn(r"\d\d-\d\d-\d{4} \d\d:\d\d", "", one.body)
        assert dates == 1
        assert not re.search(r"\d", bare), "no counts leave, only until when an answer is asked"
    (found,) = listed(here, national)
    assert [step.act for step in found.steps] == ["asked", "reminded"]


def test_what_was_closed_comes_back_with_its_cause_within_its_days(here: Town, national: Actor) -> None:
    found = region_raised(here, national)
    note(here, national, found)
    close(here, national, listed(here, national)[0], "granted")
    here.clock.turn(days=2)
    with here.database.transaction() as tx:
        policy.write(tx, TO_THE_TOP.model_copy(update={"capacity_floor": 0}), "counted")
    here.request(here.coordinator(), urgency="planned")
    service.run_due(here.database)
    (back,) = listed(here, national)
    assert (back.id, back.state, back.outcome, back.rings) == (found.id, "returned", None, True)
    assert back.steps[-1].act == "returned"
    assert [one.about for one in mails(here, "body-national_coordinator@example.org")] == ["raised:returned"]
    ask(here, national, back)
    note(here, national, listed(here, national)[0])
    close(here, national, listed(here, national)[0], "refused")
    here.clock.turn(days=31)
    with here.database.transaction() as tx:
        tx.session.execute(update(Escalation).values(ended_at=tx.now - timedelta(days=30)))
    service.run_due(here.database)
    assert found.id not in {one.id for one in listed(here, national)}, "after a month it is another shortage"


def test_a_cause_that_is_over_needs_nobody_to_be_asked(here: Town, national: Actor) -> None:
    request_id = climbed(here)
    coordinator = here.coordinator()
    with here.database.transaction(coordinator.account_id) as tx:
        version = tx.session.get_one(PlacementRequest, request_id).version
        intake.close(tx, coordinator, request_id, Outcome.OWN_SOLUTION, version)
    service.run_due(here.database)
    assert listed(here, national) == []
    (closed,) = listed(here, national, closed=True)
    assert (closed.outcome, closed.steps[-1].by) == ("over", None)


def test_investigators_are_never_asked_about_who_refuses_the_police(here: Town, national: Actor) -> None:
    climbed(here, refusesPolice=True)
    (found,) = listed(here, national)
    with pytest.raises(Invalid) as refused:
        ask(here, national, found, authority=POLICE)
    assert [field.code for field in refused.value.fields] == ["not_for_investigators"]
    ask(here, national, found, authority="GM0599")
    assert listed(here, national)[0].authority_name == "Gemeente Rotterdam"
    assert region_raised(here, national, authority=POLICE).state == "asked", "a region is nobody's case"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"authority": "nergens"}, "authority"),
        ({"authority": "GM0363"}, "authority"),
        ({"hours": 0}, "answerDueAt"),
        ({"hours": 24 * 93}, "answerDueAt"),
    ],
)
def test_who_decides_there_and_when_is_checked(here: Town, national: Actor, wrong: dict[str, Any], field: str) -> None:
    climbed(here)
    with pytest.raises(Invalid) as refused:
        ask(here, national, listed(here, national)[0], **wrong)
    assert [found.path for found in refused.value.fields] == [(field,)]


def test_only_the_national_coordinator_asks_and_others_see_their_region(here: Town, national: Actor) -> None:
    desk, regional = here.national_desk(), here.actor("coordinator_regional")
    found = region_raised(here, national)
    for other in (desk, regional, here.actor("piket")):
        with pytest.raises(Forbidden):
            ask(here, other, found)
        with pytest.raises(Forbidden):
            close(here, other, found, "withdrawn")
    assert [one.id for one in listed(here, desk)] == [one.id for one in listed(here, regional)] == [found.id]
    elsewhere = here.organisation("keten-VR15", OrganisationKind.CHAIN_DIRECTION, "VR15")
    here.account("regional-VR15", Role.COORDINATOR_REGIONAL, elsewhere)
    assert listed(here, here.actor("regional-VR15")) == []
    with here.database.reading() as tx, pytest.raises(NotFound):
        queries.raised_detail(tx, here.actor("regional-VR15"), found.id)


PLACING = (
    *(Verb.REQUEST_SUBMIT, Verb.REQUEST_READ, Verb.REQUEST_CHANGE, Verb.OFFER_SEND, Verb.OFFER_READ),
    *(Verb.OFFER_ANSWER, Verb.OFFER_EXTEND, Verb.OFFER_CRISIS, Verb.ADDRESS_RELEASE, Verb.STAY_READ),
    *(Verb.STAY_ARRIVE, Verb.STAY_DEPART, Verb.STAY_KEEP, Verb.BRIDGE_KEEP, Verb.CONSENT_KEEP, Verb.PLACES_KEEP),
    *(Verb.SUMMARY_READ, Verb.ALARM_CLAIM, Verb.HANDOVER_READ, Verb.HANDOVER_TAKE, Verb.NIGHT_LIST_MAKE),
)
"""Whatever places somebody, or shows who it is about."""


def test_the_national_coordinator_places_nobody_and_opens_no_case(here: Town, national: Actor) -> None:
    """Asking an authority is all they do: whatever moves a party, holds a bed or opens a case is refused, with all of
    it there to be touched."""
    coordinator, provider = here.coordinator(), here.provider()
    here.location(places=(1, 1))
    _, stay_id = here.placed(coordinator, provider)
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    here.clock.turn(minutes=61)
    service.run_due(here.database)
    rings = escalations(here, f"request:{request_id}")[0].id
    with here.database.reading() as tx:
        proposal_id = tx.session.exec(select(Proposal.id).where(Proposal.request_id == request_id)).one()
    deeds: dict[str, Callable[[Tx], object]] = {
        "send": lambda tx: placing.send_offer(tx, national, request_id, proposal_id),
        "accept": lambda tx: placing.accept(tx, national, offer_id),
        "in a crisis": lambda tx: placing.place_in_crisis(tx, national, offer_id),
        "hold longer": lambda tx: placing.extend_hold(tx, national, offer_id, 0),
        "decline": lambda tx: placing.decline(tx, national, offer_id, "other"),
        "withdraw": lambda tx: placing.withdraw_offer(tx, national, offer_id),
        "arrive": lambda tx: staying.confirm_arrival(tx, national, stay_id, 1),
        "depart": lambda tx: staying.depart(tx, national, stay_id, "own_home", 1),
        "close": lambda tx: intake.close(tx, national, request_id, Outcome.OWN_SOLUTION, 1),
        "open": lambda tx: intake.open_case(tx, national, request_id, "curiosity"),
        "take the alarm": lambda tx: service.claim(tx, national, rings),
        "name somebody": lambda tx: service.name_responsible(tx, national, rings, national.account_id),
    }
    assert [verb for verb in PLACING if Role.NATIONAL_COORDINATOR in ROLES_OF[verb]] == []
    done = []
    for name, deed in deeds.items():
        with suppress(Forbidden, NotFound), here.database.transaction(national.account_id) as tx:
            deed(tx)
            done.append(name)
    assert done == []
    with here.database.reading() as tx:
        assert tx.session.get_one(Stay, stay_id).status == "planned"
        assert tx.session.get_one(PlacementRequest, request_id).status == "offered"


def test_whoever_takes_alarms_may_ask_for_it_once(here: Town, national: Actor) -> None:
    here.request(here.coordinator())
    here.clock.turn(minutes=61)
    service.run_due(here.database)
    found, officer = escalations(here, "request:")[0], here.actor("piket")
    with here.database.transaction(officer.account_id) as tx:
        made = raised.propose(tx, officer, found.id)
    with here.database.transaction(officer.account_id) as tx, pytest.raises(Conflict, match="raised_already"):
        raised.propose(tx, officer, found.id)
    (proposed,) = listed(here, national)
    assert (proposed.id, proposed.steps[0].by) == (made, "piket")
    close(here, national, proposed, "not_raised")


def test_two_at_once_ask_once(here: Town, national: Actor) -> None:
    climbed(here)
    (found,) = listed(here, national)

    def press(_number: int) -> bool:
        try:
            ask(here, national, found)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(press, range(4))) == 1
    assert [step.act for step in listed(here, national)[0].steps] == ["proposed", "asked"]
    with here.database.reading() as tx:
        (escalation_id,) = tx.session.exec(select(RaisedEscalation.escalation_id))
    again = {"escalation": escalation_id, "authority": VWS, "question": "decide"}
    shape = RaiseIn.model_validate({**again, "answerDueAt": here.clock.at + timedelta(hours=2)})
    with here.database.transaction(national.account_id) as tx, pytest.raises(Conflict, match="asked_already"):
        raised.raise_to(tx, national, shape)


def test_every_state_has_its_endings_and_only_an_answer_tells_what_became_of_it() -> None:
    assert set(CLOSINGS) == set(RaisedState) - {RaisedState.CLOSED}
    real = {RaisedOutcome.GRANTED, RaisedOutcome.PARTLY, RaisedOutcome.REFUSED}
    assert {state for state, outcomes in CLOSINGS.items() if outcomes & real} == {RaisedState.ANSWERED}
    assert not any(RaisedOutcome.OVER in outcomes for outcomes in CLOSINGS.values()), "nobody says so by hand"
    assert RaisedState.PROPOSED not in ANSWERABLE
    assert policy.Ladder().authority_reminder_minutes < policy.Ladder().authority_answer_minutes
