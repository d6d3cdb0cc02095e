"""Questions answered by going on from the proof of an optimum, against really solving the changed problem."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import matching.asked
import matching.worth
from bench.matching.instances import Size, instance
from matching import LEVELS, Change, Person, Problem, Request, Unit, Weights, solve
from matching.asked import Asked
from matching.engine import optimum
from matching.explanation import value
from matching.model import UNPLACED, Instance, Placement, compiled, components, pruned
from matching.problem import MalformedProblem
from matching.search import Limit, TooHard
from matching.solution import UNLIMITED
from tests.matching.instances import random_problem

MEDIUM = Size(14, 50, 6)


def _resized(problem: Problem, unit: str, places: int) -> Problem:
    units = tuple(replace(one, places=places) if one.id == unit else one for one in problem.units)
    return replace(problem, units=units)


def _values_are_true(problem: Problem, seed: int) -> None:
    """One place more, several more, one less and none at all: in every unit, also in full and in closed ones."""
    draw = random.Random(seed)  # noqa: S311  seeded on purpose
    sizes = {
        f"{unit.id} {places}": (unit.id, places)
        for unit in problem.units
        for places in {unit.places + 1, unit.places + draw.randint(2, 4), max(0, unit.places - 1), 0}
    }
    changes = [Change(name, unit=unit, set={"places": places}) for name, (unit, places) in sizes.items()]
    before = solve(problem, UNLIMITED, alternatives=0)
    for outcome in value(problem, changes)[:-1]:
        after = solve(_resized(problem, *sizes[outcome.name]), UNLIMITED, alternatives=0)
        assert outcome.proven
        assert dict(outcome.levels) == dict(after.levels), outcome.name
        delta = {level: after.levels[level] - before.levels[level] for level in LEVELS}
        assert dict(outcome.delta) == {level: amount for level, amount in delta.items() if amount}, outcome.name
        assert not {*outcome.newly_placed} & {*before.unit_of}
        assert {*outcome.newly_unplaced} <= {*before.unit_of}


@pytest.mark.parametrize("seed", range(30))
def test_values_of_other_places_are_what_solving_again_says(seed: int) -> None:
    _values_are_true(random_problem(9_000 + seed, 6, 5), seed)
    if seed < 6:
        _values_are_true(instance(MEDIUM, seed, tight=True), seed)


@pytest.mark.parametrize("seed", range(12))
def test_values_in_large_parts_are_what_solving_again_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As there, from columns."""
    monkeypatch.setattr(matching.worth, "COLUMNS_FROM", 2)
    _values_are_true(random_problem(9_000 + seed, 6, 5), seed)
    if seed < 2:
        _values_are_true(instance(MEDIUM, seed, tight=True), seed)


@pytest.mark.parametrize("places", [-1, True, 2**31, 1.0])
def test_a_unit_is_refused_places_it_could_not_be_made_with(places: Any) -> None:
    unit = Unit("u1", "L", "R", "P", 1, private=True)
    assert unit.sized(3) == replace(unit, places=3)
    with pytest.raises(MalformedProblem, match='unit "u1": field "places" must be'):
        unit.sized(places)


