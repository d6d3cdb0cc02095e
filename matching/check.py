"""Judges a solution by the words of the rules; shares no code with eligibility, scoring or the engines.

Plain on purpose: one request and one unit at a time, read straight from the problem. Optimality and alternatives are
not judged.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass

from matching.problem import Problem, Request, Unit
from matching.solution import Solution, Unplaced


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: its code, the objects concerned, and a sentence for the log."""

    rule: str
    request: str | None
    unit: str | None
    text: str


def violations(problem: Problem, solution: Solution) -> list[Violation]:
    """Every hard rule, stated level or list of `solution` that is wrong; empty if there is nothing to object to."""
    found = list(_list_violations(problem, solution))
    unit_of = {one.request: one.unit for one in solution.assignments}
    found += placement_violations(problem, unit_of)
    if not any(one.rule in {"unknown_request", "unknown_unit"} for one in found):
        found += _level_violations(problem, solution, unit_of)
        found += _reason_violations(problem, solution)
    return found


def placement_violations(problem: Problem, unit_of: Mapping[str, str]) -> list[Violation]:
    """The hard rules only, for request id → unit id; requests not named are unplaced."""
    return Judge(problem).violations(unit_of)


class Judge:
    """Judges placements of one problem by the hard rules, one after the other."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._requests = {request.id: request for request in problem.requests}
        self._units = {unit.id: unit for unit in problem.units}
        self._groups: dict[str, list[str]] = {}
        for request in problem.requests:
            if request.together is not None:
                self._groups.setdefault(request.together, []).append(request.id)

    def violations(
        self, unit_of: Mapping[str, str], stood: Mapping[str, str] | None = None, instead: Unit | None = None
    ) -> list[Violation]:
        """What is wrong with request id → unit id; requests not named are unplaced.

        `instead`: another unit in the place of that with its id. `stood`: who was in which unit when a placement was
        judged before, neither of them another since: no pair rule says otherwise now.
        """
        units = self._units if instead is None else {**self._units, instead.id: instead}
        found = []
        placed: list[tuple[Request, Unit]] = []
        for request_id, unit_id in unit_of.items():
            if request_id not in self._requests:
                found.append(Violation("unknown_request", request_id, None, "no such request"))
            elif unit_id not in units:
                found.append(Violation("unknown_unit", request_id, unit_id, "no such unit"))
            else:
                placed.append((self._requests[request_id], units[unit_id]))
        for request, unit in placed:
            if stood is not None and stood.get(request.id) == unit.id:
                continue
            codes = broken(self.problem, request, unit)
            found += [Violation(code, request.id, unit.id, "breaks a pair rule") for code in codes]
        found += _capacity_violations(placed)
        found += _apart_violations(placed)
        found += _together_violations(self._groups, placed)
        return found


def broken(problem: Problem, request: Request, unit: Unit) -> list[str]:
    """The codes of the pair rules that forbid this request in this unit, sorted."""
    return sorted({code for _, rules in _ASPECTS for code in rules(problem, request, unit)})


def _broken_for_access(problem: Problem, request: Request, unit: Unit) -> Iterator[str]:
    if unit.closed is not None:
        yield "closed:" + unit.closed
    if unit.pool not in request.pools:
        yield "pool"
    if len(request.persons) > unit.places:
        yield "size"


def _broken_for_stance(problem: Problem, request: Request, unit: Unit) -> Iterator[str]:
    for criterion, fact in request.facts.items():
        if fact == "yes" and unit.stance.get(criterion) == "excludes":
            yield "excludes:" + criterion


def _broken_for_offers(problem: Problem, request: Request, unit: Unit) -> Iterator[str]:
    for need in request.needs:
        if need not in unit.offers:
            yield "lacks:" + need


def _broken_for_dates(problem: Problem, request: Request, unit: Unit) -> Iterator[str]:
    first_day = request.from_day if request.from_day > unit.available_from else unit.available_from
    too_late = unit.available_from > request.latest_day
    too_short = unit.available_until is not None and unit.available_until < first_day + request.days
    if too_late or too_short:
        yield "dates"


def _broken_for_persons(problem: Problem, request: Request, unit: Unit) -> Iterator[str]:
    guardians = [person for person in request.persons if person.age >= 18 or person.parent]
    for person in request.persons:
        is_child_of_party = person.age < 18 and not person.parent and len(guardians) > 0
        young_son = is_child_of_party and person.sex == "m" and person.age < unit.sons_until
        if person.sex not in unit.sexes and not young_son:
            yield "sex"
        if is_child_of_party and not unit.children:
            yield "children"
        if not is_child_of_party and (person.age < unit.age_min or person.age > unit.age_max):
            yield "age"


def _broken_for_location(problem: Problem, request: Request, unit: Unit) -> Iterator[str]:
    if unit.region in request.unsafe_regions:
        yield "unsafe_region"
    if unit.location in request.barred:
        yield "barred:" + request.barred[unit.location]
    if request.only_locations is not None and unit.location not in request.only_locations:
        yield "only_location"
    for occupant in problem.occupants.get(unit.location, ()):
        if occupant in request.apart:
            yield "apart"


# What of a unit some rules look at, and those rules: units alike in it are judged alike.
_ASPECTS: tuple[tuple[Callable[[Unit], Hashable], Callable[[Problem, Request, Unit], Iterator[str]]], ...] = (
    (lambda unit: (unit.closed, unit.pool, unit.places), _broken_for_access),
    (
        lambda unit: (tuple(unit.sexes), unit.sons_until, unit.children, unit.age_min, unit.age_max),
        _broken_for_persons,
    ),
    (lambda unit: tuple(sorted(unit.stance.items())), _broken_for_stance),
    (lambda unit: tuple(unit.offers), _broken_for_offers),
    (lambda unit: (unit.location, unit.region), _broken_for_location),
    (lambda unit: (unit.available_from, unit.available_until), _broken_for_dates),
)


class _Everywhere:
    """The codes of one request after another at every unit, each rule asked once of all units alike."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._alike: list[list[int]] = []
        self._first: list[list[Unit]] = []
        for key, _ in _ASPECTS:
            number: dict[Hashable, int] = {}
            first: list[Unit] = []
            alike = []
            for unit in problem.units:
                known = number.setdefault(key(unit), len(first))
                if known == len(first):
                    first.append(unit)
                alike.append(known)
            self._alike.append(alike)
            self._first.append(first)

    def codes(self, request: Request) -> dict[str, list[str]]:
        """Per unit id: the codes that forbid this request there, sorted."""
        found = []
        for (_, rules), alike, first in zip(_ASPECTS, self._alike, self._first, strict=True):
            codes = [frozenset(rules(self.problem, request, unit)) for unit in first]
            found.append([codes[number] for number in alike])
        merged: dict[tuple[frozenset[str], ...], list[str]] = {}
        listed = {}
        for unit, *sets in zip(self.problem.units, *found, strict=True):
            together = tuple(sets)
            if together not in merged:
                merged[together] = sorted(frozenset().union(*sets))
            listed[unit.id] = merged[together]
        return listed


