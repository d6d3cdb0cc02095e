"""The course of a stay: aftercare, extension, blocked outflow, departure, getting there, and what follows on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from nrm import policy
from nrm.access import queries as access
from nrm.access.rules import Actor
from nrm.course import queries, rules, service
from nrm.course.models import Signal
from nrm.course.rules import AftercareItem, AftercareState
from nrm.course.schemas import AftercareIn, GettingThereIn, HandoverSummaryIn, StayCourseOut
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.escalation import queries as alarms
from nrm.escalation import service as escalation
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.placing import queries as placing_queries
from nrm.placing import staying
from nrm.registry import service as registry
from nrm.registry.models import Unit
from tests.builders import Town, town

TODAY = date(2026, 11, 21)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    yield made
    made.database.close()


def arrived(here: Town, coordinator: Actor, provider: Actor, **fields: object) -> tuple[str, str]:
    """A party that arrived: (request, stay)."""
    request_id, stay_id = here.placed(coordinator, provider, **{"days": 30, **fields})
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    service.follow_up(here.database)
    return request_id, stay_id


def course(here: Town, stay_id: str) -> StayCourseOut:
    with here.database.reading() as tx:
        return queries.stay_course(tx, stay_id)


def keep(here: Town, actor: Actor, stay_id: str, item: AftercareItem, version: int = 1, **said: object) -> None:
    shape = AftercareIn.model_validate({"state": "done", "owner": "provider", "version": version, **said})
    with here.database.transaction(actor.account_id) as tx:
        service.keep_aftercare(tx, actor, stay_id, item, shape)


def expect(here: Town, actor: Actor, stay_id: str, on: date, reason: str | None = None) -> None:
    version = course(here, stay_id).version
    with here.database.transaction(actor.account_id) as tx:
        service.expect_departure(tx, actor, stay_id, on, version, reason)


def depart(here: Town, provider: Actor, stay_id: str, destination: str, reason: str | None = None) -> None:
    with here.database.transaction(provider.account_id) as tx:
        staying.depart(tx, provider, stay_id, destination, course(here, stay_id).version, reason)


def test_the_checklist_is_set_out_once_at_the_arrival(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, stay_id = here.placed(coordinator, provider, days=30)
    assert service.follow_up(here.database) == 0
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(service.follow_up, [here.database] * 4)) == 1
    listed = course(here, stay_id).aftercare
    assert [found.item for found in listed] == list(AftercareItem)
    assert {found.state for found in listed} == {AftercareState.OPEN}
    assert listed[0].due_on == TODAY + timedelta(days=3)
    here.clock.turn(days=4)
    assert [found.item for found in course(here, stay_id).aftercare if found.overdue] == [AftercareItem.MUNICIPALITY]


def test_provider_and_owner_keep_the_checklist_and_nobody_else(here: Town) -> None:
    coordinator, provider, other = here.coordinator(), here.provider(), here.provider("ander")
    here.location()
    _, stay_id = arrived(here, coordinator, provider)
    keep(here, provider, stay_id, AftercareItem.HEALTH)
    keep(here, coordinator, stay_id, AftercareItem.B8, endsOn="2027-02-01", owner="lawyer", state="open")
    for stranger in (other, here.coordinator("VR15"), here.duty_officer()):
        with pytest.raises(NotFound):
            keep(here, stranger, stay_id, AftercareItem.LEGAL_AID)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        keep(here, coordinator, stay_id, AftercareItem.HEALTH)
    with pytest.raises(Invalid):
        keep(here, coordinator, stay_id, AftercareItem.LEGAL_AID, endsOn="2027-02-01")
    listed = {found.item: found for found in course(here, stay_id).aftercare}
    assert (listed[AftercareItem.HEALTH].state, listed[AftercareItem.HEALTH].changed_by) == ("done", "aanbieder")
    assert listed[AftercareItem.B8].ends_on == date(2027, 2, 1)
    assert listed[AftercareItem.LEGAL_AID].version == 1


def test_an_extension_past_the_maximum_needs_a_reason_and_shows(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, stay_id = arrived(here, coordinator, provider)
    last = TODAY + timedelta(days=183)
    expect(here, provider, stay_id, last)
    assert not course(here, stay_id).over_maximum
    with pytest.raises(Invalid):
        expect(here, provider, stay_id, last + timedelta(days=1))
    with pytest.raises(Invalid):
        expect(here, provider, stay_id, last + timedelta(days=1), "omdat")
    expect(here, coordinator, stay_id, last + timedelta(days=1), "health")
    found = course(here, stay_id)
    assert (found.over_maximum, found.extension_reason, found.ends_at_most) == (True, "health", last)
    with pytest.raises(Invalid):
        expect(here, provider, stay_id, TODAY - timedelta(days=1))


def test_the_maximum_is_the_pools_own(here: Town) -> None:
    body = policy.Course()
    arrived_at = datetime.fromisoformat("2026-11-21T23:30:00+00:00")  # half past midnight in Amsterdam
    assert rules.stay_ends_at_most(body, "NLA", arrived_at) == date(2026, 12, 6)
    assert rules.stay_ends_at_most(body, "COSM", arrived_at) == date(2027, 2, 22)


def test_blocked_outflow_keeps_its_cause_and_since_when(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, stay_id = arrived(here, coordinator, provider)
    begun = here.clock.at
    with here.database.transaction(provider.account_id) as tx:
        service.block(tx, provider, stay_id, "no_housing")
        with pytest.raises(Invalid):
            service.block(tx, provider, stay_id, "omdat")
    here.clock.turn(days=2)
    with here.database.transaction(coordinator.account_id) as tx:
        service.block(tx, coordinator, stay_id, "no_housing")
    found = course(here, stay_id).blockage
    assert found is not None
    assert (found.cause, found.since) == ("no_housing", begun)
    with here.database.reading() as tx:
        assert [(row.cause, row.stays) for row in queries.blocked_counts(tx, "VR13")] == [("no_housing", 1)]
        assert queries.blocked_counts(tx, "VR01") == []
    with here.database.transaction(provider.account_id) as tx:
        service.unblock(tx, provider, stay_id)
        with pytest.raises(Conflict, match="not_blocked"):
            service.unblock(tx, provider, stay_id)
    assert course(here, stay_id).blockage is None


def test_b8_stopped_is_a_reason_to_leave(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = arrived(here, coordinator, provider)
    with pytest.raises(Invalid):
        depart(here, provider, stay_id, "own_home", "omdat")
    depart(here, provider, stay_id, "asylum_reception", "b8_stopped")
    with here.database.reading() as tx:
        (stay,) = placing_queries.stays_of_request(tx, request_id)
    assert (stay.destination, stay.end_reason) == ("asylum_reception", "b8_stopped")


def test_leaving_without_a_destination_rings_once_until_somebody_learns_more(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = arrived(here, coordinator, provider)
    depart(here, provider, stay_id, "unknown")
    assert service.follow_up(here.database) == 1
    assert service.follow_up(here.database) == 0
    assert escalation.run_due(here.database) == 1
    assert escalation.end_over(here.database) == 0, "although the request is closed"
    with here.database.reading() as tx:
        (alarm,) = alarms.live_alarms(tx, here.duty_officer())
        assert alarm.trigger == "no_destination"
    version = course(here, stay_id).version
    with here.database.transaction(coordinator.account_id) as tx:
        for nothing in ("unknown", "omdat"):
            with pytest.raises(Invalid):
                service.learn_destination(tx, coordinator, stay_id, nothing, version)
        service.learn_destination(tx, coordinator, stay_id, "missing_reported", version)
    assert service.follow_up(here.database) == 0
    assert escalation.end_over(here.database) == 1
    with here.database.reading() as tx:
        assert [signal.request_id for signal in tx.session.exec(select(Signal))] == [request_id]


def test_leaving_to_somewhere_rings_nothing(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, stay_id = arrived(here, coordinator, provider)
    depart(here, provider, stay_id, "family")
    assert service.follow_up(here.database) == 0
    assert escalation.run_due(here.database) == 0


# Getting there


def go(here: Town, actor: Actor, stay_id: str, **said: object) -> None:
    shape = GettingThereIn.model_validate({"driver": "taxi", **said})
    with here.database.transaction(actor.account_id) as tx:
        service.get_there(tx, actor, stay_id, shape)


def test_both_sides_agree_how_a_party_comes(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(handover_points=("Ingang politiebureau", "Balie ziekenhuis"))
    _, stay_id = here.placed(coordinator, provider)
    at = here.clock.at + timedelta(hours=2)
    go(here, coordinator, stay_id, interpreter="bg", escort=True, handoverPoint="Balie ziekenhuis", handoverAt=at)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        go(here, provider, stay_id, driver="shelter")
    go(here, provider, stay_id, driver="shelter", handoverAt=at, version=1)
    found = course(here, stay_id)
    assert found.getting_there is not None
    assert (found.getting_there.driver, found.getting_there.handover_at) == ("shelter", at)
    assert found.handover_point == "Balie ziekenhuis"


@pytest.mark.parametrize(
    "wrong",
    [
        {"handoverPoint": "Verzonnenlaan 1"},
        {"interpreter": "xx"},
        {"handoverAt": "2026-11-22T03:00:00"},
        {"handoverAt": "2029-11-22T03:00:00Z"},
    ],
)
def test_a_point_is_one_of_the_list_and_never_an_address(here: Town, wrong: dict[str, object]) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, stay_id = here.placed(coordinator, provider)
    with pytest.raises(Invalid):
        go(here, coordinator, stay_id, **wrong)
    assert course(here, stay_id).getting_there is None


def test_after_the_arrival_there_is_nothing_to_agree(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, stay_id = arrived(here, coordinator, provider)
    with pytest.raises(Conflict, match="not_expected_any_more"):
        go(here, provider, stay_id)


def test_why_nobody_came_is_coded(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = here.placed(coordinator, provider)
    with here.database.transaction(provider.account_id) as tx:
        with pytest.raises(Invalid):
            staying.not_arrived(tx, provider, stay_id, 1, "omdat")
        staying.not_arrived(tx, provider, stay_id, 1, "no_transport")
    with here.database.reading() as tx:
        assert [stay.end_reason for stay in placing_queries.stays_of_request(tx, request_id)] == ["no_transport"]


# What follows on


def next_of(here: Town, request_id: str) -> str | None:
    with here.database.reading() as tx:
        found = queries.follow_on(tx, request_id)
        return found.request_id if found else None


def test_an_emergency_placement_opens_its_follow_on_and_the_needs_travel(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(region="VR13")
    said = {
        "days": 3,
        "persons": [{"sex": "f", "age": 26, "parent": True}, {"sex": "m", "age": 4}],
        "facts": {"trauma": "yes", "addiction": "no"},
        "wishes": ["lang:bg"],
        "needs": ["baby_cot"],
        "unsafe": [{"region": "VR17", "reason": "family"}],
        "refusesPolice": True,
        "residence": "eu",
    }
    here.location(places=(4,))
    with here.database.transaction() as tx:
        # a cot in every room, so that somebody fits
        for unit in tx.session.exec(select(Unit)):
            unit.offers = ["baby_cot"]
            tx.session.add(unit)
    request_id, _ = arrived(here, coordinator, provider, **said)
    follow_on = next_of(here, request_id)
    assert follow_on is not None
    with here.database.reading() as tx:
        before, after = intake.detail(tx, request_id), intake.detail(tx, follow_on)
        assert after.persons == before.persons
        assert (after.facts, after.unsafe) == (before.facts, before.unsafe)
        for same in ("needs", "wishes", "refuses_police", "residence", "owner_organisation_id", "owner_account_id"):
            assert getattr(after.request, same) == getattr(before.request, same), same
        assert after.request.needed_from.date() == TODAY + timedelta(days=3)
        assert after.request.deadline_at == after.request.needed_from
    here.match()
    assert here.status(follow_on) in {"open", "proposed"}


def test_it_opens_once_however_many_workers_look(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = here.placed(coordinator, provider, days=3)
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(service.follow_up, [here.database] * 4))
    with here.database.transaction(coordinator.account_id) as tx, pytest.raises(Conflict, match="follow_on_exists"):
        service.open_follow_on(tx, coordinator, request_id)
    with here.database.reading() as tx:
        found = select(PlacementRequest.id).where(PlacementRequest.continues_id == request_id)
        assert len(tx.session.exec(found).all()) == 1


def test_a_long_placement_gets_one_only_when_its_owner_asks(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, _ = arrived(here, coordinator, provider, days=30)
    assert next_of(here, request_id) is None
    with here.database.transaction(provider.account_id) as tx, pytest.raises(Forbidden):
        service.open_follow_on(tx, provider, request_id)
    with here.database.transaction(coordinator.account_id) as tx:
        service.open_follow_on(tx, coordinator, request_id)
    assert next_of(here, request_id) is not None


def test_the_first_responder_who_asked_does_not_follow_what_comes_after(here: Town) -> None:
    police, officer, provider = here.police(), here.duty_officer(), here.provider()
    here.location()
    request_id = here.request(police, days=3)
    here.match()
    stay_id = here.accept(provider, here.offer(officer, request_id), "Ingang politiebureau")
    assert stay_id is not None
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    service.follow_up(here.database)
    follow_on = next_of(here, request_id)
    assert follow_on is not None
    with here.database.reading() as tx:
        assert [found.id for found in intake.visible(tx, police)] == [request_id]


def test_who_must_be_kept_apart_stays_apart_in_the_next_place(here: Town) -> None:
    """The other side named the first request. It holds for the follow-on too, in both directions."""
    coordinator, provider = here.coordinator(), here.provider()
    here.location(region="VR13", places=(1,))
    request_id, _ = arrived(here, coordinator, provider, days=3)
    follow_on = next_of(here, request_id)
    assert follow_on is not None
    with here.database.reading() as tx:
        code = intake.request(tx, request_id).short_code
    second_house = here.location(region="VR17", places=(1, 1))
    kept = here.request(here.coordinator("VR15"), region="VR17", apart=[code])
    here.match()
    other_stay = here.accept(provider, here.offer(here.coordinator("VR15"), kept))
    assert other_stay is not None
    with here.database.reading() as tx:
        assert placing_queries.stay(tx, other_stay).location_id == second_house
    here.match()
    assert second_house not in here.proposals(follow_on)

    # And the other way round: the party moves on, and whoever named its old code is kept away from the new house.
    third_house = here.location(region="VR01", places=(1, 1))
    here.clock.turn(days=3)
    with here.database.transaction(provider.account_id) as tx:
        registry.confirm_unchanged(tx, provider, third_house)
    here.match()
    assert here.proposals(follow_on)[0] == third_house
    assert here.accept(provider, here.offer(coordinator, follow_on)) is not None
    late = here.request(here.coordinator("VR15"), region="VR01", apart=[code])
    here.match()
    assert third_house not in here.proposals(late)


def test_the_summary_goes_from_house_to_house_only(here: Town) -> None:
    coordinator, first, second = here.coordinator(), here.provider("eerste"), here.provider("tweede")
    here.location("eerste", region="VR17", places=(1,))
    request_id, stay_id = arrived(here, coordinator, first, days=3)
    here.location("tweede", region="VR17", places=(1,))
    follow_on = next_of(here, request_id)
    assert follow_on is not None
    shape = HandoverSummaryIn.model_validate({"facts": {"trauma": "yes"}, "wishes": ["lang:bg"]})
    with here.database.transaction(first.account_id) as tx:
        with pytest.raises(Invalid):
            service.write_summary(tx, first, stay_id, HandoverSummaryIn.model_validate({"facts": {"verhaal": "yes"}}))
        service.write_summary(tx, first, stay_id, shape)
    here.match()
    offer_id = here.offer(coordinator, follow_on)
    next_stay = here.accept(second, offer_id)
    assert next_stay is not None
    with here.database.transaction(second.account_id) as tx:
        told = service.read_summary(tx, second, next_stay)
    assert told is not None
    assert (told.facts, told.wishes) == ({"trauma": "yes"}, ["lang:bg"])
    with here.database.reading() as tx:
        (read,) = access.reads_of(tx, f"summary:{next_stay}")
        assert read.account_id == second.account_id
    for stranger in (coordinator, here.duty_officer(), first):
        with here.database.transaction(stranger.account_id) as tx, pytest.raises((Forbidden, NotFound)):
            service.read_summary(tx, stranger, next_stay)
    with here.database.transaction(second.account_id) as tx, pytest.raises(NotFound):
        service.write_summary(tx, second, stay_id, shape)
    # And no longer than the party stays.
    with here.database.transaction(second.account_id) as tx:
        staying.confirm_arrival(tx, second, next_stay, 1)
        staying.depart(tx, second, next_stay, "own_home", 2)
        with pytest.raises(NotFound):
            service.read_summary(tx, second, next_stay)


@pytest.mark.parametrize("needed_from", [None, "2026-11-23T09:00:00Z"])
def test_more_learned_of_whoever_waits_for_the_next_place_leaves_it_ringing_when_that_is_needed(
    here: Town, needed_from: str | None
) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, _ = arrived(here, coordinator, provider, days=1)
    follow_on = next_of(here, request_id)
    assert follow_on is not None
    said = {"urgency": "planned", "persons": [{"sex": "f", "age": 24}], "neededFrom": needed_from, "version": 1}
    with here.database.transaction(coordinator.account_id) as tx:
        needed = intake.request(tx, follow_on).needed_from
        intake_service.amend(tx, coordinator, follow_on, intake_service.AmendIn.model_validate(said))
        found = intake.request(tx, follow_on)
        expected = datetime.fromisoformat(needed_from) if needed_from else needed
        assert (found.needed_from, found.deadline_at) == (expected, expected)
