"""The proof of an optimum kept as the leaves of its search, and going on from them: kernels.

A search tree cuts all placings of a part into leaves, each with a bound that is no better than the optimum. That is a
proof, and it can be asked: with one place more, one request less or one unit for somebody, most leaves still bound what
they bounded, as their prices show at a glance (`reopened`); only the others are re-routed and searched on, the most
promising first (`explored`). What is branched on, and how, is what `descent` does, on the same numbers of one word.

Every node has a row of its own in a `store` of arrays: capacity[N, M] and flow[N, M] of every arc, least[N, G] and
most[N, G] parties per gate, limit[N, G] the same as branched whatever the places are, price[N, V], bound[N], state[N],
and broken[N]: the unit that cannot have what it must, -1 for none. See `descent` for the network they share.
"""

from functools import cache

import numpy as np

from matching import descent, kernels, packing
from matching.descent import COUNT, Net, narrowed, proof, rounded, route, set_to, tightened, violated
from matching.eligibility import BoolArray, IntArray
from matching.kernels import settle
from matching.native import inner, kernel

FREE, OPEN, LEAF, IMPOSSIBLE = 0, 1, 2, 3

# What `explored` ends with.
DONE, FULL, SPENT, DISBELIEVED, FOUND = 0, 1, 2, 3, 4

# No price may go beyond this: then nothing that is made of prices leaves 64 bits.
DEAREST = 2**56

Store = tuple[IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray]


@inner
def _routed(at: int, net: Net, store: Store, scratch: IntArray) -> int:
    """Make the flow of a node cheapest and write its bound; LEAF, IMPOSSIBLE, or DISBELIEVED as a negative number."""
    capacity, flow, price, bound = store[0], store[1], store[5], store[6]
    if not route(net, capacity[at], flow[at], price[at], scratch):
        return IMPOSSIBLE
    proven, costs = proof(net, capacity[at], flow[at], price[at])
    dearest = 0
    for node in range(price.shape[1]):
        dearest = max(dearest, abs(price[at, node]))
    if proven != costs or dearest > DEAREST:
        return -DISBELIEVED
    bound[at] = proven
    return LEAF


@inner
def _request_gain(request: int, at: int, net: Net, store: Store, shut: BoolArray) -> tuple[bool, int]:
    """By how much the bound of a leaf rises when a request has only the arcs not shut; False if none."""
    head, cost, leave_row, leave, size = net[1], net[2], net[3], net[4], net[11]
    capacity, price = store[0], store[5]
    own = price[at, request]
    some, best, gain = False, 0, 0
    for one in range(leave_row[request], leave_row[request + 1]):
        arc = leave[one]
        if capacity[at, arc] == 0:
            continue
        step = cost[arc] + price[at, head[arc]]
        if not shut[arc] and (not some or step < best):
            some, best = True, step
        if step < own:  # what the arc took off the bound before
            gain += capacity[at, arc] * (own - step)
    return some, gain + size[request] * (best - own)


