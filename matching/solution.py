"""What is answered: who goes where, how good that is, what is proven, and reasons for everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from matching.problem import LEVELS, MalformedProblem, checked_keys, quoted

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

    @property
    def rank(self) -> tuple[int, ...]:
        """Sorts the best first; the lists themselves are in order of id."""
        return tuple(self.levels_delta.get(level, 0) for level in LEVELS)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an unplaced request fits nowhere: most codes count `units` and their `places`, `capacity` names `by`."""

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
class Outbid:
    """What it would cost to place a request all the same: the exact change of all levels, the rest solved again.

    The first level that changes says what was weighed, `by` are the requests that would lose their unit. An empty `by`
    says that nobody would, only less well.
    """

    levels_delta: Levels
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A request without a unit, why, and the smallest changes that would place it.

    `outbid`: only where the pair rules let it in somewhere; not in the JSON of a solution, whose form is fixed, but in
    that of an explanation.
    """

    request: str
    reasons: tuple[Reason, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    would_place: tuple[Lift, ...] = ()
    outbid: Outbid | None = None


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
        return {
            "levels": _ordered(self.levels),
            "proven": self.proven,
            "bound": _ordered(self.bound),
            "assignments": [{"request": one.request, "unit": one.unit} for one in self.assignments],
            "alternatives": {
                request: [alternative_to_json(one) for one in self.alternatives[request]]
                for request in sorted(self.alternatives)
            },
            "unplaced": [unplaced_to_json(one) for one in self.unplaced],
            "stats": dict(self.stats),
        }


def _ordered(levels: Levels) -> dict[str, int]:
    return {level: levels[level] for level in LEVELS if level in levels}


def alternative_to_json(alternative: Alternative) -> dict[str, Any]:
    """`{"unit", "levels_delta"}`."""
    return {"unit": alternative.unit, "levels_delta": _ordered(alternative.levels_delta)}


def unplaced_to_json(unplaced: Unplaced) -> dict[str, Any]:
    """`{"request", "reasons", "nearest", "would_place"}`."""
    return {
        "request": unplaced.request,
        "reasons": [reason_to_json(reason) for reason in unplaced.reasons],
        "nearest": [{"unit": near.unit, "blocked_by": list(near.blocked_by)} for near in unplaced.nearest],
        "would_place": [{"unit": lift.unit, "lift": list(lift.lift)} for lift in unplaced.would_place],
    }


def outbid_to_json(outbid: Outbid) -> dict[str, Any]:
    """`{"levels_delta", "by"}`."""
    return {"levels_delta": _ordered(outbid.levels_delta), "by": list(outbid.by)}


def reason_to_json(reason: Reason) -> dict[str, Any]:
    """`{"code", "units", "places"}`, or `{"code", "by"}`."""
    if reason.by is not None:
        return {"code": reason.code, "by": list(reason.by)}
    return {"code": reason.code, "units": reason.units, "places": reason.places}


def solution_from_json(value: object) -> Solution:
    """A solution from parsed JSON, whoever wrote it. Raises `MalformedProblem` when the form is wrong.

    Wrong content (an unknown id, a wrong amount, a doubled request) is not refused here: that is for the check to say.
    """
    content = checked_keys("solution", value, ("levels", "assignments", "unplaced"), _SOLUTION_KEYS)
    proven = content.get("proven", False)
    if type(proven) is not bool:
        raise MalformedProblem('solution: field "proven" must be true or false')
    alternatives = content.get("alternatives", {})
    if not isinstance(alternatives, dict):
        raise MalformedProblem('solution: field "alternatives" must be an object')
    return Solution(
        levels=_levels("levels", content["levels"], LEVELS),
        proven=proven,
        bound=_levels("bound", content.get("bound", {}), ()),
        assignments=tuple(
            Assignment(_text(where, one, "request"), _text(where, one, "unit"))
            for where, one in _objects("assignments", content["assignments"], ("request", "unit"))
        ),
        alternatives={request: _alternatives(request, listed) for request, listed in alternatives.items()},
        unplaced=tuple(
            _unplaced(where, one)
            for where, one in _objects(
                "unplaced", content["unplaced"], ("request",), ("reasons", "nearest", "would_place")
            )
        ),
    )


_SOLUTION_KEYS: Final = ("levels", "proven", "bound", "assignments", "alternatives", "unplaced", "stats")


def _levels(name: str, value: object, required: tuple[str, ...], least: int | None = 0) -> dict[str, int]:
    content = checked_keys(name, value, required, LEVELS)
    for level, amount in content.items():
        if type(amount) is not int or (least is not None and amount < least):
            raise MalformedProblem(f"{name}: field {quoted(level)} must be a whole number")
    return content


def _objects(
    name: str, value: object, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a list with where they are, their keys checked."""
    if not isinstance(value, list):
        raise MalformedProblem(f"solution: field {quoted(name)} must be a list")
    named = [(f"{name} number {at}", one) for at, one in enumerate(value, 1)]
    return [(where, checked_keys(where, one, required, (*required, *optional))) for where, one in named]


