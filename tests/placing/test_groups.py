"""People found together: asked for in one go, matched as one problem, to one house or spread."""

from collections.abc import Iterator
from typing import Any

import pytest

from nrm import journal
from nrm.access.rules import Actor
from nrm.errors import Conflict, Invalid, NotFound
from nrm.intake import queries as intake_queries
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.schemas import AmendIn, GroupIn
from nrm.placing import service
from nrm.registry import service as keeping
from tests.builders import Town, town

WOMAN, MAN = {"sex": "f", "age": 25}, {"sex": "m", "age": 30}


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def raid(here: Town, actor: Actor, parties: list[dict[str, Any]], **fields: object) -> list[str]:
    """A group by this actor. Returns the ids of its requests, the group's id first."""
    said = {"region": "VR17", "urgency": "now", "parties": parties, **fields}
    with here.database.transaction(actor.account_id) as tx:
        return [found.id for found in intake.submit_group(tx, actor, GroupIn.model_validate(said))]


def eighteen() -> list[dict[str, Any]]:
    return [{"persons": [MAN]} for _ in range(12)] + [{"persons": [WOMAN]} for _ in range(6)]


def members(here: Town, group_id: str) -> list[PlacementRequest]:
    with here.database.reading() as tx:
        return intake_queries.group(tx, group_id)


def send_all(here: Town, actor: Actor, group_id: str) -> list[str]:
    with here.database.transaction(actor.account_id) as tx:
        return [offer.id for offer in service.send_group(tx, actor, group_id)]


