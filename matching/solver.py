"""The exact solve: compile, find the optimum, check it, and say why."""

from collections.abc import Iterator, Mapping

from matching.check import placement_violations
from matching.counterfactual import Answer, alternatives_of, unplaced_report
from matching.engine import Memory, optimum
from matching.greedy import greedy
from matching.model import UNPLACED, Compiled, compiled
from matching.problem import LEVELS, Problem
from matching.search import Found, Limit
from matching.solution import TWO_SECONDS, Assignment, Budget, Solution, Unplaced
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


def reported(answer: Answer, alternatives: int, *, reasons: bool = True) -> Solution:
    """An answer with its alternatives and reasons, as far as its limit allows."""
    source, placement = answer.source, answer.placement
    placed = [request for request, unit in enumerate(placement) if unit != UNPLACED]
    listed = {source.requests[request].id: alternatives_of(answer, request, alternatives) for request in placed}
    left_out = [request for request, unit in enumerate(placement) if unit == UNPLACED]
    reports = tuple(
        unplaced_report(answer, request) if reasons else Unplaced(source.requests[request].id) for request in left_out
    )
    return Solution(
        levels=dict(zip(LEVELS, source.instance.amounts(placement), strict=True)),
        proven=answer.found.proven,
        bound=dict(zip(LEVELS, answer.found.bound, strict=False)),
        assignments=tuple(
            Assignment(source.requests[request].id, source.units[placement[request]].id) for request in placed
        ),
        alternatives=listed if alternatives > 0 else {},
        unplaced=reports,
        stats={"components": answer.parts, "nodes": answer.limit.nodes, "cut_short": len(answer.cut_short)},
    )


def answered(
    problem: Problem, limit: Limit, seed: int, memory: Memory | None = None, start: Mapping[str, str] | None = None
) -> Answer:
    """The optimum of a problem, or the best checked placement the limit allows, ready to be questioned.

    `start`: unit id per request id to begin with; among equally good answers it stays.
    """
    source = compiled(problem)
    begin = None
    if start is not None:
        homes = [start.get(request.id) for request in source.requests]
        begin = tuple(UNPLACED if home is None else source.unit_number.get(home, UNPLACED) for home in homes)
    if source.instance.most is None:
        found = optimum(source.instance, limit, seed, memory, begin)
    else:
        source, found = wide_optimum(source, limit, begin)
    return Answer(source, _checked(source, found), limit, seed)


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