@pytest.mark.parametrize("given_up", ["NODES_MAX", "QUESTION_NODES_MAX"])
def test_what_takes_the_proof_too_long_is_solved_instead(given_up: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [random_problem(9_500 + seed, 6, 5) for seed in range(8)]
    right = [solve(problem, UNLIMITED) for problem in problems]
    monkeypatch.setattr(matching.asked, given_up, 0)
    for problem, solution in zip(problems, right, strict=True):
        _values_are_true(problem, 0)
        again = solve(problem, UNLIMITED)
        assert again.unplaced == solution.unplaced
        assert again.unit_of == solution.unit_of
        for request, listed in again.alternatives.items():
            deltas = sorted(one.rank for one in listed)
            assert deltas == sorted(one.rank for one in solution.alternatives[request])


def _parts(seed: int) -> list[tuple[Instance, Placement]]:
    parts = []
    for problem in (instance(MEDIUM, seed, tight=True), random_problem(seed, 7, 5)):
        whole = pruned(compiled(problem).instance)
        for requests, units in components(whole):
            part = whole.part(requests, units)
            found = optimum(part, Limit(UNLIMITED), 0)
            assert found.proven
            assert found.placement is not None
            parts.append((part, found.placement))
    return parts


@pytest.mark.parametrize("seed", range(12))
def test_questions_one_after_the_other_leave_no_trace(seed: int) -> None:
    """Asked in any order and again, on the leaves of another question too: each as by solving the changed part."""
    for part, best in _parts(seed):
        asked = Asked(part, best, Limit(UNLIMITED)).prove()
        grouped = {member for group in part.groups for member in group}
        assert asked.placement == best
        for gone in [at for at in range(part.requests) if at not in grouped and best[at] != UNPLACED][:4]:
            staying = tuple(UNPLACED if at == gone else unit for at, unit in enumerate(best))
            shut = asked.leaving_out(gone)
            rest = asked.below(asked.number(staying), shut=shut, requests=np.array([gone]))
            placement = staying if rest.placement is None else rest.placement
            without = part.without(gone)
            anew = optimum(without, Limit(UNLIMITED), 0)
            assert anew.placement is not None
            assert without.allows(placement)
            assert without.amounts(placement) == without.amounts(anew.placement)
            beyond = asked.number(placement) + 1
            for own in [at for at in range(part.requests) if best[at] == UNPLACED]:
                both, requests = shut | asked.placing(own), np.array([gone, own])
                there = asked.below(beyond, shut=both, requests=requests, of=rest.leaves, once=True).placement
                asked.forget(rest.leaves)
                forced = optimum(without.requiring([own]), Limit(UNLIMITED), 0).placement
                as_good = forced is not None and without.amounts(forced) == without.amounts(placement)
                assert (there is not None) == as_good
            asked.forget()


def _far(problem: Problem, hours: int = 10_000_000, risk: int = 2**27) -> Problem:
    """The same with numbers that no word holds together: what is important is much farther away than what is not."""
    requests = tuple(
        replace(one, waiting_hours=min(2**31 - 1, one.waiting_hours * hours + 1)) for one in problem.requests
    )
    return replace(problem, requests=requests, weights=Weights(risk=risk, scarcity=risk // 4))


def test_what_is_farther_away_than_one_word_reaches_is_not_answered_wrongly() -> None:
    """Somebody placed all the same, and places more or less, where levels are cut off: as by solving, or `TooHard`."""
    told, beyond = 0, 0
    for seed in range(40):
        whole = pruned(compiled(_far(random_problem(9_700 + seed, 7, 5))).instance)
        for requests, units in components(whole):
            part = whole.part(requests, units)
            best = optimum(part, Limit(UNLIMITED), 0).placement
            assert best is not None
            try:
                asked = Asked(part, best, Limit(UNLIMITED)).prove()
            except TooHard:
                beyond += 1
                continue
            assert part.amounts(asked.placement) == part.amounts(best)
            for own in range(part.requests):
                without = part.without(own) if all(own not in group for group in part.groups) else None
                questions = [(asked.placing(own), part.requiring([own]))]
                questions += [(asked.leaving_out(own), without)] if without is not None else []
                for shut, changed in questions:
                    right = optimum(changed, Limit(UNLIMITED), 0).placement
                    try:
                        found = asked.below(None, shut=shut, requests=np.array([own])).placement
                    except TooHard:
                        beyond += 1
                    else:
                        told += 1
                        assert (found is None) == (right is None)
                        if found is not None and right is not None:
                            assert changed.amounts(found) == changed.amounts(right)
                    asked.forget()
            for unit in range(part.units):
                for places in range(int(part.places[unit])):
                    changed = replace(part, places=np.where(np.arange(part.units) == unit, places, part.places))
                    fits = part.size[part.request_of] <= changed.places[part.unit_of]
                    right = optimum(changed.kept(np.flatnonzero(fits)), Limit(UNLIMITED), 0).placement
                    assert right is not None
                    try:
                        found = asked.below(None, unit=unit, places=places).placement
                    except TooHard:
                        beyond += 1
                    else:
                        told += 1
                        assert found is not None
                        assert part.amounts(found) == part.amounts(right)
                    asked.forget()
    assert told > 0
    assert beyond > 0


@pytest.mark.parametrize("seed", range(8))
def test_values_are_true_where_no_word_holds_all_levels(seed: int) -> None:
    _values_are_true(_far(random_problem(9_800 + seed, 7, 5)), seed)
    if seed < 3:
        _values_are_true(_far(instance(MEDIUM, seed, tight=True)), seed)
    if seed == 0:  # a place so dear that its price is cut off
        _values_are_true(_far(random_problem(20_232, 7, 5), 10000000, 2**25), seed)


def test_what_a_larger_unit_takes_off_the_bound_is_taken_off_what_is_within_reach() -> None:
    """Two who may wait would be placed for one who may not, whose price is cut off: less than the two gain together."""
    woman = Person("f", 30)
    problem = Problem(
        criteria=(),
        units=(
            Unit("u1", "L", "R", "P", 0, sexes=("f",), freshness="fresh"),
            Unit("u2", "L", "R", "Q", 1, sexes=("f",), freshness="fresh", available_from=680_000),
        ),
        requests=(
            Request("a", "R", "planned", 2_000_000_000, (woman, woman), ("P",), 0, 1, apart=("b",)),
            Request("b", "R", "now", 0, (woman,), ("Q",), 680_000, 1),
        ),
    )
    [more, _] = value(problem, [Change("two more", unit="u1", set={"places": 2})])
    assert not more.delta
