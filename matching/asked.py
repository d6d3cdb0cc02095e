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
from matching.eligibility import BoolArray, IntArray
from matching.model import UNPLACED, Instance, LevelAmounts, Placement
from matching.network import Network, UnprovenFlow
from matching.search import Limit, TooHard
from matching.words import Value

# Nodes searched between two looks at the time.
_NODES_AT_ONCE: Final = 100
# A proof or a question that takes more nodes is left to the search that closes and restarts; see `engine.Part`.
NODES_MAX: Final = 2_000
QUESTION_NODES_MAX: Final = 500
# Rows to begin with, and what they may take in all.
_ROWS: Final = 32
_STORE_BYTES_MAX: Final = 2**28
# Gates looked at before one is branched on: fewer leaves are worth more here than a short search.
_TRIES: Final = 8

_NOBODY: Final = np.zeros(0, np.int64)

# Numbers from here on are out of reach: three of them still add up in 64 bits.
NEVER: Final = 2**59


def _at_least(numbers: IntArray) -> IntArray:
    """Numbers as bounds: what is beyond reach downwards may be anything."""
    return np.where(numbers <= -NEVER, -(2**61), numbers)


@dataclass(frozen=True, slots=True)
class Better:
    """What a question found below its cutoff, None for nothing, and the leaves that prove it."""

    placement: Placement | None
    leaves: IntArray


