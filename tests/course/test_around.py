"""Around a placement: what the notifier hears, who pays, and a request that changes hands."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.course import queries, service
from nrm.course.schemas import SettlementIn
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.rules import Outcome
from nrm.notify.models import Message
from nrm.placing import staying
from tests.builders import KEY, Town, town

ROTTERDAM, UTRECHT = "GM0599", "GM0344"


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    yield made
    made.database.close()


def steps(here: Town, request_id: str) -> list[tuple[str, str | None]]:
    with here.database.reading() as tx:
        return [
            (row.step.value, row.outcome.value if row.outcome else None) for row in queries.feedback(tx, request_id)
        ]


def told(here: Town, organisation_id: str) -> list[str]:
    with here.database.reading() as tx:
        rows = tx.session.exec(select(Message).where(Message.unique_key.like("feedback:%")))  # type: ignore[attr-defined]
        return sorted(row.body.partition(": ")[2] for row in rows if organisation_id in row.unique_key)


# Feedback


def test_a_first_responder_hears_each_step_once(here: Town) -> None:
    police, officer, provider = here.police(), here.duty_officer(), here.provider()
    here.location()
    request_id = here.request(police, days=30)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(service.follow_up, [here.database] * 4)) == 1
    assert steps(here, request_id) == [("received", None)]
    here.match()
    stay_id = here.accept(provider, here.offer(officer, request_id), "Ingang politiebureau")
    assert stay_id is not None
    service.follow_up(here.database)
    assert steps(here, request_id) == [("received", None), ("picked_up", None)]
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    service.follow_up(here.database)
    assert service.follow_up(here.database) == 0
    assert steps(here, request_id)[-1] == ("outcome", "sheltered")
    assert told(here, police.organisation_id) == [
        "er is opvang.",
        "iemand is met uw melding bezig.",
        "uw melding is binnen.",
    ]


def test_the_caller_in_whose_name_it_was_entered_hears_it_too(here: Town) -> None:
    officer = here.duty_officer()
    caller = here.organisation("fairwork", OrganisationKind.SUPPORT)
    request_id = here.request(officer, onBehalfOf=caller)
    with here.database.transaction(officer.account_id) as tx:
        intake_service.close(tx, officer, request_id, Outcome.NO_PLACE, 1)
    service.follow_up(here.database)
    assert told(here, caller) == [
        "er is geen opvang gevonden.",
        "iemand is met uw melding bezig.",
        "uw melding is binnen.",
    ]


def test_the_police_hear_nothing_of_who_refuses_them(here: Town) -> None:
    officer = here.duty_officer()
    police = here.police().organisation_id
    request_id = here.request(officer, onBehalfOf=police, refusesPolice=True)
    service.follow_up(here.database)
    assert steps(here, request_id) == [("received", None)]
    assert told(here, police) == []


def test_nobody_notified_nobody_hears(here: Town) -> None:
    request_id = here.request(here.coordinator())
    assert service.follow_up(here.database) == 0
    assert steps(here, request_id) == []


# Settlement


def settle(here: Town, actor: Actor, request_id: str, **said: object) -> str:
    shape = SettlementIn.model_validate({"legal": ROTTERDAM, "paying": ROTTERDAM, **said})
    with here.database.transaction(actor.account_id) as tx:
        return service.settle(tx, actor, request_id, shape).id


def municipality(here: Town, region: str | None = "VR17") -> Actor:
    return here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, region)


def test_a_bed_never_waits_for_who_pays(here: Town) -> None:
    """No settlement at all, and a disputed one: placing goes all the way either way."""
    coordinator, provider = here.coordinator(), here.provider()
    here.location(places=(1, 1))
    first, stay_id = here.placed(coordinator, provider)
    settle(here, coordinator, first, tariff="disputed")
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
        staying.depart(tx, provider, stay_id, "own_home", 2)
    second, _ = here.placed(coordinator, provider)
    with here.database.reading() as tx:
        assert intake.request(tx, second).status == "accepted"
        assert queries.settlements(tx, "VR17")[0].tariff == "disputed"


def test_who_waits_has_nothing_to_settle(here: Town) -> None:
    coordinator = here.coordinator()
    with pytest.raises(Conflict, match="not_placed_yet"):
        settle(here, coordinator, here.request(coordinator))


def test_a_municipality_sees_its_own_area_and_no_case(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(places=(1, 1))
    request_id, _ = here.placed(coordinator, provider)
    settlement_id = settle(here, coordinator, request_id)
    elsewhere = settle(here, coordinator, here.placed(coordinator, provider)[0], legal=UTRECHT, paying=UTRECHT)
    actor = municipality(here)
    with here.database.transaction(actor.account_id) as tx:
        (seen,) = service.settlements(tx, actor)
        assert seen.id == settlement_id
        assert request_id not in seen.model_dump_json()
        with pytest.raises(NotFound):
            service.settle_tariff(tx, actor, elsewhere, seen.tariff, 1)
    for other in (coordinator, here.duty_officer()):
        with here.database.reading() as tx, pytest.raises(Forbidden):
            service.settlements(tx, other)


def test_a_municipality_without_a_region_sees_no_settlement(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    settlement_id = settle(here, coordinator, here.placed(coordinator, provider)[0])
    actor = municipality(here, None)
    with here.database.transaction(actor.account_id) as tx:
        assert service.settlements(tx, actor) == []
        with pytest.raises(NotFound):
            service.settle_tariff(tx, actor, settlement_id, "agreed", 1)  # type: ignore[arg-type]


def test_the_age_of_a_dispute_counts_from_its_beginning(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, _ = here.placed(coordinator, provider)
    settlement_id = settle(here, coordinator, request_id)
    actor = municipality(here)
    here.clock.turn(days=1)
    began = here.clock.at
    with here.database.transaction(actor.account_id) as tx:
        service.settle_tariff(tx, actor, settlement_id, "disputed", 1)  # type: ignore[arg-type]
    here.clock.turn(days=9)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        settle(here, coordinator, request_id, tariff="disputed", version=1)
    settle(here, coordinator, request_id, tariff="disputed", version=2, legal=UTRECHT)
    with here.database.reading() as tx:
        (found,) = queries.settlements(tx, "VR17")
        assert (found.tariff, found.tariff_since, found.legal) == ("disputed", began, UTRECHT)


def test_regions_send_and_receive(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    begun = here.clock.at
    for region in ("VR17", "VR13"):
        here.location(region=region, places=(1,))
        _, stay_id = here.placed(coordinator, provider)
        with here.database.transaction(provider.account_id) as tx:
            staying.confirm_arrival(tx, provider, stay_id, 1)
    here.location(region="VR01", places=(1,))
    here.placed(coordinator, provider)  # never arrived: does not count
    with here.database.reading() as tx:
        found = {row.region: (row.sent, row.received, row.own) for row in queries.reciprocity(tx, begun)}
        assert found == {"VR17": (1, 0, 1), "VR13": (0, 1, 0)}
        assert [row.region for row in queries.reciprocity(tx, begun, "VR13")] == ["VR13"]


# Handing over


def hand_over(here: Town, actor: Actor, request_id: str, to: str) -> str:
    with here.database.transaction(actor.account_id) as tx:
        return service.offer_transfer(tx, actor, request_id, to).id


def owner(here: Town, request_id: str) -> tuple[str, str | None]:
    with here.database.reading() as tx:
        found = intake.request(tx, request_id)
        return found.owner_organisation_id, found.owner_account_id


def test_a_request_changes_hands_when_the_other_side_takes_it(here: Town) -> None:
    one, two = here.coordinator(), here.coordinator("VR15")
    request_id = here.request(one)
    transfer_id = hand_over(here, one, request_id, two.organisation_id)
    assert owner(here, request_id) == (one.organisation_id, one.account_id)
    with here.database.transaction(two.account_id) as tx:
        (seen,) = service.transfers(tx, two)
        assert seen.request_id is None
        assert service.transfers(tx, one) == []
    with pytest.raises(Conflict, match="transfer_waits"):
        hand_over(here, one, request_id, here.national_desk().organisation_id)
    with here.database.transaction(two.account_id) as tx:
        assert service.take_over(tx, two, transfer_id) == request_id
    assert owner(here, request_id) == (two.organisation_id, two.account_id)
    with here.database.transaction(one.account_id) as tx, pytest.raises(NotFound):
        intake_service.open_case(tx, one, request_id, "open")
    with here.database.transaction(two.account_id) as tx:
        assert intake_service.open_case(tx, two, request_id, "open").request.id == request_id


def test_two_colleagues_take_it_once_and_it_always_has_an_owner(here: Town) -> None:
    one = here.coordinator()
    two = [here.coordinator("VR15"), here.coordinator("VR15", login="collega")] * 2
    request_id = here.request(one)
    transfer_id = hand_over(here, one, request_id, two[0].organisation_id)

    def take(actor: Actor) -> str:
        try:
            with here.database.transaction(actor.account_id) as tx:
                service.take_over(tx, actor, transfer_id)
        except (Conflict, NotFound) as refusal:
            return refusal.code
        return "taken"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, two)) == ["taken"] + ["transfer_over"] * 3
    assert owner(here, request_id)[0] == two[0].organisation_id


def test_taking_and_withdrawing_at_once_leaves_one_owner(here: Town) -> None:
    one, two = here.coordinator(), here.coordinator("VR15")
    request_id = here.request(one)
    transfer_id = hand_over(here, one, request_id, two.organisation_id)
    with here.database.transaction(one.account_id) as tx:
        service.withdraw_transfer(tx, one, transfer_id)
    with here.database.transaction(two.account_id) as tx, pytest.raises(Conflict, match="transfer_over"):
        service.take_over(tx, two, transfer_id)
    assert owner(here, request_id) == (one.organisation_id, one.account_id)
    again = hand_over(here, one, request_id, two.organisation_id)
    with here.database.transaction(two.account_id) as tx:
        service.refuse_transfer(tx, two, again)
    assert owner(here, request_id) == (one.organisation_id, one.account_id)


def test_only_its_owner_offers_it_and_only_to_who_can_own_one(here: Town) -> None:
    one, two = here.coordinator(), here.coordinator("VR15")
    request_id = here.request(one)
    with pytest.raises(NotFound):
        hand_over(here, two, request_id, two.organisation_id)
    for nobody in (here.provider().organisation_id, here.police().organisation_id, one.organisation_id):
        with pytest.raises(Invalid):
            hand_over(here, one, request_id, nobody)
    transfer_id = hand_over(here, one, request_id, two.organisation_id)
    third = here.coordinator("VR16")
    with here.database.transaction(third.account_id) as tx, pytest.raises(NotFound):
        service.take_over(tx, third, transfer_id)


def test_the_address_follows_the_owner(here: Town) -> None:
    """What the police asked belongs to the desk; a coordinator who took it over gets the address, the desk no more."""
    police, officer, provider, coordinator = here.police(), here.duty_officer(), here.provider(), here.coordinator()
    here.location()
    request_id = here.request(police)
    here.match()
    stay_id = here.accept(provider, here.offer(officer, request_id), "Ingang politiebureau")
    assert stay_id is not None
    transfer_id = hand_over(here, officer, request_id, coordinator.organisation_id)
    with here.database.transaction(coordinator.account_id) as tx, pytest.raises(NotFound):
        staying.release_address(tx, coordinator, KEY, stay_id, "bring_there", step_up_minutes=10)
    with here.database.transaction(coordinator.account_id) as tx:
        service.take_over(tx, coordinator, transfer_id)
    for nobody in (officer, here.national_desk(), police):
        with here.database.transaction(nobody.account_id) as tx, pytest.raises((NotFound, Forbidden)):
            staying.release_address(tx, nobody, KEY, stay_id, "bring_there", step_up_minutes=10)
    with here.database.transaction(coordinator.account_id) as tx:
        assert "CANARY" in staying.release_address(tx, coordinator, KEY, stay_id, "bring_there", step_up_minutes=10)
