"""Small seeded problems that use every feature, with asymmetric numbers, and plain builders for single rules."""

import random
from typing import Any

from matching import Person, Problem, Request, Unit, Weights

REGIONS = ("A", "B", "C")
CRITERIA = ("addiction", "psychiatric")


def a_person(sex: str = "f", age: int = 30, parent: bool = False) -> Person:
    return Person(sex=sex, age=age, parent=parent)


def a_unit(name: str = "u1", **changes: Any) -> Unit:
    """A fresh, unconditional shared unit for two adults in region A."""
    plain: dict[str, Any] = {
        "id": name,
        "location": "L-" + name,
        "region": "A",
        "pool": "COSM",
        "places": 2,
        "sexes": ("f", "m", "x"),
        "children": True,
        "stance": dict.fromkeys(CRITERIA, "accepts"),
        "freshness": "fresh",
    }
    return Unit(**{**plain, **changes})


def a_request(name: str = "r1", **changes: Any) -> Request:
    """One woman of 30 in region A, soon, for ten days from today."""
    plain: dict[str, Any] = {
        "id": name,
        "region": "A",
        "urgency": "soon",
        "waiting_hours": 3,
        "persons": (a_person(),),
        "pools": ("COSM",),
        "latest_day": 5,
        "days": 10,
    }
    return Request(**{**plain, **changes})


def a_problem(requests: list[Request], units: list[Unit], **changes: Any) -> Problem:
    return Problem(criteria=CRITERIA, units=tuple(units), requests=tuple(requests), **changes)


def random_problem(seed: int, requests_max: int = 5, units_max: int = 4) -> Problem:
    """A crowded little problem: few locations, links between requests, every rule met by somebody."""
    draw = random.Random(seed)  # noqa: S311  seeded on purpose
    names = [f"r{at}" for at in range(1, draw.randint(1, requests_max) + 1)]
    locations = [f"L{at}" for at in range(1, draw.randint(1, 3) + 1)]
    units = [_random_unit(draw, f"u{at}", locations) for at in range(1, draw.randint(1, units_max) + 1)]
    groups = {name: draw.choice((None, None, None, None, "g", "h")) for name in names}
    requests = [_random_request(draw, name, names, groups, locations, units) for name in names]
    return Problem(
        criteria=CRITERIA,
        units=tuple(units),
        requests=tuple(requests),
        weights=Weights(risk=draw.choice((0, 1, 1, 3)), scarcity=draw.choice((0, 1, 1, 2))),
        occupants={"L1": ("stay:1",)} if draw.random() < 0.5 else {},
        zones={"A": {"B": 2, "A": 1}, "B": {"A": 5}} if draw.random() < 0.7 else {},
    )


def _random_unit(draw: random.Random, name: str, locations: list[str]) -> Unit:
    at = draw.choice(locations)
    return Unit(
        id=name,
        location=at,
        region=REGIONS[int(at[1:]) - 1],
        pool=draw.choice(("COSM",) * 6 + ("OMM",)),
        places=draw.choice((0, 1, 2, 2, 3, 3, 4)),
        private=draw.random() < 0.35,
        sexes=draw.choice((("f",), ("f", "m"), ("f", "m", "x"), ("f", "m", "x"))),
        sons_until=draw.choice((4, 12)),
        age_min=draw.choice((16, 17, 18, 18, 18, 25)),
        age_max=draw.choice((40, 120, 120, 120, 120)),
        children=draw.random() < 0.75,
        stance={one: draw.choice(("accepts", "consult", "excludes")) for one in CRITERIA if draw.random() < 0.8},
        offers=tuple(one for one in ("lift", "ro", "tr") if draw.random() < 0.6),
        available_from=draw.choice((0, 0, 0, 1, 3)),
        available_until=draw.choice((None, None, None, 9, 30)),
        freshness=draw.choice(("fresh", "fresh", "aging", "stale", "unknown")),
        scarcity=draw.choice((0, 0, 3, 6)),
        closed=draw.choice((None,) * 15 + ("paused",)),
    )


def _random_request(
    draw: random.Random,
    name: str,
    names: list[str],
    groups: dict[str, str | None],
    locations: list[str],
    units: list[Unit],
) -> Request:
    apart = [
        other
        for other in (*names, "stay:1", "nobody")
        if draw.random() < 0.12 and (groups.get(other) is None or groups[other] != groups[name])
    ]
    from_day = draw.choice((0, 0, 1))
    return Request(
        id=name,
        region=draw.choice(REGIONS),
        urgency=draw.choice(("now", "today", "soon", "soon", "planned", "planned")),
        waiting_hours=draw.choice((0, 3, 7, 50)),
        persons=_random_party(draw),
        pools=draw.choice((("COSM",), ("COSM", "OMM"), ("COSM", "OMM"))),
        latest_day=from_day + draw.choice((0, 2, 6, 6)),
        days=draw.choice((3, 8, 8, 20)),
        facts={
            one: draw.choice(("yes", "no", "no", "no", "unknown", "unknown")) for one in CRITERIA if draw.random() < 0.7
        },
        needs=("lift",) if draw.random() < 0.15 else (),
        wishes=tuple(one for one in ("ro", "tr") if draw.random() < 0.4),
        unsafe_regions=(draw.choice(REGIONS),) if draw.random() < 0.1 else (),
        barred={draw.choice(locations): draw.choice(("lending", "declined"))} if draw.random() < 0.1 else {},
        only_locations=tuple(draw.sample(locations, 1)) if draw.random() < 0.1 else None,
        apart=tuple(apart),
        together=groups[name],
        from_day=from_day,
        claim=draw.choice((0, 0, 3)),
        previous=draw.choice((None, None, "gone", *(unit.id for unit in units))),
    )


def _random_party(draw: random.Random) -> tuple[Person, ...]:
    kind = draw.random()
    adult = Person(draw.choice(("f", "f", "f", "m", "x")), draw.choice((19, 30, 50)))
    if kind < 0.55:
        return (adult,)
    if kind < 0.6:
        return (Person("f", 17),)
    if kind < 0.65:
        return (Person("f", 17, parent=True), Person("m", 2))
    children = [Person(draw.choice(("f", "m")), draw.choice((3, 9, 15))) for _ in range(draw.randint(1, 2))]
    if kind < 0.8:
        return (adult, Person(draw.choice(("f", "m")), 44))
    return (adult, *children)
