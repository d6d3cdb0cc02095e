"""The exact solve."""

from matching.problem import Problem
from matching.solution import TWO_SECONDS, Budget, Solution


def solve(problem: Problem, budget: Budget = TWO_SECONDS, seed: int = 0, alternatives: int = 3) -> Solution:
    """The best answer to `problem` found within `budget`, with `alternatives` other units per placed request."""
    raise NotImplementedError
