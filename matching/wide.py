"""Problems with too many pairs to list: only pairs that could matter are, and prices prove that the others do not.

The bound is that of `network`, and the search that of `branch`, on a list of candidates that grows: at the prices of
the cheapest flow through the candidates every request is offered its best units of all (`kernels.cheapest_units` looks
at every pair, none is kept); whoever is offered something better than the flow knows gets it as a candidate, and the
flow is made cheapest again. When nobody is, the flow is cheapest of all. Whenever it ends, the prices bound every
placing: each request at its best offer, less what full gates and units are worth (weak duality, `Network.proof`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matching import kernels
from matching.branch import BranchSearch
from matching.eligibility import IntArray, Trait
from matching.greedy import greedy
from matching.model import UNPLACED, Compiled, Instance, Placement
from matching.network import Choices, Flow, Network, UnprovenFlow
from matching.problem import LEVELS
from matching.scoring import PAIR_LEVELS, placed_amounts
from matching.search import Found, Limit
from matching.words import Value, Words, words_of

# Units offered to every request at first, and to those who can do better in every round after it.
FIRST_OFFERS, MORE_OFFERS = 16, 8
# How often whoever was left out is offered what has room.
FILL_ROUNDS = 4
# Units at locations open to a whole group that each member is offered.
GROUP_OFFERS = 64
# Units in which somebody is sought who could make room for one left out.
SEATS = 32
# How many look for something better at once: who comes later sees where the others went.
MOVED_TOGETHER = 500
# Of the time there is, what goes into the bound before the search begins.
BOUND_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Prices:
    """What proves a bound, in numbers of `words`: what requests are worth per person, own[R, W]; what a unit asks of a
    size of party, gate[G, W] with gates = unit[G] and kind[G] of it; what units gain by that, whoever comes,
    gained[U, W] (≤ 0).

    No request is worth more than staying out costs, nor than any unit that may take it costs and asks (one of a group:
    any at a location open to all of them). So what all are
    worth together and units gain is no more than any placing costs; `bound` is as much or more, for those there are.
    """

    words: Words
    bound: Value
    own: IntArray
    gates: tuple[IntArray, IntArray]
    gate: IntArray
    gained: IntArray


@dataclass(frozen=True, slots=True)
class Wide:
    """The best placement found, with the problem's instance cut down to the pairs looked at, and the prices known."""

    source: Compiled
    found: Found
    prices: Prices | None


def wide_optimum(source: Compiled, limit: Limit, start: Placement | None = None) -> Wide:
    """The best placement within the limit, and what bounds it if there was time for that."""
    offers = _Offers(source)
    everybody = np.arange(source.instance.requests)
    candidates = _Candidates(offers)
    candidates.add(*offers.best(everybody, FIRST_OFFERS))
    candidates.add(*_of_groups(source, source.instance.groups, source.instance.places))
    if start is not None:
        homes = np.array(start, np.int64)
        candidates.add(np.flatnonzero(homes != UNPLACED), homes[homes != UNPLACED])
    best = _filled(candidates, greedy(candidates.instance, start or ()), limit)
    if limit.spent or not offers.priced:
        return Wide(replace(source, instance=candidates.instance), Found(best, False), None)
    try:
        network, choices, flow, prices = _bounded(candidates, offers, limit)
        found = BranchSearch(candidates.instance, limit, None, None, network).rounded((choices, flow))
    except UnprovenFlow:
        return Wide(replace(source, instance=candidates.instance), Found(best, False), None)
    if found is not None:
        found = _filled(candidates, found, limit)
        best = min(best, found, key=candidates.instance.amounts)
    best = _moved_up(candidates, best, limit)
    value, instance = network.words.value(candidates.instance.amounts(best)), candidates.instance
    if prices.bound >= network.improvable(value):
        return Wide(replace(source, instance=instance), Found(best, True, instance.amounts(best)), prices)
    least = network.words.least_amounts(prices.bound, instance.amounts(best))
    return Wide(replace(source, instance=instance), Found(best, False, least), prices)


