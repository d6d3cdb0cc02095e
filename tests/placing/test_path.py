"""From a call in the night to a bed, through the services, on both engines."""

from collections.abc import Iterator

import pytest

from nrm import journal
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.placing import queries, service, staying
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from nrm.registry.rules import Basis, PlaceState, Stance
from tests.builders import KEY, Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def states(here: Town, location_id: str) -> list[PlaceState]:
    with here.database.reading() as tx:
        view = registry.locations(tx, location_id=location_id)[0]
        return [place.state for unit in view.units for place in unit.places]


def test_from_request_to_departure(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    near = here.location(region="VR17")
    far = here.location(region="VR13")
    request_id = here.request(coordinator, unsafe=[{"region": "VR17"}])
    here.match()
    assert here.proposals(request_id) == [far]
    assert here.status(request_id) == "proposed"

    offer_id = here.offer(coordinator, request_id)
    assert states(here, far) == [PlaceState.HELD, PlaceState.FREE]
    assert here.status(request_id) == "offered"

    stay_id = here.accept(provider, offer_id)
    assert stay_id is not None
    assert states(here, far) == [PlaceState.OCCUPIED, PlaceState.FREE]
    with here.database.transaction(coordinator.account_id) as tx:
        address = staying.release_address(tx, coordinator, KEY, stay_id, "bring_there", step_up_minutes=10)
    assert "CANARY-002" in address

    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, version=1)
    assert here.status(request_id) == "placed"
    with here.database.transaction(provider.account_id) as tx:
        staying.depart(tx, provider, stay_id, "own_home", version=2)
    assert here.status(request_id) == "closed"
    assert states(here, far) == [PlaceState.FREE, PlaceState.FREE]
    assert states(here, near) == [PlaceState.FREE, PlaceState.FREE]
    with here.database.reading() as tx:
        assert list(journal.faults(tx.session)) == []
        kinds = [entry.kind for entry in journal.of_subject(tx.session, f"request:{request_id}")]
    assert kinds == [
        "request.submitted",
        "offer.sent",
        "offer.answered",
        "offer.accepted",
        "address.released",
        "stay.arrived",
        "stay.departed",
    ]


def test_declined_then_placed_elsewhere(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    first, second = here.location(region="VR17"), here.location(region="VR13")
    request_id = here.request(coordinator)
    here.match()
    assert here.proposals(request_id) == [first, second]
    offer_id = here.offer(coordinator, request_id)
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "no_staff")
    assert states(here, first) == [PlaceState.FREE, PlaceState.FREE]
    here.match()
    assert here.proposals(request_id) == [second]
    assert here.accept(provider, here.offer(coordinator, request_id)) is not None


