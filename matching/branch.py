"""Branch and bound on the flow: the exact search of one connected part.

Every node is a set of allowed arcs. Its relaxation is a lexicographic minimum over flows (see `flow`), so its bound is
a tuple of packed numbers that compares like the levels. A flow that splits no party, fills no private unit twice and
keeps every link *is* the optimum of its node; otherwise the search branches on exactly what the flow violates:

- a group not at one location: at the location most of it is at, or not there;
- two that must be apart at one location: the first there and the second not, or the first not there;
- a party split, or a private unit shared: the party in that unit, or not in it.

Arcs whose reduced cost closes the gap to the best known answer are dropped on the way (only those: reduced costs are
finite and proven, see `flow`). Best bound first; ties by depth, then by age, so the search is deterministic.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matching.eligibility import BoolArray, IntArray
from matching.exchange import Exchange
from matching.flow import UNLIMITED_ROOM, Flow, Network, cheapest_flow, dearer, face, packs_of
from matching.greedy import Occupancy
from matching.model import UNPLACED, Instance, Placement
from matching.problem import LEVELS
from matching.search import Found, Limit

DIVE_ROUNDS_MAX = 40
DIVE_SHARE = 4

Value = tuple[int, ...]
"""One packed number per pack; compares like the levels."""


@dataclass(frozen=True, slots=True)
class _Choices:
    """What is left open at a node: allowed[R, U] and optional[R]."""

    allowed: BoolArray
    optional: BoolArray


@dataclass(frozen=True, slots=True)
class _Relaxed:
    """A node's bound, one flow per pack with its network, and the placement its last flow suggests."""

    bound: Value
    flows: tuple[tuple[Network, Flow], ...]


