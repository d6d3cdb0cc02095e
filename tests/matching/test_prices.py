"""Why one unit comes before another, and what one place more of each kind is worth, against really solving again."""

from dataclasses import replace

import pytest

from bench.matching.instances import Size, instance
from matching import LEVELS, Alternative, Decided, Person, Problem, Request, Unit, decided, explain, prices, solve
from matching.pairs import pair_levels, pair_terms
from matching.pricing import classes, one_more
from matching.scoring import PAIR_LEVELS, TERMS
from matching.solution import UNLIMITED
from tests.matching.instances import random_problem


def _prices_are_true(problem: Problem) -> int:
    """Each as by solving the problem with that unit in it; how many are worth anything."""
    before = solve(problem, UNLIMITED, alternatives=0)
    units = {unit.id: unit for unit in problem.units}
    listed = prices(problem)
    assert sorted(name for price in listed for name in price.units) == sorted(units)
    for price in listed:
        alike = [units[name] for name in price.units]
        more = one_more(alike, "one more")
        assert price.places == sum(unit.places for unit in alike)
        assert more.places == (max(unit.places for unit in alike) if alike[0].private else 1)
        after = solve(replace(problem, units=(*problem.units, more)), UNLIMITED, alternatives=0)
        delta = {level: after.levels[level] - before.levels[level] for level in LEVELS}
        assert price.proven
        assert dict(price.delta) == {level: amount for level, amount in delta.items() if amount}, price.units
        assert not {*price.newly_placed} & {*before.unit_of}
        assert {*price.newly_unplaced} <= {*before.unit_of}
        gained = sum(problem.request(one).size for one in price.newly_placed)
        lost = sum(problem.request(one).size for one in price.newly_unplaced)
        assert lost - gained == sum(delta[level] for level in LEVELS[:4])
    ranks = [price.rank for price in listed]
    assert ranks == sorted(ranks)
    return sum(bool(price.delta) for price in listed)


def test_the_price_of_a_class_is_what_solving_again_with_one_more_says() -> None:
    assert sum(_prices_are_true(random_problem(7_000 + seed, 6, 5)) for seed in range(25)) > 20
    assert _prices_are_true(instance(Size(12, 40, 6), 3, tight=True)) > 0


def test_a_price_that_the_proof_does_not_know_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matching.asked.NODES_MAX", 0)
    monkeypatch.setattr("matching.asked.QUESTION_NODES_MAX", 0)
    assert sum(_prices_are_true(random_problem(7_000 + seed, 6, 5)) for seed in range(5)) > 0


def test_units_are_alike_whatever_is_free_of_them_and_wherever_they_stand() -> None:
    unit = Unit("u1", "L1", "VR13", "COSM", 2, sexes=("f",), offers=("wheelchair", "lang:ro"), stance={"a": "excludes"})
    same = replace(unit, id="u2", location="L2", places=5, closed="paused", freshness="stale", available_from=9)
    same = replace(same, offers=("lang:ro", "wheelchair"), available_until=10)
    others = [
        replace(unit, region="VR17"),
        replace(unit, pool="OMM"),
        replace(unit, sexes=("f", "m")),
        replace(unit, stance={}),
        replace(unit, scarcity=3),
        replace(unit, private=True),
        replace(unit, children=True),
        replace(unit, sons_until=9),
        replace(unit, age_max=60),
        replace(unit, offers=("wheelchair",)),
    ]
    assert [len(alike) for alike in classes([unit, same, *others])] == [2, *[1] * len(others)]


@pytest.mark.parametrize("seed", range(40))
def test_terms_sum_to_their_level(seed: int) -> None:
    problem = random_problem(seed, 4, 4)
    if seed % 2:
        problem = replace(problem, weights=replace(problem.weights, risk=2**31 - 1, scarcity=2**31 - 7))
    for request in problem.requests:
        for unit in problem.units:
            levels, terms = pair_levels(problem, request.id, unit.id), pair_terms(problem, request.id, unit.id)
            assert {level: levels[level] for level in PAIR_LEVELS} == {
                level: sum(terms[term] for term in TERMS[level]) for level in PAIR_LEVELS
            }


def _woman(name: str, **fields: object) -> Request:
    given = {"region": "VR13", "urgency": "soon", "waiting_hours": 5, "pools": ("COSM", "OMM"), "latest_day": 9}
    return Request(id=name, persons=(Person("f", 30),), days=10, **{**given, **fields})  # type: ignore[arg-type]


def _unit(name: str, **fields: object) -> Unit:
    given = {"region": "VR13", "pool": "COSM", "places": 1, "sexes": ("f",), "freshness": "fresh"}
    return Unit(id=name, location=f"at {name}", **{**given, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("runner_up", "request_fields", "level", "term"),
    [
        ({"freshness": "aging"}, {}, "care", "risk"),
        ({"scarcity": 2, "freshness": "fresh"}, {}, "care", "scarcity"),
        ({}, {"previous": "first"}, "change", "change"),
        ({"offers": ()}, {"wishes": ("lang:ro",)}, "fit", "wishes"),
        ({"region": "VR17"}, {}, "fit", "distance"),
        ({"available_from": 3}, {}, "fit", "later"),
        ({}, {}, None, None),
    ],
)
def test_why_the_runner_up_lost(
    runner_up: dict[str, object], request_fields: dict[str, object], level: str | None, term: str | None
) -> None:
    problem = Problem(
        criteria=(),
        units=(_unit("first", offers=("lang:ro",)), _unit("second", **{"offers": ("lang:ro",), **runner_up})),
        requests=(_woman("r", **request_fields),),
    )
    found = explain(problem, "r")
    assert found.unit == "first"
    assert found.runner_up is not None
    assert found.decided == Decided(level, term)
    assert found.runner_up_levels == pair_levels(problem, "r", "second")
    assert found.to_json()["decided"] == {"level": level, "term": term}


def test_the_runner_up_lost_because_somebody_else_needs_it() -> None:
    """Nearer, but the only place that takes her with the wheelchair, who then would have none."""
    problem = Problem(
        criteria=(),
        units=(_unit("far", region="VR17"), _unit("near", offers=("wheelchair",))),
        requests=(_woman("r"), _woman("w", urgency="planned", needs=("wheelchair",))),
    )
    found = explain(problem, "r")
    assert (found.unit, found.decided) == ("far", Decided("planned", "others"))
    left = explain(replace(problem, units=problem.units[1:]), "w")
    assert left.unplaced is not None
    assert left.unplaced.outbid is not None
    assert left.unplaced.outbid.by == ("r",)
    assert left.to_json()["outbid"] == {"levels_delta": {"soon": 1, "planned": -1}, "by": ["r"]}
    # She would lose no place, only a nearer one: the others pay all of it.
    third = _unit("there", region="VR18", pool="NLA", offers=("wheelchair",))
    both = (problem.requests[0], replace(problem.requests[1], pools=("COSM", "NLA")))
    zones = {"VR13": {"VR13": 0, "VR17": 1, "VR18": 7}}
    wider = replace(problem, requests=both, zones=zones, units=(*problem.units, third))
    assert explain(wider, "r").decided == Decided("fit", "others")
    assert decided(wider, "r", "far", Alternative("near", {})) == Decided(None, None)
