"""The buyers' sheet: demand that adds up, bought and used by the part of who pays, and what would be enough."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from nrm.access.rules import OrganisationKind, Role
from nrm.course import service as course
from nrm.course.schemas import BridgeIn
from nrm.insight import buying, service
from nrm.insight.buying import Month, Year, counted, enough, per_night
from nrm.insight.models import CaseCourse
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.placing import staying
from nrm.registry import centres, joint
from nrm.registry.schemas import AgreementIn
from nrm.world.generator import made_up_centres
from tests.builders import Town, TurnedClock, town
from tests.insight.play import MUNICIPALITIES, close, play
from tests.site import Visitor
from tests.web.test_watching_pages import cells
from web.charts import Bar
from web.screens.buying import _chart as drawn
from web.words import words

ROTTERDAM, BARENDRECHT, SCHIEDAM, MAASSLUIS, THE_HAGUE = "GM0599", "GM0489", "GM0606", "GM0556", "GM0518"
PLAYED = {code for codes in MUNICIPALITIES.values() for code in codes if code}

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
        (rotterdam,) = buying.buyers(tx, year, buying.region_area(tx, "VR17"))
        (the_hague,) = buying.buyers(tx, year, buying.region_area(tx, "VR15"))
        demand = buying.demand(tx, year, buying.region_area(tx, "VR17"))
        assert buying.buyers(tx, year, buying.region_area(tx, "VR01")) == []
        assert buying.demand(tx, year, buying.region_area(tx, "VR01")).requests == 0
        assert buying.demand(tx, buying.year(tx, 2025), buying.region_area(tx, "VR17")) == buying.Demand(0, 0, {}, ())
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


def centres_loaded(here: Town) -> None:
    """As in the demo: Rotterdam buys for half of its region, Maassluis for the rest of it; Den Haag for Delft."""
    with here.database.transaction() as tx:
        centres.load(tx, made_up_centres(), date(2024, 1, 1), "een gepubliceerde lijst")


def brute(here: Town, year: Year, region: str, inside: Callable[[str | None], bool]) -> tuple[Counter[str], list[int]]:
    """New requests by what became of them, and persons per night, counted from the tables one by one."""
    parts: Counter[str] = Counter()
    nights = [0] * len(year.hours)
    with here.database.reading() as tx:
        for one in tx.session.exec(select(PlacementRequest).where(PlacementRequest.region_code == region)).all():
            course_of = tx.session.get_one(CaseCourse, one.id)
            if one.minor_alone or not inside(one.municipality_code):
                continue
            if one.continues_id is None and year.since <= one.created_at < year.until:
                parts[buying._part(course_of)] += 1
            begin = course_of.arrived_at if one.continues_id else one.created_at
            for number, hour in enumerate(year.hours):
                here_then = begin is not None and begin <= hour and (one.closed_at is None or hour < one.closed_at)
                nights[number] += here_then and course_of.persons
    return parts, nights


def test_demand_is_every_request_of_the_area_and_the_same_when_read_again(sqlite_url: str) -> None:
    """The areas of a region and what is not known of which are together the region, whatever happened."""
    here = town(sqlite_url)
    centres_loaded(here)
    for _ in play(here, seed=1, deeds=40):
        pass
    here.clock.turn(days=1)
    service.keep(here.database)

    def told() -> dict[str, buying.Demand]:
        with here.database.reading() as tx:
            areas = [buying.region_area(tx, region) for region in ("VR13", "VR17")]
            areas += [buying.centre_area(tx, code, year) for code in sorted(set(listed.values()))]
            return {area.code: buying.demand(tx, year, area) for area in areas}

    with here.database.reading() as tx:
        year = buying.year(tx, 2026)
        listed = {row["code"]: row["centre"] for row in made_up_centres() if row["code"] in PLAYED}
    before = told()
    for region in ("VR13", "VR17"):
        found = before[region]
        parts, nights = brute(here, year, region, lambda _: True)
        assert (found.parts, list(found.need)) == (parts, nights)
        own = {code: before[code] for code in set(listed.values()) & found.spread.keys()}
        assert found.spread == {code: one.requests for code, one in own.items()} | (
            {"": found.spread[""]} if "" in found.spread else {}
        )
        assert found.requests == sum(found.spread.values())
        for code, one in own.items():
            inside = {municipality for municipality, centre in listed.items() if centre == code}
            parts, nights = brute(here, year, region, lambda said, inside=inside: said in inside)
            assert (one.parts, list(one.need), one.spread) == (parts, nights, found.spread)
    assert len({code for code in before["VR17"].spread if code}) == 2, "two areas of one region were played"
    assert "" in before["VR17"].spread
    service.rebuild(here.database)
    assert told() == before
    here.database.close()


def test_where_it_was_is_counted_as_it_was_last_said_and_as_the_list_was_then(here: Town) -> None:
    """Five requests by hand: two in Barendrecht, one moved to Schiedam, one learned afterwards, one never known."""
    coordinator, provider = here.coordinator(), here.provider()
    centres_loaded(here)
    house = here.location(region="VR17", places=(4,))
    pays(here, house, GM0599=1)
    _, stay_id = here.placed(coordinator, provider, municipality=BARENDRECHT)
    moved, learned, _ = (here.request(coordinator, municipality=one) for one in (BARENDRECHT, None, None))
    here.request(here.coordinator("VR15"), region="VR15", municipality=THE_HAGUE)
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    for request_id, code in ((moved, SCHIEDAM), (learned, BARENDRECHT)):
        with here.database.transaction(coordinator.account_id) as tx:
            intake.set_municipality(tx, coordinator, request_id, code)
    here.clock.turn(days=3)
    service.keep(here.database)
    with here.database.reading() as tx:
        year = buying.year(tx, 2026)
        rotterdam, maassluis = (buying.centre_area(tx, code, year) for code in (ROTTERDAM, MAASSLUIS))
        found, other = buying.demand(tx, year, rotterdam), buying.demand(tx, year, maassluis)
        (bought,) = buying.buyers(tx, year, rotterdam)
        assert buying.buyers(tx, year, maassluis) == []
        elsewhere = [one.used for one in buying.buyers(tx, year, buying.region_area(tx, "VR17"))]
    assert (found.requests, found.parts, found.need) == (2, {"own": 1, "waiting": 1}, (2, 2, 2))
    assert found.spread == other.spread == {ROTTERDAM: 2, MAASSLUIS: 1, "": 1}
    assert (found.known, found.asked, other.requests) == (3, 4, 1)
    assert dict(bought.used) == {"own": 3.0}
    assert elsewhere == [bought.used]
    # From tomorrow on Barendrecht is Maassluis's; what was asked before stays where it was.
    rows = [row | ({"centre": MAASSLUIS} if row["code"] == BARENDRECHT else {}) for row in made_up_centres()]
    with here.database.transaction() as tx:
        centres.load(tx, rows, tx.now.date() + DAY, "een nieuwe lijst")
    here.clock.turn(days=2)
    here.request(coordinator, municipality=BARENDRECHT)
    here.clock.turn(hours=1)
    service.keep(here.database)
    with here.database.reading() as tx:
        year = buying.year(tx, 2026)
        found = buying.demand(tx, year, buying.centre_area(tx, MAASSLUIS, year))
        assert found.spread == {ROTTERDAM: 2, MAASSLUIS: 2, "": 1}
        assert found.requests == 2


@pytest.mark.parametrize(
    ("known", "asked", "told"),
    [
        (0, 0, None),
        (2, 4, None),
        (0, 5, (0, 2)),
        (25, 49, (1, 2)),
        (35, 50, (7, 10)),
        (50, 50, (10, 10)),
        (0, 50, (0, 10)),
    ],
)
def test_coverage_is_told_so_coarse_that_nobody_small_is_left_over(
    known: int, asked: int, told: tuple[int, int] | None
) -> None:
    """Whoever knows one area and the region exactly cannot tell how many the rest of them are."""

    def of(known: int) -> buying.Demand:
        return buying.Demand(0, 0, {}, (), {"GM0599": known, "": asked - known})

    assert buying.coverage(of(known)) == told
    assert told is None or sum(buying.coverage(of(other)) == told for other in range(asked + 1)) >= 3


def test_what_nobody_put_on_record_is_not_drawn_as_nothing() -> None:
    needed = [Month(date(2026, 10, 1), 2.5, 4), Month(date(2026, 11, 1), 3.0, 5)]
    assert "Gekocht" not in drawn(words("nl"), needed, 0.0).svg()
    assert drawn(words("nl"), needed, 0.0).lines[0].bars == (Bar(4, "4"),)
    assert drawn(words("nl"), needed, 2.5).lines[1].bars == (Bar(5, "5"), Bar(2, "2,5"))


def test_the_page(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(MONDAY))
    coordinator, provider = here.coordinator(), here.provider()
    centres_loaded(here)
    pays(here, here.location(region="VR17", places=(6,)), GM0599=1)
    here.location(region="VR17", places=(1,))
    for _ in range(6):
        _, stay_id = here.placed(coordinator, provider, municipality=BARENDRECHT)
        with here.database.transaction(provider.account_id) as tx:
            staying.confirm_arrival(tx, provider, stay_id, 1)
    for number in range(6):
        request_id = here.request(coordinator, municipality=SCHIEDAM if number < 2 else BARENDRECHT)
        if number == 0:
            close(here, coordinator, request_id, Outcome.WITHDRAWN)
    here.clock.turn(days=3)
    service.keep(here.database)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    own = here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR01")
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    assert "/landelijk/inkoop?regio=VR17" in nac.get("/landelijk/inkoop").text
    assert "Kies een regio" in nac.get("/landelijk/inkoop").text
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
    assert cells(page, "gebied-GM0599") == ["Rotterdam", "10", "6"], "rounded: nobody takes it from the whole"
    assert cells(page, "gebied-GM0556") == ["Maassluis", "minder dan 5", "niets vastgelegd"]
    assert cells(page, "gebied-")[:2] == ["Gemeente niet bekend", "0"]
    few = nac.get("/landelijk/inkoop?gebied=GM0556").text
    assert "Er waren minder dan 5 aanvragen." in few
    assert 'id="norm-95"' not in few
    sheet = Visitor(here, Role.MUNICIPALITY)
    assert "niet vastgelegd welke gemeente" in sheet.get("/landelijk/inkoop?regio=VR17").text
    with here.database.transaction() as tx:
        centres.set_municipality(tx, own.organisation_id, BARENDRECHT)
    for asked in ("", "?regio=VR01", "?gebied=GM0518", "?regio=VR17"):
        text = sheet.get(f"/landelijk/inkoop{asked}").text
        assert "Inkoopblad 2026: Rotterdam" in text, "the area its municipality is in, whatever was asked for"
        assert "Ongeveer 10 nieuwe aanvragen, voor ongeveer 10 personen." in text
        assert "een gepubliceerde lijst" in text
        assert "Van de helft of meer" in text
        assert "Maassluis" not in text
        assert "Een andere regio" not in text
    other = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk/inkoop?gebied=GM0599").text
    assert "Rotterdam" not in other
    assert "Uit deze regio kwam geen aanvraag." in other
    assert nac.get("/landelijk/inkoop?regio=onzin&jaar=0&gebied=GM0489").status_code == 200
    here.database.close()
