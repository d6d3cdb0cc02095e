"""What may be shown of true numbers, so that nobody can work out a small one. Pure: no session, no clock, no chance.

Small numbers are left out, the others rounded. Then an opponent is assumed who has every table ever shown, knows these
rules, and even knows which of the numbers left out are the small ones. For each of those this module must find worlds
that agree with everything shown and differ in that number by `SPREAD` or more. Where there are none, one number more is
left out, and it is tried again: worlds that were found stay worlds when less is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nrm.insight.catalogue import BASE, NATIONAL_MIN, Cell, rounded

SPREAD = 2
"""Between the smallest and the largest that a small number could be: at least three answers are possible."""

QUICK, WHOLE = "GLOP", "SCIP"
"""What seeks other worlds: in the real numbers, and in whole ones. Both find the same again each time."""

NODES_MAX = 20
"""How long the slow one looks, not by the clock: so that it finds the same again. What it has then will do."""

HOW = {QUICK: "use_preprocessing: false", WHOLE: f"limits/nodes = {NODES_MAX}"}
"""The quick one does not simplify first, and so goes on from its last answer: only what is asked for is another."""

MANY = 8
"""From so many on they are tried together first."""

Equation = tuple[Cell, tuple[Cell, ...]]
Numbers = NDArray[np.int64]
Shown = dict[Cell, int | None]
"""What is shown: a rounded number, or None for what is left out. Which of these are small is not told."""


class CannotProtectError(Exception):
    """Something small can be worked out whatever is left out. Nothing may be shown then."""


def alone(count: int) -> int | None:
    """What to show of a number that nothing else is added up with."""
    return None if count < NATIONAL_MIN else rounded(count)


def protect(
    counts: Mapping[Cell, int],
    equations: Iterable[Equation],
    before: Mapping[Cell, int | None],
    between: AbstractSet[Cell] = frozenset(),
    inner: AbstractSet[Cell] = frozenset(),
) -> Shown:
    """What to show of these numbers. What was shown `before` stays as it was, whatever follows from it.

    Some are what lies `between` two counts, of which an opponent knows when it is one person; some stand in no table.
    Neither are shown or protected.
    """
    sums = sorted(equations)
    aside = between | inner
    shown: Shown = {
        one: before[one] if one in before else None if one in aside or count < one.least else rounded(count)
        for one, count in counts.items()
    }
    small = sorted(one for one, count in counts.items() if count < one.least and one not in aside)
    seen = np.array([[counts[one]] * 2 for one in small], dtype=np.int64).reshape(-1, 2)
    near = _neighbours(sums)
    while found := _worked_out(counts, sums, shown, between, small, seen):
        settled: set[Cell] = set()
        left_out = False
        for one in found:
            if one in settled:
                continue
            more = _to_leave_out(one, counts, shown, before, near)
            if more is None:
                break
            shown[more], left_out = None, True
            # What stands with it may be safe by now: look again before more is left out.
            settled |= {other for row in near[more] for other in row}
        if not left_out:
            raise CannotProtectError
    return shown


def _neighbours(sums: Sequence[Equation]) -> dict[Cell, list[tuple[Cell, ...]]]:
    found: dict[Cell, list[tuple[Cell, ...]]] = {}
    for whole, parts in sums:
        for one in (whole, *parts):
            found.setdefault(one, []).append((whole, *parts))
    return found


def _to_leave_out(
    known: Cell,
    counts: Mapping[Cell, int],
    shown: Shown,
    before: Mapping[Cell, int | None],
    near: Mapping[Cell, list[tuple[Cell, ...]]],
) -> Cell | None:
    """The nearest number that can still be left out; of equally near ones the most detailed, then the smallest."""
    reached, edge = {known}, [known]
    while edge:
        around = sorted({other for one in edge for row in near.get(one, ()) for other in row} - reached)
        able = [one for one in around if shown[one] is not None and one not in before]
        if able:
            return min(able, key=lambda one: (-len(one.of), counts[one], one))
        reached |= set(around)
        edge = around
    return None


def _worked_out(
    counts: Mapping[Cell, int],
    sums: Sequence[Equation],
    shown: Mapping[Cell, int | None],
    between: AbstractSet[Cell],
    small: Sequence[Cell],
    seen: Numbers,
) -> list[Cell]:
    """The small numbers of which no two worlds differ enough.

    `seen` is in a row for each of them the smallest and the largest that it was found to be so far.
    """
    worlds = _Worlds(counts, sums, shown, between, small)

    def unsure() -> list[int]:
        found: list[int] = np.flatnonzero(seen[:, 1] - seen[:, 0] < SPREAD).tolist()
        return found

    def ways(signs: Mapping[int, int]) -> Numbers:
        found = np.zeros(len(small), dtype=np.int64)
        found[list(signs)] = list(signs.values())
        return found

    worlds.note_true(seen)
    # Then many at once, as long as that finds more: all down or up, then every other one, every other two, so that
    # what adds up can trade. Down first: around where all are few there is room for each.
    for half in (None, *range(len(small).bit_length())):
        for sign in (-1, 1):
            while len(before := unsure()) >= MANY:
                worlds.nudge(ways({at: sign if half is None or at >> half & 1 else -sign for at in before}), seen)
                if unsure() == before:
                    break
    # What is still unsure is asked one by one, as far up and as far down as it goes.
    for at in unsure():
        for sign in (1, -1):
            if seen[at, 1] - seen[at, 0] < SPREAD:
                worlds.push(ways({at: sign}), seen)
    return [small[at] for at in unsure()]


def _that_move(small: Sequence[Cell], sums: Sequence[Equation]) -> list[set[Cell]]:
    """Each small number with all that it is a part of, where that needs no other part of any of these along."""
    wholes: dict[Cell, list[Cell]] = {}
    parts_of: dict[Cell, list[AbstractSet[Cell]]] = {}
    for whole, parts in sums:
        parts_of.setdefault(whole, []).append(frozenset(parts))
        for part in parts:
            wholes.setdefault(part, []).append(whole)
    found: list[set[Cell]] = []
    for one in small:
        moved, edge = {one}, [one]
        while edge:
            edge = [whole for part in edge for whole in wholes.get(part, ()) if whole not in moved]
            moved |= set(edge)
        if all(len(parts & moved) == 1 for each in moved for parts in parts_of.get(each, ())):
            found.append(moved)
    return found


class _Worlds:
    """Everything that agrees with what is shown, and with what an opponent knows besides."""

    def __init__(
        self,
        counts: Mapping[Cell, int],
        sums: Sequence[Equation],
        shown: Mapping[Cell, int | None],
        between: AbstractSet[Cell],
        small: Sequence[Cell],
    ) -> None:
        reach = 2 * max(counts.values(), default=0) + 100
        self._bounds = {
            one: _between(count, reach) if one in between else _bounds(one, count, shown[one], reach)
            for one, count in counts.items()
        }
        self._sums = sums
        self._solvers: dict[str, tuple[Any, list[Any]]] = {}
        # A world is a row of numbers, in the order of the bounds; these say where in it what stands.
        at = {one: place for place, one in enumerate(self._bounds)}
        self._low, self._high = np.array(list(self._bounds.values()), dtype=np.int64).reshape(-1, 2).T
        self._true = _numbers(counts.values())
        self._small = _numbers(at[one] for one in small)
        self._whole = _numbers(at[whole] for whole, _ in sums)
        self._part = _numbers(at[part] for _, parts in sums for part in parts)
        self._sum_of_part = _numbers(row for row, (_, parts) in enumerate(sums) for _ in parts)
        # Numbers that can be more or fewer together, one after the other, and where those of each begin.
        together = [[at[one] for one in found] for found in _that_move(small, sums)]
        self._length = _numbers(len(one) for one in together)
        self._begin = np.cumsum(self._length) - self._length
        self._around = _numbers(one for found in together for one in found)
        row = np.full(len(at), -1)
        row[self._small] = np.arange(len(small))
        self._is_small = row[self._around] >= 0
        self._row = row[self._around][self._is_small]

    def push(self, ways: Numbers, seen: Numbers) -> None:
        """Find a world in which small numbers are as far up (1) or down (-1) as can be, and note how far all are in it.

        The quick solver knows no whole numbers and mostly finds them all the same; else the slow one does. Neither is
        believed: a world counts once its whole numbers add up. Without one nothing is noted, and doubt leaves out more.
        """
        for kind in (QUICK, WHOLE):
            world = self._found(kind, ways)
            if world is not None:
                self._note(world, seen)
                return

    def nudge(self, ways: Numbers, seen: Numbers) -> None:
        """As `push`, the quick way and none further than is enough: then few that add up leave some for the next."""
        _, values = self._solver(QUICK)
        asked = np.flatnonzero(ways)
        places = self._small[asked]
        low, high = self._low[places], self._high[places]
        up = ways[asked] > 0
        lowest = np.where(up, low, np.maximum(low, seen[asked, 1] - SPREAD))
        highest = np.where(up, np.minimum(high, seen[asked, 0] + SPREAD), high)
        _limit(values, places, lowest, highest)
        world = self._found(QUICK, ways)
        _limit(values, places, low, high)
        if world is not None:
            self._note(world, seen)

    def note_true(self, seen: Numbers) -> None:
        """Note what is true, and what is around it; nothing when what was shown before is not."""
        if self._agrees(self._true):
            self._note(self._true, seen)

    def _note(self, world: Numbers, seen: Numbers) -> None:
        """How far every small number is in a world, and in those around it: with as many more or fewer as there can be.

        These are one number and all that it is a part of.
        """
        _widen(seen, np.arange(len(self._small)), world[self._small])
        if self._around.size:
            fewer = np.maximum.reduceat((self._low - world)[self._around], self._begin)
            more = np.minimum.reduceat((self._high - world)[self._around], self._begin)
            for far in (fewer, more):
                moved = (world[self._around] + np.repeat(far, self._length))[self._is_small]
                _widen(seen, self._row, moved)

    def _found(self, kind: str, ways: Numbers) -> Numbers | None:
        from ortools.linear_solver import linear_solver_pb2  # noqa: PLC0415 - as in `_built`

        solver, values = self._solver(kind)
        objective = solver.Objective()
        objective.Clear()
        objective.SetMaximization()
        for at in np.flatnonzero(ways).tolist():
            objective.SetCoefficient(values[self._small[at]], float(ways[at]))
        if solver.Solve() not in {solver.OPTIMAL, solver.FEASIBLE}:
            return None
        told = linear_solver_pb2.MPSolutionResponse()
        solver.FillSolutionResponseProto(told)
        world = np.rint(np.array(told.variable_value)).astype(np.int64)
        return world if self._agrees(world) else None

    def _agrees(self, world: Numbers) -> bool:
        sums = np.zeros(len(self._sums), dtype=np.int64)
        np.add.at(sums, self._sum_of_part, world[self._part])
        return bool(((self._low <= world) & (world <= self._high)).all() and (world[self._whole] == sums).all())

    def _solver(self, kind: str) -> tuple[Any, list[Any]]:
        if kind not in self._solvers:
            self._solvers[kind] = self._built(kind)
        return self._solvers[kind]

    def _built(self, kind: str) -> tuple[Any, list[Any]]:
        from ortools.linear_solver import pywraplp  # noqa: PLC0415 - slow to import, and needed once a month

        solver = pywraplp.Solver.CreateSolver(kind)
        solver.SetSolverSpecificParametersAsString(HOW[kind])
        values = {one: solver.IntVar(low, high, "") for one, (low, high) in self._bounds.items()}
        for whole, parts in self._sums:
            solver.Add(values[whole] == solver.Sum([values[part] for part in parts]))
        return solver, list(values.values())


def _limit(values: Sequence[Any], places: Numbers, low: Numbers, high: Numbers) -> None:
    for at, lowest, highest in zip(places.tolist(), low.tolist(), high.tolist(), strict=True):
        values[at].SetBounds(lowest, highest)


def _widen(seen: Numbers, rows: Numbers, found: Numbers) -> None:
    np.minimum.at(seen[:, 0], rows, found)
    np.maximum.at(seen[:, 1], rows, found)


def _numbers(found: Iterable[int]) -> Numbers:
    return np.fromiter(found, dtype=np.int64)


def _bounds(one: Cell, count: int, shown: int | None, reach: int) -> tuple[int, int]:
    """What the opponent knows of one number by itself."""
    if shown is not None:
        return max(one.least, shown - BASE // 2), shown + BASE // 2
    if one.again:
        return 0, reach
    return (0, one.least - 1) if count < one.least else (one.least, reach)


def _between(count: int, reach: int) -> tuple[int, int]:
    """What the opponent knows of how much two counts differ: all of it when it is one person, else that it is more."""
    if abs(count) < SPREAD:
        return count, count
    return (SPREAD, reach) if count > 0 else (-reach, -SPREAD)