@inner
def _unit_gain(
    unit: int, at: int, net: Net, store: Store, before: IntArray, scratch: tuple[IntArray, ...]
) -> tuple[bool, int]:
    """What other places of a unit than `before` change of the bound of a leaf, at its prices; False if impossible."""
    tail, cost, gate_row, gate_size, unit_gates, size = net[0], net[2], net[7], net[8], net[10], net[11]
    places, private = net[12], net[13]
    capacity, flow, least, _, limit, price, _, _, _ = store
    most, through, reserved, into_sink = scratch
    requests, gates, first, last = size.size, gate_size.size, unit_gates[unit], unit_gates[unit + 1]
    begin = gate_row[-1] + requests
    for gate in range(first, last):
        most[gate] = min(places[unit] // gate_size[gate], limit[at, gate])
    if not settle(
        unit, places[unit], private[unit] != 0, gate_size, unit_gates, least[at], most, through, reserved, into_sink
    ):
        return False, 0
    sink, node = price[at, -1], price[at, requests + gates + unit]
    gain = 0
    for gate in range(first, last):
        old, kept = capacity[at, begin + gate], capacity[at, begin + gates + gate]
        if through[gate] == old and reserved[gate] == kept:
            continue
        own = here = price[at, requests + gate]
        if flow[at, begin + gate] + flow[at, begin + gates + gate] == 0 and reserved[gate] == 0:
            # Nobody passes: the gate may be as cheap as those who would like to pass allow.
            some = False
            for arc in range(gate_row[gate], gate_row[gate + 1]):
                if capacity[at, arc] > 0 or gate_size[gate] > before[unit]:
                    offer = price[at, tail[arc]] - cost[arc]
                    if not some or here < offer:
                        some, here = True, offer
            if not some:
                continue
        gain += through[gate] * min(0, node - here) - old * min(0, node - own)
        gain += (reserved[gate] - kept) * min(0, sink - own)
    gain += (into_sink[unit] - capacity[at, begin + 2 * gates + unit]) * min(0, sink - node)
    return True, gain


@kernel
def reopened(
    leaves: IntArray,
    net: Net,
    store: Store,
    requests: IntArray,
    unit: int,
    shut: BoolArray,
    before: IntArray,
    cutoff: IntArray,
    wanted: BoolArray,
    rated: IntArray,
) -> int:
    """Which leaves a question leaves with a bound below the cutoff, by their prices alone: wanted[N]; how many.

    rated[N]: that bound. requests: whose arcs are shut (leaving others out makes a bound weaker, not wrong) · unit:
    whose places are others than `before` (-1: none).
    """
    bound, state, broken = store[6], store[7], store[8]
    gates, places = net[8].size, net[12]
    scratch = (
        np.zeros(gates, np.int64),
        np.zeros(gates, np.int64),
        np.zeros(gates, np.int64),
        np.zeros(places.size, np.int64),
    )
    more = unit >= 0 and places[unit] > before[unit]
    count = 0
    for one in range(leaves.size):
        at = leaves[one]
        wanted[one] = False
        if state[at] == IMPOSSIBLE:
            # Nothing is known of what it may be worth: it goes first.
            rated[one] = -(2**62)
            wanted[one] = more and (broken[at] == -1 or broken[at] == unit)
            count += wanted[one]
            continue
        rated[one] = bound[at]
        possible = True
        for request in requests:
            some, gain = _request_gain(request, at, net, store, shut)
            possible &= some
            rated[one] += gain
        if possible and unit >= 0:
            possible, gain = _unit_gain(unit, at, net, store, before, scratch)
            rated[one] += gain
        if possible and rated[one] < cutoff[0]:
            wanted[one] = True
            count += 1
    return count


@kernel
def gained(
    leaves: IntArray,
    net: Net,
    store: Store,
    requests: IntArray,
    placing: BoolArray,
    gain: IntArray,
    possible: BoolArray,
) -> None:
    """gain[N, Q]: by how much the bound of each leaf rises when a request has to be placed (`placing`) or left out.

    Each alone; what two requests add to a bound adds up. possible[N, Q]: whether it can be at all in that leaf.
    """
    leave_row, leave, stay = net[3], net[4], net[7][-1]
    state = store[7]
    shut = np.zeros(net[0].size, np.bool_)
    for turn in range(requests.size):
        request = requests[turn]
        for place in range(leave_row[request], leave_row[request + 1]):
            shut[leave[place]] = (leave[place] >= stay) == placing[turn]
        for leaf in range(leaves.size):
            possible[leaf, turn] = False
            if state[leaves[leaf]] != IMPOSSIBLE:
                possible[leaf, turn], gain[leaf, turn] = _request_gain(request, leaves[leaf], net, store, shut)
        for place in range(leave_row[request], leave_row[request + 1]):
            shut[leave[place]] = False


@kernel
def cost_of(net: Net, homes: IntArray) -> int:
    """What a placement costs: the unit of each, -1 for none."""
    head, cost, leave_row, leave, stay, gate_unit, size = net[1], net[2], net[3], net[4], net[7][-1], net[9], net[11]
    total = 0
    for request in range(size.size):
        for one in range(leave_row[request], leave_row[request + 1]):
            arc = leave[one]
            if (-1 if arc >= stay else gate_unit[head[arc] - size.size]) == homes[request]:
                total += size[request] * cost[arc]
    return total


@inner
def _taken_over(
    old: int, at: int, net: Net, store: Store, unit: int, shut: BoolArray, before: IntArray, scratch: IntArray
) -> bool:
    """Copy a leaf into another row, with what a question changes, and re-route it; False if that is not proven."""
    tail, cost, gate_row, gate_size, unit_gates, size, places = (
        net[0],
        net[2],
        net[7],
        net[8],
        net[10],
        net[11],
        net[12],
    )
    capacity, least, most, limit, price, state, broken = (
        store[0],
        store[2],
        store[3],
        store[4],
        store[5],
        store[7],
        store[8],
    )
    _copied(old, at, store)
    broken[at] = -1
    for arc in range(shut.size):
        if shut[arc]:
            capacity[at, arc] = 0
    if unit >= 0:
        for gate in range(unit_gates[unit], unit_gates[unit + 1]):
            if before[unit] < gate_size[gate] <= places[unit]:
                # Open to those it was too small for, at a price at which none of them has to come.
                for arc in range(gate_row[gate], gate_row[gate + 1]):
                    capacity[at, arc] = 0 if shut[arc] else gate_size[gate]
                    offer = price[at, tail[arc]] - cost[arc]
                    if arc == gate_row[gate] or price[at, size.size + gate] < offer:
                        price[at, size.size + gate] = offer
            most[at, gate] = min(limit[at, gate], places[unit] // gate_size[gate])
        if not tightened(net, capacity[at], least[at], most[at], unit):
            state[at], broken[at] = IMPOSSIBLE, unit
            return True
    ended = _routed(at, net, store, scratch)
    state[at] = OPEN if ended == LEAF else IMPOSSIBLE
    return ended >= 0


@inner
def _copied(old: int, at: int, store: Store) -> None:
    """The content of one row in another."""
    set_to(store[0][at], store[0][old])
    set_to(store[1][at], store[1][old])
    set_to(store[2][at], store[2][old])
    set_to(store[3][at], store[3][old])
    set_to(store[4][at], store[4][old])
    set_to(store[5][at], store[5][old])


@inner
def _branched(
    how: IntArray, old: int, pair: IntArray, net: Net, store: Store, cutoff: IntArray, scratch: IntArray
) -> int:
    """The two branches of a node in the rows of a pair; how many are OPEN, negative if a flow is not proven."""
    gate_unit = net[9]
    capacity, _, least, most, limit, _, bound, state, broken = store
    count_open = 0
    for side in range(2):
        at = pair[side]
        _copied(old, at, store)
        broken[at] = -1
        state[at] = IMPOSSIBLE
        possible = narrowed(net, capacity[at], least[at], most[at], how[0], how[1], how[2], side)
        if how[0] == COUNT and side == 1:
            limit[at, how[1]] = how[2]
        if not possible:
            if how[0] == COUNT:
                broken[at] = gate_unit[how[1]]
            continue
        ended = _routed(at, net, store, scratch)
        if ended < 0:
            return ended
        if ended == LEAF:
            state[at] = OPEN if bound[at] < cutoff[0] else LEAF
            count_open += state[at] == OPEN
    return count_open


@inner
def _less_and_more(pair: IntArray, other: IntArray, bound: IntArray) -> bool:
    """Whether the lower bound of a pair is less than that of another, or as high and the higher one less."""
    low, high = min(bound[pair[0]], bound[pair[1]]), max(bound[pair[0]], bound[pair[1]])
    other_low, other_high = min(bound[other[0]], bound[other[1]]), max(bound[other[0]], bound[other[1]])
    return bool(low < other_low or (low == other_low and high < other_high))


@inner
def _free_rows(slots: IntArray, state: IntArray, found: IntArray) -> bool:
    """The first free rows of the store among some; False if there are too few."""
    count = 0
    for slot in slots:
        if state[slot] == FREE:
            found[count] = slot
            count += 1
            if count == found.size:
                return True
    return False


@kernel
def explored(  # noqa: PLR0911, PLR0912, PLR0915  one search, read top down
    slots: IntArray,
    pending: IntArray,
    rated: IntArray,
    net: Net,
    store: Store,
    unit: int,
    shut: BoolArray,
    before: IntArray,
    cutoff: IntArray,
    best: IntArray,
    nodes: IntArray,
    tries: tuple[int, int],
    once: bool,
) -> int:
    """Search on from the OPEN rows among `slots` and the `pending` leaves until nothing can be below the cutoff.

    The best unit of each request (-1: none) goes into best[R] whenever an answer is found, and the cutoff follows it.
    Leaves are taken over, with what is changed (see `reopened`), only when it is their turn by rated[N]; those that
    were are -1 in `pending` then. Free rows among `slots` are used as needed. tries: how many gates are looked at
    before one is branched on, and after how many nodes more than one.

    nodes[0] counts, nodes[1] is the most there may be. Ends with DONE, FULL (too few free rows: give more and call
    again), SPENT, DISBELIEVED, or, if `once`, FOUND.
    """
    head, gate_row, gate_unit, tail, location = net[1], net[7], net[9], net[0], net[14]
    capacity, flow, least, most, _, price, bound, state, _ = store
    scratch = np.empty((6, price.shape[1]), np.int64)
    locations = 1
    for here in location:
        locations = max(locations, 1 + here)
    share, how, free = np.zeros(locations, np.int64), np.zeros(3, np.int64), np.zeros(4, np.int64)
    listed, keys = np.zeros((2, tries[0]), np.int64), np.zeros(tries[0])
    near, room, taken = np.zeros(best.size, np.int64), np.zeros(location.size, np.int64), np.zeros(best.size, np.int64)
    none = -1
    deeper = none
    while True:
        at = deeper
        deeper = none
        if at < 0:
            for slot in slots:
                if state[slot] == OPEN and (at < 0 or bound[slot] < bound[at]):
                    at = slot
            turn = none
            for one in range(pending.size):
                if pending[one] >= 0 and (turn < 0 or rated[one] < rated[turn]):
                    turn = one
            if turn >= 0 and rated[turn] < cutoff[0] and (at < 0 or rated[turn] < bound[at]):
                if nodes[0] >= nodes[1]:
                    return SPENT
                if not _free_rows(slots, state, free[:1]):
                    return FULL
                nodes[0] += 1
                if not _taken_over(pending[turn], free[0], net, store, unit, shut, before, scratch):
                    return DISBELIEVED
                pending[turn] = -1
                if state[free[0]] == OPEN:
                    deeper = free[0]
                continue
        if at < 0:
            return DONE
        if bound[at] >= cutoff[0]:
            state[at] = LEAF
            continue
        several = keys if nodes[0] >= tries[1] else keys[:1]
        found = violated(net, capacity[at], least[at], most[at], flow[at], share, how, listed, several)
        if found == 0:
            best[:] = -1
            for arc in range(gate_row[-1]):
                if flow[at, arc] > 0:
                    best[tail[arc]] = gate_unit[head[arc] - best.size]
            cutoff[0] = bound[at]
            state[at] = LEAF
            if once:
                return FOUND
            continue
        possible, value = rounded(net, capacity[at], flow[at], near, room, taken)
        if possible and value < cutoff[0]:
            set_to(best, near)
            cutoff[0] = value
            if once:
                return FOUND
            if bound[at] >= value:
                state[at] = LEAF
                continue
        if nodes[0] >= nodes[1]:
            return SPENT
        if not _free_rows(slots, state, free):
            return FULL
        chosen, trial = free[:2], free[2:]
        for turn in range(found):
            pair = trial if turn else chosen
            if listed[0, turn] >= 0:
                how[0], how[1], how[2] = COUNT, listed[0, turn], listed[1, turn]
            count_open = _branched(how, at, pair, net, store, cutoff, scratch)
            if count_open < 0:
                return DISBELIEVED
            nodes[0] += 1
            if turn and (count_open < 2 or _less_and_more(chosen, pair, bound)):
                chosen, trial = trial, chosen
            if turn:
                state[trial[0]] = state[trial[1]] = FREE
            if count_open < 2:
                break
        state[at] = FREE
        for child in chosen:
            if state[child] == OPEN and (deeper < 0 or bound[child] < bound[deeper]):
                deeper = child


@cache
def prepare() -> None:
    """Compile what is not compiled yet, as `kernels.prepare` and with it, `descent.prepare` and `packing.prepare`."""
    kernels.prepare()
    descent.prepare()
    packing.prepare()
    none, zero = np.zeros(1, np.int64), np.zeros((1, 1), np.int64)
    net = descent.smallest()
    room = np.ones((1, 5), np.int64)
    store: Store = room, room - 1, zero, zero + 1, zero + 1, np.zeros((1, 4), np.int64), none, none + LEAF, none - 1
    shut, no = np.zeros(5, np.bool_), np.zeros(1, np.bool_)
    reopened(none, net, store, none, 0, shut, net[12], none, no, none.copy())
    gained(none, net, store, none, no, zero.copy(), np.zeros((1, 1), np.bool_))
    cost_of(net, none)
    goal, nodes = none.copy(), np.zeros(2, np.int64)
    explored(none, none - 1, none, net, store, 0, shut, net[12], goal, none.copy(), nodes, (1, 0), False)
