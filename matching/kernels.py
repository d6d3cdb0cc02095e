"""The two loops everything else waits for, compiled: re-routing a flow, and pricing every unit by itself.

Costs and prices are numbers of W words (int64), most significant first, compared word by word: `a[i, :]` is one number.
Words are added without carrying, because each holds whole levels that no sum can overflow (see `words`), except where
`radix[w]` is positive: there word w holds that many bits of a wider number and carries into word w - 1.

Compiled by Numba on first use and kept on disk beside this file; nothing here allocates per step or holds the GIL.
"""

from functools import cache

import numpy as np

from matching.eligibility import BoolArray, IntArray
from matching.native import inner, kernel

_UNSEEN, _SETTLED = -1, -2

# What `reroute` ends with.
STUCK, ROUTED, PAUSED = 0, 1, 2

# While so many nodes have too much, ways are sought for all of them at once.
_MANY = 100
# One by one, so many times all nodes looked at take about as long as one round of that.
_TURN = 4

# Rounds without a better bound before the strides of `ascend` get shorter, and how much.
_PATIENCE = 10
_SLOWER = 0.7


@kernel
def listed(at: IntArray, length: int) -> tuple[IntArray, IntArray]:
    """What is at each of so many places: that at place p is listed[row[p] : row[p + 1]], ascending."""
    row, listed = np.zeros(length + 1, np.int64), np.empty(at.size, np.int64)
    for place in at:
        row[place + 1] += 1
    for place in range(length):
        row[place + 1] += row[place]
    filled = row.copy()
    for one in range(at.size):
        listed[filled[at[one]]] = one
        filled[at[one]] += 1
    return row, listed


@kernel
def connected(one: IntArray, other: IntArray, nodes: int) -> IntArray:
    """For each of so many nodes the least one it is connected with. one, other[E]: the ends of every link."""
    least = np.arange(nodes)
    for link in range(one.size):
        a, b = one[link], other[link]
        while least[a] != a:
            least[a] = a = least[least[a]]
        while least[b] != b:
            least[b] = b = least[least[b]]
        least[max(a, b)] = min(a, b)
    for node in range(nodes):
        least[node] = least[least[node]]  # of a lesser node, which is done
    return least


@inner
def _less(one: IntArray, i: int, other: IntArray, j: int) -> bool:
    for w in range(one.shape[1]):
        if one[i, w] != other[j, w]:
            return bool(one[i, w] < other[j, w])
    return False


@inner
def _carry(numbers: IntArray, i: int, radix: IntArray) -> None:
    for w in range(numbers.shape[1] - 1, 0, -1):
        if radix[w]:
            up = numbers[i, w] >> radix[w]
            numbers[i, w] -= up << radix[w]
            numbers[i, w - 1] += up


@inner
def _sift_up(heap: IntArray, at: int, distance: IntArray, place: IntArray) -> None:
    node = heap[at]
    while at > 0:
        above = (at - 1) >> 1
        if not _less(distance, node, distance, heap[above]):
            break
        heap[at] = heap[above]
        place[heap[at]] = at
        at = above
    heap[at] = node
    place[node] = at


@inner
def _pop(heap: IntArray, size: int, distance: IntArray, place: IntArray) -> int:
    """The nearest node, settled; the heap is one shorter."""
    top = heap[0]
    place[top] = _SETTLED
    size -= 1
    if size > 0:
        node = heap[size]
        at = 0
        while True:
            below = 2 * at + 1
            if below >= size:
                break
            if below + 1 < size and _less(distance, heap[below + 1], distance, heap[below]):
                below += 1
            if not _less(distance, heap[below], distance, node):
                break
            heap[at] = heap[below]
            place[heap[at]] = at
            at = below
        heap[at] = node
        place[node] = at
    return int(top)


@inner
def _add(numbers: IntArray, i: int, factor: int, other: IntArray, j: int, radix: IntArray) -> None:
    """numbers[i] += factor × other[j]."""
    for w in range(numbers.shape[1]):
        numbers[i, w] += factor * other[j, w]
    _carry(numbers, i, radix)


@inner
def _set(numbers: IntArray, i: int, other: IntArray, j: int) -> None:
    for w in range(numbers.shape[1]):
        numbers[i, w] = other[j, w]


@inner
def _set_all(numbers: IntArray, other: IntArray) -> None:
    for at in range(numbers.shape[0]):
        _set(numbers, at, other, at)


@inner
def _clear(numbers: IntArray, i: int) -> None:
    for w in range(numbers.shape[1]):
        numbers[i, w] = 0


@inner
def _reduced_cost(
    to: IntArray, arc: int, tail: IntArray, head: IntArray, cost: IntArray, price: IntArray, radix: IntArray
) -> None:
    """to[0] = cost + price[head] - price[tail]."""
    for w in range(cost.shape[1]):
        to[0, w] = cost[arc, w] + price[head[arc], w] - price[tail[arc], w]
    _carry(to, 0, radix)


