"""A Dutch world and a stream of requests, from a seed. Pure: the same seed and moment give the same bytes.

Totals and mixes that are published come from figures.py, everything else from assumptions.py. No real person, no real
address, no telephone that can ring.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from nrm import policy
from nrm.access.rules import OrganisationKind
from nrm.clock import AMSTERDAM
from nrm.intake.rules import LANGUAGES, Exploitation, Fact, Residence, Sex, UnsafeReason, Urgency
from nrm.intake.schemas import PersonIn, RequestIn, UnsafeIn
from nrm.policy import Pool
from nrm.registry.rules import Basis, SafetyClass, Stance, Use
from nrm.registry.service import NATIONAL_CRITERIA
from nrm.world import figures
from nrm.world.assumptions import MIXES, STANCE_ORDER, STANCES, number
from nrm.world.houses import (
    POLICE_REGIONS,
    PROVIDERS,
    REGIONS,
    HouseKind,
    HousePlan,
    UnitPlan,
    houses,
)


@dataclass(frozen=True)
class Organisation:
    id: str
    kind: OrganisationKind
    name: str
    region: str | None
    email: str
    phone: str
    municipality: str | None = None


@dataclass(frozen=True)
class Rule:
    """What a house, or one unit of it, says to a criterion."""

    criterion: str
    stance: Stance
    basis: Basis
    reason: str
    review_on: date | None


@dataclass(frozen=True)
class Unit:
    id: str
    code: str
    private: bool
    sexes: tuple[str, ...]
    sons_until: int
    age_min: int
    age_max: int
    children: bool
    offers: tuple[str, ...]
    places: tuple[str, ...]
    rules: tuple[Rule, ...]
    use: Use


@dataclass(frozen=True)
class Pause:
    reason: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Location:
    id: str
    code: str
    organisation_id: str
    region: str
    pool: Pool
    safety_class: SafetyClass
    intake: tuple[time, time] | None
    handover_points: tuple[str, ...]
    address: str
    confirmed_at: datetime | None
    pause: Pause | None
    units: tuple[Unit, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Closure:
    place_id: str
    reason: str
    since: datetime
    expected_end: date | None


@dataclass(frozen=True)
class Stay:
    """People who were here before the software was: a stay without a request."""

    id: str
    location_id: str
    unit_id: str
    place_ids: tuple[str, ...]
    persons: int
    arrived_at: datetime
    expected_departure: date | None


@dataclass(frozen=True)
class World:
    organisations: tuple[Organisation, ...]
    locations: tuple[Location, ...]
    closures: tuple[Closure, ...]
    stays: tuple[Stay, ...]


def world(seed: int, now: datetime) -> World:
    """Organisations, houses and who is in them, as they stand at `now`."""
    chance = _chance(seed, "world")
    plans = list(houses())
    numbers = chance.sample(range(1, len(plans) + 1), len(plans))  # so that a code tells neither region nor pool
    bands = _bands(chance, plans)
    pairs = [
        (plan, _location(chance, plan, f"L-{n:03d}", band, now))
        for plan, n, band in zip(plans, numbers, bands, strict=True)
    ]
    pairs.sort(key=lambda pair: pair[1].code)
    paused = chance.sample(_pausable(pairs), int(number("paused_locations")))
    pairs = [
        (plan, replace(found, pause=_pause(chance, paused.index(found.id), now)) if found.id in paused else found)
        for plan, found in pairs
    ]
    stays = [stay for pool in policy.Freshness().bands for stay in _stays(chance, pool, pairs, now)]
    taken = {place for stay in stays for place in stay.place_ids}
    return World(
        organisations=tuple(_organisations()),
        locations=tuple(found for _, found in pairs),
        closures=tuple(_closures(chance, pairs, taken, now)),
        stays=tuple(replace(stay, id=f"stay-{n:04d}") for n, stay in enumerate(stays, start=1)),
    )


def _chance(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed}/{purpose}")  # noqa: S311 - a made-up world, not a secret


def _drawn(chance: random.Random, mix: str) -> str:
    shares = MIXES[mix].shares
    return chance.choices(list(shares), list(shares.values()))[0]


# Organisations


def _organisations() -> Iterator[Organisation]:
    names = figures.region_names()
    planned: list[tuple[str, OrganisationKind, str, str | None, str]] = [
        ("comensha", OrganisationKind.NATIONAL_DESK, "CoMensha", None, "piket@comensha"),
        ("kmar", OrganisationKind.MILITARY_POLICE, "Koninklijke Marechaussee", None, "mensenhandel@kmar"),
        (
            "arbeidsinspectie",
            OrganisationKind.LABOUR_INSPECTORATE,
            "Nederlandse Arbeidsinspectie",
            None,
            "opvang@arbeidsinspectie",
        ),
        ("fairwork", OrganisationKind.SUPPORT, "FairWork", None, "hulp@fairwork"),
        (
            "nac",
            OrganisationKind.NATIONAL_COORDINATION,
            "Nationaal Coördinator Mensenhandel",
            None,
            "bureau@nac",
        ),
        ("rapporteur", OrganisationKind.RAPPORTEUR, "Nationaal Rapporteur Mensenhandel", None, "cijfers@rapporteur"),
        ("beheer", OrganisationKind.OPERATIONS, "Functioneel beheer", None, "beheer@verwijzing"),
    ]
    for slug, (name, region) in PROVIDERS.items():
        planned.append((provider_id(slug), OrganisationKind.PROVIDER, name, region, f"plaatsing@voorbeeld-{slug}"))
    for code, region_name in names.items():
        low = code.lower()
        coordination = f"Zorgcoördinatie {region_name}"
        planned.append((f"zc-{low}", OrganisationKind.CARE_COORDINATION, coordination, code, f"zorgcoordinatie@{low}"))
        chain = f"Ketenregie mensenhandel {region_name}"
        planned.append((f"keten-{low}", OrganisationKind.CHAIN_DIRECTION, chain, code, f"ketenregie@{low}"))
        municipality = f"Gemeente {REGIONS[code].municipality}"
        planned.append((f"gemeente-{low}", OrganisationKind.MUNICIPALITY, municipality, code, f"opvang@gemeente.{low}"))
        if code in POLICE_REGIONS:
            police = f"Politie {region_name}"
            planned.append((f"politie-{low}", OrganisationKind.POLICE, police, code, f"mensenhandel@politie.{low}"))
    planned.append(("nidos", OrganisationKind.GUARDIANSHIP, "Nidos", None, "aanmelding@nidos"))
    for code, region_name in names.items():
        low = code.lower()
        youth_care = f"Jeugdcrisisopvang {region_name}"
        planned.append((f"jeugd-{low}", OrganisationKind.YOUTH_CARE, youth_care, code, f"crisis@jeugd.{low}"))
    planned.append(("vws", OrganisationKind.MINISTRY, "Ministerie van VWS", None, "opvang@vws"))
    planned.append(("jenv", OrganisationKind.MINISTRY, "Ministerie van JenV", None, "mensenhandel@jenv"))
    for n, (organisation_id, kind, name, where, mailbox) in enumerate(planned, start=1):
        own = municipality_of(where) if kind is OrganisationKind.MUNICIPALITY and where else None
        # 00 starts an international call and no country code starts with 0, so this number rings nowhere.
        yield Organisation(organisation_id, kind, name, where, f"{mailbox}.example", f"000-0000{n:03d}", own)


def municipality_of(region: str) -> str:
    """The code of the municipality of a region that takes part."""
    return figures.municipalities()[region][REGIONS[region].municipality]


def made_up_centres() -> list[dict[str, str]]:
    """Which centre municipality every municipality has in this world: made up, whatever the published lists say.

    The municipality of a region that takes part buys for all of it; in a large region another one does for half.
    """
    found = []
    for region, codes in figures.municipalities().items():
        first = municipality_of(region)
        others = [code for _, code in sorted(codes.items()) if code != first]
        second = len(others) // 2 if REGIONS[region].size == "large" else len(others)
        found += [{"code": code, "centre": first} for code in (first, *others[:second])]
        found += [{"code": code, "centre": others[second]} for code in others[second:]]
    return found


def provider_id(slug: str) -> str:
    """The id of a provider's organisation."""
    return f"opvang-{slug}"


