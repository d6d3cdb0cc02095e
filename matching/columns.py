"""Branch and price: the second bound at its highest, and the little that is then left to decide.

What a unit may hold at once is a *column*: whole parties that fit together. A part is best when every request is in one
column or stays out, no unit has two, groups are at one location and those to be kept apart are not. That is a linear
program over more columns than can be listed; the few that matter are found by asking every unit, at the program's
prices, what it would gain most by (`packing`). At any prices, what all requests are worth less what the units gain is a
bound, in whole numbers: so the program, in floating point, only proposes prices, and nothing it says is believed.
That bound is nearly the optimum, where the flow's is far below it, and a question moves it in a few steps from where it
was: what is then left takes a few branchings, on who is at a location, in a unit, or out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import lcm
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import linear_solver_pb2, pywraplp

from matching.eligibility import BoolArray, IntArray
from matching.model import UNPLACED, Instance, Placement
from matching.network import Choices, Flow, Network, relative
from matching.packing import packings
from matching.search import Limit, TooHard
from matching.words import FINENESS, Value

# Numbers are finer still than FINENESS makes them, so that rounding a price costs less than the least difference.
_FINER: Final = 256
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
# Columns kept once the optimum is known, per request and unit: the nearest to being used.
_KEPT: Final = 2
# Branchings and steps within one after which a question is left to another search.
NODES_MAX: Final = 600
_STEPS_MAX: Final = 60
# With another column the last vertex is still possible, with one less its prices are: each has its own simplex.
_MORE: Final = "use_preprocessing: false use_dual_simplex: false"
_LESS: Final = "use_preprocessing: false use_dual_simplex: true"

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Prices:
    """What each request is worth per person, what every arc costs with what links add to it, and what that adds in all.

    units: what the program says that each unit gains.
    """

    worth: IntArray
    cost: IntArray
    constant: int
    units: IntArray


@dataclass(frozen=True, slots=True)
class _Node:
    """What is open: arcs[A] and stays outside[R]; prices known to bound it well, and how high."""

    arcs: BoolArray
    out: BoolArray
    prices: _Prices | None = None
    bound: int = -_NEVER


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
    flow, if that is known. Raises TooHard where that or a question takes too long this way,
    UnprovenFlow where a flow cannot be believed.
    """

    def __init__(
        self,
        instance: Instance,
        placement: Placement,
        limit: Limit,
        routed: tuple[Network, Choices, Flow] | None = None,
    ) -> None:
        self.instance, self.placement = instance, placement
        self._limit = limit
        network, choices, flow = _routed(Network(instance)) if routed is None else routed
        self.network = network
        arcs = network.stay.start
        numbers = relative(network, flow, network.proof(choices, flow)[1], finer=_FINER)
        self._constant = numbers.constant
        self._farthest = numbers.proven(choices) + numbers.most
        usable = (choices.capacity > 0) & (numbers.reduced < numbers.most)
        self._location = np.unique(instance.location, return_inverse=True)[1]
        self._root = _Node(self._open_to_groups(usable[:arcs]), usable[network.stay])
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
            choices.most,
            network.unit_gates,
            instance.places,
        )
        order = np.argsort(network.request_of, kind="stable")
        self._own = np.split(order, np.searchsorted(network.request_of[order], np.arange(1, instance.requests)))
        self._linked = np.zeros(instance.requests, np.bool_)
        self._linked[[one for link in (*instance.groups, *instance.apart) for one in link]] = True
        self._gains, self._begins = np.zeros(instance.units, np.int64), np.zeros(instance.units + 1, np.int64)
        self._taken = np.zeros(arcs, np.int64)
        self._least = -_NEVER  # nothing asked about is below this
        self._program = _Program(self._costs)
        standing = np.flatnonzero(np.array(placement)[network.request_of] == network.unit_of)
        for unit in np.unique(network.unit_of[standing]).tolist():
            self._program.add(standing[network.unit_of[standing] == unit])
        root = self._bounded(self._root, self._farthest)[0]
        self._dear: FloatArray | None = self._program.dearness()
        self._leaves: list[_Node] = []
        best = self._number(self.value(placement))
        for better in self._search([root], best - (FINENESS - 1), leaves=self._leaves):
            self.placement, best = better, self._number(self.value(better))
        self._least = best

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
        found = self._search(self._asked(require, without, within), goal)
        if not found and goal == self._farthest:
            raise TooHard  # there may be something, farther away than these numbers reach
        return found[0] if found else None

    def elsewhere(self, request: int, count: int, known: Iterable[Placement]) -> list[Placement]:
        """The best placements with a placed request in the `count` best of its other units, `known` some of them.

        One for each of these units, the best first; fewer if there are no more.
        """
        home = self.placement[request]
        units = [unit for unit in self.instance.allowed(request).tolist() if unit != home]
        found = self._search(
            self._asked(request, None, units), self._farthest, request=request, count=count, known=known
        )
        if len(found) < min(count, len(units)):
            raise TooHard
        return found

    def _asked(self, require: int | None, without: int | None, within: Sequence[int] | None) -> list[_Node]:
        """The leaves of the proof as a question leaves them."""
        if self._dear is not None:  # only now: most problems are solved and not asked about
            self._program = self._program.trimmed(_KEPT * (self.instance.requests + self.instance.units), self._dear)
            self._dear = None
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
            asked.append(replace(leaf, arcs=leaf.arcs & ~shut, out=out))
        return asked

    def _number(self, value: Value) -> int:
        return self.network.words.whole(value) - self._constant

    # --- the tree -----------------------------------------------------------------------------------------------------

    def _search(
        self,
        roots: Sequence[_Node],
        goal: int,
        *,
        request: int | None = None,
        count: int = 1,
        known: Iterable[Placement] = (),
        leaves: list[_Node] | None = None,
    ) -> list[Placement]:
        """The best placements below the goal by branching, the best bound first below each root.

        One for each of the `count` best units of a request; just the best one if that is None. `leaves` gets those that
        are left.
        """
        found = _Found(goal, self._least, request, count)
        for placement in known:
            found.keep(placement, self._number(self.value(placement)))
        stack = sorted(roots, key=lambda node: -node.bound)
        nodes = 0
        while stack:
            node = stack.pop()
            if found.settled:
                break
            nodes += 1
            self._limit.count_node()
            if nodes > NODES_MAX or self._limit.spent:
                raise TooHard
            goal = found.goal(self._open_units(node, request))
            node, share = self._bounded(node, goal)
            if share is None:
                if leaves is not None:
                    leaves.append(node)
                continue
            whole = self._whole(node, share)
            if whole is not None:
                found.keep(whole, self._number(self.value(whole)))
                if node.bound >= _FINER * found.goal(self._open_units(node, request)):
                    if leaves is not None:
                        leaves.append(node)
                    continue
            apart = None if request is None else self._apart_from(node, share, request, found)
            stack.extend(self._branches(node, share) if apart is None else apart)
        return found.best

    def _apart_from(self, node: _Node, share: FloatArray, request: int, found: "_Found") -> list[_Node] | None:
        """With a request in the unit it is mostly in and not in it, once it is known what that costs at most."""
        own = self._own[request]
        own = own[node.arcs[own]]
        at = own[np.argmax(share[own])]
        if own.size < 2 or not found.knows(int(self.network.unit_of[at])):
            return None
        elsewhere, there = node.arcs.copy(), node.arcs.copy()
        elsewhere[at] = False
        there[own[own != at]] = False
        return [replace(node, arcs=elsewhere), replace(node, arcs=there)]

    def _open_units(self, node: _Node, request: int | None) -> list[int] | None:
        """Where a request may be in a node."""
        if request is None:
            return None
        own = self._own[request]
        units: list[int] = self.network.unit_of[own[node.arcs[own]]].tolist()
        return units

    def _whole(self, node: _Node, share: FloatArray) -> Placement | None:
        """A placement near a fractional one: who is mostly somewhere is there, if that keeps the rules."""
        used = np.flatnonzero(share > 0.5)
        homes = np.full(self.instance.requests, UNPLACED)
        homes[self.network.request_of[used]] = self.network.unit_of[used]
        placement = tuple(homes.tolist())
        if ((homes == UNPLACED) & ~node.out).any() or not self.instance.allows(placement):
            return None
        return placement

    def _branches(self, node: _Node, share: FloatArray) -> list[_Node]:
        """What is undecided, two ways, the likelier one last: somebody out, at a location, or in a unit."""
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
            if not much.size:
                continue
            most = int(np.argmin(np.abs(much - 0.5)))
            if abs(much[most] - 0.5) < 0.5 - _WHOLE:
                here = key == names[most]
                one = int(network.request_of[used[number == most][0]])
                comes_out = node.out.copy()
                comes_out[one] = False
                elsewhere = (network.request_of == one) & ~here
                comes = replace(node, arcs=node.arcs & ~elsewhere, out=comes_out)
                goes = replace(node, arcs=node.arcs & ~here)
                return [goes, comes] if much[most] >= 0.5 else [comes, goes]
        raise TooHard  # whole, and still not what its bound says

    # --- bounds -------------------------------------------------------------------------------------------------------

    def _bound(self, node: _Node, prices: _Prices) -> int:
        """What prices prove of a node; what every unit takes at them is in `_taken`."""
        worth = np.where(node.out, np.minimum(prices.worth, self._costs.out), prices.worth)
        gained = packings(
            self._tables, self.instance.private, node.arcs, prices.cost, worth, self._gains, self._begins, self._taken
        )
        return int(self.instance.size @ worth) - gained + prices.constant

    def _bounded(self, node: _Node, goal: int) -> tuple[_Node, FloatArray | None]:
        """A node with its best bound and prices, and how much of its request every arc has in the program.

        None for that where the bound reaches the goal, which ends it.
        """
        ways = np.bincount(self.network.request_of[node.arcs], minlength=self.instance.requests)
        if ((ways == 0) & ~node.out).any():
            return replace(node, bound=_NEVER), None
        if node.prices is not None:
            node = replace(node, bound=max(node.bound, self._bound(node, node.prices)))
        if node.bound >= goal * _FINER:
            return node, None
        program = self._program
        program.open(node)
        for _ in range(_STEPS_MAX):
            if self._limit.spent:
                raise TooHard
            value = program.solve()
            prices = program.prices()
            bound = self._bound(node, prices)
            if node.prices is None or bound > node.bound:
                node = replace(node, prices=prices, bound=bound)
            if node.bound >= goal * _FINER:
                return node, None
            if value - node.bound < _FINER:
                break
            more = [
                program.add(np.sort(self._taken[self._begins[unit] : self._begins[unit + 1]]))
                for unit in np.flatnonzero(self._gains > prices.units + 1).tolist()
            ]
            if not any(more):
                break
        return node, program.shares()

    # --- links --------------------------------------------------------------------------------------------------------

    def _open_to_groups(self, usable: BoolArray) -> BoolArray:
        """Without what is at a location where not all of a group can be."""
        there, request_of = self._location[self.network.unit_of], self.network.request_of
        for group in self.instance.groups:
            own = [np.flatnonzero((request_of == member) & usable) for member in group]
            shared = set(there[own[0]].tolist()).intersection(*(there[arcs].tolist() for arcs in own))
            for arcs in own:
                usable[arcs[~np.isin(there[arcs], sorted(shared))]] = False
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


