"""Matches requests for a shelter bed to units: exact, in strict levels, with reasons. A pure library.

problem = read_problem(text)                    # or Problem(criteria=…, units=…, requests=…)
solution = solve(problem, Budget(milliseconds=2000))
assert not violations(problem, solution)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from matching.check import Violation, violations
from matching.pairs import pair_codes, pair_levels, pair_terms
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
from matching.solution import Alternative, Assignment, Budget, Lift, Nearest, Outbid, Price, Reason, Solution, Unplaced

if TYPE_CHECKING:
    from matching.explanation import Change, Decided, Explanation, Outcome, decided, explain, value
    from matching.leaves import prepare
    from matching.pricing import prices
    from matching.session import Session
    from matching.solver import solve

__all__ = [
    "LEVELS",
    "Alternative",
    "Assignment",
    "Budget",
    "Change",
    "Decided",
    "Explanation",
    "Lift",
    "MalformedProblem",
    "Nearest",
    "Outbid",
    "Outcome",
    "Person",
    "Price",
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
    "decided",
    "explain",
    "pair_codes",
    "pair_levels",
    "pair_terms",
    "prepare",
    "prices",
    "problem_from_json",
    "read_problem",
    "reserved",
    "solve",
    "value",
    "violations",
]

_SOLVING = {
    "Change": "explanation",
    "Decided": "explanation",
    "Explanation": "explanation",
    "Outcome": "explanation",
    "Session": "session",
    "decided": "explanation",
    "explain": "explanation",
    "prepare": "leaves",
    "prices": "pricing",
    "solve": "solver",
    "value": "explanation",
}


def __getattr__(name: str) -> object:
    """What solves is loaded when first used: seconds and 150 MB that most processes (pages, alarms) never need."""
    if name not in _SOLVING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_SOLVING[name]}"), name)
