"""Events on a problem too large to list, tried on problems small enough to know every answer."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import matching.model
import matching.repair
from bench.matching.events import Events
from bench.matching.instances import Size, instance
from matching import LEVELS, Problem, Session, Solution, violations
from matching.repair import Since, Standing
from matching.scoring import UnitColumns, placed_amounts, scores
from matching.search import Limit
from matching.solution import UNLIMITED
from matching.solver import answered
from tests.matching.brute import optimum as brute_optimum
from tests.matching.instances import a_problem, a_request, a_unit, random_problem
from tests.matching.test_kept import changed


@pytest.fixture(autouse=True)
def unlisted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching.model, "LISTED_PAIRS_MAX", -1)


def _within_bound(solution: Solution, best: tuple[int, ...]) -> None:
    reached = tuple(solution.levels[level] for level in LEVELS)
    assert reached >= best
    for at, level in enumerate(LEVELS):
        if level in solution.bound and reached[:at] == best[:at]:
            assert solution.bound[level] <= best[at], level
    if solution.proven:
        assert reached == best


@pytest.mark.parametrize("seed", [0, 1, 2, 7, 106, 128, 131, 163, 190, 213, 214, 242])
def test_every_answer_after_an_event_keeps_the_rules_and_its_bound_holds(seed: int) -> None:
    draw, bounded = random.Random(seed), 0  # noqa: S311  seeded on purpose
    other = random_problem(seed + 1_000, 6, 5)
    session = Session(random_problem(seed, 6, 5))
    session.solve(UNLIMITED, reasons=False)
    for _ in range(25):
        problem = changed(draw, session.problem, other, links=True)
        if not problem.requests:
            continue
        session.follow(problem)
        solution = session.solve(UNLIMITED, reasons=False)
        assert violations(problem, solution) == []
        _within_bound(solution, brute_optimum(problem))
        bounded += bool(solution.bound)
    assert bounded > 8


def test_a_row_of_events_is_repaired_and_stays_near_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = []
    right = matching.session.answered
    monkeypatch.setattr(
        matching.session, "answered", lambda *given, **named: solved.append(1) or right(*given, **named)
    )
    size = Size(150, 1_200, 12)
    events, session = Events(size, 3, 60, tight=True), Session(instance(size, 3, tight=True))
    session.solve(UNLIMITED, reasons=False)
    rules = 0
    for _ in range(60):
        kind, event = events.next(session.problem)
        session.change(**event)
        problem = session.problem
        rules += kind == "rule_changed"
        solution = session.solve(UNLIMITED, reasons=False)
        assert violations(problem, solution) == []
        assert "now" in solution.bound
    assert len(solved) <= 1 + rules
    assert solution.levels["now"] - solution.bound["now"] <= 0.02 * sum(one.size for one in problem.requests)


def _standing(problem: Problem) -> Standing:
    answer = answered(problem, Limit(UNLIMITED), 0)
    assert answer.wide is not None
    return Standing(answer.wide, answer.placement)


def _followed(standing: Standing, problem: Problem) -> dict[str, str]:
    assert standing.follow(problem, Since(anything=True))
    solution = standing.solution()
    assert violations(problem, solution) == []
    return solution.unit_of


def test_what_comes_free_goes_to_the_most_urgent_left_out() -> None:
    requests = [
        a_request("r1", urgency="now"),
        a_request("r2", urgency="soon", waiting_hours=9),
        a_request("r3", urgency="today"),
    ]
    problem = a_problem(requests, [a_unit(places=1)])
    standing = _standing(problem)
    assert _followed(standing, replace(problem, requests=tuple(requests[1:]))) == {"r3": "u1"}


def test_a_place_that_opens_is_for_a_group_too_if_all_find_room_there() -> None:
    """The group is more urgent, but the first location that opens has room for one of them only."""
    group = [a_request(f"r{at}", together="g", urgency="now") for at in (1, 2)]
    alone = a_request("r3", urgency="soon")
    rooms = [a_unit("u1", places=0, location="A"), a_unit("u2", places=0, location="B"), a_unit("u3", location="B")]
    problem = a_problem([*group, alone], [replace(room, places=0) for room in rooms])
    standing = _standing(problem)
    first = replace(problem, units=(replace(rooms[0], places=1), *problem.units[1:]))
    assert _followed(standing, first) == {"r3": "u1"}
    both = replace(first, units=(first.units[0], *(replace(room, places=1) for room in rooms[1:])))
    assert _followed(standing, both) == {"r1": "u2", "r2": "u3", "r3": "u1"}


def test_who_comes_gets_the_place_of_who_can_go_elsewhere() -> None:
    """r1 leaves u1 for u2, dearer for it, because r2 can be nowhere else; nobody less urgent has to go."""
    problem = a_problem([a_request("r1")], [a_unit("u1", places=1), a_unit("u2", places=1, freshness="stale")])
    standing = _standing(problem)
    newcomer = a_request("r2", only_locations=("L-u1",))
    assert _followed(standing, replace(problem, requests=(*problem.requests, newcomer))) == {"r1": "u2", "r2": "u1"}


@pytest.mark.parametrize(("urgency", "home"), [("now", "r2"), ("planned", "r1")])
def test_who_cannot_wait_goes_before_who_can(urgency: str, home: str) -> None:
    problem = a_problem([a_request("r1", urgency="soon")], [a_unit(places=1)])
    standing = _standing(problem)
    newcomer = a_request("r2", urgency=urgency)
    assert _followed(standing, replace(problem, requests=(*problem.requests, newcomer))) == {home: "u1"}


def test_who_loses_a_place_is_placed_again_with_their_companions() -> None:
    requests = [a_request("r1", together="g"), a_request("r2", together="g")]
    rooms = [
        a_unit("u1", location="A"),
        a_unit("u2", location="B", freshness="stale"),
        a_unit("u3", freshness="unknown"),
    ]
    problem = a_problem(requests, rooms)
    standing = _standing(problem)
    closed = replace(problem, units=(replace(rooms[0], closed="paused"), *rooms[1:]))
    assert _followed(standing, closed) == {"r1": "u2", "r2": "u2"}
    lost = replace(closed, units=closed.units[2:])
    assert _followed(standing, lost) == {"r1": "u3", "r2": "u3"}


@pytest.mark.parametrize("seed", range(6))
def test_what_a_request_costs_is_the_same_from_columns_kept(seed: int) -> None:
    """Also after units changed, and for a wish that nobody had before."""
    problem, other = random_problem(seed, 6, 8), random_problem(seed + 50, 6, 8)
    units = list(problem.units)
    columns = UnitColumns(problem, problem.requests[:1], units)
    for at, unit in list(enumerate(other.units))[: len(units)]:
        units[at] = replace(unit, region="elsewhere") if at % 3 else unit
        columns.put(problem, at, units[at])
    everywhere = np.arange(len(units))
    for request in (replace(one, previous=None) for one in (*problem.requests, *other.requests)):
        plain = placed_amounts(scores(problem, [request], units), np.zeros(len(units), np.int64), everywhere)
        kept = columns.amounts(problem, request, everywhere)
        assert [level.tolist() for level in kept] == [level.tolist() for level in plain]


def test_a_location_that_opens_for_a_group_is_in_the_bound() -> None:
    """r1 could always be in u1, but not without r2: what it was worth knew that, and may not any more."""
    requests = [a_request("r1", together="g"), a_request("r2", together="g", pools=("OMM",))]
    problem = a_problem(requests, [a_unit("u1", location="L"), a_unit("u2", pool="OMM")])
    standing = _standing(problem)
    assert standing.solution().bound["soon"] == 2
    opened = replace(problem, units=(*problem.units, a_unit("u3", location="L", pool="OMM")))
    assert standing.follow(opened, Since(anything=True))
    _within_bound(standing.solution(), brute_optimum(opened))


def test_an_answer_the_checker_objects_to_is_solved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a repair to place somebody against a rule, nobody would see it."""
    session = Session(a_problem([a_request()], [a_unit("u1"), a_unit("u2", closed="paused")]))
    session.solve(UNLIMITED, reasons=False)

    def anywhere(self: Standing, _: Any) -> Any:
        return np.arange(len(self._supply.units))

    monkeypatch.setattr(Standing, "_allowed", anywhere)
    session.change(units=[a_unit("u1", closed="paused"), a_unit("u2", closed="paused")])
    solution = session.solve(UNLIMITED, reasons=False)
    assert solution.unit_of == {}
    assert violations(session.problem, solution) == []
