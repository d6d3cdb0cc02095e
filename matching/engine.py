"""The exact optimum of an instance: parts that do not touch each other are solved apart, each by what suits it."""

from collections.abc import Sequence

import numpy as np

from matching.branch import BranchSearch
from matching.constraint import constraint_search, least_amounts
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, LevelAmounts, components, pruned
from matching.network import UnprovenFlow
from matching.problem import LEVELS
from matching.search import Found, Limit

# A part the flow has not settled after so many nodes is hard in a way (packing) that CP-SAT is better at. On 60 × 300
# tight the mean is lowest between 12 and 25 nodes; the median alone would say 60.
BRANCH_NODES_MAX = 20_000


class Memory:
    """Optima of parts met before, by content. A part solves the same wherever it comes from: only time is saved.

    Holds what the last two rounds used, so it cannot grow without end.
    """

    def __init__(self) -> None:
        self._older: dict[bytes, Found] = {}
        self._recent: dict[bytes, Found] = {}

    def next_round(self) -> None:
        """Forget what was not used since the last call but one."""
        self._older, self._recent = self._recent, {}

    def recall(self, key: bytes) -> Found | None:
        """The proven optimum of a part, if known."""
        found = self._recent.get(key) or self._older.get(key)
        if found is not None:
            self._recent[key] = found
        return found

    def keep(self, key: bytes, found: Found) -> None:
        """Remember a proven optimum."""
        if found.proven:
            self._recent[key] = found


def optimum(instance: Instance, limit: Limit, seed: int, memory: Memory | None = None) -> Found:
    """The best placement in strict level order; `bound` has a value for every level it is known for."""
    instance = pruned(instance)
    placement = [UNPLACED] * instance.requests
    proven, missing = True, False
    bounds: list[tuple[int, ...]] = []
    values: list[LevelAmounts] = []
    for requests, units in components(instance):
        part = instance.part(requests, units)
        found = _remembered(part, limit, seed, memory)
        proven &= found.proven
        if found.placement is None:
            if found.proven:
                return Found(None, True)
            missing = True
            continue
        for request, unit in zip(requests.tolist(), found.placement, strict=True):
            placement[request] = UNPLACED if unit == UNPLACED else int(units[unit])
        bounds.append(found.bound)
        values.append(part.amounts(found.placement))
    if missing:
        return Found(None, False)
    return Found(tuple(placement), proven, joint_bound(bounds, values))


def _remembered(part: Instance, limit: Limit, seed: int, memory: Memory | None) -> Found:
    if memory is None or part.requests == 1:
        return part_optimum(part, limit, seed)
    key = part.fingerprint() + repr(seed).encode()
    found = memory.recall(key)
    if found is None:
        found = part_optimum(part, limit, seed)
        memory.keep(key, found)
    return found


def joint_bound(bounds: Sequence[tuple[int, ...]], values: Sequence[LevelAmounts]) -> tuple[int, ...]:
    """Bounds of a whole from those of its parts: a level's bounds add up while all levels before it are met exactly."""
    joint: list[int] = []
    for level in range(len(LEVELS)):
        if any(len(bound) <= level for bound in bounds):
            break
        joint.append(sum(bound[level] for bound in bounds))
        if joint[-1] != sum(value[level] for value in values):
            break
    return tuple(joint)


def part_optimum(instance: Instance, limit: Limit, seed: int) -> Found:
    """The optimum of one connected part."""
    if instance.requests == 1:
        return _alone(instance)
    greedily = greedy(instance)
    first = greedily if instance.allows(greedily) else None
    if limit.spent:
        return Found(first, False, least_amounts(instance))
    search = BranchSearch(instance, limit, first, BRANCH_NODES_MAX)
    try:
        found = search.run()
    except UnprovenFlow:  # people are waiting: CP-SAT does without the flow
        found = Found(search.best, False)
    if found.proven or limit.spent:
        return found
    return constraint_search(search.core, limit, seed, found.placement)


def _alone(instance: Instance) -> Found:
    """One request with nobody to mind: its best unit."""
    units = np.flatnonzero(instance.eligible[0])
    if units.size == 0:
        if not instance.optional[0]:
            return Found(None, True)
        return Found((UNPLACED,), True, instance.amounts((UNPLACED,)))
    best = min(units.tolist(), key=lambda unit: (*(amounts[0, unit] for amounts in instance.pair), unit))
    # Out at no cost beats any place at a price: only for a request taken out of the problem, which is eligible nowhere.
    return Found((best,), True, instance.amounts((best,)))