class _Offers:
    """Both sides of a problem in columns, to be asked for the best units of a request at some prices."""

    def __init__(self, source: Compiled) -> None:
        scores, instance = source.scores, source.instance
        self.source = source
        kinds = np.unique(instance.size)
        self.gates = np.searchsorted(kinds, instance.places, side="right")
        first_gate = np.cumsum(self.gates) - self.gates
        words = words_of(instance)
        counted = [words.unit_of(LEVELS.index(level)) for level in PAIR_LEVELS]
        self.priced = None not in counted
        self.words = words.count
        places = [(0, 0) if one is None else one for one in counted]
        self._weights = np.array([scores.risk_weight, scores.scarcity_weight, *(n for one in places for n in one)])
        self._masks = source.rules.request_words, source.rules.unit_words
        common = np.bitwise_and.reduce(source.rules.request_words, axis=0)[:, None]
        self._open = ~np.any(source.rules.unit_words & common, axis=0)  # the others take nobody
        self._located = _located(source)
        self._asking = (
            instance.size,
            np.searchsorted(kinds, instance.size),
            scores.claim,
            scores.region,
            scores.from_day,
            scores.previous,
        )
        self._offering = first_gate, scores.scarcity, scores.age, scores.unit_region, scores.available_from
        self._answers = scores.yes, scores.unknown, scores.wanted
        self._asked = scores.consult, scores.excludes, scores.lacking
        self._zone = scores.zone

    def cheapest(
        self, who: IntArray, count: int, room: IntArray | None = None, price: IntArray | None = None
    ) -> tuple[IntArray, IntArray]:
        """units[N, count], -1 for none, and numbers[N, count, W + 1]; see `kernels.cheapest_units`."""
        room = self.source.instance.places if room is None else room
        units = np.full((len(who), count), UNPLACED, np.int64)
        numbers = np.zeros((len(who), count, self.words + 1), np.int64)
        kernels.cheapest_units(
            who,
            np.flatnonzero(self._open & (room > 0)),
            room,
            self._masks,
            self._located,
            self._asking,
            self._offering,
            self._answers,
            self._asked,
            self._weights,
            self._zone,
            np.zeros((int(self.gates.sum()) + 1, self.words), np.int64) if price is None else price,
            units,
            numbers,
        )
        return units, numbers

    def best(self, who: IntArray, count: int, room: IntArray | None = None) -> tuple[IntArray, IntArray]:
        """The best pairs of some requests, as requests and units."""
        units, _ = self.cheapest(who, count, room)
        at, place = (units != UNPLACED).nonzero()
        return who[at], units[at, place]


def _located(source: Compiled) -> tuple[IntArray, ...]:
    """The traits in no mask, and for groups that they can only be where all of them can: which each request has, which
    units each trait lists, and whether it bars these or all others."""
    rules, location = source.rules, source.instance.location
    traits_of = [list(of) for of in rules.located_of]
    traits = list(rules.traits)
    for group in source.instance.groups:
        allowed = [location[rules.allowed(member)] for member in group]
        common = np.array(sorted(set(allowed[0].tolist()).intersection(*(of.tolist() for of in allowed[1:]))), np.int64)
        for member in group:
            traits_of[member].append(len(traits))
        traits.append(Trait("together", list(group), np.flatnonzero(np.isin(location, common)), others=True))
    used = sorted({trait for of in traits_of for trait in of})
    new = {trait: at for at, trait in enumerate(used)}
    listed = [traits[trait].listed for trait in used]
    return (
        np.cumsum([0, *(len(of) for of in traits_of)]),
        np.array([new[trait] for of in traits_of for trait in of], np.int64),
        np.cumsum([0, *map(len, listed)]),
        np.concatenate([np.zeros(0, np.int64), *listed]),
        np.array([traits[trait].others for trait in used], np.int64),
    )


