"""The search below a root, compiled: what `branch` describes, on numbers of one word (`tree` makes them so).

A node is a row of whole numbers: what is open there, its flow, its prices and what requests are worth there. The root
is bounded twice, by its cheapest flow and by units that choose whole parties for themselves; the second closes what
leads to nothing better than is looked for. Below it the flow is re-routed from node to node, and near every flow an
answer is tried.

Compiled by Numba on first use and kept on disk beside this file, as in `kernels`. (What is kept is compiled anew when
this file changes, not when only `kernels` does, of which `settle` is used here.)
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from matching.eligibility import BoolArray, IntArray
from matching.kernels import settle
from matching.native import inner, kernel

FloatArray = NDArray[np.float64]
Net = tuple[IntArray, ...]
"""What all nodes share, in this order:

tail, head, cost of every arc (into gates, arcs of a gate together; staying out; gate to unit; reserved; unit to sink) ·
leave_row, leave, enter_row, enter: arcs by the node they leave and enter · gate_row, gate_size, gate_unit, unit_gates ·
size, places, private, location · group_row, group_members, apart · order: requests, who is placed first when rounding.
"""

# What `explore` ends with.
DONE, WAITING, SMALLER, CROWDED, DISBELIEVED = 0, 1, 2, 3, 4

# What becomes of a node.
_DEAD, _OPEN, _WRONG = 0, 1, 2

# What a flow violates, in the order in which it is branched on; an answer violates nothing.
_GROUP, _APART, _OUTSIDE, COUNT, _SPLIT = 1, 2, 3, 4, 5

_UNSEEN, _SETTLED = -1, -2

# Gates that are tried at most before one is branched on.
_CANDIDATES_MAX = 8
# Of a root with so many arcs what is open is packed together when it is no more than this share.
_PACKED_FROM, _PACKED_SHARE = 200, 0.6

# Slots of the agenda that a step of the search may need.
_SPARE = 6

# Rounds without a better bound before the strides of `_ascended` get shorter, and how much.
_PATIENCE = 10
_SLOWER = 0.7


@inner
def set_to(to: IntArray, other: IntArray) -> None:
    """What `to[:] = other` does, which takes long to compile for all that could be wrong with it."""
    for at in range(to.size):
        to[at] = other[at]


@inner
def route(  # noqa: PLR0912, PLR0915  one search, read top down; calls would cost more than the work
    net: Net,
    capacity: IntArray,
    flow: IntArray,
    price: IntArray,
    scratch: IntArray,
) -> bool:
    """`kernels.reroute` on numbers of one word. scratch[6, N]. False if not all get through."""
    tail, head, cost, leave_row, leave, enter_row, enter = net[:7]
    size = net[11]
    nodes, requests = price.size, size.size
    balance, distance, place, heap, via, touched = (
        scratch[0],
        scratch[1],
        scratch[2],
        scratch[3],
        scratch[4],
        scratch[5],
    )
    balance[:] = 0
    place[:] = _UNSEEN
    for request in range(requests):
        balance[request] = size[request]
        balance[nodes - 1] -= size[request]
        offer, some = 0, False
        for at in range(leave_row[request], leave_row[request + 1]):
            arc = leave[at]
            if capacity[arc] > 0:
                step = cost[arc] + price[head[arc]]
                if not some or step < offer:
                    some = True
                    offer = step
        if not some:
            return False
        price[request] = offer
    for arc in range(tail.size):
        one, other = tail[arc], head[arc]
        carried = min(flow[arc], capacity[arc])
        if capacity[arc] > 0:
            reduced = cost[arc] + price[other] - price[one]
            if reduced < 0:
                carried = capacity[arc]
            elif reduced > 0:
                carried = 0
        flow[arc] = carried
        balance[one] -= carried
        balance[other] += carried
    for source in range(nodes):
        while balance[source] > 0:
            # Dijkstra on reduced costs to the nearest node with too little.
            distance[source] = 0
            heap[0] = touched[0] = source
            place[source] = 0
            length = count = 1
            target = -1
            while length > 0:
                node = heap[0]
                place[node] = _SETTLED
                length -= 1
                if length > 0:
                    last = heap[length]
                    far = distance[last]
                    at = 0
                    while True:
                        below = 2 * at + 1
                        if below >= length:
                            break
                        if below + 1 < length and distance[heap[below + 1]] < distance[heap[below]]:
                            below += 1
                        if distance[heap[below]] >= far:
                            break
                        heap[at] = heap[below]
                        place[heap[at]] = at
                        at = below
                    heap[at] = last
                    place[last] = at
                if balance[node] < 0:
                    target = node
                    break
                base = distance[node] - price[node]
                for backwards in range(2):
                    first = enter_row[node] if backwards else leave_row[node]
                    end = enter_row[node + 1] if backwards else leave_row[node + 1]
                    for listed in range(first, end):
                        if backwards:
                            arc = enter[listed]
                            if flow[arc] == 0:
                                continue
                            to = tail[arc]
                            if place[to] == _SETTLED:
                                continue
                            step = base - cost[arc] + price[to]
                        else:
                            arc = leave[listed]
                            if flow[arc] >= capacity[arc]:
                                continue
                            to = head[arc]
                            if place[to] == _SETTLED:
                                continue
                            step = base + cost[arc] + price[to]
                        if place[to] == _UNSEEN:
                            touched[count] = to
                            place[to] = length
                            count += 1
                            length += 1
                        elif step >= distance[to]:
                            continue
                        distance[to] = step
                        via[to] = 2 * arc + backwards
                        at = place[to]
                        while at > 0:
                            above = (at - 1) >> 1
                            if distance[heap[above]] <= step:
                                break
                            heap[at] = heap[above]
                            place[heap[at]] = at
                            at = above
                        heap[at] = to
                        place[to] = at
            if target < 0:
                return False
            for at in range(count):
                node = touched[at]
                if place[node] == _SETTLED:
                    price[node] += distance[target] - distance[node]
                place[node] = _UNSEEN
            amount = min(balance[source], -balance[target])
            node = target
            while node != source:
                arc = via[node] >> 1
                if via[node] & 1:
                    amount = min(amount, flow[arc])
                    node = head[arc]
                else:
                    amount = min(amount, capacity[arc] - flow[arc])
                    node = tail[arc]
            node = target
            while node != source:
                arc = via[node] >> 1
                if via[node] & 1:
                    flow[arc] -= amount
                    node = head[arc]
                else:
                    flow[arc] += amount
                    node = tail[arc]
            balance[source] -= amount
            balance[target] += amount
    return True


@inner
def proof(net: Net, capacity: IntArray, flow: IntArray, price: IntArray) -> tuple[int, int]:
    """What the prices prove, whatever they are, and what the flow costs; see `kernels.proof`."""
    tail, head, cost = net[0], net[1], net[2]
    size = net[11]
    sink = price.size - 1
    proven = costs = 0
    for request in range(size.size):
        proven += size[request] * (price[request] - price[sink])
    for arc in range(tail.size):
        costs += flow[arc] * cost[arc]
        proven += capacity[arc] * min(0, cost[arc] + price[head[arc]] - price[tail[arc]])
    return proven, costs


@inner
def _close_at(net: Net, capacity: IntArray, request: int, location: int, elsewhere: bool) -> None:
    """Without the units at a location; or only those there, and not staying outside."""
    head, leave_row, leave, gate_row, gate_unit, size, where = net[1], net[3], net[4], net[7], net[9], net[11], net[14]
    for at in range(leave_row[request], leave_row[request + 1]):
        arc = leave[at]
        if arc >= gate_row[-1]:
            if elsewhere:
                capacity[arc] = 0
        elif (where[gate_unit[head[arc] - size.size]] != location) == elsewhere:
            capacity[arc] = 0


@inner
def tightened(net: Net, capacity: IntArray, least: IntArray, most: IntArray, unit: int) -> bool:
    """No more parties through a gate than have a way to it, and rooms to match; False if fewer than must.

    Of one unit whatever changed there, or of all (-1) where such a number changed.
    """
    gate_row, gate_size, unit_gates, size, places, private = net[7], net[8], net[10], net[11], net[12], net[13]
    gates, units = gate_size.size, places.size
    first = gate_row[-1] + size.size
    for one in range(units if unit < 0 else 1):
        here = one if unit < 0 else unit
        changed = unit >= 0
        for gate in range(unit_gates[here], unit_gates[here + 1]):
            if most[gate] == 0:
                continue
            parties = 0
            for arc in range(gate_row[gate], gate_row[gate + 1]):
                parties += capacity[arc] > 0
            if parties < least[gate]:
                return False
            if parties < most[gate]:
                most[gate] = parties
                changed = True
        if changed and not settle(
            here,
            places[here],
            private[here] != 0,
            gate_size,
            unit_gates,
            least,
            most,
            capacity[first : first + gates],
            capacity[first + gates : first + 2 * gates],
            capacity[first + 2 * gates :],
        ):
            return False
    return True


@inner
def narrowed(
    net: Net, capacity: IntArray, least: IntArray, most: IntArray, kind: int, what: int, where: int, side: int
) -> bool:
    """Take away what one side of a branching excludes; False if nothing can be left."""
    leave_row, leave, gate_row, gate_unit = net[3], net[4], net[7], net[9]
    group_row, group_members, apart = net[15], net[16], net[17]
    arcs = gate_row[-1]
    unit = -1
    if kind == COUNT:
        if side == 0:
            least[what] = where + 1
        else:
            most[what] = where
        unit = gate_unit[what]
    elif kind == _GROUP:
        for at in range(group_row[what], group_row[what + 1]):
            _close_at(net, capacity, group_members[at], where, side == 0)
    elif kind == _APART:
        _close_at(net, capacity, apart[2 * what], where, side == 0)
        if side == 0:
            _close_at(net, capacity, apart[2 * what + 1], where, False)
    elif kind == _OUTSIDE or side == 0:
        for at in range(leave_row[what], leave_row[what + 1]):
            arc = leave[at]
            if arc != where if kind == _SPLIT else (arc >= arcs) == (side == 0):
                capacity[arc] = 0
    else:
        capacity[where] = 0
    return tightened(net, capacity, least, most, unit)


@inner
def _link_violated(  # noqa: PLR0912  groups, then pairs
    net: Net, flow: IntArray, share: IntArray, branch: IntArray
) -> bool:
    """A group that is not together, or two that are not apart. share[locations]: zeros, and left so."""
    head, leave_row, leave, gate_row, gate_unit, size, location = (
        net[1],
        net[3],
        net[4],
        net[7],
        net[9],
        net[11],
        net[14],
    )
    group_row, group_members, apart = net[15], net[16], net[17]
    arcs, requests = gate_row[-1], size.size
    for group in range(group_row.size - 1):
        outside, somewhere, most = False, 0, -1
        for turn in range(2):  # the second only cleans up
            for at in range(group_row[group], group_row[group + 1]):
                member = group_members[at]
                outside = outside or flow[arcs + member] > 0
                for one in range(leave_row[member], leave_row[member + 1]):
                    arc = leave[one]
                    if arc < arcs and flow[arc] > 0:
                        here = location[gate_unit[head[arc] - requests]]
                        if turn:
                            share[here] = 0
                        else:
                            somewhere += share[here] == 0
                            share[here] += flow[arc]
            if turn == 0 and somewhere:
                for here in range(share.size):
                    if share[here] > 0 and (most < 0 or share[here] > share[most]):
                        most = here
        if somewhere > 1 or (somewhere and outside):
            branch[0], branch[1], branch[2] = _GROUP, group, most
            return True
    for pair in range(apart.size // 2):
        shared = -1
        for turn in range(3):  # mark, look, and clean up
            one = apart[2 * pair + turn % 2]
            for at in range(leave_row[one], leave_row[one + 1]):
                arc = leave[at]
                if arc < arcs and flow[arc] > 0:
                    here = location[gate_unit[head[arc] - requests]]
                    if turn == 0:
                        share[here] = 1
                    elif turn == 2:
                        share[here] = 0
                    elif share[here] and (shared < 0 or here < shared):
                        shared = here
        if shared >= 0:
            branch[0], branch[1], branch[2] = _APART, pair, shared
            return True
    return False


@inner
def _fractions(
    net: Net,
    capacity: IntArray,
    least: IntArray,
    most: IntArray,
    flow: IntArray,
    listed: IntArray,
    keys: FloatArray,
) -> int:
    """The first gates with a fraction of a party, or of a private unit with two: those of full units, then those of
    large parties, then those nearest to a half. listed[2, K]: the gate and its whole parties; returns how many."""
    gate_row, gate_size, unit_gates, size, private = net[7], net[8], net[10], net[11], net[13]
    gates = gate_size.size
    first = gate_row[-1] + size.size
    found = 0
    for unit in range(unit_gates.size - 1):
        begin, end = unit_gates[unit], unit_gates[unit + 1]
        room = first + 2 * gates + unit
        full = flow[room] == capacity[room]
        doubled = 0
        if private[unit]:
            for gate in range(begin, end):
                doubled += flow[first + gate] + flow[first + gates + gate] > 0
        for gate in range(begin, end):
            inside = flow[first + gate] + flow[first + gates + gate]
            if inside == 0 or most[gate] <= least[gate]:
                continue
            whole = inside // gate_size[gate]
            part = inside - whole * gate_size[gate]
            if whole < least[gate] or (part == 0 and doubled < 2):
                continue
            key = abs(part / gate_size[gate] - 0.5) - 2.0 * gate_size[gate]
            if full:
                key -= 1e12
            if part == 0:
                whole = 0
            if found == keys.size:
                if key >= keys[found - 1]:
                    continue
                at = found - 1
            else:
                at = found
                found += 1
            while at > 0 and key < keys[at - 1]:
                keys[at] = keys[at - 1]
                listed[0, at] = listed[0, at - 1]
                listed[1, at] = listed[1, at - 1]
                at -= 1
            keys[at] = key
            listed[0, at] = gate
            listed[1, at] = whole
    return found


@inner
def _party_violated(net: Net, flow: IntArray, split: bool, branch: IntArray) -> bool:
    """Somebody partly outside; or (`split`) the largest party in two units, and the unit most of it is in."""
    leave_row, leave, gate_row, size = net[3], net[4], net[7], net[11]
    arcs = gate_row[-1]
    largest = 0
    for request in range(size.size):
        if not split:
            if 0 < flow[arcs + request] < size[request]:
                branch[0], branch[1], branch[2] = _OUTSIDE, request, 0
                return True
        elif size[request] > largest:
            parts, most = 0, -1
            for at in range(leave_row[request], leave_row[request + 1]):
                arc = leave[at]
                if arc < arcs and flow[arc] > 0:
                    parts += 1
                    if most < 0 or flow[arc] > flow[most]:
                        most = arc
            if parts > 1:
                largest = size[request]
                branch[0], branch[1], branch[2] = _SPLIT, request, most
    return largest > 0


@inner
def violated(
    net: Net,
    capacity: IntArray,
    least: IntArray,
    most: IntArray,
    flow: IntArray,
    share: IntArray,
    branch: IntArray,
    listed: IntArray,
    keys: FloatArray,
) -> int:
    """What a flow violates, into `branch`, or as candidates into `listed`: then how many, otherwise 1 (0: nothing)."""
    listed[0, 0] = -1
    if _link_violated(net, flow, share, branch) or _party_violated(net, flow, False, branch):
        return 1
    found = _fractions(net, capacity, least, most, flow, listed, keys)
    if found == 0:
        listed[0, 0] = -1
        return int(_party_violated(net, flow, True, branch))
    return found


@inner
def _ascended(  # noqa: PLR0912, PLR0915  one loop, read top down
    net: Net,
    capacity: IntArray,
    least: IntArray,
    most: IntArray,
    worth: IntArray,
    target: int,
    worth_max: int,
    rounds: int,
    drop: BoolArray,
    work: tuple[IntArray, ...],
) -> tuple[bool, int]:
    """`kernels.ascend` on numbers of one word, always closing: drop[A + R]. False if some unit cannot have its own.

    worth_max: no worth goes beyond it, so that nothing overflows. work: see `_work`.
    """
    cost, gate_row, gate_size, unit_gates, size, places, private = (
        net[2],
        net[7],
        net[8],
        net[10],
        net[11],
        net[12],
        net[13],
    )
    tail = net[0]
    best, taken, surplus, chosen, groups, cover, best_worth = work
    arcs, requests = gate_row[-1], size.size
    width = best.shape[1]
    units = places.size
    bound, known, idle, pace = 0, False, 0, 1.0
    for turn in range(rounds + 1):
        final = turn == rounds
        if final:
            set_to(worth, best_worth)
        total = 0
        for request in range(requests):
            cover[request] = 0
            if capacity[arcs + request] > 0 and worth[request] > cost[arcs + request]:
                worth[request] = cost[arcs + request]
            total += size[request] * worth[request]
        for unit in range(units):
            filled = used = wanted = 0
            free = places[unit]
            for gate in range(unit_gates[unit], unit_gates[unit + 1]):
                limit, must = most[gate], least[gate]
                if limit == 0:
                    continue
                count = 0
                for arc in range(gate_row[gate], gate_row[gate + 1]):
                    gain = worth[tail[arc]] - cost[arc]
                    if (must == 0 and gain <= 0) or capacity[arc] == 0:
                        continue
                    if count == limit:
                        if gain <= surplus[used + count - 1]:
                            continue
                    else:
                        count += 1
                    to = used + count - 1
                    while to > used and surplus[to - 1] < gain:
                        surplus[to] = surplus[to - 1]
                        chosen[to] = chosen[to - 1]
                        to -= 1
                    surplus[to] = gain
                    chosen[to] = tail[arc]
                if count < must:
                    return False, 0
                persons = gate_size[gate]
                for at in range(used, used + must):
                    total -= persons * surplus[at]
                    cover[chosen[at]] += 1
                free -= must * persons
                begin = used + must
                used += count
                while used > begin and surplus[used - 1] <= 0:  # those that had to be looked at for the others' sake
                    used -= 1
                if used > begin:
                    groups[0, filled], groups[1, filled], groups[2, filled] = gate, begin, used - begin
                    wanted += (used - begin) * persons
                    filled += 1
            gain = 0
            packed = False
            if private[unit]:
                winner = -1
                for at in range(filled):
                    more = gate_size[groups[0, at]] * surplus[groups[1, at]]
                    if more > gain:
                        gain = more
                        winner = groups[1, at]
                if winner >= 0:
                    cover[chosen[winner]] += 1
            elif filled and not final and (wanted <= free or filled == 1):
                for at in range(filled):
                    persons = gate_size[groups[0, at]]
                    for one in range(groups[1, at], groups[1, at] + min(groups[2, at], free // persons)):
                        gain += persons * surplus[one]
                        cover[chosen[one]] += 1
            elif filled or final:
                packed = True
                free = min(free, width - 1)
                for rooms in range(free + 1):
                    best[0, rooms] = 0
                for at in range(filled):
                    persons, begin = gate_size[groups[0, at]], groups[1, at]
                    for rooms in range(free + 1):
                        most_here, how_many, more = best[at, rooms], 0, 0
                        for one in range(1, min(groups[2, at], rooms // persons) + 1):
                            more += persons * surplus[begin + one - 1]
                            if best[at, rooms - one * persons] + more > most_here:
                                most_here = best[at, rooms - one * persons] + more
                                how_many = one
                        best[at + 1, rooms] = most_here
                        taken[at, rooms] = how_many
                gain = best[filled, free]
                rooms = free
                for at in range(filled - 1, -1, -1):
                    how_many = taken[at, rooms]
                    for one in range(groups[1, at], groups[1, at] + how_many):
                        cover[chosen[one]] += 1
                    rooms -= how_many * gate_size[groups[0, at]]
            total -= gain
            if final:
                for gate in range(unit_gates[unit], unit_gates[unit + 1]):
                    if most[gate] == 0 or least[gate] > 0:
                        continue
                    persons = gate_size[gate]
                    short = gain - (best[filled, free - persons] if packed else 0)
                    for arc in range(gate_row[gate], gate_row[gate + 1]):
                        lack = short + persons * (cost[arc] - worth[tail[arc]])
                        drop[arc] = lack > 0 and bound + lack >= target
        if final:
            break
        if not known or total > bound:
            known = True
            idle = 0
            bound = total
            set_to(best_worth, worth)
            if bound >= target:
                return True, bound
        else:
            idle += 1
            if idle % _PATIENCE == 0:
                pace *= _SLOWER
        if turn < rounds - 1:
            norm = 0.0
            for request in range(requests):
                if cover[request] == 0 and capacity[arcs + request] > 0 and worth[request] >= cost[arcs + request]:
                    cover[request] = 1  # worth no more than staying out costs: staying out is its place
                norm += float((1 - cover[request]) * size[request]) ** 2
            if norm == 0.0:
                set_to(worth, best_worth)
                rounds = turn + 1
                continue
            stride = pace * float(target - total) / norm
            for request in range(requests):
                if cover[request] != 1:
                    moved = worth[request] + round(stride * size[request] * (1 - cover[request]))
                    worth[request] = min(worth_max, max(-worth_max, moved))
    for request in range(requests):
        lack = size[request] * (cost[arcs + request] - worth[request])
        drop[arcs + request] = bound + lack >= target
    return True, bound


@inner
def rounded(  # noqa: PLR0912, PLR0915  one answer, built step by step
    net: Net, capacity: IntArray, flow: IntArray, placed: IntArray, room: IntArray, taken: IntArray
) -> tuple[bool, int]:
    """An answer near a flow: whoever it keeps whole stays there, if the links allow it, the rest goes where it fits.

    placed[R] becomes the unit of each, -1 for none. False if somebody who must be placed is not.
    """
    tail, head, cost, leave_row, leave, gate_row, gate_unit, size, places, private, location = (
        net[0],
        net[1],
        net[2],
        net[3],
        net[4],
        net[7],
        net[9],
        net[11],
        net[12],
        net[13],
        net[14],
    )
    group_row, group_members, apart, order = net[15], net[16], net[17], net[18]
    arcs, requests = gate_row[-1], size.size
    set_to(room, places)
    placed[:] = -1
    taken[:] = -1  # of every request the arc it has
    for arc in range(arcs):
        if flow[arc] > 0 and flow[arc] == size[tail[arc]]:
            taken[tail[arc]] = arc
    for group in range(group_row.size - 1):
        together = True
        for at in range(group_row[group], group_row[group + 1]):
            one, other = taken[group_members[group_row[group]]], taken[group_members[at]]
            if one < 0 or other < 0:
                together = False
                continue
            if location[gate_unit[head[one] - requests]] != location[gate_unit[head[other] - requests]]:
                together = False
        if not together:
            for at in range(group_row[group], group_row[group + 1]):
                taken[group_members[at]] = -1
    for request in range(requests):
        if taken[request] >= 0:
            unit = gate_unit[head[taken[request]] - requests]
            if room[unit] >= size[request] and _clear_of(apart, request, location[unit], placed, location):
                placed[request] = unit
                room[unit] = 0 if private[unit] else room[unit] - size[request]
    for group in range(group_row.size - 1):
        together = True
        for at in range(group_row[group], group_row[group + 1]):
            together = together and placed[group_members[at]] >= 0
        if together:
            continue
        for at in range(group_row[group], group_row[group + 1]):
            _left(group_members[at], size, places, private, placed, room)
        leader = group_members[group_row[group]]
        found, best_total = -1, 0
        for turn in range(2):  # the second takes the best location found
            for one in range(leave_row[leader], leave_row[leader + 1]):
                if leave[one] >= arcs or capacity[leave[one]] == 0:
                    continue
                here = location[gate_unit[head[leave[one]] - requests]]
                if turn and here != found:
                    continue
                total, whole = 0, True
                for at in range(group_row[group], group_row[group + 1]):
                    member = group_members[at]
                    arc = _cheapest(net, capacity, member, here, placed, room)
                    if arc < 0:
                        whole = False
                        break
                    unit = gate_unit[head[arc] - requests]
                    placed[member] = unit
                    room[unit] = 0 if private[unit] else room[unit] - size[member]
                    total += size[member] * cost[arc]
                if turn:
                    break
                for at in range(group_row[group], group_row[group + 1]):
                    _left(group_members[at], size, places, private, placed, room)
                if whole and (found < 0 or total < best_total):
                    found, best_total = here, total
            if found < 0:
                break
    total = 0
    for at in range(requests):
        request = order[at]
        if placed[request] < 0 and not _grouped(group_members, request):
            arc = _cheapest(net, capacity, request, -1, placed, room)
            if arc >= 0:
                unit = gate_unit[head[arc] - requests]
                placed[request] = unit
                room[unit] = 0 if private[unit] else room[unit] - size[request]
    for request in range(requests):
        if placed[request] < 0:
            if capacity[arcs + request] == 0:
                return False, 0
            total += size[request] * cost[arcs + request]
        else:
            for at in range(leave_row[request], leave_row[request + 1]):
                arc = leave[at]
                if arc < arcs and gate_unit[head[arc] - requests] == placed[request]:
                    total += size[request] * cost[arc]
    return True, total


@inner
def _grouped(group_members: IntArray, request: int) -> bool:
    found = False
    for at in range(group_members.size):
        found = found or group_members[at] == request
    return found


@inner
def _left(request: int, size: IntArray, places: IntArray, private: IntArray, placed: IntArray, room: IntArray) -> None:
    """Nowhere again."""
    unit = placed[request]
    if unit >= 0:
        room[unit] = places[unit] if private[unit] else room[unit] + size[request]
        placed[request] = -1


@inner
def _clear_of(apart: IntArray, request: int, here: int, placed: IntArray, location: IntArray) -> bool:
    """Whether nobody this request must be apart from is at a location."""
    for pair in range(apart.size // 2):
        one, other = apart[2 * pair], apart[2 * pair + 1]
        mate = other if one == request else one
        if request in (one, other) and placed[mate] >= 0 and location[placed[mate]] == here:
            return False
    return True


@inner
def _cheapest(net: Net, capacity: IntArray, request: int, here: int, placed: IntArray, room: IntArray) -> int:
    """The cheapest open arc of a request to a unit with room, at a location (-1 for any); -1 for none."""
    head, cost, leave_row, leave, gate_row, gate_unit, size, location = (
        net[1],
        net[2],
        net[3],
        net[4],
        net[7],
        net[9],
        net[11],
        net[14],
    )
    best = -1
    for at in range(leave_row[request], leave_row[request + 1]):
        arc = leave[at]
        if arc >= gate_row[-1] or capacity[arc] == 0 or (best >= 0 and cost[arc] >= cost[best]):
            continue
        unit = gate_unit[head[arc] - size.size]
        if room[unit] < size[request] or (here >= 0 and location[unit] != here):
            continue
        if _clear_of(net[17], request, location[unit], placed, location):
            best = arc
    return best


@inner
def _evaluated(  # noqa: PLR0911, PLR0912  one node, read top down
    net: Net,
    row: IntArray,
    goal: IntArray,
    placed: IntArray,
    rounds: int,
    scratch: IntArray,
    drop: BoolArray,
    branch: tuple[IntArray, ...],
    keys: FloatArray,
    packing: tuple[IntArray, ...],
    rounding: tuple[IntArray, ...],
) -> int:
    """The bound of a node from its cheapest flow and from what units choose, into row[0]; closes what leads to nothing
    better. Better answers met on the way are kept. See `explore` for row and goal."""
    tail, head, gate_row, gate_size, gate_unit, size = net[0], net[1], net[7], net[8], net[9], net[11]
    arcs, requests, gates, count = gate_row[-1], size.size, gate_size.size, tail.size
    capacity, flow = row[3 : 3 + count], row[3 + count : 3 + 2 * count]
    at = 3 + 2 * count
    least, most = row[at : at + gates], row[at + gates : at + 2 * gates]
    at += 2 * gates
    worth, price = row[at : at + requests], row[at + requests :]
    first, share, listed = branch
    near, room, taken = rounding
    turn = 0
    while True:
        if not route(net, capacity, flow, price, scratch):
            return _DEAD
        proven, costs = proof(net, capacity, flow, price)
        if proven != costs:
            return _WRONG
        row[0] = proven
        if proven >= goal[0]:
            return _DEAD
        if violated(net, capacity, least, most, flow, share, first, listed, keys[:1]) == 0:
            placed[:] = -1
            for arc in range(arcs):
                if flow[arc] > 0:
                    placed[tail[arc]] = gate_unit[head[arc] - requests]
            goal[0], goal[1], goal[5] = costs - goal[3], costs, costs - goal[3]
            goal[4] += 1
            return _DEAD
        found, value = rounded(net, capacity, flow, near, room, taken)
        if found and value < goal[5] and value < goal[8]:
            set_to(placed, near)
            goal[1], goal[5] = value, value - goal[3]
            goal[4] += 1
            goal[0] = min(goal[0], goal[5])
            if row[0] >= goal[0]:
                return _DEAD
        if rounds == 0 or turn == 1:
            return _OPEN
        turn += 1
        possible, bound = _ascended(net, capacity, least, most, worth, goal[0], goal[2], rounds, drop, packing)
        if not possible or bound >= goal[0]:
            return _DEAD
        goal[7] = bound
        closed = False
        for arc in range(arcs + requests):
            if drop[arc] and capacity[arc] > 0:
                capacity[arc] = 0
                closed = True
        if not closed:
            return _OPEN
        if not tightened(net, capacity, least, most, -1):
            return _DEAD


@inner
def _taken(rows: IntArray, opened: IntArray, counts: IntArray, deepest: bool) -> int:
    """The open node with the least bound, of equals the deepest, then the first; or the deepest of all. -1 for none."""
    best = -1
    for at in range(counts[0]):
        if best < 0:
            best = at
            continue
        one, other = rows[opened[at]], rows[opened[best]]
        if not deepest and one[0] != other[0]:
            if one[0] < other[0]:
                best = at
        elif one[1] > other[1] or (one[1] == other[1] and one[2] < other[2]):
            best = at
    if best < 0:
        return -1
    slot = opened[best]
    counts[0] -= 1
    opened[best] = opened[counts[0]]
    return int(slot)


@kernel
def explore(  # noqa: PLR0911, PLR0912, PLR0915  one loop, read top down
    net: Net,
    rows: IntArray,
    opened: IntArray,
    free: IntArray,
    counts: IntArray,
    goal: IntArray,
    placed: IntArray,
    packing: tuple[IntArray, ...],
    effort: tuple[int, int, int, int, int],
) -> int:
    """Search below the root until nothing better is left (`DONE`) or so many nodes are looked at (`WAITING`).

    rows[S, …]: nodes, each its bound, depth, age, capacity, flow, least, most, worth and price; row 0 is the root.
    opened, free: slots of rows; counts: how many are open, free, the last age, nodes looked at in all, those at the
    last start, whether the root is ready, the goal at the last start, whether the node opened last comes next.
    goal: a bound of so much is hopeless; the value of the best answer; how far worths may go; what an answer must be
    better by; answers found; a bound of so much is no better than the best known; the share of the gap to look in
    first, 0 for all; the second bound of the root; a value of so much is not what it says, because numbers are cut
    off. placed: the best answer.
    effort: nodes until which to go on; from which on several gates are tried before one is branched on; rounds of the
    second bound at a node and at the root; nodes within which a better answer is worth starting again.

    Also ends with `SMALLER` when so much of the root is closed that it should be packed together, `CROWDED` when there
    is no room for more nodes, and `DISBELIEVED` when prices do not prove a flow.
    """
    until, several_from, rounds, root_rounds, restart_nodes = effort
    tail, gate_row, size, places, location = net[0], net[7], net[11], net[12], net[14]
    arcs, requests, count = gate_row[-1], size.size, tail.size
    gates = net[8].size
    scratch = np.empty((6, rows.shape[1]), np.int64)[:, : requests + gates + places.size + 1]
    drop = np.zeros(arcs + requests, np.bool_)
    locations = 1
    for unit in range(location.size):
        locations = max(locations, 1 + location[unit])
    branch = (
        np.zeros(3, np.int64),
        np.zeros(locations, np.int64),
        np.zeros((2, _CANDIDATES_MAX), np.int64),
    )
    rounding = (np.zeros(requests, np.int64), np.zeros(places.size, np.int64), np.zeros(requests, np.int64))
    first, share = branch[:2]
    tried = np.zeros((2, _CANDIDATES_MAX), np.int64)
    keys = np.zeros(_CANDIDATES_MAX)
    pair, kept = np.zeros(2, np.int64), np.zeros(2, np.int64)
    how = np.zeros(3, np.int64)
    begin = 3 + 2 * count
    node = -1
    if counts[7]:  # as if it had not waited: where it does must not decide between equals
        counts[0] -= 1
        node, counts[7] = opened[counts[0]], 0
    while True:
        if node < 0 and counts[5] and goal[0] != counts[6] and counts[3] - counts[4] < restart_nodes:
            counts[5] = 0
        if counts[5] == 0:
            node = -1
            counts[0], counts[1] = 0, free.size
            for at in range(free.size):
                free[at] = free.size - at
            state = _evaluated(net, rows[0], goal, placed, root_rounds, scratch, drop, branch, keys, packing, rounding)
            if state == _OPEN and goal[6] > 1:  # the best is likely near the bound: look there first
                goal[0] = goal[7] + max(1, (goal[0] - goal[7]) // goal[6])
                state = _evaluated(
                    net, rows[0], goal, placed, root_rounds, scratch, drop, branch, keys, packing, rounding
                )
            goal[6] = 0
            counts[3] += 1
            counts[4], counts[5], counts[6] = counts[3], 1, goal[0]
            if state == _WRONG:
                return DISBELIEVED
            if state == _DEAD:
                return DONE
            open_arcs = 0
            for arc in range(arcs):
                open_arcs += rows[0, 3 + arc] > 0
            if arcs > _PACKED_FROM and open_arcs < _PACKED_SHARE * arcs:
                return SMALLER
            counts[1] -= 1
            node = free[counts[1]]
            set_to(rows[node], rows[0])
        if node < 0:
            node = _taken(rows, opened, counts, counts[1] < free.size // 4)
            if node < 0:
                return DONE
        if rows[node, 0] >= goal[0]:
            free[counts[1]] = node
            counts[1] += 1
            node = -1
            continue
        if counts[3] >= until or counts[1] < _SPARE:
            opened[counts[0]] = node
            counts[0] += 1
            counts[7] = 1
            return WAITING if counts[1] >= _SPARE else CROWDED
        row = rows[node]
        least, most = row[begin : begin + gates], row[begin + gates : begin + 2 * gates]
        wanted = _CANDIDATES_MAX if counts[3] >= several_from else 1
        found = violated(
            net,
            row[3 : 3 + count],
            least,
            most,
            row[3 + count : begin],
            share,
            first,
            tried,
            keys[:wanted],
        )
        if found == 0:
            return DISBELIEVED
        set_to(how, first)
        kept[:] = -1
        low = high = 0
        for one in range(found):
            if tried[0, one] >= 0:
                how[0], how[1], how[2] = COUNT, tried[0, one], tried[1, one]
            alive = 0
            for side in range(2):
                counts[1] -= 1
                slot = free[counts[1]]
                pair[side] = slot
                child = rows[slot]
                set_to(child, row)
                child[1] += 1
                counts[2] += 1
                child[2] = counts[2]
                state = _DEAD
                if narrowed(
                    net,
                    child[3 : 3 + count],
                    child[begin : begin + gates],
                    child[begin + gates : begin + 2 * gates],
                    how[0],
                    how[1],
                    how[2],
                    side,
                ):
                    counts[3] += 1
                    state = _evaluated(net, child, goal, placed, rounds, scratch, drop, branch, keys, packing, rounding)
                if state == _WRONG:
                    return DISBELIEVED
                alive += state == _OPEN
                if state != _OPEN:
                    pair[side] = -1
                    free[counts[1]] = slot
                    counts[1] += 1
            for side in range(2):  # the second may have met an answer that makes the first hopeless
                if pair[side] >= 0 and rows[pair[side], 0] >= goal[0]:
                    free[counts[1]] = pair[side]
                    counts[1] += 1
                    pair[side] = -1
                    alive -= 1
            one_low = one_high = 0
            take = one == 0 or alive < 2
            if alive == 2:
                one_low = min(rows[pair[0], 0], rows[pair[1], 0])
                one_high = max(rows[pair[0], 0], rows[pair[1], 0])
                take = take or one_low > low or (one_low == low and one_high > high)
            if take:
                low, high = one_low, one_high
            for side in range(2):
                gone = kept[side] if take else pair[side]
                if gone >= 0:
                    free[counts[1]] = gone
                    counts[1] += 1
                if take:
                    kept[side] = pair[side]
            if alive < 2:
                break
        free[counts[1]] = node
        counts[1] += 1
        node = -1
        for side in range(2):
            other = kept[side]
            if other >= 0:
                if node >= 0:
                    if rows[other, 0] < rows[node, 0]:
                        other, node = node, other
                    opened[counts[0]] = other
                    counts[0] += 1
                else:
                    node = other


def smallest() -> Net:
    """One request and one place."""
    one, none, two = np.ones(1, np.int64), np.zeros(1, np.int64), np.array([0, 1], np.int64)
    return (
        np.array([0, 0, 1, 1, 2]),
        np.array([1, 3, 2, 3, 3]),
        np.array([0, 60, 0, 0, 0]),
        np.array([0, 2, 4, 5, 5]),
        np.array([0, 1, 2, 3, 4]),
        np.array([0, 0, 1, 2, 5]),
        np.array([0, 2, 1, 3, 4]),
        two,
        one,
        none,
        two,
        one,
        one,
        none,
        none,
        none.copy(),
        none[:0],
        none[:0],
        none.copy(),
    )


@cache
def prepare() -> None:
    """Compile what is not compiled yet, on one request and one place."""
    one, none = np.ones(1, np.int64), np.zeros(1, np.int64)
    rows = np.zeros((32, 3 + 10 + 2 + 1 + 4), np.int64)
    rows[0, 3:8] = rows[0, 14] = 1
    packing = (np.zeros((2, 2), np.int64),) * 2 + (np.zeros(2, np.int64),) * 2 + (np.zeros((3, 2), np.int64), one, one)
    goal = np.array([10**6, 0, 10**6, 59, 0, 10**6, 0, 0, 10**6])
    explore(
        smallest(), rows, none.repeat(32), none.repeat(31), none.repeat(8), goal, none.copy(), packing, (1, 1, 0, 1, 1)
    )
