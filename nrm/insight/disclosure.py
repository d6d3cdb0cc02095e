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

    def unsure() -> list[Cell]:
        return [small[place] for place in np.flatnonzero(seen[:, 1] - seen[:, 0] < SPREAD).tolist()]

    # First many at once: all up or down, then every other one, every other two, so that what adds up can trade.
    for half in (None, *range(len(small).bit_length())):
        before = unsure()
        if len(before) < MANY:
            break
        for sign in (1, -1):
            ways = {one: sign if half is None or place >> half & 1 else -sign for place, one in enumerate(unsure())}
            worlds.push(ways, seen, QUICK)
        if unsure() == before:
            break
    # What is still unsure is asked one by one, as far up and as far down as it goes.
    for place in np.flatnonzero(seen[:, 1] - seen[:, 0] < SPREAD).tolist():
        for sign in (1, -1):
            if seen[place, 1] - seen[place, 0] < SPREAD:
                worlds.push({small[place]: sign}, seen)
    return unsure()


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
        self._solvers: dict[str, tuple[Any, dict[Cell, Any]]] = {}
        # A world is a row of numbers, in the order of the bounds; these say where in it what stands.
        at = {one: place for place, one in enumerate(self._bounds)}
        self._low, self._high = np.array(list(self._bounds.values()), dtype=np.int64).reshape(-1, 2).T
        self._small = _numbers(at[one] for one in small)
        self._whole = _numbers(at[whole] for whole, _ in sums)
        self._part = _numbers(at[part] for _, parts in sums for part in parts)
        self._sum_of_part = _numbers(row for row, (_, parts) in enumerate(sums) for _ in parts)

    def push(self, ways: Mapping[Cell, int], seen: Numbers, *kinds: str) -> None:
        """Find a world in which these are as far up or down as can be, and note how far everything in it is.

        The quick solver knows no whole numbers and mostly finds them all the same; else the slow one does. Neither is
        believed: a world counts once its whole numbers add up. Without one nothing is noted, and doubt leaves out more.
        """
        for kind in kinds or (QUICK, WHOLE):
            world = self._found(kind, ways)
            if world is not None:
                seen[:, 0] = np.minimum(seen[:, 0], world[self._small])
                seen[:, 1] = np.maximum(seen[:, 1], world[self._small])
                return

    def _found(self, kind: str, ways: Mapping[Cell, int]) -> Numbers | None:
        if kind not in self._solvers:
            self._solvers[kind] = self._built(kind)
        solver, values = self._solvers[kind]
        solver.Maximize(solver.Sum([sign * values[one] for one, sign in ways.items()]))
        if solver.Solve() not in {solver.OPTIMAL, solver.FEASIBLE}:
            return None
        world = np.rint([value.solution_value() for value in values.values()]).astype(np.int64)
        sums = np.zeros(len(self._sums), dtype=np.int64)
        np.add.at(sums, self._sum_of_part, world[self._part])
        agrees = ((self._low <= world) & (world <= self._high)).all() and (world[self._whole] == sums).all()
        return world if agrees else None

    def _built(self, kind: str) -> tuple[Any, dict[Cell, Any]]:
        from ortools.linear_solver import pywraplp  # noqa: PLC0415 - slow to import, and needed once a month

        solver = pywraplp.Solver.CreateSolver(kind)
        if kind == WHOLE:
            solver.SetSolverSpecificParametersAsString(f"limits/nodes = {NODES_MAX}")
        values = {one: solver.IntVar(low, high, "") for one, (low, high) in self._bounds.items()}
        for whole, parts in self._sums:
            solver.Add(values[whole] == solver.Sum([values[part] for part in parts]))
        return solver, values


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