@inner
def _follow_prices(
    tail: IntArray,
    head: IntArray,
    cost: IntArray,
    radix: IntArray,
    leaving_row: IntArray,
    leaving: IntArray,
    supply: IntArray,
    capacity: IntArray,
    flow: IntArray,
    price: IntArray,
    balance: IntArray,
) -> None:
    """Every arc as the prices say: full if its reduced cost is negative, empty if it is positive.

    First every request's own price becomes that of its best offer: a change of costs then moves whom it concerns,
    instead of filling every arc that looks better now.
    """
    step = np.zeros((2, cost.shape[1]), np.int64)
    for source in range(supply.size):
        if supply[source] > 0:
            first = True
            for at in range(leaving_row[source], leaving_row[source + 1]):
                arc = leaving[at]
                if capacity[arc] > 0:
                    _set(step, 0, cost, arc)
                    _add(step, 0, 1, price, head[arc], radix)
                    if first or _less(step, 0, price, source):
                        first = False
                        _set(price, source, step, 0)
    _clear(step, 1)
    for arc in range(tail.size):
        flow[arc] = min(flow[arc], capacity[arc])
        if capacity[arc] > 0:
            _reduced_cost(step, arc, tail, head, cost, price, radix)
            if flow[arc] < capacity[arc] and _less(step, 0, step, 1):
                flow[arc] = capacity[arc]
            elif flow[arc] > 0 and _less(step, 1, step, 0):
                flow[arc] = 0
        balance[tail[arc]] -= flow[arc]
        balance[head[arc]] += flow[arc]


@inner
def _nearest_lack(
    source: int,
    tail: IntArray,
    head: IntArray,
    cost: IntArray,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    radix: IntArray,
    balance: IntArray,
    capacity: IntArray,
    flow: IntArray,
    price: IntArray,
    distance: IntArray,
    place: IntArray,
    heap: IntArray,
    touched: IntArray,
    via: IntArray,
) -> tuple[int, int]:
    """Dijkstra on reduced costs: the nearest node with too little (-1 for none), and how many nodes were touched."""
    words = price.shape[1]
    step = np.zeros((1, words), np.int64)
    _clear(distance, source)
    heap[0] = touched[0] = source
    place[source] = 0
    size = count = 1
    while size > 0:
        node = _pop(heap, size, distance, place)
        size -= 1
        if balance[node] < 0:
            return node, count
        for backwards in range(2):
            row, listed = rows[backwards], lists[backwards]
            for at in range(row[node], row[node + 1]):
                arc = listed[at]
                if backwards:
                    if flow[arc] == 0:
                        continue
                    to = tail[arc]
                else:
                    if flow[arc] >= capacity[arc]:
                        continue
                    to = head[arc]
                if place[to] == _SETTLED:
                    continue
                for w in range(words):
                    length = -cost[arc, w] if backwards else cost[arc, w]
                    step[0, w] = distance[node, w] + length + price[to, w] - price[node, w]
                _carry(step, 0, radix)
                if place[to] == _UNSEEN:
                    touched[count] = heap[size] = to
                    place[to] = size
                    count += 1
                    size += 1
                elif not _less(step, 0, distance, to):
                    continue
                _set(distance, to, step, 0)
                via[to] = 2 * arc + backwards
                _sift_up(heap, place[to], distance, place)
    return -1, count


@inner
def _send(
    source: int,
    target: int,
    tail: IntArray,
    head: IntArray,
    balance: IntArray,
    capacity: IntArray,
    flow: IntArray,
    via: IntArray,
) -> None:
    """As much as fits along the way found."""
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


@inner
def _approach(  # noqa: PLR0912  one search, read top down
    tail: IntArray,
    head: IntArray,
    cost: IntArray,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    radix: IntArray,
    balance: IntArray,
    capacity: IntArray,
    flow: IntArray,
    price: IntArray,
    distance: IntArray,
    place: IntArray,
    heap: IntArray,
    touched: IntArray,
) -> bool:
    """Prices at which every node with too much has a way to a node with too little that costs nothing.

    Dijkstra backwards from all that have too little, until all that have too much are met; False if some cannot be.
    """
    words = price.shape[1]
    step = np.zeros((1, words), np.int64)
    size = count = waiting = 0
    for node in range(balance.size):
        if balance[node] > 0:
            waiting += 1
        elif balance[node] < 0:
            _clear(distance, node)
            touched[count] = heap[size] = node
            place[node] = size
            count += 1
            size += 1
    last = -1
    while size > 0 and waiting > 0:
        node = _pop(heap, size, distance, place)
        size -= 1
        last = node
        if balance[node] > 0:
            waiting -= 1
        for backwards in range(2):
            row, listed = rows[1 - backwards], lists[1 - backwards]
            for at in range(row[node], row[node + 1]):
                arc = listed[at]
                if backwards:
                    if flow[arc] == 0:
                        continue
                    to = head[arc]
                else:
                    if flow[arc] >= capacity[arc]:
                        continue
                    to = tail[arc]
                if place[to] == _SETTLED:
                    continue
                for w in range(words):
                    length = -cost[arc, w] if backwards else cost[arc, w]
                    step[0, w] = distance[node, w] + length + price[node, w] - price[to, w]
                _carry(step, 0, radix)
                if place[to] == _UNSEEN:
                    touched[count] = heap[size] = to
                    place[to] = size
                    count += 1
                    size += 1
                elif not _less(step, 0, distance, to):
                    continue
                _set(distance, to, step, 0)
                _sift_up(heap, place[to], distance, place)
    for at in range(count):
        node = touched[at]
        if place[node] == _SETTLED and node != last:
            _add(price, node, 1, distance, node, radix)
            _add(price, node, -1, distance, last, radix)
        place[node] = _UNSEEN
    return waiting == 0


