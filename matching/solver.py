"""The exact solve: compile, find the optimum, check it, and say why."""

from collections.abc import Iterator, Mapping

import numpy as np

from matching.check import placement_violations
from matching.counterfactual import Answer, alternatives_of, unplaced_report
from matching.engine import Memory, optimum
from matching.greedy import greedy
from matching.kept import Compiler
from matching.model import UNPLACED, Compiled, Part, compiled
from matching.problem import LEVELS, Problem
from matching.search import Found, Limit
from matching.solution import TWO_SECONDS, Alternative, Assignment, Budget, Levels, Solution, Unplaced
from matching.wide import wide_optimum


def solve(
    problem: Problem, budget: Budget = TWO_SECONDS, seed: int = 0, alternatives: int = 3, *, reasons: bool = True
) -> Solution:
    """The best answer to `problem` found within `budget`, with up to `alternatives` other units per placed request.

    `reasons`: why the others have no unit. Of a continent that is millions of lines; `explain` gives those of one.

    Never raises for lack of time: the best checked answer so far is returned with `proven` false and the bounds known.
    The answer depends on the content of the problem only, not on the order of its lists.
    """
    return reported(answered(problem, Limit(budget), seed), alternatives, reasons=reasons)


def reported(answer: Answer, alternatives: int, *, reasons: bool = True, memory: Memory | None = None) -> Solution:
    """An answer with its alternatives and reasons, as far as its limit allows."""
    source, placement = answer.source, answer.placement
    placed = [request for request, unit in enumerate(placement) if unit != UNPLACED]
    # Whoever has no bed comes first: the time may not do for all.
    left_out = [request for request, unit in enumerate(placement) if unit == UNPLACED]
    reports = tuple(_report(answer, request, reasons=reasons) for request in left_out)
    listed = {}
    if alternatives > 0:
        known = _Known(answer, alternatives, memory)
        listed = {source.requests[request].id: known.alternatives(request) for request in placed}
    return Solution(
        levels=dict(zip(LEVELS, source.instance.amounts(placement), strict=True)),
        proven=answer.found.proven,
        bound=dict(zip(LEVELS, answer.found.bound, strict=False)),
        assignments=tuple(
            Assignment(source.requests[request].id, source.units[placement[request]].id) for request in placed
        ),
        alternatives=listed,
        unplaced=reports,
        stats={"components": answer.parts, "nodes": answer.limit.nodes, "cut_short": len(answer.cut_short)},
    )


def _report(answer: Answer, request: int, *, reasons: bool) -> Unplaced:
    """Why somebody has no unit. Of a continent that is thousands of units each: only as long as there is time."""
    if reasons and answer.source.instance.most is not None and answer.limit.spent:
        answer.cut_short.add(request)
        reasons = False
    return unplaced_report(answer, request) if reasons else Unplaced(answer.source.requests[request].id)


class _Known:
    """Alternatives as far as a memory knows them: those of one request follow from the content of its part."""

    def __init__(self, answer: Answer, count: int, memory: Memory | None) -> None:
        self._answer, self._count, self._memory = answer, count, memory
        self._part_of: dict[int, tuple[Part, object]] = {}
        if memory is None or not answer.found.proven or answer.source.instance.most is not None:
            return
        for requests, units in answer.source.parts:
            at_home = tuple(answer.placement[request] for request in requests)
            homes = np.searchsorted(units, [unit for unit in at_home if unit != UNPLACED]).tolist()
            out = tuple(unit == UNPLACED for unit in at_home)
            key = answer.source.pruned.part(requests, units).fingerprint(), tuple(homes), out, count
            self._part_of.update((int(request), ((requests, units), key)) for request in requests)

    def alternatives(self, request: int) -> tuple[Alternative, ...]:
        """See `alternatives_of`."""
        if self._memory is None or request not in self._part_of:
            return alternatives_of(self._answer, request, self._count)
        (requests, units), part = self._part_of[request]
        source = self._answer.source
        key = int(np.searchsorted(requests, request)), part
        known: list[tuple[int, Levels]] | None = self._memory.recall(key)
        if known is not None:
            return tuple(Alternative(source.units[units[at]].id, dict(delta)) for at, delta in known)
        found = alternatives_of(self._answer, request, self._count)
        if request not in self._answer.cut_short:
            numbers = (source.unit_number[one.unit] for one in found)
            at = [int(np.searchsorted(units, number)) for number in numbers]
            self._memory.keep(key, list(zip(at, (one.levels_delta for one in found), strict=True)))
        return found


def answered(
    problem: Problem,
    limit: Limit,
    seed: int,
    memory: Memory | None = None,
    start: Mapping[str, str] | None = None,
    compiler: Compiler | None = None,
) -> Answer:
    """The optimum of a problem, or the best checked placement the limit allows, ready to be questioned.

    `start`: unit id per request id to begin with; among equally good answers it stays. `compiler`: one that has seen
    such a problem before.
    """
    source = compiled(problem) if compiler is None else compiler.compiled(problem)
    begin = None
    if start is not None:
        homes = [start.get(request.id) for request in source.requests]
        begin = tuple(UNPLACED if home is None else source.unit_number.get(home, UNPLACED) for home in homes)
    wide = None
    if source.instance.most is None:
        found = optimum(source.pruned, limit, seed, memory, begin, source.parts)
    else:
        wide = wide_optimum(source, limit, begin)
        source, found = wide.source, wide.found
    checked = _checked(source, found)
    return Answer(source, checked, limit, seed, wide if checked is found else None, memory)


def _checked(source: Compiled, found: Found) -> Found:
    """`found` if the independent checker has nothing to object to; else the greedy answer, else nobody placed.

    An objection means a defect in the engine. People are waiting, so a lesser answer that is right beats none, and
    `proven` says that something is missing.
    """
    for candidate in _candidates(source, found):
        if candidate.placement is None:
            continue
        if not placement_violations(source.problem, source.unit_of(candidate.placement)):
            return candidate
    raise AssertionError("placing nobody breaks a rule")


def _candidates(source: Compiled, found: Found) -> Iterator[Found]:
    yield found
    yield Found(greedy(source.instance), False)
    yield Found((UNPLACED,) * source.instance.requests, False)
