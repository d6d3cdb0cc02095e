"""Problems with too many pairs to list, on problems small enough to know the answer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import matching.model
from bench.matching.instances import Size, instance
from matching import LEVELS, Budget, Problem, Weights, solve, violations
from matching.model import UNPLACED, compiled
from matching.solution import UNLIMITED
from matching.wide import _Offers
from tests.matching.brute import optimum as brute_optimum
from tests.matching.instances import random_problem

MEDIUM = Size(40, 200, 6)


@pytest.fixture
def unlisted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching.model, "LISTED_PAIRS_MAX", -1)


def _problems(seed: int) -> list[Problem]:
    return [instance(Size(12, 40, 5), seed, tight=True), *(random_problem(100 * seed + at, 6, 5) for at in range(12))]


@pytest.mark.parametrize("seed", range(5))
def test_everybody_is_offered_all_allowed_units_and_the_best_first(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for problem in _problems(seed):
        listed = compiled(problem).instance
        with monkeypatch.context() as patch:
            patch.setattr(matching.model, "LISTED_PAIRS_MAX", -1)
            source = compiled(problem)
        assert len(source.instance.unit_of) == 0
        units, _ = _Offers(source).cheapest(np.arange(listed.requests), listed.units)
        grouped = {member for group in listed.groups for member in group}
        for request in range(listed.requests):
            offered = [unit for unit in units[request].tolist() if unit != UNPLACED]
            if request not in grouped:  # they are offered only where all their companions can be
                assert sorted(offered) == listed.allowed(request).tolist()
            shares = [listed.share(request, unit) for unit in offered]
            assert all(one <= other for one, other in pairwise(shares))
            few, _ = _Offers(source).cheapest(np.array([request]), 2)
            assert few[0].tolist() == [*units[request].tolist(), UNPLACED, UNPLACED][:2]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("unlisted")
def test_the_answer_keeps_every_rule_and_its_bound_holds(seed: int) -> None:
    proven = 0
    for problem in (random_problem(100 * seed + at, 6, 5) for at in range(20)):
        best = brute_optimum(problem)
        solution = solve(problem, UNLIMITED)
        reached = tuple(solution.levels[level] for level in LEVELS)
        assert violations(problem, solution) == []
        assert reached >= best
        assert solution.bound
        proven += solution.proven
        if solution.proven:
            assert reached == best
        for at, level in enumerate(LEVELS):
            if level in solution.bound and reached[:at] == best[:at]:
                assert solution.bound[level] <= best[at]
    assert proven > 3


@pytest.mark.usefixtures("unlisted")
def test_persons_left_out_are_within_a_hair_of_the_bound() -> None:
    for seed in range(2):
        problem = instance(Size(400, 3_000, 30), seed, tight=True)
        solution = solve(problem, UNLIMITED, alternatives=0)
        assert violations(problem, solution) == []
        left = [solution.levels[level] for level in LEVELS[:4]]
        least = [solution.bound.get(level, 0) for level in LEVELS[:4]]
        assert sum(left) - sum(least) <= 0.01 * sum(request.size for request in problem.requests)


@pytest.mark.parametrize("milliseconds", [0, 20])
@pytest.mark.usefixtures("unlisted")
def test_without_time_there_is_still_a_checked_answer(milliseconds: int) -> None:
    for seed in range(4):
        problem = instance(MEDIUM, seed, tight=True)
        solution = solve(problem, Budget(milliseconds), alternatives=2)
        assert violations(problem, solution) == []
        assert solution.assignments


@pytest.mark.usefixtures("unlisted")
def test_reasons_end_with_the_time_and_say_so() -> None:
    problem = instance(MEDIUM, 1, tight=True)
    hasty, patient = solve(problem, Budget(0)), solve(problem, UNLIMITED)
    assert hasty.unplaced
    assert not any(one.reasons or one.would_place for one in hasty.unplaced)
    assert hasty.stats["cut_short"] >= len(hasty.unplaced)
    assert all(one.reasons for one in patient.unplaced)


@pytest.mark.usefixtures("unlisted")
def test_levels_too_wide_for_a_word_still_get_an_answer() -> None:
    """Nothing is priced then, so nothing is proven either."""
    plain = instance(MEDIUM, 0, tight=True)
    units = tuple(replace(unit, scarcity=2**31 - 1) for unit in plain.units)
    solution = solve(replace(plain, units=units, weights=Weights(2**31 - 1, 2**31 - 1)), UNLIMITED)
    assert violations(replace(plain, units=units, weights=Weights(2**31 - 1, 2**31 - 1)), solution) == []
    assert solution.assignments
    assert not solution.proven
    assert solution.bound == {}


def test_an_answer_can_come_before_its_reasons() -> None:
    problem = instance(MEDIUM, 1, tight=True)
    bare, whole = (solve(problem, UNLIMITED, reasons=reasons) for reasons in (False, True))
    assert any(one.reasons for one in whole.unplaced)
    assert not any(one.reasons or one.nearest or one.would_place for one in bare.unplaced)
    assert [one.request for one in bare.unplaced] == [one.request for one in whole.unplaced]
    assert (bare.levels, bare.assignments) == (whole.levels, whole.assignments)
    assert violations(problem, bare) == []