# Houses

_HANDOVER_POINTS: Final = (
    "hoofdingang van het station",
    "hoofdingang van het ziekenhuis",
    "balie van het gemeentehuis",
    "receptie van het wijkgezondheidscentrum",
)
_POLICE_POINT: Final = "ingang van het politiebureau"
_HOURS: Final = {"always": None, "day": (time(9), time(17)), "long_day": (time(8), time(22))}
_AGE_MIN, _AGE_MAX = 18, 120

_SAFETY: Final[dict[HouseKind, tuple[SafetyClass, ...]]] = {
    "women": (SafetyClass.SHIELDED, SafetyClass.SECRET),
    "men": (SafetyClass.MIXED, SafetyClass.SHIELDED),
    "emergency": (SafetyClass.MIXED,),
    "COSM": (SafetyClass.SECRET,),
    "NLA": (SafetyClass.SHIELDED,),
    "OMM": (SafetyClass.SHIELDED,),
}

_EXCLUDING: Final = {
    "addiction": (Basis.STAFFING, "geen begeleiding bij verslaving in huis"),
    "psychiatric": (Basis.STAFFING, "geen psychiatrische zorg binnen bereik"),
    "multiple_problems": (Basis.STAFFING, "te weinig begeleiding per bewoner"),
    "intellectual_disability": (Basis.LICENCE, "hiervoor is deze plek niet toegelaten"),
    "pregnancy": (Basis.LICENCE, "hiervoor is deze plek niet toegelaten"),
    "also_suspect": (Basis.CHOICE, "met het oog op de andere bewoners"),
}
_CONSULTING: Final = (Basis.CHOICE, "in overleg met de begeleiding")
_ACCEPTING: Final = (Basis.CHOICE, "")


