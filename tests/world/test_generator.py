"""The world and the demand, as made from a seed: published totals, stated mixes, nobody real."""

import csv
import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from nrm.clock import AMSTERDAM
from nrm.intake.rules import NEEDS, WISHES, Person, minor_alone
from nrm.intake.schemas import RequestIn
from nrm.policy import Freshness
from nrm.registry.rules import TRUSTED, Stance, freshness
from nrm.registry.service import DATA as REFERENCE
from nrm.registry.service import NATIONAL_CRITERIA
from nrm.world import figures, generator
from nrm.world.assumptions import MIXES, number
from nrm.world.generator import Location, World
from nrm.world.houses import DEMO_PROVIDERS, REGIONS
from tests.house.sources import ROOT

NOW = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)
SEEDS = (2026, *range(10))


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    seed: int = request.param
    return generator.world(seed, NOW)


def places(world: World) -> dict[str, Location]:
    return {place: found for found in world.locations for unit in found.units for place in unit.places}


def taken(world: World) -> set[str]:
    return {place for stay in world.stays for place in stay.place_ids}


def out(world: World) -> set[str]:
    return {closure.place_id for closure in world.closures}


def demo_houses(world: World, pool: str) -> list[Location]:
    owners = {generator.provider_id(slug) for slug in DEMO_PROVIDERS}
    return [found for found in world.locations if found.organisation_id in owners and found.pool == pool]


def test_the_totals_are_the_published_ones(world: World) -> None:
    beds = Counter(found.pool for found in places(world).values())
    occupied = Counter(places(world)[place].pool for place in taken(world))
    assert beds["COSM"] == figures.shelter("COSM places (Aug 2024)").value
    assert beds["NLA"] == figures.shelter("NLA places").value
    assert beds["OMM"] == figures.shelter("OMM places").value
    assert abs(occupied["COSM"] - figures.shelter("COSM mean occupancy 2024").value) <= 0.5
    assert occupied["NLA"] == number("nla_occupied")
    assert occupied["OMM"] == number("omm_occupied")
    assert occupied["MUNICIPAL"] == round(number("municipal_occupied_share") * beds["MUNICIPAL"])


