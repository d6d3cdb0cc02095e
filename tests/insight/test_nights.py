"""Places free at night while somebody waited: by hand, against the independent check, and the same when read again."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from matching.check import broken
from nrm.access.rules import OrganisationKind, Role
from nrm.clock import AMSTERDAM
from nrm.course.rules import night_of
from nrm.insight import nights, service
from nrm.insight.models import NightLook
from nrm.insight.nights import Line, Region, Room, Seen, night_due, summed, unused
from nrm.intake import queries as intake
from nrm.placing import problem as placing
from nrm.placing import service as placing_service
from nrm.placing.rules import SAFETY, merged
from nrm.registry import queries as registry
from nrm.registry.models import Confirmation
from nrm.registry.rules import Stance
from tests.builders import Town, TurnedClock, town
from tests.insight.play import play
from tests.site import Visitor
from tests.web.test_watching_pages import cells

FOUR = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
"""Four o'clock on the wall, in the night of Saturday 21 November."""


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url, TurnedClock(FOUR - timedelta(hours=5)))
    made.duty_officer()
    yield made
    made.database.close()


def looked(here: Town, days: int = 28, region: str | None = None) -> nights.Unused:
    with here.database.reading() as tx:
        until = nights.newest(tx.now) + timedelta(days=1)
        return nights.over(tx, until - timedelta(days=days), until, region)


def codes(found: nights.Unused) -> dict[str, int]:
    return {code: one.place_nights for code, one in found.causes.items()}


def test_each_place_counts_once_at_what_would_have_been_least_to_change() -> None:
    rooms = [
        # Two of three fit, for one cause more than for the other.
        Room("VR01", "OMM", 2, {"a": frozenset(), "b": frozenset(), "c": frozenset({"sex"})}),
        Room("VR01", "OMM", 1, {"a": frozenset({"excludes:trauma"}), "b": frozenset({"sex"}), "c": frozenset({"sex"})}),
        Room("VR02", "OMM", 5, {"a": frozenset({SAFETY}), "b": frozenset({"size"}), "c": frozenset({"sex", "age"})}),
    ]
    assert unused(rooms, {"a": "no_answer", "b": "no_answer"}) == (
        Line("VR01", "OMM", "fits:no_answer", 2, ("a", "b")),
        Line("VR01", "OMM", "sex", 1, ("b", "c")),
    )
    assert unused(rooms[:1], {"a": "not_asked"})[0].code == "fits:not_looked", "of as many the last by name"


@pytest.mark.parametrize(
    ("wall", "night"),
    [
        (
            datetime(2026, 3, 29, 4, 0, tzinfo=AMSTERDAM),
            date(2026, 3, 28),
        ),  # an hour earlier there was no clock between two and three
        (datetime(2026, 10, 25, 4, 0, tzinfo=AMSTERDAM), date(2026, 10, 24)),
        (datetime(2026, 1, 1, 7, 59, tzinfo=AMSTERDAM), date(2025, 12, 31)),
        (datetime(2026, 1, 1, 3, 59, tzinfo=AMSTERDAM), None),
        (datetime(2026, 1, 1, 8, 0, tzinfo=AMSTERDAM), None),
    ],
)
def test_when_a_night_is_looked_at(wall: datetime, night: date | None) -> None:
    assert night_due(wall) == night


def test_nights_are_added_up_and_requests_are_counted_once() -> None:
    first = Seen(
        {"VR01": Region(3, 0, 2, 1), "VR02": Region(0, 2, 1, 1)},
        (Line("VR01", "OMM", "fits:not_asked", 2, ("a", "b")), Line("VR01", "OMM", "sex", 1, ("c",))),
    )
    second = Seen({"VR01": Region(4, 0, 2, 2)}, (Line("VR01", "OMM", "fits:not_asked", 4, ("b", "d")),))
    found = summed([(date(2026, 1, 1), first), (date(2026, 1, 2), second)], 28)
    assert (found.nights, found.looked, found.free, found.fitting, found.nearly, found.requests) == (28, 2, 7, 6, 1, 3)
    assert (found.houses, found.trusted, found.request_nights) == (5, 4, 4)
    assert found.causes["fits:not_asked"] == nights.Count(6, 3)
    assert summed([(date(2026, 1, 1), first)], 1, "VR02").fitting == 0
    assert Seen.of(second.plain()) == second


def test_a_small_world_by_hand(here: Town) -> None:
    """One waits for an answer elsewhere, one may not come because of one rule, one is asked of nobody."""
    coordinator = here.coordinator()
    here.location(region="VR17", places=(2,), sexes=("m",))
    here.location(region="VR13", places=(1, 3), stances={"addiction": Stance.EXCLUDES}, sexes=("f",))
    here.location(region="VR13", places=(4,), pool="OMM")
    here.location(region="VR01", places=(9,), confirmed_minutes_ago=None)
    assert not nights.look(here.database), "it is eleven in the evening"
    here.request(coordinator, facts={"addiction": "yes"}, unsafe=[{"region": "VR17", "reason": "network"}])
    later = {"needed_from": (FOUR + timedelta(days=3)).isoformat(), "urgency": "planned"}
    here.request(coordinator, persons=[{"sex": "m", "age": 30}], **later)
    here.match()
    service.keep(here.database)
    here.clock.at = FOUR + timedelta(minutes=10)
    assert nights.look(here.database)
    assert not nights.look(here.database), "once a night"
    found = looked(here)
    assert (found.looked, found.free) == (1, 10), "what is not confirmed is not free"
    assert (found.fitting, found.requests) == (4, 1), "the beds of OMM take anybody with an addiction"
    assert codes(found) == {"fits:not_asked": 4, "excludes:addiction": 4}
    assert (found.houses, found.trusted) == (4, 3)
    assert looked(here, region="VR17").nearly == 0, "unsafe is no rule, and who comes later does not wait tonight"
    here.clock.turn(days=1)
    assert nights.look(here.database)
    assert looked(here).looked == 2
    assert looked(here).fitting == 4, "a day later every figure is old"


