"""Matches requests for a shelter bed to units: exact, in strict levels, with reasons. A pure library.

problem = read_problem(text)                    # or Problem(criteria=…, units=…, requests=…)
solution = solve(problem, Budget(milliseconds=2000))
assert not violations(problem, solution)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from matching.check import Violation, violations
from matching.pairs import pair_codes, pair_levels
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
from matching.solution import Alternative, Assignment, Budget, Lift, Nearest, Reason, Solution, Unplaced

if TYPE_CHECKING:
    from matching.explain import Change, Explanation, Outcome, explain, value
    from matching.leaves import prepare
    from matching.session import Session
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

_SOLVING = {
    "Change": "explain",
    "Explanation": "explain",
    "Outcome": "explain",
    "Session": "session",
    "explain": "explain",
    "prepare": "leaves",
    "solve": "solver",
    "value": "explain",
}


def __getattr__(name: str) -> object:
    """What solves is loaded when first used: seconds and 150 MB that most processes (pages, alarms) never need."""
    if name not in _SOLVING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_SOLVING[name]}"), name)
