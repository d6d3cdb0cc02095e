"""The proof of an optimum kept as the leaves of its search, and going on from them: kernels.

A search tree cuts all placings of a part into leaves, each with a bound that is no better than the optimum. That is a
proof, and it can be asked: with one place more, one request less or one unit for somebody, most leaves still bound what
they bounded, as their prices show at a glance (`reopened`); only the others are re-routed and searched on, the most
promising first (`explored`).

Every node has a row of its own in a `store` of arrays: capacity[N, M] and flow[N, M] of every arc, least[N, G] and
limit[N, G] parties per gate (limit as branched, whatever the places are), price[N, V, W], bound[N, W], state[N], and
broken[N]: the unit that cannot have what it must, -1 for none. See `network` for arcs and gates and `kernels` for
numbers of W words.
"""

from functools import cache

import numpy as np

from matching import descent, kernels, packing
from matching.eligibility import BoolArray, IntArray
from matching.kernels import ROUTED, _add, _clear, _less, _set, proof, reroute, settle
from matching.native import inner, kernel
from matching.words import FINENESS

FREE, OPEN, LEAF, IMPOSSIBLE = 0, 1, 2, 3

# What `explored` ends with.
DONE, FULL, SPENT, DISBELIEVED, FOUND = 0, 1, 2, 3, 4

Store = tuple[IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray, IntArray]
Graph = tuple[IntArray, IntArray, IntArray, IntArray, IntArray]
Shape = tuple[IntArray, ...]


@inner
def _fitted(
    unit: int, at: int, shape: Shape, private: BoolArray, store: Store, places: IntArray, most: IntArray
) -> bool:
    """The capacities of one unit of a node from what its gates may and must let in; False if too many must."""
    gate_size, unit_gates, begins = shape[0], shape[1], shape[2]
    capacity, least, limit = store[0], store[2], store[3]
    for gate in range(unit_gates[unit], unit_gates[unit + 1]):
        fit = places[unit] // gate_size[gate]
        most[gate] = fit if fit < limit[at, gate] else limit[at, gate]
    return settle(
        unit,
        places[unit],
        private[unit],
        gate_size,
        unit_gates,
        least[at],
        most,
        capacity[at, begins[1] : begins[2]],
        capacity[at, begins[2] : begins[3]],
        capacity[at, begins[3] : begins[4]],
    )


@inner
def _routed(
    at: int,
    graph: Graph,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    store: Store,
    total: IntArray,
) -> int:
    """Make the flow of a node cheapest and write its bound; LEAF, IMPOSSIBLE, or DISBELIEVED as a negative number."""
    tail, head, cost, radix, supply = graph
    capacity, flow, _, _, price, bound, _, _ = store
    endless = int(np.int64(-1))  # not the constant, for which it would be compiled once more
    ended = reroute(tail, head, cost, rows, lists, radix, supply, capacity[at], flow[at], price[at], endless)
    if ended != ROUTED:
        return IMPOSSIBLE
    proof(tail, head, cost, radix, supply, capacity[at], flow[at], price[at], total)
    for w in range(cost.shape[1]):
        if total[0, w] != total[1, w]:
            return -DISBELIEVED
        bound[at, w] = total[0, w]
    return LEAF


@inner
def _request_gain(
    request: int,
    at: int,
    graph: Graph,
    leaving_row: IntArray,
    leaving: IntArray,
    store: Store,
    shut: BoolArray,
    gain: IntArray,
    step: IntArray,
) -> bool:
    """gain[0] += by how much the bound of a leaf rises when a request has only the arcs not shut; False if none."""
    _, head, cost, radix, supply = graph
    capacity, price = store[0], store[4]
    first = True
    for one in range(leaving_row[request], leaving_row[request + 1]):
        arc = leaving[one]
        if capacity[at, arc] == 0:
            continue
        _set(step, 0, cost, arc)
        _add(step, 0, 1, price[at], head[arc], radix)
        if not shut[arc] and (first or _less(step, 0, step, 1)):
            first = False
            _set(step, 1, step, 0)
        # What the arc took off the bound before.
        if _less(step, 0, price[at], request):
            _add(gain, 0, -capacity[at, arc], step, 0, radix)
            _add(gain, 0, capacity[at, arc], price[at], request, radix)
    if first:
        return False
    _add(gain, 0, supply[request], step, 1, radix)
    _add(gain, 0, -supply[request], price[at], request, radix)
    return True


