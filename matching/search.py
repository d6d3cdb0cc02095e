"""What every engine gets and gives back: a limit on the effort, and what was found and proven with it."""

import time
from copy import copy
from dataclasses import dataclass, field

from matching import leaves
from matching.model import LevelAmounts, Placement
from matching.solution import Budget


class Limit:
    """The effort left, shared by everything one call does. Time is elapsed time only, never the time of day."""

    def __init__(self, budget: Budget) -> None:
        leaves.prepare()
        self.nodes = 0
        self.restart(budget)

    def restart(self, budget: Budget) -> None:
        """The effort of another call, for what goes on from the one before."""
        self._ends = None if budget.milliseconds is None else time.perf_counter() + budget.milliseconds / 1000
        self._nodes_left = None if budget.nodes is None else self.nodes + budget.nodes

    @property
    def seconds_left(self) -> float | None:
        """None for no limit, otherwise possibly negative."""
        return None if self._ends is None else self._ends - time.perf_counter()

    @property
    def spent(self) -> bool:
        """Whether to stop now."""
        if self._nodes_left is not None and self.nodes >= self._nodes_left:
            return True
        return self._ends is not None and time.perf_counter() >= self._ends

    def affords(self, seconds: float, most: int) -> int:
        """How many steps of so many seconds each there is effort for, no more than `most`; one at least."""
        if self._nodes_left is not None:
            most = min(most, self._nodes_left - self.nodes)
        if self._ends is not None and seconds > 0:
            most = min(most, int((self._ends - time.perf_counter()) / seconds))
        return max(1, most)

    def share(self, part: float) -> "Limit":
        """A limit of its own for part of the time that is left."""
        shorter = copy(self)
        if self._ends is not None:
            now = time.perf_counter()
            shorter._ends = now + part * (self._ends - now)
        return shorter

    def count_node(self) -> None:
        """One more search node, flow or solver call."""
        self.nodes += 1


class TooHard(Exception):
    """Not settled within its nodes, its memory, its numbers or the time: to be searched in another way."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search knows when it stops.

    `placement`: the best found, None if none is known. `proven`: that is the optimum, or, with no placement, that none
    exists. `bound`: lower bounds of the first levels, each given that the levels before it hold the values found.
    """

    placement: Placement | None
    proven: bool
    bound: tuple[int, ...] = field(default=())


def better(one: LevelAmounts | None, other: LevelAmounts | None) -> bool:
    """Whether `one` is strictly better; anything beats nothing."""
    return one is not None and (other is None or one < other)