def _location(chance: random.Random, plan: HousePlan, code: str, band: str, now: datetime) -> Location:
    house_id = code.lower()
    # A noodbed that is closed at night would be none.
    hours = "always" if plan.demo or plan.kind == "emergency" else _drawn(chance, "intake_hours")
    point = chance.choice(_HANDOVER_POINTS)
    languages = tuple(sorted(chance.sample(LANGUAGES, chance.randint(1, 3))))
    whole_house = all(unit.unconditional for unit in plan.units)
    return Location(
        id=house_id,
        code=code,
        organisation_id=provider_id(plan.provider),
        region=plan.region,
        pool=plan.pool,
        safety_class=chance.choice(_SAFETY[plan.kind]),
        intake=_HOURS[hours],
        # One point is never the police, for who refuses contact with them.
        handover_points=(point, _POLICE_POINT) if chance.random() < 0.5 else (point,),
        address=f"Verzonnenlaan {int(code[2:])}, CANARY-{code}",
        confirmed_at=_confirmed(chance, plan, band, now),
        pause=None,
        units=tuple(
            _unit(chance, plan, unit, f"{house_id}-{chr(ord('a') + n)}", languages, whole_house)
            for n, unit in enumerate(plan.units)
        ),
        rules=tuple(_rules(chance, plan, whole_house, now.date())),
    )


def _unit(
    chance: random.Random,
    plan: HousePlan,
    unit: UnitPlan,
    unit_id: str,
    languages: Iterable[str],
    whole_house: bool,
) -> Unit:
    offers = {f"lang:{language}" for language in languages}
    if chance.random() < 0.25 or (plan.demo and unit.free):
        offers.add("wheelchair")
    if plan.pool == "OMM" or chance.random() < 0.15:
        offers.add("medical_care")
    if unit.children and (plan.demo or chance.random() < 0.8):
        offers.add("baby_cot")
    only_here = unit.unconditional and not whole_house
    return Unit(
        id=unit_id,
        code=unit_id[-1].upper(),
        private=unit.private,
        sexes=unit.sexes,
        sons_until=unit.sons_until,
        age_min=_AGE_MIN,
        age_max=_AGE_MAX,
        children=unit.children,
        offers=tuple(sorted(offers)),
        places=tuple(f"{unit_id}-{n}" for n in range(1, unit.places + 1)),
        rules=tuple(_accepting_everyone()) if only_here else (),
        # The demo houses answer for their own beds, day and night, so that one can log in as whoever decides.
        use=Use.CRISIS if plan.kind == "emergency" and not plan.demo else Use.OWN,
    )