@inner
def _unit_gain(  # noqa: PLR0912  one unit, read top down
    unit: int,
    at: int,
    graph: Graph,
    tables: tuple[IntArray, ...],
    shape: Shape,
    private: BoolArray,
    store: Store,
    before: IntArray,
    places: IntArray,
    scratch: tuple[IntArray, ...],
    gain: IntArray,
    step: IntArray,
) -> bool:
    """gain[0] += what other `places` of a unit change of the bound of a leaf, at its prices; False if impossible."""
    _, _, cost, radix, supply = graph
    request_of, gate_row = tables
    gate_size, unit_gates, begins = shape[0], shape[1], shape[2]
    capacity, flow, least, limit, price, _, _, _ = store
    most, through, reserved, into_sink = scratch
    first, last = unit_gates[unit], unit_gates[unit + 1]
    for gate in range(first, last):
        fit = places[unit] // gate_size[gate]
        most[gate] = fit if fit < limit[at, gate] else limit[at, gate]
    if not settle(
        unit, places[unit], private[unit], gate_size, unit_gates, least[at], most, through, reserved, into_sink
    ):
        return False
    sink = supply.size - 1
    node = sink - into_sink.size + unit
    gates = sink - into_sink.size - gate_size.size
    _clear(step, 2)
    for gate in range(first, last):
        old = capacity[at, begins[1] + gate]
        if through[gate] != old or reserved[gate] != capacity[at, begins[2] + gate]:
            _set(step, 0, price[at], gates + gate)
            if flow[at, begins[1] + gate] + flow[at, begins[2] + gate] == 0 and reserved[gate] == 0:
                # Nobody passes: the gate may be as cheap as those who would like to pass allow.
                some = False
                for arc in range(gate_row[gate], gate_row[gate + 1]):
                    if capacity[at, arc] > 0 or gate_size[gate] > before[unit]:
                        _set(step, 1, price[at], request_of[arc])
                        _add(step, 1, -1, cost, arc, radix)
                        if not some or _less(step, 0, step, 1):
                            some = True
                            _set(step, 0, step, 1)
                if not some:
                    continue
            _set(step, 1, price[at], node)
            _add(step, 1, -1, step, 0, radix)  # reduced cost of gate to unit
            if _less(step, 1, step, 2):
                _add(gain, 0, through[gate], step, 1, radix)
            _set(step, 1, price[at], node)
            _add(step, 1, -1, price[at], gates + gate, radix)
            if _less(step, 1, step, 2):
                _add(gain, 0, -old, step, 1, radix)
            _set(step, 1, price[at], sink)
            _add(step, 1, -1, price[at], gates + gate, radix)
            if _less(step, 1, step, 2):
                _add(gain, 0, reserved[gate] - capacity[at, begins[2] + gate], step, 1, radix)
    _set(step, 1, price[at], sink)
    _add(step, 1, -1, price[at], node, radix)
    if _less(step, 1, step, 2):
        _add(gain, 0, into_sink[unit] - capacity[at, begins[3] + unit], step, 1, radix)
    return True


