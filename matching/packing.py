"""What every unit would take, by itself: the kernel of `columns`."""

from functools import cache

import numpy as np

from matching.eligibility import BoolArray, IntArray
from matching.native import kernel


@kernel
def packings(  # noqa: PLR0912, PLR0915  one unit after the other, read top down
    tables: tuple[IntArray, ...],
    private: BoolArray,
    open_arc: BoolArray,
    cost: IntArray,
    worth: IntArray,
    gains: IntArray,
    begins: IntArray,
    taken: IntArray,
) -> int:
    """The parties a unit gains most by, if each is worth so much to whoever takes it: gains[U]; their sum.

    tables: the request of every arc (arcs of a gate together), where each gate's arcs begin, its party size, how many
    parties it may let in, where each unit's gates begin, places of each unit. worth[R] and cost[A] per person.
    taken[begins[u] : begins[u + 1]] are the arcs of those unit u takes; there must be room for all.
    """
    request_of, gate_row, gate_size, most, unit_gates, places = tables
    units = places.size
    across = rooms = 0
    for unit in range(units):
        across = max(across, unit_gates[unit + 1] - unit_gates[unit])
        rooms = max(rooms, places[unit])
    best = np.zeros((across + 1, rooms + 1), np.int64)
    count_of = np.zeros((across + 1, rooms + 1), np.int64)
    surplus, chosen = np.zeros(request_of.size + 1, np.int64), np.zeros(request_of.size + 1, np.int64)
    begin, persons = np.zeros(across + 1, np.int64), np.zeros(across + 1, np.int64)
    total = length = 0
    for unit in range(units):
        begins[unit] = length
        filled = used = 0
        for gate in range(unit_gates[unit], unit_gates[unit + 1]):
            if gate_size[gate] > places[unit]:
                continue
            count = 0
            for arc in range(gate_row[gate], gate_row[gate + 1]):
                gain = worth[request_of[arc]] - cost[arc]
                if gain <= 0 or not open_arc[arc]:
                    continue
                if count == most[gate]:
                    if count == 0 or gain <= surplus[used + count - 1]:
                        continue
                else:
                    count += 1
                to = used + count - 1
                while to > used and surplus[to - 1] < gain:
                    surplus[to], chosen[to] = surplus[to - 1], chosen[to - 1]
                    to -= 1
                surplus[to], chosen[to] = gain, arc
            if count > 0:
                begin[filled], persons[filled] = used, gate_size[gate]
                used += count
                filled += 1
                begin[filled] = used
        gain = 0
        if private[unit]:
            winner = -1
            for at in range(filled):
                if persons[at] * surplus[begin[at]] > gain:
                    gain, winner = persons[at] * surplus[begin[at]], begin[at]
            if winner >= 0:
                taken[length] = chosen[winner]
                length += 1
        elif filled > 0:
            free = places[unit]
            for room in range(free + 1):
                best[0, room] = 0
            for at in range(filled):
                for room in range(free + 1):
                    top, how_many, more = best[at, room], 0, 0
                    for one in range(1, min(begin[at + 1] - begin[at], room // persons[at]) + 1):
                        more += persons[at] * surplus[begin[at] + one - 1]
                        if best[at, room - one * persons[at]] + more > top:
                            top, how_many = best[at, room - one * persons[at]] + more, one
                    best[at + 1, room], count_of[at, room] = top, how_many
            gain = best[filled, free]
            for at in range(filled - 1, -1, -1):
                for one in range(begin[at], begin[at] + count_of[at, free]):
                    taken[length] = chosen[one]
                    length += 1
                free -= count_of[at, free] * persons[at]
        gains[unit] = gain
        total += gain
    begins[units] = length
    return total


@cache
def prepare() -> None:
    """Compile it if it is not compiled yet, on one request and one place."""
    one, none, two = np.ones(1, np.int64), np.zeros(1, np.int64), np.array([0, 1], np.int64)
    shut, tables = np.zeros(1, np.bool_), (none, two, one, one, two, one)
    packings(tables, shut, shut, none, one, none.copy(), np.zeros(2, np.int64), none.copy())