def test_a_hold_lapses_by_itself_and_the_silent_house_sits_out_a_while(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    first, second = here.location(region="VR17"), here.location(region="VR13")
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    here.clock.turn(minutes=19, seconds=59)
    assert service.lapse_due(here.database) == 0
    here.clock.turn(seconds=1)
    with pytest.raises(Conflict, match="offer_over"):
        here.accept(provider, offer_id)
    assert service.lapse_due(here.database) == 1
    assert service.lapse_due(here.database) == 0
    assert states(here, first) == [PlaceState.FREE, PlaceState.FREE]
    here.match()
    assert here.proposals(request_id) == [second]
    here.clock.turn(minutes=60)
    here.match()
    # Back among the proposals, but the one people already see stays first: stability goes above distance.
    assert here.proposals(request_id) == [second, first]


def test_two_coordinators_want_the_last_place(here: Town) -> None:
    one, two = here.coordinator("VR17"), here.coordinator("VR15")
    here.provider()
    last = here.location(region="VR16", places=(1,))
    other = here.location(region="VR01", places=(1,))
    first = here.request(one, region="VR17")
    second = here.request(two, region="VR15")
    here.match()
    ranks = {request: here.proposals(request).index(last) + 1 for request in (first, second)}
    here.offer(one, first, ranks[first])
    with pytest.raises(Conflict, match="places_taken"):
        here.offer(two, second, ranks[second])
    here.match()
    assert here.proposals(second) == [other]


def test_an_exclusion_set_after_the_offer_bars_the_acceptance(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    location_id = here.location()
    request_id = here.request(coordinator, facts={"addiction": "yes"})
    here.match()
    offer_id = here.offer(coordinator, request_id)
    with here.database.transaction(provider.account_id) as tx:
        keeping.set_rule(tx, provider, location_id, "addiction", Stance.EXCLUDES, Basis.STAFFING, "geen nachtdienst")
    with pytest.raises(Conflict, match="no_longer_fits") as refused:
        here.accept(provider, offer_id)
    assert refused.value.reasons == ("excludes:addiction",)
    assert service.withdraw_unfit(here.database) == 1
    assert here.status(request_id) in {"open", "proposed"}
    assert states(here, location_id) == [PlaceState.FREE, PlaceState.FREE]


def test_cosm_is_decided_by_the_desk_and_omm_by_both(here: Town) -> None:
    coordinator, provider, desk = here.coordinator(), here.provider(), here.national_desk()
    here.location(pool="COSM", region="VR13")
    request_id = here.request(coordinator, residence="none")
    here.match()
    offer_id = here.offer(coordinator, request_id)
    with pytest.raises(NotFound):
        here.accept(provider, offer_id)
    assert here.accept(desk, offer_id) is not None

    here.location(pool="OMM", region="VR13")
    request_id = here.request(coordinator, residence="dutch", facts={"psychiatric": "yes"})
    here.match()
    offer_id = here.offer(coordinator, request_id)
    assert here.accept(provider, offer_id) is None
    assert here.status(request_id) == "awaiting_decision"
    assert here.accept(desk, offer_id) is not None


def test_a_first_responder_gets_a_handover_point_and_the_duty_officer_the_address(here: Town) -> None:
    police, officer, provider = here.police(), here.duty_officer(), here.provider()
    here.location()
    request_id = here.request(police)
    here.match()
    offer_id = here.offer(officer, request_id)
    with pytest.raises(Invalid):
        here.accept(provider, offer_id)
    stay_id = here.accept(provider, offer_id, "Ingang politiebureau")
    assert stay_id is not None
    with here.database.reading() as tx:
        assert queries.handover_point(tx, request_id) == "Ingang politiebureau"
    for nobody in (police, provider):
        with here.database.transaction(nobody.account_id) as tx, pytest.raises((Forbidden, NotFound)):
            staying.release_address(tx, nobody, KEY, stay_id, "bring_there", step_up_minutes=10)
    with here.database.transaction(officer.account_id) as tx:
        assert "CANARY" in staying.release_address(tx, officer, KEY, stay_id, "bring_there", step_up_minutes=10)


def test_stale_figures_ask_for_a_call_first(here: Town) -> None:
    coordinator = here.coordinator()
    here.location(confirmed_minutes_ago=60 * 17)
    request_id = here.request(coordinator)
    here.match()
    with pytest.raises(Conflict, match="phone_first"):
        here.offer(coordinator, request_id)
    here.offer(coordinator, request_id, phoned=True)


def test_whoever_must_be_kept_apart_never_shares_a_house(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(1, 1))
    first, _ = here.placed(coordinator, provider)
    with here.database.reading() as tx:
        code = queries.intake.request(tx, first).short_code
    second = here.request(coordinator, apart=[code.lower().replace(" ", "")])
    here.match()
    assert here.proposals(second) == []
    third = here.request(coordinator)
    here.match()
    assert here.proposals(third) == [house]


def test_a_minor_alone_is_never_matched(here: Town) -> None:
    coordinator = here.coordinator()
    here.location()
    request_id = here.request(coordinator, persons=[{"sex": "f", "age": 16}])
    here.match()
    assert here.proposals(request_id) == []


def test_a_house_is_proposed_once_however_many_rooms_fit(here: Town) -> None:
    coordinator = here.coordinator()
    many_rooms = here.location(region="VR17", places=(1, 1, 1, 1))
    further = here.location(region="VR13", places=(1,))
    request_id = here.request(coordinator)
    here.match()
    assert here.proposals(request_id) == [many_rooms, further]


def test_the_next_best_stands_next(here: Town) -> None:
    coordinator = here.coordinator()
    far, between, near = (here.location(region=region, places=(1,)) for region in ("VR01", "VR09", "VR17"))
    request_id = here.request(coordinator)
    here.match()
    assert here.proposals(request_id) == [near, between, far]