@kernel
def reopened(
    leaves: IntArray,
    graph: Graph,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    tables: tuple[IntArray, ...],
    shape: Shape,
    private: BoolArray,
    store: Store,
    requests: IntArray,
    unit: int,
    shut: BoolArray,
    before: IntArray,
    places: IntArray,
    cutoff: IntArray,
    wanted: BoolArray,
    rated: IntArray,
) -> int:
    """Which leaves a question leaves with a bound below the cutoff, by their prices alone: wanted[N]; how many.

    rated[N, W]: that bound. requests: whose arcs are shut (leaving others out makes a bound weaker, not wrong) · unit:
    whose places are others than `before` (-1: none).
    """
    price, bound, state, broken = store[4], store[5], store[6], store[7]
    words = price.shape[2]
    gain, step = np.zeros((1, words), np.int64), np.zeros((3, words), np.int64)
    gates, units = shape[0].size, places.size
    scratch = (
        np.zeros(gates, np.int64),
        np.zeros(gates, np.int64),
        np.zeros(gates, np.int64),
        np.zeros(units, np.int64),
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
        _set(gain, 0, bound, at)
        possible = True
        for request in requests:
            possible &= _request_gain(request, at, graph, rows[0], lists[0], store, shut, gain, step)
        if not possible:
            continue
        if unit >= 0 and not _unit_gain(
            unit, at, graph, tables, shape, private, store, before, places, scratch, gain, step
        ):
            continue
        _set(rated, one, gain, 0)
        if _less(gain, 0, cutoff, 0):
            wanted[one] = True
            count += 1
    return count


@kernel
def gained(
    leaves: IntArray,
    graph: Graph,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    store: Store,
    stay: int,
    requests: IntArray,
    placing: BoolArray,
    gain: IntArray,
    possible: BoolArray,
) -> None:
    """gain[N, Q, W]: by how much the bound of each leaf rises when a request has to be placed (`placing`) or left out.

    Each alone; what two requests add to a bound adds up. possible[N, Q]: whether it can be at all in that leaf.
    """
    capacity, price, state = store[0], store[4], store[6]
    one, step = np.zeros((1, price.shape[2]), np.int64), np.zeros((3, price.shape[2]), np.int64)
    shut = np.zeros(capacity.shape[1], np.bool_)
    for turn in range(requests.size):
        request = requests[turn]
        for place in range(rows[0][request], rows[0][request + 1]):
            shut[lists[0][place]] = (lists[0][place] >= stay) == placing[turn]
        for leaf in range(leaves.size):
            at = leaves[leaf]
            _clear(one, 0)
            possible[leaf, turn] = state[at] != IMPOSSIBLE and _request_gain(
                request, at, graph, rows[0], lists[0], store, shut, one, step
            )
            _set(gain[leaf], turn, one, 0)
        for place in range(rows[0][request], rows[0][request + 1]):
            shut[lists[0][place]] = False


@inner
def _taken_over(
    old: int,
    at: int,
    graph: Graph,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    tables: tuple[IntArray, ...],
    shape: Shape,
    private: BoolArray,
    store: Store,
    unit: int,
    shut: BoolArray,
    before: IntArray,
    places: IntArray,
    most: IntArray,
    total: IntArray,
) -> bool:
    """Copy a leaf into another row, with what a question changes, and re-route it; False if that is not proven."""
    _, _, cost, radix, _ = graph
    request_of, gate_row = tables
    gate_size, unit_gates = shape[0], shape[1]
    capacity, price, state, broken = store[0], store[4], store[6], store[7]
    gates = price.shape[1] - 1 - places.size - gate_size.size
    _copied(old, at, store)
    broken[at] = -1
    if unit >= 0:
        for gate in range(unit_gates[unit], unit_gates[unit + 1]):
            if before[unit] < gate_size[gate] <= places[unit]:
                # Open to those it was too small for, at a price at which none of them has to come.
                first = True
                for arc in range(gate_row[gate], gate_row[gate + 1]):
                    capacity[at, arc] = gate_size[gate]
                    _set(total, 0, price[at], request_of[arc])
                    _add(total, 0, -1, cost, arc, radix)
                    if first or _less(price[at], gates + gate, total, 0):
                        first = False
                        _set(price[at], gates + gate, total, 0)
        if not _fitted(unit, at, shape, private, store, places, most):
            state[at] = IMPOSSIBLE
            broken[at] = unit
            return True
    for arc in range(shut.size):
        if shut[arc]:
            capacity[at, arc] = 0
    ended = _routed(at, graph, rows, lists, store, total)
    state[at] = OPEN if ended == LEAF else IMPOSSIBLE
    return ended >= 0


@inner
def _copied(old: int, at: int, store: Store) -> None:
    """The content of one row in another."""
    capacity, flow, least, limit, price, _, _, _ = store
    for arc in range(capacity.shape[1]):
        capacity[at, arc], flow[at, arc] = capacity[old, arc], flow[old, arc]
    for gate in range(least.shape[1]):
        least[at, gate], limit[at, gate] = least[old, gate], limit[old, gate]
    for node in range(price.shape[1]):
        _set(price[at], node, price[old], node)


@inner
def _branched(
    gate: int,
    count: int,
    close: IntArray,
    old: int,
    pair: IntArray,
    graph: Graph,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    shape: Shape,
    private: BoolArray,
    places: IntArray,
    store: Store,
    cutoff: IntArray,
    most: IntArray,
    total: IntArray,
) -> int:
    """The two branches of a node in the rows of a pair: of a gate, or if that is -1 of arcs; how many are OPEN.

    Negative if a flow is not proven.
    """
    gate_unit = shape[3]
    capacity, _, least, limit, _, bound, state, broken = store
    count_open = 0
    for branch in range(2):
        at = pair[branch]
        _copied(old, at, store)
        broken[at] = -1
        state[at] = IMPOSSIBLE
        if gate >= 0:
            if branch:
                limit[at, gate] = count
            else:
                least[at, gate] = count + 1
            unit = gate_unit[gate]
            if not _fitted(unit, at, shape, private, store, places, most):
                broken[at] = unit
                continue
        else:
            for arc in range(close.size):
                if close[arc] == branch + 1:
                    capacity[at, arc] = 0
        ended = _routed(at, graph, rows, lists, store, total)
        if ended < 0:
            return ended
        if ended == LEAF:
            if _less(bound, at, cutoff, 0):
                state[at] = OPEN
                count_open += 1
            else:
                state[at] = LEAF
    return count_open


@inner
def _group_branch(  # noqa: PLR0912  one link, read top down
    at: int,
    groups: tuple[IntArray, IntArray],
    leaving_row: IntArray,
    leaving: IntArray,
    unit_of: IntArray,
    location: IntArray,
    stay: int,
    flow: IntArray,
    shares: IntArray,
    close: IntArray,
) -> bool:
    """Whether some group is not together; close[A + R] gets bit 0 for arcs of the first branch, bit 1 of the second."""
    group_row, members = groups
    for group in range(group_row.size - 1):
        most, count, outside = -1, 0, False
        for one in range(group_row[group], group_row[group + 1]):
            for place in range(leaving_row[members[one]], leaving_row[members[one] + 1]):
                arc = leaving[place]
                if flow[at, arc] > 0:
                    if arc >= stay:
                        outside = True
                    else:
                        here = location[unit_of[arc]]
                        if shares[here] == 0:
                            count += 1
                        shares[here] += flow[at, arc]
        for one in range(group_row[group], group_row[group + 1]):
            for place in range(leaving_row[members[one]], leaving_row[members[one] + 1]):
                arc = leaving[place]
                if arc < stay and flow[at, arc] > 0:
                    here = location[unit_of[arc]]
                    if most < 0 or shares[here] > shares[most] or (shares[here] == shares[most] and here < most):
                        most = here
        for one in range(group_row[group], group_row[group + 1]):
            for place in range(leaving_row[members[one]], leaving_row[members[one] + 1]):
                arc = leaving[place]
                if arc < stay and flow[at, arc] > 0:
                    shares[location[unit_of[arc]]] = 0
        if count > 1 or (count == 1 and outside):
            for one in range(group_row[group], group_row[group + 1]):
                for place in range(leaving_row[members[one]], leaving_row[members[one] + 1]):
                    arc = leaving[place]
                    there = arc < stay and location[unit_of[arc]] == most
                    close[arc] = 2 if there else 1
            return True
    return False


@inner
def _apart_branch(
    at: int,
    apart: IntArray,
    leaving_row: IntArray,
    leaving: IntArray,
    unit_of: IntArray,
    location: IntArray,
    stay: int,
    flow: IntArray,
    shares: IntArray,
    close: IntArray,
) -> bool:
    """The same for two at one location who must not be."""
    for pair in range(apart.shape[0]):
        a, b = apart[pair, 0], apart[pair, 1]
        least = -1
        for place in range(leaving_row[a], leaving_row[a + 1]):
            arc = leaving[place]
            if arc < stay and flow[at, arc] > 0:
                shares[location[unit_of[arc]]] = 1
        for place in range(leaving_row[b], leaving_row[b + 1]):
            arc = leaving[place]
            if arc < stay and flow[at, arc] > 0:
                here = location[unit_of[arc]]
                if shares[here] and (least < 0 or here < least):
                    least = here
        for place in range(leaving_row[a], leaving_row[a + 1]):
            arc = leaving[place]
            if arc < stay:
                shares[location[unit_of[arc]]] = 0
        if least >= 0:
            for place in range(leaving_row[a], leaving_row[a + 1]):
                arc = leaving[place]
                there = arc < stay and location[unit_of[arc]] == least
                close[arc] = 2 if there else 1
            for place in range(leaving_row[b], leaving_row[b + 1]):
                arc = leaving[place]
                if arc < stay and location[unit_of[arc]] == least:
                    close[arc] = 1
            return True
    return False


@inner
def _outside_branch(
    at: int,
    size: IntArray,
    leaving_row: IntArray,
    leaving: IntArray,
    stay: int,
    flow: IntArray,
    close: IntArray,
) -> bool:
    """The same for a party partly outside: it is placed, or it stays outside."""
    for request in range(size.size):
        if 0 < flow[at, stay + request] < size[request]:
            for place in range(leaving_row[request], leaving_row[request + 1]):
                close[leaving[place]] = 2
            close[stay + request] = 1
            return True
    return False


@inner
def _gate_branch(
    at: int,
    shape: Shape,
    private: BoolArray,
    store: Store,
    tried: BoolArray,
) -> tuple[int, int]:
    """The gate to branch on, of those not tried, and how many whole parties it has; (-1, 0) for none.

    In the order of `BranchSearch._fractions`.
    """
    gate_size, unit_gates, begins = shape[0], shape[1], shape[2]
    capacity, flow, least = store[0], store[1], store[2]
    chosen, number = -1, 0
    chosen_full, chosen_size, chosen_off = False, 0, 0.0
    for unit in range(unit_gates.size - 1):
        filled = 0
        for gate in range(unit_gates[unit], unit_gates[unit + 1]):
            filled += flow[at, begins[1] + gate] + flow[at, begins[2] + gate] > 0
        doubled = private[unit] and filled > 1
        full = flow[at, begins[3] + unit] == capacity[at, begins[3] + unit]
        for gate in range(unit_gates[unit], unit_gates[unit + 1]):
            if capacity[at, begins[1] + gate] == 0 or tried[gate]:
                continue
            inside = flow[at, begins[1] + gate] + flow[at, begins[2] + gate]
            persons = gate_size[gate]
            whole, part = inside // persons, inside % persons
            if whole < least[at, gate] or not (part > 0 or (inside > 0 and doubled)):
                continue
            off = abs(part / persons - 0.5)
            better = chosen < 0
            if not better and full != chosen_full:
                better = full
            elif not better and persons != chosen_size:
                better = persons > chosen_size
            elif not better:
                better = off < chosen_off
            if better:
                chosen, chosen_full, chosen_size, chosen_off = gate, full, persons, off
                number = whole if part else 0
    return chosen, number


@inner
def _split_branch(
    at: int,
    size: IntArray,
    leaving_row: IntArray,
    leaving: IntArray,
    stay: int,
    flow: IntArray,
    close: IntArray,
) -> bool:
    """The largest split party in the unit most of it is in, or not in it."""
    chosen = -1
    for request in range(size.size):
        parts = 0
        for place in range(leaving_row[request], leaving_row[request + 1]):
            parts += leaving[place] < stay and flow[at, leaving[place]] > 0
        if parts > 1 and (chosen < 0 or size[request] > size[chosen]):
            chosen = request
    if chosen < 0:
        return False
    most = -1
    for place in range(leaving_row[chosen], leaving_row[chosen + 1]):
        arc = leaving[place]
        if arc < stay and (most < 0 or flow[at, arc] > flow[at, most]):
            most = arc
        close[arc] = 1
    close[most] = 2
    return True


@inner
def _less_and_more(pair: IntArray, other: IntArray, bound: IntArray) -> bool:
    """Whether the lower bound of a pair is less than that of another, or as high and the higher one less."""
    low = pair[1] if _less(bound, pair[1], bound, pair[0]) else pair[0]
    high = pair[0] + pair[1] - low
    other_low = other[1] if _less(bound, other[1], bound, other[0]) else other[0]
    other_high = other[0] + other[1] - other_low
    if _less(bound, low, bound, other_low):
        return True
    return not _less(bound, other_low, bound, low) and _less(bound, high, bound, other_high)


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
    graph: Graph,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    tables: tuple[IntArray, ...],
    shape: Shape,
    private: BoolArray,
    unit: int,
    shut: BoolArray,
    before: IntArray,
    places: IntArray,
    size: IntArray,
    unit_of: IntArray,
    location: IntArray,
    groups: tuple[IntArray, IntArray],
    apart: IntArray,
    store: Store,
    cutoff: IntArray,
    best: IntArray,
    nodes: IntArray,
    tries: int,
    once: bool,
) -> int:
    """Search on from the OPEN rows among `slots` and the `pending` leaves until nothing can be below the cutoff.

    The best unit of each request (-1: none) goes into best[R] whenever an answer is found, and the cutoff follows it.
    Leaves are taken over, with what is changed (see `reopened`), only when it is their turn by rated[N, W]; those that
    were are -1 in `pending` then. Free rows among `slots` are used as needed. tries: how many gates are looked at
    before one is branched on.

    nodes[0] counts, nodes[1] is the most there may be. Ends with DONE, FULL (too few free rows: give more and call
    again), SPENT, DISBELIEVED, or, if `once`, FOUND.
    """
    leaving_row, leaving = rows[0], lists[0]
    gate_size, begins = shape[0], shape[2]
    _, flow, _, _, _, bound, state, _ = store
    stay = begins[0]
    most = np.zeros(gate_size.size, np.int64)
    total = np.zeros((2, cutoff.shape[1]), np.int64)
    most_location = 0
    for here in location:
        most_location = here if here > most_location else most_location
    shares = np.zeros(most_location + 1, np.int64)
    close = np.zeros(begins[1], np.int64)
    tried = np.zeros(gate_size.size, np.bool_)
    free = np.zeros(4, np.int64)
    none = -1
    deeper = none
    while True:
        at = deeper
        deeper = none
        if at < 0:
            for slot in slots:
                if state[slot] == OPEN and (at < 0 or _less(bound, slot, bound, at)):
                    at = slot
            turn = none
            for one in range(pending.size):
                if pending[one] >= 0 and (turn < 0 or _less(rated, one, rated, turn)):
                    turn = one
            if turn >= 0 and _less(rated, turn, cutoff, 0) and (at < 0 or _less(rated, turn, bound, at)):
                if nodes[0] >= nodes[1]:
                    return SPENT
                if not _free_rows(slots, state, free[:1]):
                    return FULL
                nodes[0] += 1
                if not _taken_over(
                    pending[turn],
                    free[0],
                    graph,
                    rows,
                    lists,
                    tables,
                    shape,
                    private,
                    store,
                    unit,
                    shut,
                    before,
                    places,
                    most,
                    total,
                ):
                    return DISBELIEVED
                pending[turn] = -1
                if state[free[0]] == OPEN:
                    deeper = free[0]
                continue
        if at < 0:
            return DONE
        if not _less(bound, at, cutoff, 0):
            state[at] = LEAF
            continue
        for arc in range(close.size):
            close[arc] = 0
        gate, count = none, 0
        answered = False
        if not (
            _group_branch(at, groups, leaving_row, leaving, unit_of, location, stay, flow, shares, close)
            or _apart_branch(at, apart, leaving_row, leaving, unit_of, location, stay, flow, shares, close)
            or _outside_branch(at, size, leaving_row, leaving, stay, flow, close)
        ):
            for one in range(tried.size):
                tried[one] = False
            gate, count = _gate_branch(at, shape, private, store, tried)
            answered = gate < 0 and not _split_branch(at, size, leaving_row, leaving, stay, flow, close)
        if answered:
            for request in range(size.size):
                best[request] = -1
                for place in range(leaving_row[request], leaving_row[request + 1]):
                    arc = leaving[place]
                    if arc < stay and flow[at, arc] > 0:
                        best[request] = unit_of[arc]
            _set(cutoff, 0, bound, at)
            cutoff[0, cutoff.shape[1] - 1] -= FINENESS - 1
            state[at] = LEAF
            if once:
                return FOUND
            continue
        if nodes[0] >= nodes[1]:
            return SPENT
        if not _free_rows(slots, state, free):
            return FULL
        chosen, trial = free[:2], free[2:]
        for turn in range(tries):
            pair = trial if turn else chosen
            count_open = _branched(
                gate,
                count,
                close,
                at,
                pair,
                graph,
                rows,
                lists,
                shape,
                private,
                places,
                store,
                cutoff,
                most,
                total,
            )
            if count_open < 0:
                return DISBELIEVED
            nodes[0] += 1
            if turn and (count_open < 2 or _less_and_more(chosen, pair, bound)):
                chosen, trial = trial, chosen
            if turn:
                state[trial[0]] = state[trial[1]] = FREE
            if count_open < 2 or gate < 0:
                break
            tried[gate] = True
            gate, count = _gate_branch(at, shape, private, store, tried)
            if gate < 0:
                break
        state[at] = FREE
        for child in chosen:
            if state[child] == OPEN and (deeper < 0 or _less(bound, child, bound, deeper)):
                deeper = child