class _Candidates:
    """The pairs looked at so far, and the instance of them."""

    def __init__(self, offers: _Offers) -> None:
        self.offers = offers
        self.source = offers.source
        self.instance = offers.source.instance

    def add(self, rows: IntArray, columns: IntArray) -> int:
        """List these pairs too; how many were new. They must be allowed."""
        whole, units = self.source.instance, self.source.instance.units
        known = self.instance.request_of * units + self.instance.unit_of
        fresh = np.setdiff1d(rows * units + columns, known)
        if fresh.size == 0:
            return 0
        at = np.searchsorted(known, fresh)
        amounts = placed_amounts(self.source.scores, fresh // units, fresh % units)
        self.instance = replace(
            whole,
            row=np.searchsorted(np.insert(known, at, fresh), np.arange(whole.requests + 1) * units),
            unit_of=np.insert(self.instance.unit_of, at, (fresh % units).astype(np.int32)),
            pair=tuple(np.insert(*_alike(old, new, at)) for old, new in zip(self.instance.pair, amounts, strict=True)),
        )
        return int(fresh.size)


def _alike(
    old: NDArray[np.generic], new: NDArray[np.generic], at: IntArray
) -> tuple[NDArray[np.generic], IntArray, NDArray[np.generic]]:
    """What `np.insert` takes, both in a type that holds them all."""
    wide = np.result_type(old.dtype, new.dtype)
    return old.astype(wide), at, new.astype(wide)


def _of_groups(source: Compiled, groups: Iterable[Sequence[int]], room: IntArray) -> tuple[IntArray, IntArray]:
    """For every group pairs at locations with room for each of its members, the best for the first of them first."""
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    location, size = source.instance.location, source.instance.size
    for group in groups:
        allowed = [source.rules.allowed(member) for member in group]
        allowed = [units[room[units] >= size[member]] for member, units in zip(group, allowed, strict=True)]
        common = location[allowed[0]]
        for units in allowed[1:]:
            common = np.intersect1d(common, location[units])
        for member, units in zip(group, allowed, strict=True):
            here = units[np.isin(location[units], common)]
            if member == group[0]:
                care, change, fit = placed_amounts(source.scores, np.full(len(here), member), here)
                here = here[np.lexsort((here, fit, change, care))][:GROUP_OFFERS]
                common = location[here]
            rows.append(np.full(len(here), member))
            columns.append(here)
    return np.concatenate(rows), np.concatenate(columns)


def _filled(candidates: _Candidates, placement: Placement, limit: Limit) -> Placement:
    """With more of those left out placed: where there is room, or where somebody can make room by going elsewhere."""
    groups = candidates.instance.groups
    for _ in range(FILL_ROUNDS):
        out = np.flatnonzero(np.array(placement) == UNPLACED)
        room = _Rooms(candidates.instance, placement).room
        fresh = candidates.add(*candidates.offers.best(out, MORE_OFFERS, room))
        waiting = [group for group in groups if placement[group[0]] == UNPLACED]
        fresh += candidates.add(*_of_groups(candidates.source, waiting, room))
        if fresh == 0:
            break
        placement = greedy(candidates.instance, placement)
        if limit.spent:
            return placement
    return _made_room(candidates, placement, limit)


class _Rooms:
    """Who is where, and how many persons each unit still takes."""

    def __init__(self, instance: Instance, placement: Placement) -> None:
        self.size, self.private = instance.size, instance.private
        self.room = instance.places.copy()
        self.inside: dict[int, list[int]] = {}
        self._places = instance.places
        for request, unit in enumerate(placement):
            if unit != UNPLACED:
                self.move(request, UNPLACED, unit)

    def move(self, request: int, old: int, new: int) -> None:
        """From a unit or `UNPLACED` to another."""
        for unit in (old, new):
            if unit == UNPLACED:
                continue
            inside = self.inside.setdefault(unit, [])
            (inside.remove if unit == old else inside.append)(request)
            taken = int(self._places[unit]) if inside and self.private[unit] else int(self.size[inside].sum())
            self.room[unit] = self._places[unit] - taken


def _made_room(candidates: _Candidates, placement: Placement, limit: Limit) -> Placement:
    """With those left out put, the most urgent first, in the place of one who has room elsewhere.

    Only requests without links are looked at. Nobody placed loses their place.
    """
    instance, offers = candidates.instance, candidates.offers
    linked = {request for link in (*instance.groups, *instance.apart) for request in link}
    homes, rooms = list(placement), _Rooms(instance, placement)
    out = [at for at, unit in enumerate(homes) if unit == UNPLACED and at not in linked]
    wanted, _ = offers.cheapest(np.array(out, np.int64), SEATS)
    rows, columns = [], []
    for request, units in sorted(
        zip(out, wanted.tolist(), strict=True), key=lambda one: (*(-n for n in instance.drop[one[0]]), one[0])
    ):
        if limit.spent:
            break
        moved = next(_exchanges(offers, rooms, linked, request, units), None)
        if moved is None:
            continue
        other, here, there = moved
        rooms.move(other, here, there)
        rooms.move(request, UNPLACED, here)
        homes[other], homes[request] = there, here
        rows += [other, request]
        columns += [there, here]
    candidates.add(np.array(rows, np.int64), np.array(columns, np.int64))
    return tuple(homes)


def _exchanges(
    offers: _Offers, rooms: _Rooms, linked: set[int], request: int, units: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    """Who could make room for a request, from where to where."""
    size = int(rooms.size[request])
    for unit in units:
        for other in rooms.inside.get(unit, ()):
            left = int(rooms.room[unit]) + int(rooms.size[other])
            if rooms.private[unit]:
                left = offers.source.instance.places[unit]
            if other in linked or left < size:
                continue
            elsewhere = rooms.room.copy()
            elsewhere[unit] = 0
            there = int(offers.cheapest(np.array([other]), 1, elsewhere)[0][0, 0])
            if there != UNPLACED:
                yield other, unit, there


def _moved_up(candidates: _Candidates, placement: Placement, limit: Limit) -> Placement:
    """With everybody moved who has a better unit with room, some at a time, until nobody has or time is up."""
    instance, offers = candidates.instance, candidates.offers
    linked = {request for link in (*instance.groups, *instance.apart) for request in link}
    homes, rooms = list(placement), _Rooms(instance, placement)
    movable = [at for at, unit in enumerate(homes) if unit != UNPLACED and at not in linked]
    changed = True
    while changed:
        changed = False
        for first in range(0, len(movable), MOVED_TOGETHER):
            if limit.spent:
                break
            some = np.array(movable[first : first + MOVED_TOGETHER])
            here = np.array([homes[request] for request in some])
            best = offers.cheapest(some, 1, rooms.room)[0][:, 0]
            best = np.where(best == UNPLACED, here, best)
            twice = np.tile(some, 2)
            shares = placed_amounts(candidates.source.scores, twice, np.concatenate([here, best]))
            for at, (request, old, new) in enumerate(zip(some.tolist(), here.tolist(), best.tolist(), strict=True)):
                better = [int(level[at + len(some)]) for level in shares] < [int(level[at]) for level in shares]
                if better and rooms.room[new] >= rooms.size[request]:
                    rooms.move(request, old, new)
                    homes[request] = new
                    changed = True
    units = np.array(homes)
    placed = np.flatnonzero(units != UNPLACED)
    candidates.add(placed, units[placed])
    return tuple(homes)


def _bounded(candidates: _Candidates, offers: _Offers, limit: Limit) -> tuple[Network, Choices, Flow, Prices]:
    """The cheapest flow with all candidates it takes, as far as the time goes, and the prices that prove most."""
    everybody = np.arange(candidates.instance.requests)
    half = limit.share(BOUND_SHARE)
    network = Network(candidates.instance)
    choices, flow = network.everything(), network.no_flow()
    assert choices is not None
    best: Prices | None = None
    while True:
        limit.count_node()
        routed = network.route_within(choices, flow, half)
        _at_rest(network, flow)
        gates = slice(network.instance.requests, network.instance.requests + network.gates)
        sink = flow.price[network.sink]
        units, numbers = offers.cheapest(everybody, MORE_OFFERS, price=flow.price[gates] - sink)
        offered = numbers[:, 0, :-1]
        own = flow.price[: network.instance.requests] - sink
        better = (units[:, 0] != UNPLACED) & _less(offered, own)
        lowered = flow.copy()
        lowered.price[: network.instance.requests][better] = offered[better] + sink
        proven, _ = network.proof(choices, lowered)
        if best is None or proven > best.bound:
            best = _priced(network, lowered, proven)
        wanted = (units != UNPLACED) & better[:, None] & _less(numbers[:, :, :-1], own[:, None, :])
        at, place = wanted.nonzero()
        if half.spent or not routed or candidates.add(at, units[at, place]) == 0:
            return network, choices, flow, best
        grown = Network(candidates.instance)
        choices, flow = grown.taken_over(network, choices, flow)
        network = grown


def _priced(network: Network, flow: Flow, proven: Value) -> Prices:
    """The prices of a flow by themselves; nobody is worth more than staying out costs."""
    requests, gates = network.instance.requests, network.gates
    price = flow.price - flow.price[network.sink]
    own, out = price[:requests], network.words.out
    own = np.where(_less(out, own)[:, None], out, own)
    gate, unit = price[requests : requests + gates], price[requests + gates : network.sink]
    gained = np.zeros_like(unit)
    instance, at, size = network.instance, network.gate_unit, network.gate_size
    # Whatever parties there are: others may come.
    through = np.where(instance.private[at], size, instance.places[at] // size * size)
    for capacity, steps, of in (
        (through, unit[at] - gate, at),
        (instance.places, -unit, np.arange(len(unit))),
    ):
        np.add.at(gained, of, capacity[:, None] * np.where(_less(steps, np.zeros_like(steps))[:, None], steps, 0))
    kinds = np.unique(network.instance.size)
    of_gates = network.gate_unit, np.searchsorted(kinds, network.gate_size)
    return Prices(network.words, proven, own, of_gates, gate, gained)


def _at_rest(network: Network, flow: Flow) -> None:
    """Gates nobody passes as dear as their unit, units nobody is in as dear as none: the most they can be."""
    requests, gates = network.instance.requests, network.gates
    idle = np.flatnonzero(flow.persons[network.into_sink] == 0)
    flow.price[requests + gates + idle] = flow.price[network.sink]
    passed = flow.persons[network.through] + flow.persons[network.reserved]
    shut = np.flatnonzero(passed == 0)
    flow.price[requests + shut] = flow.price[requests + gates + network.gate_unit[shut]]


def _less(one: IntArray, other: IntArray) -> NDArray[np.bool_]:
    """Whether numbers (along the last axis) are less than others, word by word."""
    one, other = np.broadcast_arrays(one, other)
    differ = one != other
    first = differ.argmax(axis=-1)[..., None]
    less: NDArray[np.bool_] = np.take_along_axis(one, first, -1)[..., 0] < np.take_along_axis(other, first, -1)[..., 0]
    less &= differ.any(axis=-1)
    return less
