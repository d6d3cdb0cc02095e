"""Where people go: by hand, against a recount of the tables, and nothing of few by subtraction."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlmodel import select

from nrm.access.rules import OrganisationKind, Role
from nrm.course import service as course
from nrm.course.models import Blockage
from nrm.course.rules import TariffState
from nrm.course.schemas import BridgeIn, SettlementIn
from nrm.insight import flows, service
from nrm.insight.flows import Between, Stayed, blocked, gone_through
from nrm.insight.rules import SMALL
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest, Repeat
from nrm.intake.rules import RepeatOutcome
from nrm.placing import staying
from nrm.placing.models import Stay
from nrm.registry.models import Location
from tests.builders import KEY, Town, TurnedClock, town
from tests.insight.play import play
from tests.site import Visitor
from tests.web.test_watching_pages import cells

MORNING = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url, TurnedClock(MORNING))
    yield made
    made.database.close()


@pytest.mark.parametrize("seed", range(30))
def test_between_regions_nothing_of_few_can_be_had_by_subtraction(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - not for secrets
    regions = [f"VR{number:02d}" for number in range(1, chance.randint(3, 9))]
    counts = {(origin, target): chance.choice((0, 0, 1, 2, 4, 5, 7, 30)) for origin in regions for target in regions}
    found = Between(counts)
    elsewhere = {pair: count for pair, count in counts.items() if count and pair[0] != pair[1]}
    assert all(pair in found.hidden for pair, count in elsewhere.items() if count < SMALL)
    assert not any(origin == target for origin, target in found.hidden)
    for side in (0, 1):
        for region in regions:
            line = {pair: count for pair, count in elsewhere.items() if pair[side] == region}
            away = sum(count for pair, count in line.items() if pair in found.hidden)
            assert away == 0 or away >= SMALL or set(line) <= found.hidden, "or there is nothing else to hide"
    for side, count in ((0, found.sent), (1, found.received)):
        quiet = found.quiet(side)
        assert all(region in quiet for region in regions if 0 < count(region) < SMALL)
        assert all(pair in found.hidden for pair in elsewhere if pair[side] in quiet)
        away = sum(map(count, quiet))
        assert away == 0 or away >= SMALL or all(region in quiet or not count(region) for region in regions)
    assert sum(map(found.sent, regions)) == sum(map(found.received, regions)) == sum(elsewhere.values())


def test_a_sum_of_few_is_not_what_is_left_of_the_whole() -> None:
    """One region sent three; the whole and all others are told, unless one goes along."""
    found = Between({("VR01", "VR02"): 3, ("VR03", "VR02"): 6, ("VR04", "VR05"): 9, ("VR04", "VR04"): 1})
    assert found.quiet(0) == {"VR01", "VR03"}
    assert found.quiet(1) == frozenset()


def test_through_places_counted_by_hand() -> None:
    """Six who left after 1 … 6 days, one who is there, one who left before, one who came after."""
    since, until = MORNING, MORNING + 30 * DAY
    found = [Stayed("OMM", since - DAY, since + n * DAY - DAY, "ended_stay", "family") for n in range(1, 7)]
    found.append(Stayed("OMM", since + DAY, None, None, None))
    found.append(Stayed("COSM", since - 9 * DAY, since - DAY, "ended_stay", "unknown"))
    found.append(Stayed("COSM", since + DAY, until + DAY, "ended_stay", "unknown"))
    counted = gone_through(found, since, until)
    cosm, omm = counted.pools
    assert (cosm.pool, cosm.arrived, cosm.departed, cosm.there) == ("COSM", 1, 0, 1)
    assert (omm.arrived, omm.departed, omm.there) == (1, 6, 1)
    assert (omm.stay.median, omm.stay.p90) == (3 * DAY, 6 * DAY)
    assert (counted.departed, counted.destinations.shown, counted.destinations.rest) == (6, (("family", 6),), 0)
    assert cosm.stay.median is None


def test_nights_that_were_blocked_count_once_and_small_causes_go_together() -> None:
    since, until = MORNING, MORNING + 10 * DAY
    rows = [
        Blockage(id="", stay_id=f"s{n}", cause="no_housing", since=since - 5 * DAY, by="", ended_at=since + DAY)
        for n in range(5)
    ]
    rows += [
        Blockage(id="", stay_id=f"s{n}", cause=cause, since=since + DAY, by="", ended_at=None)
        for n, cause in enumerate(("no_income", "other", "other", "other", "waits_for_permit"))
    ]
    found = blocked([(row, None) for row in rows], since, until)
    assert (found.stays, found.now, found.nights) == (5, 5, 5 * 1 + 5 * 9)
    assert [(one.cause, one.stays, one.nights) for one in found.by] == [("no_housing", 5, 5), (None, 5, 45)]
    left = [(row, since + 3 * DAY) for row in rows[:6]]
    assert blocked(left, since, until).by[1:] == (), "of one is said nothing"
    assert (blocked(left, since, until).now, blocked(left, since, until).nights) == (0, 5 + 2)


def test_a_small_world_by_hand(here: Town) -> None:
    """From one region to another, out again, blocked, bridged, disputed, and asked for once more."""
    coordinator, provider, desk = here.coordinator(), here.provider(), here.national_desk()
    here.duty_officer()
    here.location(region="VR13", places=(2,))
    first, stay_id = here.placed(coordinator, provider)
    here.placed(here.coordinator("VR13"), provider, region="VR13")
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    with here.database.transaction(provider.account_id) as tx:
        course.block(tx, provider, stay_id, "no_housing")
    with here.database.transaction(coordinator.account_id) as tx:
        settled = course.settle(tx, coordinator, first, SettlementIn(legal="GM0599", paying="GM0599")).id
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    payer = here.actor(Role.MUNICIPALITY)
    with here.database.transaction(payer.account_id) as tx:
        course.settle_tariff(tx, payer, settled, TariffState.DISPUTED, 1)
    waiting = here.request(coordinator)
    with here.database.transaction(coordinator.account_id) as tx:
        hotel = BridgeIn(kind="hotel", municipality="GM0599", cents_per_night=9500)  # type: ignore[arg-type]
        course.record_bridge(tx, coordinator, waiting, hotel)
        intake.mark_person(tx, coordinator, KEY, first, "ZZ", MORNING.date())
    here.clock.turn(days=3)
    with here.database.transaction(provider.account_id) as tx:
        staying.depart(tx, provider, stay_id, "family", tx.session.get_one(Stay, stay_id).version)
    again = here.request(coordinator)
    with here.database.transaction(coordinator.account_id) as tx:
        intake.mark_person(tx, coordinator, KEY, again, "ZZ", MORNING.date())
        repeat_id = tx.session.exec(select(Repeat.id)).one()
    with here.database.transaction(desk.account_id) as tx:
        intake.end_repeat(tx, desk, repeat_id, RepeatOutcome.SAME_PERSON)
    here.clock.turn(seconds=1)
    for work in (service.keep, service.rebuild):
        work(here.database)
        with here.database.reading() as tx:
            period = (MORNING, tx.now)
            between = flows.between(tx, *period)
            assert between.counts == {("VR17", "VR13"): 1, ("VR13", "VR13"): 1}
            assert (between.own("VR13"), between.sent("VR17"), between.received("VR13")) == (1, 1, 1)
            assert flows.between(tx, *period, "VR17").counts == {("VR17", "VR13"): 1}
            (pool,) = flows.through(tx, *period).pools
            assert (pool.pool, pool.arrived, pool.departed, pool.there, pool.stay.of) == ("MUNICIPAL", 1, 1, 0, 1)
            assert flows.through(tx, *period).destinations.rest == 1
            assert flows.through(tx, *period, "VR17").pools == ()
            assert (flows.blocks(tx, *period).stays, flows.blocks(tx, *period).nights) == (1, 3)
            assert flows.blocks(tx, *period).now == 0, "leaving ends it"
            assert flows.blocks(tx, *period, "VR17").stays == 0
            assert flows.repeats(tx, *period) == flows.Repeats(1, 1, 1, 0)
            assert flows.repeats(tx, *period, "VR13").noticed == 0
            disputes = flows.disputes(tx)
            assert (disputes.agreed, disputes.open, disputes.disputed, disputes.ages) == (0, 0, 1, (1, 0, 0, 0))
            assert flows.disputes(tx, "VR01").disputed == 0


def test_against_a_recount_of_the_tables(sqlite_url: str) -> None:
    """A random town: first stays from the tables themselves, whatever happened in between."""
    here = town(sqlite_url)
    since = here.clock.at
    for _ in play(here, seed=7, deeds=60):
        pass
    service.keep(here.database)
    here.clock.turn(seconds=1)
    with here.database.reading() as tx:
        rows = tx.session.exec(
            select(Stay, PlacementRequest, Location)
            .join(PlacementRequest, PlacementRequest.id == Stay.request_id)  # type: ignore[arg-type]
            .join(Location, Location.id == Stay.location_id)  # type: ignore[arg-type]
            .order_by(Stay.planned_at)  # type: ignore[arg-type]
        ).all()
        first: dict[str, tuple[str, str]] = {}
        for _, request, location in rows:
            first.setdefault(request.id, (request.region_code, location.region_code))
        assert flows.between(tx, since, tx.now).counts == Counter(first.values())
        (pool,) = flows.through(tx, since, tx.now).pools
        assert pool.arrived == sum(stay.arrived_at is not None for stay, _, _ in rows)
        assert pool.departed == sum(stay.status == "departed" for stay, _, _ in rows)
        assert pool.there == sum(stay.status == "arrived" for stay, _, _ in rows)
        assert pool.departed
    here.database.close()


def test_the_page(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(MORNING))
    coordinator, provider = here.coordinator(), here.provider()
    here.location(region="VR13", places=(6,))
    for number in range(7):
        if number == 6:  # the first house is full
            here.location(region="VR20", places=(1,))
        _, stay_id = here.placed(coordinator, provider)
        with here.database.transaction(provider.account_id) as tx:
            staying.confirm_arrival(tx, provider, stay_id, 1)
            course.block(tx, provider, stay_id, "no_housing")
    waiting = here.request(coordinator)
    with here.database.transaction(coordinator.account_id) as tx:
        hotel = BridgeIn(kind="hotel", municipality="GM0599", cents_per_night=9550)  # type: ignore[arg-type]
        course.record_bridge(tx, coordinator, waiting, hotel)
    here.clock.turn(days=2)
    service.keep(here.database)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR01")
    page = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/stromen").text
    assert cells(page, "stroom-VR17")[1:] == ["0", "7", "0", "andere regio’s 7"], "six would tell of the seventh"
    assert cells(page, "stroom-VR20")[1:4] == ["0", "0", "minder dan 5"]
    assert "7 aanvragen kregen een plek, waarvan 7 in een andere regio." in page
    assert cells(page, "door-MUNICIPAL")[1:] == ["7", "0", "7", "niemand vertrok"]
    assert cells(page, "stokt-no_housing")[1:] == ["7", "14"]
    assert cells(page, "brug-GM0599")[1:3] == ["3", "€ 286,50"], "the night before this morning counts"
    own = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk/stromen?dagen=366").text
    assert "In deze periode kreeg niemand een plek." in own
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR20")
    other = Visitor(here, Role.MUNICIPALITY).get("/landelijk/stromen").text
    assert cells(other, "stroom-VR20")[1:4] == ["0", "0", "minder dan 5"]
    assert "aanvragen kregen een plek" not in other, "the sum is what the line leaves out"
    assert "sliep niemand op een overbrugging" in own
    here.database.close()