def _text(where: str, content: dict[str, Any], name: str) -> str:
    value = content[name]
    if type(value) is not str:
        raise MalformedProblem(f"{where}: field {quoted(name)} must be a string")
    return value


def _texts(where: str, content: dict[str, Any], name: str) -> tuple[str, ...]:
    value = content[name]
    if not isinstance(value, list) or not all(type(one) is str for one in value):
        raise MalformedProblem(f"{where}: field {quoted(name)} must be a list of strings")
    return tuple(value)


def _count(where: str, content: dict[str, Any], name: str) -> int | None:
    value = content.get(name)
    if name in content and type(value) is not int:
        raise MalformedProblem(f"{where}: field {quoted(name)} must be an integer")
    return value


def _alternatives(request: str, value: object) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(_text(where, one, "unit"), _levels(f"{where}, levels_delta", one["levels_delta"], (), None))
        for where, one in _objects(f"alternatives of {quoted(request)}", value, ("unit", "levels_delta"))
    )


def _unplaced(where: str, content: dict[str, Any]) -> Unplaced:
    return Unplaced(
        request=_text(where, content, "request"),
        reasons=tuple(
            Reason(
                _text(place, one, "code"),
                _count(place, one, "units"),
                _count(place, one, "places"),
                _texts(place, one, "by") if "by" in one else None,
            )
            for place, one in _objects(
                f"{where}, reasons", content.get("reasons", []), ("code",), ("units", "places", "by")
            )
        ),
        nearest=tuple(
            Nearest(_text(place, one, "unit"), _texts(place, one, "blocked_by"))
            for place, one in _objects(f"{where}, nearest", content.get("nearest", []), ("unit", "blocked_by"))
        ),
        would_place=tuple(
            Lift(_text(place, one, "unit"), _texts(place, one, "lift"))
            for place, one in _objects(f"{where}, would_place", content.get("would_place", []), ("unit", "lift"))
        ),
    )


@dataclass(frozen=True, slots=True)
class Price:
    """A class of units by the ids of those there are, their places, and what one more such unit would change.

    `delta`: the exact change of all levels, zeros left out. `proven` only if both optima are.
    """

    units: tuple[str, ...]
    places: int
    delta: Levels
    newly_placed: tuple[str, ...]
    newly_unplaced: tuple[str, ...]
    proven: bool

    @property
    def rank(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Sorts what gains most first."""
        return tuple(self.delta.get(level, 0) for level in LEVELS), self.units

    def to_json(self) -> dict[str, Any]:
        """The price as plain JSON values; `proven` is only said when it is not so."""
        result: dict[str, Any] = {
            "units": list(self.units),
            "places": self.places,
            "delta": dict(self.delta),
            "newly_placed": list(self.newly_placed),
            "newly_unplaced": list(self.newly_unplaced),
        }
        return result if self.proven else {**result, "proven": False}