@cache
def prepare() -> None:
    """Compile what is not compiled yet, as `kernels.prepare` and with it, `descent.prepare` and `packing.prepare`."""
    kernels.prepare()
    descent.prepare()
    packing.prepare()
    one, none, no, zero = np.ones(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.bool_), np.zeros((1, 1), np.int64)
    # One request, one gate, one unit, and the way out: see `network`.
    ends = np.array([0, 0, 1, 1, 2]), np.array([1, 3, 2, 3, 3])
    graph: Graph = *ends, np.zeros((5, 1), np.int64), none, np.array([1, 0, 0, -1])
    rows = np.array([0, 2, 4, 5, 5]), np.array([0, 0, 1, 2, 5])
    lists = np.arange(5), np.array([0, 2, 1, 3, 4])
    shape = one, np.array([0, 1]), np.array([1, 2, 3, 4, 5]), none
    room, row = np.ones((1, 5), np.int64), np.zeros((1, 4, 1), np.int64)
    store: Store = room, np.zeros((1, 5), np.int64), zero, zero + 1, row, zero, none + LEAF, none - 1
    shut, tables = np.zeros(2, np.bool_), (none, np.array([0, 1]))
    reopened(none, graph, rows, lists, tables, shape, no, store, none, 0, shut, one, one, zero, no, zero.copy())
    gained(none, graph, rows, lists, store, 1, none, no, np.zeros((1, 1, 1), np.int64), np.zeros((1, 1), np.bool_))
    nobody, apart = (np.zeros(1, np.int64), np.zeros(0, np.int64)), np.zeros((0, 2), np.int64)
    explored(
        none,
        none - 1,
        zero,
        graph,
        rows,
        lists,
        tables,
        shape,
        no,
        0,
        shut,
        one,
        one,
        one,
        none,
        none,
        nobody,
        apart,
        store,
        zero.copy(),
        none.copy(),
        np.zeros(2, np.int64),
        1,
        False,
    )
