"""The exact optimum of an instance: parts that do not touch each other are solved apart, each by what suits it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matching.branch import BranchSearch
from matching.columns import Columns
from matching.constraint import constraint_search, least_amounts
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, LevelAmounts, Placement, components, pruned
from matching.model import Part as Parted
from matching.network import Choices, Flow, UnprovenFlow
from matching.problem import LEVELS
from matching.search import Found, Limit, TooHard
from matching.words import Value, Words

# A part the flow has not settled after so many nodes is hard in a way (packing) that CP-SAT may be better at.
BRANCH_NODES_MAX = 20_000
# In parts of so many requests the flow only finds a first answer, within so many nodes, and columns prove or better it.
COLUMNS_FROM, COLUMNS_MAX = 100, 500
DIVE_NODES_MAX = 51
# Rounds of the second bound: once per part that is asked about, and before each question's own search.
ASCENT_ROUNDS = 200
QUESTION_ROUNDS = 20


class Memory:
    """What was found out about parts met before, by their content: a part solves the same wherever it comes from, so
    only time is saved.

    Holds what the last two rounds used, so it cannot grow without end.
    """

    def __init__(self) -> None:
        self._older: dict[object, Any] = {}
        self._recent: dict[object, Any] = {}

    def next_round(self) -> None:
        """Forget what was not used since the last call but one."""
        self._older, self._recent = self._recent, {}

    def recall(self, key: object) -> Any:
        """What was kept under a key; None if nothing is known."""
        found = self._recent.get(key)
        if found is None:
            found = self._older.get(key)
        if found is not None:
            self._recent[key] = found
        return found

    def keep(self, key: object, found: object) -> None:
        """Remember what must be as true the next time."""
        self._recent[key] = found


def optimum(
    instance: Instance,
    limit: Limit,
    seed: int,
    memory: Memory | None = None,
    start: Placement | None = None,
    parts: Sequence[Parted] | None = None,
) -> Found:
    """The best placement in strict level order; `bound` has a value for every level it is known for.

    `start`: a placement to begin with, as far as it is allowed. It saves time, and among equals it stays. `parts`: the
    `components`, if it is pruned already and they are known.
    """
    if parts is None:
        instance = pruned(instance)
        parts = components(instance)
    placement = [UNPLACED] * instance.requests
    proven, missing = True, False
    bounds: list[tuple[int, ...]] = []
    values: list[LevelAmounts] = []
    for requests, units in parts:
        if len(requests) == 1:
            [request] = requests.tolist()
            alone = _alone(instance, request)
            if alone is None:
                return Found(None, True)
            placement[request], amounts = alone
            bounds.append(amounts)
            values.append(amounts)
            continue
        part = instance.part(requests, units)
        found = _remembered(part, limit, seed, memory, _within(start, requests, units))
        proven &= found.proven
        if found.placement is None:
            if found.proven:
                return Found(None, True)
            missing = True
            continue
        for request, unit in zip(requests.tolist(), found.placement, strict=True):
            placement[request] = UNPLACED if unit == UNPLACED else int(units[unit])
        bounds.append(found.bound)
        values.append(found.bound if found.proven else part.amounts(found.placement))
    if missing:
        return Found(None, False)
    return Found(tuple(placement), proven, joint_bound(bounds, values))


def _within(start: Placement | None, requests: NDArray[np.intp], units: NDArray[np.intp]) -> Placement | None:
    """A placement in the numbers of a part."""
    if start is None:
        return None
    number = {int(unit): at for at, unit in enumerate(units)}
    return tuple(number.get(start[request], UNPLACED) for request in requests)


def _remembered(
    part: Instance, limit: Limit, seed: int, memory: Memory | None, start: Placement | None = None
) -> Found:
    if memory is None or start is not None:
        return part_optimum(part, limit, seed, start)
    key = part.fingerprint() + repr(seed).encode()
    known: Found | None = memory.recall(key)
    if known is not None:
        return known
    found = part_optimum(part, limit, seed)
    if found.proven:
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


def part_optimum(instance: Instance, limit: Limit, seed: int, start: Placement | None = None) -> Found:
    """The optimum of one connected part, not worse than `start` if that is allowed."""
    known = [one for one in (start, greedy(instance)) if one is not None and instance.allows(one)]
    first = min(known, key=instance.amounts, default=None)
    if limit.spent:
        return Found(first, False, least_amounts(instance))
    if COLUMNS_FROM <= instance.requests <= COLUMNS_MAX:
        found = _by_columns(instance, limit, first)
        if found.proven or limit.spent:
            return found
        first = found.placement
    search = BranchSearch(instance, limit, first, BRANCH_NODES_MAX)
    found = _searched(search)
    if found.proven or limit.spent:
        return found
    return constraint_search(search.core, limit, seed, found.placement)


def _by_columns(instance: Instance, limit: Limit, first: Placement | None) -> Found:
    """The optimum of a large part, of which the flow finds a first answer; or the best answer met, unproven."""
    dive = BranchSearch(instance, limit, first, DIVE_NODES_MAX)
    network = dive.network
    try:
        routed = dive.routed()
    except (TooHard, UnprovenFlow):
        return Found(first, False, least_amounts(instance))
    found = _searched(dive, None, routed)
    if found.proven or limit.spent or found.placement is None or routed is None:
        return found
    met = [found.placement]
    try:
        best = Columns(instance, found.placement, limit, (network, *routed), known=met).placement
    except (TooHard, UnprovenFlow):
        return Found(min(met, key=instance.amounts), False, found.bound)
    return Found(best, True, instance.amounts(best))


def _searched(search: BranchSearch, cutoff: Value | None = None, start: tuple[Choices, Flow] | None = None) -> Found:
    """What the search finds; where its flow cannot be believed, what it found so far: CP-SAT does without the flow."""
    try:
        return search.run(cutoff, start)
    except (TooHard, UnprovenFlow):
        return Found(search.best, False, least_amounts(search.instance))


class Part:
    """One connected part with its optimum, routed once, to be asked what if: each question re-routes what it changes.

    Raises UnprovenFlow where the flow cannot be believed.
    """

    def __init__(self, instance: Instance, placement: Placement, limit: Limit, seed: int) -> None:
        self.instance = instance
        self.placement = placement
        self._limit = limit
        self._seed = seed
        base = BranchSearch(instance, limit, None, None)
        self._network = base.network
        self._start = base.routed()
        if self._start is not None:
            self._worth = self._network.gains_of(self._start[1])
            beyond = Words.next_after(base.value(placement))
            self._network.unit_bound(self._start[0], self._worth, beyond, rounds=ASCENT_ROUNDS)

    def value(self, placement: Placement) -> Value:
        """All levels of a placement as one number."""
        return self._network.words.value(self.instance.amounts(placement))

    def best(
        self,
        *,
        require: int | None = None,
        without: int | None = None,
        within: Sequence[int] | None = None,
        worth_less_than: Value | None = None,
    ) -> Found:
        """The optimum with a request to be placed (`within` these units, if given), or one left out (not of a group).

        Whoever is left out still counts as such in the levels. `worth_less_than`: only if it is better than this.
        """
        if self._limit.spent:
            return Found(None, False)
        if self._start is None:
            return Found(None, True)
        choices, flow = self._start[0].copy(), self._start[1].copy()
        row = self.instance.row
        allowed, optional = np.ones(len(self.instance.unit_of), np.bool_), self.instance.optional.copy()
        if require is not None:
            optional[require] = False
            if within is not None:
                allowed[row[require] : row[require + 1]] = np.isin(self.instance.allowed(require), within)
        if without is not None:
            allowed[row[without] : row[without + 1]] = False
        self._network.narrow(choices, allowed, optional)
        if worth_less_than is not None:
            packed = self._network.unit_bound(choices, self._worth.copy(), worth_less_than, rounds=QUESTION_ROUNDS)
            if packed is None or packed.bound >= self._network.improvable(worth_less_than):
                return Found(None, True)
        instance = replace(self.instance.kept(np.flatnonzero(allowed)), optional=optional)
        incumbent = self.placement if instance.allows(self.placement) else None
        search = BranchSearch(instance, self._limit, incumbent, BRANCH_NODES_MAX, self._network)
        found = _searched(search, worth_less_than, (choices, flow))
        if found.proven or self._limit.spent or worth_less_than is not None:
            return found
        return constraint_search(search.core, self._limit, self._seed, found.placement)


def _alone(instance: Instance, request: int) -> tuple[int, LevelAmounts] | None:
    """The best unit of a request with nobody to mind, and what it costs; None if it has none and must be placed."""
    first, last = int(instance.row[request]), int(instance.row[request + 1])
    if first == last:
        return (UNPLACED, instance.share(request, UNPLACED)) if instance.optional[request] else None
    # Out at no cost beats any place at a price: only for a request taken out of the problem, which is eligible nowhere.
    columns = (column[first:last].tolist() for column in (*instance.pair, instance.unit_of))
    *amounts, best = min(zip(*columns, strict=True))
    return best, (*(0 for _ in instance.drop[request]), *amounts)