def test_municipal_places_stand_in_every_region_and_their_number_is_stated(world: World) -> None:
    beds = Counter(found.region for found in places(world).values() if found.pool == "MUNICIPAL")
    assert beds.keys() == figures.region_names().keys() == REGIONS.keys()
    assert f"{sum(beds.values())} municipal places" in (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8")
    assert 150 <= sum(beds.values()) <= 200


def test_a_handful_of_places_excludes_nobody(world: World) -> None:
    unconditional = 0
    for found in world.locations:
        of_house = {rule.criterion: rule.stance for rule in found.rules}
        for unit in found.units:
            stances = of_house | {rule.criterion: rule.stance for rule in unit.rules}
            if all(stances.get(criterion) is Stance.ACCEPTS for criterion in NATIONAL_CRITERIA):
                unconditional += len(unit.places)
    # The invented ones, and now and then a room of the specialised pool by chance.
    assert 5 <= unconditional <= 25


def test_every_unit_can_take_somebody(world: World) -> None:
    for found in world.locations:
        assert found.handover_points
        for unit in found.units:
            assert unit.places
            assert set(unit.sexes) <= {"f", "m", "x"}
            assert unit.sexes
            assert 18 <= unit.age_min <= unit.age_max
            assert set(unit.offers) <= {*NEEDS, *WISHES}
        for rule in (*found.rules, *(rule for unit in found.units for rule in unit.rules)):
            assert rule.criterion in NATIONAL_CRITERIA
            assert rule.reason or rule.stance is Stance.ACCEPTS


def test_no_place_is_taken_twice_and_stays_fit_their_rooms(world: World) -> None:
    claimed = [place for stay in world.stays for place in stay.place_ids]
    assert len(claimed) == len(set(claimed))
    assert not out(world) & taken(world)
    units = {unit.id: unit for found in world.locations for unit in found.units}
    for stay in world.stays:
        assert 1 <= stay.persons <= len(stay.place_ids)
        assert stay.arrived_at < NOW
        assert not units[stay.unit_id].private or stay.place_ids == units[stay.unit_id].places
    assert len({stay.id for stay in world.stays}) == len(world.stays)


def test_what_varies_in_life_varies_here(world: World) -> None:
    bands = Freshness().bands
    municipal = [found for found in world.locations if found.pool == "MUNICIPAL"]
    assert {freshness(bands["MUNICIPAL"], found.confirmed_at, NOW).band for found in municipal} == {
        "fresh",
        "aging",
        "stale",
        "unknown",
    }
    assert world.closures
    assert sum(found.pause is not None for found in world.locations) == number("paused_locations")
    assert any(found.intake for found in world.locations)
    reviews = [rule.review_on for found in world.locations for rule in found.rules if rule.review_on]
    assert min(reviews) < NOW.date() < max(reviews)
    stances = {rule.stance for found in world.locations for rule in found.rules}
    assert stances == set(Stance)
    departures = [stay.expected_departure for stay in world.stays]
    assert None in departures
    assert min(departure for departure in departures if departure) < NOW.date()


@pytest.mark.parametrize("hours", [0, 8])
def test_the_demo_providers_have_free_trusted_places_at_any_hour(world: World, hours: int) -> None:
    later = NOW + timedelta(hours=hours)
    bands = Freshness().bands
    for slug in DEMO_PROVIDERS:
        houses = [
            found
            for found in demo_houses(world, "MUNICIPAL")
            if found.organisation_id == generator.provider_id(slug)
            and found.pause is None
            and freshness(bands["MUNICIPAL"], found.confirmed_at, later).band in TRUSTED
            and found.intake is None
        ]
        free = [
            place
            for found in houses
            for unit in found.units
            for place in unit.places
            if place not in taken(world) | out(world)
        ]
        assert len(houses) >= 3
        assert len(free) >= 5


def test_the_demo_providers_start_fresh_and_hold_the_other_pools_too(world: World) -> None:
    bands = Freshness().bands
    for pool in ("COSM", "NLA", "OMM", "MUNICIPAL"):
        fresh = [
            found
            for found in demo_houses(world, pool)
            if freshness(bands[pool], found.confirmed_at, NOW).band == "fresh"
        ]
        assert any(place not in taken(world) | out(world) for found in fresh for u in found.units for place in u.places)


def test_the_same_seed_and_moment_give_the_same_bytes() -> None:
    def bytes_of(seed: int) -> bytes:
        return repr((generator.world(seed, NOW), list(generator.requests(seed, 50)))).encode()

    assert bytes_of(1) == bytes_of(1)
    assert bytes_of(1) != bytes_of(2)


def test_codes_and_canaries_are_unique_and_tell_nothing(world: World) -> None:
    codes = [found.code for found in world.locations]
    assert sorted(codes) == [f"L-{n:03d}" for n in range(1, len(codes) + 1)]
    regions = [found.region for found in world.locations]
    assert regions != sorted(regions)
    assert len({found.address for found in world.locations}) == len(world.locations)
    for found in world.locations:
        assert re.fullmatch(rf"Verzonnenlaan \d+, CANARY-{found.code}", found.address)


def test_nobody_and_nowhere_in_it_is_real(world: World) -> None:
    for organisation in world.organisations:
        assert organisation.email.endswith(".example")
        assert re.fullmatch(r"000-0000\d{3}", organisation.phone)
        if organisation.kind == "provider":
            assert organisation.name.startswith("Voorbeeldopvang De ")
    assert len({organisation.phone for organisation in world.organisations}) == len(world.organisations)
    for found in world.locations:
        for point in found.handover_points:
            assert not re.search(r"\d|[A-Z]", point)
        assert any("politie" not in point for point in found.handover_points)
    assert not re.search(r"\b\d{4} ?[A-Z]{2}\b", repr(world)), "a postcode"


def test_each_municipality_lies_in_its_region() -> None:
    with (REFERENCE / "municipalities.csv").open(encoding="utf-8", newline="") as file:
        region_of = {row["name"]: row["region"] for row in csv.DictReader(file)}
    assert {region.municipality: code for code, region in REGIONS.items()}.items() <= region_of.items()


# Demand

COUNT = 2000


@pytest.fixture(scope="module")
def demand() -> list[RequestIn]:
    return list(generator.requests(2026, COUNT))


def unlikely(observed: Counter[str], shares: dict[str, float]) -> float:
    """Pearson's chi-squared over its 1-in-10,000 bound (Wilson and Hilferty): above 1 the two mixes differ."""
    total = observed.total()
    shares = {key: share for key, share in shares.items() if share > 0}
    assert observed.keys() <= shares.keys()
    statistic = sum((observed[key] - total * share) ** 2 / (total * share) for key, share in shares.items())
    free = len(shares) - 1
    bound = free * (1 - 2 / (9 * free) + 3.719 * math.sqrt(2 / (9 * free))) ** 3
    return statistic / bound


def test_the_mix_of_forms_is_the_published_one(demand: list[RequestIn]) -> None:
    reports = figures.reports()
    total = sum(reports.values())
    shares: Counter[str] = Counter()
    for (form, _), count in reports.items():
        shares[form] += count
    observed = Counter(str(request.exploitation) for request in demand)
    assert unlikely(observed, {form: count / total for form, count in shares.items()}) < 1


def test_a_mix_that_is_off_by_a_few_points_is_noticed(demand: list[RequestIn]) -> None:
    observed = Counter(str(request.exploitation) for request in demand)
    assert unlikely(observed, {"sexual": 0.53, "labour": 0.35, "criminal": 0.12}) > 1


def test_residence_follows_from_the_part_of_the_world(demand: list[RequestIn]) -> None:
    reports = figures.reports()
    total = sum(reports.values())
    shares: dict[str, float] = {}
    for (_, origin), count in reports.items():
        for residence, share in MIXES[f"residence.{origin}"].shares.items():
            shares[residence] = shares.get(residence, 0) + share * count / total
    assert unlikely(Counter(str(request.residence) for request in demand), shares) < 1


def test_languages_follow_from_the_part_of_the_world(demand: list[RequestIn]) -> None:
    reports = figures.reports()
    total = sum(reports.values())
    shares: dict[str, float] = {}
    for (_, origin), count in reports.items():
        for language, share in MIXES[f"language.{origin}"].shares.items():
            shares[language] = shares.get(language, 0) + share * count / total
    observed = Counter(request.wishes[0].removeprefix("lang:") if request.wishes else "" for request in demand)
    assert unlikely(observed, shares) < 1


def test_all_that_occurs_in_the_sources_occurs_in_the_demand(demand: list[RequestIn]) -> None:
    sizes = Counter(len(request.persons) for request in demand)
    assert sizes[6]
    assert sizes[18]
    assert any(person.age < 18 and request.persons[0].parent for request in demand for person in request.persons)
    alone = sum(minor_alone([Person(p.sex, p.age) for p in request.persons]) for request in demand)
    assert 0 < alone < COUNT * 0.1
    assert {fact for request in demand for fact in request.facts.values()} == {"yes", "no", "unknown"}
    assert {person.sex for request in demand for person in request.persons} == {"f", "m", "x"}
    assert {request.region for request in demand} == REGIONS.keys()
    assert {request.urgency for request in demand} == {"now", "today", "soon", "planned"}
    assert any(request.refuses_police for request in demand)
    assert any(request.unsafe for request in demand)
    assert {need for request in demand for need in request.needs} == set(NEEDS)
    assert all(request.facts["pregnancy"] == "no" for request in demand if all(p.sex != "f" for p in request.persons))


def test_a_stream_is_ordered_and_has_its_share_after_hours() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    arrivals = list(generator.stream(7, start, start + timedelta(days=365), per_year=4000))
    moments = [arrival.at for arrival in arrivals]
    assert moments == sorted(moments)
    assert start <= moments[0]
    assert moments[-1] < start + timedelta(days=365)
    after = 0
    for moment in moments:
        local = moment.astimezone(AMSTERDAM)
        after += local.weekday() >= 5 or not 9 <= local.hour < 17
    assert after / len(moments) == pytest.approx(number("after_hours_share"), abs=0.04)
    assert arrivals == list(generator.stream(7, start, start + timedelta(days=365), per_year=4000))


def test_the_curve_of_the_week_adds_up() -> None:
    hours = [(weekday, hour) for weekday in range(7) for hour in range(24)]
    assert sum(generator.share_of_week(*hour) for hour in hours) == pytest.approx(1)


def test_years_differ_as_much_as_published() -> None:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    arrivals = generator.stream(3, start, start + timedelta(days=365 * 30), per_year=300)
    counts = Counter(arrival.at.astimezone(AMSTERDAM).year for arrival in arrivals)
    whole = [counts[year] for year in range(2000, 2029)]
    mean = sum(whole) / len(whole)
    deviation = (sum((count - mean) ** 2 for count in whole) / (len(whole) - 1)) ** 0.5
    assert deviation / mean == pytest.approx(figures.yearly_variation(), abs=0.1)
