"""Branch and price: the second bound at its highest, and the little that is then left to decide.

What a unit may hold at once is a *column*: whole parties that fit together. A part is best when every request is in one
column or stays out, no unit has two, groups are at one location and those to be kept apart are not. That is a linear
program over more columns than can be listed; the few that matter are found by asking every unit, at the program's
prices, what it would gain most by (`packing`). At any prices, what all requests are worth less what the units gain is a
bound, in whole numbers: so the program, in floating point, only proposes prices, and nothing it says is believed.
That bound is nearly the optimum, where the flow's is far below it, and a question moves it in a few steps from where it
was: what is then left takes a few branchings, on who is at a location, in a unit, or out.
"""

import itertools
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import heapify, heappop, heappush
from math import lcm
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import linear_solver_pb2, pywraplp

from matching.branch import BranchSearch
from matching.eligibility import BoolArray, IntArray
from matching.model import UNPLACED, Instance, Placement
from matching.network import Choices, Flow, Network, Numbers, UnprovenFlow, relative
from matching.packing import packings
from matching.search import Limit, TooHard
from matching.words import FINENESS, Value

# Numbers are finer still than FINENESS makes them, so that rounding a price costs less than the least difference.
_FINER: Final = 256
# What placements differ by at least, in these.
_STEP: Final = _FINER * FINENESS
# What the linear program counts in, in the numbers of the network; the least difference must stay well above 1e-6.
_SCALE: Final = 1_000_000
# In it nothing costs more than this share of the largest price, and what is closed so much of it: larger numbers would
# cost it its accuracy, and it is only asked for prices.
_DEAREST, _CLOSED = 1 / 16, 1 / 4
# Sums of what all persons are worth stay below this; with links an arc may cost so many times what one may be worth.
_LARGEST: Final = 2**58
_LINKED_MAX: Final = 4
# What counts as whole in it.
_WHOLE: Final = 1e-5
# The bound of what cannot be.
_NEVER: Final = 2**62
# Columns, per request and unit, that make the program slow, and how many are kept then.
_CROWDED, _KEPT = 4, 2
# Branchings and steps within one after which a question is left to another search.
NODES_MAX: Final = 600
_STEPS_MAX: Final = 60
# From so many branchings on, how many are tried before one is made: few questions get there, and some never ended.
_TRIED_FROM, _TRIED = 20, 8
# Steps of the search for an answer near a fractional one.
_REST_NODES_MAX: Final = 50
# With another column the last vertex is still possible, with one less its prices are: each has its own simplex.
_MORE: Final = "use_preprocessing: false use_dual_simplex: false"
_LESS: Final = "use_preprocessing: false use_dual_simplex: true"

FloatArray = NDArray[np.float64]
_Met = tuple[int, Placement]
"""A placement by its number."""


@dataclass(frozen=True, slots=True)
class _Prices:
    """What each request is worth per person, what every arc costs with what links add to it, and what that adds in all.

    units: what the program says that each unit gains.
    """

    worth: IntArray
    cost: IntArray
    constant: int
    units: IntArray


@dataclass(slots=True, eq=False)
class _Node:
    """What is open: arcs[A] and stays outside[R]; prices known to bound it well, and how high; its branches."""

    arcs: BoolArray
    out: BoolArray
    prices: _Prices | None = None
    bound: int = -_NEVER
    split: list["_Node"] = field(default_factory=list)

    def proof(self, goal: int) -> Iterator["_Node"]:
        """The fewest nodes below it that together prove a bound: whatever was split without need is whole again."""
        if self.bound >= goal or not self.split:
            yield self
        else:
            for node in self.split:
                yield from node.proof(goal)


@dataclass(frozen=True, slots=True)
class _Link:
    """Two who must be together, or apart, and their arcs into units at one location."""

    together: bool
    one: int
    arcs: IntArray
    other: int
    other_arcs: IntArray


