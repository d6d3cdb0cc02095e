"""The buyers' sheet: demand that adds up, bought and used by the part of who pays, and what would be enough."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nrm.access.rules import OrganisationKind, Role
from nrm.course import service as course
from nrm.course.schemas import BridgeIn
from nrm.insight import buying, service
from nrm.insight.buying import Year, counted, enough, per_night
from nrm.insight.models import CaseCourse
from nrm.intake.rules import Outcome
from nrm.placing import staying
from nrm.registry import joint
from nrm.registry.schemas import AgreementIn
from tests.builders import Town, TurnedClock, town
from tests.insight.play import close, play
from tests.site import Visitor
from tests.web.test_watching_pages import cells

MONDAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOURS = [MONDAY + at * DAY for at in range(20)]
SPANS = st.lists(
    st.tuples(st.integers(-50, 500), st.one_of(st.none(), st.integers(0, 400)), st.integers(1, 5)), max_size=12
)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url, TurnedClock(MONDAY))
    yield made
    made.database.close()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SPANS)
def test_persons_per_night_and_what_is_enough_against_counting_them(said: list[tuple[int, int | None, int]]) -> None:
    spans = []
    for begin, lasts, persons in said:
        since = MONDAY + timedelta(hours=begin)
        spans.append((since, None if lasts is None else since + timedelta(hours=lasts), persons))
    found = per_night(spans, HOURS)
    assert found == [
        sum(persons for since, until, persons in spans if since <= hour and (until is None or hour < until))
        for hour in HOURS
    ]
    for percent in (80, 90, 95):
        places = enough(found, percent)
        assert places is not None
        assert 100 * sum(one <= places for one in found) >= percent * len(found)
        assert places == 0 or 100 * sum(one <= places - 1 for one in found) < percent * len(found)
    assert enough([], 90) is None


def test_a_year_is_its_nights_that_are_over() -> None:
    assert len(Year.of(2024, MONDAY).nights) == 366
    this = Year.of(2026, datetime(2026, 3, 1, 3, 30, tzinfo=UTC))
    assert this.nights[-1] == date(2026, 2, 28), "half past four: the night is over"
    assert Year.of(2026, datetime(2026, 3, 1, 2, 30, tzinfo=UTC)).nights[-1] == date(2026, 2, 27)
    assert Year.of(2026, datetime(2026, 1, 1, 2, 0, tzinfo=UTC)).nights == ()
    summer = Year.of(2026, datetime(2026, 4, 1, tzinfo=UTC))
    assert [hour.hour for hour in summer.hours[85:88]] == [3, 2, 2], "four on the wall, also when the clock goes on"


def row(name: str, **said: object) -> CaseCourse:
    known = {"region": "VR17", "urgency": "now", "persons": 2, "profile": "women", "submitted_at": MONDAY, **said}
    return CaseCourse(request_id=name, **known)


def test_demand_adds_up_and_counts_whoever_goes_on_once() -> None:
    year = Year.of(2026, MONDAY + 10 * DAY)
    rows = [
        row("own", placed_region="VR17", arrived_at=MONDAY, closed_at=MONDAY + 2 * DAY, outcome=Outcome.ENDED_STAY),
        row("next", follow_on=True, arrived_at=MONDAY + 2 * DAY, placed_region="VR01"),
        row("coming", follow_on=True),
        row("elsewhere", placed_region="VR01", closed_at=MONDAY + DAY, outcome=Outcome.ENDED_STAY),
        row("waits"),
        row("gone", closed_at=MONDAY + DAY, outcome=Outcome.LOST_CONTACT),
        row("none", closed_at=MONDAY + DAY, outcome=Outcome.NO_PLACE),
        row("before", submitted_at=year.since - DAY, closed_at=year.since + 2 * DAY, outcome=Outcome.NO_PLACE),
    ]
    found = counted(rows, year)
    assert (found.requests, found.persons) == (5, 10)
    assert found.parts == {"own": 1, "elsewhere": 1, "waiting": 1, "withdrawn": 1, "without": 1}
    assert found.need[0] == 2, "who asked the year before"
    monday = year.nights.index(date(2026, 11, 2))
    assert found.need[monday - 1 : monday + 4] == (0, 10, 4, 4, 4)
    assert found.nights == sum(found.need)
    by_month = buying.months(found, year)
    assert [(one.first.month, one.most) for one in by_month if one.most] == [(1, 2), (11, 10)]
    assert by_month[-1].average == pytest.approx(sum(found.need[304:]) / len(year.nights[304:]))


def pays(here: Town, location_id: str, **parts: int) -> None:
    provider = here.provider()
    shares = [{"municipality": code, "parts": count} for code, count in parts.items()]
    with here.database.transaction(provider.account_id) as tx:
        joint.agree(tx, provider, location_id, AgreementIn.model_validate({"shares": shares, "version": 0}))


def test_bought_and_used_by_the_part_of_who_pays(here: Town) -> None:
    """Rotterdam pays three of four parts of a house of four, Den Haag the rest; a house nobody pays for counts not."""
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(region="VR17", places=(4,))
    pays(here, house, GM0599=3, GM0518=1)
    _, mine = here.placed(coordinator, provider, persons=[{"sex": "f", "age": 30}, {"sex": "f", "age": 20}])
    _, theirs = here.placed(here.coordinator("VR15"), provider, region="VR15")
    here.location(region="VR17", places=(9,))
    for stay_id in (mine, theirs):
        with here.database.transaction(provider.account_id) as tx:
            staying.confirm_arrival(tx, provider, stay_id, 1)
    waiting = here.request(coordinator, persons=[{"sex": "m", "age": 30}])
    with here.database.transaction(coordinator.account_id) as tx:
        course.record_bridge(tx, coordinator, waiting, BridgeIn(kind="hotel", municipality="GM0599"))  # type: ignore[arg-type]
    here.clock.turn(days=2)
    with here.database.transaction(provider.account_id) as tx:
        staying.depart(tx, provider, mine, "family", 2)
    here.clock.turn(days=8)
    service.keep(here.database)
    with here.database.reading() as tx:
        year = buying.year(tx, 2026)
        assert len(year.nights) == 10, "nothing was recorded before"
        (rotterdam,) = buying.buyers(tx, year, "VR17")
        (the_hague,) = buying.buyers(tx, year, "VR15")
        demand = buying.demand(tx, year, "VR17")
        assert buying.buyers(tx, year, "VR01") == []
        assert buying.demand(tx, year, "VR01").requests == 0
        assert buying.demand(tx, buying.year(tx, 2025), "VR17") == buying.Demand(0, 0, {}, ())
    assert (rotterdam.places, the_hague.places) == (3, 1)
    assert rotterdam.nights == 3 * 10
    assert dict(rotterdam.used) == {"own": 0.75 * 2 * 2, "elsewhere": 0.75 * 10}
    assert dict(the_hague.used) == {"own": 0.25 * 10, "elsewhere": 0.25 * 4}, "each from where it stands"
    assert dict(rotterdam.stays) == {"own": 1, "elsewhere": 1}
    assert rotterdam.bridges is not None
    assert rotterdam.bridges.nights > 0
    assert the_hague.bridges is None
    assert (demand.requests, demand.persons, demand.parts) == (2, 3, {"own": 1, "waiting": 1})
    assert sum(demand.need) == 2 * 2 + 10


def test_demand_is_every_request_of_the_region_and_the_same_when_read_again(sqlite_url: str) -> None:
    here = town(sqlite_url)
    for _ in play(here, seed=13, deeds=30):
        pass
    here.clock.turn(days=1)
    service.keep(here.database)
    with here.database.reading() as tx:
        year = buying.year(tx, 2026)
        before = {region: buying.demand(tx, year, region) for region in ("VR13", "VR17")}
    assert all(found.requests == sum(found.parts.values()) for found in before.values())
    assert any(found.requests for found in before.values())
    service.rebuild(here.database)
    with here.database.reading() as tx:
        assert {region: buying.demand(tx, year, region) for region in before} == before
    here.database.close()


def test_the_page(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(MONDAY))
    coordinator, provider = here.coordinator(), here.provider()
    pays(here, here.location(region="VR17", places=(6,)), GM0599=1)
    here.location(region="VR17", places=(1,))
    for _ in range(6):
        _, stay_id = here.placed(coordinator, provider)
        with here.database.transaction(provider.account_id) as tx:
            staying.confirm_arrival(tx, provider, stay_id, 1)
    for number in range(6):
        request_id = here.request(coordinator)
        if number == 0:
            close(here, coordinator, request_id, Outcome.WITHDRAWN)
    here.clock.turn(days=3)
    service.keep(here.database)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR01")
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    assert "/landelijk/inkoop?regio=VR17" in nac.get("/landelijk/inkoop").text
    page = nac.get("/landelijk/inkoop?regio=VR17").text
    assert "12 nieuwe aanvragen, voor 12 personen." in page
    assert 'id="vraag-withdrawn"' not in page, "one is not told, and cannot be had by subtraction"
    assert '<li id="vraag-own"><b>6</b>' in page
    assert '<li id="vraag-rest"><b>6</b>' in page
    assert cells(page, "norm-95")[1:] == ["11"]
    assert "Over 3 nachten van 2026" in page
    assert "op de drukste nacht 11" in page
    assert cells(page, "maand-11")[2] == "11"
    assert "geen minimum afgesproken. In gebruik: 7 plekken." in page
    assert cells(page, "gekocht-GM0599")[1:2] == ["6"]
    sheet = Visitor(here, Role.MUNICIPALITY).get("/landelijk/inkoop?regio=VR01&gemeente=GM0599").text
    assert "Inkoopblad 2026: Rotterdam" in sheet, "one's own region, whatever was asked for"
    assert "Een andere regio" not in sheet
    other = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk/inkoop?regio=VR17&gemeente=GM0599").text
    assert "Rotterdam" not in other
    assert "Uit deze regio kwam geen aanvraag." in other
    assert nac.get("/landelijk/inkoop?regio=onzin&jaar=0").status_code == 200
    here.database.close()
