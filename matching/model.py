"""The problem as arrays, in canonical order: what every engine works on.

Requests and units are numbered in order of their ids, so an engine that is deterministic on the arrays gives the same
answer whatever order the lists came in. That numbering is the tie rule: no engine depends on anything else.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matching import kernels
from matching.eligibility import BoolArray, Eligibility, IntArray, eligibility
from matching.problem import LEVELS, Problem, Request, Unit
from matching.scoring import DROP_LEVELS, Amounts, Scores, placed_amounts, scores, unplaced_amounts

UNPLACED = -1

# So many pairs of request and unit are looked at and the allowed ones listed; of more only candidates (see `wide`).
LISTED_PAIRS_MAX = 2**24

Placement = tuple[int, ...]
"""Unit number per request, `UNPLACED` for none."""

LevelAmounts = tuple[int, ...]
"""One whole number per level of `LEVELS`, unbounded; tuples compare in strict order of the levels."""


@dataclass(frozen=True)
class Instance:
    """R requests and U units as numbers, and the A pairs of them that are allowed.

    size[R], places[U] in persons · private[U] · location[U] as numbers · request r may be in the units
    unit_of[row[r] : row[r + 1]], ascending · optional[R]: may stay unplaced · drop[R][5] amounts of the first five
    levels when unplaced · pair: three arrays [A] with the amounts of the last three when placed · apart: pairs of
    requests that may not share a location · groups: requests that are all placed at one location or none.

    most: where not all allowed pairs are listed, per request what no pair of it exceeds in the last three levels (see
    `Scores.most_per_person`); None where all are.
    """

    size: IntArray
    places: IntArray
    private: BoolArray
    location: IntArray
    row: IntArray
    unit_of: NDArray[np.int32]
    optional: BoolArray
    drop: tuple[tuple[int, ...], ...]
    pair: tuple[Amounts, ...]
    apart: tuple[tuple[int, int], ...]
    groups: tuple[tuple[int, ...], ...]
    most: tuple[list[int], ...] | None = None

    @property
    def requests(self) -> int:
        """R."""
        return len(self.size)

    @property
    def units(self) -> int:
        """U."""
        return len(self.places)

    @cached_property
    def request_of(self) -> IntArray:
        """[A] the request of every pair."""
        return np.repeat(np.arange(self.requests), np.diff(self.row))

    @cached_property
    def _keys(self) -> IntArray:
        """[A] request and unit of every pair as one number, ascending."""
        keys: IntArray = self.request_of * self.units + self.unit_of
        return keys

    @cached_property
    def dropped(self) -> IntArray:
        """[R, 5] `drop` as an array. Sums over all requests fit 64 bits: there are fewer than 2^31 persons."""
        return np.array(self.drop, np.int64).reshape(self.requests, len(DROP_LEVELS))

    @cached_property
    def preferred(self) -> NDArray[np.int32]:
        """`unit_of`, with the units of each request best first by the last three levels, then by number."""
        # Numbers too wide for 64 bits are replaced by their rank, which sorts alike.
        keys = [np.unique(key, return_inverse=True)[1] if key.dtype == np.object_ else key for key in self.pair]
        return self.unit_of[np.lexsort((*keys[::-1], self.request_of))]

    @property
    def eligible(self) -> BoolArray:
        """bool[R, U], for small ones and for tests."""
        matrix = np.zeros((self.requests, self.units), np.bool_)
        matrix[self.request_of, self.unit_of] = True
        return matrix

    def allowed(self, request: int) -> NDArray[np.int32]:
        """The units a request may be in, ascending."""
        return self.unit_of[self.row[request] : self.row[request + 1]]

    def arc(self, request: int, unit: int) -> int:
        """The number of a pair; -1 if it is not listed."""
        wanted = request * self.units + unit
        at = int(np.searchsorted(self._keys, wanted))
        return at if at < len(self._keys) and self._keys[at] == wanted else -1

    def arcs_at(self, requests: IntArray, units: IntArray) -> IntArray:
        """The numbers of pairs, -1 where one is not listed."""
        if not len(self.unit_of):
            return np.full(len(requests), -1)
        wanted = requests * self.units + units
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self.unit_of) - 1)
        return np.where(self._keys[at] == wanted, at, -1)

    def arcs_of(self, requests: NDArray[np.intp]) -> IntArray:
        """The numbers of all pairs of some requests, request by request."""
        first, count = self.row[requests], self.row[requests + 1] - self.row[requests]
        begin = np.cumsum(count) - count
        return np.repeat(first - begin, count) + np.arange(count.sum())

    def share(self, request: int, unit: int) -> LevelAmounts:
        """What one request contributes to every level when it is in that unit (an allowed one), or `UNPLACED`."""
        if unit == UNPLACED:
            return (*self.drop[request], *(0 for _ in self.pair))
        arc = self.arc(request, unit)
        return (*(0 for _ in self.drop[request]), *(int(amounts[arc]) for amounts in self.pair))

    def amounts(self, placement: Sequence[int]) -> LevelAmounts:
        """All levels of a placement, in unbounded integers."""
        units = np.array(placement, np.int64)
        placed = np.flatnonzero(units != UNPLACED)
        dropped: list[int] = self.dropped[units == UNPLACED].sum(axis=0).tolist()
        arcs = self.arcs_at(placed, units[placed])
        return (*dropped, *(sum(amounts[arcs].tolist()) for amounts in self.pair))

    def kept(self, arcs: IntArray) -> "Instance":
        """The same with these pairs (ascending numbers) only."""
        return replace(
            self,
            row=np.searchsorted(arcs, self.row),
            unit_of=self.unit_of[arcs],
            pair=tuple(amounts[arcs] for amounts in self.pair),
        )

    def part(self, requests: NDArray[np.intp], units: NDArray[np.intp]) -> "Instance":
        """The same for some requests and units (ascending numbers); links to requests outside the part are dropped."""
        number = {int(request): at for at, request in enumerate(requests)}
        new_unit = np.full(self.units, -1, np.int32)
        new_unit[units] = np.arange(len(units))
        arcs = self.arcs_of(requests)
        unit_of = new_unit[self.unit_of[arcs]]
        row = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.row[requests + 1] - self.row[requests])])
        if (unit_of < 0).any():
            inside = np.flatnonzero(unit_of >= 0)
            row, unit_of, arcs = np.searchsorted(inside, row), unit_of[inside], arcs[inside]
        return Instance(
            size=self.size[requests],
            places=self.places[units],
            private=self.private[units],
            location=self.location[units],
            row=row,
            unit_of=unit_of,
            optional=self.optional[requests],
            drop=tuple(self.drop[request] for request in requests),
            pair=tuple(amounts[arcs] for amounts in self.pair),
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
        arrays = (self.size, self.places, self.private, order, self.row, self.unit_of, self.optional)
        for array in arrays:
            digest.update(repr(array.shape).encode() + array.tobytes())
        for amounts in self.pair:
            # Equal numbers may be held in words of different width.
            wide = amounts.dtype == np.object_
            digest.update(repr(amounts.tolist()).encode() if wide else amounts.astype(np.int64).tobytes())
        digest.update(repr((self.drop, self.apart, self.groups)).encode())
        return digest.digest()

    def without(self, request: int) -> "Instance":
        """The same problem had this request never been made: nowhere allowed, in no group, out at no cost."""
        optional = self.optional.copy()
        optional[request] = True
        drop = list(self.drop)
        drop[request] = (0,) * len(DROP_LEVELS)
        groups = tuple(tuple(member for member in group if member != request) for group in self.groups)
        return replace(self.confined(request, []), optional=optional, drop=tuple(drop), groups=groups)

    def requiring(self, requests: Sequence[int]) -> "Instance":
        """The same with these requests to be placed, at whatever price to the others."""
        optional = self.optional.copy()
        optional[list(requests)] = False
        return replace(self, optional=optional)

    def confined(self, request: int, units: Sequence[int]) -> "Instance":
        """The same with this request allowed in these units (ascending) only, whatever the pair rules say of them.

        Where they forbid it the amounts are unknown and taken as zero, so ask only whether it can be there.
        """
        first, last = int(self.row[request]), int(self.row[request + 1])
        there = np.array(units, np.int64)
        arcs = self.arcs_at(np.full(len(there), request), there)
        row = self.row.copy()
        row[request + 1 :] += len(there) - (last - first)

        def spliced(own: NDArray[Any], every: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([every[:first], own.astype(every.dtype), every[last:]])

        pair = []
        for amounts in self.pair:
            own = np.zeros(len(there), amounts.dtype)
            own[arcs >= 0] = amounts[arcs[arcs >= 0]]
            pair.append(spliced(own, amounts))
        return replace(self, row=row, unit_of=spliced(there, self.unit_of), pair=tuple(pair))

    def unpriced(self) -> "Instance":
        """The same with every amount zero: any placement that keeps the rules is an optimum."""
        nothing: Amounts = np.zeros(len(self.unit_of), np.int64)
        return replace(
            self, drop=((0,) * len(DROP_LEVELS),) * self.requests, pair=(nothing,) * (len(LEVELS) - len(DROP_LEVELS))
        )

    def unlinked(self, request: int) -> "Instance":
        """The same with nobody to be apart from or together with for this request."""
        groups = tuple(tuple(member for member in group if member != request) for group in self.groups)
        return replace(self, apart=tuple(pair for pair in self.apart if request not in pair), groups=groups)

    def allows(self, placement: Sequence[int]) -> bool:
        """Whether a placement keeps every rule, pair rules and rules between requests."""
        units = np.array(placement, np.int64)
        placed = np.flatnonzero(units != UNPLACED)
        inside = units[placed]
        if len(placed) < self.requests and not self.optional[units == UNPLACED].all():
            return False
        if (self.arcs_at(placed, inside) < 0).any():
            return False
        persons = np.bincount(inside, self.size[placed], self.units)
        if (persons > self.places).any() or (np.bincount(inside, minlength=self.units)[self.private] > 1).any():
            return False
        return self.keeps_links(placement)

    def keeps_links(self, placement: Sequence[int]) -> bool:
        """Whether who must be apart is, and groups are together or out."""
        linked = {request for link in (*self.apart, *self.groups) for request in link if placement[request] != UNPLACED}
        homes = {request: int(self.location[placement[request]]) for request in linked}
        if any(a in homes and homes[a] == homes.get(b) for a, b in self.apart):
            return False
        return all(len({homes.get(member) for member in group}) <= 1 for group in self.groups)


class Lists:
    """The lists of a problem in canonical order, and what follows from them once it is asked for."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.requests = tuple(sorted(problem.requests, key=attrgetter("id")))
        self.units = tuple(sorted(problem.units, key=attrgetter("id")))

    @cached_property
    def rules(self) -> Eligibility:
        """All hard pair rules."""
        return eligibility(self.problem, self.requests, self.units)

    @cached_property
    def scores(self) -> Scores:
        """What any pair costs."""
        return scores(self.problem, self.requests, self.units)

    @cached_property
    def request_number(self) -> dict[str, int]:
        """Position by id."""
        return {request.id: at for at, request in enumerate(self.requests)}

    @cached_property
    def unit_number(self) -> dict[str, int]:
        """Position by id."""
        return {unit.id: at for at, unit in enumerate(self.units)}


