"""A private room is somebody's as a whole: no bed of it is free for others, or counted as free."""

from collections.abc import Iterator

import pytest

from nrm.errors import Conflict
from nrm.placing import staying
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def free_on_board(here: Town) -> int:
    with here.database.reading() as tx:
        return sum(row.free for row in registry.board(tx))


def test_one_person_takes_the_whole_room(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(places=(3,), private=True)
    here.placed(coordinator, provider)
    assert free_on_board(here) == 0
    with here.database.reading() as tx:
        assert len(here.live_claims(tx)) == 3
    other = here.request(coordinator)
    here.match()
    assert here.proposals(other) == []


def test_occupied_outside_the_system_takes_the_whole_room_too(here: Town) -> None:
    provider = here.provider()
    location_id = here.location(places=(2,), private=True)
    with here.database.transaction(provider.account_id) as tx:
        stay = staying.occupy(tx, provider, f"{location_id}-u1-p2")
        assert len(here.live_claims(tx)) == 2
    with here.database.transaction(provider.account_id) as tx:
        staying.depart(tx, provider, stay.id, "unknown", version=1)
        assert here.live_claims(tx) == []


def test_a_bed_put_back_in_a_taken_room_is_not_free(here: Town) -> None:
    provider = here.provider()
    location_id = here.location(places=(2,), private=True)
    closed, other = f"{location_id}-u1-p1", f"{location_id}-u1-p2"
    with here.database.transaction(provider.account_id) as tx:
        keeping.close_place(tx, provider, closed, "maintenance", None)
        staying.occupy(tx, provider, other)
    with here.database.transaction(provider.account_id) as tx:
        keeping.reopen_place(tx, provider, closed)
    assert free_on_board(here) == 0
    with here.database.transaction(provider.account_id) as tx, pytest.raises(Conflict, match="place_in_use"):
        staying.occupy(tx, provider, closed)
