"""Places against persons, now and ahead: one small world counted by hand."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from nrm.access.rules import OrganisationKind, Role
from nrm.course import service as course
from nrm.insight import queries, rules
from nrm.insight.queries import Picture
from nrm.insight.rules import INDICATORS, InflowBasis
from nrm.placing import staying
from nrm.registry import joint
from nrm.registry import service as keeping
from nrm.registry.schemas import AgreementIn
from nrm.world import figures
from tests.builders import Town, town
from tests.site import Visitor
from tests.web.test_watching_pages import cells
from web.insight_words import SAID

SUNDAY, MONDAY, TUESDAY, THURSDAY = (date(2026, 11, day) for day in (22, 23, 24, 26))


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def stays(here: Town, place_id: str, until: date) -> str:
    """Somebody stays in this place and is expected to leave on a day."""
    provider = here.provider()
    with here.database.transaction(provider.account_id) as tx:
        stay = staying.occupy(tx, provider, place_id)
        tx.session.flush()
        course.expect_departure(tx, provider, stay.id, until, stay.version)
        return stay.id


def picture(here: Town, region: str | None = None) -> Picture:
    with here.database.reading() as tx:
        return queries.picture(tx, region)


def small_world(here: Town) -> str:
    """Two houses in Amsterdam, two in Rotterdam, four who wait. Returns the stay that ends on Monday.

    Amsterdam: of four beds one is held, one free, one occupied until Monday, one closed until Sunday; a private room
    of two with one person in it until Tuesday. Rotterdam: four stale beds; two beds whose funding ends on Thursday, one
    of them occupied until Tuesday.
    """
    provider = here.provider()
    beds = here.location(region="VR13", places=(4,))
    monday = stays(here, f"{beds}-u1-p1", MONDAY)
    with here.database.transaction(provider.account_id) as tx:
        keeping.close_place(tx, provider, f"{beds}-u1-p2", "maintenance", SUNDAY)
    request_id = here.request(here.coordinator("VR13"), region="VR13")
    here.match()
    here.offer(here.coordinator("VR13"), request_id)
    room = here.location(region="VR13", places=(2,), private=True)
    stays(here, f"{room}-u1-p1", TUESDAY)
    here.location(region="VR17", pool="COSM", places=(4,), confirmed_minutes_ago=None)
    ending = here.location(region="VR17", places=(2,))
    stays(here, f"{ending}-u1-p1", TUESDAY)
    with here.database.transaction(provider.account_id) as tx:
        agreement = {"shares": [{"municipality": "GM0599", "parts": 1}], "fundingEndsOn": THURSDAY, "version": 0}
        joint.agree(tx, provider, ending, AgreementIn.model_validate(agreement))
    rotterdam = here.coordinator("VR17")
    here.request(rotterdam, persons=[{"sex": "f", "age": 30, "parent": True}, {"sex": "m", "age": 3}])
    later = here.clock.at + timedelta(hours=48)
    here.request(rotterdam, urgency="planned", neededFrom=later)
    here.request(rotterdam, persons=[{"sex": "f", "age": 16}])
    return monday


def test_places_against_persons_as_counted_by_hand(here: Town) -> None:
    small_world(here)
    found = picture(here)
    of_region = {one.region_code: one for one in found.regions}
    assert len(of_region) == 25
    amsterdam, rotterdam = of_region["VR13"].ahead, of_region["VR17"].ahead
    assert [one.free for one in amsterdam] == [1, 1, 1, 1]
    assert [one.coming_free for one in amsterdam] == [0, 1, 4, 4]
    assert [one.ending for one in amsterdam] == [0, 0, 0, 0]
    assert [one.seeking for one in amsterdam] == [0, 0, 0, 0], "somebody is being asked for them"
    assert [one.free for one in rotterdam] == [1, 1, 1, 1], "stale is not free"
    assert [one.coming_free for one in rotterdam] == [0, 0, 1, 1]
    assert [one.ending for one in rotterdam] == [0, 0, 0, 2]
    assert [one.seeking for one in rotterdam] == [2, 2, 3, 3], "whoever needs a place later seeks it later"
    assert [one.inflow for one in rotterdam] == [None] * 4
    assert [one.balance for one in rotterdam] == [-1, -1, -1, -3]
    assert [one.short for one in amsterdam] == [0] * 4
    assert found.inflow.basis is InflowBasis.PUBLISHED
    assert [one.balance for one in found.together] == [0, 0, 2, -2]
    assert [one.balance for one in picture(here, "VR17").together] == [-1, -1, -1, -3]
    assert (of_region["VR17"].locations, of_region["VR17"].locations_trusted) == (2, 1)


def test_a_blocked_or_past_departure_frees_nothing(here: Town) -> None:
    monday = small_world(here)
    provider = here.provider()
    with here.database.transaction(provider.account_id) as tx:
        course.block(tx, provider, monday, "no_housing")
    ahead = next(one.ahead for one in picture(here).regions if one.region_code == "VR13")
    assert [one.coming_free for one in ahead] == [0, 1, 3, 3]
    here.clock.turn(days=5)  # everything that was expected is past: what did not happen is not expected any more
    ahead = next(one.ahead for one in picture(here).regions if one.region_code == "VR13")
    assert [one.coming_free for one in ahead] == [0, 0, 0, 0]


def test_what_comes_free_after_a_house_ended_is_nobodys(sqlite_url: str) -> None:
    """Two beds paid for until Thursday: one free, one whose guest would leave on Friday and needs another by then."""
    here = town(sqlite_url)
    house = here.location(region="VR17", places=(2,))
    stays(here, f"{house}-u1-p1", date(2026, 11, 27))
    provider = here.provider()
    agreement = {"shares": [{"municipality": "GM0599", "parts": 1}], "contractEndsOn": THURSDAY, "version": 0}
    with here.database.transaction(provider.account_id) as tx:
        joint.agree(tx, provider, house, AgreementIn.model_validate(agreement))
    ahead = next(one.ahead for one in picture(here).regions if one.region_code == "VR17")
    assert [(one.free, one.coming_free, one.ending) for one in ahead] == [(1, 0, 0)] * 3 + [(1, 0, 2)]
    assert ahead[-1].short == 1
    here.database.close()


def test_what_comes_in_is_read_from_what_came_in(here: Town) -> None:
    small_world(here)
    here.clock.turn(days=20)
    found = picture(here)
    assert (found.inflow.basis, found.inflow.days) == (InflowBasis.RECORDED, 20)
    assert found.inflow.per_day == pytest.approx(4 / 20), "the minor alone seeks no place here"
    rotterdam = next(one for one in found.regions if one.region_code == "VR17")
    assert [one.inflow for one in rotterdam.ahead] == pytest.approx([0, 0.15, 0.45, 1.05])


def test_the_published_figure_is_the_published_figure() -> None:
    assert figures.shelter("shelter requests 2024").value == rules.PUBLISHED_REQUESTS_PER_YEAR


def test_every_indicator_has_its_words_and_nothing_else_has() -> None:
    assert set(SAID) == set(INDICATORS)


def test_the_page_shows_it_and_every_number_leads_to_its_meaning(sqlite_url: str) -> None:
    here = town(sqlite_url)
    small_world(here)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    visitor = Visitor(here, Role.NATIONAL_COORDINATOR)
    page = visitor.get("/landelijk").text
    assert cells(page, "tekort-VR17") == [
        "Rotterdam-Rijnmond",
        *("tekort 1", "tekort 1", "tekort 1", "tekort 3"),
        "1 van 2 huizen recent gecontroleerd",
    ]
    assert cells(page, "over-VR13")[1:5] == ["1 over", "2 over", "5 over", "5 over"]
    assert cells(page, "straks-3") == ["over 7 dagen", "2", "5", "2", "3", "3,6", "tekort 2"]
    assert "Rotterdam-Rijnmond, te kort: 1" in page
    assert "186 aanvragen per jaar" in page
    meanings = visitor.get("/landelijk/uitleg").text
    named = set(re.findall(r'href="/landelijk/uitleg#(\w+)"', page))
    assert named
    for code in named:
        assert f'id="{code}"' in meanings, code
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR13")
    own = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk").text
    assert "Rotterdam" not in own
    assert 'id="over-VR13"' in own
    here.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
    rapporteur = Visitor(here, Role.RAPPORTEUR)
    assert rapporteur.get("/landelijk/uitleg").status_code == 200
    assert rapporteur.get("/landelijk").status_code == 403
    here.database.close()
