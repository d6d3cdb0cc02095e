"""What other places in a unit would be worth, for many units at once, from the proof of the optimum.

Everything is compiled once, with every unit as large as somebody asks, and the pairs this opens wait for the question
that opens them (`asked.Asked`). A unit there is not yet is one without places. Most places are worth nothing, and that
shows in the prices of the proof.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matching.asked import Asked
from matching.counterfactual import Answer
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
    room = source.instance.places.copy()
    for unit, most in places.items():
        room[unit] = max(room[unit], most)
    row, unit_of, pair = pairs_of(source.rules.larger(source.instance.size, room), source.scores)
    return replace(source.instance, row=row, unit_of=unit_of, pair=pair)


def extended(source: Compiled, added: Sequence[Unit]) -> Instance:
    """With units there are not, without places yet, and the pairs there are once they have theirs.

    Their ids come after all others, so their numbers do too. Only for problems whose pairs are all listed.
    """
    wider = compiled(source.problem.amended(source.requests, (*source.units, *added), added)).instance
    return replace(wider, places=np.concatenate([source.instance.places, np.zeros(len(added), np.int64)]))


class Worths:
    """An optimum, to be asked what it were if one unit had other places.

    `instance`: that of the answer with all pairs that may be asked about; see `larger` and `extended`.
    """

    def __init__(self, answer: Answer, instance: Instance) -> None:
        self._answer = answer
        self._instance = instance
        self._amounts = self._instance.amounts(answer.placement)
        self._pruned = pruned(instance)
        self._parts = components(self._pruned)
        self._part_of = {int(unit): at for at, part in enumerate(self._parts) for unit in part[1]}
        self._asked: dict[int, Asked | None] = {}
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
        asked = self._proof(number)
        if asked is None:
            return None
        requests, units = self._parts[number]
        at = int(np.searchsorted(units, unit))
        cutoff = asked.best if places > before else None
        try:
            found = asked.below(cutoff, unit=at, places=places).placement
        except (TooHard, UnprovenFlow):
            return None
        finally:
            asked.forget()
        if found is None:
            return same
        placement = list(self._answer.placement)
        for request, home in zip(requests.tolist(), found, strict=True):
            placement[request] = UNPLACED if home == UNPLACED else int(units[home])
        return Worth(self._instance.amounts(placement), tuple(placement))

    def _proof(self, number: int) -> Asked | None:
        if number not in self._asked:
            requests, units = self._parts[number]
            at = {int(unit): at for at, unit in enumerate(units)}
            here = tuple(at.get(self._answer.placement[request], UNPLACED) for request in requests.tolist())
            part = self._pruned.part(requests, units)
            try:
                self._asked[number] = Asked(part, here, self._answer.limit).prove()
            except (TooHard, UnprovenFlow):
                self._asked[number] = None
        return self._asked[number]
