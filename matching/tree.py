"""The tree of the search: the numbers of a root in one word, its nodes in rows, and the best answer met.

`branch` says what is searched, `descent` does it.
"""

from dataclasses import dataclass, replace

import numpy as np

from matching import kernels
from matching.descent import DONE, SMALLER, explore
from matching.eligibility import IntArray
from matching.model import UNPLACED, Placement
from matching.network import LARGEST, Choices, Flow, Network, relative
from matching.words import FINENESS, Value

# What `Tree.explore` ends with when something better than the best known would be beyond what one word holds.
TOO_FAR = 5

# From so many nodes on several gates are tried before one is branched on: a long search gets much shorter.
CANDIDATES_AFTER = 30
# Rounds of the second bound at a node, and at the root: in small parts more take longer than the nodes they save.
ROUNDS, ROOT_ROUNDS, SMALL_ROOT_ROUNDS = 0, 200, 30
# A better answer found within so many nodes closes more than starting again costs.
RESTART_NODES_MAX = 400
# In parts of so many requests the best is first looked for in this part of the gap to the best known, above the bound;
# if it is not there, in a stretch longer by this factor, and so on.
WINDOW_FROM, WINDOW_SHARE, FURTHER = 100, 4, 2
# What the nodes of one tree may take, in bytes, and how many there may be.
_BYTES_MAX, _NODES_MAX, _SLOTS_MIN = 2**28, 4_096, 64


@dataclass(frozen=True, slots=True)
class _Root:
    """What is open at the root, arcs into gates as request, gate and cost; the rest as in `Network` and `explore`."""

    request: IntArray
    gate: IntArray
    cost: IntArray
    out: IntArray
    capacity: IntArray
    flow: IntArray
    least: IntArray
    most: IntArray
    worth: IntArray
    price: IntArray
    bound: int


