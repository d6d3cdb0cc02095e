"""What a session keeps between events: the same problem compiled from what is known is the same, byte for byte."""

import random
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import matching.counterfactual
import matching.kept
import matching.solver
from bench.matching.instances import Size, instance
from matching import LEVELS, MalformedProblem, Problem, Session, Weights, solve
from matching.kept import Compiler
from matching.model import Instance, compiled
from matching.solution import UNLIMITED
from matching.worth import larger
from tests.matching.instances import a_problem, a_request, a_unit, random_problem


def _same(one: Instance, other: Instance) -> bool:
    for name in (field.name for field in fields(Instance)):
        mine, others = getattr(one, name), getattr(other, name)
        if name == "pair":
            if any(a.dtype != b.dtype or a.tolist() != b.tolist() for a, b in zip(mine, others, strict=True)):
                return False
        elif isinstance(mine, np.ndarray):
            if mine.dtype != others.dtype or not np.array_equal(mine, others):
                return False
        elif mine != others:
            return False
    return True


def changed(draw: random.Random, problem: Problem, other: Problem, *, links: bool = False) -> Problem:
    """One event: somebody or something comes, changes, goes, or moves in; now and then a rule changes."""
    requests = {one.id: one if links else replace(one, apart=(), together=None) for one in problem.requests}
    units = {one.id: one for one in problem.units}
    kind = draw.randrange(9)
    newcomer = replace(draw.choice(other.requests), id=f"n{draw.randrange(5)}", together=None)
    room = replace(draw.choice(other.units), id=draw.choice(("a1", "u9", "u2")))
    if kind == 0:
        requests[newcomer.id] = newcomer
    elif kind == 1 and len(requests) > 1:
        del requests[draw.choice(sorted(requests))]
    elif kind == 2:
        units[room.id] = room
    elif kind == 3 and len(units) > 1:
        del units[draw.choice(sorted(units))]
    elif kind == 4:
        at = draw.choice(sorted(units))
        units[at] = replace(units[at], places=draw.randrange(4), closed=draw.choice((None, "paused")))
    elif kind == 5:
        at = draw.choice(sorted(requests))
        requests[at] = replace(requests[at], previous=draw.choice((None, "gone", *units)))
    elif kind == 6:
        return replace(problem, occupants=draw.choice(({}, {"L1": ("stay:1",)}, {"L2": ("stay:1", "r1")})))
    elif kind == 7:
        return replace(problem, weights=Weights(draw.randrange(3), draw.randrange(3)))
    else:
        return replace(problem, zones={"A": {"B": draw.randrange(9)}})
    return replace(problem, requests=tuple(requests.values()), units=tuple(units.values()))


@pytest.mark.parametrize("seed", range(40))
def test_compiling_what_changed_is_compiling_all(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching.kept, "_CHANGED_SHARE", 1)
    draw = random.Random(seed)  # noqa: S311  seeded on purpose
    problem, other, compiler = random_problem(seed, 12, 9), random_problem(seed + 1_000, 12, 9), Compiler()
    for step in range(12):
        assert _same(compiler.compiled(problem).instance, compiled(problem).instance), step
        problem = changed(draw, problem, other)


