"""Branch and bound on the flow: the exact search of one connected part.

Every node narrows what is open (`network.Choices`). Its bound is the cheapest flow, in which parties may be split: one
number that compares like the levels. A flow of whole parties that keeps every link *is* the optimum of its node;
otherwise the search branches on exactly what the flow violates:

- a group not at one location: at the location most of it is at, or not there;
- two that must be apart at one location: the first there and the second not, or the first not there;
- a party partly outside: it is placed, or it stays outside;
- a gate with a fraction of a party, or a private unit with two: at most the whole ones, or one more than that;
- a party split although all numbers are whole: in the unit most of it is in, or not in it.

The first answers come from diving into the better child. Each better answer closes, by a second bound in which units
choose whole parties by themselves, what leads to nothing better still; the search starts again on what is left.
"""

import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from matching.descent import CROWDED, DISBELIEVED, DONE
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, Placement
from matching.network import Choices, Flow, Network, UnprovenFlow
from matching.search import Found, Limit, TooHard
from matching.tree import TOO_FAR, Tree
from matching.words import Value

# How many gates are tried before one is branched on. One is enough for a short search; a long one gets much shorter.
CANDIDATES_MAX = 8
CANDIDATES_AFTER = 30
# The most nodes between two looks at the time.
STEP_NODES = 50
# A better answer found within so many nodes closes more than starting again costs.
RESTART_NODES_MAX = 400
# Parts of so many requests are rounded, a third of what is open at a time, before they are branched on.
DIVE_FROM = 100
DIVE_SHARE = 3
DIVE_FAILURES_MAX = 3
# In larger networks the way back from the end of a dive takes longer than it saves.
RETURN_ARCS_MAX = 100_000
# Rounds of the second bound at the root: one per request, while that stays within a tenth of a second or so.
ASCENT_ARCS_MAX = 10_000_000

Narrowing = Callable[[Choices], bool]
"""Takes away what one branch excludes, in place; False if nothing can be left."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A node that may hold something better: its bound, what is open there, and its cheapest flow."""

    bound: Value
    choices: Choices
    flow: Flow


@dataclass(frozen=True, slots=True)
class _Link:
    """A group not together or two not apart: the location it is about, who is concerned, and the branches.

    mild: what keeps the link without placing anybody, so that it is never impossible.
    """

    location: int
    requests: tuple[int, ...]
    branches: list[Narrowing]
    mild: Narrowing


@dataclass(frozen=True, slots=True)
class _Fraction:
    """A gate that lets in `count` whole parties and `part` of another; 1 for a whole one too many in a private unit."""

    gate: int
    count: int
    part: float


