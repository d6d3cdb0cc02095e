"""The problem as arrays, in canonical order: what every engine works on.

Requests and units are numbered in order of their ids, so an engine that is deterministic on the arrays gives the same
answer whatever order the lists came in. That numbering is the tie rule: no engine depends on anything else.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from matching.eligibility import BoolArray, Eligibility, IntArray, eligibility
from matching.problem import LEVELS, Problem, Request, Unit
from matching.scoring import DROP_LEVELS, Amounts, placed_amounts, unplaced_amounts

UNPLACED = -1

Placement = tuple[int, ...]
"""Unit number per request, `UNPLACED` for none."""

LevelAmounts = tuple[int, ...]
"""One whole number per level of `LEVELS`, unbounded; tuples compare in strict order of the levels."""


@dataclass(frozen=True, slots=True)
class Instance:
    """R requests and U units as numbers.

    size[R], places[U] in persons · private[U] · location[U] as numbers · eligible[R, U] · optional[R]: may stay
    unplaced · drop[R][5] amounts of the first five levels when unplaced · pair: three arrays [R, U] with the amounts of
    the last three when placed · apart: pairs of requests that may not share a location · groups: requests that are all
    placed at one location or none.
    """

    size: IntArray
    places: IntArray
    private: BoolArray
    location: IntArray
    eligible: BoolArray
    optional: BoolArray
    drop: tuple[tuple[int, ...], ...]
    pair: tuple[Amounts, ...]
    apart: tuple[tuple[int, int], ...]
    groups: tuple[tuple[int, ...], ...]

    @property
    def requests(self) -> int:
        """R."""
        return len(self.size)

    @property
    def units(self) -> int:
        """U."""
        return len(self.places)

    def share(self, request: int, unit: int) -> LevelAmounts:
        """What one request contributes to every level when it is in that unit, or `UNPLACED`."""
        if unit == UNPLACED:
            return (*self.drop[request], *(0 for _ in self.pair))
        return (*(0 for _ in self.drop[request]), *(int(amounts[request, unit]) for amounts in self.pair))

    def amounts(self, placement: Sequence[int]) -> LevelAmounts:
        """All levels of a placement, in unbounded integers."""
        shares = [self.share(request, unit) for request, unit in enumerate(placement)]
        return tuple(sum(column) for column in zip(*shares, strict=True)) if shares else (0,) * len(LEVELS)

    def part(self, requests: NDArray[np.intp], units: NDArray[np.intp]) -> "Instance":
        """The same for some requests and units (ascending numbers); links to requests outside the part are dropped."""
        number = {int(request): at for at, request in enumerate(requests)}
        grid = np.ix_(requests, units)
        return Instance(
            size=self.size[requests],
            places=self.places[units],
            private=self.private[units],
            location=self.location[units],
            eligible=self.eligible[grid],
            optional=self.optional[requests],
            drop=tuple(self.drop[request] for request in requests),
            pair=tuple(amounts[grid] for amounts in self.pair),
            apart=tuple((number[a], number[b]) for a, b in self.apart if a in number and b in number),
            groups=tuple(
                members
                for group in self.groups
                if (members := tuple(number[request] for request in group if request in number))
            ),
        )

    def fingerprint(self) -> bytes:
        """Equal for equal instances; location numbers count by order only, ids not at all."""
        digest = hashlib.sha256()
        order = np.unique(self.location, return_inverse=True)[1]
        arrays = (self.size, self.places, self.private, order, self.eligible, self.optional)
        for array in arrays:
            digest.update(repr(array.shape).encode() + array.tobytes())
        for amounts in self.pair:
            numbers = repr(amounts.tolist()).encode() if amounts.dtype == np.object_ else amounts.tobytes()
            digest.update(numbers)
        digest.update(repr((self.drop, self.apart, self.groups)).encode())
        return digest.digest()

    def without(self, request: int) -> "Instance":
        """The same problem had this request never been made: nowhere eligible, in no group, out at no cost."""
        eligible = self.eligible.copy()
        eligible[request] = False
        optional = self.optional.copy()
        optional[request] = True
        drop = list(self.drop)
        drop[request] = (0,) * len(DROP_LEVELS)
        groups = tuple(tuple(member for member in group if member != request) for group in self.groups)
        return replace(self, eligible=eligible, optional=optional, drop=tuple(drop), groups=groups)

    def requiring(self, requests: Sequence[int]) -> "Instance":
        """The same with these requests to be placed, at whatever price to the others."""
        optional = self.optional.copy()
        optional[list(requests)] = False
        return replace(self, optional=optional)

    def confined(self, request: int, units: Sequence[int]) -> "Instance":
        """The same with this request allowed in these units only, whatever the pair rules say of them."""
        eligible = self.eligible.copy()
        eligible[request] = False
        eligible[request, list(units)] = True
        return replace(self, eligible=eligible)

    def unpriced(self) -> "Instance":
        """The same with every amount zero: any placement that keeps the rules is an optimum."""
        nothing: Amounts = np.zeros(self.eligible.shape, np.int64)
        return replace(
            self, drop=((0,) * len(DROP_LEVELS),) * self.requests, pair=(nothing,) * (len(LEVELS) - len(DROP_LEVELS))
        )

    def unlinked(self, request: int) -> "Instance":
        """The same with nobody to be apart from or together with for this request."""
        groups = tuple(tuple(member for member in group if member != request) for group in self.groups)
        return replace(self, apart=tuple(pair for pair in self.apart if request not in pair), groups=groups)

    def allows(self, placement: Sequence[int]) -> bool:
        """Whether a placement keeps every rule, pair rules and rules between requests."""
        used: dict[int, list[int]] = {}
        for request, unit in enumerate(placement):
            if unit == UNPLACED:
                if not self.optional[request]:
                    return False
            elif not self.eligible[request, unit]:
                return False
            else:
                used.setdefault(unit, []).append(request)
        for unit, inside in used.items():
            if sum(int(self.size[request]) for request in inside) > self.places[unit]:
                return False
            if self.private[unit] and len(inside) > 1:
                return False
        homes = [UNPLACED if unit == UNPLACED else int(self.location[unit]) for unit in placement]
        if any(homes[a] == homes[b] != UNPLACED for a, b in self.apart):
            return False
        return all(len({homes[member] for member in group}) <= 1 for group in self.groups)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A problem with everything derived from it once: canonical lists, pair rules, and the instance for the engines."""

    problem: Problem
    requests: tuple[Request, ...]
    units: tuple[Unit, ...]
    rules: Eligibility
    instance: Instance
    request_number: dict[str, int] = field(repr=False)
    unit_number: dict[str, int] = field(repr=False)

    def unit_of(self, placement: Sequence[int]) -> dict[str, str]:
        """Unit id per placed request id."""
        return {
            self.requests[request].id: self.units[unit].id for request, unit in enumerate(placement) if unit != UNPLACED
        }