def _rules(chance: random.Random, plan: HousePlan, whole_house: bool, today: date) -> Iterator[Rule]:
    if whole_house:
        yield from _accepting_everyone()
        return
    for criterion in NATIONAL_CRITERIA:
        if plan.demo and plan.kind == "emergency":
            # Low thresholds, one question left: so that a request without details is proposed to someone who can
            # be logged in as, and yet the place is not unconditional.
            stance = Stance.CONSULT if criterion == "also_suspect" else Stance.ACCEPTS
        elif chance.random() < number("rule_unanswered_share"):
            continue
        else:
            (stance,) = chance.choices(STANCE_ORDER, STANCES[plan.kind][criterion])
        basis, reason = _ACCEPTING if stance is Stance.ACCEPTS else _CONSULTING
        if stance is Stance.EXCLUDES:
            basis, reason = _EXCLUDING[criterion]
        past = chance.random() < number("rule_review_past_share")
        days = -chance.randint(1, 60) if past else chance.randint(10, 365)
        yield Rule(criterion, stance, basis, reason, today + timedelta(days=days))


def _accepting_everyone() -> Iterator[Rule]:
    for criterion in NATIONAL_CRITERIA:
        yield Rule(criterion, Stance.ACCEPTS, Basis.CHOICE, "deze plek sluit niemand uit", None)


def _bands(chance: random.Random, plans: Sequence[HousePlan]) -> list[str]:
    """A freshness band per house. Among the municipal ones by quota, so that every band occurs at any seed."""
    ordinary = [
        n for n, plan in enumerate(plans) if plan.pool == "MUNICIPAL" and not plan.demo and not _open_to_all(plan)
    ]
    chance.shuffle(ordinary)
    # Rarest first: what is rounded off comes out of the fresh ones.
    rarest = sorted(MIXES["freshness"].shares.items(), key=lambda item: item[1])
    quota = [band for band, share in rarest for _ in range(math.ceil(share * len(ordinary)))]
    by_quota = dict(zip(ordinary, quota, strict=False))
    found = []
    for n, plan in enumerate(plans):
        if plan.demo:
            # The demo providers have one figure each that waits for a confirmation.
            found.append("aging" if plan.kind == "women" and plan.region in {"VR07", "VR18"} else "fresh")
        elif _open_to_all(plan):
            found.append("fresh")
        else:
            found.append(by_quota.get(n) or _drawn(chance, "freshness"))
    return found


def _open_to_all(plan: HousePlan) -> bool:
    return any(unit.unconditional for unit in plan.units)


def _confirmed(chance: random.Random, plan: HousePlan, band: str, now: datetime) -> datetime | None:
    bounds = policy.Freshness().bands[plan.pool]
    fresh, aging = bounds.fresh_minutes, bounds.aging_minutes
    minutes = {
        # So recent that a demo of a working day sees them fresh to its end.
        "fresh": chance.uniform(5, 30) if plan.demo else chance.uniform(0.05, 0.7) * fresh,
        "aging": fresh + chance.uniform(0.1, 0.7) * (aging - fresh),
        "stale": chance.uniform(1.1, 2.4) * aging,
    }.get(band)
    return None if minutes is None else now - timedelta(minutes=round(minutes))


def _pausable(pairs: Sequence[tuple[HousePlan, Location]]) -> list[str]:
    return [found.id for plan, found in pairs if plan.pool == "MUNICIPAL" and not plan.demo and not _open_to_all(plan)]


def _pause(chance: random.Random, n: int, now: datetime) -> Pause:
    since = now - timedelta(hours=chance.randint(20, 60))
    if n % 2:
        return Pause("infection", since, None)
    return Pause("staffing", since, now + timedelta(days=chance.randint(2, 5)))


# Who is in


def _occupied(chance: random.Random, pool: Pool, places: int) -> int:
    if pool == "COSM":
        mean = figures.shelter("COSM mean occupancy 2024").value
        return chance.choice((math.floor(mean), math.ceil(mean)))
    if pool == "MUNICIPAL":
        return round(number("municipal_occupied_share") * places)
    return int(number(f"{pool.lower()}_occupied"))