def _routed(network: Network) -> tuple[Network, Choices, Flow]:
    """All that the rules allow, with its cheapest flow, groups agreed."""
    choices, flow = network.everything(), network.no_flow()
    if choices is None or network.route(choices, flow) is None:
        raise TooHard
    if network.instance.groups:
        network.agree(flow)
        network.route(choices, flow)
    return network, choices, flow


class _Found:
    """The best placements met: one for each unit of a request, or just one. Nothing is below `least`."""

    def __init__(self, goal: int, least: int, request: int | None, count: int) -> None:
        self._goal, self._least, self._request, self._count = goal, least, request, count
        self._of: dict[int, tuple[int, Placement]] = {}

    def keep(self, placement: Placement, value: int) -> None:
        """Remember one if it is better than what is known for its unit."""
        key = 0 if self._request is None else placement[self._request]
        if value < self._goal and (key not in self._of or value < self._of[key][0]):
            self._of[key] = value, placement

    def knows(self, unit: int) -> bool:
        """Whether there is one for a unit."""
        return unit in self._of

    @property
    def _ranked(self) -> list[tuple[int, int, Placement]]:
        ranked = sorted((value, unit, placement) for unit, (value, placement) in self._of.items())
        return ranked[: self._count]

    @property
    def best(self) -> list[Placement]:
        """Of the best units, the best first."""
        return [placement for _, _, placement in self._ranked]

    @property
    def settled(self) -> bool:
        """Whether nothing can be better."""
        return len(self._ranked) == self._count and self._ranked[-1][0] <= self._least

    def goal(self, units: Sequence[int] | None) -> int:
        """A bound of so much is of no use where the request can only be in these units."""
        ranked = self._ranked
        goal = ranked[-1][0] - (FINENESS - 1) if len(ranked) == self._count else self._goal
        if units is not None and all(unit in self._of for unit in units):
            goal = min(goal, max((self._of[unit][0] for unit in units), default=goal) - (FINENESS - 1))
        return goal


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

    def open(self, node: _Node) -> None:
        """Only columns of open arcs, and stays outside where that is open: else they cost more than anything."""
        for request in np.flatnonzero(node.out != self._open_out).tolist():
            cost = self._out_cost[request] if node.out[request] else self._costs.most * _CLOSED / _SCALE / _FINER
            self._objective.SetCoefficient(self._out[request], cost)
        closed = self._closed
        if self._column:
            closed = np.logical_or.reduceat(~node.arcs[np.array(self._arcs)], self._row[:-1])
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

    def dearness(self) -> FloatArray:
        """How far every column is from being used."""
        far: FloatArray = np.array(self._told.reduced_cost)[len(self._out) :]
        return far

    def trimmed(self, most: int, dearness: FloatArray) -> "_Program":
        """The same with the nearest of the columns that were rated, and all since."""
        smaller = _Program(self._costs)
        since = np.arange(dearness.size, len(self._column))
        nearest = np.argsort(dearness, kind="stable")[:most]
        for number in np.sort(np.concatenate([nearest, since])).tolist():
            smaller.add(np.array(self._arcs[self._row[number] : self._row[number + 1]]))
        return smaller
