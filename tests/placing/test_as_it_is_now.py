"""What is read about a request is as things stand now, not as they stood when the solver looked."""

from collections.abc import Iterator

import pytest

from nrm.placing import queries, service, staying
from nrm.placing.schemas import ProposalsOut
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def read(here: Town, request_id: str) -> ProposalsOut:
    with here.database.reading() as tx:
        found = queries.proposals(tx, request_id)
    assert found is not None
    return found


def test_a_place_taken_since_the_solve_cannot_be_asked_and_is_not_counted_free(here: Town) -> None:
    one, two = here.coordinator("VR17"), here.coordinator("VR15")
    here.location(region="VR16", places=(1,))
    here.location(region="VR01", places=(1,))
    first, second = here.request(one, region="VR17"), here.request(two, region="VR15")
    here.match()
    assert all(proposal.available for proposal in read(here, second).proposals)
    here.offer(one, first)
    assert sorted((p.available, p.fit["free"]) for p in read(here, second).proposals) == [(False, 0), (True, 1)]


def test_a_place_that_said_no_cannot_be_asked_again_even_before_the_next_solve(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "no_staff")
    assert [proposal.available for proposal in read(here, request_id).proposals] == [False]
    with here.database.reading() as tx:
        assert queries.offers(tx, request_id)[0].ended_at == here.clock.now()


def test_the_handover_point_of_an_earlier_try_is_not_shown(here: Town) -> None:
    police, officer, provider = here.police(), here.duty_officer(), here.provider()
    here.location(handover_points=("Ingang politiebureau",))
    request_id = here.request(police)
    here.match()
    stay_id = here.accept(provider, here.offer(officer, request_id), "Ingang politiebureau")
    assert stay_id
    with here.database.transaction(officer.account_id) as tx:
        assert queries.handover_point(tx, request_id) == "Ingang politiebureau"
        staying.not_arrived(tx, officer, stay_id, version=1)
    with here.database.reading() as tx:
        assert queries.handover_point(tx, request_id) is None
