"""Seeded instances in the shape of the Dutch shelter network, from a district to a continent.

The pools and their sizes follow the published capacities (51 COSM, 36 OMM, 20 NLA, the rest municipal); party sizes,
sexes, ages, contra-indications and links are nowhere published and are assumptions, all in this file. `tight` means
that two places in three are taken and providers exclude more; `loose` that everything is free.
"""

import random
from dataclasses import dataclass, replace

from matching import Person, Problem, Request, Unit

CRITERIA = ("addiction", "psychiatric", "intellectual", "undocumented", "pregnancy", "suspect")
NEEDS = ("wheelchair", "care", "shielded")
LANGUAGES = ("lang:ro", "lang:bg", "lang:ar", "lang:en", "lang:es", "lang:zh")
COUNTRY_REGIONS, COUNTRY_REGIONS_MAX = 25, 100
POOLS = ("COSM",) * 5 + ("OMM",) * 3 + ("NLA",) * 2 + ("MUNICIPAL",) * 10


@dataclass(frozen=True, slots=True)
class Size:
    """How large: requests, places, and how many regions they are spread over."""

    requests: int
    places: int
    regions: int = 25


SIZES = {
    "20x110": Size(20, 110),
    "60x300": Size(60, 300),
    "200x2000": Size(200, 2_000),
    "1000x10000": Size(1_000, 10_000, 50),
    "10000x100000": Size(10_000, 100_000, 27 * COUNTRY_REGIONS),
}


def instance(size: Size, seed: int, *, tight: bool, links: bool = True) -> Problem:
    """One problem. The same arguments give the same problem on every machine."""
    draw = random.Random(f"{size}{seed}{tight}")  # noqa: S311  seeded on purpose
    regions = [f"VR{at:03d}" for at in range(1, size.regions + 1)]
    units = _units(draw, size, regions, tight)
    requests = [_request(draw, f"r{at:05d}", regions, units) for at in range(size.requests)]
    if links:
        requests = _linked(draw, requests)
    locations = sorted({unit.location for unit in units})
    return Problem(
        criteria=CRITERIA,
        units=tuple(units),
        requests=tuple(requests),
        occupants={at: (f"stay:{at}",) for at in locations},
        zones=_zones(draw, regions),
    )