@inner
def _free_ways(
    source: int,
    tail: IntArray,
    head: IntArray,
    cost: IntArray,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    radix: IntArray,
    balance: IntArray,
    capacity: IntArray,
    flow: IntArray,
    price: IntArray,
    next_arc: IntArray,
    state: IntArray,
    via: IntArray,
) -> int:
    """By arcs that cost nothing to a node with too little (-1 for none); `via` says how.

    next_arc[N] and state[N] (0 unseen, 1 on the way, 2 leads nowhere) are kept from source to source.
    """
    step = np.zeros((2, price.shape[1]), np.int64)
    node = source
    state[node] = 1
    while True:
        if balance[node] < 0:
            target = node
            while node != source:
                state[node] = 0
                node = head[via[node] >> 1] if via[node] & 1 else tail[via[node] >> 1]
            state[source] = 0
            return target
        forwards = rows[0][node + 1] - rows[0][node]
        ways = forwards + rows[1][node + 1] - rows[1][node]
        moved = False
        while next_arc[node] < ways:
            at = next_arc[node]
            if at < forwards:
                arc = lists[0][rows[0][node] + at]
                to, free, backwards = head[arc], flow[arc] < capacity[arc], 0
            else:
                arc = lists[1][rows[1][node] + at - forwards]
                to, free, backwards = tail[arc], flow[arc] > 0, 1
            if free and state[to] == 0:
                _reduced_cost(step, arc, tail, head, cost, price, radix)
                if not _less(step, 0, step, 1) and not _less(step, 1, step, 0):
                    via[to] = 2 * arc + backwards
                    state[to] = 1
                    node = to
                    moved = True
                    break
            next_arc[node] += 1
        if moved:
            continue
        state[node] = 2
        if node == source:
            return -1
        node = head[via[node] >> 1] if via[node] & 1 else tail[via[node] >> 1]
        next_arc[node] += 1


@kernel
def reroute(  # noqa: PLR0912  one search, read top down
    tail: IntArray,
    head: IntArray,
    cost: IntArray,
    rows: tuple[IntArray, IntArray],
    lists: tuple[IntArray, IntArray],
    radix: IntArray,
    supply: IntArray,
    capacity: IntArray,
    flow: IntArray,
    price: IntArray,
    turns: int,
) -> int:
    """Make `flow` a cheapest one for `capacity`, starting from any flow and any prices; both are changed in place.

    First every arc is set to what the prices say of it, which leaves nodes with too much or too little; then each
    surplus goes the cheapest way to the nearest lack, and the prices follow. (While very many have too much, all find
    their cheapest ways at once and go by those that do not cross.) So after a small change little is done,
    and afterwards the prices prove the flow: no arc with room has a negative reduced cost
    `cost + price[head] - price[tail]`, no arc in use a positive one.

    rows, lists: the arcs leaving (0) and entering (1) every node. supply[N]: persons that start at a node, negative
    where they end; sums to 0. turns: after so many rounds of seeking ways, or searches that look at as much, it pauses.
    Returns `ROUTED`, `STUCK` if they cannot all get through, or `PAUSED`: then it can be called again and goes on, and
    meanwhile the prices are a bound.
    """
    nodes, words = price.shape
    balance = np.empty(nodes, np.int64)
    for node in range(nodes):
        balance[node] = supply[node]
    _follow_prices(tail, head, cost, radix, rows[0], lists[0], supply, capacity, flow, price, balance)
    distance = np.empty((nodes, words), np.int64)
    place = np.full(nodes, _UNSEEN, np.int64)
    heap, touched, via = np.empty(nodes, np.int64), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    waiting = np.flatnonzero(balance > 0)
    while waiting.size > _MANY:
        if turns == 0:
            return PAUSED
        turns -= 1
        if not _approach(
            tail, head, cost, rows, lists, radix, balance, capacity, flow, price, distance, place, heap, touched
        ):
            return STUCK
        next_arc, state = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
        for at in range(waiting.size):
            source = int(waiting[at])
            while balance[source] > 0:
                target = _free_ways(
                    source,
                    tail,
                    head,
                    cost,
                    rows,
                    lists,
                    radix,
                    balance,
                    capacity,
                    flow,
                    price,
                    next_arc,
                    state,
                    via,
                )
                if target < 0:
                    break
                _send(source, target, tail, head, balance, capacity, flow, via)
        waiting = np.flatnonzero(balance > 0)
    looked_at = 0
    for source in range(nodes):
        while balance[source] > 0:
            if looked_at >= _TURN * nodes:
                turns -= 1
                looked_at = 0
            if turns == 0:
                return PAUSED
            target, count = _nearest_lack(
                source,
                tail,
                head,
                cost,
                rows,
                lists,
                radix,
                balance,
                capacity,
                flow,
                price,
                distance,
                place,
                heap,
                touched,
                via,
            )
            if target < 0:
                return STUCK
            for at in range(count):
                node = touched[at]
                if place[node] == _SETTLED:
                    _add(price, node, 1, distance, target, radix)
                    _add(price, node, -1, distance, node, radix)
                place[node] = _UNSEEN
            looked_at += count
            _send(source, target, tail, head, balance, capacity, flow, via)
    return ROUTED