class BranchSearch:
    """One run on one instance."""

    def __init__(self, instance: Instance, limit: Limit, incumbent: Placement | None, nodes_max: int | None) -> None:
        self.instance = instance
        self.limit = limit
        self.nodes_left = nodes_max
        self.packs = packs_of(instance)
        self.best = incumbent
        self.best_value = None if incumbent is None else self.value(incumbent)
        self.core = instance
        self._exchange = Exchange(instance, self.packs)
        self._diving = False
        self._sizes, self._kind = np.unique(instance.size, return_inverse=True)
        self._members = {member: group for group in instance.groups for member in group}
        self._partners: list[list[int]] = [[] for _ in range(instance.requests)]
        for a, b in instance.apart:
            self._partners[a].append(b)
            self._partners[b].append(a)

    def value(self, placement: Placement) -> Value:
        """The packed numbers of a placement."""
        amounts = self.instance.amounts(placement)
        return tuple(pack.value(amounts) for pack in self.packs)

    def run(self, cutoff: Value | None = None) -> Found:
        """Search until nothing is left that could be better, or the effort is spent.

        `cutoff`: only answers better than this are wanted (for tests: the optimum plus one must find the optimum).
        """
        if cutoff is not None:
            self.best_value = cutoff
        elif self.best is not None:
            self.best = self._exchange.improved(self.best)
            self.best_value = self.value(self.best)
        root = self._tightened(_Choices(self.instance.eligible, self.instance.optional))
        queue: list[tuple[Value, int, int, _Choices, _Relaxed]] = []
        age = 0
        for evaluated, relaxed in self._evaluated([] if root is None else [root]):
            self._dive(evaluated, relaxed)
            choices = self._fixed(evaluated, relaxed)
            self.core = replace(self.instance, eligible=choices.allowed, optional=choices.optional)
            queue.append((relaxed.bound, 0, age, choices, relaxed))
        while queue:
            bound, depth, _, choices, relaxed = heapq.heappop(queue)
            if self.best_value is not None and bound >= self.best_value:
                return self._proven()
            if self._spent():
                return Found(self.best, False, self._bound_per_level(bound))
            for child, rated in self._evaluated(self._children(choices, relaxed)):
                age += 1
                heapq.heappush(queue, (rated.bound, depth - 1, age, child, rated))
        return self._proven()

    def _proven(self) -> Found:
        return Found(self.best, True, () if self.best is None else self.instance.amounts(self.best))

    def _spent(self) -> bool:
        return self.limit.spent or (self.nodes_left is not None and self.nodes_left <= 0)

    def _bound_per_level(self, bound: Value) -> tuple[int, ...]:
        """The levels of a packed bound as far as they say something: up to the first that is not met exactly."""
        if self.best is None:
            return ()
        best = self.instance.amounts(self.best)
        lower = dict(enumerate(best))  # levels in no pack are the same for every placement
        vague: set[int] = set()
        for pack, value in zip(self.packs, bound, strict=True):
            lower.update(zip(pack.levels, pack.unpacked(value), strict=True))
            vague.update(level for level, scale in zip(pack.levels, pack.scales, strict=True) if scale > 1)
        known: list[int] = []
        for level in range(len(LEVELS)):
            known.append(lower[level])
            if lower[level] != best[level] or level in vague:
                break
        return tuple(known)

    # --- one node ----------------------------------------------------------------------------------------------------

    def _evaluated(self, nodes: Sequence[_Choices]) -> Iterator[tuple[_Choices, _Relaxed]]:
        """The nodes that may still hold something better, with their bounds; answers met on the way are kept."""
        for node in nodes:
            self.limit.count_node()
            if self.nodes_left is not None:
                self.nodes_left -= 1
            relaxed = self._relaxed(node)
            if relaxed is None:
                continue
            if self._round(node, relaxed) and self.best_value is not None and relaxed.bound >= self.best_value:
                continue
            yield self._fixed(node, relaxed), relaxed

    def _relaxed(self, node: _Choices) -> _Relaxed | None:
        """The lexicographic relaxation of a node; None if it holds nothing better than the best known."""
        network = self._network(node)
        flows: list[tuple[Network, Flow]] = []
        bound: list[int] = []
        for pack in self.packs:
            if flows:
                network = face(*flows[-1])
            flow = cheapest_flow(network, pack)
            if flow is None:
                return None
            flows.append((network, flow))
            bound.append(flow.cost)
            if self.best_value is not None and tuple(bound) > self.best_value[: len(bound)]:
                return None
        if self.best_value is not None and tuple(bound) >= self.best_value:
            return None
        return _Relaxed(tuple(bound), tuple(flows))

    def _network(self, node: _Choices) -> Network:
        """The flow network of a node, with rooms as small as whole parties make them.

        A private unit has room for its largest possible party and, per size of party, for one; a shared one for as many
        of a size as fit. Where no party of one may come, no more than parties can add up to.
        """
        size, places, private = self.instance.size, self.instance.places, self.instance.private
        sizes = self._sizes
        present = np.array([node.allowed[size == one].sum(axis=0) for one in sizes.tolist()], np.int64)
        present = present.reshape(sizes.size, places.size)
        fitting = np.where(private, np.minimum(places // sizes[:, None], 1), places // sizes[:, None])
        class_room = np.minimum(fitting, present) * sizes[:, None]
        largest = np.where(present > 0, sizes[:, None], 0).max(axis=0, initial=0)
        room = np.where(private, np.minimum(places, largest), np.minimum(places, class_room.sum(axis=0)))
        for unit in np.flatnonzero(~private & (room > 1) & (present[sizes == 1].sum(axis=0) == 0)).tolist():
            room[unit] = _most_persons(
                sizes[present[:, unit] > 0].tolist(), present[present[:, unit] > 0, unit].tolist(), int(room[unit])
            )
        # A class limit matters only where the class could ask for more and the room of the unit would grant it.
        limits = (sizes[:, None] * present > class_room) & (class_room < room)
        return Network(
            size=size,
            kind=self._kind,
            allowed=node.allowed,
            optional=node.optional,
            room=room,
            class_room=np.where(limits, class_room, UNLIMITED_ROOM),
            full=np.zeros(places.size, np.bool_),
            class_full=np.zeros(limits.shape, np.bool_),
        )

    def _fixed(self, node: _Choices, relaxed: _Relaxed) -> _Choices:
        """The node without the arcs that lead to nothing better than the best known."""
        if self.best_value is None:
            return node
        closed = np.ones(node.allowed.shape, np.bool_)
        closed_out = np.ones(self.instance.requests, np.bool_)
        open_arcs, open_out = node.allowed.copy(), node.optional.copy()
        for at, (network, flow) in enumerate(relaxed.flows):
            arcs, out = dearer(network, flow)
            gap = self.best_value[at] - relaxed.bound[at]
            # On the last pack an equal answer is no better either; before it, later packs may still tell them apart.
            too_dear = gap if at == len(self.packs) - 1 else gap + 1
            open_arcs &= ~(closed & (arcs >= too_dear).astype(np.bool_))
            open_out &= ~(closed_out & (out >= too_dear).astype(np.bool_))
            if gap:  # cheaper on this pack already: later packs decide nothing
                break
            closed &= (arcs == 0).astype(np.bool_)
            closed_out &= (out == 0).astype(np.bool_)
        return _Choices(open_arcs, open_out)

    # --- branching ---------------------------------------------------------------------------------------------------

    def _children(self, node: _Choices, relaxed: _Relaxed) -> list[_Choices]:
        persons, out = relaxed.flows[-1][1].persons, relaxed.flows[-1][1].out
        pair = (
            self._group_branch(node, persons, out)
            or self._apart_branch(node, persons)
            or self._split_branch(node, persons, out)
            or self._private_branch(node, persons)
        )
        if pair is None:
            raise AssertionError("a flow without violation was not taken as an answer")
        return [tight for child in pair if (tight := self._tightened(child)) is not None]

    def _group_branch(self, node: _Choices, persons: IntArray, out: IntArray) -> list[_Choices] | None:
        for group in self.instance.groups:
            members = np.array(group, np.intp)
            here: dict[int, int] = {}
            for member in group:
                for unit in persons[member].nonzero()[0]:
                    location = int(self.instance.location[unit])
                    here[location] = here.get(location, 0) + int(persons[member, unit])
            outside = int(out[members].sum())
            if not here or (len(here) == 1 and outside == 0):
                continue
            most = max(here, key=lambda location: (here[location], -location))
            at_it = self.instance.location == most
            inside, elsewhere = node.allowed.copy(), node.allowed.copy()
            inside[members[:, None], np.flatnonzero(~at_it)] = False
            elsewhere[members[:, None], np.flatnonzero(at_it)] = False
            optional = node.optional.copy()
            optional[members] = False
            return [_Choices(inside, optional), _Choices(elsewhere, node.optional)]
        return None

    def _apart_branch(self, node: _Choices, persons: IntArray) -> list[_Choices] | None:
        for a, b in self.instance.apart:
            homes = set(self.instance.location[persons[a] > 0].tolist())
            shared = homes & set(self.instance.location[persons[b] > 0].tolist())
            if not shared:
                continue
            at_it = self.instance.location == min(shared)
            with_a, without_a = node.allowed.copy(), node.allowed.copy()
            with_a[a, ~at_it] = False
            with_a[b, at_it] = False
            without_a[a, at_it] = False
            optional = node.optional.copy()
            optional[a] = False
            return [_Choices(with_a, optional), _Choices(without_a, node.optional)]
        return None

    def _split_branch(self, node: _Choices, persons: IntArray, out: IntArray) -> list[_Choices] | None:
        """Largest party first: it has the fewest places it could go to instead."""
        parts = (persons > 0).sum(axis=1) + (out > 0)
        split = np.flatnonzero(parts > 1)
        if split.size == 0:
            return None
        request = max(split.tolist(), key=lambda at: (int(self.instance.size[at]), -at))
        unit = int(persons[request].argmax())
        return self._in_or_not(node, request, unit)

    def _private_branch(self, node: _Choices, persons: IntArray) -> list[_Choices] | None:
        shared = np.flatnonzero(self.instance.private & ((persons > 0).sum(axis=0) > 1))
        if shared.size == 0:
            return None
        unit = int(shared[0])
        return self._in_or_not(node, int(persons[:, unit].argmax()), unit)

    def _in_or_not(self, node: _Choices, request: int, unit: int) -> list[_Choices]:
        inside, outside = node.allowed.copy(), node.allowed.copy()
        inside[request] = False
        inside[request, unit] = True
        outside[request, unit] = False
        optional = node.optional.copy()
        optional[request] = False
        return [_Choices(inside, optional), _Choices(outside, node.optional)]

    def _tightened(self, node: _Choices) -> _Choices | None:
        """What follows from requests that have one unit left; None if somebody who must be placed has none."""
        allowed, optional = node.allowed.copy(), node.optional.copy()
        instance = self.instance
        done: set[int] = set()
        left = instance.places.copy()
        while True:
            options = allowed.sum(axis=1)
            if (~optional & (options == 0)).any():
                return None
            settled = [at for at in np.flatnonzero(~optional & (options == 1)).tolist() if at not in done]
            if not settled:
                return _Choices(allowed, optional)
            for request in settled:
                if not allowed[request].any():
                    return None
                done.add(request)
                unit = int(allowed[request].argmax())
                left[unit] -= instance.size[request]
                others = np.ones(instance.requests, np.bool_)
                others[list(done)] = False
                if left[unit] < 0 or (instance.private[unit] and allowed[~others, unit].sum() > 1):
                    return None
                allowed[others & ((instance.size > left[unit]) | instance.private[unit]), unit] = False
                self._settle_links(allowed, optional, request, unit)

    def _settle_links(self, allowed: BoolArray, optional: BoolArray, request: int, unit: int) -> None:
        at_it = self.instance.location == self.instance.location[unit]
        for other in self._partners[request]:
            allowed[other, at_it] = False
        for mate in self._members.get(request, ()):
            allowed[mate, ~at_it] = False
            optional[mate] = False

    # --- diving --------------------------------------------------------------------------------------------------

    def _dive(self, node: _Choices, relaxed: _Relaxed) -> None:
        """Look for a good answer: settle everything the flow violates at once, let the flow adapt, and again.

        Good answers close more than good bounds do: they drop the arcs whose reduced cost exceeds the gap.
        """
        self._diving = True
        for _ in range(DIVE_ROUNDS_MAX):
            settled = self._settled(node, relaxed)
            if settled is None or self._spent():
                break
            deeper = next(self._evaluated([settled]), None)
            if deeper is None:
                break
            node, relaxed = deeper
        self._diving = False

    def _settled(self, node: _Choices, relaxed: _Relaxed) -> _Choices | None:
        """The node with some of the parties settled that the flow splits or doubles up in private; None if it fails.

        The largest first: in the unit most of it is in, or out of the units it is in if others fill them. Parties the
        flow keeps whole stay free to move; they only take their room here.
        """
        persons, out = relaxed.flows[-1][1].persons, relaxed.flows[-1][1].out
        linked = self._group_branch(node, persons, out) or self._apart_branch(node, persons)
        if linked is not None:
            return self._tightened(linked[0])
        instance = self.instance
        parts = (persons > 0).sum(axis=1) + (out > 0)
        occupancy = Occupancy(instance)
        violating = np.flatnonzero(parts > 1).tolist()
        for request in sorted(
            np.flatnonzero((parts == 1) & (out == 0)).tolist(), key=lambda at: -int(instance.size[at])
        ):
            unit = int(persons[request].argmax())
            if occupancy.fits(request, unit):
                occupancy.put(request, unit)
            else:
                violating.append(request)
        allowed, optional = node.allowed.copy(), node.optional.copy()
        surest = {at: int(persons[at].max()) / int(instance.size[at]) for at in violating}
        ordered = sorted(violating, key=lambda at: (-surest[at], -int(instance.size[at]), at))
        for request in ordered[: -(-len(ordered) // DIVE_SHARE)]:
            share = np.argsort(-persons[request], kind="stable")[: int(parts[request])].tolist()
            tempting = [unit for unit in share if persons[request, unit]]
            unit = next((unit for unit in tempting if occupancy.fits(request, unit)), UNPLACED)
            if unit == UNPLACED:
                allowed[request, tempting] = False
            else:
                occupancy.put(request, unit)
                allowed[request] = False
                allowed[request, unit] = True
                optional[request] = False
        return self._tightened(_Choices(allowed, optional))

    # --- answers -----------------------------------------------------------------------------------------------------

    def _round(self, node: _Choices, relaxed: _Relaxed) -> bool:
        """Make a whole answer out of a flow and keep it if it is the best so far."""
        placement = self._rounded(node, relaxed.flows[-1][1])
        if not self.instance.allows(placement):
            return False
        value = self.value(placement)
        improving = self.best_value is None or value < self.best_value
        if value > relaxed.bound and (improving or self._diving):
            placement = self._exchange.improved(placement)
            value = self.value(placement)
        if self.best_value is None or value < self.best_value:
            self.best, self.best_value = placement, value
            return True
        return False

    def _rounded(self, node: _Choices, flow: Flow) -> Placement:
        """Whole parties stay where the flow has them; groups and the rest go to the cheapest unit still open."""
        if not self.instance.units:
            return (UNPLACED,) * self.instance.requests
        occupancy = Occupancy(self.instance)
        persons = flow.persons
        unit_of = persons.argmax(axis=1)
        requests = np.arange(self.instance.requests)
        whole = persons[requests, unit_of] == self.instance.size
        loose = []
        for group in self.instance.groups:
            homes = {int(self.instance.location[unit_of[member]]) if whole[member] else UNPLACED for member in group}
            if len(homes) > 1:
                whole[list(group)] = False
        for request in requests[whole].tolist():
            if occupancy.fits(request, int(unit_of[request])):
                occupancy.put(request, int(unit_of[request]))
            else:
                loose.append(request)
        loose += requests[~whole].tolist()
        ranked = self._ranked
        for request in sorted(loose, key=lambda at: (-int(self.instance.size[at]), at)):
            if request in self._members:
                continue
            for unit in ranked(node, request):
                if occupancy.fits(request, unit):
                    occupancy.put(request, unit)
                    break
        for group in self.instance.groups:
            if any(occupancy.placement[member] == UNPLACED for member in group):
                self._seat_group(occupancy, node, group)
        return tuple(occupancy.placement)

    def _ranked(self, node: _Choices, request: int) -> list[int]:
        """The allowed units of a request, cheapest first."""
        units: list[int] = node.allowed[request].nonzero()[0].tolist()
        return sorted(units, key=lambda unit: (*(pack.arc[request, unit] for pack in self.packs), unit))

    def _seat_group(self, occupancy: Occupancy, node: _Choices, group: Sequence[int]) -> None:
        for member in group:
            if occupancy.placement[member] != UNPLACED:
                occupancy.take(member)
        members = sorted(group, key=lambda at: (-int(self.instance.size[at]), at))
        ranked = {member: self._ranked(node, member) for member in members}
        for location in dict.fromkeys(int(self.instance.location[unit]) for unit in ranked[members[0]]):
            placed = []
            for member in members:
                for unit in ranked[member]:
                    if int(self.instance.location[unit]) == location and occupancy.fits(member, unit):
                        occupancy.put(member, unit)
                        placed.append(member)
                        break
                else:
                    break
            if len(placed) == len(members):
                return
            for member in placed:
                occupancy.take(member)


def _most_persons(sizes: Sequence[int], counts: Sequence[int], places: int) -> int:
    """The largest number of persons, at most `places`, that whole parties of these sizes and counts add up to."""
    reachable, mask = 1, (1 << (places + 1)) - 1
    for size, count in zip(sizes, counts, strict=True):
        for _ in range(min(count, places // size)):
            reachable |= (reachable << size) & mask
    return reachable.bit_length() - 1
