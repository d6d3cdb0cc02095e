"""Judges a solution against the words of the rules; shares no code with what it checks."""

from dataclasses import dataclass

from matching.problem import Problem
from matching.solution import Solution


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: its code, the objects concerned, and a sentence for the log."""

    rule: str
    request: str | None
    unit: str | None
    text: str


def violations(problem: Problem, solution: Solution) -> list[Violation]:
    """Every hard rule, stated level or list of `solution` that is wrong; empty if there is nothing to object to."""
    raise NotImplementedError
