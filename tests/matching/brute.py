"""The truth by trying everything, from the checker's reading of the rules only. For very small problems."""

from collections.abc import Iterator, Mapping
from itertools import product

from matching import LEVELS, Problem
from matching.check import _care_per_person, _fit_per_person, broken

Amounts = tuple[int, ...]
Placing = dict[str, str]


def every_placing(problem: Problem, extra: tuple[str, str] | None = None) -> Iterator[tuple[Amounts, Placing]]:
    """All placings that keep every hard rule, with their levels. `extra`: a pair let in whatever its rules say."""
    requests = sorted(problem.requests, key=lambda one: one.id)
    units = {unit.id: unit for unit in problem.units}
    choices: list[list[str | None]] = [
        [None, *(u for u in sorted(units) if (one.id, u) == extra or not broken(problem, one, units[u]))]
        for one in requests
    ]
    cost = {
        (one.id, unit): _share(problem, one.id, unit)
        for one, may in zip(requests, choices, strict=True)
        for unit in may
    }
    for chosen in product(*choices):
        placing = {one.id: unit for one, unit in zip(requests, chosen, strict=True) if unit is not None}
        if keeps_rules(problem, placing):
            shares = [cost[one.id, unit] for one, unit in zip(requests, chosen, strict=True)]
            yield tuple(map(sum, zip(*shares, strict=True))) if shares else (0,) * 8, placing


def _share(problem: Problem, request_id: str, unit_id: str | None) -> Amounts:
    request = problem.request(request_id)
    persons = len(request.persons)
    if unit_id is None:
        return (
            *(persons * (request.urgency == level) for level in LEVELS[:4]),
            persons * request.waiting_hours,
            0,
            0,
            0,
        )
    unit = problem.unit(unit_id)
    moved = request.previous is not None and request.previous != unit_id
    care = persons * _care_per_person(problem, request, unit)
    return (0, 0, 0, 0, 0, care, int(moved), persons * _fit_per_person(problem, request, unit))


def keeps_rules(problem: Problem, placing: Mapping[str, str]) -> bool:
    """The rules between requests."""
    units = {unit.id: unit for unit in problem.units}
    requests = {request.id: request for request in problem.requests}
    for unit in units.values():
        inside = [requests[one] for one, at in placing.items() if at == unit.id]
        if sum(len(one.persons) for one in inside) > unit.places or (unit.private and len(inside) > 1):
            return False
    for one, at in placing.items():
        for other in requests[one].apart:
            if other in placing and other != one and units[placing[other]].location == units[at].location:
                return False
    groups: dict[str, set[str | None]] = {}
    for one in problem.requests:
        if one.together is not None:
            home = units[placing[one.id]].location if one.id in placing else None
            groups.setdefault(one.together, set()).add(home)
    return all(len(homes) == 1 for homes in groups.values())


def optimum(problem: Problem) -> Amounts:
    """The best levels there are."""
    return min(amounts for amounts, _ in every_placing(problem))