def _stays(
    chance: random.Random, pool: Pool, pairs: Sequence[tuple[HousePlan, Location]], now: datetime
) -> Iterator[Stay]:
    """Stays that together occupy as many places as stated: whole private units first, then single beds."""
    here = [(plan, found) for plan, found in pairs if found.pool == pool]
    wanted = _occupied(chance, pool, sum(len(unit.places) for _, found in here for unit in found.units))
    whole: list[tuple[Location, Unit, tuple[str, ...]]] = []
    beds: list[tuple[Location, Unit, tuple[str, ...]]] = []
    for plan, found in here:
        for unit_plan, unit in zip(plan.units, found.units, strict=True):
            if unit.private and not unit_plan.free:
                whole.append((found, unit, unit.places))
            elif not unit.private:
                beds += [(found, unit, (place,)) for place in unit.places[unit_plan.free :]]
    chance.shuffle(whole)
    chance.shuffle(beds)
    share = wanted / sum(len(places) for *_, places in (*whole, *beds))
    chosen, rest = _filled([one for one in whole if chance.random() < share], wanted)
    more, rest = _filled(beds, rest)
    left = [one for one in whole if one not in chosen]
    last, rest = _filled(left, rest)
    for found, unit, places in (*chosen, *more, *last):
        persons = 1 if len(places) == 1 else chance.randint(2, len(places))
        arrived = now - timedelta(hours=chance.randint(30, 45 * 24), minutes=chance.randint(0, 59))
        yield Stay("", found.id, unit.id, places, persons, arrived, _departure(chance, now.date()))


def _filled(
    offered: Iterable[tuple[Location, Unit, tuple[str, ...]]], wanted: int
) -> tuple[list[tuple[Location, Unit, tuple[str, ...]]], int]:
    chosen = []
    for one in offered:
        if len(one[2]) <= wanted:
            chosen.append(one)
            wanted -= len(one[2])
    return chosen, wanted


def _departure(chance: random.Random, today: date) -> date | None:
    drawn = chance.random()
    if drawn < number("departure_unknown_share"):
        return None
    if drawn < number("departure_unknown_share") + number("departure_overdue_share"):
        return today - timedelta(days=chance.randint(1, 25))
    return today + timedelta(days=chance.randint(1, 120))


def _closures(
    chance: random.Random, pairs: Sequence[tuple[HousePlan, Location]], taken: set[str], now: datetime
) -> Iterator[Closure]:
    free = [
        place
        for plan, found in pairs
        for unit_plan, unit in zip(plan.units, found.units, strict=True)
        if not unit_plan.free
        for place in unit.places
        if place not in taken
    ]
    for n, place in enumerate(chance.sample(free, max(1, round(number("closed_share") * len(free))))):
        since = now - timedelta(hours=chance.randint(24, 120))
        end = None if n % 3 == 2 else now.date() + timedelta(days=chance.randint(1, 30))
        yield Closure(place, ("maintenance", "staffing", "other")[n % 3], since, end)


# Demand


@dataclass(frozen=True)
class Arrival:
    """A request and the moment it comes in."""

    at: datetime
    request: RequestIn


def requests(seed: int, count: int) -> Iterator[RequestIn]:
    """So many requests in the mix of the published tables."""
    chance = _chance(seed, "requests")
    for _ in range(count):
        yield _request(chance)


def stream(seed: int, start: datetime, end: datetime, per_year: float | None = None) -> Iterator[Arrival]:
    """Requests over time, in order: more by day, a steady trickle at night, and years that differ from each other."""
    rate = number("requests_per_year") if per_year is None else per_year
    chance = _chance(seed, "stream")
    shape = 1 / figures.yearly_variation() ** 2
    busy: dict[int, float] = {}
    hour = start
    while hour < end:
        until = min(hour + timedelta(hours=1), end)
        local = hour.astimezone(AMSTERDAM)
        if local.year not in busy:
            busy[local.year] = _chance(seed, f"year {local.year}").gammavariate(shape, 1 / shape)
        expected = rate * busy[local.year] * share_of_week(local.weekday(), local.hour) * 7 / 365.25
        # Gaps of a Poisson process; the gap that crosses the hour is forgotten, as it may be.
        at = hour + timedelta(hours=chance.expovariate(expected)) if expected else until
        while at < until:
            yield Arrival(at, _request(chance))
            at += timedelta(hours=chance.expovariate(expected))
        hour = until


def share_of_week(weekday: int, hour: int) -> float:
    """The share of a week's requests that falls in one local hour of one weekday (Monday is 0)."""
    after = number("after_hours_share")
    if _in_office(weekday, hour):
        return (1 - after) / 40
    return after * _after_weight(weekday, hour) / _AFTER_WEIGHTS


