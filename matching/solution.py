"""What is answered: who goes where, how good that is, what is proven, and reasons for everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Levels = Mapping[str, int]
"""Amount per level name, all eight present (see `problem.LEVELS`); in a delta, zero entries are left out."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long one call may search. Running out is no error: the best checked answer so far is returned.

    `milliseconds`: wall time measured from the call, None for as long as the proof takes.
    `nodes`: search nodes, None for no limit; unlike time it stops at the same point on every machine.
    """

    milliseconds: int | None = 2000
    nodes: int | None = None


TWO_SECONDS: Final = Budget(milliseconds=2000)
UNLIMITED: Final = Budget(milliseconds=None)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One request in one unit."""

    request: str
    unit: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another unit for a placed request and the exact change of all levels if it went there and the rest re-solved."""

    unit: str
    levels_delta: Levels


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an unplaced request fits nowhere: pair codes and `with_others` count units and places, `capacity` has `by`."""

    code: str
    units: int | None = None
    places: int | None = None
    by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Nearest:
    """A unit with few blocking codes, and those codes."""

    unit: str
    blocked_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lift:
    """Codes that, lifted at this unit for this request, place it while everyone placed now stays placed."""

    unit: str
    lift: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A request without a unit, why, and the smallest changes that would place it."""

    request: str
    reasons: tuple[Reason, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    would_place: tuple[Lift, ...] = ()


@dataclass(frozen=True, slots=True)
class Solution:
    """The answer to one problem. `proven` only if the optimum of every level is proven.

    `bound` holds, per level, a proven lower bound given that the levels before it hold their values.
    """

    levels: Levels
    proven: bool
    bound: Levels
    assignments: tuple[Assignment, ...]
    alternatives: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)
    unplaced: tuple[Unplaced, ...] = ()
    stats: Mapping[str, int] = field(default_factory=dict)

    @property
    def unit_of(self) -> dict[str, str]:
        """Unit id per placed request id."""
        return {assignment.request: assignment.unit for assignment in self.assignments}

    def to_json(self) -> dict[str, Any]:
        """The solution as plain JSON values, in the fixed form."""
        raise NotImplementedError
