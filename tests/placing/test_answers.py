"""What those who must answer see of each other, and what a provider sees of who is expected."""

from collections.abc import Iterator

import pytest

from nrm.placing import queries, service
from nrm.placing.schemas import OfferToAnswerOut
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def seen_by(here: Town, login: str) -> OfferToAnswerOut:
    actor = here.actor(login)
    with here.database.transaction(actor.account_id) as tx:
        return service.open_offers(tx, actor)[0]


def test_whoever_said_yes_sees_whose_answer_is_still_awaited(here: Town) -> None:
    police, officer, provider = here.police(), here.duty_officer(), here.provider()
    here.location(pool="OMM")
    request_id = here.request(police, facts={"psychiatric": "yes"})
    here.match()
    offer_id = here.offer(officer, request_id)
    assert seen_by(here, "aanbieder").waiting_for == ["duty_officer"], (
        "at night the desk speaks through its duty officer"
    )
    assert here.accept(provider, offer_id, "Ingang politiebureau") is None
    mine, theirs = seen_by(here, "aanbieder"), seen_by(here, "loket")
    assert (mine.answered, mine.waiting_for) == ("accept", ["duty_officer"])
    assert (theirs.answered, theirs.waiting_for) == (None, [])
    assert theirs.handover_point == "Ingang politiebureau"


def test_a_provider_sees_from_when_somebody_is_expected(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, stay_id = here.placed(coordinator, provider)
    with here.database.reading() as tx:
        (stay,) = queries.stays_at(tx, provider.organisation_id)
    assert (stay.id, stay.needed_from) == (stay_id, here.clock.at)


def test_whoever_waits_comes_before_those_who_have_a_place(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(places=(1, 1))
    placed, _ = here.placed(coordinator, provider)
    waiting = here.request(coordinator, urgency="planned")
    with here.database.reading() as tx:
        assert [found.id for found in queries.intake.visible(tx, coordinator)] == [waiting, placed]
