"""Branch and price: whatever it settles is what solving the changed part says."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from bench.matching.instances import Size, instance
from matching.columns import Columns
from matching.counterfactual import moves
from matching.engine import optimum
from matching.model import UNPLACED, Instance, LevelAmounts, Placement, compiled, components, pruned
from matching.search import Limit, TooHard
from matching.solution import UNLIMITED
from matching.words import Words
from tests.matching.instances import random_problem

MEDIUM = Size(24, 90, 8)
COUNT = 3


def _parts(seed: int) -> Iterator[tuple[Instance, Placement]]:
    for problem in (instance(MEDIUM, seed, tight=True), random_problem(seed, 8, 5)):
        whole = pruned(compiled(problem).instance)
        for requests, units in components(whole):
            part = whole.part(requests, units)
            if part.requests > 1:
                found = optimum(part, Limit(UNLIMITED), 0)
                assert found.proven
                assert found.placement is not None
                yield part, found.placement


def _columns(part: Instance, best: Placement) -> Columns | None:
    try:
        return Columns(part, best, Limit(UNLIMITED))
    except TooHard:  # levels too far apart for a program in floating point
        return None


def _amounts(part: Instance) -> LevelAmounts | None:
    found = optimum(part, Limit(UNLIMITED), 0)
    assert found.proven
    return None if found.placement is None else part.amounts(found.placement)


@pytest.mark.parametrize("seed", range(12))
def test_the_best_other_units_are_those_that_solving_for_each_finds(seed: int) -> None:
    settled: Counter[bool] = Counter()
    for part, best in _parts(seed):
        if (columns := _columns(part, best)) is None:
            settled[False] += 1
            continue
        for own in [at for at in range(part.requests) if best[at] != UNPLACED][::3]:
            each = [
                found
                for unit in part.allowed(own).tolist()
                if unit != best[own] and (found := _amounts(part.requiring([own]).confined(own, [unit]))) is not None
            ]
            for known in ((), tuple(moves(part, best, own))):
                try:
                    listed = columns.elsewhere(own, COUNT, known)
                except TooHard:
                    settled[False] += 1
                    continue
                settled[True] += 1
                assert all(part.allows(placement) and placement[own] != best[own] for placement in listed)
                assert len({placement[own] for placement in listed}) == len(listed)
                assert [part.amounts(placement) for placement in listed] == sorted(each)[:COUNT]
    assert 2 * settled[True] >= settled[False]  # the rest is for another search


@pytest.mark.parametrize("seed", range(12))
def test_the_best_without_somebody_or_with_somebody_placed_is_what_solving_finds(seed: int) -> None:
    settled: Counter[bool] = Counter()
    for part, best in _parts(seed):
        if (columns := _columns(part, best)) is None:
            settled[False] += 1
            continue
        grouped = {member for group in part.groups for member in group}
        for own in range(part.requests):
            if best[own] == UNPLACED:
                with_own = _amounts(part.requiring([own]))
                try:
                    found = columns.best(require=own)
                except TooHard:
                    settled[False] += 1
                else:
                    settled[True] += 1
                    assert found is not None
                    assert part.amounts(found) == with_own
            elif own not in grouped:
                without = part.without(own)
                fewest = _amounts(without)
                staying = tuple(UNPLACED if at == own else unit for at, unit in enumerate(best))
                value = columns.value(staying)
                try:
                    found = columns.best(without=own, worth_less_than=value)
                except TooHard:
                    settled[False] += 1
                    continue
                settled[True] += 1
                assert without.amounts(staying if found is None else found) == fewest
                if found is not None:  # the cutoff is what is asked for: its own value is too much, one more is not
                    value = columns.value(found)
                    assert columns.best(without=own, worth_less_than=value) is None
                    again = columns.best(without=own, worth_less_than=Words.next_after(value))
                    assert again is not None
                    assert columns.value(again) == value
    assert 2 * settled[True] >= settled[False]  # the rest is for another search


@pytest.mark.parametrize("seed", range(6))
def test_an_answer_that_is_no_optimum_is_not_taken_for_one(seed: int) -> None:
    for part, best in _parts(seed):
        worse = list(best)
        placed = np.flatnonzero(np.array(best) != UNPLACED)
        grouped = {member for group in part.groups for member in group}
        for own in placed.tolist():
            if own in grouped or not part.optional[own]:
                continue
            worse[own] = UNPLACED
            with pytest.raises(TooHard):
                Columns(part, tuple(worse), Limit(UNLIMITED))
            break
