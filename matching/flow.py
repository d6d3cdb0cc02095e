"""The relaxation that bounds the search: persons flow from requests through units, parties may be split.

Levels are packed: several levels become one whole number per arc, each with a base larger than anything the levels
below it can add up to, so that comparing the numbers compares the levels in strict order. Levels that do not fit 61
bits together go to the next pack, which is minimised over the optima of the packs before it (the optimal face: arcs of
reduced cost zero, priced units full). So the bound is lexicographic at any size.

`SimpleMinCostFlow` finds the flow. The prices are our own, by relaxation on the residual graph, and they prove it: weak
duality in whole numbers must meet the flow's cost, else the flow is not believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import lcm
from typing import Final

import numpy as np
from ortools.graph.python import min_cost_flow

from matching.eligibility import BoolArray, IntArray
from matching.model import Instance, LevelAmounts
from matching.problem import LEVELS
from matching.scoring import Amounts

CHANGE: Final = LEVELS.index("change")

# SimpleMinCostFlow scales costs by the number of nodes and needs the product below this.
_SCALED_COST_MAX: Final = 2**61
# Above every price and cost in 64-bit packs, and small enough to be added to them.
_FAR: Final = 2**61


class UnprovenFlow(Exception):
    """The prices do not prove the flow: a defect somewhere below, never a property of the problem."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Some consecutive levels as one number per person: `arc`[R, U] when placed, `out`[R] when not.

    `bases` are the moduli of its levels, most significant first, `scales` what each level was multiplied with to be
    whole per person. dtype int64, or object when the numbers are too wide for it.
    """

    arc: Amounts
    out: Amounts
    levels: tuple[int, ...]
    bases: tuple[int, ...]
    offsets: tuple[int, ...]
    scales: tuple[int, ...]

    @property
    def wide(self) -> bool:
        """Whether the numbers need unbounded integers."""
        return self.arc.dtype == np.object_

    def value(self, amounts: LevelAmounts) -> int:
        """The packed number of a placement's levels."""
        total = 0
        for level, base, offset, scale in zip(self.levels, self.bases, self.offsets, self.scales, strict=True):
            total = total * base + amounts[level] * scale - offset
        return total

    def unpacked(self, value: int) -> list[int]:
        """Lower bounds of the pack's levels, each given that those before it are met, from a packed lower bound."""
        digits = []
        for base in reversed(self.bases):
            digits.append(value % base)
            value //= base
        return [
            -(-(digit + offset) // scale)
            for digit, offset, scale in zip(reversed(digits), self.offsets, self.scales, strict=True)
        ]


def packs_of(instance: Instance) -> tuple[Pack, ...]:
    """All levels, packed as tightly as the flow solver takes them; levels nobody can change are left out.

    `change` counts 1 per party, so per person it is a fraction: it is multiplied by the least common multiple of the
    sizes of the parties it concerns. Of every request's amounts the smallest is taken off first (the offset), because
    only differences decide.
    """
    nodes = instance.requests + instance.units + 1
    room = _SCALED_COST_MAX // (nodes + 1)
    packs: list[Pack] = []
    pending: list[_LevelCosts] = []
    product = 1
    for level in range(len(LEVELS)):
        costs = _level_costs(instance, level)
        if costs.base == 1:
            continue
        if pending and product * costs.base >= room:
            packs.append(_packed(pending))
            pending, product = [], 1
        pending.append(costs)
        product *= costs.base
        if product >= room:  # one level alone is too wide: unbounded integers, by itself
            packs.append(_packed(pending, wide=True))
            pending, product = [], 1
    if pending:
        packs.append(_packed(pending))
    return tuple(packs) or (_free(instance),)


def _free(instance: Instance) -> Pack:
    """A pack in which nothing costs anything: where only feasibility is asked, there still must be a flow."""
    nothing: IntArray = np.zeros(instance.eligible.shape, np.int64)
    return Pack(nothing, np.zeros(instance.requests, np.int64), (), (), (), ())


@dataclass(frozen=True, slots=True)
class _LevelCosts:
    level: int
    arc: Amounts
    out: Amounts
    base: int
    offset: int
    scale: int


def _level_costs(instance: Instance, level: int) -> _LevelCosts:
    drops = len(LEVELS) - len(instance.pair)
    size, scale = instance.size, 1
    arc: Amounts = np.zeros(instance.eligible.shape, np.int64)
    out: Amounts = np.zeros(instance.requests, np.int64)
    if level < drops:
        out = np.array([drop[level] for drop in instance.drop], np.int64) // size
    elif level == CHANGE:
        concerned = (instance.pair[level - drops] * instance.eligible).any(axis=1)
        scale = lcm(*size[concerned].tolist())
        arc = instance.pair[level - drops] * np.where(concerned, scale // size, 0)[:, None]
    else:
        arc = instance.pair[level - drops] // size[:, None]
    return _shifted(instance, level, arc, out, scale)


def _shifted(instance: Instance, level: int, arc: Amounts, out: Amounts, scale: int) -> _LevelCosts:
    """The same with each request's smallest amount taken off, and the base that holds all that is left."""
    arc = np.where(instance.eligible, arc, 0)  # what can never be used must not widen anything
    none = ~instance.eligible.any(axis=1)
    may_be_out = instance.optional | none
    top = arc.max(initial=0)
    low = np.where(instance.eligible, arc, top + 1).min(axis=1, initial=top + 1)
    low = np.where(none, out, np.where(may_be_out, np.minimum(low, out), low))
    high = np.where(instance.eligible, arc, 0).max(axis=1, initial=0)
    high = np.where(none, out, np.where(may_be_out, np.maximum(high, out), high))
    base = 1 + _dot(instance.size, high - low)
    offset = _dot(instance.size, low)
    return _LevelCosts(
        level,
        np.where(instance.eligible, arc - low[:, None], 0),
        np.where(may_be_out, out - low, 0),
        base,
        offset,
        scale,
    )


def _dot(one: Amounts, other: Amounts) -> int:
    """Sum of products in unbounded integers."""
    return sum(a * b for a, b in zip(one.tolist(), other.tolist(), strict=True))


def _packed(costs: Sequence[_LevelCosts], *, wide: bool = False) -> Pack:
    arc, out = _typed(costs[0].arc, wide), _typed(costs[0].out, wide)
    for cost in costs[1:]:
        arc = arc * cost.base + _typed(cost.arc, wide)
        out = out * cost.base + _typed(cost.out, wide)
    return Pack(
        arc,
        out,
        levels=tuple(cost.level for cost in costs),
        bases=tuple(cost.base for cost in costs),
        offsets=tuple(cost.offset for cost in costs),
        scales=tuple(cost.scale for cost in costs),
    )


def _typed(amounts: Amounts, wide: bool) -> Amounts:
    return amounts.astype(np.object_) if wide else amounts.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Network:
    """What may flow. Requests of one size form a class; S classes.

    size[R] · kind[R]: class number · allowed[R, U] arcs · optional[R] who may stay out · room[U] persons per unit ·
    class_room[S, U] persons per class and unit (`UNLIMITED_ROOM` where it limits nothing) · full[U], class_full[S, U]:
    must be filled to the last place.
    """

    size: IntArray
    kind: IntArray
    allowed: BoolArray
    optional: BoolArray
    room: IntArray
    class_room: IntArray
    full: BoolArray
    class_full: BoolArray


UNLIMITED_ROOM: Final = 2**40


@dataclass(frozen=True, slots=True)
class Flow:
    """A cheapest flow for one pack with its proof.

    persons[R, U] and out[R] · price[U] and surcharge[S, U] per person · slack[R, U] ≥ 0 and slack_out[R]: how much more
    than the cheapest each arc costs per person, at these prices · cost: the packed total, met by the prices.
    """

    persons: IntArray
    out: IntArray
    price: Amounts
    surcharge: Amounts
    slack: Amounts
    slack_out: Amounts
    cost: int


def cheapest_flow(network: Network, pack: Pack) -> Flow | None:
    """The cheapest flow and its prices; None if not everyone who must be placed can be."""
    if pack.wide:  # rare: the classes are not worth their trouble there
        network = _without_classes(network)
    solved = _unbounded_flow(network, pack) if pack.wide else _bounded_flow(network, pack)
    if solved is None:
        return None
    persons, out = solved
    return _priced(network, pack, persons, out)


def _without_classes(network: Network) -> Network:
    return replace(
        network,
        class_room=np.full_like(network.class_room, UNLIMITED_ROOM),
        class_full=np.zeros_like(network.class_full),
    )


def _bounded_flow(network: Network, pack: Pack) -> tuple[IntArray, IntArray] | None:
    """By OR-Tools, in 64 bits. Nodes: requests, units, one per limited class and unit, and the sink."""
    requests, units = network.allowed.shape
    rows, columns = network.allowed.nonzero()
    leaving = network.optional.nonzero()[0]
    draining = (~network.full).nonzero()[0]
    limited = network.class_room < UNLIMITED_ROOM
    gates, gated_units = limited.nonzero()
    gate_room = network.class_room[gates, gated_units]
    gate_full = network.class_full[gates, gated_units]
    sink = requests + units + gates.size
    entrance = np.broadcast_to(requests + np.arange(units), limited.shape).copy()
    entrance[gates, gated_units] = requests + units + np.arange(gates.size)
    passing = (~gate_full).nonzero()[0]
    solver = min_cost_flow.SimpleMinCostFlow()
    free = np.zeros(draining.size + passing.size, np.int64)
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        np.concatenate([rows, leaving, requests + draining, requests + units + passing]),
        np.concatenate(
            [
                entrance[network.kind[rows], columns],
                np.full(leaving.size + draining.size, sink),
                requests + gated_units[passing],
            ]
        ),
        np.concatenate([network.size[rows], network.size[leaving], network.room[draining], gate_room[passing]]),
        np.concatenate([pack.arc[rows, columns], pack.out[leaving], free]),
    )
    supplies = np.zeros(sink + 1, np.int64)
    supplies[:requests] = network.size
    supplies[requests : requests + units] = np.where(network.full, -network.room, 0)
    # A class that must fill its room there: demanded at its gate, given back behind it.
    supplies[requests + units : sink] = np.where(gate_full, -gate_room, 0)
    np.add.at(supplies, requests + gated_units[gate_full], gate_room[gate_full])
    supplies[sink] = -supplies.sum()
    solver.set_nodes_supplies(np.arange(sink + 1), supplies)
    if supplies[sink] > 0 or solver.solve() != solver.OPTIMAL:
        return None
    carried = solver.flows(arcs)
    persons = np.zeros((requests, units), np.int64)
    persons[rows, columns] = carried[: rows.size]
    out = np.zeros(requests, np.int64)
    out[leaving] = carried[rows.size : rows.size + leaving.size]
    return persons, out


def _unbounded_flow(network: Network, pack: Pack) -> tuple[IntArray, IntArray] | None:
    """By shortest augmenting paths in Python integers: slow, for amounts that 64 bits cannot hold.

    Units that must be full come first: a person more in one of them outweighs every cost.
    """
    requests, units = network.allowed.shape
    persons_all = int(network.size.sum())
    prize = 1 + sum(abs(int(cost)) for cost in (*pack.arc.flat, *pack.out.flat)) * (persons_all + 1)
    paths = _AugmentingPaths(
        cost=[
            {u: int(pack.arc[r, u]) for u in np.flatnonzero(network.allowed[r]).tolist()}
            | ({units: int(pack.out[r])} if network.optional[r] else {})
            for r in range(requests)
        ],
        room=[*network.room.tolist(), persons_all],
        prize=[prize if full else 0 for full in network.full.tolist()] + [0],
    )
    for request in range(requests):
        for _ in range(int(network.size[request])):
            if not paths.add_person(request):
                return None
    table = np.array(paths.carried, np.int64).reshape(requests, units + 1)
    if (table[:, :units].sum(axis=0) < network.room)[network.full].any():
        return None
    return table[:, :units], table[:, units]


class _AugmentingPaths:
    """A flow built person by person, each along the cheapest path; the last column is staying out.

    cost[r]: per open column · room per column · prize per column for every person in it · carried[r][column].
    """

    def __init__(self, cost: list[dict[int, int]], room: list[int], prize: list[int]) -> None:
        self.cost = cost
        self.room = room
        self.prize = prize
        self.used = [0] * len(room)
        self.carried = [[0] * len(room) for _ in cost]

    def add_person(self, request: int) -> bool:
        """One person more of this request; False if there is no way."""
        distance, via = self._cheapest_paths(request)
        ends = [(cost - self.prize[at], at) for at, cost in distance.items() if self.used[at] < self.room[at]]
        if not ends:
            return False
        at: int | None = min(ends)[1]
        self.used[min(ends)[1]] += 1
        while at is not None:
            mover, before = via[at]
            self.carried[mover][at] += 1
            if before is not None:
                self.carried[mover][before] -= 1
            at = before
        return True

    def _cheapest_paths(self, start: int) -> tuple[dict[int, int], dict[int, tuple[int, int | None]]]:
        """Per column the cost of getting there, and who moves there from where (None: the newcomer)."""
        distance = dict(self.cost[start])
        via: dict[int, tuple[int, int | None]] = dict.fromkeys(distance, (start, None))
        waiting = list(distance)
        while waiting:
            here = waiting.pop(0)
            for mover, carried in enumerate(self.carried):
                if not carried[here]:
                    continue
                for there, cost in self.cost[mover].items():
                    price = distance[here] - self.cost[mover][here] + cost
                    if there not in distance or price < distance[there]:
                        distance[there], via[there] = price, (mover, here)
                        if there not in waiting:
                            waiting.append(there)
        return distance, via


def _priced(network: Network, pack: Pack, persons: IntArray, out: IntArray) -> Flow:
    """The smallest prices that explain a flow, and the slack of every arc under them.

    A request in unit u with an arc to v shows that v is at least so much dearer for its class: price(v) ≥ price(u) +
    cost(u) − cost(v). If the class has room left there, the unit itself must be that dear; if not, a surcharge for the
    class will do. Prices start at zero, in units and classes that must be full at the far end below (there they may be
    negative; never at infinity, which would make every other arc look dear or free), and rise until nothing changes.
    """
    allowed, kind = network.allowed, network.kind
    far = _far(pack)
    members = [np.flatnonzero(kind == one) for one in range(len(network.class_room))]
    taken = np.array([persons[rows].sum(axis=0) for rows in members], np.int64).reshape(network.class_room.shape)
    exhausted = network.class_room <= taken
    used = persons > 0
    stays_out = out > 0
    known: Amounts = np.where(allowed, pack.arc, far)
    unit_price = _typed(np.zeros(allowed.shape[1], np.int64), pack.wide)
    unit_price[network.full] = -far
    price = np.where(network.class_full, -far, unit_price[None, :])
    for _ in range(2 * sum(allowed.shape) + 2):
        level = np.where(used, known + price[kind], -far).max(axis=1, initial=-far)
        level = np.where(stays_out, np.maximum(level, pack.out), level)
        shown = level[:, None] - known
        wanted = np.array([shown[rows].max(axis=0, initial=-far) for rows in members], price.dtype)
        wanted = wanted.reshape(price.shape)
        unit_price = np.maximum(unit_price, np.where(exhausted, -far, wanted).max(axis=0, initial=-far))
        floor = np.where(network.class_full, -far, unit_price[None, :])
        higher = np.maximum(np.maximum(price, floor), np.where(exhausted, wanted, -far))
        if (higher == price).all():
            break
        price = higher
    level = np.where(used, known + price[kind], -far).max(axis=1, initial=-far)
    level = np.where(stays_out, np.maximum(level, pack.out), level)
    surcharge = np.where(network.class_room < UNLIMITED_ROOM, price - unit_price[None, :], 0)
    slack = np.where(allowed, known + (unit_price[None, :] + surcharge)[kind] - level[:, None], 0)
    slack_out = np.where(network.optional, pack.out - level, 0)
    cost = int((persons * pack.arc).sum()) + int((out * pack.out).sum())
    proven = _dot(network.size, level) - _dot(network.room, unit_price)
    proven -= _dot(network.class_room.ravel(), surcharge.ravel())
    honest = (surcharge >= 0)[~network.class_full].all() and (unit_price >= 0)[~network.full].all()
    if proven != cost or not honest or (slack < 0).any() or (slack_out < 0).any():
        raise UnprovenFlow
    return Flow(persons, out, unit_price, surcharge, slack, slack_out, cost)


def _far(pack: Pack) -> int:
    if not pack.wide:
        return _FAR
    return 4 * (1 + sum(abs(int(cost)) for cost in (*pack.arc.flat, *pack.out.flat)))


def face(network: Network, flow: Flow) -> Network:
    """The part of a network where its flow's cost is met: only arcs without slack, units with a price full."""
    return replace(
        network,
        allowed=network.allowed & (flow.slack == 0),
        optional=network.optional & (flow.slack_out == 0),
        full=network.full | (flow.price > 0),
        class_full=network.class_full | (flow.surcharge > 0),
    )


def dearer(network: Network, flow: Flow) -> tuple[Amounts, Amounts]:
    """How much above the bound it gets, at least, if a whole party goes down an arc ([R, U]) or stays out ([R]).

    Cut off where 64 bits end, far above any gap.
    """
    size = network.size
    if flow.slack.dtype == np.object_:
        return size[:, None] * flow.slack, size * flow.slack_out
    most = 2 * _FAR // size
    return size[:, None] * np.minimum(flow.slack, most[:, None]), size * np.minimum(flow.slack_out, most)
