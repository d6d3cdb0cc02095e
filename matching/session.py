"""Solving again after every event, for the price of what the event touched.

A session keeps the problem, its pairs and the optima of its parts. After a change only what changed is judged again
(`kept`), only parts whose content changed are solved again, and the answer is the very one a fresh solve of the same
problem gives: content alone decides a part's optimum.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from matching.engine import Memory
from matching.kept import Compiler
from matching.problem import Problem, Request, Unit
from matching.repair import Since, Standing
from matching.search import Limit
from matching.solution import TWO_SECONDS, Budget, Solution
from matching.solver import answered, reported


class Session:
    """A problem that changes, and its current optimum.

    `keep_places`: after each solve a placed request gets its unit as `previous`, so that the next answer moves nobody
    without a reason above the level `change`.
    """

    def __init__(self, problem: Problem, seed: int = 0, *, keep_places: bool = True) -> None:
        self.seed = seed
        self.keep_places = keep_places
        self._since = Since()
        self._problem = problem
        self._requests: dict[str, Request] = {}
        self._units: dict[str, Unit] = {}
        self.follow(problem)
        self._memory = Memory()
        self._compiler = Compiler()
        self._standing: Standing | None = None
        self._told: tuple[Problem, tuple[int, bool], Solution] | None = None

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
        requests, units = tuple(requests), tuple(units)
        without_requests, without_units = tuple(without_requests), tuple(without_units)
        all_requests = _changed(self._requests, without_requests, requests)
        all_units = _changed(self._units, without_units, units)
        if rules:
            lists = {"requests": tuple(all_requests.values()), "units": tuple(all_units.values())}
            self.follow(replace(self._problem, **{**lists, **rules}))
            return
        self._problem = self._problem.amended(
            self._problem.requests if all_requests is self._requests else all_requests.values(),
            self._problem.units if all_units is self._units else all_units.values(),
            (*requests, *units),
        )
        self._requests, self._units = all_requests, all_units
        self._since.requests.update({name: all_requests.get(name) for name in _names(without_requests, requests)})
        self._since.units.update({name: all_units.get(name) for name in _names(without_units, units)})

    @property
    def problem(self) -> Problem:
        """As it is now."""
        return self._problem

    def follow(self, problem: Problem) -> None:
        """Go on with another problem: what it shares with the one so far is not worked out again."""
        self._problem = problem
        self._requests = {one.id: one for one in problem.requests}
        self._units = {one.id: one for one in problem.units}
        self._since.anything = True

    def solve(self, budget: Budget = TWO_SECONDS, alternatives: int = 0, *, reasons: bool = True) -> Solution:
        """The optimum of the problem as it is now, as from scratch. `reasons`: see `solve`.

        The same question again gets the same answer, unless that was cut short.
        """
        asked = alternatives, reasons
        if self._told is not None and self._told[1] == asked and self._told[0] == self._problem:
            return self._told[2]
        since, self._since = self._since, Since()
        if self._standing is not None and asked == (0, False) and self._standing.follow(self._problem, since):
            moved, solution = self._standing.moved, self._standing.solution()
        else:
            self._standing = None
            self._memory.next_round()
            answer = answered(self._problem, Limit(budget), self.seed, self._memory, compiler=self._compiler)
            solution = reported(answer, alternatives, reasons=reasons, memory=self._memory)
            moved = solution.unit_of
            whole = solution.proven and not answer.cut_short
            self._told = (self._problem, asked, solution) if whole else None
            if answer.wide is not None:
                self._standing = Standing(answer.wide, answer.placement)
        if self.keep_places:
            self._keep(moved)
        return solution

    def _keep(self, unit_of: Mapping[str, str]) -> None:
        """Where everybody is now is where they were, from now on."""
        moved = {
            name: self._requests[name].standing_in(unit)
            for name, unit in unit_of.items()
            if self._requests[name].previous != unit
        }
        if moved:
            self._requests.update(moved)
            self._problem = self._problem.amended(self._requests.values(), self._problem.units, ())
            self._since.requests.update(moved)
        if self._standing is not None and self._standing.fresh:  # nobody need wait for this at the next event
            if not self._standing.follow(self._problem, self._since):
                self._standing = None
            self._since = Since()


_Listed = TypeVar("_Listed", Request, Unit)


def _changed(known: dict[str, _Listed], without: Sequence[str], others: Sequence[_Listed]) -> dict[str, _Listed]:
    """Without some and with others; the same if there are none."""
    if not without and not others:
        return known
    changed = dict(known)
    for gone in without:
        changed.pop(gone, None)
    changed.update((one.id, one) for one in others)
    return changed


def _names(without: Sequence[str], others: Sequence[Request] | Sequence[Unit]) -> list[str]:
    return [*without, *(one.id for one in others)]
