"""What other places in a unit would be worth, for many units at once, from the proof of the optimum.

Everything is compiled once, with every unit as large as somebody asks, and the pairs this opens wait for the question
that opens them (`asked.Asked`, in large parts `columns.Columns`). A unit there is not yet is one without places. Most
places are worth nothing, and that shows in the prices of the proof.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from matching.asked import Asked
from matching.columns import Columns
from matching.counterfactual import Answer
from matching.eligibility import IntArray
from matching.engine import COLUMNS_FROM, COLUMNS_MAX
from matching.model import UNPLACED, Compiled, Instance, LevelAmounts, Placement, compiled, components, pairs_of, pruned
from matching.network import UnprovenFlow
from matching.problem import Unit
from matching.search import TooHard


@dataclass(frozen=True, slots=True)
class Worth:
    """The levels and the placement with other places in a unit."""

    amounts: LevelAmounts
    placement: Placement


def larger(source: Compiled, places: Mapping[int, int]) -> Instance:
    """With all pairs there are once units (by number) have at least so many `places`; they have them not yet.

    Only for problems whose pairs are all listed.
    """
    room = _at_least(source.instance.places, places)
    row, unit_of, pair = pairs_of(source.rules.larger(source.instance.size, room), source.scores)
    return replace(source.instance, row=row, unit_of=unit_of, pair=pair)


def _at_least(places: IntArray, most: Mapping[int, int]) -> IntArray:
    """Places[U] raised to what some units may have."""
    room = places.copy()
    for unit, number in most.items():
        room[unit] = max(room[unit], number)
    return room


def extended(source: Compiled, added: Sequence[Unit]) -> Instance:
    """With units there are not, without places yet, and the pairs there are once they have theirs.

    Their ids come after all others, so their numbers do too. Only for problems whose pairs are all listed.
    """
    wider = compiled(source.problem.amended(source.requests, (*source.units, *added), added)).instance
    return replace(wider, places=np.concatenate([source.instance.places, np.zeros(len(added), np.int64)]))


class Worths:
    """An optimum, to be asked what it were if one unit had other places.

    `instance`: that of the answer with all pairs that may be asked about, see `larger` and `extended`. `places`: the
    most that units, by number, may be asked about with.
    """

    def __init__(self, answer: Answer, instance: Instance, places: Mapping[int, int]) -> None:
        self._answer = answer
        self._instance = instance
        self._room = _at_least(instance.places, places)
        self._amounts = self._instance.amounts(answer.placement)
        self._pruned = pruned(instance)
        self._parts = components(self._pruned)
        self._part_of = {int(unit): at for at, part in enumerate(self._parts) for unit in part[1]}
        self._proofs: dict[int, Asked | Columns | None] = {}
        self._taken = np.zeros(self._instance.units, np.int64)
        homes = np.array(answer.placement, np.int64)
        np.add.at(self._taken, homes[homes != UNPLACED], instance.size[homes != UNPLACED])

    def of(self, unit: int, places: int) -> Worth | None:
        """What it would be with so many places in a unit; None where that is to be found out by solving."""
        before = int(self._instance.places[unit])
        same = Worth(self._amounts, self._answer.placement)
        if places <= before and self._taken[unit] <= places:
            return same  # it is still allowed, and with less room nothing becomes better
        number = self._part_of.get(unit)
        if number is None:
            return same
        proof = self._proof(number)
        if proof is None:
            return None
        requests, units = self._parts[number]
        try:
            found = proof.resized(int(np.searchsorted(units, unit)), places)
        except (TooHard, UnprovenFlow):
            return None
        if found is None:
            return same
        placement = list(self._answer.placement)
        for request, home in zip(requests.tolist(), found, strict=True):
            placement[request] = UNPLACED if home == UNPLACED else int(units[home])
        return Worth(self._instance.amounts(placement), tuple(placement))

    def _proof(self, number: int) -> Asked | Columns | None:
        if number not in self._proofs:
            requests, units = self._parts[number]
            at = {int(unit): at for at, unit in enumerate(units)}
            here = tuple(at.get(self._answer.placement[request], UNPLACED) for request in requests.tolist())
            self._proofs[number] = self._proven(self._pruned.part(requests, units), here, self._room[units])
        return self._proofs[number]

    def _proven(self, part: Instance, here: Placement, room: IntArray) -> Asked | Columns | None:
        """As `Answer.columns` and `Answer.asked`, of what there may be."""
        limit = self._answer.limit
        if COLUMNS_FROM <= part.requests <= COLUMNS_MAX:
            with suppress(TooHard, UnprovenFlow):
                columns = Columns(part, here, limit, room=room)
                return columns if columns.placement == here else None
        with suppress(TooHard, UnprovenFlow):
            return Asked(part, here, limit).prove()
        return None
