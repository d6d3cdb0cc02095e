"""One request and one unit by themselves: the codes that bar it there, its share of every level. No solver needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matching.eligibility import eligibility
from matching.problem import LEVELS, Problem, Unit
from matching.scoring import PAIR_LEVELS, placed_amounts, scores, unplaced_amounts


def pair_codes(problem: Problem, request_id: str) -> dict[str, tuple[str, ...]]:
    """Per unit id, sorted: the codes that bar this request there; empty where it fits."""
    units = sorted(problem.units, key=lambda unit: unit.id)
    return codes_of(units, eligibility(problem, [problem.request(request_id)], units).barring_units(0))


def codes_of(units: Sequence[Unit], barring: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Per unit id: the codes of which `barring` marks it."""
    return {unit.id: tuple(code for code, marks in barring.items() if marks[at]) for at, unit in enumerate(units)}


def pair_terms(problem: Problem, request_id: str, unit_id: str) -> dict[str, int]:
    """What placing this request in that unit costs, rules not asked, term by term: see `scoring.TERMS`."""
    return scores(problem, [problem.request(request_id)], [problem.unit(unit_id)]).terms(0, 0)


def pair_levels(problem: Problem, request_id: str, unit_id: str | None) -> dict[str, int]:
    """This request's share of every level when placed in that unit (rules not asked), or unplaced if None."""
    request = problem.request(request_id)
    levels = dict.fromkeys(LEVELS, 0)
    if unit_id is None:
        levels.update(zip(LEVELS, unplaced_amounts(request), strict=False))
    else:
        only = np.zeros(1, np.int64)
        amounts = placed_amounts(scores(problem, [request], [problem.unit(unit_id)]), only, only)
        levels.update((level, int(column[0])) for level, column in zip(PAIR_LEVELS, amounts, strict=True))
    return levels