class Asked:
    """The leaves of one part.

    `instance` may hold pairs for which a unit has too few places now: they count once a question gives it more. So
    `places` are those the part has, `instance.places` too. Raises TooHard where the proof takes too long, UnprovenFlow
    where a flow cannot be believed.
    """

    def __init__(self, instance: Instance, placement: Placement, limit: Limit) -> None:
        self.instance = instance
        self.placement = placement
        self.limit = limit
        self._network = Network(instance)
        self._stay = self._network.stay.start
        self._shape = (
            self._network.gate_size,
            self._network.unit_gates,
            np.array(
                [
                    self._stay,
                    self._network.through.start,
                    self._network.reserved.start,
                    self._network.into_sink.start,
                    self._network.into_sink.stop,
                ]
            ),
            self._network.gate_unit,
        )
        self._groups = (
            np.cumsum([0, *map(len, instance.groups)]),
            np.array([member for group in instance.groups for member in group], np.int64),
        )
        self._apart = np.array(instance.apart, np.int64).reshape(len(instance.apart), 2)
        self.leaves = np.array([0])
        self._first_row()

    def prove(self) -> "Asked":
        """Search until nothing can be better than the placement, or than a better one that is found and takes over."""
        nothing = np.full((1, self._network.words.count), -(2**62))
        everything = np.zeros(self._network.through.start, np.bool_)
        best = self._below(self.value(self.placement))
        found = self._search(
            self.leaves, nothing, best, NODES_MAX, shut=everything, places=self.instance.places, once=False
        )
        self.leaves = found.leaves
        if found.placement is not None:
            self.placement = found.placement
        return self

    def value(self, placement: Placement) -> Value:
        """All levels of a placement as one number."""
        return self._network.words.value(self.instance.amounts(placement))

    def value_of(self, amounts: LevelAmounts) -> Value:
        """Levels as one number."""
        return self._network.words.value(amounts)

    # --- questions ----------------------------------------------------------------------------------------------------

    def below(
        self,
        cutoff: Value | None,
        *,
        shut: BoolArray | None = None,
        requests: IntArray = _NOBODY,
        unit: int = UNPLACED,
        places: int = 0,
        of: IntArray | None = None,
        once: bool = False,
    ) -> Better:
        """The best placement with a value below the cutoff (None: whatever it is).

        shut[A + R]: arcs and stays outside that are closed, `requests` those they are of · unit: one that has so many
        `places` · of: the leaves to go on from, if not those of the optimum · once: the first such placement will do.
        Keeps the rows of its leaves until `forget`.
        """
        shut = np.zeros(self._network.through.start, np.bool_) if shut is None else shut
        of = self.leaves if of is None else of
        room = self.instance.places
        if unit != UNPLACED:
            room = room.copy()
            room[unit] = places
        limit = self._below(cutoff)
        wanted, rated = np.zeros(of.size, np.bool_), np.zeros((of.size, self._network.words.count), np.int64)
        count = leaves.reopened(
            of,
            self._graph,
            *self._listed,
            self._tables,
            self._shape,
            self.instance.private,
            self._store,
            requests,
            unit,
            shut,
            self.instance.places,
            room,
            limit,
            wanted,
            rated,
        )
        if count == 0:
            return Better(None, of)
        found = self._search(
            of[wanted], rated[wanted], limit, QUESTION_NODES_MAX, unit=unit, shut=shut, places=room, once=once
        )
        return Better(found.placement, np.concatenate([of[~wanted], found.leaves]))

    def gaps(self, requests: Sequence[int], *, placed: bool, of: IntArray | None = None) -> IntArray:
        """[N, Q] by how much the bound of each leaf rises when one of some requests has to be placed, or is left out.

        As `Words.joined`, with `NEVER` where it cannot be in that leaf; what two of them add to a bound adds up. `of`:
        the leaves of a question, if not those of the optimum.
        """
        asked, words = np.array(requests, np.int64), self._network.words
        of = self.leaves if of is None else of
        gain = np.zeros((of.size, asked.size, words.count), np.int64)
        possible = np.zeros(gain.shape[:2], np.bool_)
        leaves.gained(
            of,
            self._graph,
            *self._listed,
            self._store,
            self._stay,
            asked,
            np.full(asked.size, placed),
            gain,
            possible,
        )
        found = _at_least(words.joined(gain.reshape(-1, words.count), NEVER).reshape(possible.shape))
        found[~possible] = NEVER
        return found

    def above(self, of: IntArray | None = None) -> IntArray:
        """[N] how far the bound of each leaf is above the placement (it may be below), as `gaps`."""
        bound = self._store[5][self.leaves if of is None else of]
        return _at_least(self._network.words.joined(bound - np.array(self.value(self.placement), np.int64), NEVER))

    def worse(self, value: Value) -> int:
        """How much worse than the placement a value is, as `gaps`; no less than it is where that is out of reach."""
        apart = np.array([value], np.int64) - np.array(self.value(self.placement), np.int64)
        found = int(self._network.words.joined(apart, NEVER)[0])
        return found if found < NEVER else 2**62

    def placing(self, request: int, units: Iterable[int] | None = None) -> BoolArray:
        """What is shut where a request has to be placed, `units`: in one of these."""
        shut = np.zeros(self._network.through.start, np.bool_)
        shut[self._stay + request] = True
        if units is not None:
            own = self._arcs(request)
            shut[own] = ~np.isin(self._network.unit_of[own], list(units))
        return shut

    def leaving_out(self, request: int) -> BoolArray:
        """What is shut where a request is left out."""
        shut = np.zeros(self._network.through.start, np.bool_)
        shut[self._arcs(request)] = True
        return shut

    def avoiding(self, requests: Sequence[int], location: int) -> BoolArray:
        """What is shut where some requests may not be at a location."""
        network = self._network
        shut = np.zeros(network.through.start, np.bool_)
        if requests:
            there = self.instance.location[network.unit_of] == location
            shut[: self._stay] = there & np.isin(network.request_of, requests)
        return shut

    def forget(self, kept: IntArray | None = None) -> None:
        """Free all rows but those of the optimum's leaves and `kept`."""
        state = self._store[6]
        free = np.ones(state.size, np.bool_)
        free[self.leaves] = False
        if kept is not None:
            free[kept] = False
        state[free] = leaves.FREE

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _arcs(self, request: int) -> NDArray[np.intp]:
        row, listed = self._listed[0][0], self._listed[1][0]
        arcs = listed[row[request] : row[request + 1]]
        return arcs[arcs < self._stay]

    def _below(self, value: Value | None) -> IntArray:
        if value is None:
            return np.full((1, self._network.words.count), 2**62, np.int64)
        return np.array([self._network.improvable(value)], np.int64)

    def _first_row(self) -> None:
        """The root: all that the rules allow, with the flow that the placement is."""
        network, instance = self._network, self.instance
        choices, flow = network.everything(), network.no_flow()
        assert choices is not None
        fits = network.gate_size <= instance.places[network.gate_unit]
        choices.capacity[: self._stay][~fits[network.gate_of]] = 0
        if any(any(drop) for drop in instance.drop) or any(amounts.any() for amounts in instance.pair):
            network.route(choices, flow)
            if instance.groups:
                network.agree(flow)
                network.route(choices, flow)
        else:  # nothing to be proven, only room to be found: what there is does for a start
            self._stand(flow.persons)
        self._graph, self._listed = network.graph, network.listed
        self._tables = network.request_of, network.gate_row
        limit = np.where(instance.private[network.gate_unit], np.minimum(network.parties, 1), network.parties)
        self._store: leaves.Store = (
            np.zeros((_ROWS, choices.capacity.size), np.int64),
            np.zeros((_ROWS, choices.capacity.size), np.int64),
            np.zeros((_ROWS, network.gates), np.int64),
            np.zeros((_ROWS, network.gates), np.int64),
            np.zeros((_ROWS, network.sink + 1, network.words.count), np.int64),
            np.zeros((_ROWS, network.words.count), np.int64),
            np.zeros(_ROWS, np.int64),
            np.full(_ROWS, -1, np.int64),
        )
        capacity, persons, _, limits, price, bound, state, _ = self._store
        capacity[0], persons[0], limits[0], price[0] = choices.capacity, flow.persons, limit, flow.price
        bound[0] = network.proof(choices, flow)[1]
        state[0] = leaves.LEAF

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

    def _grow(self) -> None:
        if 2 * sum(array.nbytes for array in self._store) > _STORE_BYTES_MAX:
            raise TooHard
        self._store = tuple(np.concatenate([array, np.zeros_like(array)]) for array in self._store)  # type: ignore[assignment]

    def _search(
        self,
        pending: IntArray,
        rated: IntArray,
        cutoff: IntArray,
        nodes_max: int,
        *,
        unit: int = UNPLACED,
        shut: BoolArray,
        places: IntArray,
        once: bool,
    ) -> Better:
        """Search on from some leaves, rated[N, W], in rows that are free."""
        network, before = self._network, cutoff.copy()
        best = np.full(self.instance.requests, UNPLACED, np.int64)
        nodes, own = np.zeros(2, np.int64), np.zeros(0, np.int64)
        placement: Placement | None = None
        while True:
            if self.limit.spent:
                raise TooHard
            slots = np.concatenate([own, np.flatnonzero(self._store[6] == leaves.FREE)])
            known = int(nodes[0])
            nodes[1] = min(nodes_max, known + _NODES_AT_ONCE)
            ended = leaves.explored(
                slots,
                pending,
                rated,
                self._graph,
                *self._listed,
                self._tables,
                self._shape,
                self.instance.private,
                unit,
                shut,
                self.instance.places,
                places,
                self.instance.size,
                network.unit_of,
                self.instance.location,
                self._groups,
                self._apart,
                self._store,
                cutoff,
                best,
                nodes,
                _TRIES,
                once,
            )
            self.limit.nodes += int(nodes[0]) - known
            own = slots[self._store[6][slots] != leaves.FREE]
            if (cutoff != before).any():
                placement = tuple(best.tolist())
            if ended in (leaves.DONE, leaves.FOUND):
                return Better(placement, np.concatenate([pending[pending >= 0], own]))
            if ended == leaves.DISBELIEVED:
                raise UnprovenFlow
            if ended == leaves.FULL:
                self._grow()
            elif nodes[0] >= nodes_max:
                raise TooHard
