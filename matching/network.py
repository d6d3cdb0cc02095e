"""The relaxation that bounds the search: persons flow from requests through gates into units, parties may be split.

    request ── cost ──▶ gate (unit, party size) ──▶ unit ──▶ sink
       └── cost of staying out ──────────────────────────▶ sink

A *gate* lets parties of one size into one unit. How many may and must pass it is what the search branches on: with the
numbers of parties per size settled in every unit, cheapest whole parties are a flow, so nothing else need be guessed.
Places reserved for a size go past the unit's own room (gate ──▶ sink).
"""

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching import kernels
from matching.eligibility import BoolArray, IntArray
from matching.model import UNPLACED, Instance
from matching.search import Limit, TooHard
from matching.words import FINENESS, Value, Words, words_of

# Rounds of re-routing (a tenth of a second each in the largest networks) between two looks at the time.
TURNS = 4


class UnprovenFlow(Exception):
    """The prices do not prove the flow: a defect somewhere below, never a property of the problem."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is still open at a node of the search. capacity[arcs] · least[G], most[G]: parties per gate."""

    capacity: IntArray
    least: IntArray
    most: IntArray

    def copy(self) -> "Choices":
        """The same, to be narrowed."""
        return Choices(self.capacity.copy(), self.least.copy(), self.most.copy())

    def same(self, other: "Choices") -> bool:
        """Whether nothing was narrowed."""
        mine, others = (self.capacity, self.least, self.most), (other.capacity, other.least, other.most)
        return all(map(np.array_equal, mine, others))


@dataclass(frozen=True, slots=True)
class Flow:
    """persons[arcs] and the prices[nodes, W] that prove it cheapest."""

    persons: IntArray
    price: IntArray

    def copy(self) -> "Flow":
        """The same, to be re-routed."""
        return Flow(self.persons.copy(), self.price.copy())