@kernel
def proof(
    tail: IntArray,
    head: IntArray,
    cost: IntArray,
    radix: IntArray,
    supply: IntArray,
    capacity: IntArray,
    flow: IntArray,
    price: IntArray,
    total: IntArray,
) -> None:
    """total[0] is what prices alone prove: no flow costs less, whatever the prices are (weak duality); total[1] what
    this flow costs. Equal, they prove each other."""
    step = np.zeros((2, cost.shape[1]), np.int64)
    last = supply.size - 1
    _clear(total, 0)
    _clear(total, 1)
    for arc in range(tail.size):
        if flow[arc] > 0:
            _add(total, 1, flow[arc], cost, arc, radix)
    for node in range(last):
        if supply[node] != 0:
            _add(total, 0, supply[node], price, node, radix)
            _add(total, 0, -supply[node], price, last, radix)
    for arc in range(tail.size):
        if capacity[arc] > 0:
            _reduced_cost(step, arc, tail, head, cost, price, radix)
            if _less(step, 0, step, 1):
                _add(total, 0, capacity[arc], step, 0, radix)


@kernel
def settle(  # noqa: PLR0912  one unit, read top down
    unit: int,
    places: int,
    private: bool,
    gate_size: IntArray,
    unit_gates: IntArray,
    least: IntArray,
    most: IntArray,
    through: IntArray,
    reserved: IntArray,
    into_sink: IntArray,
) -> bool:
    """Capacities of one unit from the numbers of parties its gates may and must let in; False if too many must.

    Rooms are as small as whole parties make them: one of each size in a private unit, and no more persons than some mix
    of whole parties adds up to.
    """
    first, last = unit_gates[unit], unit_gates[unit + 1]
    held = parties = 0
    for gate in range(first, last):
        held += least[gate] * gate_size[gate]
        parties += least[gate]
    if held > places or (private and parties > 1):
        return False
    wanted = largest = 0
    for gate in range(first, last):
        if private:
            if parties:
                most[gate] = min(most[gate], least[gate])
        else:
            most[gate] = min(most[gate], least[gate] + (places - held) // gate_size[gate])
        if most[gate] < least[gate]:
            return False
        reserved[gate] = least[gate] * gate_size[gate]
        through[gate] = (most[gate] - least[gate]) * gate_size[gate]
        wanted += through[gate]
        largest = max(largest, through[gate])
    room = min(wanted, places - held)
    if private:
        room = largest
    elif wanted > room:
        reached = np.zeros(room + 1, np.bool_)
        reached[0] = True
        for gate in range(first, last):
            for _ in range(min(most[gate] - least[gate], room // gate_size[gate])):
                for total in range(room, gate_size[gate] - 1, -1):
                    reached[total] |= reached[total - gate_size[gate]]
        while not reached[room]:
            room -= 1
    into_sink[unit] = room
    return True


@inner
def _best_parties(
    gate: int,
    most: int,
    must: int,
    gate_row: IntArray,
    request_of: IntArray,
    cost: IntArray,
    capacity: IntArray,
    radix: IntArray,
    worth: IntArray,
    surplus: IntArray,
    chosen: IntArray,
    first: int,
) -> int:
    """The `most` parties of a gate that gain most per person, best first, into surplus/chosen[first …]; how many.

    Only those that gain anything, unless some must be there.
    """
    zero = surplus.shape[0] - 1
    new = zero - 1
    count = 0
    words = surplus.shape[1]
    alone = words == 1 or radix[1] == 0
    for arc in range(gate_row[gate], gate_row[gate + 1]):
        request = request_of[arc]
        if must == 0 and alone and worth[request, 0] < cost[arc, 0]:
            continue  # the common case
        if capacity[arc] == 0:
            continue
        for w in range(words):
            surplus[new, w] = worth[request, w] - cost[arc, w]
        _carry(surplus, new, radix)
        if must == 0 and not _less(surplus, zero, surplus, new):
            continue
        if count == most and not _less(surplus, first + count - 1, surplus, new):
            continue
        if count < most:
            count += 1
        to = first + count - 1
        while to > first and _less(surplus, to - 1, surplus, new):
            _set(surplus, to, surplus, to - 1)
            chosen[to] = chosen[to - 1]
            to -= 1
        _set(surplus, to, surplus, new)
        chosen[to] = arc
    return count


@inner
def _gathered(
    unit: int,
    tables: tuple[IntArray, ...],
    capacity: IntArray,
    radix: IntArray,
    least: IntArray,
    most: IntArray,
    worth: IntArray,
    surplus: IntArray,
    chosen: IntArray,
    groups: IntArray,
    total: IntArray,
    cover: IntArray,
) -> int:
    """Who would come to a unit: groups[0 … 2, i] = gate, where its free parties begin in `chosen`, and how many.

    What must be there is taken off `total` at once. Returns how many gates have anybody; -1 if one has too few.
    """
    request_of, cost, gate_row, gate_size, unit_gates = tables
    filled = used = 0
    for gate in range(unit_gates[unit], unit_gates[unit + 1]):
        if most[gate] == 0:
            continue
        count = _best_parties(
            gate, most[gate], least[gate], gate_row, request_of, cost, capacity, radix, worth, surplus, chosen, used
        )
        if count < least[gate]:
            return -1
        for at in range(used, used + least[gate]):
            _add(total, 0, -gate_size[gate], surplus, at, radix)
            cover[request_of[chosen[at]]] += 1
        groups[0, filled], groups[1, filled], groups[2, filled] = gate, used + least[gate], count - least[gate]
        used += count
        filled += 1
    return filled


@inner
def _one_party(
    filled: int,
    tables: tuple[IntArray, ...],
    radix: IntArray,
    surplus: IntArray,
    chosen: IntArray,
    groups: IntArray,
    cover: IntArray,
    gain: IntArray,
) -> None:
    """The best single party of a private unit: gain[0] is what it brings, 0 without one."""
    request_of, _, _, gate_size, _ = tables
    _clear(gain, 0)
    winner = -1
    for at in range(filled):
        if groups[2, at] > 0:
            _clear(gain, 1)
            _add(gain, 1, gate_size[groups[0, at]], surplus, groups[1, at], radix)
            if winner < 0 or _less(gain, 0, gain, 1):
                winner = at
                _set(gain, 0, gain, 1)
    if winner >= 0:
        cover[request_of[chosen[groups[1, winner]]]] += 1


@inner
def _packed(
    filled: int,
    free: int,
    tables: tuple[IntArray, ...],
    radix: IntArray,
    surplus: IntArray,
    chosen: IntArray,
    groups: IntArray,
    cover: IntArray,
    best: IntArray,
    taken: IntArray,
    gain: IntArray,
) -> None:
    """The best mix of whole parties in a shared unit with `free` places: a knapsack over the party sizes.

    best[i, p] ends as the most the first i gates bring into p places, gain[0] as best[filled, free].
    """
    request_of, _, _, gate_size, _ = tables
    for places in range(free + 1):
        _clear(best[0], places)
    for at in range(filled):
        persons, begin = gate_size[groups[0, at]], groups[1, at]
        for places in range(free + 1):
            taken[at, places] = 0
            _set(best[at + 1], places, best[at], places)
            _clear(gain, 1)
            for more in range(1, min(groups[2, at], places // persons) + 1):
                _add(gain, 1, persons, surplus, begin + more - 1, radix)
                _set(gain, 2, best[at], places - more * persons)
                _add(gain, 2, 1, gain, 1, radix)
                if _less(best[at + 1], places, gain, 2):
                    taken[at, places] = more
                    _set(best[at + 1], places, gain, 2)
    _set(gain, 0, best[filled], free)
    places = free
    for at in range(filled - 1, -1, -1):
        more = taken[at, places]
        for one in range(groups[1, at], groups[1, at] + more):
            cover[request_of[chosen[one]]] += 1
        places -= more * gate_size[groups[0, at]]


@inner
def _everybody(
    filled: int,
    free: int,
    tables: tuple[IntArray, ...],
    radix: IntArray,
    surplus: IntArray,
    chosen: IntArray,
    groups: IntArray,
    cover: IntArray,
    gain: IntArray,
) -> None:
    """gain[0] of a shared unit where nobody stands in another's way: all fit, or all are of one size."""
    request_of, _, _, gate_size, _ = tables
    _clear(gain, 0)
    for at in range(filled):
        persons = gate_size[groups[0, at]]
        for one in range(groups[1, at], groups[1, at] + min(groups[2, at], free // persons)):
            _add(gain, 0, persons, surplus, one, radix)
            cover[request_of[chosen[one]]] += 1


@inner
def _mark_dear(
    filled: int,
    free: int,
    private: bool,
    tables: tuple[IntArray, ...],
    radix: IntArray,
    least: IntArray,
    worth: IntArray,
    groups: IntArray,
    best: IntArray,
    gain: IntArray,
    bound: IntArray,
    target: IntArray,
    drop: BoolArray,
) -> None:
    """The arcs of a unit that lift the bound to the target: what the unit's best with that party is short of its best.

    gain[0] is the unit's best; in a shared one best[filled, p] that of p places.
    """
    request_of, cost, gate_row, gate_size, _ = tables
    for at in range(filled):
        gate = groups[0, at]
        if least[gate] > 0:
            continue
        persons = gate_size[gate]
        for arc in range(gate_row[gate], gate_row[gate + 1]):
            _set(gain, 1, gain, 0)
            if not private:
                _add(gain, 1, -1, best[filled], free - persons, radix)
            _add(gain, 1, persons, cost, arc, radix)
            _add(gain, 1, -persons, worth, request_of[arc], radix)
            _clear(gain, 2)
            if _less(gain, 2, gain, 1):
                _add(gain, 1, 1, bound, 0, radix)
                drop[arc] = not _less(gain, 1, target, 0)


@inner
def _adjusted(
    size: IntArray,
    out_cost: IntArray,
    may_stay_out: BoolArray,
    radix: IntArray,
    cover: IntArray,
    target: IntArray,
    total: IntArray,
    pace: float,
    worth: IntArray,
) -> None:
    """Make requests chosen by nobody worth more, those chosen twice less."""
    requests, words = worth.shape
    word = 0
    while word < words - 1 and target[0, word] == total[0, word]:
        word += 1
    norm = 0.0
    for request in range(requests):
        if cover[request] == 0 and may_stay_out[request] and not _less(worth, request, out_cost, request):
            cover[request] = 1  # worth no more than staying out costs: staying out is its place
        norm += float((1 - cover[request]) * size[request]) ** 2
    if norm == 0.0:
        return
    stride = pace * float(target[0, word] - total[0, word]) / norm
    for request in range(requests):
        worth[request, word] += round(stride * size[request] * (1 - cover[request]))
        _carry(worth, request, radix)


@kernel
def ascend(  # noqa: PLR0912, PLR0915  one loop, read top down; calls would cost more than the work
    size: IntArray,
    tables: tuple[IntArray, ...],
    out_cost: IntArray,
    may_stay_out: BoolArray,
    capacity: IntArray,
    radix: IntArray,
    least: IntArray,
    most: IntArray,
    room: IntArray,
    private: BoolArray,
    target: IntArray,
    rounds: int,
    closing: bool,
    worth: IntArray,
    bound: IntArray,
    drop: BoolArray,
    drop_out: BoolArray,
) -> bool:
    """A bound from letting every unit choose its own parties, each request being worth so much to whoever takes it.

    Whatever `worth[R, W]` (per person) is, no placing costs less than: all parties' worth, less what the units gain by
    their best packing (whole parties, `least … most` of each size per gate, one party if private). Requests chosen
    twice are then made worth less and those chosen by nobody more, for some rounds; `worth` ends as the best seen and
    `bound[1, W]` as its bound. If `closing`, arcs and stays outside that lift the bound to `target` or above are marked
    in `drop` and `drop_out`. False if some unit cannot have what it must.

    tables: request and cost of every arc (arcs of a gate together), where each gate's arcs begin, its party size, where
    each unit's gates begin. target[1, W]: nothing better than known has a bound of this much or more, so it ends there.
    """
    requests, words = worth.shape
    gate_size, unit_gates = tables[3], tables[4]
    units = unit_gates.size - 1
    rooms = gates = parties = 1
    for unit in range(units):
        first, last = unit_gates[unit], unit_gates[unit + 1]
        gates = max(gates, last - first)
        together = persons = 0
        for gate in range(first, last):
            together += most[gate]
            persons += most[gate] * gate_size[gate]
        parties = max(parties, together)
        rooms = max(rooms, min(room[unit], persons) + 1)
    best = np.zeros((gates + 1, rooms, words), np.int64)
    taken = np.zeros((gates + 1, rooms), np.int64)
    surplus = np.zeros((parties + 2, words), np.int64)
    chosen = np.zeros(parties + 2, np.int64)
    groups = np.zeros((3, gates + 1), np.int64)
    cover = np.zeros(requests, np.int64)
    gain = np.zeros((3, words), np.int64)
    total = np.zeros((1, words), np.int64)
    best_worth = np.zeros((requests, words), np.int64)
    _set_all(best_worth, worth)
    known = False
    idle = 0
    pace = 1.0
    for turn in range(rounds + closing):
        final = turn == rounds
        if final:
            _set_all(worth, best_worth)
        cover[:] = 0
        _clear(total, 0)
        for request in range(requests):
            if may_stay_out[request] and _less(out_cost, request, worth, request):
                _set(worth, request, out_cost, request)
            _add(total, 0, size[request], worth, request, radix)
        for unit in range(units):
            filled = _gathered(unit, tables, capacity, radix, least, most, worth, surplus, chosen, groups, total, cover)
            if filled < 0:
                return False
            free, wanted = room[unit], 0
            for gate in range(unit_gates[unit], unit_gates[unit + 1]):
                free -= least[gate] * gate_size[gate]
            for at in range(filled):
                wanted += groups[2, at] * gate_size[groups[0, at]]
            free = min(free, rooms - 1)
            if private[unit]:
                _one_party(filled, tables, radix, surplus, chosen, groups, cover, gain)
            elif not final and (wanted <= free or filled == 1):
                _everybody(filled, free, tables, radix, surplus, chosen, groups, cover, gain)
            else:
                _packed(filled, free, tables, radix, surplus, chosen, groups, cover, best, taken, gain)
            _add(total, 0, -1, gain, 0, radix)
            if final:
                _mark_dear(
                    filled, free, private[unit], tables, radix, least, worth, groups, best, gain, bound, target, drop
                )
        if final:
            break
        if not known or _less(bound, 0, total, 0):
            known = True
            idle = 0
            _set(bound, 0, total, 0)
            _set_all(best_worth, worth)
        else:
            idle += 1
            if idle % _PATIENCE == 0:
                pace *= _SLOWER
        if not _less(bound, 0, target, 0):
            return True
        if turn < rounds - 1:
            _adjusted(size, out_cost, may_stay_out, radix, cover, target, total, pace, worth)
    _set_all(worth, best_worth)
    if closing:
        for request in range(requests):
            if may_stay_out[request]:
                _set(gain, 0, bound, 0)
                _add(gain, 0, size[request], out_cost, request, radix)
                _add(gain, 0, -size[request], worth, request, radix)
                drop_out[request] = not _less(gain, 0, target, 0)
    return True


@inner
def _bits(word: int) -> int:
    """How many bits of a word without sign are set."""
    word = word - ((word >> 1) & 0x5555555555555555)
    word = (word & 0x3333333333333333) + ((word >> 2) & 0x3333333333333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0F
    word = word + (word >> 8)
    word = word + (word >> 16)
    return (word + (word >> 32)) & 0x7F


@inner
def _mark_barred(request: int, located: tuple[IntArray, ...], barred: IntArray, kept: IntArray) -> None:
    """barred[u] = request for every unit that one of its located traits bars; kept[U] is scratch, -1 before."""
    trait_row, traits, unit_row, units, others = located
    for at in range(trait_row[request], trait_row[request + 1]):
        trait = traits[at]
        for one in range(unit_row[trait], unit_row[trait + 1]):
            if others[trait]:
                kept[units[one]] = at
            else:
                barred[units[one]] = request
        if others[trait]:
            for unit in range(barred.size):
                if kept[unit] != at:
                    barred[unit] = request


@inner
def _beyond(number: IntArray, numbers: IntArray, at: int, last: int) -> bool:
    """Whether number[0] is more than numbers[at] in its words up to the last one given."""
    for w in range(last + 1):
        if number[0, w] != numbers[at, w]:
            return bool(number[0, w] > numbers[at, w])
    return False


@kernel
def cheapest_units(  # noqa: PLR0912  one loop over all pairs, read top down; calls would cost more than the work
    who: IntArray,
    among: IntArray,
    room: IntArray,
    masks: tuple[IntArray, IntArray],
    located: tuple[IntArray, ...],
    asking: tuple[IntArray, ...],
    offering: tuple[IntArray, ...],
    answers: tuple[IntArray, ...],
    asked: tuple[IntArray, ...],
    weights: IntArray,
    zone: IntArray,
    price: IntArray,
    units: IntArray,
    numbers: IntArray,
) -> None:
    """For every request of who[N] its best of the units among[M] at these prices, best first: units[N, K], -1 for none.

    No pair is listed anywhere: rules and costs come from the columns of both sides (`eligibility`, `scoring`).
    numbers[N, K, W + 1]: cost per person and the price of the gate there; among equals a number of their own decides,
    so that not all who find the same units equally good are offered the same.

    room[U]: persons it takes. asking: size, kind of size, claim, region, from_day, previous. offering: first gate,
    scarcity, age, region, available_from. answers: yes, unknown, wanted as bits. asked: consult, excludes, lacking as
    bits. weights: risk, scarcity, and for care, change and fit the word it counts in and what a unit of it is there;
    change is given per party. price[G, W]: of every gate.
    """
    request_words, unit_words = masks
    size, kind, claim, region, from_day, previous = asking
    first_gate, scarcity, age, unit_region, available_from = offering
    yes, unknown, wanted = answers
    consult, excludes, lacking = asked
    words, count, every = price.shape[1], units.shape[1], room.size
    barred, kept = np.full(every, -1, np.int64), np.full(every, -1, np.int64)
    number = np.zeros((1, words + 1), np.int64)
    for at in range(who.size):
        request = who[at]
        _mark_barred(request, located, barred, kept)
        found = 0
        for each in range(among.size):
            unit = among[each]
            fits = True
            for w in range(request_words.shape[1]):
                if request_words[request, w] & unit_words[w, unit]:
                    fits = False
                    break
            if not fits or room[unit] < size[request] or barred[unit] == request:
                continue
            # The least it can cost first: most units are out of the question by what they cost anybody.
            gate = first_gate[unit] + kind[request]
            for w in range(words):
                number[0, w] = price[gate, w]
            care = weights[0] * age[unit] + weights[1] * max(0, scarcity[unit] - claim[request])
            number[0, weights[2]] += weights[3] * care
            if found == count and _beyond(number, numbers[at], count - 1, weights[2]):
                continue
            risk = 0
            for w in range(yes.shape[0]):
                risk += 2 * _bits(yes[w, request] & consult[w, unit])
                risk += _bits(unknown[w, request] & consult[w, unit])
                risk += 2 * _bits(unknown[w, request] & excludes[w, unit])
            number[0, weights[2]] += weights[3] * weights[0] * risk
            if found == count and _beyond(number, numbers[at], count - 1, weights[2]):
                continue
            fit = 3 * zone[region[request], unit_region[unit]]
            fit += 5 * max(0, available_from[unit] - from_day[request])
            for w in range(wanted.shape[0]):
                fit += 10 * _bits(wanted[w, request] & lacking[w, unit])
            if previous[request] != -1 and previous[request] != unit:
                number[0, weights[4]] += weights[5] // size[request]
            number[0, weights[6]] += weights[7] * fit
            number[0, words] = (unit * 2654435761 + request * 2246822519) % 2147483647
            if found == count and not _less(number, 0, numbers[at], count - 1):
                continue
            if found < count:
                found += 1
            to = found - 1
            while to > 0 and _less(number, 0, numbers[at], to - 1):
                _set(numbers[at], to, numbers[at], to - 1)
                units[at, to] = units[at, to - 1]
                to -= 1
            _set(numbers[at], to, number, 0)
            units[at, to] = unit


@cache
def prepare() -> None:
    """Compile what is not compiled yet (some seconds, once per installation), so that no time limit pays for it."""
    ends = np.array([0, 0, 1, 1, 2]), np.array([1, 3, 2, 3, 3])
    cost, radix = np.zeros((5, 1), np.int64), np.zeros(1, np.int64)
    rows = np.array([0, 2, 4, 5, 5]), np.array([0, 0, 1, 2, 5])
    lists = np.arange(5), np.array([0, 2, 1, 3, 4])
    supply, capacity = np.array([1, 0, 0, -1]), np.ones(5, np.int64)
    price, total, flow = np.zeros((4, 1), np.int64), np.zeros((2, 1), np.int64), np.zeros(5, np.int64)
    one, none, no = np.ones(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.bool_)
    listed(none, 1)
    connected(none, none, 1)
    reroute(*ends, cost, rows, lists, radix, supply, capacity, flow, price, -1)
    proof(*ends, cost, radix, supply, capacity, flow, price, total)
    settle(0, 1, False, one, np.array([0, 1]), none, one.copy(), none.copy(), none.copy(), none.copy())
    tables = (none, cost, np.array([0, 1]), one, np.array([0, 1]))
    ascend(
        one,
        tables,
        cost[:1].copy(),
        ~no,
        capacity,
        radix,
        none,
        one,
        one,
        no,
        total,
        1,
        True,
        cost[:1].copy(),
        total.copy(),
        no.copy(),
        no.copy(),
    )
    side = np.zeros((1, 1), np.int64)
    some = np.zeros(2, np.int64)
    located = some, none[:0], some[:1], none[:0], none[:0]
    asking, offering = (one, none, none, none, none, none), (none, none, none, none, none)
    weights, numbers = np.zeros(8, np.int64), np.zeros((1, 1, 2), np.int64)
    cheapest_units(
        none,
        none,
        one,
        (side, side),
        located,
        asking,
        offering,
        (side,) * 3,
        (side,) * 3,
        weights,
        side,
        side,
        side,
        numbers,
    )