def test_asked_elsewhere_and_declined_here(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(region="VR17", places=(1,))
    here.location(region="VR13", places=(1,))
    request_id = here.request(coordinator)
    here.match()
    first = here.offer(coordinator, request_id)
    with here.database.transaction(provider.account_id) as tx:
        placing_service.decline(tx, provider, first, "group_balance")
    here.match()
    here.offer(coordinator, request_id)
    here.location(region="VR20", places=(3,))
    here.match()
    service.keep(here.database)
    here.clock.at = FOUR
    nights.look(here.database)
    assert codes(looked(here)) == {"fits:no_answer": 3, "barred:declined": 1}, "who was asked holds its bed"


def test_against_the_independent_check_and_read_again(sqlite_url: str) -> None:
    """A random town, three nights: every free place against the checker that shares no code with the solver."""
    here = town(sqlite_url)
    seen: dict[date, tuple[int, int]] = {}
    for number, _ in enumerate(play(here, seed=5, deeds=45)):
        if number % 15 == 14:
            wall = here.clock.at.astimezone(AMSTERDAM)
            here.clock.at = (wall + timedelta(days=1)).replace(hour=4, minute=number).astimezone(UTC)
            with here.database.transaction() as tx:
                for view in registry.locations(tx):
                    tx.session.add(confirmed(view.location.id, tx.now, tx.new_id()))
            here.match()
            service.keep(here.database)
            seen[night_of(here.clock.at)] = recount(here)
            assert nights.look(here.database)
    service.keep(here.database)
    with here.database.reading() as tx:
        rows = {row.night: Seen.of(row.seen) for row in tx.session.exec(select(NightLook))}
    assert len(rows) == len(seen) >= 2
    for night, found in rows.items():
        total = summed([(night, found)], 1)
        assert (total.fitting, total.nearly) == seen[night]
    assert any(fitting or nearly for fitting, nearly in seen.values()), "the town was lively enough"
    before = looked(here)
    with here.database.transaction() as tx:  # planted: rebuilding must not lean on what was there
        row = tx.session.exec(select(NightLook)).all()[0]
        row.seen = {"regions": {}, "lines": []}
    assert looked(here) != before
    service.rebuild(here.database)
    assert looked(here) == before
    here.database.close()


def confirmed(location_id: str, at: datetime, new_id: str) -> Confirmation:
    return Confirmation(id=new_id, location_id=location_id, confirmed_at=at, account_id="builder")


def recount(here: Town) -> tuple[int, int]:
    """Places that would do for somebody at once, and those that would but for one rule, by the checker's own words."""
    fitting = nearly = 0
    with here.database.reading() as tx:
        tonight = [one for one in intake.unplaced(tx) if not one.minor_alone and one.needed_from <= tx.now]
        built = placing.build(tx, intake.details(tx, tonight), registry.locations(tx), with_previous=False)
    units = {unit.id: unit for unit in built.problem.units}
    for unit_id, (view, unit) in built.units.items():
        if not unit.free_for_offer or view.paused or view.freshness.band not in {"fresh", "aging"} or unit.doubted:
            continue
        barred = [
            merged(built.told(unit_id, broken(built.problem, one, units[unit_id]))) for one in built.problem.requests
        ]
        if any(not found for found in barred):
            fitting += unit.free_for_offer
        elif any(len(found) == 1 and not found & {SAFETY, "size", "only_location"} for found in barred):
            nearly += unit.free_for_offer
    return fitting, nearly


def test_the_page(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(FOUR))
    here.duty_officer()
    here.location(region="VR13", places=(3,), stances={"addiction": Stance.EXCLUDES})
    here.location(region="VR17", places=(2,), sexes=("m",))
    coordinator = here.coordinator()
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    assert "nog geen nacht bekeken" in nac.get("/landelijk/onbenut").text
    for _ in range(5):
        here.request(coordinator, facts={"addiction": "yes"})
    here.match()
    service.keep(here.database)
    nights.look(here.database)
    here.clock.turn(hours=6)
    page = nac.get("/landelijk/onbenut").text
    assert "samen 5 nachten vrij. Bij 0 daarvan wachtte" in page
    assert cells(page, "bijna-excludes-addiction") == ["Kan hier niet: verslaving", "3", "5"]
    assert 'id="bijna-rest"' not in page.split("kop-waar")[1]
    assert cells(page, "waar-VR13-MUNICIPAL")[2:] == ["0", "3"]
    assert "Bekeken: 1 van 28 nachten" in page
    own = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk/onbenut").text
    assert "verslaving" not in own, "the houses that keep people out are elsewhere"
    here.database.close()


def test_a_rule_that_kept_few_out_is_not_named(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(FOUR))
    here.duty_officer()
    here.location(region="VR13", places=(3,), stances={"trauma": Stance.EXCLUDES})
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.request(here.coordinator(), facts={"trauma": "yes"})
    here.match()
    service.keep(here.database)
    nights.look(here.database)
    page = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/onbenut").text
    assert "trauma" not in page
    assert cells(page, "bijna-rest")[1:] == ["3", "minder dan 5"]
    here.database.close()


def test_causes_are_those_of_the_night(here: Town) -> None:
    """Nothing is asked of nobody: a night without anybody who waits has no line, and counts as looked at."""
    here.location(places=(2,))
    here.clock.at = FOUR
    nights.look(here.database)
    found = looked(here)
    assert (found.looked, found.free, found.fitting, Counter(codes(found))) == (1, 2, 0, Counter())
