"""One connected part with its optimum and the proof of it, to be asked what if.

The proof is the leaves of a search that ended (`leaves`). A question changes little: somebody has to be placed, or has
never asked, or a unit has other places. The prices of a leaf show what that can change of its bound; where nothing can
become better than what is known the answer stands unsolved, and elsewhere the search goes on from those leaves alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching import leaves
from matching.descent import Net
from matching.eligibility import BoolArray, IntArray
from matching.model import UNPLACED, Instance, LevelAmounts, Placement
from matching.network import Choices, Flow, Network, Numbers, UnprovenFlow, relative
from matching.search import Limit, TooHard
from matching.words import FINENESS

# Nodes searched between two looks at the time.
_NODES_AT_ONCE: Final = 100
# A proof or a question that takes more nodes is left to the search that closes and restarts; see `engine.Part`.
NODES_MAX: Final = 2_000
QUESTION_NODES_MAX: Final = 500
# Rows to begin with, and what they may take in all.
_ROWS: Final = 32
_STORE_BYTES_MAX: Final = 2**28
# Gates looked at before one is branched on; one is enough for a short search. In a proof fewer leaves are worth more.
_TRIES: Final = 8
_TRIES_AFTER: Final = 15

# Where `Net` has the places of every unit.
_PLACES: Final = 12

_NOBODY: Final = np.zeros(0, np.int64)

# What cannot be; three of them still add up in 64 bits.
NEVER: Final = 2**59


# Numbers of this much are cut off there, and what all cost may sum to no more; for prices see `leaves.DEAREST`.
_FAR: Final = 2**61 // FINENESS
_WIDE: Final = 2**60


@dataclass(frozen=True, slots=True)
class Better:
    """What a question found below its cutoff, None for nothing, and the leaves that prove it."""

    placement: Placement | None
    leaves: IntArray


class Asked:
    """The leaves of one part, in numbers of one word: what all levels cost beyond the prices of its cheapest flow.

    `instance` may hold pairs for which a unit has too few places now: they count once a question gives it more. So
    `places` are those the part has, `instance.places` too. Raises TooHard where the proof takes too long or an answer
    may be farther away than one word reaches, UnprovenFlow where a flow cannot be believed.
    """

    def __init__(self, instance: Instance, placement: Placement, limit: Limit) -> None:
        self.instance = instance
        self.placement = placement
        self.limit = limit
        self._network = Network(instance)
        self._stay = self._network.stay.start
        self._end = self._network.through.start
        self.leaves = np.array([0])
        self._first_row()

    def prove(self) -> "Asked":
        """Search until nothing can be better than the placement, or than a better one that is found and takes over."""
        number = self.number(self.placement)
        if number > self._reach:
            raise TooHard
        found = self._search(
            self.leaves,
            np.array([-(2**62)]),
            number,
            NODES_MAX,
            net=self._net,
            shut=np.zeros(self._end, np.bool_),
            once=False,
            tries_after=0,
        )
        self.leaves = found.leaves
        if found.placement is not None:
            self.placement = found.placement
        self.best = self.number(self.placement)
        return self

    def number(self, placement: Placement) -> int:
        """All levels of a placement that keeps the links as one number; the next larger there can be is one more."""
        if self._exact:
            return leaves.cost_of(self._net, np.array(placement, np.int64))
        return self.number_of(self.instance.amounts(placement))

    def number_of(self, amounts: LevelAmounts) -> int:
        """Levels as one number."""
        words = self._network.words
        return words.whole(words.value(amounts)) // FINENESS - self._constant

    # --- questions ----------------------------------------------------------------------------------------------------

    def below(
        self,
        cutoff: int | None,
        *,
        shut: BoolArray | None = None,
        requests: IntArray = _NOBODY,
        unit: int = UNPLACED,
        places: int = 0,
        of: IntArray | None = None,
        once: bool = False,
    ) -> Better:
        """The best placement with a number below the cutoff (None: whatever it is).

        shut[A + R]: arcs and stays outside that are closed, `requests` those they are of · unit: one that has so many
        `places` · of: the leaves to go on from, if not those of the optimum · once: the first such placement will do.
        Keeps the rows of its leaves until `forget`.
        """
        shut = np.zeros(self._end, np.bool_) if shut is None else shut
        of = self.leaves if of is None else of
        net, reach = self._net, self._reach
        if unit != UNPLACED:
            room = self.instance.places.copy()
            room[unit] = places
            net = (*net[:_PLACES], room, *net[_PLACES + 1 :])
            # What larger units take off the bound they take off what is within reach.
            reach -= max(0, places - int(self.instance.places[unit])) and places * int(self._dear[unit])
        limit = reach if cutoff is None else max(-(2**62), min(reach, cutoff))
        wanted, rated = np.zeros(of.size, np.bool_), np.zeros(of.size, np.int64)
        count = leaves.reopened(
            of, net, self._store, requests, unit, shut, self.instance.places, np.array([limit]), wanted, rated
        )
        found = Better(None, of)
        if count:
            found = self._search(
                of[wanted], rated[wanted], limit, QUESTION_NODES_MAX, net=net, unit=unit, shut=shut, once=once
            )
            found = Better(found.placement, np.concatenate([of[~wanted], found.leaves]))
        if found.placement is None and limit == reach <= self._highest:
            raise TooHard  # there may be something, farther away than these numbers reach
        return found

    def resized(self, unit: int, places: int) -> Placement | None:
        """The optimum with so many places in a unit; None for the one there is."""
        cutoff = self.best if places > self.instance.places[unit] else None
        try:
            return self.below(cutoff, unit=unit, places=places).placement
        finally:
            self.forget()

    def gaps(self, requests: Sequence[int], *, placed: bool, of: IntArray | None = None) -> IntArray:
        """[N, Q] by how much the bound of each leaf rises when one of some requests has to be placed, or is left out.

        `NEVER` where it cannot be in that leaf; what two of them add to a bound adds up. `of`: the leaves of a
        question, if not those of the optimum.
        """
        asked = np.array(requests, np.int64)
        of = self.leaves if of is None else of
        gain = np.zeros((of.size, asked.size), np.int64)
        possible = np.zeros(gain.shape, np.bool_)
        leaves.gained(of, self._net, self._store, asked, np.full(asked.size, placed), gain, possible)
        gain[~possible] = NEVER
        return gain

    def above(self, of: IntArray | None = None) -> IntArray:
        """[N] how far the bound of each leaf is above the placement (it may be below), as `gaps`."""
        bound: IntArray = self._store[6][self.leaves if of is None else of]
        return bound - self.best

    def worse(self, number: int) -> int:
        """How much worse than the placement a number is, as `gaps`."""
        return min(number - self.best, 2**62)

    def placing(self, request: int, units: Iterable[int] | None = None) -> BoolArray:
        """What is shut where a request has to be placed, `units`: in one of these."""
        shut = np.zeros(self._end, np.bool_)
        shut[self._stay + request] = True
        if units is not None:
            own = self._arcs(request)
            shut[own] = ~np.isin(self._network.unit_of[own], list(units))
        return shut

    def leaving_out(self, request: int) -> BoolArray:
        """What is shut where a request is left out."""
        shut = np.zeros(self._end, np.bool_)
        shut[self._arcs(request)] = True
        return shut

    def avoiding(self, requests: Sequence[int], location: int) -> BoolArray:
        """What is shut where some requests may not be at a location."""
        network = self._network
        shut = np.zeros(self._end, np.bool_)
        if requests:
            there = self.instance.location[network.unit_of] == location
            shut[: self._stay] = there & np.isin(network.request_of, requests)
        return shut

    def forget(self, kept: IntArray | None = None) -> None:
        """Free all rows but those of the optimum's leaves and `kept`."""
        state = self._store[7]
        free = np.ones(state.size, np.bool_)
        free[self.leaves] = False
        if kept is not None:
            free[kept] = False
        state[free] = leaves.FREE

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _arcs(self, request: int) -> IntArray:
        row, listed = self._net[3], self._net[4]
        arcs = listed[row[request] : row[request + 1]]
        own: IntArray = arcs[arcs < self._stay]
        return own

    def _first_row(self) -> None:
        """The root: all that the rules allow, with the flow that the placement is."""
        network, instance = self._network, self.instance
        choices, flow = network.everything(), network.no_flow()
        assert choices is not None
        fits = network.gate_size <= instance.places[network.gate_unit]
        choices.capacity[: self._stay][~fits[network.gate_of]] = 0
        if any(any(drop) for drop in instance.drop) or any(amounts.any() for amounts in instance.pair):
            network.route(choices, flow, self.limit)
            if instance.groups:
                network.agree(flow, FINENESS)
                network.route(choices, flow, self.limit)
        else:  # nothing to be proven, only room to be found: what there is does for a start
            self._stand(flow.persons)
        nodes = instance.requests + np.arange(network.gates)
        flow.price[nodes[~fits]] = flow.price[instance.requests + network.gates + network.gate_unit[~fits]]
        numbers = self._numbers(choices, flow)
        self._net = network.net(numbers.cost)
        self._wider(numbers, fits)
        limit = np.where(instance.private[network.gate_unit], np.minimum(network.parties, 1), network.parties)
        arcs, gates = (_ROWS, choices.capacity.size), (_ROWS, network.gates)
        self._store: leaves.Store = (
            np.zeros(arcs, np.int64),
            np.zeros(arcs, np.int64),
            np.zeros(gates, np.int64),
            np.zeros(gates, np.int64),
            np.zeros(gates, np.int64),
            np.zeros((_ROWS, network.sink + 1), np.int64),
            np.zeros(_ROWS, np.int64),
            np.zeros(_ROWS, np.int64),
            np.full(_ROWS, -1, np.int64),
        )
        capacity, persons, _, most, limits, price, bound, state, _ = self._store
        capacity[0], persons[0], most[0], limits[0] = choices.capacity, flow.persons, choices.most, limit
        nobody = np.zeros(instance.requests, np.int64)
        price[0] = np.concatenate([nobody, numbers.gate_price, numbers.unit_price, [0]])
        bound[0] = numbers.proven(choices)
        state[0] = leaves.LEAF

    def _numbers(self, choices: Choices, flow: Flow) -> Numbers:
        """All numbers as whole ones where that is possible, else without what is too far away."""
        network = self._network
        cost = network.proof(choices, flow)[1]
        numbers = relative(network, flow, cost, coarser=FINENESS, most=_FAR)
        self._reach, self._exact = 2**62, True
        if np.abs(numbers.reduced).max() == _FAR or self.instance.size @ np.abs(self._dearest(numbers)) >= float(_WIDE):
            numbers = relative(network, flow, cost, coarser=FINENESS)
            self._reach, self._exact = numbers.proven(choices) + numbers.most, False
        if (numbers.reduced <= -numbers.most).any() or (numbers.cost <= -numbers.most).any():
            raise TooHard
        self._constant = numbers.constant
        return numbers

    def _dearest(self, numbers: Numbers) -> NDArray[np.float64]:
        """[R] how far the numbers of a request go."""
        farthest = np.abs(numbers.cost[self._stay :]).astype(float)
        np.maximum.at(farthest, self._network.request_of, np.abs(numbers.cost[: self._stay]).astype(float))
        return farthest

    def _wider(self, numbers: Numbers, fits: BoolArray) -> None:
        """What one place of a unit that grows may at most take off the bound, and what a placement costs at most."""
        network, instance = self._network, self.instance
        cost = numbers.cost[: self._stay]
        self._dear = np.maximum(0, numbers.unit_price)
        np.maximum.at(self._dear, network.gate_unit, numbers.gate_price)
        closed = np.flatnonzero(~fits[network.gate_of])
        np.maximum.at(self._dear, network.unit_of[closed], -cost[closed])
        self._highest = float(instance.size @ self._dearest(numbers))

    def _stand(self, persons: IntArray) -> None:
        """The placement as a flow."""
        network, size = self._network, self.instance.size
        homes = np.array(self.placement, np.int64)
        used = np.flatnonzero(homes[network.request_of] == network.unit_of)
        inside = size[network.request_of[used]]
        persons[used] = inside
        persons[network.stay] = np.where(homes == UNPLACED, size, 0)
        np.add.at(persons[network.through], network.gate_of[used], inside)
        np.add.at(persons[network.into_sink], network.unit_of[used], inside)

    def _grow(self) -> NDArray[np.intp]:
        """Twice as many rows; the new ones."""
        if 2 * sum(array.nbytes for array in self._store) > _STORE_BYTES_MAX:
            raise TooHard
        self._store = tuple(np.concatenate([array, np.zeros_like(array)]) for array in self._store)  # type: ignore[assignment]
        return np.arange(self._store[7].size // 2, self._store[7].size)

    def _search(
        self,
        pending: IntArray,
        rated: IntArray,
        cutoff: int,
        nodes_max: int,
        *,
        net: Net,
        unit: int = UNPLACED,
        shut: BoolArray,
        once: bool,
        tries_after: int = _TRIES_AFTER,
    ) -> Better:
        """Search on from some leaves, rated[N], in rows that are free."""
        goal = np.array([cutoff])
        best = np.full(self.instance.requests, UNPLACED, np.int64)
        nodes = np.zeros(2, np.int64)
        slots = np.flatnonzero(self._store[7] == leaves.FREE)
        while True:
            if self.limit.spent:
                raise TooHard
            known = int(nodes[0])
            nodes[1] = min(nodes_max, known + _NODES_AT_ONCE)
            ended = leaves.explored(
                slots,
                pending,
                rated,
                net,
                self._store,
                unit,
                shut,
                self.instance.places,
                goal,
                best,
                nodes,
                (_TRIES, tries_after),
                once,
            )
            self.limit.nodes += int(nodes[0]) - known
            if ended in (leaves.DONE, leaves.FOUND):
                placement = tuple(best.tolist()) if goal[0] != cutoff else None
                own = slots[self._store[7][slots] != leaves.FREE]
                return Better(placement, np.concatenate([pending[pending >= 0], own]))
            if ended == leaves.DISBELIEVED:
                raise UnprovenFlow
            if ended == leaves.FULL:
                slots = np.concatenate([slots, self._grow()])
            elif nodes[0] >= nodes_max:
                raise TooHard