def test_eighteen_people_go_to_the_one_house_that_has_room_for_all(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(region="VR17", places=(9, 8))  # nearer, and one bed short
    far = here.location(region="VR13", places=(6, 6, 6))
    group_id, *_ = requests = raid(here, coordinator, eighteen())
    here.match()
    assert {tuple(here.proposals(request_id)[:1]) for request_id in requests} == {(far,)}
    assert len(send_all(here, coordinator, group_id)) == 18
    with here.database.transaction(provider.account_id) as tx:
        assert service.accept_group(tx, provider, group_id, far) == 18
    assert {here.status(request_id) for request_id in requests} == {"accepted"}
    with here.database.reading() as tx:
        assert list(journal.faults(tx.session)) == []


def test_nobody_of_a_group_is_proposed_a_place_when_no_house_takes_all(here: Town) -> None:
    coordinator = here.coordinator()
    here.location(places=(4, 4))
    here.location(places=(8,))
    group_id, *_ = requests = raid(here, coordinator, [{"persons": [WOMAN]} for _ in range(9)])
    here.match()
    assert not any(here.proposals(request_id) for request_id in requests)
    with pytest.raises(Conflict, match="nothing_to_ask"):
        send_all(here, coordinator, group_id)

    with here.database.transaction(coordinator.account_id) as tx:
        intake.set_together(tx, coordinator, group_id, together=False)
    here.match()
    assert all(here.proposals(request_id) for request_id in requests)
    assert len(send_all(here, coordinator, group_id)) == 9


def test_all_places_of_a_group_are_held_or_none(here: Town) -> None:
    coordinator, other = here.coordinator(), here.coordinator("VR15")
    house = here.location(places=(3, 1))
    group_id, *requests = raid(here, coordinator, [{"persons": [WOMAN]} for _ in range(4)])
    rival = here.request(other)
    here.match()
    proposals = {request_id: here.proposals(request_id) for request_id in (group_id, *requests)}
    assert all(proposals.values())
    assert not here.proposals(rival)
    with here.database.transaction(coordinator.account_id) as tx:
        intake.set_together(tx, coordinator, group_id, together=False)
    # One bed is taken by hand between the proposals and the asking.
    with here.database.transaction("provider") as tx:
        service.registry_service.claim_place(tx, f"{house}-u2-p1", "somebody")
    with pytest.raises(Conflict), here.database.transaction(coordinator.account_id) as tx:
        service.send_group(tx, coordinator, group_id)
    assert here.offers() == []


def test_the_rest_of_a_group_follows_the_first_to_its_house(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    first, second = here.location(region="VR17", places=(3,)), here.location(region="VR13", places=(3,))
    one, other = raid(here, coordinator, [{"persons": [WOMAN]}, {"persons": [WOMAN]}])
    here.match()
    assert here.proposals(one)[0] == here.proposals(other)[0] == first
    # An alternative chosen for one of them: what was proposed for the other no longer stands.
    offer_id = here.offer(coordinator, one, rank=1 + here.proposals(one).index(second))
    with pytest.raises(Conflict) as refused:
        here.offer(coordinator, other, rank=1)
    assert "only_location" in refused.value.reasons
    here.match()
    assert here.proposals(other) == [second]
    assert here.accept(provider, offer_id)
    here.match()
    assert here.proposals(other) == [second]


def test_a_no_to_one_of_a_group_does_not_send_the_others_elsewhere(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    near = here.location(region="VR17", places=(2,))
    here.location(region="VR13", places=(2,))
    group_id, other = raid(here, coordinator, [{"persons": [WOMAN]}, {"persons": [WOMAN]}])
    here.match()
    yes, no = send_all(here, coordinator, group_id)
    refused = next(offer.request_id for offer in here.offers() if offer.id == no)
    assert here.accept(provider, yes)
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, no, "group_balance")
    here.match()
    assert refused in {group_id, other}
    assert here.proposals(refused) == []  # together means together: a person decides to split them
    with here.database.transaction(coordinator.account_id) as tx:
        intake.set_together(tx, coordinator, group_id, together=False)
    here.match()
    assert near not in here.proposals(refused)
    assert here.proposals(refused)


def test_a_family_of_the_group_is_never_split_and_who_must_be_apart_is(here: Town) -> None:
    coordinator = here.coordinator()
    first, second = here.location(region="VR17", places=(2, 2)), here.location(region="VR17", places=(2, 2))
    parties = [
        {"persons": [{"sex": "f", "age": 28}], "apart": True},
        {"persons": [{"sex": "f", "age": 30}, {"sex": "m", "age": 3}]},
        {"persons": [{"sex": "f", "age": 20}]},
    ]
    requests = raid(here, coordinator, parties)
    here.match()
    apart = next(found for found in members(here, requests[0]) if not found.together)
    houses = {request_id: here.proposals(request_id)[0] for request_id in requests}
    others = {houses[request_id] for request_id in requests if request_id != apart.id}
    assert len(others) == 1
    assert {houses[apart.id]} | others == {first, second}


def test_who_becomes_apart_from_the_group_later_goes_alone(here: Town) -> None:
    """Kept apart and kept together at once cannot be: safety decides, and the matching of everybody goes on."""
    coordinator = here.coordinator()
    here.location(region="VR17", places=(4,))
    here.location(region="VR13", places=(4,))
    one, other = raid(here, coordinator, [{"persons": [WOMAN]}, {"persons": [WOMAN]}])
    code = next(found.short_code for found in members(here, one) if found.id == one)
    shape = AmendIn.model_validate({"urgency": "now", "persons": [WOMAN], "apart": [code], "version": 1})
    with here.database.transaction(coordinator.account_id) as tx:
        intake.amend(tx, coordinator, other, shape)
    here.match()
    assert {here.proposals(one)[0], here.proposals(other)[0]} == {"loc-1", "loc-2"}
    with here.database.transaction(coordinator.account_id) as tx:
        intake.set_together(tx, coordinator, one, together=True)
    assert {found.id: found.together for found in members(here, one)} == {one: True, other: False}


def test_a_minor_alone_in_a_group_goes_to_youth_care_and_keeps_nobody_waiting(here: Town) -> None:
    coordinator = here.coordinator()
    here.location(places=(3,))
    requests = raid(here, coordinator, [{"persons": [WOMAN]}, {"persons": [{"sex": "f", "age": 16}]}])
    here.match()
    minor = next(found for found in members(here, requests[0]) if found.minor_alone)
    assert not minor.together
    assert minor.alone_since == here.clock.at
    assert [bool(here.proposals(request_id)) for request_id in requests if request_id != minor.id] == [True]
    assert here.proposals(minor.id) == []


def test_a_group_is_taken_in_whole_or_not_at_all(here: Town) -> None:
    coordinator = here.coordinator()
    with pytest.raises(Invalid):
        raid(here, coordinator, eighteen(), region="VR99")
    with here.database.reading() as tx:
        assert intake_queries.unplaced(tx) == []


def test_a_group_is_for_its_owner(here: Town) -> None:
    coordinator, other = here.coordinator(), here.coordinator("VR15")
    here.location(places=(4,))
    group_id, *_ = raid(here, coordinator, eighteen()[:2])
    here.match()
    with here.database.transaction(other.account_id) as tx:
        with pytest.raises(NotFound):
            intake.open_group(tx, other, group_id)
        with pytest.raises(NotFound):
            intake.set_together(tx, other, group_id, together=False)
        with pytest.raises(NotFound):
            service.send_group(tx, other, group_id)


def test_yes_to_a_group_is_yes_to_all_or_to_nobody(here: Town) -> None:
    coordinator, provider, other = here.coordinator(), here.provider(), here.provider("ander")
    house = here.location(places=(3,))
    group_id, *_ = raid(here, coordinator, [{"persons": [WOMAN]} for _ in range(3)])
    here.match()
    send_all(here, coordinator, group_id)
    with pytest.raises(NotFound), here.database.transaction(other.account_id) as tx:
        service.accept_group(tx, other, group_id, house)
    # One of them turns out not to fit any more between asking and answering.
    with here.database.transaction(provider.account_id) as tx:
        keeping.pause_intake(tx, provider, house, "staffing", None)
    with pytest.raises(Conflict), here.database.transaction(provider.account_id) as tx:
        service.accept_group(tx, provider, group_id, house)
    assert {offer.status for offer in here.offers()} == {"live"}
    with here.database.transaction(provider.account_id) as tx:
        keeping.resume_intake(tx, provider, house)
    with here.database.transaction(provider.account_id) as tx:
        assert service.accept_group(tx, provider, group_id, house) == 3
    assert {here.status(found.id) for found in members(here, group_id)} == {"accepted"}
