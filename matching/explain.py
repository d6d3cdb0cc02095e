"""Why this place, why none, what would have to change, and what a change would be worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matching.problem import Problem, Unit
from matching.solution import TWO_SECONDS, UNLIMITED, Budget, Levels, Unplaced


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """The best other unit and the exact change of all levels if the request went there."""

    unit: str
    levels_delta: Levels


@dataclass(frozen=True, slots=True)
class Explanation:
    """One request: its unit (None if unplaced), its share of every level, the runner-up, and the codes elsewhere."""

    request: str
    unit: str | None
    levels: Levels
    runner_up: RunnerUp | None
    others: Mapping[str, tuple[str, ...]]
    unplaced: Unplaced | None
    proven: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What if: fields of one unit or request set to other values, or a unit added. Values as in the JSON form."""

    name: str
    unit: str | None = None
    request: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    add_unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change is worth: the levels with it, the difference (zeros left out), who gains and who loses a place."""

    name: str
    levels: Levels
    delta: Levels
    newly_placed: tuple[str, ...]
    newly_unplaced: tuple[str, ...]
    proven: bool


def explain(problem: Problem, request_id: str, budget: Budget = TWO_SECONDS, seed: int = 0) -> Explanation:
    """Why this request is where it is: its unit, its share, the runner-up, and what bars every other unit."""
    raise NotImplementedError


def value(
    problem: Problem,
    changes: Sequence[Change],
    budget: Budget = UNLIMITED,
    seed: int = 0,
) -> list[Outcome]:
    """What each change alone would be worth, and all of them together as the last outcome, named "all"."""
    raise NotImplementedError


def pair_codes(problem: Problem, request_id: str) -> dict[str, tuple[str, ...]]:
    """Per unit id, sorted: the codes that bar this request there; empty where it fits."""
    raise NotImplementedError


def pair_levels(problem: Problem, request_id: str, unit_id: str | None) -> dict[str, int]:
    """This request's share of every level when placed in that unit (rules not asked), or unplaced if None."""
    raise NotImplementedError
