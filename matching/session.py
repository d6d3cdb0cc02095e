"""Solving again after every event, for the price of what the event touched.

A session keeps the problem and the optima of its parts. After a change only parts whose content changed are solved
again, and the answer is the very one a fresh solve of the same problem gives: content alone decides a part's optimum.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from matching.engine import Memory
from matching.problem import Problem, Request, Unit
from matching.search import Limit
from matching.solution import TWO_SECONDS, Budget, Solution
from matching.solver import answered, reported


class Session:
    """A problem that changes, and its current optimum.

    `keep_places`: after each solve a placed request gets its unit as `previous`, so that the next answer moves nobody
    without a reason above the level `change`.
    """

    def __init__(self, problem: Problem, seed: int = 0, *, keep_places: bool = True) -> None:
        self.problem = problem
        self.seed = seed
        self.keep_places = keep_places
        self._memory = Memory()

    def change(
        self,
        *,
        requests: Iterable[Request] = (),
        units: Iterable[Unit] = (),
        without_requests: Iterable[str] = (),
        without_units: Iterable[str] = (),
        rules: Mapping[str, Any] | None = None,
    ) -> None:
        """Add or replace requests and units, take some away by id, set other fields of the problem (`rules`).

        Raises `MalformedProblem`, changing nothing, if the result makes no sense. Taking away what is absent is fine.
        """
        all_requests = {request.id: request for request in self.problem.requests}
        all_units = {unit.id: unit for unit in self.problem.units}
        for gone in without_requests:
            all_requests.pop(gone, None)
        for gone in without_units:
            all_units.pop(gone, None)
        all_requests.update((request.id, request) for request in requests)
        all_units.update((unit.id, unit) for unit in units)
        self.problem = replace(
            self.problem, requests=tuple(all_requests.values()), units=tuple(all_units.values()), **(rules or {})
        )

    def solve(self, budget: Budget = TWO_SECONDS, alternatives: int = 0) -> Solution:
        """The optimum of the problem as it is now, as from scratch."""
        self._memory.next_round()
        answer = answered(self.problem, Limit(budget), self.seed, self._memory)
        solution = reported(answer, alternatives)
        if self.keep_places:
            unit_of = solution.unit_of
            kept = (replace(one, previous=unit_of.get(one.id, one.previous)) for one in self.problem.requests)
            self.problem = replace(self.problem, requests=tuple(kept))
        return solution
