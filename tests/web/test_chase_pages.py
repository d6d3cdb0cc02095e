"""The chase list: who does not know how full they are, asking them, and answers that come in."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from nrm.access import service as access
from nrm.access.models import Organisation
from nrm.access.rules import OrganisationKind, Role
from nrm.placing import service as placing
from nrm.registry import service as keeping
from tests.builders import Town, town
from tests.registry.test_asking import messages
from tests.site import Visitor

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MANY = 60 * 20


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.clock.at = MONDAY
    made.duty_officer()
    made.national_desk()
    yield made
    made.database.close()


def listed(page: str) -> list[str]:
    """The locations on the list, in its order."""
    return re.findall(r'id="vraag-([\w-]+)"', page)


def test_the_list_says_how_old_what_and_whom_to_reach_oldest_first(here: Town) -> None:
    stale = here.location(region="VR17", pool="OMM", confirmed_minutes_ago=60 * 30)
    here.location(confirmed_minutes_ago=5)
    aging = here.location(confirmed_minutes_ago=60 * 9)
    unknown = here.location(confirmed_minutes_ago=None)
    visitor = Visitor(here, "piket")
    for path in ("/navraag", "/navraag/lijst"):
        page = visitor.get(path).text
        assert listed(page) == [unknown, stale, aging], path
        for words in ("Rotterdam", "OMM", "verouderd", "30 uur geleden", "aanbieder@example.org", "nooit"):
            assert words in page, words
        assert "CANARY" not in page
    assert listed(visitor.get("/navraag?soort=OMM").text) == [stale]
    assert len(listed(visitor.get("/navraag?wie=alle").text)) == 4
    assert len(listed(visitor.get("/navraag?soort=verzonnen&wie=verzonnen").text)) == 3


def test_everyone_is_asked_once_and_pressing_again_says_why_not(here: Town) -> None:
    for minutes in (None, MANY, 5):
        here.location(confirmed_minutes_ago=minutes)
    visitor = Visitor(here, "piket")
    after = visitor.after(visitor.post("/navraag", all="yes"))
    assert "De vraag is verstuurd. Antwoorden" in after
    assert "zojuist" in after
    assert len(messages(here)) == 2, "who is fresh is not asked"
    assert "Er ging geen bericht uit" in visitor.after(visitor.post("/navraag", all="yes"))
    assert "behalve aan wie net al gevraagd is" in visitor.after(visitor.post("/navraag", all="yes", wie="alle"))
    assert len(messages(here)) == 3
    assert "U heeft niemand aangekruist." in visitor.after(visitor.post("/navraag"))


def test_one_or_a_selection(here: Town) -> None:
    houses = [here.location(confirmed_minutes_ago=MANY) for _ in range(4)]
    visitor = Visitor(here, "loket")
    visitor.after(visitor.post("/navraag", one=houses[0], chosen=houses[3]))
    assert [message.about for message in messages(here)] == [f"check:{houses[0]}"], "the button is about its own row"
    back = visitor.post("/navraag", chosen=houses[1:3], soort="MUNICIPAL", wie="alle")
    assert back.headers["location"] == "/navraag?soort=MUNICIPAL&wie=alle"
    assert len(messages(here)) == 3
    assert visitor.post("/navraag", one="loc-99").status_code == 404
    assert visitor.post("/navraag", one="loc-4", csrf_token="geraden").status_code == 403


def test_an_answer_moves_a_house_to_those_who_answered(here: Town) -> None:
    house = here.location(confirmed_minutes_ago=MANY)
    provider = here.provider()
    visitor = Visitor(here, "piket")
    visitor.post("/navraag", one=house)
    here.clock.turn(minutes=3)
    with here.database.transaction() as tx:
        keeping.confirm_unchanged(tx, provider, house)
    page = visitor.get("/navraag/lijst").text
    assert listed(page) == []
    assert f'id="antwoord-{house}"' in page
    assert "Alles is vers." in page


def test_without_a_mailbox_there_is_no_button_but_a_telephone(here: Town) -> None:
    house = here.location(confirmed_minutes_ago=MANY)
    with here.database.transaction() as tx:
        body = tx.session.get_one(Organisation, here.organisations["aanbieder"])
        body.email, body.phone = None, "000 123 45 67"
    visitor = Visitor(here, "piket")
    page = visitor.get("/navraag").text
    assert 'href="tel:0001234567"' in page
    assert "geen postbus: bel" in page
    assert f'name="one" value="{house}"' not in page
    assert "Er ging geen bericht uit" in visitor.after(visitor.post("/navraag", all="yes"))


def test_a_regional_desk_sees_and_asks_its_own_region(here: Town) -> None:
    inside = here.location(region="VR17", confirmed_minutes_ago=MANY)
    outside = here.location(region="VR13", confirmed_minutes_ago=MANY)
    here.account("regio", Role.DUTY_OFFICER, here.organisation("regiopiket", OrganisationKind.NATIONAL_DESK, "VR17"))
    visitor = Visitor(here, "regio")
    assert visitor.get("/navraag").status_code == 403, "not on shift"
    officer = here.actor("regio")
    with here.database.transaction() as tx:
        access.start_shift(tx, officer)
    assert listed(visitor.get("/navraag?wie=alle").text) == [inside]
    visitor.post("/navraag", all="yes", wie="alle")
    assert [message.about for message in messages(here)] == [f"check:{inside}"]
    assert visitor.post("/navraag", one=outside).status_code == 404


def test_the_trust_score_is_for_its_provider_and_the_desk(here: Town) -> None:
    provider, coordinator = here.provider(), here.coordinator()
    house = here.location()
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    with here.database.transaction() as tx:
        placing.decline(tx, provider, offer_id, "no_staff")
    here.provider("ander")
    words = "1 van 1 keer"
    assert words in Visitor(here, "aanbieder").get(f"/opvang/{house}").text
    assert words in Visitor(here, "loket").get("/navraag?wie=alle").text
    page = Visitor(here, "piket").get("/navraag?wie=alle").text
    assert listed(page) == [house]
    assert "van 1 keer" not in page
    assert Visitor(here, "ander").get(f"/opvang/{house}").status_code == 404
    for path in ("/bord", f"/aanvragen/{request_id}"):
        assert "van 1 keer" not in Visitor(here, "coordinator-VR17").get(path).text


@pytest.mark.parametrize("login", ["aanbieder", "coordinator-VR17", "national_coordinator"])
def test_who_may_not(here: Town, login: str) -> None:
    here.provider()
    here.coordinator()
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    visitor = Visitor(here, login)
    for path in ("/navraag", "/navraag/lijst"):
        assert visitor.get(path).status_code == 403
    assert visitor.post("/navraag", all="yes").status_code == 403
