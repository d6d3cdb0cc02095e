"""Row 2, the library's part: what the solver places, the independent checker accepts; what either bars, both bar.

An acceptance asks the solver's rules and the checker about one request in one unit; so every pair of every problem is
asked both, the way `placing._against` asks, and the two must agree.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import matching
from matching import Problem, Request, Solution
from matching.check import broken, placement_violations
from tests.matching.instances import random_problem
from tests.soak.ground import CHILDREN, Ground, end_with_parent
from tests.soak.harness import Outcome, Planted, Row

PROCESSES = 2
REQUESTS_MAX, UNITS_MAX = 9, 7
BUDGET = matching.Budget(milliseconds=None, nodes=2000)
PLANTED_PROBLEMS_MAX = 300

Solve = Callable[[Problem], Solution]


def solve(problem: Problem) -> Solution:
    return matching.solve(problem, BUDGET, seed=0, alternatives=0)


def judged(problem: Problem, solution: Solution) -> list[str]:
    """What the checker has against the placements of a solution."""
    return [f"{one.rule} {one.request} in {one.unit}" for one in placement_violations(problem, solution.unit_of)]


def disagreements(problem: Problem) -> list[str]:
    """Pairs on which the two deciders of an acceptance disagree."""
    found = []
    for request in problem.requests:
        alone = replace(problem, requests=(request,))
        codes = matching.pair_codes(alone, request.id)
        for unit in problem.units:
            barred = broken(alone, request, unit)
            if sorted(codes[unit.id]) != barred:
                found.append(f"{request.id} in {unit.id}: rules say {sorted(codes[unit.id])}, checker {barred}")
    return found


def run(_here: Ground, count: int, seed: int) -> Outcome:
    """Two processes, each with problems of its own."""
    outcome = Outcome()
    with ProcessPoolExecutor(PROCESSES, mp_context=CHILDREN, initializer=end_with_parent) as pool:
        parts = list(pool.map(solved, [count // PROCESSES] * PROCESSES, range(PROCESSES), [seed] * PROCESSES))
    for placed, _, _, faults in parts:
        outcome.trials += placed
        outcome.failures += faults
    outcome.notes = [f"problems={sum(part[1] for part in parts)} pairs={sum(part[2] for part in parts)}"]
    return outcome


def solved(count: int, part: int, seed: int) -> tuple[int, int, int, list[str]]:
    """Problems until so many requests were placed: (placed, problems, pairs asked both ways, faults)."""
    placed = pairs = problems = 0
    failures: list[str] = []
    while placed < count:
        number = seed * 1_000_000 + problems * PROCESSES + part
        problem = random_problem(number, REQUESTS_MAX, UNITS_MAX)
        problems += 1
        solution = solve(problem)
        faults = [*judged(problem, solution), *map(str, matching.violations(problem, solution))]
        if problems % 4 == 0:
            pairs += len(problem.requests) * len(problem.units)
            faults += disagreements(problem)
        failures += [f"problem {number}: {fault}" for fault in faults]
        placed += len(solution.assignments)
    return placed, problems, pairs, failures


# --- planted: a solver that was not told something ------------------------------------------------------------------


def _without(problem: Problem, change: Callable[[Request], Request]) -> Problem:
    return replace(problem, requests=tuple(change(request) for request in problem.requests))


def forgets_unsafe_regions(problem: Problem) -> Solution:
    return solve(_without(problem, lambda one: replace(one, unsafe_regions=())))


def forgets_apart(problem: Problem) -> Solution:
    return solve(_without(problem, lambda one: replace(one, apart=())))


def forgets_exclusions(problem: Problem) -> Solution:
    return solve(_without(problem, lambda one: replace(one, facts={})))


def forgets_bars(problem: Problem) -> Solution:
    return solve(_without(problem, lambda one: replace(one, barred={})))


def _finds(wrong: Solve, _here: Ground, seed: int) -> bool:
    problems = (random_problem(seed + number, REQUESTS_MAX, UNITS_MAX) for number in range(PLANTED_PROBLEMS_MAX))
    return any(judged(problem, wrong(problem)) for problem in problems)


PLACEMENTS = Row(
    2,
    "random placements, solver against checker",
    10_000,
    run,
    (
        Planted("unsafe regions forgotten", partial(_finds, forgets_unsafe_regions)),
        Planted("keep-apart forgotten", partial(_finds, forgets_apart)),
        Planted("exclusions forgotten", partial(_finds, forgets_exclusions)),
        Planted("bars forgotten", partial(_finds, forgets_bars)),
    ),
    engines=("library",),
)