def _zones(draw: random.Random, regions: list[str]) -> dict[str, dict[str, int]]:
    spots = {region: (draw.random() * 30, draw.random() * 30) for region in regions}
    # More regions than a country has are several countries; between those the class stays unnamed.
    country = COUNTRY_REGIONS if len(regions) > COUNTRY_REGIONS_MAX else len(regions)
    return {
        a: {
            b: min(9, int(abs(spots[a][0] - spots[b][0]) + abs(spots[a][1] - spots[b][1])) // 4)
            for b in regions[at - at % country : at - at % country + country]
        }
        for at, a in enumerate(regions)
    }


def _units(draw: random.Random, size: Size, regions: list[str], tight: bool) -> list[Unit]:
    units: list[Unit] = []
    places = 0
    house = 0
    while places < size.places:
        house += 1
        region, pool = draw.choice(regions), draw.choice(POOLS)
        sexes = draw.choice((("f",), ("f",), ("f",), ("m",), ("f", "m"), ("f", "m", "x")))
        stance = {
            one: draw.choices(("accepts", "consult", "excludes"), (45, 25, 30) if tight else (60, 25, 15))[0]
            for one in CRITERIA
            if draw.random() < 0.9
        }
        if draw.random() < 0.08:
            stance = dict.fromkeys(CRITERIA, "accepts")
        offers = tuple(one for one in (*NEEDS, *LANGUAGES) if draw.random() < 0.35)
        fresh = draw.choices(("fresh", "aging", "stale", "unknown"), (70, 15, 10, 5))[0]
        children = sexes != ("m",) and draw.random() < 0.6
        for _ in range(draw.randint(2, 8)):
            beds = draw.choice((1, 1, 2, 2, 3, 4, 6))
            places += beds
            taken = tight and draw.random() < 0.65
            units.append(
                Unit(
                    id=f"u{len(units):06d}",
                    location=f"L{house:05d}",
                    region=region,
                    pool=pool,
                    places=draw.randint(0, beds - 1) if taken else beds,
                    private=beds > 1 and draw.random() < 0.3,
                    sexes=sexes,
                    sons_until=draw.choice((12, 12, 16)),
                    age_min=18,
                    age_max=120,
                    children=children,
                    stance=stance,
                    offers=offers,
                    available_from=draw.choice((0, 0, 0, 0, 1, 3)),
                    available_until=draw.choice((None, None, None, 90)),
                    freshness=fresh,
                    scarcity=3 * (pool == "OMM") + 3 * all(stance.get(one) == "accepts" for one in CRITERIA),
                    closed=draw.choice((None,) * 12 + ("intake_hours", "paused")),
                )
            )
    return units


def _request(draw: random.Random, name: str, regions: list[str], units: list[Unit]) -> Request:
    region = draw.choice(regions)
    facts = {one: draw.choices(("yes", "no", "unknown"), (15, 60, 25))[0] for one in CRITERIA if draw.random() < 0.8}
    multiple = sum(fact == "yes" for fact in facts.values()) >= 2
    pools = draw.choice((("COSM", "MUNICIPAL"), ("MUNICIPAL",), ("COSM",), ("NLA", "MUNICIPAL")))
    return Request(
        id=name,
        region=region,
        urgency=draw.choices(("now", "today", "soon", "planned"), (20, 25, 35, 20))[0],
        waiting_hours=min(2_000, int(draw.expovariate(1 / 60))),
        persons=_party(draw),
        pools=(*pools, "OMM") if multiple else pools,
        latest_day=draw.choice((0, 1, 3, 7)),
        days=draw.choice((3, 14, 42, 90)),
        facts=facts,
        needs=tuple(one for one in NEEDS if draw.random() < 0.06),
        wishes=(draw.choice(LANGUAGES),) if draw.random() < 0.5 else (),
        unsafe_regions=(draw.choice(regions),) if draw.random() < 0.3 else (),
        barred={draw.choice(units).location: "lending"} if draw.random() < 0.2 else {},
        apart=(f"stay:{draw.choice(units).location}",) if draw.random() < 0.1 else (),
        claim=3 if "yes" in facts.values() else 0,
        previous=draw.choice(units).id if draw.random() < 0.2 else None,
    )


def _party(draw: random.Random) -> tuple[Person, ...]:
    kind = draw.random()
    if kind < 0.5:
        return (Person("f", draw.randint(18, 60)),)
    if kind < 0.7:
        return (Person("m", draw.randint(18, 60)),)
    if kind < 0.72:
        return (Person("x", draw.randint(18, 60)),)
    if kind < 0.94:
        children = [Person(draw.choice(("f", "m")), draw.randint(0, 17)) for _ in range(draw.choice((1, 1, 2, 3)))]
        return (Person("f", draw.randint(18, 50)), *children)
    sex = draw.choice(("f", "m"))
    return tuple(Person(sex, draw.randint(18, 60)) for _ in range(draw.choice((2, 2, 3, 6))))


def _linked(draw: random.Random, requests: list[Request]) -> list[Request]:
    """About one request in ten is linked to another: half to be kept together, half apart."""

    linked = list(requests)
    for number in range(max(1, len(requests) // 20)):
        a, b = draw.sample(range(len(requests)), 2)
        if number % 2 and linked[a].together is None and linked[b].together is None:
            if not {linked[a].id, linked[b].id} & {*linked[a].apart, *linked[b].apart}:
                linked[a], linked[b] = (replace(linked[at], together=f"g{number}") for at in (a, b))
        elif linked[a].together is None or linked[a].together != linked[b].together:
            linked[a] = replace(linked[a], apart=(*dict.fromkeys((*linked[a].apart, linked[b].id)),))
    return linked