class BranchSearch:
    """One run on one instance. `nodes_max`: stop after so many; `network`: that of the instance, if there is one."""

    def __init__(
        self,
        instance: Instance,
        limit: Limit,
        incumbent: Placement | None,
        nodes_max: int | None,
        network: Network | None = None,
    ) -> None:
        self.instance = instance
        self.limit = limit
        self.nodes_max = nodes_max
        self.network = Network(instance) if network is None else network
        self.best = incumbent
        self.best_value = None if incumbent is None else self.value(incumbent)
        self._nodes = 0
        self._linked = np.zeros(instance.requests, np.bool_)
        self._linked[[request for link in (*instance.groups, *instance.apart) for request in link]] = True
        self._worth: NDArray[np.int64] | None = None

    def value(self, placement: Placement) -> Value:
        """All levels of a placement as one number."""
        return self.network.words.value(self.instance.amounts(placement))

    def routed(self) -> tuple[Choices, Flow] | None:
        """All that the rules allow, with its cheapest flow; None if somebody who must be placed cannot be.

        Raises TooHard where the limit ends first, UnprovenFlow where the flow cannot be believed.
        """
        choices, flow = self.network.everything(), self.network.no_flow()
        if choices is None or self.network.route(choices, flow, self.limit) is None:
            return None
        if self.instance.groups:
            self.network.agree(flow)
        return choices, flow

    def run(self, cutoff: Value | None = None, start: tuple[Choices, Flow] | None = None) -> Found:
        """Search until nothing is left that could be better, or the effort is spent.

        `cutoff`: only answers better than this are wanted (for tests: the optimum plus one must find the optimum).
        `start`: what is open and any flow on this network, if not all that the rules allow. Raises TooHard where the
        limit ends before there is a bound, UnprovenFlow where a flow cannot be believed.
        """
        if cutoff is not None:
            self.best, self.best_value = None, cutoff
        start = self.routed() if start is None else start
        root = None if start is None else self._rated(*start)
        if root is not None and cutoff is None and self.instance.requests >= DIVE_FROM:
            with suppress(TooHard):
                root = self._dive(root)
            if self.limit.spent:
                return self._unproven(root.bound)
        if root is not None and (found := self._narrow_run(root, rounding=cutoff is None)) is not None:
            return found
        while root is not None:
            again, left = self._explore(root)
            if left is not None:
                return self._unproven(left)
            root = self._sharpened(root) if again else None
        return self._proven()

    def _narrow_run(self, root: _Node, *, rounding: bool) -> Found | None:
        """`run` below the root in numbers of one word (`tree`); None where they do not fit in one."""
        if rounding:
            near = greedy(self.instance, self._whole(root.flow))
            if self.instance.allows(near):
                self._keep(near)
        if self.best_value is None:
            return None
        target = self.network.improvable(self.best_value)
        tree = Tree.scaled(self.network, root.choices, root.flow, root.bound, target, self._worth)
        if tree is None:
            return None
        answers, step, began = 0, 1, time.perf_counter()
        while True:
            nodes = tree.nodes
            ended = tree.explore(step)
            for _ in range(nodes, tree.nodes):
                self._nodes += 1
                self.limit.count_node()
            step = self.limit.affords((time.perf_counter() - began) / tree.nodes, self._left(STEP_NODES))
            if ended == DISBELIEVED:
                raise UnprovenFlow
            if tree.answers > answers:
                answers = tree.answers
                placement, value = tree.answer
                if not self.instance.allows(placement) or self.value(placement) != value:
                    raise UnprovenFlow
                self.best, self.best_value = placement, value
            if ended == TOO_FAR:
                return None
            if ended == DONE:
                return self._proven()
            if ended == CROWDED or self._spent():
                return self._unproven(tree.least_bound())

    def rounded(self, start: tuple[Choices, Flow]) -> Placement | None:
        """The best answer on one way down from a cheapest flow: no proof, but an answer to what is too large to search.

        Unlike a dive it goes to the end whatever it costs: what the flow loses on the way is little beside what an
        answer that knows no prices loses.
        """
        choices, flow = start
        node = _Node((), choices, flow)
        while True:
            answer = greedy(self.instance, self._whole(node.flow))
            if self.instance.allows(answer):
                self._keep(answer)
            settled = None if self._spent() else self._settled(node, 1 / DIVE_SHARE)
            if settled is None or settled.same(node.choices):  # a group partly outside is left to the answer
                return self.best
            if not self.network.route_within(settled, node.flow, self.limit):
                return self.best
            self.limit.count_node()
            node = _Node((), settled, node.flow)
        return self.best

    # --- the tree -----------------------------------------------------------------------------------------------------

    def _explore(self, root: _Node) -> tuple[bool, Value | None]:
        """Search below a node, diving first, then where the bound is best.

        Returns whether a better answer was found early enough for starting again to pay, and the least bound still
        open when the effort was spent.
        """
        queue: list[tuple[Value, int, int, _Node]] = []
        node: _Node | None = root
        depth = age = 0
        start, known = self._nodes, self.best_value
        while True:
            if node is None:
                if not queue:
                    return False, None
                if self.best_value != known and self._nodes - start < RESTART_NODES_MAX:
                    return True, None
                _, depth, _, node = heapq.heappop(queue)
            if self._hopeless(node.bound):
                node = None
                continue
            if self._spent():
                return False, min([node.bound, *(entry[0] for entry in queue)])
            children = sorted(self._children(node), key=lambda child: child.bound)
            depth -= 1
            for child in children[1:]:
                age += 1
                heapq.heappush(queue, (child.bound, depth, age, child))
            node = children[0] if children else None

    def _proven(self) -> Found:
        return Found(self.best, True, () if self.best is None else self.instance.amounts(self.best))

    def _unproven(self, bound: Value) -> Found:
        if self.best is None:
            return Found(None, False)
        return Found(self.best, False, self.network.words.least_amounts(bound, self.instance.amounts(self.best)))

    def _spent(self) -> bool:
        return self.limit.spent or self._left(1) <= 0

    def _left(self, most: int) -> int:
        """How many nodes may yet be looked at, `most` at most."""
        return most if self.nodes_max is None else min(most, self.nodes_max - self._nodes)

    def _hopeless(self, bound: Value) -> bool:
        """Whether nothing with this bound can be better than the best known."""
        return self.best_value is not None and bound >= self.network.improvable(self.best_value)

    def _rated(self, choices: Choices, flow: Flow) -> _Node | None:
        """A node if it may hold something better and is not yet an answer; a better answer is kept."""
        self._nodes += 1
        self.limit.count_node()
        bound = self.network.route(choices, flow, self.limit)
        if bound is None or self._hopeless(bound):
            return None
        if (placement := self._answer(flow)) is not None:
            self._keep(placement)
            return None
        return _Node(bound, choices, flow)

    def _answer(self, flow: Flow) -> Placement | None:
        """The placement a flow is, if it splits nobody and keeps every rule."""
        used = flow.persons[: self.network.stay.start].nonzero()[0]
        if (flow.persons[used] != self.instance.size[self.network.request_of[used]]).any():
            return None
        placement = self._whole(flow)
        return placement if self.instance.allows(placement) else None

    def _dive(self, root: _Node) -> _Node:
        """Look for a good answer: settle a share of what the flow violates at once, let it adapt, and again.

        On the way whoever the flow keeps whole stays there and the rest goes where it fits. The prices at the end know
        what whole parties cost, so the search goes on from them; with what leads to nothing better closed.
        """
        node, share, failed = root, 1 / DIVE_SHARE, 0
        while failed < DIVE_FAILURES_MAX:
            rounded = greedy(self.instance, self._whole(node.flow))
            if self.instance.allows(rounded):
                self._keep(rounded)
            choices = self._settled(node, share)
            if choices is None or self._spent():
                break
            deeper = self._rated(choices, node.flow.copy())
            if deeper is None:
                share, failed = share / DIVE_SHARE, failed + 1
            else:
                node = deeper
        self._worth = self.network.gains_of(node.flow)
        if self.network.request_of.size <= RETURN_ARCS_MAX:
            flow = node.flow.copy()
            self.network.route(root.choices, flow)
            root = _Node(root.bound, root.choices, flow)
        return root

    def _settled(self, node: _Node, share: float) -> Choices | None:
        """Some links the flow violates kept, and some gates rounded, the surest first; None if none are left."""
        choices = node.choices.copy()
        taken: set[int] = set()
        violated = list(self._links(node))
        for link in violated[: ceil(share * len(violated))]:
            if not taken & {link.location, *link.requests}:
                taken |= {link.location, *link.requests}
                (link.branches[0] if self.instance.most is None else link.mild)(choices)
        surest = sorted(self._fractions(node), key=lambda one: (-abs(one.part - 0.5), one.gate))
        for one in surest[: ceil(share * len(surest))]:
            trial = choices.copy()
            if self._count(one, up=one.part >= 0.5)(trial):
                choices = trial
        return choices if violated or surest else None

    def _whole(self, flow: Flow) -> Placement:
        """Where a flow puts those it puts in one unit; the others `UNPLACED`."""
        used = flow.persons[: self.network.stay.start].nonzero()[0]
        requests = self.network.request_of[used]
        whole = flow.persons[used] == self.instance.size[requests]
        placement = [UNPLACED] * self.instance.requests
        for request, unit in zip(requests[whole].tolist(), self.network.unit_of[used[whole]].tolist(), strict=True):
            placement[request] = unit
        return tuple(placement)

    def _keep(self, placement: Placement) -> None:
        """Remember an answer if it is the best so far."""
        value = self.value(placement)
        if self.best_value is None or value < self.best_value:
            self.best, self.best_value = placement, value

    def _sharpened(self, root: _Node) -> _Node | None:
        """The root without what leads to nothing better than the best known; None if nothing is left."""
        assert self.best_value is not None
        if self._worth is None:
            self._worth = self.network.gains_of(root.flow)
        rounds = min(self.instance.requests, 1 + ASCENT_ARCS_MAX // (1 + self.network.request_of.size))
        packed = self.network.unit_bound(root.choices, self._worth, self.best_value, rounds, closing=True)
        if packed is None or self._hopeless(packed.bound):
            return None
        choices, flow = root.choices.copy(), root.flow.copy()
        choices.capacity[: self.network.stay.start][packed.drop] = 0
        choices.capacity[self.network.stay][packed.drop_out] = 0
        flow.persons[: self.network.stay.start][packed.drop] = 0
        self.network, choices, flow = self.network.reduced(choices, flow)
        return self._rated(choices, flow)

    @property
    def core(self) -> Instance:
        """What may still be better than the best known: the instance without the arcs closed for good."""
        arcs = self.instance.arcs_at(self.network.request_of, self.network.unit_of)
        return self.instance.kept(np.sort(arcs[arcs >= 0]))  # a question closes pairs that its network still has

    # --- branching ----------------------------------------------------------------------------------------------------

    def _children(self, node: _Node) -> list[_Node]:
        link = next(self._links(node), None)
        branches = self._outside_branches(node) if link is None else link.branches
        if branches is not None:
            return self._opened(node, branches)
        children: list[_Node] | None = None
        # Looking at several pays once the search turns out not to be short.
        wanted = CANDIDATES_MAX if self._nodes >= CANDIDATES_AFTER else 1
        for one in self._fractions(node)[:wanted]:
            pair = [self._count(one, up=True), self._count(one, up=False)]
            opened = self._opened(node, pair)
            if len(opened) < len(pair):
                return opened
            if children is None or _least_and_most(opened) > _least_and_most(children):
                children = opened
        return self._opened(node, self._split_branches(node)) if children is None else children

    def _opened(self, node: _Node, branches: list[Narrowing]) -> list[_Node]:
        """The branches that may hold something better."""
        opened = []
        for narrow in branches:
            choices = node.choices.copy()
            if narrow(choices) and (child := self._rated(choices, node.flow.copy())) is not None:
                opened.append(child)
        # A later branch may have found an answer that makes an earlier one hopeless.
        return [child for child in opened if not self._hopeless(child.bound)]

    def _links(self, node: _Node) -> Iterator[_Link]:
        """Every group that is not together, then every two that are not apart."""
        if not self._linked.any():
            return
        network, location = self.network, self.instance.location
        homes: dict[int, dict[int, int]] = {}
        used = node.flow.persons[: network.stay.start].nonzero()[0]
        for arc in used[self._linked[network.request_of[used]]].tolist():
            at = homes.setdefault(int(network.request_of[arc]), {})
            here = int(location[network.unit_of[arc]])
            at[here] = at.get(here, 0) + int(node.flow.persons[arc])
        for group in self.instance.groups:
            shares: dict[int, int] = {}
            for member in group:
                for here, persons in homes.get(member, {}).items():
                    shares[here] = shares.get(here, 0) + persons
            outside = node.flow.persons[network.stay][list(group)].any()
            if shares and (len(shares) > 1 or outside):
                most = max(shares, key=lambda here: (shares[here], -here))
                branches = [self._confine(list(group), most), self._exclude(list(group), most)]
                yield _Link(most, group, branches, _closing(self._arcs_of(list(group), most)[1]))
        for a, b in self.instance.apart:
            shared = homes.get(a, {}).keys() & homes.get(b, {}).keys()
            if shared:
                here = min(shared)
                first_there = _both(self._confine([a], here), self._exclude([b], here))
                yield _Link(here, (a, b), [first_there, self._exclude([a], here)], self._exclude([b], here))

    def _arcs_of(self, requests: list[int], location: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Their arcs into units at a location, and their other arcs."""
        own = np.flatnonzero(np.isin(self.network.request_of, requests))
        there = self.instance.location[self.network.unit_of[own]] == location
        return own[there], own[~there]

    def _confine(self, requests: list[int], location: int) -> Narrowing:
        """All of them placed at this location."""
        _, elsewhere = self._arcs_of(requests, location)
        return _closing(np.concatenate([elsewhere, self.network.stay.start + np.array(requests)]))

    def _exclude(self, requests: list[int], location: int) -> Narrowing:
        """None of them at this location."""
        there, _ = self._arcs_of(requests, location)
        return _closing(there)

    def _outside_branches(self, node: _Node) -> list[Narrowing] | None:
        """First those partly outside: that is what the most important levels are about."""
        outside = node.flow.persons[self.network.stay]
        partly = np.flatnonzero((outside > 0) & (outside < self.instance.size))
        if partly.size == 0:
            return None
        request = int(partly[0])
        own = np.flatnonzero(self.network.request_of == request)
        return [_closing(np.array([self.network.stay.start + request])), _closing(own)]

    def _fractions(self, node: _Node) -> list[_Fraction]:
        """Gates with a fraction of a party, or of a private unit with two, the full units and large sizes first."""
        network, persons = self.network, node.flow.persons
        inside = persons[network.through] + persons[network.reserved]
        whole, part = np.divmod(inside, network.gate_size)
        full = persons[network.into_sink] == node.choices.capacity[network.into_sink]
        doubled = np.bincount(network.gate_unit, weights=inside > 0, minlength=self.instance.units) > 1
        doubled &= self.instance.private
        open_gates = (node.choices.most > node.choices.least) & (whole >= node.choices.least)
        listed = np.flatnonzero(open_gates & ((part > 0) | ((inside > 0) & doubled[network.gate_unit])))
        share = part[listed] / network.gate_size[listed]
        order = np.lexsort((listed, np.abs(share - 0.5), -network.gate_size[listed], ~full[network.gate_unit[listed]]))
        return [
            _Fraction(gate, count if at else 0, at or 1.0)
            for gate, count, at in zip(
                listed[order].tolist(), whole[listed[order]].tolist(), share[order].tolist(), strict=True
            )
        ]

    def _count(self, one: _Fraction, *, up: bool) -> Narrowing:
        """More parties than the whole ones through a gate, or no more than those."""

        def narrow(choices: Choices) -> bool:
            if up:
                choices.least[one.gate] = one.count + 1
            else:
                choices.most[one.gate] = one.count
            return self.network.settle(choices, int(self.network.gate_unit[one.gate]))

        return narrow

    def _split_branches(self, node: _Node) -> list[Narrowing]:
        """The largest split party first: it has the fewest units it could go to instead."""
        persons = node.flow.persons[: self.network.stay.start]
        used = persons.nonzero()[0]
        parts = np.bincount(self.network.request_of[used], minlength=self.instance.requests)
        split = np.flatnonzero(parts > 1)
        if split.size == 0:
            raise AssertionError("a flow without violation was not taken as an answer")
        request = max(split.tolist(), key=lambda at: (int(self.instance.size[at]), -at))
        own = np.flatnonzero(self.network.request_of == request)
        arc = int(own[persons[own].argmax()])
        elsewhere = np.append(own[own != arc], self.network.stay.start + request)
        return [_closing(elsewhere), _closing(np.array([arc]))]


def _closing(arcs: NDArray[np.intp]) -> Narrowing:
    """Without these arcs."""

    def narrow(choices: Choices) -> bool:
        choices.capacity[arcs] = 0
        return True

    return narrow


def _both(one: Narrowing, other: Narrowing) -> Narrowing:
    return lambda choices: one(choices) and other(choices)


def _least_and_most(nodes: list[_Node]) -> tuple[Value, Value]:
    return min(node.bound for node in nodes), max(node.bound for node in nodes)
