"""Everything `solve` says about small problems, against trying everything."""

from dataclasses import replace

import pytest

from matching import LEVELS, Problem, Solution, Unplaced, pair_codes, solve, violations
from matching.check import broken
from matching.solution import UNLIMITED
from tests.matching.brute import Amounts, every_placing
from tests.matching.instances import random_problem

BATCH = 60
LIFTABLE = ("excludes:", "lacks:", "children", "size", "dates", "closed:", "barred:lending", "barred:authority")


@pytest.mark.parametrize("batch", range(20))
def test_levels_alternatives_and_reasons_are_what_trying_everything_finds(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        problem = random_problem(seed)
        solution = solve(problem, UNLIMITED)
        assert violations(problem, solution) == [], seed
        placings = list(every_placing(problem))
        best = min(amounts for amounts, _ in placings)
        assert solution.proven
        assert tuple(solution.levels[level] for level in LEVELS) == best, seed
        assert dict(solution.bound) == dict(solution.levels), seed
        for request in solution.unit_of:
            _alternatives_are_exact(solution, request, placings, best, seed)
        for report in solution.unplaced:
            _lifts_are_the_smallest(problem, solution, report, seed)
            _with_others_is_true(problem, solution, report, seed)
            _outbid_is_exact(solution, report, placings, best, seed)


def _alternatives_are_exact(
    solution: Solution, request: str, placings: list[tuple[Amounts, dict[str, str]]], best: Amounts, seed: int
) -> None:
    truth: dict[str, Amounts] = {}
    for amounts, placing in placings:
        unit = placing.get(request, solution.unit_of[request])
        if unit != solution.unit_of[request]:
            truth[unit] = min(truth.get(unit, amounts), amounts)
    listed = solution.alternatives[request]
    assert len(listed) == min(3, len(truth)), seed
    for one in listed:
        delta = {level: a - b for level, a, b in zip(LEVELS, truth[one.unit], best, strict=True) if a != b}
        assert one.levels_delta == delta, seed
    assert sorted(truth[one.unit] for one in listed) == sorted(truth.values())[: len(listed)], seed
    assert [one.unit for one in listed] == sorted(one.unit for one in listed)


def _lifts_are_the_smallest(problem: Problem, solution: Solution, report: Unplaced, seed: int) -> None:
    codes = pair_codes(problem, report.request)
    liftable = {
        unit: those for unit, those in codes.items() if those and all(one.startswith(LIFTABLE) for one in those)
    }
    works = {unit: those for unit, those in liftable.items() if _places(problem, solution, report.request, unit, those)}
    fewest = min(map(len, works.values()), default=0)
    expected = [(unit, those) for unit, those in works.items() if len(those) == fewest]
    assert [(lift.unit, lift.lift) for lift in report.would_place] == expected, seed


def _places(problem: Problem, solution: Solution, request: str, unit: str, lifted: tuple[str, ...]) -> bool:
    """Whether some placing has the request there, and everyone placed now placed somewhere."""
    wider = problem
    if "size" in lifted:
        size = problem.request(request).size
        units = tuple(replace(one, places=max(one.places, size)) if one.id == unit else one for one in problem.units)
        wider = replace(problem, units=units)
    return any(
        placing.get(request) == unit
        and set(solution.unit_of) <= set(placing)
        and not any(broken(problem, problem.request(r), problem.unit(u)) for r, u in placing.items() if r != request)
        for _, placing in every_placing(wider, (request, unit))
    )


def _with_others_is_true(problem: Problem, solution: Solution, report: Unplaced, seed: int) -> None:
    last = [reason for reason in report.reasons if reason.code in {"capacity", "with_others"}]
    eligible = [unit for unit, codes in pair_codes(problem, report.request).items() if not codes]
    assert len(last) == (1 if eligible else 0), seed
    if not last:
        return
    free = _without_links(problem, report.request)
    unlinked_fits = any({*solution.unit_of, report.request} <= set(placing) for _, placing in every_placing(free))
    assert (last[0].code == "with_others") == unlinked_fits, seed
    if last[0].code == "with_others":
        assert (last[0].units, last[0].places) == (len(eligible), sum(problem.unit(u).places for u in eligible))
    else:
        assert last[0].by == tuple(sorted(_whose_removal_lets_in(problem, solution, report.request))), seed


def _outbid_is_exact(
    solution: Solution, report: Unplaced, placings: list[tuple[Amounts, dict[str, str]]], best: Amounts, seed: int
) -> None:
    """What placing it all the same costs, and that those named may be who pays."""
    placed = [(amounts, placing) for amounts, placing in placings if report.request in placing]
    if not placed:
        assert report.outbid is None, seed
        return
    least = min(amounts for amounts, _ in placed)
    assert report.outbid is not None, seed
    delta = {level: a - b for level, a, b in zip(LEVELS, least, best, strict=True) if a != b}
    assert report.outbid.levels_delta == delta, seed
    losing = {tuple(sorted({*solution.unit_of} - {*placing})) for amounts, placing in placed if amounts == least}
    assert report.outbid.by in losing, seed


def _without_links(problem: Problem, request: str) -> Problem:
    """The same with no other request to be apart from or together with; who lives somewhere already still counts."""
    names = {one.id for one in problem.requests}
    changed = []
    for one in problem.requests:
        unlinked = names if one.id == request else {request}
        together = None if one.id == request else one.together
        changed.append(replace(one, apart=tuple(set(one.apart) - unlinked), together=together))
    return replace(problem, requests=tuple(changed))


def _whose_removal_lets_in(problem: Problem, solution: Solution, request: str) -> set[str]:
    let_in = set()
    for other in solution.unit_of:
        rest = replace(problem, requests=tuple(one for one in problem.requests if one.id != other))
        placings = list(every_placing(rest))
        best = min(amounts for amounts, _ in placings)
        if any(amounts == best and request in placing for amounts, placing in placings):
            let_in.add(other)
    return let_in
