"""A problem compiled again after it changed: only requests and units that are others than before are judged anew.

What comes out is what `model.compiled` makes of the same problem.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import TypeVar

import numpy as np

from matching.eligibility import IntArray, Supply, eligibility
from matching.model import Compiled, Lists, compiled, instance_of, listed
from matching.problem import Problem, Request, Unit
from matching.scoring import GONE, NOWHERE, Amounts, narrowed, placed_amounts, scores

# Of more changes than one in so many everything is judged anew: it takes as long.
_CHANGED_SHARE = 4

_judged_of = attrgetter(*(one.name for one in fields(Request) if one.name != "previous"))

_Pairs = tuple[IntArray, IntArray, Amounts, Amounts]
"""Of allowed pairs the request, the unit, and what they cost in `care` and `fit`; `change` is looked up every time."""
_Listed = TypeVar("_Listed", Request, Unit)


class Compiler:
    """Keeps what it compiled last."""

    def __init__(self) -> None:
        self._last: Compiled | None = None
        self._supply: Supply | None = None

    def compiled(self, problem: Problem) -> Compiled:
        """The same as `model.compiled`."""
        if self._last is None or problem is not self._last.problem:
            self._last = self._again(problem) or compiled(problem)
        return self._last

    def _again(self, problem: Problem) -> Compiled | None:
        """From the one before; None where that would not be less work."""
        lists, last = Lists(problem), self._last
        if last is None or not (listed(lists) and listed(last.lists)) or not same_rules(problem, last.problem):
            return None
        moved = _occupants_changed(last.problem.occupants, problem.occupants)

        def stays(old: Unit, new: Unit) -> bool:
            return (old is new or old == new) and new.location not in moved

        known = _new_numbers(last.requests, lists.requests, judged_alike)
        homes = _new_numbers(last.units, lists.units, stays)
        new_requests, new_units = _unreached(known, len(lists.requests)), _unreached(homes, len(lists.units))
        if _CHANGED_SHARE * (len(new_requests) + len(new_units)) > len(lists.requests) + len(lists.units):
            return None
        pairs = [_carried_over(last, known, homes)]
        if len(new_requests):
            some = [lists.requests[at] for at in new_requests]
            rows, units, care, fit = _judged(problem, some, lists.units, self._supply_of(lists))
            pairs.append((new_requests[rows], units, care, fit))
        if len(new_units):
            stayed = np.sort(known[known >= 0])
            rows, units, care, fit = _judged(
                problem, [lists.requests[at] for at in stayed], [lists.units[at] for at in new_units]
            )
            pairs.append((stayed[rows], new_units[units], care, fit))
        return _assembled(lists, pairs)

    def _supply_of(self, lists: Lists) -> Supply:
        """The units as the rules look at them, kept as long as their ids are the same."""
        supply = self._supply
        if supply is None or [unit.id for unit in supply.units] != [unit.id for unit in lists.units]:
            supply = self._supply = Supply(lists.units)
        for at, (old, new) in enumerate(zip(supply.units, lists.units, strict=True)):
            if old is not new:
                supply.put(at, new)
        return supply


def judged_alike(old: Request, new: Request) -> bool:
    """Whether only `previous` is another."""
    return old is new or bool(_judged_of(old) == _judged_of(new))


def same_rules(one: Problem, other: Problem) -> bool:
    """Whether a pair of the one is judged as in the other; occupants aside."""
    same = one.zones is other.zones or one.zones == other.zones
    return same and one.criteria == other.criteria and one.weights == other.weights


def _occupants_changed(one: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]) -> set[str]:
    """Locations where others live than before."""
    if one is other:
        return set()
    return {at for at in one.keys() | other.keys() if set(one.get(at, ())) != set(other.get(at, ()))}


def _new_numbers(
    olds: Sequence[_Listed], news: Sequence[_Listed], stays: Callable[[_Listed, _Listed], bool]
) -> IntArray:
    """Per old one its number in the new list, -1 if it is gone or judged otherwise."""
    number = {new.id: at for at, new in enumerate(news)}
    found = []
    for old in olds:
        at = number.get(old.id, -1)
        found.append(at if at >= 0 and stays(old, news[at]) else -1)
    return np.array(found, np.int64)


def _unreached(numbers: IntArray, count: int) -> IntArray:
    """Which of so many are in no list of numbers."""
    missing = np.ones(count, np.bool_)
    missing[numbers[numbers >= 0]] = False
    return np.flatnonzero(missing)


def _carried_over(last: Compiled, known: IntArray, homes: IntArray) -> _Pairs:
    """The pairs of which neither side changed."""
    instance = last.instance
    rows, units = known[instance.request_of], homes[instance.unit_of]
    both = (rows >= 0) & (units >= 0)
    care, _, fit = instance.pair
    return rows[both], units[both], care[both], fit[both]


def _judged(
    problem: Problem, requests: Sequence[Request], units: Sequence[Unit], supply: Supply | None = None
) -> _Pairs:
    """The allowed pairs of some requests and units, in numbers of these."""
    row, unit_of = eligibility(problem, requests, units, supply).listed()
    rows = np.repeat(np.arange(len(requests)), np.diff(row))
    usable, at = np.unique(unit_of, return_inverse=True)
    columns = scores(problem, requests, [units[unit] for unit in usable])
    care, _, fit = placed_amounts(columns, rows, at)
    return rows, unit_of.astype(np.int64), care, fit


def _assembled(lists: Lists, pairs: Sequence[_Pairs]) -> Compiled:
    """All pairs in order of request and unit, with what they change."""
    rows, units, care, fit = (np.concatenate(column) for column in zip(*pairs, strict=True))
    order = np.argsort(rows * len(lists.units) + units, kind="stable")
    rows, units = rows[order], units[order]
    number = lists.unit_number
    previous = np.array(
        [NOWHERE if one.previous is None else number.get(one.previous, GONE) for one in lists.requests], np.int64
    )
    change = (previous[rows] != NOWHERE) & (previous[rows] != units)
    row = np.searchsorted(rows, np.arange(len(lists.requests) + 1))
    pair = tuple(narrowed(amounts) for amounts in (care[order], change.astype(np.int64), fit[order]))
    return Compiled(lists, instance_of(lists, row, units.astype(np.int32), pair))
