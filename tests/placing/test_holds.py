"""How long a place is held, how it is held longer, and the short path of a crisis with its approval afterwards."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlmodel import select

from nrm import journal, policy
from nrm.access.rules import Actor, OrganisationKind
from nrm.errors import Conflict, Forbidden, Invalid, NotFound, NrmError
from nrm.intake import service as requests
from nrm.intake.schemas import AmendIn
from nrm.placing import queries, reviews, service
from nrm.placing.models import OfferAnswer
from nrm.policy import Authority, Decider, Hold
from nrm.registry import service as keeping
from nrm.registry.rules import Basis, Stance
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def rule(here: Town, body: policy.Policy) -> None:
    with here.database.transaction() as tx:
        policy.write(tx, body, "for this test")


def asked(here: Town, actor: Actor, pool: str = "MUNICIPAL", **fields: object) -> str:
    here.location(pool=pool)
    request_id = here.request(actor, **fields)
    here.match()
    return here.offer(actor, request_id)


def minutes_held(here: Town) -> float:
    (offer,) = here.offers()
    return (offer.hold_until - offer.sent_at) / timedelta(minutes=1)


@pytest.mark.parametrize(
    ("pool", "urgency", "minutes"),
    [("MUNICIPAL", "now", 20), ("OMM", "now", 30), ("OMM", "today", 60), ("OMM", "soon", 240), ("COSM", "now", 20)],
)
def test_a_hold_is_as_long_as_pool_and_urgency_say(here: Town, pool: str, urgency: str, minutes: int) -> None:
    coordinator = here.coordinator()
    here.provider(), here.national_desk()
    asked(here, coordinator, pool, urgency=urgency)
    assert minutes_held(here) == minutes


def extend(here: Town, actor: Actor, offer_id: str, seen: int) -> None:
    with here.database.transaction(actor.account_id) as tx:
        service.extend_hold(tx, actor, offer_id, seen)


def test_either_side_may_hold_it_longer_so_often_and_no_more(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    offer_id = asked(here, coordinator)
    extend(here, provider, offer_id, 0)
    assert minutes_held(here) == 35
    with pytest.raises(Conflict, match="changed_meanwhile"):
        extend(here, coordinator, offer_id, 0)
    extend(here, coordinator, offer_id, 1)
    with pytest.raises(Conflict, match="extended_enough"):
        extend(here, provider, offer_id, 2)
    here.clock.turn(minutes=49, seconds=59)
    assert service.lapse_due(here.database) == 0
    with here.database.transaction(provider.account_id) as tx:
        (seen,) = service.open_offers(tx, provider)
        assert (seen.extensions, seen.extensions_left, seen.seconds_left) == (2, 0, 1)
        entries = [e for e in journal.after(tx.session, 0, 1000) if e.kind == "offer.extended"]
        assert [('"by":"owner"' in e.data, '"by":"provider"' in e.data) for e in entries] == [
            (False, True),
            (True, False),
        ]
    here.clock.turn(seconds=1)
    assert service.lapse_due(here.database) == 1


def test_nobody_else_holds_it_longer_and_what_is_over_stays_over(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider()
    offer_id = asked(here, coordinator)
    for actor in (here.coordinator("VR15"), here.provider("ander"), here.duty_officer(), here.police()):
        with pytest.raises(NotFound):
            extend(here, actor, offer_id, 0)
    here.clock.turn(minutes=20)
    with pytest.raises(Conflict, match="offer_over"):  # over, though nobody has let it lapse yet
        extend(here, coordinator, offer_id, 0)


def test_many_taps_at_once_are_one_extension(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    offer_id = asked(here, coordinator)
    gate, told = Barrier(8), []

    def run(actor: Actor) -> None:
        gate.wait(30)
        try:
            extend(here, actor, offer_id, 0)
            told.append("done")
        except NrmError as refusal:
            told.append(refusal.code)

    threads = [Thread(target=run, args=(actor,)) for actor in (coordinator, provider) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(told) == ["changed_meanwhile"] * 7 + ["done"]
    assert minutes_held(here) == 35


def test_an_offer_keeps_the_rules_it_was_sent_under(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider()
    offer_id = asked(here, coordinator)
    rule(here, Hold(extensions_max=0, extension_minutes=1))
    extend(here, coordinator, offer_id, 0)
    assert minutes_held(here) == 35


# --- a crisis ---------------------------------------------------------------------------------------------------

DECIDERS = {**Authority().deciders, "MUNICIPAL": (Decider(by="national_desk"), Decider(by="provider"))}
OPEN = Authority(deciders=DECIDERS, crisis_after_minutes={"MUNICIPAL": 10})  # type: ignore[arg-type]


def place(here: Town, actor: Actor, offer_id: str, point: str | None = None) -> str:
    with here.database.transaction(actor.account_id) as tx:
        return service.place_in_crisis(tx, actor, offer_id, point).id


def judge(here: Town, actor: Actor, offer_id: str, approved: bool) -> None:
    with here.database.transaction(actor.account_id) as tx:
        reviews.approve_afterwards(tx, actor, offer_id, approved)


def rows(here: Town, offer_id: str) -> dict[str, OfferAnswer]:
    with here.database.reading() as tx:
        found = tx.session.exec(select(OfferAnswer).where(OfferAnswer.offer_id == offer_id)).all()
        tx.session.expunge_all()
        return {row.by: row for row in found}


def test_the_path_is_closed_unless_policy_opens_it(here: Town) -> None:
    coordinator, officer = here.coordinator(), here.duty_officer()
    here.provider()
    rule(here, Authority(deciders=DECIDERS))  # type: ignore[arg-type]
    offer_id = asked(here, coordinator)
    rule(here, OPEN)
    here.clock.turn(minutes=19)
    with pytest.raises(Conflict, match="no_crisis_path"):  # the offer keeps the policy it was sent under
        place(here, officer, offer_id)


@pytest.mark.parametrize("approved", [True, False])
def test_placed_on_a_spoken_yes_and_judged_afterwards(here: Town, approved: bool) -> None:
    coordinator, officer, provider, desk = (
        here.coordinator(),
        here.duty_officer(),
        here.provider(),
        here.national_desk(),
    )
    rule(here, OPEN)
    offer_id = asked(here, coordinator)
    here.clock.turn(minutes=9, seconds=59)
    with pytest.raises(Conflict, match="no_crisis_path"):
        place(here, officer, offer_id)
    here.clock.turn(seconds=1)
    for actor in (coordinator, provider, desk):
        with pytest.raises(Forbidden):
            place(here, actor, offer_id)
    assert place(here, officer, offer_id)
    answers = rows(here, offer_id)
    assert (answers["provider"].answer, answers["provider"].spoken) == ("accept", True)
    assert answers["provider"].account_id == officer.account_id
    missing = answers["national_desk"]
    assert (missing.answer, missing.afterwards) == (None, True)
    assert missing.approval_due_at == here.clock.at + timedelta(hours=12)
    with here.database.transaction(desk.account_id) as tx:
        (approval,) = reviews.open_approvals(tx, desk)
        assert approval.offer_id == offer_id
        assert queries.approvals(tx, provider) == []
    with pytest.raises(NotFound):
        judge(here, provider, offer_id, True)
    judge(here, desk, offer_id, approved)
    with pytest.raises(Conflict, match="already_answered"):
        judge(here, desk, offer_id, not approved)
    answers = rows(here, offer_id)
    assert answers["national_desk"].answer == ("accept" if approved else "decline")
    assert answers["national_desk"].approval_due_at is None
    assert answers["provider"].spoken, "both answers stay on record"
    request_id = here.offers()[0].request_id
    assert here.status(request_id) == "accepted", "a judgement undoes nothing"
    with here.database.reading() as tx:
        kinds = [entry.kind for entry in journal.of_subject(tx.session, f"request:{request_id}")]
    assert kinds[-3:] == ["offer.crisis", "offer.accepted", "offer.approved" if approved else "offer.disapproved"]


def test_a_provider_that_said_no_is_never_placed_with(here: Town) -> None:
    coordinator, officer, provider = here.coordinator(), here.duty_officer(), here.provider()
    rule(here, OPEN)
    offer_id = asked(here, coordinator)
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "other")
    here.clock.turn(minutes=11)
    with pytest.raises(Conflict, match="offer_over"):
        place(here, officer, offer_id)


def test_whoever_can_wait_waits(here: Town) -> None:
    coordinator, officer = here.coordinator(), here.duty_officer()
    here.provider()
    rule(here, OPEN)
    offer_id = asked(here, coordinator, urgency="today")
    here.clock.turn(minutes=40)
    with pytest.raises(Conflict, match="no_crisis_path"):
        place(here, officer, offer_id)


def test_hard_rules_hold_in_a_crisis_too(here: Town) -> None:
    coordinator, officer, provider = here.coordinator(), here.duty_officer(), here.provider()
    rule(here, OPEN)
    offer_id = asked(here, coordinator, facts={"addiction": "yes"})
    house = here.offers()[0].location_id
    here.clock.turn(minutes=11)
    with here.database.transaction(provider.account_id) as tx:
        keeping.set_rule(tx, provider, house, "addiction", Stance.EXCLUDES, Basis.STAFFING, "vol")
    with pytest.raises(Conflict, match="no_longer_fits"):
        place(here, officer, offer_id)
    assert rows(here, offer_id)["provider"].answer is None, "nothing half-done stays behind"


def test_who_refuses_the_police_is_not_placed_past_that(here: Town) -> None:
    coordinator, officer = here.coordinator(), here.duty_officer()
    here.provider(), here.police(OrganisationKind.LABOUR_INSPECTORATE)
    rule(here, Authority(crisis_after_minutes={"NLA": 10}))
    offer_id = asked(here, coordinator, "NLA", exploitation="labour", residence="none")
    request_id = here.offers()[0].request_id
    with here.database.transaction(coordinator.account_id) as tx:
        said = {"urgency": "now", "persons": [{"sex": "f", "age": 24}], "exploitation": "labour", "residence": "none"}
        shape = AmendIn.model_validate({**said, "refuses_police": True, "version": 2})
        requests.amend(tx, coordinator, request_id, shape)
    here.clock.turn(minutes=11)
    with pytest.raises(Conflict, match="no_longer_fits"):
        place(here, officer, offer_id)


def test_off_shift_nobody_places_and_a_handover_point_is_needed_here_too(here: Town) -> None:
    police, officer = here.police(), here.duty_officer()
    here.provider()
    rule(here, OPEN)
    here.location()
    request_id = here.request(police)
    here.match()
    offer_id = here.offer(officer, request_id)
    here.clock.turn(minutes=11)
    with pytest.raises(Invalid):
        place(here, officer, offer_id)
    with pytest.raises(Invalid):
        place(here, officer, offer_id, "Mijn voordeur")
    with here.database.transaction(officer.account_id) as tx:
        service.access.open_shift(tx, officer.account_id).ended_at = tx.now  # type: ignore[union-attr]
    with pytest.raises(Forbidden):
        place(here, here.duty_officer(on_shift=False), offer_id, "Ingang politiebureau")
    assert place(here, here.duty_officer(), offer_id, "Ingang politiebureau")