def compiled(problem: Problem) -> Compiled:
    """Number, rule and score `problem`. Depends on the content of its lists, not on their order."""
    requests = tuple(sorted(problem.requests, key=lambda request: request.id))
    units = tuple(sorted(problem.units, key=lambda unit: unit.id))
    rules = eligibility(problem, requests, units)
    location_number = {location: at for at, location in enumerate(sorted({unit.location for unit in units}))}
    request_number = {request.id: at for at, request in enumerate(requests)}
    instance = Instance(
        size=np.array([request.size for request in requests], np.int64),
        places=np.array([unit.places for unit in units], np.int64),
        private=np.array([unit.private for unit in units], np.bool_),
        location=np.array([location_number[unit.location] for unit in units], np.int64),
        eligible=~rules.barred,
        optional=np.ones(len(requests), np.bool_),
        drop=tuple(unplaced_amounts(request) for request in requests),
        pair=placed_amounts(problem, requests, units),
        apart=_apart_pairs(requests, request_number),
        groups=_groups(requests),
    )
    return Compiled(
        problem, requests, units, rules, instance, request_number, {unit.id: at for at, unit in enumerate(units)}
    )


def _apart_pairs(requests: Sequence[Request], number: dict[str, int]) -> tuple[tuple[int, int], ...]:
    pairs = {
        (min(at, number[other]), max(at, number[other]))
        for at, request in enumerate(requests)
        for other in request.apart
        if other in number and other != request.id
    }
    return tuple(sorted(pairs))


def _groups(requests: Sequence[Request]) -> tuple[tuple[int, ...], ...]:
    members: dict[str, list[int]] = {}
    for at, request in enumerate(requests):
        if request.together is not None:
            members.setdefault(request.together, []).append(at)
    return tuple(sorted(tuple(group) for group in members.values() if len(group) > 1))


def pruned(instance: Instance) -> Instance:
    """The same with eligibility removed where a group could never use it: locations not open to every member."""
    if not instance.groups:
        return instance
    eligible = instance.eligible.copy()
    for group in instance.groups:
        members = list(group)
        everywhere: set[int] | None = None
        for member in members:
            here = set(instance.location[eligible[member]].tolist())
            everywhere = here if everywhere is None else everywhere & here
        usable = np.isin(instance.location, sorted(everywhere or ()))
        eligible[members] &= usable[None, :]
    return replace(instance, eligible=eligible)


def components(instance: Instance) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Independent parts as (requests, units), ascending, in order of their first request; every request is in one.

    Two requests belong together if they can use the same unit, are one group, or must be apart and can meet at a
    location. Units nobody can use belong nowhere.
    """
    linked: list[list[int]] = [[] for _ in range(instance.requests)]
    for group in instance.groups:
        for member in group:
            linked[member].extend(group)
    for a, b in instance.apart:
        here = set(instance.location[instance.eligible[a]].tolist())
        if here & set(instance.location[instance.eligible[b]].tolist()):
            linked[a].append(b)
            linked[b].append(a)
    seen = np.zeros(instance.requests, np.bool_)
    parts = []
    for first in range(instance.requests):
        if seen[first]:
            continue
        requests = np.zeros(instance.requests, np.bool_)
        units = np.zeros(instance.units, np.bool_)
        frontier = np.array([first], np.intp)
        requests[first] = True
        while frontier.size:
            reached = instance.eligible[frontier].any(axis=0) & ~units
            units |= reached
            fresh: BoolArray = np.any(instance.eligible[:, reached], axis=1)
            fresh[[other for request in frontier for other in linked[request]]] = True
            fresh &= ~requests
            requests |= fresh
            frontier = np.flatnonzero(fresh)
        seen |= requests
        parts.append((np.flatnonzero(requests), np.flatnonzero(units)))
    return parts