@dataclass(frozen=True, slots=True)
class _Costs:
    """What arcs into gates and stays outside cost per person, in finer numbers; no price may go beyond `most`."""

    network: Network
    arc: IntArray
    out: IntArray
    most: int
    links: tuple[_Link, ...]


class Columns:
    """One connected part with columns enough to prove that a placement is its optimum, to be asked what if.

    If it is none, `placement` is the optimum found. `routed`: the network of all that the rules allow with its cheapest
    flow, if that is known. `room`: places[U] that may be asked about, if they are more than there are; what only these
    allow is in the instance then. `known` gets the placements met, whatever comes of it. Raises TooHard where that or a
    question takes too long this way, UnprovenFlow where a flow cannot be believed.
    """

    def __init__(
        self,
        instance: Instance,
        placement: Placement,
        limit: Limit,
        routed: tuple[Network, Choices, Flow] | None = None,
        room: IntArray | None = None,
        known: list[Placement] | None = None,
    ) -> None:
        self.instance, self.placement = instance, placement
        self._room = instance.places if room is None else room
        self._limit = limit
        network, choices, flow = _routed(Network(instance), limit) if routed is None else routed
        self.network = network
        arcs = network.stay.start
        numbers = relative(network, flow, network.proof(choices, flow)[1], finer=_FINER)
        self._constant = numbers.constant
        self._farthest = numbers.proven(choices) + numbers.most
        largest = choices if room is None else network.resized(room).everything()
        if largest is None:
            raise TooHard
        self._loss = _loss(network, numbers, largest.capacity - choices.capacity)
        usable = (choices.capacity > 0) & (numbers.reduced < numbers.most)
        self._location = np.unique(instance.location, return_inverse=True)[1]
        # Whatever it costs: what is shut here cannot be, what is only shut at the root may be farther away.
        self._possible = self._open_to_groups(choices.capacity[:arcs] > 0)
        self._root = _Node(self._open_to_groups(self._possible & usable[:arcs]), usable[network.stay])
        self._costs = _Costs(
            network,
            numbers.cost[:arcs] * _FINER,
            numbers.cost[network.stay] * _FINER,
            _LARGEST // int(instance.size.sum()),
            tuple(self._links()),
        )
        self._tables = (
            network.request_of,
            network.gate_row,
            network.gate_size,
            largest.most,
            network.unit_gates,
            instance.places,
        )
        order = np.argsort(network.request_of, kind="stable")
        self._own = np.split(order, np.searchsorted(network.request_of[order], np.arange(1, instance.requests)))
        self._linked = np.zeros(instance.requests, np.bool_)
        self._linked[[one for link in (*instance.groups, *instance.apart) for one in link]] = True
        self._gains, self._begins = np.zeros(instance.units, np.int64), np.zeros(instance.units + 1, np.int64)
        self._taken = np.zeros(arcs, np.int64)
        self._program = _Program(self._costs)
        standing = np.flatnonzero(np.array(placement)[network.request_of] == network.unit_of)
        for unit in np.unique(network.unit_of[standing]).tolist():
            self._program.add(standing[network.unit_of[standing] == unit])
        met = [(self._number(self.value(placement)), placement)]
        self._remainder = met[0][0] * _FINER % _STEP
        try:
            self._bounded(self._root, self._farthest)
            self._leaves = self._search([self._root], self._farthest, met)
        finally:
            if known is not None:
                known += [one for _, one in met]
        number, self.placement = min(met, key=itemgetter(0))
        if number >= self._farthest:
            raise TooHard

    # --- questions ----------------------------------------------------------------------------------------------------

    def value(self, placement: Placement) -> Value:
        """All levels of a placement as one number."""
        return self.network.words.value(self.instance.amounts(placement))

    def best(
        self,
        *,
        require: int | None = None,
        without: int | None = None,
        within: Sequence[int] | None = None,
        worth_less_than: Value | None = None,
    ) -> Placement | None:
        """The optimum as `engine.Part.best` has it; None if there is none, or none better than is wanted."""
        goal = self._farthest
        if worth_less_than is not None:
            goal = min(goal, self._number(worth_less_than) - (FINENESS - 1))
        met: list[_Met] = []
        self._search(self._asked(require, without, within), goal, met, require)
        number, found = min(met, key=itemgetter(0), default=(goal, None))
        if number < goal:
            return found
        if goal == self._farthest:
            raise TooHard  # there may be something, farther away than these numbers reach
        return None

    def elsewhere(self, request: int, count: int) -> list[Placement]:
        """The best placements with a placed request in the `count` best of its other units.

        One for each of these units, the best first; fewer if there are no more.
        """
        home, own = self.placement[request], self._own[request]
        units = [unit for unit in self.network.unit_of[own[self._possible[own]]].tolist() if unit != home]
        nodes = self._asked(request, None, units)
        met = [(self._number(self.value(placement)), placement) for placement in self._moves(request, count)]
        best: list[Placement] = []
        while len(best) < min(count, len(units)):
            nodes = self._search(nodes, self._farthest, met, request)
            number, placement = min(met, key=itemgetter(0), default=(self._farthest, self.placement))
            if number >= self._farthest:
                raise TooHard
            best.append(placement)
            unit = placement[request]
            met = [one for one in met if one[1][request] != unit]
            shut = (self.network.request_of == request) & (self.network.unit_of == unit)
            nodes = [replace(node, arcs=node.arcs & ~shut, split=[]) for node in nodes]
        return best

    def resized(self, unit: int, places: int) -> Placement | None:
        """The optimum with so many places in a unit, no more than its room; None for the one there is."""
        reach, bounds = self._farthest, [leaf.bound for leaf in self._leaves]
        goal = reach
        if places > self.instance.places[unit]:
            reach -= int(self._loss[unit])
            goal = min(reach, self._number(self.value(self.placement)) - (FINENESS - 1))
            bounds = [int(bound[unit]) for bound in self._least]
        met: list[_Met] = []
        if min(bounds) < goal * _FINER:
            room = self.instance.places.copy()
            room[unit] = places
            self._program = self._program.trimmed()
            beside = copy(self)
            beside.instance = replace(self.instance, places=room)
            beside._tables = (*self._tables[:-1], room)
            leaves = zip(self._leaves, bounds, strict=True)
            beside._search([replace(leaf, bound=bound, split=[]) for leaf, bound in leaves], goal, met)
        number, found = min(met, key=itemgetter(0), default=(goal, None))
        if number < goal:
            return found
        if goal == reach:
            raise TooHard  # there may be something, farther away than these numbers reach
        return None

    @cached_property
    def _least(self) -> list[IntArray]:
        """[U] of every leaf what its prices prove with all the room there may be in one unit."""
        bounds = []
        for leaf in self._leaves:
            bound = np.full(self.instance.units, leaf.bound)
            if leaf.bound < _NEVER:  # else there is no way for somebody, whatever the places
                assert leaf.prices is not None
                bound[:] = self._bound(leaf, leaf.prices)
                bound += self._gains
                self._bound(leaf, leaf.prices, (*self._tables[:-1], self._room))
                bound -= self._gains
            bounds.append(bound)
        return bounds

    def _moves(self, request: int, count: int) -> Iterator[Placement]:
        """The placement with a request where there is room, or where somebody is who can have its unit.

        Once for each of the `count` units where that costs least.
        """
        instance, network, homes = self.instance, self.network, np.array(self.placement)
        size, home, inside = instance.size, homes[request], np.flatnonzero(homes != UNPLACED)
        room = instance.places.copy()
        np.subtract.at(room, homes[inside], size[inside])
        paid = np.full((instance.requests, instance.units), np.inf)
        paid[network.request_of, network.unit_of] = size[network.request_of] * self._costs.arc.astype(np.float64)
        moved = np.where(room >= size[request], paid[request], np.inf)
        moved[home] = np.inf
        others = inside[homes[inside] != home]
        left = homes[others]
        swapped = paid[request, left] + paid[others, home] - paid[others, left]
        swapped[(room[left] + size[others] < size[request]) | (room[home] + size[request] < size[others])] = np.inf
        dear = np.concatenate([moved, swapped])
        who, units = np.append(np.full(instance.units, request), others), np.append(np.arange(instance.units), left)
        met: set[int] = set()
        for at in np.argsort(dear, kind="stable")[: np.isfinite(dear).sum()].tolist():
            unit = int(units[at])
            if unit not in met:
                placement = list(self.placement)
                placement[who[at]], placement[request] = home, unit
                if instance.allows(placement):
                    met.add(unit)
                    yield tuple(placement)
                    if len(met) == count:
                        return

    def _asked(self, require: int | None, without: int | None, within: Sequence[int] | None) -> list[_Node]:
        """The leaves of the proof as a question leaves them."""
        self._program = self._program.trimmed()
        request_of = self.network.request_of
        shut = np.zeros(request_of.size, np.bool_)
        if require is not None and within is not None:
            shut = (request_of == require) & ~np.isin(self.network.unit_of, within)
        if without is not None:
            shut = request_of == without
        asked = []
        for leaf in self._leaves:
            out = leaf.out
            if require is not None:
                out = out.copy()
                out[require] = False
            asked.append(replace(leaf, arcs=leaf.arcs & ~shut, out=out, split=[]))
        return asked

    def _number(self, value: Value) -> int:
        return self.network.words.whole(value) - self._constant

    # --- the tree -----------------------------------------------------------------------------------------------------

    def _search(self, roots: Sequence[_Node], goal: int, met: list[_Met], required: int | None = None) -> list[_Node]:
        """Branch, the best bound first, until there is nothing below the goal or the best met; what proves that.

        `met` gets whatever is met on the way. `required`: a request that must be placed.
        """
        goal = min([goal, *(number - (FINENESS - 1) for number, _ in met)])
        # Of equals the latest, so that it goes straight for an answer as long as that costs nothing.
        ages = itertools.count()
        queue = [(node.bound, -next(ages), node) for node in roots]
        heapify(queue)
        nodes = 0
        while queue and queue[0][0] < goal * _FINER:
            node = heappop(queue)[-1]
            nodes += 1
            self._limit.count_node()
            if nodes > NODES_MAX or self._limit.spent:
                raise TooHard
            share = self._bounded(node, goal, required)
            if share is None:
                continue
            whole = self._near(node, share, goal)
            if whole is not None and self.instance.allows(whole):
                met.append((self._number(self.value(whole)), whole))
                goal = min(goal, met[-1][0] - (FINENESS - 1))
                if node.bound >= goal * _FINER:
                    continue
            node.split = self._branches(node, share, goal, 1 if nodes < _TRIED_FROM else _TRIED)
            for branch in node.split:
                heappush(queue, (branch.bound, -next(ages), branch))
        return [leaf for root in roots for leaf in root.proof(goal * _FINER)]

    def _near(self, node: _Node, share: FloatArray, goal: int) -> Placement | None:
        """A placement near a fractional one: who is whole stays, and a short search places the rest.

        They are few, and what they may do beside the others is mostly decided by a flow. Whoever would pay more than
        the gap to the goal in a unit is not placed there.
        """
        instance, prices = self.instance, node.prices
        assert prices is not None
        request_of, unit_of = self.network.request_of, self.network.unit_of
        homes, outside = np.full(instance.requests, UNPLACED), node.out.copy()
        whole = share > 1 - _WHOLE
        homes[request_of[whole]] = unit_of[whole]
        outside[request_of[share > _WHOLE]] = False
        loose = (homes == UNPLACED) & ~outside
        for group in instance.groups:
            loose[list(group)] = loose[list(group)].any()
        homes[loose] = UNPLACED
        rest = np.flatnonzero(loose)
        if not rest.size:
            return tuple(homes.tolist())
        stay = homes[homes != UNPLACED]
        places = instance.places.copy()
        np.subtract.at(places, stay, instance.size[homes != UNPLACED])
        places[stay[instance.private[stay]]] = 0
        size = instance.size[request_of]
        kept = node.arcs & loose[request_of] & (size <= places[unit_of])
        kept &= size * (prices.cost - prices.worth[request_of]) < goal * _FINER - node.bound
        for pair in instance.apart:
            for one, other in (pair, pair[::-1]):
                if loose[one] and homes[other] != UNPLACED:
                    kept &= (request_of != one) | (self._location[unit_of] != self._location[homes[other]])
        units = np.unique(unit_of[kept])
        left = replace(instance, places=places, optional=node.out).kept(np.sort(self.network.arc_of[kept]))
        try:
            found = BranchSearch(left.part(rest, units), self._limit, None, _REST_NODES_MAX).run().placement
        except UnprovenFlow:
            return None
        if found is None:
            return None
        homes[rest] = np.append(units, UNPLACED)[list(found)]
        return tuple(homes.tolist())

    def _branches(self, node: _Node, share: FloatArray, goal: int, tried: int) -> list[_Node]:
        """What is undecided, two ways, the likelier one last.

        `tried`: of so many the program says what comes of it, and the one whose better way costs most is taken.
        """
        ways = list(itertools.islice(self._ways(node, share), tried))
        if not ways:
            raise TooHard  # whole, and still not what its bound says
        if len(ways) == 1:
            return ways[0]
        most = goal * _FINER - node.bound  # more than what ends a branch is worth no more
        raised = []
        for branches in ways:
            values = []
            for branch in branches:
                self._program.open(branch, self.instance.places)
                values.append(min(most, self._program.solve() - node.bound))
            raised.append((min(values), max(values)))
        return ways[raised.index(max(raised))]

    def _ways(self, node: _Node, share: FloatArray) -> Iterator[list[_Node]]:
        """All that is undecided, the least decided first: who has a link, then who is out, at a location, in a unit."""
        network = self.network
        anybody = np.flatnonzero(share > 0)
        linked = anybody[self._linked[network.request_of[anybody]]]
        there = self._location[network.unit_of]
        for used, where in (
            (linked, there),
            (anybody, np.zeros_like(there)),
            (anybody, there),
            (anybody, network.unit_of),
        ):
            key = network.request_of * (1 + int(where.max(initial=0))) + where
            names, number = np.unique(key[used], return_inverse=True)
            much = np.bincount(number, weights=share[used])
            far = np.abs(much - 0.5)
            for at in np.argsort(far, kind="stable")[: (far < 0.5 - _WHOLE).sum()].tolist():
                here = key == names[at]
                one = int(network.request_of[used[number == at][0]])
                comes_out = node.out.copy()
                comes_out[one] = False
                elsewhere = (network.request_of == one) & ~here
                comes = replace(node, arcs=node.arcs & ~elsewhere, out=comes_out, split=[])
                goes = replace(node, arcs=node.arcs & ~here, split=[])
                yield [goes, comes] if much[at] >= 0.5 else [comes, goes]

    # --- bounds -------------------------------------------------------------------------------------------------------

    def _bound(self, node: _Node, prices: _Prices, tables: tuple[IntArray, ...] | None = None) -> int:
        """What prices prove of a node, up to what placements differ by; what every unit takes is in `_taken`."""
        worth = np.where(node.out, np.minimum(prices.worth, self._costs.out), prices.worth)
        gained = packings(
            tables or self._tables,
            self.instance.private,
            node.arcs,
            prices.cost,
            worth,
            self._gains,
            self._begins,
            self._taken,
        )
        proven = int(self.instance.size @ worth) - gained + prices.constant
        return proven + (self._remainder - proven) % _STEP

    def _raise(self, node: _Node, prices: _Prices, request: int) -> None:
        """What a request that must be placed is worth, as far up as the first unit that would then take it."""
        own = self._own[request]
        own = own[node.arcs[own]]
        size, units = int(self.instance.size[request]), self.network.unit_of[own]
        cost, worth = prices.cost[own], prices.worth.copy()
        worth[request] = cost.min()  # no unit gains by it
        prices = replace(prices, worth=worth)
        self._bound(node, prices)
        gains = self._gains[units]
        *tables, places = self._tables
        left = places.copy()
        left[units] -= size
        left[units[self.instance.private[units]]] = 0
        self._bound(node, prices, (*tables, left))
        dearer = cost + (gains - self._gains[units]) // size
        worth[request] = dearer.min()
        bound = self._bound(node, prices)
        if bound >= node.bound:
            node.prices, node.bound = prices, bound

    def _bounded(self, node: _Node, goal: int, required: int | None = None) -> FloatArray | None:
        """Give a node its best bound and prices; how much of its request every arc has in the program.

        None for that where the bound reaches the goal, which ends it.
        """
        ways = np.bincount(self.network.request_of[node.arcs], minlength=self.instance.requests)
        if ((ways == 0) & ~node.out).any():
            node.bound = _NEVER
            return None
        if node.prices is not None:
            node.bound = max(node.bound, self._bound(node, node.prices))
            if required is not None and node.bound < goal * _FINER:
                self._raise(node, node.prices, required)
        if node.bound >= goal * _FINER:
            return None
        program = self._program
        program.open(node, self.instance.places)
        for _ in range(_STEPS_MAX):
            if self._limit.spent:
                raise TooHard
            value = program.solve()
            prices = program.prices()
            bound = self._bound(node, prices)
            if node.prices is None or bound >= node.bound:
                node.prices, node.bound = prices, max(bound, node.bound)
            if node.bound >= goal * _FINER:
                return None
            if bound > value - _FINER:  # no prices prove more
                break
            more = [
                program.add(np.sort(self._taken[self._begins[unit] : self._begins[unit + 1]]))
                for unit in np.flatnonzero(self._gains > prices.units + 1).tolist()
            ]
            if not any(more):
                break
        return program.shares()

    # --- links --------------------------------------------------------------------------------------------------------

    def _open_to_groups(self, usable: BoolArray) -> BoolArray:
        """Without what is at a location where not all of a group can be, or not all at once."""
        instance, request_of, unit_of = self.instance, self.network.request_of, self.network.unit_of
        there = self._location[unit_of]
        usable = usable.copy()
        for group in instance.groups:
            own = [np.flatnonzero((request_of == member) & usable) for member in group]
            room = np.zeros(instance.units, np.int64)
            for member, arcs in zip(group, own, strict=True):
                held = np.where(instance.private[unit_of[arcs]], instance.size[member], self._room[unit_of[arcs]])
                room[unit_of[arcs]] = np.maximum(room[unit_of[arcs]], held)
            enough = np.bincount(self._location, weights=room) >= instance.size[list(group)].sum()
            for arcs in own:
                enough &= np.bincount(there[arcs], minlength=enough.size) > 0
            for arcs in own:
                usable[arcs[~enough[there[arcs]]]] = False
        return usable

    def _links(self) -> Iterator[_Link]:
        """Of every location where two could be who must be there both or not both."""
        there, request_of = self._location[self.network.unit_of], self.network.request_of
        pairs = [(True, group[0], mate) for group in self.instance.groups for mate in group[1:]]
        pairs += [(False, a, b) for a, b in self.instance.apart]
        for together, *pair in pairs:
            own = [np.flatnonzero((request_of == one) & self._root.arcs) for one in pair]
            for location in np.intersect1d(there[own[0]], there[own[1]]).tolist():
                one, other = (arcs[there[arcs] == location] for arcs in own)
                yield _Link(together, pair[0], one, pair[1], other)