class Tree:
    """The tree below one root, in numbers of one word; made by `scaled`.

    offset: what has to be added to a number of the tree to get the one it stands for.
    """

    def __init__(self, network: Network, root: _Root, offset: int, goal: IntArray, farthest: int) -> None:
        self._network, self._offset, self._goal, self._farthest = network, offset, goal, farthest
        self._rounds = ROOT_ROUNDS if network.instance.requests >= WINDOW_FROM else SMALL_ROOT_ROUNDS
        self._placed = np.full(network.instance.requests, UNPLACED, np.int64)
        self._first = root
        self._window = self._looked_at = 0
        self._counts = np.zeros(8, np.int64)
        self._build(root)

    @classmethod
    def scaled(
        cls, network: Network, choices: Choices, flow: Flow, cost: Value, target: Value, worth: IntArray | None
    ) -> "Tree | None":
        """Costs relative to the prices of a cheapest flow, which costs so much, no finer than matters; None if one word
        does not hold what does.

        The cost of any flow is a constant plus what it pays in reduced costs. By weak duality nothing better than the
        target uses an arc whose reduced cost is the gap between the target and what the prices prove, or leaves free
        one for which it is minus that. So numbers beyond the gap may be cut off there: the cost of all that is better
        stays what it is, and of the rest that it is no better.
        """
        instance, words = network.instance, network.words
        if choices.least.any():
            return None
        numbers = relative(network, flow, cost)
        gap_max, reduced = numbers.most, numbers.reduced
        usable = choices.capacity > 0
        proven = numbers.proven(choices)
        goal = words.whole(target) - numbers.constant
        gap = min(goal - proven, gap_max)
        arcs = network.request_of.size
        kept = np.flatnonzero(usable[:arcs] & (reduced[:arcs] < gap))
        out = reduced[network.stay]
        stays = choices.capacity[network.stay] * (out < gap)
        own = np.zeros((instance.requests, words.count), np.int64) if worth is None else worth - network.gains_of(flow)
        rest = slice(network.through.start, None)
        root = _Root(
            request=network.request_of[kept],
            gate=network.gate_of[kept],
            cost=numbers.cost[kept],
            out=out,
            capacity=np.concatenate([choices.capacity[kept], stays, choices.capacity[rest]]),
            flow=np.concatenate([flow.persons[kept], flow.persons[network.stay], flow.persons[rest]]),
            least=choices.least,
            most=choices.most,
            worth=words.joined(words.carried(own), gap_max),
            price=np.concatenate([np.zeros(instance.requests, np.int64), numbers.gate_price, numbers.unit_price, [0]]),
            bound=proven,
        )
        best = min(goal, LARGEST)
        share = WINDOW_SHARE if instance.requests >= WINDOW_FROM else 0
        limits = np.array([proven + gap, 0, 2 * gap_max, FINENESS - 1, 0, best, share, proven, proven + gap_max])
        return cls(network, root, numbers.constant, limits, proven + gap)

    def _build(self, root: _Root) -> None:
        """The network of what is open at the root, and room for its nodes."""
        network, instance = self._network, self._network.instance
        requests, units, gates = instance.requests, instance.units, network.gates
        gate_nodes, unit_nodes, sink = requests + np.arange(gates), requests + gates + np.arange(units), network.sink
        tail = np.concatenate([root.request, np.arange(requests), gate_nodes, gate_nodes, unit_nodes])
        head = np.concatenate(
            [
                requests + root.gate,
                np.full(requests, sink),
                requests + gates + network.gate_unit,
                np.full(gates + units, sink),
            ]
        )
        self._root = root
        self._net = (
            tail,
            head,
            np.concatenate([root.cost, root.out, np.zeros(2 * gates + units, np.int64)]),
            *kernels.listed(tail, sink + 1),
            *kernels.listed(head, sink + 1),
            np.searchsorted(root.gate, np.arange(gates + 1)),
            network.gate_size,
            network.gate_unit,
            network.unit_gates,
            instance.size,
            instance.places,
            instance.private.astype(np.int64),
            *network.links,
            np.lexsort((np.arange(requests), -root.out)),
        )
        parts = (
            np.array([root.bound, 0, 0]),
            root.capacity,
            root.flow,
            root.least,
            root.most,
            root.worth,
            root.price,
        )
        self._ends = np.cumsum([len(part) for part in parts])
        slots = max(_SLOTS_MIN, min(_NODES_MAX, _BYTES_MAX // (8 * int(self._ends[-1]))))
        self._rows = np.empty((slots, int(self._ends[-1])), np.int64)
        np.concatenate(parts, out=self._rows[0])
        self._opened, self._free = np.zeros(slots, np.int64), np.zeros(slots - 1, np.int64)
        self._counts[:] = 0
        self._counts[3] = self._looked_at
        most = np.bincount(network.gate_unit, weights=root.most, minlength=units)
        persons = np.bincount(network.gate_unit, weights=root.most * network.gate_size, minlength=units)
        width = 1 + int(np.minimum(persons, instance.places).max(initial=0))
        across = 1 + int(np.diff(network.unit_gates).max(initial=0))
        parties = 1 + int(most.max(initial=0))
        self._packing = (
            np.zeros((across, width), np.int64),
            np.zeros((across, width), np.int64),
            np.zeros(parties, np.int64),
            np.zeros(parties, np.int64),
            np.zeros((3, across), np.int64),
            np.zeros(requests, np.int64),
            np.zeros(requests, np.int64),
        )

    def _further(self) -> None:
        """Nothing is nearer to the bound than the goal: look further."""
        bound = int(self._goal[0])
        worth = self._rows[0, self._ends[4] : self._ends[5]].copy()
        self._window *= FURTHER
        self._goal[0] = min(bound + self._window, self._goal[5], self._farthest)
        self._build(replace(self._first, bound=bound, worth=worth))

    def _smaller(self) -> None:
        """The same without what is closed at the root."""
        bound, capacity, flow, least, most, worth, price = np.split(self._rows[0], self._ends[:-1])
        old, arcs = self._root, self._root.request.size
        kept = np.flatnonzero(capacity[:arcs])
        self._build(
            _Root(
                old.request[kept],
                old.gate[kept],
                old.cost[kept],
                old.out,
                np.concatenate([capacity[kept], capacity[arcs:]]),
                np.concatenate([flow[kept], flow[arcs:]]),
                least.copy(),
                most.copy(),
                worth.copy(),
                price.copy(),
                int(bound[0]),
            )
        )

    def explore(self, nodes: int) -> int:
        """Go on for about so many nodes; see the function `explore`. Never ends with `SMALLER`."""
        until = int(self._counts[3]) + nodes
        while True:
            ended = explore(
                self._net,
                self._rows,
                self._opened,
                self._free,
                self._counts,
                self._goal,
                self._placed,
                self._packing,
                (until, CANDIDATES_AFTER, ROUNDS, self._rounds, RESTART_NODES_MAX),
            )
            self._looked_at = int(self._counts[3])
            if ended == SMALLER:
                self._smaller()
            elif ended == DONE and self._goal[0] < self._goal[5]:
                if self._window == 0:
                    self._window = max(1, int(self._goal[0] - self._goal[7]))
                if self._goal[0] >= self._farthest:
                    return TOO_FAR
                self._further()
            else:
                return ended

    @property
    def nodes(self) -> int:
        """Nodes looked at so far."""
        return int(self._counts[3])

    @property
    def answers(self) -> int:
        """Better answers met so far."""
        return int(self._goal[4])

    @property
    def answer(self) -> tuple[Placement, Value]:
        """The best placement met, and what it should be worth."""
        return tuple(self._placed.tolist()), self._network.words.apart(self._offset + int(self._goal[1]))

    def least_bound(self) -> Value:
        """No answer below is better than this or the best known."""
        opened = self._opened[: self._counts[0]]
        rows = self._rows[opened, 0] if len(opened) else self._rows[:1, 0]
        return self._network.words.apart(self._offset + max(int(self._goal[7]), int(rows.min())))