def _capacity_violations(placed: list[tuple[Request, Unit]]) -> Iterator[Violation]:
    units = {unit.id: unit for _, unit in placed}
    persons, parties = dict.fromkeys(units, 0), dict.fromkeys(units, 0)
    for request, unit in placed:
        persons[unit.id] += len(request.persons)
        parties[unit.id] += 1
    for unit in units.values():
        if persons[unit.id] > unit.places:
            yield Violation("capacity", None, unit.id, f"{persons[unit.id]} persons in {unit.places} places")
        if unit.private and parties[unit.id] > 1:
            yield Violation("private", None, unit.id, f"{parties[unit.id]} parties in a private unit")


def _apart_violations(placed: list[tuple[Request, Unit]]) -> Iterator[Violation]:
    home = {request.id: unit.location for request, unit in placed}
    for request, unit in placed:
        for other in request.apart:
            if other != request.id and home.get(other) == unit.location:
                yield Violation("apart", request.id, unit.id, f"shares a location with {other!r}")


def _together_violations(groups: Mapping[str, list[str]], placed: list[tuple[Request, Unit]]) -> Iterator[Violation]:
    home = {request.id: unit.location for request, unit in placed}
    for name, members in groups.items():
        homes = {home.get(member) for member in members}
        if len(homes) > 1:
            yield Violation(
                "together", min(members), None, f"group {name!r} is not all at one location or all unplaced"
            )


def _list_violations(problem: Problem, solution: Solution) -> Iterator[Violation]:
    assigned = [one.request for one in solution.assignments]
    unplaced = [one.request for one in solution.unplaced]
    known = {request.id for request in problem.requests}
    times = dict.fromkeys(known, 0)
    for request in [*assigned, *unplaced]:
        if request in known:
            times[request] += 1
        elif request in unplaced:
            yield Violation("unknown_request", request, None, "no such request")
    for request, count in times.items():
        if count != 1:
            yield Violation("once", request, None, f"listed {count} times instead of once")
    for name, listed in (("assignments", assigned), ("unplaced", unplaced)):
        if listed != sorted(listed):
            yield Violation("order", None, None, f"{name} are not sorted by id")
    for one in solution.unplaced:
        by_code = [reason.code for reason in one.reasons]
        near = [nearest.unit for nearest in one.nearest]
        lifts = [lift.unit for lift in one.would_place]
        within = [*(reason.by or () for reason in one.reasons), *(near.blocked_by for near in one.nearest)]
        within += [lift.lift for lift in one.would_place]
        if any(list(names) != sorted(names) for names in (by_code, near, lifts, *within)):
            yield Violation("order", one.request, None, "a list of reasons or units is not sorted")