def _loss(network: Network, numbers: Numbers, more: IntArray) -> IntArray:
    """[U] what so much more capacity of its arcs takes off the bound of the flow at most, by weak duality.

    A price that is cut off does not say how much: then it may be anything.
    """
    loss = more * np.maximum(0, -numbers.reduced)
    loss_of: IntArray = loss[network.into_sink].copy()
    np.add.at(loss_of, network.gate_unit, loss[network.through])
    unknown = (more > 0) & (numbers.reduced <= -numbers.most)
    loss_of[unknown[network.into_sink]] = _NEVER
    loss_of[network.gate_unit[unknown[network.through]]] = _NEVER
    return loss_of


def _routed(network: Network, limit: Limit) -> tuple[Network, Choices, Flow]:
    """All that the rules allow, with its cheapest flow, groups agreed."""
    choices, flow = network.everything(), network.no_flow()
    if choices is None or network.route(choices, flow, limit) is None:
        raise TooHard
    if network.instance.groups:
        network.agree(flow)
        network.route(choices, flow)
    return network, choices, flow


class _Program:
    """The linear program on the columns known so far, in floating point."""

    def __init__(self, costs: _Costs) -> None:
        self._costs = costs
        self._size, self._units = costs.network.instance.size, costs.network.instance.units
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._parameters = _MORE
        self._told = linear_solver_pb2.MPSolutionResponse()
        self._endless = self._solver.infinity()
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        self._of_request = [self._solver.Constraint(1, 1) for _ in range(self._size.size)]
        self._of_unit = [self._solver.Constraint(-self._endless, 1) for _ in range(self._units)]
        # Of every arc of a link its further rows.
        self._of_link: dict[int, list[tuple[Any, float]]] = {}
        for link in costs.links:
            row = self._solver.Constraint(0 if link.together else -self._endless, 0 if link.together else 1)
            for arcs, factor in ((link.arcs, 1.0), (link.other_arcs, -1.0 if link.together else 1.0)):
                for arc in arcs.tolist():
                    self._of_link.setdefault(arc, []).append((row, factor))
        self._out_cost = [self._priced(cost) for cost in (self._size * costs.out).tolist()]
        self._out = [self._variable(cost, [row]) for row, cost in zip(self._of_request, self._out_cost, strict=True)]
        self._open_out = np.ones(self._size.size, np.bool_)
        # Columns: the arcs of each, one after the other, and where those of each begin.
        self._number: dict[bytes, int] = {}
        self._column: list[Any] = []
        self._arcs: list[int] = []
        self._row = [0]
        self._closed: BoolArray = np.zeros(0, np.bool_)

    def _priced(self, cost: int) -> float:
        dearest = self._costs.most * _DEAREST
        return float(min(dearest, max(-dearest, cost)) / (_SCALE * _FINER))

    def _variable(self, cost: float, rows: Sequence[Any], links: Sequence[tuple[Any, float]] = ()) -> Any:
        """One more, once in each of some rows; it may be in one link's row with both."""
        variable = self._solver.NumVar(0, self._endless, "")
        self._objective.SetCoefficient(variable, cost)
        for row in rows:
            row.SetCoefficient(variable, 1.0)
        for row, factor in links:
            row.SetCoefficient(variable, row.GetCoefficient(variable) + factor)
        return variable

    def add(self, arcs: IntArray) -> bool:
        """One more column; False if it is known."""
        key = arcs.tobytes()
        if key in self._number:
            return False
        network = self._costs.network
        requests = network.request_of[arcs]
        rows = [self._of_request[one] for one in requests.tolist()]
        rows.append(self._of_unit[int(network.unit_of[arcs[0]])])
        links = [link for arc in arcs.tolist() for link in self._of_link.get(arc, ())]
        cost = self._priced(int(self._size[requests] @ self._costs.arc[arcs]))
        self._number[key] = len(self._column)
        self._column.append(self._variable(cost, rows, links))
        self._arcs.extend(arcs.tolist())
        self._row.append(len(self._arcs))
        return True

    def open(self, node: _Node, places: IntArray) -> None:
        """Only columns of open arcs that fit, and open stays outside: all else costs more than anything."""
        for request in np.flatnonzero(node.out != self._open_out).tolist():
            cost = self._out_cost[request] if node.out[request] else self._costs.most * _CLOSED / _SCALE / _FINER
            self._objective.SetCoefficient(self._out[request], cost)
        closed = self._closed
        if self._column:
            network, arcs, begins = self._costs.network, np.array(self._arcs), self._row[:-1]
            persons = np.add.reduceat(self._size[network.request_of[arcs]], begins)
            closed = persons > places[network.unit_of[arcs[begins]]]
            closed |= np.logical_or.reduceat(~node.arcs[arcs], begins)
        before = np.concatenate([self._closed, np.zeros(closed.size - self._closed.size, np.bool_)])
        for number in np.flatnonzero(closed != before).tolist():
            self._column[number].SetUb(0.0 if closed[number] else self._endless)
        self._closed, self._open_out, self._parameters = closed, node.out, _LESS

    def solve(self) -> float:
        """Its optimum, in finer numbers."""
        self._solver.SetSolverSpecificParametersAsString(self._parameters)
        self._parameters = _MORE
        if self._solver.Solve() != pywraplp.Solver.OPTIMAL:
            raise TooHard
        self._solver.FillSolutionResponseProto(self._told)
        return float(self._told.objective_value) * _SCALE * _FINER

    def shares(self) -> FloatArray:
        """[A] how much of its request every arc has."""
        much = np.array(self._told.variable_value)[len(self._out) :]
        arcs = np.array(self._arcs, np.int64)
        share: FloatArray = np.bincount(
            arcs, weights=np.repeat(much, np.diff(self._row)), minlength=self._costs.arc.size
        ).astype(np.float64)
        return share

    def prices(self) -> _Prices:
        """Its prices as whole numbers that prove a bound, whatever they are."""
        size, most = self._size, self._costs.most
        ends = [size.size, size.size + self._units]
        told = np.clip(np.array(self._told.dual_value) * _SCALE * _FINER, -most, most)
        of_request, of_unit, of_link = np.split(told, ends)
        cost, constant = self._costs.arc, 0
        if of_link.any():
            cost = cost.copy()
        for at in np.flatnonzero(of_link).tolist():
            link, price = self._costs.links[at], -float(of_link[at])
            one, other = int(size[link.one]), int(size[link.other])
            if link.together:  # both pay it there or neither: what one pays more the other pays less
                shift = round(price / lcm(one, other)) * lcm(one, other)
                cost[link.arcs] += shift // one
                cost[link.other_arcs] -= shift // other
            elif price > 0:  # at most one of them is there and pays it
                shares = round(price / one), round(price / other)
                cost[link.arcs] += shares[0]
                cost[link.other_arcs] += shares[1]
                constant -= max(shares[0] * one, shares[1] * other)
        if np.abs(cost).max(initial=0) > _LINKED_MAX * most:
            raise TooHard
        return _Prices(np.rint(of_request / size).astype(np.int64), cost, constant, (-of_unit).astype(np.int64))

    def trimmed(self) -> "_Program":
        """The same with the nearest to being used of its columns, and all since it was solved, if they are many."""
        rows = self._size.size + self._units
        if len(self._column) <= _CROWDED * rows:
            return self
        smaller, dear = _Program(self._costs), np.array(self._told.reduced_cost)[len(self._out) :]
        nearest = np.argsort(dear, kind="stable")[: _KEPT * rows]
        for number in np.sort(np.append(nearest, np.arange(dear.size, len(self._column)))).tolist():
            smaller.add(np.array(self._arcs[self._row[number] : self._row[number + 1]]))
        return smaller
