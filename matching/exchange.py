"""Makes a good placement better by short exchanges: a party to a better unit, whoever stood in the way elsewhere.

Only for first answers: every exchange keeps all rules and strictly improves the levels. Members of groups stay put.
"""

from collections.abc import Sequence

from matching.flow import Pack
from matching.greedy import Occupancy
from matching.model import UNPLACED, Instance, Placement

PASSES_MAX = 10


class Exchange:
    """The costs of one instance as one whole number per request and unit, comparing like the levels."""

    def __init__(self, instance: Instance, packs: Sequence[Pack]) -> None:
        self.instance = instance
        self.grouped = {member for group in instance.groups for member in group}
        self.cost: list[dict[int, int]] = []
        for request in range(instance.requests):
            units = instance.eligible[request].nonzero()[0].tolist()
            totals = [0] * len(units)
            out = 0
            for pack in packs:
                base = 1
                for one in pack.bases:
                    base *= one
                arcs = pack.arc[request, units].tolist()
                totals = [total * base + arc for total, arc in zip(totals, arcs, strict=True)]
                out = out * base + int(pack.out[request])
            size = int(instance.size[request])
            cost = {unit: size * total for unit, total in zip(units, totals, strict=True)}
            if instance.optional[request]:
                cost[UNPLACED] = size * out
            self.cost.append(cost)
        self.ranked = [sorted(cost, key=lambda unit, c=cost: (c[unit], unit)) for cost in self.cost]  # type: ignore[misc]

    def improved(self, placement: Placement) -> Placement:
        """The placement after exchanges, until none helps or enough passes were made."""
        occupancy = Occupancy(self.instance)
        inside: dict[int, set[int]] = {}
        for request, unit in enumerate(placement):
            if unit != UNPLACED:
                occupancy.put(request, unit)
                inside.setdefault(unit, set()).add(request)
        for _ in range(PASSES_MAX):
            movable = [at for at in range(self.instance.requests) if at not in self.grouped]
            regret = {at: self.cost[at][occupancy.placement[at]] - self.cost[at][self.ranked[at][0]] for at in movable}
            moved = [
                self._move(at, occupancy, inside)
                for at in sorted(movable, key=lambda at: (-regret[at], at))
                if regret[at]
            ]
            if not any(moved):
                break
        return tuple(occupancy.placement)

    def _move(self, request: int, occupancy: Occupancy, inside: dict[int, set[int]]) -> bool:
        """Try the units better than the present one, cheapest first, alone or by sending one other party elsewhere."""
        cost, here = self.cost[request], occupancy.placement[request]
        self._leave(request, occupancy, inside)
        for unit in self.ranked[request]:
            gain = cost[here] - cost[unit]
            if gain <= 0:
                break
            if unit == UNPLACED or occupancy.fits(request, unit):
                self._enter(request, unit, occupancy, inside)
                return True
            for other in sorted(inside.get(unit, ())):
                if other not in self.grouped and self._swap_out(request, unit, other, gain, occupancy, inside):
                    return True
        self._enter(request, here, occupancy, inside)
        return False

    def _swap_out(
        self, request: int, unit: int, other: int, gain: int, occupancy: Occupancy, inside: dict[int, set[int]]
    ) -> bool:
        """Put the request where the other is, if the other can go elsewhere for less than what is gained."""
        self._leave(other, occupancy, inside)
        if occupancy.fits(request, unit):
            self._enter(request, unit, occupancy, inside)
            for elsewhere in self.ranked[other]:
                if self.cost[other][elsewhere] - self.cost[other][unit] >= gain:
                    break
                if elsewhere == UNPLACED or occupancy.fits(other, elsewhere):
                    self._enter(other, elsewhere, occupancy, inside)
                    return True
            self._leave(request, occupancy, inside)
        self._enter(other, unit, occupancy, inside)
        return False

    @staticmethod
    def _enter(request: int, unit: int, occupancy: Occupancy, inside: dict[int, set[int]]) -> None:
        if unit != UNPLACED:
            occupancy.put(request, unit)
            inside.setdefault(unit, set()).add(request)

    @staticmethod
    def _leave(request: int, occupancy: Occupancy, inside: dict[int, set[int]]) -> None:
        unit = occupancy.placement[request]
        if unit != UNPLACED:
            occupancy.take(request)
            inside[unit].discard(request)