Part = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Requests and units, ascending numbers."""


@dataclass(frozen=True)
class Compiled:
    """A problem with everything derived from it once: canonical lists, rules, costs, the instance for the engines."""

    lists: Lists
    instance: Instance

    @property
    def problem(self) -> Problem:
        """As given."""
        return self.lists.problem

    @property
    def requests(self) -> tuple[Request, ...]:
        """In order of their ids."""
        return self.lists.requests

    @property
    def units(self) -> tuple[Unit, ...]:
        """In order of their ids."""
        return self.lists.units

    @property
    def rules(self) -> Eligibility:
        """All hard pair rules."""
        return self.lists.rules

    @property
    def scores(self) -> Scores:
        """What any pair costs."""
        return self.lists.scores

    @property
    def request_number(self) -> dict[str, int]:
        """Position by id."""
        return self.lists.request_number

    @property
    def unit_number(self) -> dict[str, int]:
        """Position by id."""
        return self.lists.unit_number

    @cached_property
    def pruned(self) -> Instance:
        """Without what no group could use."""
        return pruned(self.instance)

    @cached_property
    def parts(self) -> list[Part]:
        """Of the instance without what no group could use; see `components`."""
        return components(self.pruned)

    def unit_of(self, placement: Sequence[int]) -> dict[str, str]:
        """Unit id per placed request id."""
        units = self.units
        return {
            request.id: units[unit].id
            for request, unit in zip(self.requests, placement, strict=False)
            if unit != UNPLACED
        }


def compiled(problem: Problem) -> Compiled:
    """Number, rule and score `problem`. Depends on the content of its lists, not on their order."""
    lists = Lists(problem)
    if not listed(lists):
        none = np.zeros(0, np.int64)
        instance = instance_of(lists, np.zeros(len(lists.requests) + 1, np.int64), none.astype(np.int32), (none,) * 3)
        return Compiled(lists, replace(instance, most=lists.scores.most_per_person()))
    return Compiled(lists, instance_of(lists, *pairs_of(lists.rules, lists.scores)))


def pairs_of(rules: Eligibility, columns: Scores) -> tuple[IntArray, NDArray[np.int32], tuple[Amounts, ...]]:
    """row, unit_of and pair of an `Instance`: every pair the rules allow."""
    row, unit_of = rules.listed()
    rows = np.repeat(np.arange(len(row) - 1), np.diff(row))
    return row, unit_of, placed_amounts(columns, rows, unit_of.astype(np.int64))


def listed(lists: Lists) -> bool:
    """Whether all allowed pairs are listed, or only candidates."""
    return len(lists.requests) * len(lists.units) <= LISTED_PAIRS_MAX


def instance_of(lists: Lists, row: IntArray, unit_of: NDArray[np.int32], pair: tuple[Amounts, ...]) -> Instance:
    """The instance with these pairs, everything else read off the lists."""
    requests, units = lists.requests, lists.units
    location_number = {location: at for at, location in enumerate(sorted({unit.location for unit in units}))}
    return Instance(
        size=np.array([len(request.persons) for request in requests], np.int64),
        places=np.array([unit.places for unit in units], np.int64),
        private=np.array([unit.private for unit in units], np.bool_),
        location=np.array([location_number[unit.location] for unit in units], np.int64),
        row=row,
        unit_of=unit_of,
        optional=np.ones(len(requests), np.bool_),
        drop=tuple(unplaced_amounts(request) for request in requests),
        pair=pair,
        apart=_apart_pairs(requests, lists.request_number),
        groups=_groups(requests),
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
    """The same without the pairs a group could never use: locations not open to every member."""
    if not instance.groups:
        return instance
    kept = np.ones(len(instance.unit_of), np.bool_)
    locations = int(instance.location.max(initial=-1)) + 1
    for group in instance.groups:
        homes = [instance.location[instance.allowed(member)] for member in group]
        usable = np.ones(locations, np.bool_)
        for home in homes:
            usable &= np.bincount(home, minlength=locations) > 0
        for member, home in zip(group, homes, strict=True):
            kept[instance.row[member] : instance.row[member + 1]] = usable[home]
    return instance if kept.all() else instance.kept(np.flatnonzero(kept))


def components(instance: Instance) -> list[Part]:
    """Independent parts as (requests, units), ascending, in order of their first request; every request is in one.

    Two requests belong together if they can use the same unit, are one group, or must be apart and can meet at a
    location. Units nobody can use belong nowhere.
    """
    # Every request and every unit is a node.
    ends = [(group[0], member) for group in instance.groups for member in group[1:]]
    for a, b in instance.apart:
        here = set(instance.location[instance.allowed(a)].tolist())
        if not here.isdisjoint(instance.location[instance.allowed(b)].tolist()):
            ends.append((a, b))
    links = np.array(ends, np.int64).reshape(len(ends), 2)
    least = kernels.connected(
        np.concatenate([instance.request_of, links[:, 0]]),
        np.concatenate([instance.unit_of + instance.requests, links[:, 1]]),
        instance.requests + instance.units,
    )
    row, members = kernels.listed(least, least.size)
    parts = []
    for first in np.flatnonzero(least[: instance.requests] == np.arange(instance.requests)).tolist():
        part = members[row[first] : row[first + 1]]
        split = np.searchsorted(part, instance.requests)
        parts.append((part[:split], part[split:] - instance.requests))
    return parts
