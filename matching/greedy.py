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
        self._left: list[int] = instance.places.tolist()
        self._parties = [0] * instance.units
        self._apart: list[list[int]] = [[] for _ in range(instance.requests)]
        for a, b in instance.apart:
            self._apart[a].append(b)
            self._apart[b].append(a)

    def fits(self, request: int, unit: int) -> bool:
        """Whether the request may join those placed so far; pair rules and groups are the caller's."""
        if self._size[request] > self._left[unit] or (self._private[unit] and self._parties[unit]):
            return False
        location = self._location[unit]
        return not any(
            self.placement[other] != UNPLACED and self._location[self.placement[other]] == location
            for other in self._apart[request]
        )

    def put(self, request: int, unit: int) -> None:
        """Place an unplaced request."""
        self.placement[request] = unit
        self._left[unit] -= self._size[request]
        self._parties[unit] += 1

    def take(self, request: int) -> None:
        """Undo `put`."""
        unit = self.placement[request]
        self.placement[request] = UNPLACED
        self._left[unit] += self._size[request]
        self._parties[unit] -= 1


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
    left = [request for request in range(instance.requests) if request not in done]
    preferred = _Preferred(instance) if left else None
    for request in sorted(left, key=lambda at: _priority(instance, at)):
        if preferred is None or request in done:
            continue
        group = group_of.get(request, (request,))
        done.update(group)
        if len(group) == 1:
            _place_one(occupancy, request, preferred)
        else:
            _place_group(occupancy, group, preferred)
    return tuple(occupancy.placement)


def _priority(instance: Instance, request: int) -> tuple[object, ...]:
    """Most urgent, then longest waiting, then first by id; per person, so that a large party is not put first."""
    drop = instance.drop[request]
    urgency = next((at for at, amount in enumerate(drop[:-1]) if amount), len(drop))
    return urgency, -(drop[-1] // int(instance.size[request])), request


class _Preferred:
    """The eligible units of every request, best first by the levels that count for placed requests, then by number."""

    def __init__(self, instance: Instance) -> None:
        # Numbers too wide for 64 bits are replaced by their rank, which sorts alike.
        keys = [np.unique(key, return_inverse=True)[1] if key.dtype == np.object_ else key for key in instance.pair]
        self._units = instance.unit_of[np.lexsort((*keys[::-1], instance.request_of))]
        self._row: list[int] = instance.row.tolist()

    def __getitem__(self, request: int) -> list[int]:
        units: list[int] = self._units[self._row[request] : self._row[request + 1]].tolist()
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


def _place_one(occupancy: Occupancy, request: int, preferred: _Preferred) -> None:
    for unit in preferred[request]:
        if occupancy.fits(request, unit):
            occupancy.put(request, unit)
            return


def _place_group(occupancy: Occupancy, group: Sequence[int], preferred_of: _Preferred) -> None:
    """All members at the first location, in the leader's order of preference, that takes them largest party first."""
    instance = occupancy.instance
    members = sorted(group, key=lambda member: (-int(instance.size[member]), member))
    preferred = {member: preferred_of[member] for member in members}
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