class Network:
    """The arcs of one instance, in this order: into gates (A of them), staying out (R), gate to unit (G), reserved (G),
    unit to sink (U). Only the first have request, unit, gate and the number of the pair they are in the instance; see
    `request_of`, `unit_of`, `gate_of`, `arc_of`, all [A].
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        rows, columns = instance.request_of, instance.unit_of.astype(np.int64)
        sizes, kind = np.unique(instance.size, return_inverse=True)
        words = words_of(instance)
        if instance.most is None:
            wanted = columns * max(1, sizes.size) + kind[rows]
            parties = np.bincount(wanted, minlength=sizes.size * instance.units)
            gates = np.flatnonzero(parties)
            gate_of = (np.cumsum(parties > 0) - 1)[wanted]
            self.parties: IntArray = parties[gates]
        else:  # who may yet be listed needs a gate too
            gates = np.flatnonzero(sizes[None, :] <= instance.places[:, None])
            gate_of = np.searchsorted(gates, columns * sizes.size + kind[rows])
            self.parties = np.bincount(kind)[gates % sizes.size]
        order = kernels.listed(gate_of, len(gates))[1]  # arcs of one gate lie together
        self.words: Words = words.kept(order)
        self.arc_of: IntArray = order
        self.request_of, self.unit_of, self.gate_of = rows[order], columns[order], gate_of[order]
        self.gate_unit: IntArray = gates // max(1, sizes.size)
        self.gate_size: IntArray = sizes[gates % max(1, sizes.size)] if sizes.size else gates
        self.gates = len(gates)
        self.unit_gates = np.searchsorted(self.gate_unit, np.arange(instance.units + 1))
        requests, units = instance.requests, instance.units
        self.sink = requests + self.gates + units
        self.supply = np.zeros(self.sink + 1, np.int64)
        self.supply[:requests] = instance.size
        self.supply[self.sink] = -int(instance.size.sum())
        self._wire()

    def _wire(self) -> None:
        """Everything that follows from the arcs into gates."""
        requests, units, gates = self.instance.requests, self.instance.units, self.gates
        arcs = self.request_of.size
        self.stay, self.through = slice(arcs, arcs + requests), slice(arcs + requests, arcs + requests + gates)
        self.reserved = slice(self.through.stop, self.through.stop + gates)
        self.into_sink = slice(self.reserved.stop, self.reserved.stop + units)
        gate_nodes, unit_nodes = requests + np.arange(gates), requests + gates + np.arange(units)
        ends = np.full(requests + gates + units, self.sink)
        self._tail = np.concatenate([self.request_of, np.arange(requests), gate_nodes, gate_nodes, unit_nodes])
        self._head = np.concatenate(
            [requests + self.gate_of, ends[:requests], requests + gates + self.gate_unit, ends[requests:]]
        )
        free = np.zeros((2 * gates + units, self.words.count), np.int64)
        self._cost = np.concatenate([self.words.arc, self.words.out, free])
        leaving, entering = kernels.listed(self._tail, self.sink + 1), kernels.listed(self._head, self.sink + 1)
        self._rows, self._lists = (leaving[0], entering[0]), (leaving[1], entering[1])
        gate_row = np.searchsorted(self.gate_of, np.arange(gates + 1))
        self._tables = (self.request_of, self._cost, gate_row, self.gate_size, self.unit_gates)

    @cached_property
    def links(self) -> tuple[IntArray, ...]:
        """Locations of the units, numbered without gaps; where each group begins in the list of all members, that list;
        pairs to be kept apart, one after the other."""
        instance = self.instance
        return (
            np.unique(instance.location, return_inverse=True)[1],
            np.cumsum([0, *map(len, instance.groups)]),
            np.array([member for group in instance.groups for member in group], np.int64),
            np.array(instance.apart, np.int64).reshape(-1),
        )

    @property
    def graph(self) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
        """tail[M], head[M], cost[M, W], radix[W], supply[N]: see `kernels`."""
        return self._tail, self._head, self._cost, self.words.radix, self.supply

    @property
    def listed(self) -> tuple[tuple[IntArray, IntArray], tuple[IntArray, IntArray]]:
        """rows, lists of the arcs leaving and entering every node: see `kernels.reroute`."""
        return self._rows, self._lists

    def net(self, cost: IntArray) -> tuple[IntArray, ...]:
        """All that nodes of a search in one word share: see `descent.Net`. cost[A + R]: into gates and staying out."""
        instance = self.instance
        out = cost[self.stay]
        return (
            self._tail,
            self._head,
            np.concatenate([cost, np.zeros(2 * self.gates + instance.units, np.int64)]),
            self._rows[0],
            self._lists[0],
            self._rows[1],
            self._lists[1],
            self.gate_row,
            self.gate_size,
            self.gate_unit,
            self.unit_gates,
            instance.size,
            instance.places,
            instance.private.astype(np.int64),
            *self.links,
            np.lexsort((np.arange(instance.requests), -out)),
        )

    @property
    def gate_row(self) -> IntArray:
        """Where each gate's arcs begin, [G + 1]."""
        return self._tables[2]

    def reduced(self, choices: Choices, flow: Flow) -> tuple["Network", Choices, Flow]:
        """The same with only the arcs into gates that are open; gates and units keep their numbers."""
        arcs = np.flatnonzero(choices.capacity[: self.stay.start])
        smaller = copy(self)
        smaller.request_of, smaller.unit_of = self.request_of[arcs], self.unit_of[arcs]
        smaller.gate_of, smaller.arc_of = self.gate_of[arcs], self.arc_of[arcs]
        smaller.words = replace(self.words, arc=self._cost[arcs], out=self._cost[self.stay])
        smaller._wire()
        parties = np.bincount(smaller.gate_of, minlength=self.gates)
        most = np.maximum(choices.least, np.minimum(choices.most, parties))
        open_choices = Choices(
            np.concatenate([choices.capacity[arcs], choices.capacity[self.stay.start :]]), choices.least, most
        )
        for unit in np.unique(self.gate_unit[most < choices.most]).tolist():
            smaller.settle(open_choices, unit)
        return (
            smaller,
            open_choices,
            Flow(np.concatenate([flow.persons[arcs], flow.persons[self.stay.start :]]), flow.price),
        )

    def resized(self, places: IntArray) -> "Network":
        """The same with other places in the units."""
        other = copy(self)
        other.instance = replace(self.instance, places=places)
        return other

    # --- capacities -------------------------------------------------------------------------------------------------

    def everything(self) -> Choices | None:
        """All that the rules allow; None if that is impossible."""
        instance = self.instance
        most = np.minimum(self.parties, instance.places[self.gate_unit] // self.gate_size)
        most = np.where(instance.private[self.gate_unit], np.minimum(most, 1), most)
        capacity = np.zeros(self.into_sink.stop, np.int64)
        capacity[: self.stay.start] = instance.size[self.request_of]
        capacity[self.stay] = np.where(instance.optional, instance.size, 0)
        choices = Choices(capacity, np.zeros(self.gates, np.int64), most)
        # Rooms that any mix of parties fills; only the others need looking at one by one.
        through = most * self.gate_size
        wanted, ones, largest = (np.zeros(instance.units, np.int64) for _ in range(3))
        np.add.at(wanted, self.gate_unit, through)
        np.add.at(ones, self.gate_unit, np.where(self.gate_size == 1, most, 0))
        np.maximum.at(largest, self.gate_unit, through)
        capacity[self.through] = through
        capacity[self.into_sink] = np.where(instance.private, largest, np.minimum(wanted, instance.places))
        odd = ~instance.private & (wanted > instance.places) & (ones < instance.places)
        possible = all(self.settle(choices, unit) for unit in np.flatnonzero(odd).tolist())
        return choices if possible else None

    def settle(self, choices: Choices, unit: int) -> bool:
        """Bring the capacities of one unit in line with the numbers of parties its gates may and must let in.

        False if too many must.
        """
        return kernels.settle(
            unit,
            int(self.instance.places[unit]),
            bool(self.instance.private[unit]),
            self.gate_size,
            self.unit_gates,
            choices.least,
            choices.most,
            choices.capacity[self.through],
            choices.capacity[self.reserved],
            choices.capacity[self.into_sink],
        )

    def agree(self, flow: Flow, step: int = 1) -> None:
        """Shift costs between the members of each group until all see the same of every location, at these prices.

        By multiples of `step`. They are placed at one location or all stay out, so what one pays more there and another
        less changes no placement's cost; but a flow that does not know of groups then sends them the same way far more
        often.
        """
        instance = self.instance
        for group in instance.groups:
            unit_step = step * lcm(*instance.size[list(group)].tolist())
            options: dict[int, list[tuple[int, NDArray[np.intp]]]] = {}
            for member in group:
                own = np.flatnonzero(self.request_of == member)
                locations = instance.location[self.unit_of[own]]
                for location in np.unique(locations).tolist():
                    options.setdefault(location, []).append((member, own[locations == location]))
            if instance.optional[list(group)].all():
                options[UNPLACED] = [(member, np.array([self.stay.start + member])) for member in group]
            for listed in options.values():
                if len(listed) < len(group):
                    continue
                sizes = [int(instance.size[member]) for member, _ in listed]
                dearness = []
                for (_, arcs), size in zip(listed, sizes, strict=True):
                    there = self._cost[arcs] + flow.price[self._head[arcs]] - flow.price[self.sink]
                    least = min(self.words.carried(there).tolist())
                    dearness.append([size * word for word in least])
                for word in range(self.words.count):
                    column = [one[word] for one in dearness]
                    mean = sum(column) // len(column)
                    shifts = [(mean - one) // unit_step * unit_step for one in column]
                    shifts[0] -= sum(shifts)
                    for (_, arcs), size, shift in zip(listed, sizes, shifts, strict=True):
                        self._cost[arcs, word] += shift // size
            for arcs in (arc for listed in options.values() for _, arc in listed):
                self._cost[arcs] = self.words.carried(self._cost[arcs])

    def narrow(self, choices: Choices, allowed: BoolArray, optional: BoolArray) -> None:
        """Leave open only the pairs in allowed[A] (numbers of the instance) and the stays outside of optional[R]."""
        choices.capacity[: self.stay.start][~allowed[self.arc_of]] = 0
        choices.capacity[self.stay][~optional] = 0

    def taken_over(self, older: "Network", choices: Choices, flow: Flow) -> tuple[Choices, Flow]:
        """What is open and a flow of a network with the same gates and some of these arcs, in the numbers of this."""
        known = self._keys(older.gate_of, older.request_of)
        at = np.searchsorted(self._keys(self.gate_of, self.request_of), known)
        persons = np.zeros(self.into_sink.stop, np.int64)
        persons[at] = flow.persons[: older.stay.start]
        persons[self.stay.start :] = flow.persons[older.stay.start :]
        capacity = np.concatenate([self.instance.size[self.request_of], choices.capacity[older.stay.start :]])
        return Choices(capacity, choices.least, choices.most), Flow(persons, flow.price)

    def _keys(self, gate_of: IntArray, request_of: IntArray) -> IntArray:
        keys: IntArray = gate_of * self.instance.requests + request_of
        return keys

    # --- bounds -----------------------------------------------------------------------------------------------------

    def no_flow(self) -> Flow:
        """Where re-routing can start from nothing."""
        return Flow(np.zeros(self.into_sink.stop, np.int64), np.zeros((self.sink + 1, self.words.count), np.int64))

    def route(self, choices: Choices, flow: Flow, limit: Limit | None = None) -> Value | None:
        """Make `flow` cheapest for `choices` and return its cost; None if somebody who must be placed cannot be.

        Raises UnprovenFlow when the prices do not prove it, TooHard where the limit ends first.
        """
        # Pauses whether there is a limit or not: what is cheapest of equals must not hang on that.
        while (ended := self._reroute(choices, flow)) == kernels.PAUSED:
            if limit is not None and limit.spent:
                raise TooHard
        if ended == kernels.STUCK:
            return None
        proven, cost = self.proof(choices, flow)
        if proven != cost:
            raise UnprovenFlow
        return cost

    def route_within(self, choices: Choices, flow: Flow, limit: Limit) -> bool:
        """The same with an eye on the time: whether it was finished; if not, only the prices are of use."""
        while not limit.spent:
            if (ended := self._reroute(choices, flow)) != kernels.PAUSED:
                return ended == kernels.ROUTED
        return False

    def _reroute(self, choices: Choices, flow: Flow) -> int:
        return kernels.reroute(
            self._tail,
            self._head,
            self._cost,
            self._rows,
            self._lists,
            self.words.radix,
            self.supply,
            choices.capacity,
            flow.persons,
            flow.price,
            TURNS,
        )

    def proof(self, choices: Choices, flow: Flow) -> tuple[Value, Value]:
        """What the prices of a flow prove, whatever they are, and what it costs."""
        proof = np.zeros((2, self.words.count), np.int64)
        kernels.proof(
            self._tail,
            self._head,
            self._cost,
            self.words.radix,
            self.supply,
            choices.capacity,
            flow.persons,
            flow.price,
            proof,
        )
        proven, cost = proof.tolist()
        return tuple(proven), tuple(cost)

    def gains_of(self, flow: Flow) -> IntArray:
        """[R, W] what each request is worth per person at the prices of a flow: a start for `unit_bound`."""
        worth: IntArray = flow.price[: self.instance.requests] - flow.price[self.sink]
        return np.ascontiguousarray(self.words.carried(worth))

    def unit_bound(
        self, choices: Choices, worth: IntArray, best: Value, rounds: int = 1, *, closing: bool = False
    ) -> "UnitBound | None":
        """The bound of units choosing for themselves (`kernels.ascend`); None if some unit cannot have what it must.

        `worth` is improved in place. `best`: only what is cheaper than this is of interest.
        """
        bound = np.zeros((1, self.words.count), np.int64)
        drop = np.zeros(self.request_of.size, np.bool_)
        drop_out = np.zeros(self.instance.requests, np.bool_)
        possible = kernels.ascend(
            self.instance.size,
            self._tables,
            self._cost[self.stay],
            choices.capacity[self.stay] > 0,
            choices.capacity,
            self.words.radix,
            choices.least,
            choices.most,
            self.instance.places,
            self.instance.private,
            np.array([self.improvable(best)], np.int64),
            rounds,
            closing,
            worth,
            bound,
            drop,
            drop_out,
        )
        return UnitBound(tuple(bound[0].tolist()), drop, drop_out) if possible else None

    @staticmethod
    def improvable(best: Value) -> Value:
        """Nothing whose bound is this or more can be better than `best`: amounts are whole multiples of FINENESS."""
        return (*best[:-1], best[-1] - (FINENESS - 1))


@dataclass(frozen=True, slots=True)
class UnitBound:
    """A bound, and the arcs drop[A] and stays outside drop_out[R] that lead to nothing better than what is known."""

    bound: Value
    drop: NDArray[np.bool_]
    drop_out: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The costs of a network in one word per arc, relative to the prices of a cheapest flow.

    cost: of an arc into a gate what it costs from there to the sink beyond what its request is worth, per person, of a
    stay outside the same · reduced: reduced costs of all arcs · constant: what has to be added to what a flow pays in
    them · most: numbers of this much or more are cut off there: all that is better than `proven` + this uses no such
    arc, by weak duality.
    """

    cost: IntArray
    reduced: IntArray
    gate_price: IntArray
    unit_price: IntArray
    constant: int
    most: int

    def proven(self, choices: Choices) -> int:
        """The bound that the prices prove."""
        return int(choices.capacity @ np.minimum(self.reduced, 0))


# Sums of what all persons pay stay below this.
LARGEST: Final = 2**60


def relative(
    network: Network, flow: Flow, cost: Value, *, finer: int = 1, coarser: int = 1, most: int | None = None
) -> Numbers:
    """See `Numbers`. The cost of any flow is a constant plus what it pays in reduced costs.

    `cost` is that of the cheapest flow; `finer`: by how much numbers may yet be multiplied; `coarser`: by how much they
    are divided, of which all are multiples; `most`: if the caller knows how far sums can go.
    """
    instance, words = network.instance, network.words
    if most is None:
        most = LARGEST // (finer * max(16 * int(instance.size.sum()), 6 * instance.requests, 1))
    tail, head, cost_of = network.graph[:3]
    reduced = words.joined(words.carried(cost_of + flow.price[head] - flow.price[tail]), most * coarser) // coarser
    unit_price = -reduced[network.into_sink]
    gate_price = unit_price[network.gate_unit] - reduced[network.through]
    ways = reduced[: network.stay.stop].copy()
    ways[: network.stay.start] -= gate_price[network.gate_of]
    constant = words.whole(cost) // coarser - int(reduced @ flow.persons)
    return Numbers(ways, reduced, gate_price, unit_price, constant, most)