def _in_office(weekday: int, hour: int) -> bool:
    return weekday < 5 and 9 <= hour < 17


def _after_weight(weekday: int, hour: int) -> float:
    if hour >= 17:
        return number("evening_weight")
    if weekday >= 5 and hour >= 9:
        return number("weekend_day_weight")
    return 1


_AFTER_WEIGHTS: Final = sum(
    _after_weight(weekday, hour) for weekday in range(7) for hour in range(24) if not _in_office(weekday, hour)
)


def _request(chance: random.Random) -> RequestIn:
    reports = figures.reports()
    form, origin = chance.choices(list(reports), list(reports.values()))[0]
    persons = _party(chance, form)
    region = _region(chance)
    baby = any(person.age < 2 for person in persons)
    needs = [name for name in ("wheelchair", "medical_care", "own_room") if chance.random() < number(f"{name}_share")]
    language = _drawn(chance, f"language.{origin}")
    return RequestIn(
        region=region,
        urgency=Urgency(_drawn(chance, "urgency")),
        persons=tuple(persons),
        exploitation=Exploitation(form),
        residence=Residence(_drawn(chance, f"residence.{origin}")),
        facts=_facts(chance, persons),
        needs=(*needs, "baby_cot") if baby else tuple(needs),
        wishes=(f"lang:{language}",) if language else (),
        unsafe=tuple(_unsafe(chance, region)),
        refuses_police=chance.random() < number("refuses_police_share"),
        days=int(_drawn(chance, "days")),
    )


def _region(chance: random.Random) -> str:
    weights = MIXES["region_demand"].shares
    return chance.choices(list(REGIONS), [weights[region.size] for region in REGIONS.values()])[0]


def _party(chance: random.Random, form: str) -> list[PersonIn]:
    sex = Sex(_drawn(chance, f"sex.{form}"))
    if form == "labour" and chance.random() < number("group_share"):
        size = 18 if chance.random() < number("group_of_18_share") else 6
        return [PersonIn(sex=Sex.M, age=_adult_age(chance)) for _ in range(size)]
    if chance.random() < number("minor_alone_share"):
        return [PersonIn(sex=sex, age=chance.randint(14, 17), age_estimated=chance.random() < 0.5)]
    if chance.random() < number("sex_unknown_share"):
        sex = Sex.X
    if sex is not Sex.F or chance.random() >= number("family_share"):
        return [PersonIn(sex=sex, age=_adult_age(chance), age_estimated=chance.random() < 0.2)]
    mother = PersonIn(sex=sex, age=_adult_age(chance), parent=True)
    oldest = max(0, min(17, mother.age - 16))
    children = int(_drawn(chance, "children"))
    return [
        mother,
        *(
            PersonIn(sex=chance.choice((Sex.F, Sex.M)), age=min(oldest, int(chance.triangular(0, 18, 3))))
            for _ in range(children)
        ),
    ]


def _adult_age(chance: random.Random) -> int:
    return int(chance.triangular(18, 60, number("adult_age_mode")))


def _facts(chance: random.Random, persons: Sequence[PersonIn]) -> dict[str, Fact]:
    yes: Mapping[str, float] = MIXES["fact_yes"].shares
    facts: dict[str, Fact] = {}
    for criterion in NATIONAL_CRITERIA:
        if criterion == "pregnancy" and all(person.sex is not Sex.F for person in persons):
            facts[criterion] = Fact.NO
        elif chance.random() < number("fact_unknown_share"):
            facts[criterion] = Fact.UNKNOWN
        else:
            facts[criterion] = Fact.YES if chance.random() < yes[criterion] else Fact.NO
    return facts


def _unsafe(chance: random.Random, region: str) -> Iterator[UnsafeIn]:
    if chance.random() < number("unsafe_own_region_share"):
        yield UnsafeIn(region=region, reason=chance.choice((UnsafeReason.FOUND_HERE, UnsafeReason.NETWORK)))
    if chance.random() < number("unsafe_other_region_share"):
        other = chance.choice([code for code in REGIONS if code != region])
        yield UnsafeIn(region=other, reason=chance.choice((UnsafeReason.NETWORK, UnsafeReason.FAMILY)))
