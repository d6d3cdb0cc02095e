"""Matches requests for a shelter bed to units: exact, in strict levels, with reasons. A pure library.

problem = read_problem(text)                    # or Problem(criteria=…, units=…, requests=…)
solution = solve(problem, Budget(milliseconds=2000))
assert not violations(problem, solution)
"""

from matching.check import Violation, violations
from matching.explain import (
    Change,
    Explanation,
    Outcome,
    explain,
    pair_codes,
    pair_levels,
    value,
)
from matching.kernels import prepare
from matching.problem import (
    LEVELS,
    MalformedProblem,
    Person,
    Problem,
    Request,
    Unit,
    Weights,
    problem_from_json,
    read_problem,
)
from matching.reserve import Profile, reserved
from matching.session import Session
from matching.solution import Alternative, Assignment, Budget, Lift, Nearest, Reason, Solution, Unplaced
from matching.solver import solve

__all__ = [
    "LEVELS",
    "Alternative",
    "Assignment",
    "Budget",
    "Change",
    "Explanation",
    "Lift",
    "MalformedProblem",
    "Nearest",
    "Outcome",
    "Person",
    "Problem",
    "Profile",
    "Reason",
    "Request",
    "Session",
    "Solution",
    "Unit",
    "Unplaced",
    "Violation",
    "Weights",
    "explain",
    "pair_codes",
    "pair_levels",
    "prepare",
    "problem_from_json",
    "read_problem",
    "reserved",
    "solve",
    "value",
    "violations",
]
