"""The exact optimum of an instance: parts that do not touch each other are solved apart, each by what suits it."""

from collections.abc import Sequence

import numpy as np

from matching.branch import BranchSearch
from matching.constraint import constraint_search
from matching.flow import UnprovenFlow
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, LevelAmounts, components, pruned
from matching.problem import LEVELS
from matching.search import Found, Limit

# A part the flow has not settled after so many nodes is hard in a way (packing) that CP-SAT is better at.
BRANCH_NODES_MAX = 200


def optimum(instance: Instance, limit: Limit, seed: int) -> Found:
    """The best placement in strict level order; `bound` has a value for every level it is known for."""
    instance = pruned(instance)
    placement = [UNPLACED] * instance.requests
    proven, missing = True, False
    bounds: list[tuple[int, ...]] = []
    values: list[LevelAmounts] = []
    for requests, units in components(instance):
        part = instance.part(requests, units)
        found = part_optimum(part, limit, seed)
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
    first = greedy(instance)
    search = BranchSearch(instance, limit, first if instance.allows(first) else None, BRANCH_NODES_MAX)
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
