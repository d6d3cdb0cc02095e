"""The trust score: what counts, how it is smoothed, and who gets to see it."""

from collections.abc import Iterator

import pytest

from nrm import policy
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.errors import Forbidden
from nrm.placing import service, trust
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def counted(here: Town, actor: Actor) -> dict[str, tuple[int, int]]:
    """(offers, refused) per location."""
    with here.database.reading() as tx:
        return {found.location_id: (found.offers, found.refused) for found in trust.scores(tx, actor).values()}


def offered(here: Town, **fields: object) -> str:
    """A request with an offer to the one house there is."""
    coordinator = here.coordinator()
    request_id = here.request(coordinator, **fields)
    here.match()
    return here.offer(coordinator, request_id)


def declined(here: Town, actor: Actor, code: str, **fields: object) -> None:
    """A no; and the house says again that its figures are right, so that it is asked again."""
    offer_id = offered(here, **fields)
    with here.database.transaction(actor.account_id) as tx:
        service.decline(tx, actor, offer_id, code, "trauma" if code == "criterion" else None)
    here.clock.turn(seconds=1)
    provider = here.provider()
    with here.database.transaction(provider.account_id) as tx:
        for view in registry.locations(tx, organisation_id=provider.organisation_id):
            keeping.confirm_unchanged(tx, provider, view.location.id)


def lapsed(here: Town) -> None:
    offered(here)
    here.clock.turn(minutes=21)
    assert service.lapse_due(here.database) == 1


def test_what_counts_as_refused_and_what_does_not(here: Town) -> None:
    provider, desk = here.provider(), here.national_desk()
    house = here.location(places=(9,))
    assert counted(here, provider) == {house: (0, 0)}
    declined(here, provider, "full_after_all")
    assert counted(here, provider) == {house: (1, 1)}
    declined(here, provider, "criterion")  # a ground of the client: the place was free
    declined(here, provider, "safety_here")
    assert counted(here, provider) == {house: (3, 1)}
    lapsed(here)
    assert counted(here, provider) == {house: (4, 2)}
    here.accept(provider, offered(here))
    assert counted(here, provider) == counted(here, desk) == {house: (5, 2)}


def test_what_is_still_open_or_taken_back_says_nothing(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(9,))
    offer_id = offered(here)
    assert counted(here, provider) == {house: (0, 0)}
    with here.database.transaction(coordinator.account_id) as tx:
        service.withdraw_offer(tx, coordinator, offer_id)
    assert counted(here, provider) == {house: (0, 0)}


def test_a_place_that_was_not_listed_as_free_is_not_held_against_the_house(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(confirmed_minutes_ago=60 * 40)
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id, phoned=True)
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "full_after_all")
    assert counted(here, provider) == {house: (0, 0)}


def test_what_another_decider_does_is_not_the_house_s(here: Town) -> None:
    """OMM needs the desk and the provider: the desk's no, and the desk's silence, are not the provider's."""
    provider, desk = here.provider(), here.national_desk()
    house = here.location(pool="OMM", places=(9,))
    omm = {"facts": {"psychiatric": "yes"}}
    declined(here, desk, "full_after_all", **omm)
    assert counted(here, provider) == {house: (0, 0)}
    here.accept(provider, offered(here, **omm))
    here.clock.turn(minutes=31)
    service.lapse_due(here.database)
    assert counted(here, provider) == {house: (1, 0)}


def test_only_the_last_ninety_days_count(here: Town) -> None:
    provider = here.provider()
    house = here.location(places=(9,))
    declined(here, provider, "no_staff")
    here.clock.turn(days=89, hours=23)
    assert counted(here, provider) == {house: (1, 1)}
    here.clock.turn(hours=2)
    assert counted(here, provider) == {house: (0, 0)}


@pytest.mark.parametrize(
    ("refused", "offers", "share"), [(0, 0, 0.1), (1, 1, 2 / 11), (3, 3, 4 / 13), (0, 90, 0.01), (50, 90, 0.51)]
)
def test_a_share_is_believed_slowly(refused: int, offers: int, share: float) -> None:
    assert trust.smoothed(policy.Trust(), refused, offers) == pytest.approx(share)


def test_a_provider_sees_its_own_and_nobody_else_but_the_desk_sees_any(here: Town) -> None:
    mine, theirs = here.location(), here.location("ander")
    assert set(counted(here, here.provider())) == {mine}
    assert set(counted(here, here.provider("ander"))) == {theirs}
    assert set(counted(here, here.national_desk())) == {mine, theirs}
    allowed = {Role.PROVIDER, Role.NATIONAL_DESK}
    here.duty_officer()
    for role in set(Role) - allowed:
        actor = here.duty_officer() if role is Role.DUTY_OFFICER else here.person(role, OrganisationKind.MUNICIPALITY)
        with here.database.reading() as tx, pytest.raises(Forbidden):
            trust.scores(tx, actor)