@pytest.mark.parametrize("seed", range(20))
def test_units_made_larger_open_the_pairs_that_compiling_them_larger_opens(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  seeded on purpose
    problem = random_problem(seed, 9, 7) if seed % 2 else instance(Size(20, 110), seed, tight=True)
    source = compiled(problem)
    asked = draw.sample(range(len(source.units)), 1 + len(source.units) // 3)
    places = {
        at: draw.choice((source.units[at].places, source.units[at].places + draw.randint(0, 3), 0)) for at in asked
    }
    units = [one.sized(max(one.places, places.get(at, 0))) for at, one in enumerate(source.units)]
    wanted = replace(compiled(replace(problem, units=tuple(units))).instance, places=source.instance.places)
    assert _same(larger(source, places), wanted)


def test_most_events_are_not_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would compare one with itself."""
    problem, compiler = random_problem(3, 12, 9), Compiler()
    compiler.compiled(problem)

    def refused(_: Problem) -> Any:
        raise AssertionError("compiled anew")

    monkeypatch.setattr(matching.kept, "compiled", refused)
    for unit in problem.units[:3]:
        problem = replace(problem, units=tuple(replace(one, places=1) if one is unit else one for one in problem.units))
        compiler.compiled(problem)
    compiler.compiled(replace(problem, requests=problem.requests[1:]))


def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing() -> None:
    session = Session(a_problem([a_request("r1", together="g"), a_request("r2", together="g")], [a_unit()]))
    before = session.problem
    for change in (
        {"requests": [a_request("r3", facts={"unheard": "yes"})]},
        {"units": [a_unit("u3", stance={"unheard": "excludes"})]},
        {"requests": [a_request("r1", together="g", apart=("r2",))]},
    ):
        with pytest.raises(MalformedProblem):
            session.change(**change)  # type: ignore[arg-type]
        assert session.problem is before


def test_alternatives_are_known_of_parts_nothing_happened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event elsewhere asks nothing again of a part it does not touch; one that touches it asks all of it again."""
    here, there = {"only_locations": ("L-u1", "L-u2")}, {"only_locations": ("L-u3", "L-u4")}
    requests = [a_request("r1", **here), a_request("r2", **there, waiting_hours=9)]
    units = [a_unit(f"u{at}", places=at, location=f"L-u{at}") for at in range(1, 5)]
    session = Session(a_problem(requests, units), keep_places=False)
    asked: list[int] = []
    right = matching.solver.alternatives_of

    def counted(answer: Any, request: int, count: int) -> Any:
        asked.append(request)
        return right(answer, request, count)

    monkeypatch.setattr(matching.solver, "alternatives_of", counted)
    first = session.solve(UNLIMITED, 3)
    assert (asked, set(first.alternatives)) == ([0, 1], {"r1", "r2"})
    assert session.solve(UNLIMITED, 3) is first
    session.change(units=[a_unit("u4", places=1, location="L-u4", freshness="stale")])
    session.change(units=[a_unit("u0", places=1, location="L-u0")])
    again = session.solve(UNLIMITED, 3)
    assert asked == [0, 1, 1]
    assert {**again.to_json(), "stats": {}} == {**solve(session.problem, UNLIMITED).to_json(), "stats": {}}
    assert again.alternatives["r2"] != first.alternatives["r2"]
    assert tuple(again.levels) == LEVELS


def test_remembered_reasons_are_those_of_a_fresh_solve() -> None:
    """With every link there is: groups that reach into other parts, and people to be kept apart in them."""
    assert sum(_remembered_reasons(seed) for seed in range(16)) > 40


def _remembered_reasons(seed: int) -> int:
    draw = random.Random(seed)  # noqa: S311  seeded on purpose
    start, spare = random_problem(4_000 + seed, 7, 6), random_problem(5_000 + seed, 9, 6)
    session = Session(start, keep_places=False)
    remembered = 0
    for step in range(12):
        if step % 4 == 0:
            session.change(requests=[replace(draw.choice(spare.requests), id=f"new{step}")])
        elif step % 4 == 1:
            unit = draw.choice(session.problem.units)
            session.change(units=[replace(unit, places=draw.randint(0, 3), stance=draw.choice(spare.units).stance)])
        elif step % 4 == 2 and session.problem.requests:
            session.change(without_requests=[draw.choice(session.problem.requests).id])
        elif session.problem.requests:
            waiting = draw.choice(session.problem.requests)
            session.change(requests=[replace(waiting, waiting_hours=waiting.waiting_hours + draw.randint(1, 3))])
        fresh = solve(session.problem, UNLIMITED, 0)
        again = session.solve(UNLIMITED)
        assert again.unplaced == fresh.unplaced, (seed, step)
        remembered += bool(again.unplaced)
    return remembered


def test_reasons_are_known_of_parts_nothing_happened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = {"only_locations": ("L-u1",)}, {"only_locations": ("L-u2",), "waiting_hours": 9}
    requests = [a_request(f"{side}{at}", **where) for side, where in (("a", here), ("b", there)) for at in (1, 2)]
    units = [a_unit(f"u{at}", places=1, location=f"L-u{at}") for at in (1, 2, 3)]
    session = Session(a_problem(requests, units), keep_places=False)
    asked: list[int] = []
    right = matching.counterfactual._by

    def counted(answer: Any, request: int) -> tuple[int, ...]:
        asked.append(request)
        return right(answer, request)

    monkeypatch.setattr(matching.counterfactual, "_by", counted)
    first = session.solve(UNLIMITED)
    assert [one.request for one in first.unplaced] == ["a2", "b2"]
    assert asked == [1, 3]
    session.change(requests=[a_request("a0", **here)], units=[a_unit("u2", places=1, location="L-u2", offers=("x",))])
    again = session.solve(UNLIMITED)
    assert asked == [1, 3, 1, 2], "two are left out where the newcomer came; elsewhere nothing is asked again"
    assert again.unplaced == solve(session.problem, UNLIMITED, 0).unplaced
