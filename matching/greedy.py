"""The honest baseline: most urgent first, each to the best unit still open. Fallback, first answer and hint.

It keeps every hard rule and never looks back, so it is what a careful person with the full list would do.
"""

from collections.abc import Sequence

import numpy as np

from matching.model import UNPLACED, Instance, Placement


class Occupancy:
    """Who is where while a placement is being built, and whether one more fits."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.placement = [UNPLACED] * instance.requests
        self._size: list[int] = instance.size.tolist()
        self._private: list[bool] = instance.private.tolist()
        self._location: list[int] = instance.location.tolist()
        self._places: list[int] = instance.places.tolist()
        self._left = list(self._places)
        self._apart: list[list[int]] = [[] for _ in range(instance.requests)]
        for a, b in instance.apart:
            self._apart[a].append(b)
            self._apart[b].append(a)

    def fits(self, request: int, unit: int) -> bool:
        """Whether the request may join those placed so far; pair rules and groups are the caller's."""
        if self._size[request] > self._left[unit]:
            return False
        location = self._location[unit]
        for other in self._apart[request]:
            if self.placement[other] != UNPLACED and self._location[self.placement[other]] == location:
                return False
        return True

    def put(self, request: int, unit: int) -> None:
        """Place an unplaced request."""
        self.placement[request] = unit
        self._left[unit] = 0 if self._private[unit] else self._left[unit] - self._size[request]

    def take(self, request: int) -> None:
        """Undo `put`."""
        unit = self.placement[request]
        self.placement[request] = UNPLACED
        self._left[unit] = self._places[unit] if self._private[unit] else self._left[unit] + self._size[request]


def greedy(instance: Instance, wanted: Sequence[int] = ()) -> Placement:
    """A placement that keeps every rule between requests and every pair rule; ignores `optional`.

    `wanted`: an eligible unit per request, or `UNPLACED`; whoever can have it gets it first.
    """
    group_of = {member: group for group in instance.groups for member in group}
    occupancy = Occupancy(instance)
    done: set[int] = set()
    for request, unit in enumerate(wanted):
        if unit != UNPLACED and request not in group_of and occupancy.fits(request, unit):
            occupancy.put(request, unit)
            done.add(request)
    for group in instance.groups:
        if wanted and _seated(occupancy, group, wanted):
            done.update(group)
    for request in _by_priority(instance) if len(done) < instance.requests else ():
        if request in done:
            continue
        group = group_of.get(request, (request,))
        done.update(group)
        if len(group) == 1:
            _place_one(occupancy, request)
        else:
            _place_group(occupancy, group)
    return tuple(occupancy.placement)


def _by_priority(instance: Instance) -> list[int]:
    """Most urgent, then longest waiting, then first by id; per person, so that a large party is not put first."""
    *urgent, waiting = instance.dropped.T
    urgency = np.argmax([*(amount > 0 for amount in urgent), np.ones(instance.requests, np.bool_)], axis=0)
    ranked: list[int] = np.lexsort((-(waiting // instance.size), urgency)).tolist()
    return ranked


def _preferred(instance: Instance, request: int) -> list[int]:
    """The units a request may be in, best first."""
    units: list[int] = instance.preferred[instance.row[request] : instance.row[request + 1]].tolist()
    return units


def _seated(occupancy: Occupancy, group: Sequence[int], wanted: Sequence[int]) -> bool:
    """Put all of a group where they are wanted, if that is one location and they fit."""
    homes = {
        occupancy.instance.location[wanted[member]] if wanted[member] != UNPLACED else UNPLACED for member in group
    }
    if len(homes) > 1 or UNPLACED in homes:
        return False
    placed: list[int] = []
    for member in group:
        if not occupancy.fits(member, wanted[member]):
            for other in placed:
                occupancy.take(other)
            return False
        occupancy.put(member, wanted[member])
        placed.append(member)
    return True


def _place_one(occupancy: Occupancy, request: int) -> None:
    for unit in _preferred(occupancy.instance, request):
        if occupancy.fits(request, unit):
            occupancy.put(request, unit)
            return


def _place_group(occupancy: Occupancy, group: Sequence[int]) -> None:
    """All members at the first location, in the leader's order of preference, that takes them largest party first."""
    instance = occupancy.instance
    members = sorted(group, key=lambda member: (-int(instance.size[member]), member))
    preferred = {member: _preferred(instance, member) for member in members}
    for location in dict.fromkeys(int(instance.location[unit]) for unit in preferred[members[0]]):
        placed = []
        for member in members:
            for unit in preferred[member]:
                if int(instance.location[unit]) == location and occupancy.fits(member, unit):
                    occupancy.put(member, unit)
                    placed.append(member)
                    break
            else:
                break
        if len(placed) == len(members):
            return
        for member in placed:
            occupancy.take(member)