def _level_violations(problem: Problem, solution: Solution, unit_of: Mapping[str, str]) -> Iterator[Violation]:
    units = {unit.id: unit for unit in problem.units}
    totals = dict.fromkeys(("now", "today", "soon", "planned", "waiting", "care", "change", "fit"), 0)
    for request in problem.requests:
        persons = len(request.persons)
        if request.id not in unit_of:
            totals[request.urgency] += persons
            totals["waiting"] += persons * request.waiting_hours
            continue
        unit = units[unit_of[request.id]]
        totals["care"] += persons * _care_per_person(problem, request, unit)
        if request.previous is not None and request.previous != unit.id:
            totals["change"] += 1
        totals["fit"] += persons * _fit_per_person(problem, request, unit)
    for level, total in totals.items():
        stated = solution.levels.get(level)
        if stated != total:
            yield Violation("level", None, None, f"{level} is {total}, not {stated}")


def _care_per_person(problem: Problem, request: Request, unit: Unit) -> int:
    risk = {"fresh": 0, "aging": 1, "stale": 4, "unknown": 4}[unit.freshness]
    for criterion in problem.criteria:
        fact = request.facts.get(criterion, "unknown")
        stance = unit.stance.get(criterion, "consult")
        if stance == "consult" and fact == "yes":
            risk += 2
        if stance == "consult" and fact == "unknown":
            risk += 1
        if stance == "excludes" and fact == "unknown":
            risk += 2
    over = unit.scarcity - request.claim
    return problem.weights.risk * risk + problem.weights.scarcity * (over if over > 0 else 0)


def _fit_per_person(problem: Problem, request: Request, unit: Unit) -> int:
    lacking = len([wish for wish in request.wishes if wish not in unit.offers])
    zones = problem.zones.get(request.region, {})
    at_home = unit.region == request.region
    zone = zones.get(unit.region, 0 if at_home else 9)
    wait = unit.available_from - request.from_day
    return 10 * lacking + 3 * zone + 5 * (wait if wait > 0 else 0)


def _reason_violations(problem: Problem, solution: Solution) -> Iterator[Violation]:
    """Stated counts and nearest units must be true. A report without reasons states nothing wrong."""
    requests = {request.id: request for request in problem.requests}
    stated = [report for report in solution.unplaced if report.reasons or report.nearest]
    everywhere = _Everywhere(problem) if stated else None
    for report in stated:
        assert everywhere is not None
        yield from _report_violations(problem, report, everywhere.codes(requests[report.request]))


def _report_violations(problem: Problem, report: Unplaced, codes_at: Mapping[str, list[str]]) -> Iterator[Violation]:
    counted: dict[str, tuple[int, int]] = {}
    for unit in problem.units:
        for code in codes_at[unit.id]:
            units, places = counted.get(code, (0, 0))
            counted[code] = (units + 1, places + unit.places)
    stated = {reason.code: (reason.units, reason.places) for reason in report.reasons}
    with_others = [reason for reason in report.reasons if reason.code in {"with_others", "capacity"}]
    if report.reasons:
        for code in sorted(set(counted) | (set(stated) - {"with_others", "capacity"})):
            if stated.get(code) != counted.get(code):
                text = f"{code} counts {counted.get(code)}, not {stated.get(code)}"
                yield Violation("reason", report.request, None, text)
        if len(with_others) != (1 if any(not codes for codes in codes_at.values()) else 0):
            yield Violation("reason", report.request, None, "why it failed where the pair rules let it in")
    for near in report.nearest:
        if near.unit not in codes_at:
            yield Violation("unknown_unit", report.request, near.unit, "no such unit")
        elif list(near.blocked_by) != codes_at[near.unit]:
            yield Violation("nearest", report.request, near.unit, f"is barred by {codes_at[near.unit]}")
    if report.nearest and all(near.unit in codes_at for near in report.nearest):
        fewest = sorted(len(codes) for codes in codes_at.values())[: len(report.nearest)]
        if sorted(len(codes_at[near.unit]) for near in report.nearest) != fewest or len(report.nearest) > 3:
            yield Violation("nearest", report.request, None, "not the units with the fewest codes, at most three")
