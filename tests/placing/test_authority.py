"""Who must say yes, per pool and hour (domain.md §3): by hand, at every edge of the clock, and frozen at sending."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import product

import pytest
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.calendar.rules import Calendar, Period
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.notify.models import Message
from nrm.placing import consents, queries, rules, service
from nrm.placing.models import OfferAnswer
from nrm.placing.rules import INVESTIGATING, KIND_OF
from nrm.policy import Authority, Decider, OfficeHours
from nrm.registry.rules import Stance
from tests.builders import Town, town

POOLS = ("COSM", "OMM", "NLA", "MUNICIPAL")
MONDAY_NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
DST_DAYS = (date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30), date(2026, 10, 24), date(2026, 10, 25))


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def by(*capacities: str) -> tuple[Decider, ...]:
    return tuple(Decider.model_validate({"by": capacity}) for capacity in capacities)


POLICE_AT_NIGHT = Authority(deciders_after_hours={"MUNICIPAL": by("police"), "NLA": by("police", "provider")})


# --- the rule, without a database ------------------------------------------------------------------------------------


def test_by_day_and_by_night_as_the_first_version_says() -> None:
    night = MONDAY_NOON + timedelta(hours=10)
    found = {(pool, at): rules.deciders(Authority(), pool, at, False) for pool in POOLS for at in (MONDAY_NOON, night)}  # type: ignore[arg-type]
    assert found == {
        ("COSM", MONDAY_NOON): ("national_desk",),
        ("COSM", night): ("duty_officer",),
        ("OMM", MONDAY_NOON): ("national_desk", "provider"),
        ("OMM", night): ("duty_officer", "provider"),
        ("NLA", MONDAY_NOON): ("labour_inspectorate", "provider"),
        ("NLA", night): ("labour_inspectorate", "provider"),
        ("MUNICIPAL", MONDAY_NOON): ("provider",),
        ("MUNICIPAL", night): ("provider",),
    }


def test_on_christmas_the_duty_officer_decides() -> None:
    noon = datetime(2026, 12, 25, 11, 0, tzinfo=UTC)
    assert rules.deciders(Authority(), "COSM", noon, False) == ("duty_officer",)
    assert rules.deciders(Authority(), "COSM", noon + timedelta(days=3), False) == ("national_desk",)


def test_the_hours_of_the_desk_itself_tell_its_day_from_its_night() -> None:
    early = Calendar(OfficeHours(), (Period(date(2026, 1, 1), None, {"mon": (time(6), time(9))}),))
    found = [
        rules.deciders(Authority(), "COSM", MONDAY_NOON - timedelta(hours=hours), False, calendar=early)
        for hours in (0, 4)
    ]
    assert found == [("duty_officer",), ("national_desk",)]


def test_hours_stored_before_holidays_were_told_apart_stay_as_they_were() -> None:
    stored = Authority().model_dump(mode="json")
    del stored["office_hours"]["holidays"]
    assert Authority.model_validate(stored).office_hours.holidays == ()


@pytest.mark.parametrize("pool", POOLS)
def test_whatever_policy_says_no_investigative_body_decides_on_who_refuses_the_police(pool: policy.Pool) -> None:
    """Every list of one to three deciders there can be, by day and by night; and somebody always decides."""
    capacities = ("provider", "national_desk", "duty_officer", "labour_inspectorate", "police", "municipality")
    named = [pair for length in (1, 2, 3) for pair in product(capacities, repeat=length)]
    for list_of_day in named:
        authority = Authority(
            deciders={pool: by(*list_of_day)}, deciders_after_hours={pool: by(*reversed(list_of_day))}
        )
        for at in (MONDAY_NOON, MONDAY_NOON + timedelta(hours=12)):
            found, shy = (rules.deciders(authority, pool, at, refuses) for refuses in (False, True))
            assert shy
            assert not INVESTIGATING & set(shy)
            kinds = [KIND_OF.get(capacity, capacity) for capacity in shy]
            assert len(kinds) == len(set(kinds)), "nobody is asked twice"
            # Nobody who is no investigator loses a say, and where an investigator had one the desk has it.
            assert {KIND_OF.get(c, c) for c in found if c not in INVESTIGATING} <= set(kinds)
            assert not INVESTIGATING & set(found) or OrganisationKind.NATIONAL_DESK in kinds


def test_a_body_stored_before_hours_were_told_apart_means_what_it_meant(here: Town) -> None:
    old = {"deciders": {pool: [{"by": "national_desk"}] for pool in POOLS}}
    with here.database.transaction() as tx:
        version = policy.write(tx, Authority(), "to be replaced by what an older version wrote")
        row = tx.session.get_one(policy.PolicyVersion, ("authority", version))
        row.body = dict(old)
        tx.session.add(row)
        hold = tx.session.get_one(policy.PolicyVersion, ("hold", 1))
        hold.body = {"hold_minutes": hold.body["hold_minutes"], "silent_minutes": 60}
        tx.session.add(hold)
    with here.database.reading() as tx:
        _, authority = policy.current(tx, Authority)
        for pool, hours in product(POOLS, range(24)):
            assert rules.deciders(authority, pool, MONDAY_NOON + timedelta(hours=hours), False) == ("national_desk",)  # type: ignore[arg-type]
        assert policy.at_version(tx, policy.Hold, 1).minutes("OMM", "now") == 20
        assert authority.crisis_after_minutes == {}


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: OfficeHours(opens=time(17), closes=time(9)),
        lambda: OfficeHours(opens=time(9, tzinfo=UTC)),
        lambda: Decider.model_validate({"by": "trafficker"}),
        lambda: Authority(crisis_after_minutes={"MUNICIPAL": 0}),
        lambda: policy.Hold(asked_at_once_max=0),
    ],
)
def test_nonsense_is_refused(nonsense: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        nonsense()  # type: ignore[operator]


# --- an offer ---------------------------------------------------------------------------------------------------------


def rule(here: Town, authority: Authority) -> None:
    with here.database.transaction() as tx:
        policy.write(tx, authority, "for this test")


def asked(here: Town, actor: Actor, pool: str = "MUNICIPAL", region: str = "VR13", **fields: object) -> str:
    here.location(pool=pool, region=region)
    request_id = here.request(actor, **fields)
    here.match()
    return here.offer(actor, request_id)


def capacities(here: Town, offer_id: str) -> dict[str, str]:
    with here.database.reading() as tx:
        rows = tx.session.exec(select(OfferAnswer).where(OfferAnswer.offer_id == offer_id))
        return {row.by: row.organisation_id for row in rows}


def test_an_offer_keeps_who_must_answer_from_when_it_was_sent(here: Town) -> None:
    coordinator, desk, provider = here.coordinator(), here.national_desk(), here.provider()
    offer_id = asked(here, coordinator, "OMM", facts={"psychiatric": "yes"}, urgency="planned")
    rule(here, Authority(deciders={pool: by("provider") for pool in POOLS}, deciders_after_hours={}))  # type: ignore[misc]
    here.clock.turn(hours=12)
    assert set(capacities(here, offer_id)) == {"duty_officer", "provider"}
    assert [offer.authority_version for offer in here.offers()] == [1]
    assert here.accept(provider, offer_id) is None, "one of two is not enough"
    with pytest.raises(Conflict, match="already_answered"):
        here.accept(provider, offer_id)
    assert here.accept(desk, offer_id) is not None


def test_at_night_the_duty_officer_on_shift_speaks_for_the_desk_and_only_for_the_desk(here: Town) -> None:
    coordinator, officer = here.coordinator(), here.duty_officer()
    here.provider()
    offer_id = asked(here, coordinator, "COSM", residence="none")
    with here.database.transaction(officer.account_id) as tx:
        assert [offer.id for offer in service.open_offers(tx, officer)] == [offer_id]
    assert here.accept(officer, offer_id) is not None
    here.clock.turn(days=2, hours=-11)
    by_day = asked(here, coordinator, "COSM", residence="none", persons=[{"sex": "m", "age": 40}])
    with here.database.reading() as tx:
        assert queries.offers_to_answer(tx, officer) == [], "by day the desk answers itself"
    with pytest.raises(NotFound):
        here.accept(officer, by_day)


def test_off_shift_a_duty_officer_decides_nothing(here: Town) -> None:
    coordinator, officer = here.coordinator(), here.duty_officer(on_shift=False)
    here.provider()
    offer_id = asked(here, coordinator, "COSM", residence="none")
    with pytest.raises(Forbidden):
        here.accept(officer, offer_id)


def test_the_police_of_the_region_of_the_place_decide_when_so_configured(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.national_desk()
    rule(here, POLICE_AT_NIGHT)
    with pytest.raises(Conflict, match="no_authority_reachable"):
        asked(here, coordinator)
    elsewhere, there = (
        here.organisation(f"politie-{region}", OrganisationKind.POLICE, region) for region in ("VR17", "VR13")
    )
    for login, organisation in (("agent-hier", elsewhere), ("agent-daar", there)):
        here.account(login, Role.FIRST_RESPONDER, organisation)
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    assert capacities(here, offer_id) == {"police": there}
    for nobody in (here.actor("agent-hier"), provider):
        with pytest.raises(NotFound):
            here.accept(nobody, offer_id)
    assert here.accept(here.actor("agent-daar"), offer_id) is not None


def test_who_refuses_the_police_is_decided_by_the_desk_also_then(here: Town) -> None:
    coordinator, desk = here.coordinator(), here.national_desk()
    here.provider()
    rule(here, POLICE_AT_NIGHT)
    police = here.person(Role.FIRST_RESPONDER, OrganisationKind.POLICE, "VR13")
    offer_id = asked(here, coordinator, refuses_police=True)
    assert capacities(here, offer_id) == {"duty_officer": desk.organisation_id}
    with here.database.reading() as tx:
        assert queries.offers_to_answer(tx, police) == []
    with pytest.raises(NotFound):
        here.accept(police, offer_id)
    assert here.accept(desk, offer_id) is not None


def test_a_refusal_learned_late_takes_the_question_from_the_police(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider(), here.national_desk()
    rule(here, POLICE_AT_NIGHT)
    police = here.person(Role.FIRST_RESPONDER, OrganisationKind.POLICE, "VR13")
    offer_id = asked(here, coordinator)
    with here.database.transaction(coordinator.account_id) as tx:
        request = service.intake.request(tx, here.offers()[0].request_id)
        said = {"urgency": "now", "persons": [{"sex": "f", "age": 24}], "refuses_police": True, "version": 2}
        service.intake_service.amend(tx, coordinator, request.id, service.intake_service.AmendIn.model_validate(said))
    with pytest.raises(NotFound):
        here.accept(police, offer_id)
    assert service.withdraw_unfit(here.database) == 1


def test_nothing_more_is_sent_to_an_investigative_body_about_who_refuses_it_since(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider(), here.national_desk()
    inspectorate = here.organisation("inspectie", OrganisationKind.LABOUR_INSPECTORATE)
    offer_id = asked(here, coordinator, "NLA", exploitation="labour")
    assert inspectorate in unsent(here)
    with here.database.transaction(coordinator.account_id) as tx:
        said = {"urgency": "now", "persons": [{"sex": "f", "age": 24}], "refuses_police": True, "version": 2}
        shape = service.intake_service.AmendIn.model_validate({**said, "exploitation": "labour"})
        service.intake_service.amend(tx, coordinator, service.queries.offer(tx, offer_id).request_id, shape)
    assert inspectorate not in unsent(here), "what was not sent yet stays here"
    assert "org-aanbieder" in unsent(here), "the house is still asked"
    with here.database.transaction(coordinator.account_id) as tx:
        service.withdraw_offer(tx, coordinator, offer_id)
    assert inspectorate not in unsent(here), "nor does it hear that nothing is needed"
    assert "org-aanbieder" in unsent(here)


def unsent(here: Town) -> set[str]:
    """The organisations a message waits for."""
    with here.database.reading() as tx:
        addresses = set(tx.session.exec(select(Message.recipient).where(col(Message.due_at).is_not(None))))
    return {organisation for name, organisation in here.organisations.items() if f"{name}@example.org" in addresses}


def test_a_question_that_is_over_is_not_sent_any_more(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider()
    asked(here, coordinator)
    assert "org-aanbieder" in unsent(here)
    here.clock.turn(minutes=21)
    assert service.lapse_due(here.database) == 1
    assert "org-aanbieder" not in unsent(here)


# --- a yes in advance ------------------------------------------------------------------------------------------------


def consent(here: Town, actor: Actor, location_id: str, **other: object) -> str:
    said = {"urgencies": ["now", "today"], "until": date(2026, 12, 1), "handover_point": None, **other}
    with here.database.transaction(actor.account_id) as tx:
        return consents.give_consent(tx, actor, location_id, **said).id  # type: ignore[arg-type]


def test_a_yes_in_advance_places_at_once_and_says_so_on_record(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location()
    given = consent(here, provider, house)
    request_id = here.request(coordinator)
    here.match()
    here.offer(coordinator, request_id)
    assert here.status(request_id) == "accepted"
    with here.database.reading() as tx:
        (offer,) = queries.offers(tx, request_id)
        assert [(needed.by, needed.answer, needed.consented) for needed in offer.answers] == [
            ("provider", "accept", True)
        ]
        entries = journal.of_subject(tx.session, f"request:{request_id}")
        assert [entry.kind for entry in entries][-3:] == ["offer.sent", "offer.consented", "offer.accepted"]
        assert given in entries[-2].data
        assert list(journal.faults(tx.session)) == []


def test_a_yes_in_advance_is_one_s_own_only(here: Town) -> None:
    coordinator, provider, desk = here.coordinator(), here.provider(), here.national_desk()
    house = here.location(pool="OMM")
    consent(here, provider, house)
    request_id = here.request(coordinator, facts=dict.fromkeys(("addiction", "trauma"), "yes"))
    here.match()
    offer_id = here.offer(coordinator, request_id)
    assert here.status(request_id) == "awaiting_decision"
    with here.database.transaction() as tx:
        with pytest.raises(Conflict, match="already_answered"):
            service.accept(tx, provider, offer_id)
        assert service.accept(tx, desk, offer_id) is not None


@pytest.mark.parametrize(
    ("stale", "rule_of_house", "fields", "given"),
    [
        (False, {}, {"urgency": "planned"}, {}),
        (True, {}, {}, {}),
        (False, {"addiction": Stance.CONSULT}, {"facts": {"addiction": "yes"}}, {}),
        (False, {"addiction": Stance.CONSULT}, {}, {}),
        (False, {"addiction": Stance.EXCLUDES}, {}, {}),
        (False, {}, {}, {"urgencies": ["today"]}),
    ],
    ids=["other urgency", "stale figure", "consult", "consult, not known", "excludes, not known", "not this urgency"],
)
def test_where_it_does_not_fit_the_house_is_asked_as_ever(
    here: Town,
    stale: bool,
    rule_of_house: dict[str, Stance],
    fields: dict[str, object],
    given: dict[str, object],
) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(stances=rule_of_house, confirmed_minutes_ago=60 * 17 if stale else 5)
    consent(here, provider, house, **given)
    request_id = here.request(coordinator, **fields)
    here.match()
    offer_id = here.offer(coordinator, request_id, phoned=stale)
    assert here.status(request_id) == "offered"
    assert here.accept(provider, offer_id) is not None


def test_it_ends_with_its_day_and_when_it_is_taken_back_and_a_new_one_replaces_it(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(1,) * 6)
    consent(here, provider, house, until=date(2026, 11, 21))
    here.clock.turn(minutes=19, seconds=59)  # 23:59:59
    first, late, taken_back, again = (here.request(coordinator) for _ in range(4))
    here.match()
    here.offer(coordinator, first)
    assert here.status(first) == "accepted"
    here.clock.turn(seconds=1)
    here.offer(coordinator, late)
    assert here.status(late) == "offered"
    consent(here, provider, house)
    newest = consent(here, provider, house)
    with here.database.reading() as tx:
        assert [found.id for found in queries.consents_of(tx, provider.organisation_id)] == [newest]
    with here.database.transaction(provider.account_id) as tx:
        consents.revoke_consent(tx, provider, house)
        with pytest.raises(Conflict, match="no_consent"):
            consents.revoke_consent(tx, provider, house)
    here.offer(coordinator, taken_back)
    assert here.status(taken_back) == "offered"
    assert here.status(first) == "accepted", "what was given stays given"
    consent(here, provider, house)
    here.offer(coordinator, again)
    assert here.status(again) == "accepted"


def test_a_first_responder_s_request_needs_the_point_in_the_consent(here: Town) -> None:
    police, officer, provider = here.police(), here.duty_officer(), here.provider()
    house = here.location(places=(1, 1))
    consent(here, provider, house)
    asked_without = here.request(police)
    here.match()
    here.offer(officer, asked_without)
    assert here.status(asked_without) == "offered"
    consent(here, provider, house, handover_point="Ingang politiebureau")
    asked_with = here.request(police)
    here.match()
    here.offer(officer, asked_with)
    assert here.status(asked_with) == "accepted"
    with here.database.reading() as tx:
        assert queries.handover_point(tx, asked_with) == "Ingang politiebureau"


def test_who_may_say_yes_in_advance_for_what(here: Town) -> None:
    provider, other = here.provider(), here.provider("ander")
    town_hall = here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR13")
    house, far, cosm = here.location(), here.location(region="VR01"), here.location(pool="COSM")
    for actor, location_id in ((other, house), (town_hall, far), (town_hall, cosm), (provider, "no-such-house")):
        with pytest.raises(NotFound):
            consent(here, actor, location_id)
    with pytest.raises(Forbidden):
        consent(here, here.coordinator(), house)
    for wrong in (
        {"until": date(2026, 11, 20)},
        {"until": date(2027, 3, 1)},
        {"urgencies": []},
        {"urgencies": ["whenever"]},
        {"handover_point": "Mijn voordeur"},
    ):
        with pytest.raises(Invalid):
            consent(here, provider, house, **wrong)
    consent(here, town_hall, house)
    rule(here, Authority(deciders={**Authority().deciders, "MUNICIPAL": by("municipality", "provider")}))
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    assert here.status(request_id) == "awaiting_decision", "the municipality's yes was there, the house's is not"
    assert here.accept(here.provider(), offer_id) is not None
